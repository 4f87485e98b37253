"""Two passes drawn as rows, and what they are fused to."""

from time import process_time

import numpy as np
import pytest

from tracker.smoothing import fuse as fusion
from tracker.smoothing.boxes import FusedTracks, fill
from tracker.smoothing.confidence import NAMES, WEIGHTS, alike
from tracker.smoothing.geometry import centres, longest
from tracker.smoothing.keep import split_at_jumps, without_flicker
from tracker.smoothing.rows import ClipTimes, FusedRows, PassRows
from tracker.smoothing.several import over_several

WIDTH, HEIGHT = 400, 200
RED, BLUE = 0.8, 0.2


def fuse(forward, backward, clip):
    """Two passes fused; the third has seen what the forward one has."""
    return fusion.fuse(forward, forward, backward, clip)


def seen(name, frames, x, *, y=80.0, size=(20, 50), isolated=True, hidden=False, colour=np.nan):
    """Rows of one identity: its box has its upper left corner at x(t), y."""
    frames = np.asarray(list(frames))
    n = len(frames)
    left = np.array([x(t) for t in frames], float)
    boxes = np.stack([left, np.full(n, y), left + size[0], np.full(n, y + size[1])], axis=1)
    return PassRows(
        frames=frames.astype(np.int32),
        ids=np.full(n, name, np.int32),
        boxes=boxes.astype(np.float32),
        confidence=np.full(n, 0.9, np.float32),
        hidden=np.full(n, hidden),
        isolated=np.full(n, isolated and not hidden),
        colours=np.full((n, 3, 3), colour if isolated else np.nan, np.float32),
    )


def one_pass(*parts):
    """All rows together, in the order of the frames."""
    parts = parts or (seen(1, [], lambda t: t),)
    rows = PassRows._make(np.concatenate(column) for column in zip(*parts, strict=True))
    return rows.at(np.argsort(rows.frames, kind="stable"))


def clip(frames=100):
    return ClipTimes(np.arange(frames) / 25, (WIDTH, HEIGHT))


def right(speed=3.0, start=20.0):
    return lambda t: start + speed * t


def tracks(fused: FusedRows):
    """Identity to frames, of rows that are seen."""
    return {int(k): fused.frames[(fused.ids == k) & ~fused.hidden].tolist() for k in np.unique(fused.ids)}


def who(fused: FusedRows, frame, x):
    """The identity nearest to x in a frame."""
    at = np.flatnonzero(fused.frames == frame)
    return int(fused.ids[at[np.abs(fused.boxes[at, 0] - x).argmin()]])


def test_what_both_passes_see_stays_as_it_is():
    table = one_pass(seen(3, range(10, 60), right()))
    fused = fuse(table, table, clip())
    assert tracks(fused) == {1: list(range(10, 60))}
    np.testing.assert_allclose(fused.boxes, table.boxes, atol=0.01)
    assert set(fused.forward) == set(fused.backward) == {3}
    assert not fused.hidden.any()


def test_births_are_dated_back_and_ends_later():
    forward, backward = seen(1, range(20, 60), right()), seen(9, range(12, 50), right())
    fused = fuse(one_pass(forward), one_pass(backward), clip())
    assert tracks(fused) == {1: list(range(12, 60))}
    assert set(fused.forward[fused.frames < 20]) == {0}
    assert set(fused.backward[fused.frames >= 50]) == {0}


@pytest.mark.parametrize("mirrored", [False, True])
def test_two_who_come_in_as_one_and_part_are_two_from_the_start(mirrored):
    def upper(t):
        return 20 + 3 * t

    def lower(t):
        return 20 + 3 * t - max(0, t - 50)

    both = seen(1, range(5, 60), upper, size=(20, 80))
    lumped = one_pass(both, seen(1, range(60, 90), upper), seen(2, range(64, 90), lower, y=115, size=(20, 45)))
    apart = one_pass(
        seen(7, range(5, 90), upper, size=(20, 34), isolated=True),
        seen(8, range(5, 90), lower, y=115, size=(20, 45), isolated=True),
    )
    fused = fuse(*((apart, lumped) if mirrored else (lumped, apart)), clip())
    assert tracks(fused) == {1: list(range(5, 90)), 2: list(range(5, 90))}


