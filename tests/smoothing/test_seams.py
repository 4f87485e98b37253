"""One pass over the parts of a clip becomes one pass: drawn as rows of two or three parts that share frames."""

import numpy as np
import pytest

from tracker.smoothing.rows import FusedRows, PassRows
from tracker.smoothing.seams import Shared, agreement, crossing, join

SECOND = 25
BEFORE, AFTER = range(200), range(100, 300)
"""frames of two parts: those from 100 to 199 are in both"""
BOTH_WAYS = pytest.mark.parametrize("back", [False, True])


def walk(name, frames, *, x=0.0, speed=1.0, hidden=()):
    """Rows of one identity, which is at x in frame 0 and goes to the right."""
    frames = np.array(list(frames), np.int32)
    n, left = len(frames), x + speed * frames
    boxes = np.stack([left, np.full(n, 50), left + 20, np.full(n, 90)], axis=1).astype(np.float32)
    flags = np.isin(frames, list(hidden))
    unknown = np.full((n, 3, 3), np.nan, np.float32)
    return PassRows(frames, np.full(n, name, np.int32), boxes, np.ones(n, np.float32), flags, ~flags, unknown)


def part(*walks):
    rows = PassRows._make(np.concatenate(column) for column in zip(*(walks or (walk(1, []),)), strict=True))
    return rows.at(np.argsort(rows.frames, kind="stable"))


def joined(*parts, back=False):
    shared = [Shared(100 * k + 100, 100 * k + 200, back) for k in range(len(parts) - 1)]
    return join(parts, shared, 1 / SECOND)


def lives(rows):
    """By identity, its frames."""
    return {int(name): rows.frames[rows.ids == name].tolist() for name in np.unique(rows.ids)}


@BOTH_WAYS
def test_an_object_that_both_parts_see_has_one_identity_and_each_frame_once(back):
    found = joined(part(walk(3, BEFORE)), part(walk(7, AFTER)), back=back)
    assert list(lives(found.rows).values()) == [list(range(300))]
    assert found.rows.frames.tolist() == list(range(300))


def test_the_part_whose_pass_has_gone_on_for_longer_is_listened_to():
    assert joined(part(walk(1, BEFORE)), part(walk(1, AFTER))).cuts == (170,)
    assert joined(part(walk(1, BEFORE)), part(walk(1, AFTER)), back=True).cuts == (130,)


@pytest.mark.parametrize(("back", "alone", "cut"), [(False, range(164, 200), 151), (True, range(100, 137), 149)])
def test_a_pass_changes_parts_where_both_see_the_same_for_half_a_second_around(back, alone, cut):
    # in some frames the one part sees somebody whom the other does not see
    found = joined(part(walk(1, BEFORE), walk(2, alone, x=300)), part(walk(1, AFTER)), back=back)
    assert found.cuts == (cut,)


@BOTH_WAYS
def test_identities_of_one_part_alone_keep_names_of_their_own(back):
    first = part(walk(1, BEFORE), walk(2, range(50), x=200))
    second = part(walk(1, range(250, 300), x=300), walk(2, AFTER))
    found = lives(joined(first, second, back=back).rows)
    assert sorted(map(tuple, found.values())) == [tuple(range(50)), tuple(range(300)), tuple(range(250, 300))]


@BOTH_WAYS
def test_two_that_cross_at_the_change_of_parts_stay_who_they_are(back):
    # they meet at frame 170 (back: 130), where either box is alike to the other's
    at = 130 if back else 170
    down = {"x": 2.0 * at, "speed": -1.0}
    first = part(walk(1, BEFORE), walk(2, BEFORE, **down))
    second = part(walk(1, AFTER, **down), walk(2, AFTER))
    found = joined(first, second, back=back).rows
    for name, frames in lives(found).items():
        assert frames == list(range(300))
        speeds = np.diff(found.boxes[found.ids == name, 0])
        assert (speeds == speeds[0]).all()


