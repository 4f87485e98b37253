"""What a third pass says of who is who, which of two forward passes is taken, and which pass has an object's box."""

import numpy as np
import pytest
from test_fuse import clip, one_pass, right, seen, tracks, who

from tracker.smoothing import fuse as fusion
from tracker.smoothing.boxes import FusedTracks
from tracker.smoothing.pairs import pair
from tracker.smoothing.shared import idf1_between
from tracker.smoothing.stretches import stretches
from tracker.smoothing.table import NONE
from tracker.smoothing.which import chosen, usual_sizes
from tracker.smoothing.witness import alike, names_of, usual_name


def at(x):
    return lambda t: x


def test_each_box_is_called_as_the_witness_calls_what_is_seen_there():
    boxes = np.array([[20, 80, 40, 130], [24, 80, 44, 130], [200, 80, 220, 130], [20, 80, 40, 130]], float)
    witness = one_pass(seen(7, [0, 1], at(21.0)), seen(8, [0], at(200.0), hidden=True), seen(9, [1], at(30.0)))
    # of two boxes the one that overlaps more; nobody is seen where it is hidden
    assert names_of(np.array([0, 0, 0, 1], np.int32), boxes, witness).tolist() == [7, 0, 0, 7]
    assert names_of(np.zeros(0, np.int32), np.zeros((0, 4)), witness).tolist() == []
    assert names_of(np.zeros(1, np.int32), boxes[:1], one_pass()).tolist() == [0]


def test_a_stretch_is_called_as_it_is_most_of_the_time_at_each_end():
    rows = one_pass(seen(1, range(40), right()), seen(2, range(50, 90), right()))
    witness = one_pass(
        seen(5, range(20), right()),
        seen(6, range(20, 39), right()),
        seen(5, [39], right()),
        seen(6, range(50, 90), right()),
    )
    cells = fusion.visible(pair(rows, rows, clip()), rows, rows)
    parts, which = stretches(cells, rows, rows, clip())
    boxes = rows.boxes[cells.forward].astype(float)
    names = names_of(cells.frames, boxes, witness)
    ends = [usual_name(names, which, cells.frames, 2, clip().looks(0.4), last=last).tolist() for last in (False, True)]
    assert ends == [[5, 6], [6, 6]]

    def are_alike(a, b):
        pair_ = np.array([a]), np.array([b])
        return alike(parts, *pair_, names, which, cells.frames, clip()).tolist()

    assert (are_alike(0, 1), are_alike(1, 0)) == ([True], [False])
    names = names_of(cells.frames, boxes, one_pass())
    assert are_alike(0, 1) == [False]


@pytest.mark.parametrize(("crossed", "ends"), [(False, (0, 1)), (True, (1, 0))])
def test_where_two_meet_and_both_passes_have_new_names_then_the_witness_decides(crossed, ends):
    """Two walk towards each other, are not seen where they meet, and walk on, or turn back."""
    ways = right(2.0, 60), right(-2.0, 300)

    def table(names):
        before, after = range(5, 50), range(65, 110)
        parts = [seen(k + 1, before, way) for k, way in enumerate(ways)]
        return one_pass(*parts, *(seen(name, after, way) for name, way in zip(names, ways, strict=True)))

    passes, witness = table((3, 4)), table((2, 1) if crossed else (1, 2))
    fused = fusion.fuse(witness, passes, passes, clip(120))
    begins = [who(fused, 10, way(10)) for way in ways]
    assert [who(fused, 100, way(100)) for way in ways] == [begins[k] for k in ends]


