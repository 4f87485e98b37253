"""Which slot is in which blob: drawn verdicts of a few rectangles."""

import copy

import numpy as np
import pytest

from tracker.slots.association import Observation, apply, associate
from tracker.slots.blobs import find_blobs
from tracker.slots.e_step import Responsibilities
from tracker.slots.patches import Patches, windows_of
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometry, Slot, SlotIdentity
from tracker.timing import REFERENCE_S

SETTINGS = LifeSettings()
PART_FRAMES = round(SETTINGS.part_s / REFERENCE_S)  # of 25 a second
SHAPE = (100, 160)


def verdict_of(*rectangles):
    verdict = np.zeros(SHAPE, np.uint8)
    for x0, y0, x1, y1 in rectangles:
        verdict[y0:y1, x0:x1] = 255
    return verdict


def slot(x0, y0, x1, y1, *, number=1, isolated_s=1.2, complete=True, hidden_s=0.0):
    """A slot that fits a rectangle, and its pose."""
    w, h = x1 - x0, y1 - y0
    geometry = Geometry((w, h), (w, h), complete=complete, isolated_s=isolated_s)
    one = Slot((0.0, 0.0), float(w * h), geometry, identity=SlotIdentity(number), hidden_s=hidden_s)
    return one, np.array([(x0 + x1) / 2, (y0 + y1) / 2, w, h], np.float32)


def associated(verdict, slots, owns, visited=True, causal=True):
    """Associate, and apply it.

    owns     rectangle that the E-step gives each slot
    visited  whether objects were seen everywhere before
    """
    poses = np.array([pose for _, pose in slots], np.float32).reshape(-1, 4)
    labels, background = np.zeros(SHAPE, np.int32), np.ones(SHAPE, np.float32)
    patches, gamma = Patches(windows_of(poses, SHAPE)), []
    for k, (x0, y0, x1, y1) in enumerate(owns):
        labels[y0:y1, x0:x1] = k + 1
        background[y0:y1, x0:x1] = 0
        mine = np.zeros(SHAPE, np.float32)
        mine[y0:y1, x0:x1] = 1
        gamma.append(mine[patches.windows[k]])
    responsibilities = Responsibilities(
        patches, patches.join(gamma), background, labels, np.ones(len(slots), np.float32)
    )
    image = np.full((*SHAPE, 3), 120, np.uint8)
    blobs = find_blobs(verdict, SETTINGS)
    seen = Observation(image, blobs, labels, np.full(SHAPE, visited), REFERENCE_S, causal)
    records, before = [one for one, _ in slots], copy.deepcopy((labels, slots))
    found = associate(seen, records, poses, SETTINGS)
    assert_unchanged(before, (labels, slots))
    apply(found, blobs, responsibilities, records, SETTINGS)
    return found, responsibilities


def assert_unchanged(before, after):
    """Association is pure: what it was given is as it was."""
    assert np.array_equal(before[0], after[0])
    assert [repr(one) for one, _ in before[1]] == [repr(one) for one, _ in after[1]]


def test_what_nobody_stands_in_is_born():
    found, _ = associated(verdict_of((20, 20, 32, 50)), [], [])
    assert [birth.box for birth in found.births] == [(20, 20, 32, 50)]
    assert found.births[0].area_px == pytest.approx(12 * 30, abs=4)  # the median filter takes the corners
    assert found.births[0].colour == pytest.approx([120 / 255] * 3)


def test_specks_are_not_born():
    found, _ = associated(verdict_of((20, 20, 22, 22)), [], [])
    assert found.births == ()


def test_an_isolated_slot_claims_the_legs_that_hang_on_its_trunk():
    found, responsibilities = associated(verdict_of((20, 20, 32, 50)), [slot(20, 20, 32, 50)], [(20, 20, 32, 35)])
    assert found.births == ()
    assert found.isolated == {0: (20, 20, 32, 50)}
    assert (responsibilities.labels[40:48, 22:30] == 1).all()


def test_two_in_one_blob_are_merged():
    slots = [slot(20, 20, 32, 50), slot(32, 20, 44, 50, number=2)]
    found, _ = associated(verdict_of((20, 20, 44, 50)), slots, [(20, 20, 32, 50), (32, 20, 44, 50)])
    assert (found.isolated, found.births) == ({}, ())
    assert set(found.merged) == {0, 1}