def test_a_large_object_is_not_dropped_for_its_pieces():
    whole = one_pass(seen(1, range(10, 80), right(), y=20, size=(60, 150)))
    head = seen(4, range(10, 80), right(3, 35), y=20, size=(30, 40))
    legs = seen(5, range(10, 80), right(3, 25), y=80, size=(50, 90))
    fused = fuse(whole, one_pass(head, legs), clip())
    middle = fused.frames == 40
    assert fused.ids[middle].tolist() == [1]
    assert longest(fused.boxes[middle])[0] == pytest.approx(150, abs=1)
    assert set(fused.forward) == {1}


def test_who_vanishes_behind_a_post_is_one_object_and_hidden_there():
    forward = one_pass(
        seen(1, range(40), right()),
        seen(1, range(40, 60), right(), hidden=True),
        seen(2, range(60, 95), right()),
    )
    backward = one_pass(
        seen(1, range(38), right()), seen(1, range(38, 60), right(), hidden=True), seen(1, range(60, 95), right())
    )
    fused = fuse(forward, backward, clip())
    assert np.unique(fused.ids).tolist() == [1]
    assert fused.frames[fused.hidden].tolist() == list(range(40, 60))
    np.testing.assert_allclose(fused.boxes[:, 0], 20 + 3 * fused.frames, atol=0.5)


@pytest.mark.parametrize("swapped", ["forward", "backward"])
def test_of_two_passes_that_disagree_after_a_merge_the_colours_decide(swapped):
    def a(t):
        return 20 + 3 * t

    def b(t):
        return 320 - 3 * t

    def table(exchange):
        first, second = (2, 1) if exchange else (1, 2)
        return one_pass(
            seen(1, range(5, 45), a, colour=RED),
            seen(2, range(5, 45), b, y=95, colour=BLUE),
            seen(1, range(45, 55), a, isolated=False),
            seen(2, range(45, 55), b, y=95, isolated=False),
            seen(first, range(55, 95), a, colour=RED),
            seen(second, range(55, 95), b, y=95, colour=BLUE),
        )

    fused = fuse(table(swapped == "forward"), table(swapped == "backward"), clip())
    assert len(np.unique(fused.ids)) == 2
    assert who(fused, 20, a(20)) == who(fused, 80, a(80)) != who(fused, 80, b(80))


def test_a_name_that_slips_to_another_object_for_some_frames_comes_back():
    walker, other = seen(1, range(5, 90), right()), seen(2, range(5, 90), right(3, 100))
    slip = one_pass(
        seen(1, range(5, 40), right()), seen(1, range(44, 90), right()), seen(1, range(40, 44), right(3, 100)),
        seen(2, range(5, 40), right(3, 100)), seen(2, range(44, 90), right(3, 100)),
    )  # fmt: skip
    fused = fuse(slip, one_pass(walker, other), clip())
    assert tracks(fused) == {1: list(range(5, 90)), 2: list(range(5, 90))}


def test_a_ghost_goes_and_who_stands_and_leaves_stays():
    ghost = seen(1, range(20, 50), lambda t: 200)
    grows = seen(3, range(20, 50), lambda t: 300 - t, y=20, size=(30, 20))
    standing = seen(2, range(100), lambda t: 50 + 3 * max(0, t - 80))
    table = one_pass(ghost, standing)
    fused = fuse(table, table, clip())
    assert np.unique(fused.forward).tolist() == [2]
    assert len(tracks(fuse(one_pass(grows), one_pass(grows), clip()))) == 1


def test_who_stands_all_the_time_is_no_ghost():
    table = one_pass(seen(1, range(100), lambda t: 200))
    assert tracks(fuse(table, table, clip())) == {1: list(range(100))}


@pytest.mark.parametrize(("confidence", "frames", "others", "left"),
                         [(0.9, 400, 1, 1), (0.7, 400, 1, 0), (0.7, 80, 5, 1), (0.7, 400, 0, 1)])  # fmt: skip
def test_who_stands_for_most_of_the_clip_stays_if_it_is_surely_seen(confidence, frames, others, left):
    """In a short clip it stays anyway, as it may just not have gone yet, and where nobody goes: nothing left a ghost."""
    table = doubted(seen(1, range(frames), lambda t: 200), range(frames), confidence)
    walkers = [seen(n, range(frames), right(180 / frames, 10), y=40 * n - 80) for n in range(2, 2 + others)]
    table = one_pass(table, *walkers)
    assert np.count_nonzero(np.unique(fuse(table, table, clip(frames)).forward) == 1) == left