def test_of_two_forward_passes_the_one_that_agrees_with_the_backward_pass_is_taken():
    walker, other = seen(1, range(5, 90), right()), seen(2, range(5, 90), right(2, 150), y=20)
    whole = one_pass(walker, other)
    torn = one_pass(
        seen(1, range(5, 40), right()), seen(3, range(40, 90), right()), seen(4, range(5, 90), right(2, 170), y=120)
    )
    assert idf1_between(whole, whole) == 1
    assert idf1_between(torn, whole) == pytest.approx(2 * 50 / (2 * 170))
    assert idf1_between(one_pass(), whole) == idf1_between(whole, one_pass()) == 0
    for first, forward in ((torn, whole), (whole, torn)):
        fused = fusion.fuse(first, forward, whole, clip())
        assert tracks(fused) == {1: list(range(5, 90)), 2: list(range(5, 90))}
        sound, noisy = (fused.forward, fused.first) if forward is whole else (fused.first, fused.forward)
        assert set(sound.tolist()) == {1, 2}
        assert set(noisy.tolist()) == {0, 1, 3}


def track(forward, backward, merged):
    """One identity that both passes have in every frame; boxes (M, 4)."""
    n = len(merged)
    rows = np.arange(n)
    return FusedTracks(
        np.zeros(n, np.intp), np.arange(n, dtype=np.int32), np.asarray(merged, float), np.zeros(n, bool), np.ones(n, bool),
        rows, rows,
    )  # fmt: skip


def passes(forward, backward):
    n = len(forward)
    tables = [seen(1, range(n), at(0.0))._replace(boxes=np.asarray(boxes, np.float32)) for boxes in (forward, backward)]
    return tables[0], tables[1]


def moving(n=80, width=40, x=60.0):
    left = x + 2.0 * np.arange(n)
    return np.stack([left, np.full(n, 60.0), left + width, np.full(n, 110.0)], axis=1)


def test_of_a_part_and_the_whole_the_whole_is_taken_in_that_direction_alone():
    whole = moving()
    part = whole.copy()
    part[30:40, 0] += 24  # the left half is hidden
    part[30:40, 3] += 3  # noise below
    merged = (part + whole) / 2
    out = chosen(track(part, whole, merged), *passes(part, whole), clip())
    np.testing.assert_allclose(out.boxes[:, ::2], whole[:, ::2], atol=1e-4)
    np.testing.assert_allclose(out.boxes[:, 1::2], merged[:, 1::2], atol=1e-4)


def test_a_box_over_more_than_the_object_is_not_taken_and_two_alike_stay_together():
    whole = moving()
    wide = whole.copy()
    wide[50:56, 2] += 60
    out = chosen(track(wide, whole, (wide + whole) / 2), *passes(wide, whole), clip())
    np.testing.assert_allclose(out.boxes, whole, atol=1e-4)
    near = whole + np.array([1.0, 0, 1, 0])
    out = chosen(track(near, whole, (near + whole) / 2), *passes(near, whole), clip())
    np.testing.assert_allclose(out.boxes, (near + whole) / 2, atol=1e-4)


def test_who_comes_in_over_the_border_may_be_narrow_and_who_is_hardly_measured_stays_as_it_is():
    whole = moving(x=-40.0)
    cut = np.clip(whole, 0, None)[5:]
    out = chosen(track(cut, cut, cut), *passes(cut, cut), clip())
    np.testing.assert_allclose(out.boxes, cut, atol=1e-4)
    few = moving(n=5)
    tracks_ = track(few, few + 9, few)
    assert np.isnan(usual_sizes(tracks_, clip())).all()
    assert (chosen(tracks_, *passes(few, few + 9), clip()).boxes == few).all()


def test_a_pass_that_does_not_see_it_has_no_say():
    whole = moving()
    lost = whole.copy()
    lost[20:40, 2] -= 30
    forward, backward = passes(lost, whole)
    tracks_ = track(lost, whole, lost)
    none = tracks_._replace(backward=np.where(np.arange(80) < 60, NONE, tracks_.backward))
    assert (chosen(none, forward, backward, clip()).boxes[20:40] == lost[20:40]).all()
    hidden = backward._replace(hidden=np.ones(80, bool))
    assert (chosen(tracks_, forward, hidden, clip()).boxes[20:40] == lost[20:40]).all()
    np.testing.assert_allclose(chosen(tracks_, forward, backward, clip()).boxes[20:40], whole[20:40], atol=1e-4)
    empty = FusedTracks._make(part[:0] for part in tracks_)
    assert len(chosen(empty, forward, backward, clip()).ids) == 0