@BOTH_WAYS
def test_an_object_hidden_where_the_parts_change_is_known_by_the_frames_around(back):
    hidden = range(110, 190)
    found = joined(part(walk(1, BEFORE, hidden=hidden)), part(walk(4, AFTER, hidden=hidden)), back=back)
    assert list(lives(found.rows).values()) == [list(range(300))]


def test_of_an_identity_that_goes_over_to_another_object_the_later_one_counts():
    # part 1 loses the first object at frame 150 and calls the second by its name; part 2 holds both apart
    first = part(walk(1, range(150)), walk(1, range(150, 200), x=100))
    second = part(walk(5, AFTER), walk(6, AFTER, x=100))
    found = joined(first, second)
    assert found.names[1][6] == found.names[0][1]
    assert found.names[1][5] not in found.names[0]


def test_an_identity_that_ended_before_the_change_of_parts_gives_nobody_its_name():
    # in part 2 the object has a second identity from frame 160 on, which alone reaches the result
    first = part(walk(1, BEFORE))
    second = part(walk(5, range(100, 160)), walk(6, range(160, 300)))
    assert lives(joined(first, second).rows) == {1: list(range(300))}


@BOTH_WAYS
def test_who_is_in_one_place_for_a_moment_is_not_taken_for_the_same(back):
    # one stands, another passes it by within the shared frames; each part sees one of them
    first = part(walk(1, BEFORE, x=150, speed=0))
    second = part(walk(1, AFTER))
    assert len(lives(joined(first, second, back=back).rows)) == 2


@BOTH_WAYS
def test_three_parts_are_joined_one_after_the_other(back):
    parts = part(walk(2, range(200))), part(walk(4, range(100, 300))), part(walk(9, range(200, 400)))
    found = joined(*parts, back=back)
    assert list(lives(found.rows).values()) == [list(range(400))]
    assert [names[name] for names, name in zip(found.names, (2, 4, 9), strict=True)] == [found.rows.ids[0]] * 3
    assert [int(rows.sum()) for rows in found.chosen] == np.diff([0, *found.cuts, 400]).tolist()


def test_parts_without_anybody_and_a_clip_of_one_part_are_joined_too():
    assert lives(joined(part(), part(walk(2, AFTER, x=100))).rows) != {}
    assert len(joined(part(), part()).rows.ids) == 0
    assert lives(joined(part(walk(3, BEFORE))).rows) == {3: list(BEFORE)}


def test_how_far_two_parts_agree_is_counted_where_both_have_settled():
    shared = Shared(100, 200, False)
    alike = agreement(part(walk(1, BEFORE)), part(walk(8, AFTER)), shared)
    assert (alike.boxes, alike.boxes_alike, alike.idf1) == (100, 1.0, 1.0)
    # of 50 frames the later part calls the object 8 in 30 and 9 in 20
    torn = agreement(part(walk(1, BEFORE)), part(walk(8, range(100, 180)), walk(9, range(180, 300))), shared)
    assert (torn.boxes_alike, torn.idf1) == (1.0, 0.6)
    # the one sees an object more than the other
    more = agreement(part(walk(1, BEFORE), walk(2, BEFORE, x=300)), part(walk(8, AFTER)), shared)
    assert more.boxes_alike == more.idf1 == pytest.approx(2 / 3)
    nobody = agreement(part(), part(), shared)
    assert nobody.boxes_alike is nobody.idf1 is None
    assert alike.plus(nobody) == alike


def test_who_ends_at_a_change_of_parts_is_told_from_who_is_carried_over():
    rows = part(
        walk(1, range(300)), walk(2, range(175), x=100), walk(3, range(170), x=200), walk(4, range(175, 300), x=300)
    )
    none = np.zeros(len(rows.ids), np.int32)
    fused = FusedRows(rows.frames, rows.ids, rows.boxes, rows.confidence, rows.hidden, none, none, none)
    assert crossing(fused, 175) == (frozenset({1}), frozenset({2}))