def test_a_piece_that_was_never_seen_apart_is_a_fragment_of_the_slot_that_explains_the_blob():
    """A whole car, and a slot that was born on its wheel."""
    car, wheel = (20, 40, 80, 70), (24, 60, 36, 70)
    found, _ = associated(verdict_of(car), [slot(*car), slot(*wheel, isolated_s=0.08)], [(20, 40, 80, 58), wheel])
    assert found.fragments == {1}
    assert list(found.isolated) == [0]


def test_of_pieces_that_were_all_never_seen_apart_one_goes_on_and_has_the_blob_for_itself():
    pieces = [(20, 40, 40, 70), (42, 40, 60, 70), (62, 42, 80, 70)]
    slots = [slot(*piece, isolated_s=alone_s) for piece, alone_s in zip(pieces, (0.04, 0.16, 0.0), strict=True)]
    found, _ = associated(verdict_of((20, 40, 80, 70)), slots, pieces)
    assert found.fragments == {0, 2}
    assert found.isolated[1] == (20, 40, 80, 70)
    assert found.births == ()


def test_pieces_that_the_object_has_outgrown_are_one_object_even_if_they_were_seen_apart():
    """A van that came out from behind a post in two slices: the blob is many times both."""
    van, slices = (20, 30, 100, 80), [(20, 30, 30, 50), (90, 30, 100, 50)]
    found, _ = associated(verdict_of(van), [slot(*piece) for piece in slices], slices)
    assert len(found.fragments) == 1


def test_two_who_were_seen_apart_keep_their_slots_and_a_third_unknown_one_is_no_piece_of_them():
    """The blob is larger than both explain: the newcomer may well be somebody."""
    one, two, new = (20, 40, 30, 70), (30, 40, 40, 70), (40, 35, 70, 75)
    found, _ = associated(
        verdict_of(one, two, new), [slot(*one), slot(*two), slot(*new, isolated_s=0.0)], [one, two, new]
    )
    assert found.fragments == set()
    assert set(found.merged) == {0, 1, 2}


@pytest.mark.parametrize(("known", "owner"), [(False, 1), (True, 0)], ids=["still coming in", "seen whole"])
def test_who_comes_in_over_the_border_is_what_the_others_in_its_blob_are_not(known, owner):
    """A car of which a quarter was seen, and a dog before it: the rest of the car is the car, not somebody new."""
    car, dog = slot(0, 20, 20, 60, complete=known), slot(60, 50, 76, 60, number=2)
    found, responsibilities = associated(verdict_of((0, 20, 80, 60)), [car, dog], [(0, 20, 20, 60), (60, 50, 76, 60)])
    assert responsibilities.labels[30, 50] == owner
    assert (found.isolated.get(0) is None) == known
    if not known:
        assert found.isolated[0].x1 == pytest.approx(80, abs=2)
        assert set(found.merged) == {1}
        assert found.births == ()


def test_who_comes_in_is_not_what_nobody_explains_at_the_far_side_of_another():
    """A lorry of which the E-step does not know the front; behind it somebody comes in at the right."""
    lorry, comes = (40, 20, 130, 60), (130, 40, 160, 60)
    slots = [slot(*lorry), slot(140, 40, 160, 60, number=2, complete=False)]
    found, _ = associated(verdict_of(lorry, comes), slots, [(60, 20, 130, 60), (140, 40, 160, 60)], causal=False)
    x0, _, x1, _ = found.isolated[1]
    assert (x0, x1) == (130, 160)
    assert found.isolated[0].x0 == lorry[0]  # and the lorry is measured, front and all


LORRY, BEFORE_IT = (20, 20, 140, 80), (60, 64, 84, 80)


@pytest.mark.parametrize(
    ("lorry", "dog", "causal", "passes"),
    [
        (LORRY, {}, False, True),
        (LORRY, {}, True, False),
        ((20, 20, 160, 80), {}, False, False),  # not as large as it is known to be
        (LORRY, {"complete": False}, False, None),  # of the dog only a part was seen
    ],
    ids=["passes", "causal", "misfit", "comes in"],
)
def test_one_that_is_far_larger_is_measured_while_a_small_one_passes_it(lorry, dog, causal, passes):
    slots = [slot(*lorry), slot(*BEFORE_IT, number=2, **dog)]
    found, _ = associated(verdict_of(LORRY), slots, [LORRY, BEFORE_IT], causal=causal)
    if passes is None:
        assert (found.isolated[0], set(found.isolated), set(found.passing)) == (LORRY, {0, 1}, set())
        return
    assert found.passing == ({1} if passes else set())
    assert found.isolated == ({0: LORRY} if passes else {})
    assert set(found.merged) == ({1} if passes else {0, 1})