def test_who_is_seen_for_long_and_hardly_moves_is_doubted_and_more_so_if_no_object_is_as_large():
    walkers = [seen(n, range(150), lambda t, n=n: 10.0 + 2 * t, y=10 + 55 * n) for n in (0, 1, 2)]
    at = {}
    for size in ((20, 40), (60, 100)):
        slow = doubted(
            seen(9, range(20, 80), lambda t, size=size: 20 + 0.02 * size[0] * t, y=180, size=size), range(150), 0.85
        )
        table = one_pass(*walkers, slow)
        fused = fuse(table, table, clip(150))
        at[size] = [fused.confidence[fused.forward == n].max(initial=0) for n in (1, 9)]
    assert at[20, 40][0] > at[20, 40][1] > at[60, 100][1]


def test_alike_is_the_share_of_others_as_large():
    share = alike(np.log([20.0, 22.0, 80.0, 21.0]), np.array([100.0, 100.0, 200.0, 0.0]), 100)
    np.testing.assert_allclose(share, [150 / 400, 150 / 400, 50 / 300, 250 / 500])
    assert alike(np.zeros(0), np.zeros(0), 100).shape == (0,)


def growing(name, frames, widths):
    """Rows at the left border that are so wide, frame by frame."""
    rows = seen(name, frames, lambda t: 0.0)
    boxes = rows.boxes.copy()
    boxes[:, 2] = widths
    return rows._replace(boxes=boxes)


def test_what_only_lies_at_the_border_is_a_ghost_and_who_comes_over_it_is_none():
    lies = growing(1, range(20, 75), np.full(55, 20.0))
    comes = growing(2, range(20, 75), np.minimum(20, 4 + 2 * np.arange(55)))
    late = growing(3, range(70, 100), np.full(30, 20.0))
    for rows, left in ((lies, 0), (comes, 1), (late, 1)):
        assert len(tracks(fuse(one_pass(rows), one_pass(rows), clip(120)))) == left


def doubted(rows, frames, confidence):
    return rows._replace(confidence=np.where(np.isin(rows.frames, frames), confidence, rows.confidence).astype("f4"))


def test_what_is_likelier_wrong_than_right_is_left_out():
    sure = seen(1, range(5, 90), right())
    tail = one_pass(doubted(sure, range(80, 90), 0.05))
    assert tracks(fuse(tail, tail, clip())) == {1: list(range(5, 80))}
    middle = one_pass(doubted(sure, range(40, 50), 0.05))
    fused = fuse(middle, middle, clip())
    assert fused.frames.tolist() == list(range(5, 90))  # the identity goes on, hidden
    assert fused.frames[fused.hidden].tolist() == list(range(40, 50))
    noise = seen(2, range(30, 60), right(2, 150), y=10, size=(20, 20))
    both = one_pass(sure, doubted(noise, range(100), 0.2))
    assert np.unique(fuse(both, both, clip()).forward).tolist() == [1]


def test_who_both_passes_have_for_most_of_a_clip_without_others_is_not_dropped_as_doubtful():
    def doubtful(frames, *others):
        rows = seen(1, range(frames), lambda t: 150 + 30 * np.sin(t / 5), size=(60, 120), y=40)
        rows = one_pass(rows._replace(confidence=np.full(frames, 0.3, np.float32)), *others)
        return fuse(rows, rows, clip(400))

    assert list(tracks(doubtful(399))) == [1]
    assert tracks(doubtful(150)) == {}
    others = seen(2, range(400), right(0.9)), seen(3, range(400), right(0.9), y=140.0)
    assert len(tracks(doubtful(399, *others))) == 2


@pytest.mark.parametrize(("side", "pairs"), [(8, True), (30, False)])
def test_a_small_part_that_lies_in_an_object_makes_no_box_one_over_several(side, pairs):
    whole = seen(1, range(100), lambda t: 100.0, size=(60, 120), y=40)
    # stretched out at first, apart from the body, then before it
    part = seen(2, range(100), lambda t: 200.0 if t < 50 else 110.0, size=(side, side), y=60)
    i = np.arange(100)
    one = one_pass(whole, part)
    found = over_several(whole, one, np.repeat(i, 2), np.arange(200), clip())
    assert found[50:].any() != pairs


def test_short_noise_of_one_pass_goes():
    walker = seen(1, range(5, 90), right())
    noise = seen(2, range(30, 50), right(3, 150), y=20, size=(20, 20))
    fused = fuse(one_pass(walker, noise), one_pass(walker), clip())
    assert np.unique(fused.forward).tolist() == [1]