def test_of_two_in_one_blob_that_are_alike_none_passes():
    one, two = (20, 20, 60, 80), (60, 20, 100, 80)
    found, _ = associated(verdict_of(one, two), [slot(*one), slot(*two, number=2)], [one, two], causal=False)
    assert (found.isolated, found.passing) == ({}, frozenset())


def test_what_nobody_explains_behind_a_large_one_is_no_part_of_its_box():
    """Beside the lorry the trace of the dog that has come in; the E-step gives it to nobody."""
    slots = [slot(*LORRY), slot(*BEFORE_IT, number=2)]
    found, _ = associated(verdict_of(LORRY, (140, 60, 160, 80)), slots, [LORRY, BEFORE_IT], causal=False)
    assert found.isolated == {0: LORRY}


@pytest.mark.parametrize(
    ("shows", "piece", "born"),
    [
        ((10, 20, 136, 80), (146, 60, 160, 76), True),
        ((10, 20, 100, 80), (146, 60, 160, 76), False),  # a part of it may be behind a post
        ((10, 20, 136, 80), (142, 60, 156, 76), False),  # does not come in
    ],
)
def test_who_comes_in_over_the_border_beside_one_that_is_whole_is_no_piece_of_it(shows, piece, born):
    alone, _ = associated(verdict_of(shows, piece), [slot(10, 20, 136, 80)], [shows])
    found, _ = associated(verdict_of(shows, piece), [slot(10, 20, 136, 80)], [shows], causal=False)
    assert alone.births == ()
    assert [birth.box for birth in found.births] == [piece] * born
    if born:
        assert found.isolated == {0: shows}
        assert found.births[0].found_s == SETTINGS.found_s


def test_a_blob_as_large_as_its_owner_has_no_room_for_a_double():
    slots = [slot(20, 20, 32, 50), slot(21, 20, 33, 50, number=None)]
    found, _ = associated(verdict_of((20, 20, 32, 50)), slots, [(20, 20, 32, 50), (20, 20, 20, 20)])
    assert set(found.occluded) == {1}
    assert found.isolated == {0: (20, 20, 32, 50)}


def test_legs_under_a_sign_belong_to_the_coat_over_it():
    found, _ = associated(verdict_of((20, 15, 32, 41), (20, 52, 32, 60)), [slot(20, 15, 32, 60)], [(20, 15, 32, 41)])
    assert found.births == ()
    assert found.isolated == {0: (20, 15, 32, 60)}


def test_a_head_that_shows_over_a_slot_is_no_new_object_and_no_part_of_its_box():
    found, _ = associated(verdict_of((20, 15, 32, 23), (20, 34, 32, 60)), [slot(20, 15, 32, 60)], [(20, 34, 32, 60)])
    assert found.births == ()
    assert found.isolated == {0: (20, 34, 32, 60)}


def test_two_who_walked_as_one_are_two_once_they_have_stood_apart_for_some_frames():
    one, pose = slot(20, 20, 48, 50, isolated_s=0.12)
    verdict = verdict_of((20, 20, 32, 50), (36, 20, 46, 50))
    for _ in range(PART_FRAMES - 1):
        found, _ = associated(verdict, [(one, pose)], [(20, 20, 32, 50)])
        assert found.births == ()
    found, _ = associated(verdict, [(one, pose)], [(20, 20, 32, 50)])
    assert [birth.box for birth in found.births] == [(36, 20, 46, 50)]


def test_a_post_nobody_was_ever_seen_before_cuts_one_object_in_two_and_open_ground_parts_two():
    pieces = (20, 40, 50, 70), (58, 40, 84, 70)
    for visited, parts in ((False, 0), (True, 1)):
        one, pose = slot(20, 40, 84, 70)  # wide: a car, or two animals that came in as one
        for _ in range(PART_FRAMES):
            found, _ = associated(verdict_of(*pieces), [(one, pose)], [pieces[0]], visited)
        assert len(found.births) == parts
        assert (found.isolated[0] == (20, 40, 84, 70)) == (not visited)


def test_a_piece_that_the_e_step_gives_to_a_slot_is_a_part_of_it_behind_a_post_and_not_over_open_ground():
    pieces = (20, 20, 26, 60), (30, 20, 36, 60)
    for visited, box, parts in ((False, (20, 20, 36, 60), 0), (True, (20, 20, 26, 60), 1)):
        one, pose = slot(20, 20, 36, 60)
        for _ in range(PART_FRAMES):
            found, _ = associated(verdict_of(*pieces), [(one, pose)], [(20, 20, 36, 60)], visited)
        assert found.isolated == {0: box}
        assert len(found.births) == parts


def test_an_object_known_as_one_whole_falls_into_two_and_each_has_its_own_size():
    """Two side by side, one a little higher, with open ground between them."""
    pieces = (20, 20, 32, 60), (34, 35, 48, 75)
    one, pose = slot(20, 20, 48, 75)
    apart = verdict_of((20, 20, 32, 40), (20, 40, 26, 60), (42, 35, 48, 45), (34, 45, 48, 75))
    for n in range(PART_FRAMES):
        found, _ = associated(apart, [(one, pose)], [(20, 20, 48, 75)])
        if n < PART_FRAMES - 1:  # as long as it is not certain both are the one
            assert (found.isolated, found.births) == ({0: (20, 20, 48, 75)}, ())
    kept, born = found.isolated[0], found.births[0].box
    assert {kept, born} == set(pieces)
    assert found.births[0].found_s == SETTINGS.found_s
    assert one.geometry.size == (kept.x1 - kept.x0, kept.y1 - kept.y0)
    assert one.geometry.isolated_s == SETTINGS.found_s
    assert one.area_px < 28 * 55 / 2


def test_with_a_second_pass_pieces_of_a_whole_are_not_held_together_until_it_is_certain():
    one, pose = slot(20, 20, 48, 75)
    apart = verdict_of((20, 20, 32, 40), (20, 40, 26, 60), (42, 35, 48, 45), (34, 45, 48, 75))
    first, _ = associated(apart, [(one, pose)], [(20, 20, 48, 75)], causal=False)
    assert first.isolated[0] in ((20, 20, 32, 60), (34, 35, 48, 75))


def test_who_comes_near_one_that_is_all_there_is_no_piece_of_it():
    one, pose = slot(20, 20, 44, 75)
    for _ in range(PART_FRAMES):
        found, _ = associated(verdict_of((20, 20, 44, 75), (46, 35, 56, 75)), [(one, pose)], [(20, 20, 44, 75)])
        assert found.isolated == {0: (20, 20, 44, 75)}
    assert one.geometry.size == (24, 55)


def test_a_thin_strip_that_is_a_slots_own_is_where_it_stands():
    """Somebody behind a sign: neither a fifth of him shows, but it is his."""
    one, pose = slot(20, 20, 44, 60)
    found, _ = associated(verdict_of((20, 20, 26, 60)), [(one, pose)], [(20, 20, 26, 60)])
    assert found.isolated == {0: (20, 20, 26, 60)}


def test_what_shows_where_a_hidden_slot_must_be_is_that_slot():
    one, pose = slot(20, 20, 44, 60, hidden_s=0.16)
    strip = (21, 22, 28, 56)
    found, _ = associated(verdict_of(strip), [(one, pose)], [(0, 0, 0, 0)])
    assert found.births == ()
    assert found.isolated == {0: strip}


def test_an_object_over_half_of_the_picture_is_born():
    found, _ = associated(verdict_of((0, 0, 160, 60)), [], [])
    assert [birth.box for birth in found.births] == [(0, 0, 160, 60)]


def test_a_grey_coat_between_head_and_legs_is_bridged_where_the_mixture_sees_shadow():
    verdict = verdict_of((20, 15, 32, 23), (20, 30, 32, 60))
    assert len(find_blobs(verdict, SETTINGS).boxes) == 3  # the background and two pieces
    verdict[23:30, 20:32] = 127
    assert len(find_blobs(verdict, SETTINGS).boxes) == 2