def test_a_box_of_one_pass_over_far_objects_of_both_goes():
    far = [seen(n, range(100), lambda t, n=n: 30 + 60 * n + 0.2 * t, y=60, size=(12, 12)) for n in (1, 2, 3)]
    crowd = seen(9, range(60, 100), lambda t: 20.0, y=40, size=(260, 60))
    for passes in ((one_pass(*far, crowd), one_pass(*far)), (one_pass(*far), one_pass(*far, crowd))):
        fused = fuse(*passes, clip())
        assert np.unique(fused.ids).tolist() == [1, 2, 3]
    lorry = seen(9, range(60, 100), lambda t: 4.0 * (t - 60), y=40, size=(80, 60))
    alone = fuse(one_pass(*far[:1], lorry), one_pass(*far[:1]), clip())
    assert np.unique(alone.ids).tolist() == [1, 2]


def test_an_object_that_one_pass_alone_sees_for_long_stays():
    fused = fuse(one_pass(seen(1, range(5, 90), right())), one_pass(), clip())
    assert tracks(fused) == {1: list(range(5, 90))}
    assert set(fused.backward) == {0}


def test_no_identity_jumps():
    table = one_pass(seen(1, range(5, 50), right()), seen(1, range(50, 95), right(2, 120)))
    fused = fuse(table, table, clip())
    assert len(np.unique(fused.ids)) == 2
    for k in np.unique(fused.ids):
        steps = np.diff(centres(fused.boxes[fused.ids == k]), axis=0)
        assert np.abs(steps).max() < 20


@pytest.mark.parametrize(("x", "identities"), [(165, 1), (120, 1), (20, 2)])
def test_who_is_lost_while_it_moves_is_not_found_behind_where_it_was(x, identities):
    """Lost at 140 for 25 frames, each of which takes it 3 pixels on, and 50 long; both parts were linked as one."""
    table = one_pass(seen(1, range(41), right()), seen(1, range(66, 95), right(3, x - 3 * 66)))
    rows = np.arange(len(table.frames))
    linked = FusedTracks(
        np.ones(len(rows), np.intp), table.frames, table.boxes.astype(float), table.hidden, table.isolated, rows, rows,
    )  # fmt: skip
    assert len(np.unique(split_at_jumps(linked, clip()).ids)) == identities


@pytest.mark.parametrize(("gap_s", "identities"), [(0.04, 1), (2.0, 1), (30.0, 2)])
def test_nobody_is_found_again_over_a_gap_of_the_recording(gap_s, identities):
    """Who stands at the end of one recording and at the beginning of the next, looking alike, under other names."""
    first = [seen(1, range(50), right(0, 100), colour=0.3)]
    table = one_pass(*first, seen(2, range(50, 100), right(0, 100), colour=0.3))
    times_s = np.arange(100) / 25
    times_s[50:] += gap_s - 0.04
    assert len(np.unique(fuse(table, table, ClipTimes(times_s, (WIDTH, HEIGHT))).ids)) == identities


def test_a_fast_object_does_not_jump():
    table = one_pass(seen(1, range(5, 13), right(40, -180), size=(20, 20)))
    assert len(np.unique(fuse(table, table, clip()).ids)) == 1


def test_of_two_unlike_boxes_the_one_of_the_usual_size_is_taken():
    forward = one_pass(seen(1, range(5, 40), right()), seen(1, range(40, 50), right(), size=(44, 50)),
                       seen(1, range(50, 90), right()))  # fmt: skip
    backward = one_pass(seen(1, range(5, 90), right()))
    fused = fuse(forward, backward, clip())
    assert np.ptp(fused.boxes[:, 2] - fused.boxes[:, 0]) < 1


def test_a_flicker_is_filled_and_counts_as_seen():
    table = one_pass(seen(1, range(5, 40), right()), seen(1, range(43, 90), right()))
    fused = fuse(table, table, clip())
    assert tracks(fused) == {1: list(range(5, 90))}
    np.testing.assert_allclose(fused.boxes[:, 0], 20 + 3 * fused.frames, atol=0.05)
    assert (fused.forward[(fused.frames >= 40) & (fused.frames < 43)] == 0).all()


def linked(name, *parts):
    """Tracks of one identity, of stretches that were linked to it, as they are once they are filled."""
    rows = one_pass(*parts)
    none = np.zeros(len(rows.ids), np.intp)
    return FusedTracks(
        none + name, rows.frames, rows.boxes.astype(float), rows.hidden, rows.isolated, none, none
    )  # fmt: skip


def test_an_object_to_which_noise_was_linked_goes_on_without_it():
    still = right(0, 60)
    vehicle = linked(0, seen(1, range(4), still), seen(1, range(30, 34), still), seen(1, range(200, 240), right()))
    noise = linked(1, *(seen(1, range(t, t + 30), right(0, 200)) for t in (0, 100, 200)))
    walker = linked(2, seen(1, range(240), right(1)))
    both = FusedTracks._make(np.concatenate(column) for column in zip(vehicle, noise, walker, strict=True))
    left = without_flicker(fill(both, clip(240)), clip(240))
    frames = {int(k): left.frames[left.ids == k].tolist() for k in np.unique(left.ids)}
    assert frames == {0: list(range(240)), 1: list(range(200, 240))}
    assert not left.hidden.any()


def test_confidence_is_lower_for_one_pass_alone_and_lowest_where_nothing_is_seen():
    forward = one_pass(seen(1, range(5, 40), right()), seen(1, range(55, 95), right()))
    backward = one_pass(seen(1, range(12, 40), right()), seen(1, range(55, 95), right()))
    fused = fuse(forward, backward, clip())
    at = dict(zip(fused.frames.tolist(), fused.confidence.tolist(), strict=True))
    assert at[30] > at[8] > at[47]
    assert 0 < fused.confidence.min() < fused.confidence.max() < 1
    assert len(NAMES) == len(WEIGHTS)


def test_nothing_in_both_passes_is_nothing():
    fused = fuse(one_pass(), one_pass(), clip())
    assert [len(column) for column in fused] == [0] * len(fused)
    assert fused.boxes.shape == (0, 4)
    assert len(fuse(one_pass(), one_pass(), clip(0)).ids) == 0


def test_time_reversed_passes_give_the_same_boxes():
    forward = one_pass(seen(1, range(20, 60), right()), seen(2, range(30, 80), right(2, 150), y=20))
    backward = one_pass(seen(5, range(12, 50), right()), seen(4, range(25, 78), right(2, 150), y=20))
    fused = fuse(forward, backward, clip())

    def reversed_(rows):
        rows = rows._replace(frames=99 - rows.frames)
        return rows.at(np.argsort(rows.frames, kind="stable"))

    again = fuse(reversed_(backward), reversed_(forward), clip())
    order = np.lexsort((again.boxes[:, 1], 99 - again.frames))
    np.testing.assert_allclose(
        again.boxes[order], fused.boxes[np.lexsort((fused.boxes[:, 1], fused.frames))], atol=0.01
    )


def test_rows_are_in_the_order_of_the_frames_and_boxes_within_the_picture():
    table = one_pass(seen(1, range(90), right(4, -30)), seen(2, range(10, 60), right(3, 50), y=170))
    fused = fuse(table, table, clip())
    assert (np.diff(fused.frames) >= 0).all()
    assert fused.boxes.min() >= 0
    assert fused.boxes[:, 2].max() <= WIDTH
    assert fused.boxes[:, 3].max() <= HEIGHT
    assert fused.ids[0] == 1


@pytest.mark.parametrize("objects", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_hours_of_rows_in_bounded_time(objects):
    rng = np.random.default_rng(1)
    parts = [
        seen(k + 1, np.arange(100) + 40 * k, right(3, rng.uniform(0, 90) - 120 * k), y=rng.uniform(0, 140))
        for k in range(objects)
    ]
    table = one_pass(*parts)
    assert len(table.ids) == 100 * objects
    start = process_time()
    fused = fuse(table, table.at(rng.uniform(size=len(table.ids)) > 0.02), clip(40 * objects + 100))
    assert process_time() - start < 1 + objects / 200
    assert len(np.unique(fused.ids)) > 0.75 * objects


@pytest.mark.parametrize(("rate", "frames", "looks"), [(25, 10, 10), (10, 4, 10), (50, 20, 20)])
def test_seconds_are_frames_by_the_clips_rate_and_evidence_by_looks(rate, frames, looks):
    clip = ClipTimes(np.arange(100) / rate, (64, 48))
    assert clip.frames(0.4) == frames
    assert clip.looks(0.4) == looks
    assert ClipTimes(np.zeros(1), (64, 48)).frames(0.4) == 10
