"""The first pass kept, two more run over it, and the result as a lane: on a drawn square that crosses a small picture."""

import signal
from dataclasses import replace

import cv2
import numpy as np
import pytest
from pieces import FRAMES, RATE, SIDE, Clip, H, Kept, Pieces, W, drawn, frame_of

from tracker.errors import SourceError
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.smoothed import WRITING, run_both_ways
from tracker.smoothing import passes, replay, spill, tiles
from tracker.smoothing.rows import FusedRows
from tracker.types import (
    FOREGROUND,
    UNSURE,
    Frame,
    SmoothedSegmenter,
)
from tracker.watching import BACKWARDS, FORWARDS

NOBODY = passes.RowsBuilder().rows()


def both(**options):
    segmenter, sink, clips = Pieces(), Kept(), []

    def again(frames):
        clips.append(Clip(frames or FRAMES))
        return clips[-1]

    options.setdefault("online", False)
    report = run_both_ways(Clip(), [Lane("slots", segmenter)], [sink], again=again, **options)
    return segmenter, sink, report, clips


def test_a_picture_is_kept_near_what_is_not_background_and_elsewhere_is_another():
    image, spilled = drawn(0), spill.Spill()
    verdicts = np.zeros((H, W), np.uint8)
    verdicts[20:24, 30:40] = FOREGROUND
    kept = tiles.keep(Frame(3, 0.3, Picture.of(image), scene=2), image, verdicts, spilled)
    restored, again = tiles.restored(kept, spilled, np.zeros_like(image))
    assert (again == verdicts).all()
    assert (kept.index, kept.time_s, kept.scene, kept.frame_size) == (3, 0.3, 2, (W, H))
    near = cv2.dilate((verdicts > 0).astype(np.uint8), np.ones((17, 17))) > 0  # a tile beside each
    assert (restored[near & tiles.tiles(verdicts)] == image[near & tiles.tiles(verdicts)]).all()
    assert (restored[20 - 8 : 24 + 8, 30 - 8 : 40 + 8] == image[12:32, 22:48]).all()
    assert not restored[~tiles.tiles(verdicts)].any()
    assert spilled.length < image.nbytes // 4


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (64, 8), (65, 97)])
@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
def test_pictures_of_any_size_come_back_where_they_are_not_background(shape, share):
    rng = np.random.default_rng(0)
    image, elsewhere = (rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in "ab")
    verdicts = np.where(rng.random(shape) < share, FOREGROUND, 0).astype(np.uint8)
    before, spilled = elsewhere.copy(), spill.Spill()
    kept = tiles.keep(Frame(0, 0.0, Picture.of(image), scene=0), image, verdicts, spilled)
    restored, again = tiles.restored(kept, spilled, elsewhere)
    assert (restored == np.where(tiles.tiles(verdicts)[..., None], image, elsewhere)).all()
    assert (again == verdicts).all()
    assert (elsewhere == before).all()


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (64, 8), (65, 97)])
def test_tiles_cover_pictures_of_any_size(shape):
    verdicts = np.zeros(shape, np.uint8)
    assert not tiles.tiles(verdicts).any()
    verdicts[-1, -1] = UNSURE
    assert tiles.tiles(verdicts).shape == shape
    assert tiles.tiles(verdicts)[-1, -1]


def test_labels_come_back_under_the_names_of_their_part_as_they_came_last():
    kept = spill.LabelFile()
    labels = np.array([[0, 1], [2, 2]], np.int32)
    kept.add(0, labels, labels > 0)
    kept.add(1, labels, np.ones((2, 2), bool), part=0)
    kept.add(1, labels * 0, np.zeros((2, 2), bool), part=1)
    kept.add(2, labels, labels > 1, part=1)
    kept.name(np.array([0, 7, 8], np.int32))
    kept.name(np.array([0, 3, 4], np.int32))
    assert (kept.read(0)[0] == labels).all()
    assert (kept.read(0)[1] == (labels > 0)).all()
    assert not kept.read(1)[0].any()
    assert not kept.read(1)[1].any()
    assert kept.read(2)[0].tolist() == [[0, 3], [4, 4]]
    kept.add(4, labels * 40_000, labels > 1)
    assert kept.read(4)[0].tolist() == [[0, 40_000], [80_000, 80_000]]
    with pytest.raises(KeyError):
        kept.read(3)


def seen(window_bytes=passes.WINDOW_BYTES, segmenter=None):
    segmenter = segmenter or Pieces()
    told = []
    both_ways = passes.Passes(
        segmenter, attend=lambda done, frames: told.append((done, frames)), window_bytes=window_bytes
    )
    for index in range(FRAMES):
        frame = frame_of(index)
        both_ways.add(frame, segmenter.step(frame))
    return both_ways, both_ways.finish(), told


def test_two_more_passes_see_every_frame_from_the_first_to_the_last_and_back():
    segmenter = Pieces()
    _, (first, forward, backward, clip), told = seen(segmenter=segmenter)
    times_s = [n / RATE for n in range(FRAMES)]
    again = [[time_s for time_s, _ in other.again_frames] for other in segmenter.others]
    assert again == [pytest.approx(times_s), pytest.approx(times_s)]
    assert told == [(n, FRAMES) for n in range(1, FRAMES + 1)]
    assert clip.times_s.tolist() == pytest.approx(times_s)
    assert clip.size == (W, H)
    for rows in (first, forward, backward):
        assert rows.frames.tolist() == [*range(10), *np.repeat(np.arange(10, FRAMES), 2).tolist()]
        assert rows.isolated.all()
        assert not rows.hidden.any()
        assert rows.confidence == pytest.approx(0.9)
    assert (first.boxes == backward.boxes[np.argsort(backward.frames, kind="stable")]).all()
    assert (first.boxes == forward.boxes).all()
    assert [set(rows.ids.tolist()) for rows in (first, forward, backward)] == [{1, 2}, {5, 6}, {7, 8}]


def test_the_forward_pass_sees_the_pictures_mirrored_and_its_labels_are_those_of_the_pictures_as_they_are():
    shown = []

    class Showing(Pieces):
        def later_pass(self, learned):
            other = super().later_pass(learned)
            again = other.step_judged
            other.step_judged = lambda image, verdicts, **place: (
                shown.append((id(other), image)) or again(image, verdicts, **place)
            )
            return other

    segmenter = Showing()
    both_ways, (first, forward, _, _), _ = seen(segmenter=segmenter)
    ahead, back = segmenter.others
    (last,) = [image for other, image in shown if other == id(back)][:1]
    (mirrored,) = [image for other, image in shown if other == id(ahead)][-1:]
    assert (mirrored[:, ::-1] == last).all()
    for index in (0, 20, FRAMES - 1):
        labels, foreground = both_ways.labels.forward.read(index)
        expected, there = both_ways.labels.first.read(index)
        assert (foreground == there).all()
        named = dict(zip(forward.ids.tolist(), first.ids.tolist(), strict=True))
        assert (np.vectorize(lambda name, named=named: named.get(name, 0))(labels) == expected).all()


def test_the_other_passes_begin_with_what_was_learned_of_their_frames_however_far_the_first_pass_is_ahead():
    segmenter = Pieces()
    both_ways = passes.Passes(segmenter, attend=lambda done, frames: None, window_bytes=0)
    judged = [(frame_of(index), segmenter.step(frame_of(index))) for index in range(4)]  # all, before any is kept
    for frame, segmentation in judged:
        both_ways.add(frame, segmentation)
    both_ways.finish()
    assert segmenter.told == [1, 1, 2, 3, 4, 4]  # forwards once, backwards in each window


def test_windows_that_overlap_say_what_one_window_says(monkeypatch):
    monkeypatch.setattr(passes, "OVERLAP_S", 0.8)
    segmenter = Pieces()
    whole, (_, ahead, one, _), _ = seen()
    parts, (_, goes_on, several, _), _ = seen(window_bytes=whole_bytes() // 3, segmenter=segmenter)
    assert len(segmenter.others) > 3  # one forwards, which goes on, and one backwards in each window
    assert (goes_on.frames == ahead.frames).all()
    assert (goes_on.ids == ahead.ids).all()
    assert (goes_on.boxes == ahead.boxes).all()
    assert [time_s for time_s, _ in segmenter.others[0].again_frames] == [n / RATE for n in range(FRAMES)]
    assert several.frames.tolist() == one.frames.tolist()
    names = dict(
        zip(several.ids.tolist(), one.ids.tolist(), strict=True)
    )  # one name for one object, window after window
    assert [names[name] for name in several.ids.tolist()] == one.ids.tolist()
    assert len(names) == 2
    for index in range(FRAMES):
        labels, expected = parts.labels.backward.read(index)[0], whole.labels.backward.read(index)[0]
        assert set(labels.ravel().tolist()) - {0} <= set(names)
        assert (np.vectorize(lambda name: names.get(name, 0))(labels) == expected).all()
        assert (parts.labels.forward.read(index)[0] == whole.labels.forward.read(index)[0]).all()


def whole_bytes():
    spilled = spill.Spill()
    for index in range(FRAMES):
        frame = frame_of(index)
        tiles.keep(frame, *Pieces().judge(frame), spilled)
    return spilled.length


def test_a_full_disk_is_one_line_that_says_what_to_do(monkeypatch):
    spilled = spill.Spill()
    with open("/dev/full", "r+b", buffering=0) as full:
        monkeypatch.setattr(spilled, "_file", full)
        with pytest.raises(Exception, match="make room, set TMPDIR to another folder, or use --online"):
            spilled.add(b"x" * 100)


def fused(**columns):
    count = len(columns["ids"])
    rows = FusedRows(
        np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros((count, 4), np.float32), np.ones(count, np.float32),
        np.zeros(count, bool), *(np.zeros(count, np.int32) for _ in range(3)),
    )  # fmt: skip
    return rows._replace(**{name: np.array(value, getattr(rows, name).dtype) for name, value in columns.items()})


BOXES = [[0, 0, 4, 2], [4, 0, 8, 2]]
"""of two beside each other in a frame of 8 x 2"""


def owned_by(first, backward, rows):
    first, backward = (np.array([labels, labels], np.int32) for labels in (first, backward))
    found = replay.owners(first, backward, rows, (8, 2))
    assert (found[0] == found[1]).all()
    return found[0].tolist()


def test_a_pixel_of_one_pass_is_that_ones_and_of_two_the_ones_whose_box_it_is_in():
    rows = fused(ids=[3, 9], boxes=BOXES, first=[1, 0], backward=[1, 2])
    one, two = [1, 1, 1, 1, 1, 1, 1, 0], [0, 1, 1, 0, 2, 2, 2, 2]  # the first pass has one piece, the backward one two
    assert owned_by(one, two, rows) == [3, 3, 3, 3, 9, 9, 9, 9]


def test_of_two_whose_boxes_have_a_pixel_it_is_the_ones_in_whose_middle_it_is():
    rows = fused(ids=[3, 9], boxes=[[0, -99, 6, 101], [2, -99, 8, 101]], first=[1, 0], backward=[0, 2])
    assert owned_by([1] * 8, [2] * 8, rows) == [3, 3, 3, 3, 9, 9, 9, 9]


def test_what_is_outside_its_box_is_of_whose_box_it_is_in_and_else_stays():
    rows = fused(ids=[3, 9], boxes=[[0, 0, 3, 2], [4, 0, 6, 2]], first=[1, 2], backward=[0, 0])
    assert owned_by([1] * 8, [0] * 8, rows) == [3, 3, 3, 3, 9, 9, 3, 3]


def test_of_two_boxes_around_it_a_pixel_is_the_ones_in_whose_middle_it_is():
    rows = fused(ids=[1, 3, 9], boxes=[[0, 0, 1, 2], [1, 0, 8, 2], [3, 0, 6, 2]], first=[1, 2, 3], backward=[0, 0, 0])
    assert owned_by([1] * 8, [0] * 8, rows) == [1, 3, 3, 3, 3, 3, 3, 3]


def test_nobody_has_the_pixels_of_a_box_that_was_left_out_or_of_one_that_is_hidden():
    rows = fused(ids=[3], boxes=[[0, 0, 8, 2]], first=[1], backward=[0])
    assert owned_by([1, 2, 1, 2, 0, 0, 0, 0], [0, 2, 0, 2, 0, 0, 0, 2], rows) == [3, 0, 3, 0, 0, 0, 0, 0]
    assert owned_by([1] * 8, [1] * 8, rows._replace(hidden=np.array([True]))) == [0] * 8


def test_many_pixels_and_boxes_are_looked_at_in_parts(monkeypatch):
    rows = fused(ids=[3, 9], boxes=[[0, 0, 3, 2], [4, 0, 6, 2]], first=[1, 2], backward=[0, 0])
    monkeypatch.setattr(replay, "AT_ONCE", 3)
    assert owned_by([1] * 8, [0] * 8, rows) == [3, 3, 3, 3, 9, 9, 3, 3]


def test_in_a_frame_without_anybody_no_pixel_has_an_owner():
    assert owned_by([0] * 8, [0] * 8, fused(ids=[], boxes=np.zeros((0, 4)), first=[], backward=[])) == [0] * 8


def test_boxes_are_in_pixels_of_the_frame_and_labels_of_the_working_picture():
    rows = fused(ids=[3, 9], boxes=[[0, 0, 40, 20], [40, 0, 80, 20]], first=[1, 0], backward=[0, 2])
    assert (
        replay.owners(np.ones((2, 8), np.int32), np.full((2, 8), 2, np.int32), rows, (80, 20)).tolist()
        == [[3] * 4 + [9] * 4] * 2
    )


class Labels:
    """Labels of one pass."""

    def __init__(self, *values):
        self.values = np.array([values], np.int32)

    def read(self, index):
        return self.values.copy(), self.values == 9


def test_the_forward_passs_pixels_are_those_of_an_identity_that_it_alone_sees():
    rows = fused(ids=[3, 4, 5], first=[5, 6, 0], forward=[1, 0, 2], backward=[1, 2, 0])
    entropies = replay.Entropies(NOBODY, np.zeros(0, np.float32))
    others = Labels(1, 2, 1, 2, 0, 0), Labels(0, 2, 0, 0, 0, 9)
    lane = replay.Replay(rows, Labels(6, 6, 0, 0, 0, 0), others, entropies=entropies)
    picture = Picture.of(np.zeros((1, 6, 3), np.uint8))
    found = lane.step(Frame(0, 0.0, picture))
    assert found.labels.tolist() == [[4, 4, 0, 5, 0, 0]]
    assert found.foreground.tolist() == [[True, True, False, True, False, True]]
    alone = replay.Replay(rows, Labels(6, 6, 5, 0, 0, 0), None, entropies=entropies)
    assert alone.step(Frame(0, 0.0, picture)).labels.tolist() == [[4, 4, 3, 0, 0, 0]]


def test_a_clip_is_watched_forwards_and_backwards_and_then_written():
    told = []
    segmenter, sink, report, clips = both(
        progress=lambda done, frames, /, *, stage="": told.append((stage, done, frames)),
        keep=lambda moment: replace(moment),
    )
    assert isinstance(segmenter, SmoothedSegmenter)
    assert len(segmenter.others) == 2
    assert (report.frames, report.outcome, sink.outcome) == (FRAMES, "complete", "complete")
    assert [len(tracks) for tracks in sink.tracks()] == [1] * 10 + [2] * (FRAMES - 10)
    for index, tracks in enumerate(sink.tracks()):
        assert tracks[0][0] == 1
        assert abs(tracks[0][1][0] - 2 * index) <= 1
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [FORWARDS, BACKWARDS, WRITING]
    assert [done for stage, done, _ in told if stage == WRITING] == list(range(1, FRAMES + 1))
    assert all(clip.closed for clip in clips)


def test_online_nobody_looks_back():
    segmenter, sink, report, clips = both(online=True)
    assert not segmenter.others
    assert not clips
    assert report.frames == FRAMES
    alone = Kept()
    run(Clip(), [Lane("slots", Pieces())], [alone])
    assert sink.tracks() == alone.tracks()


@pytest.mark.parametrize(("at", "frames"), [(FORWARDS, range(5, FRAMES)), (BACKWARDS, range(FRAMES, FRAMES + 1))])
def test_an_interrupt_leaves_what_the_first_pass_found_and_says_so(at, frames):
    notes = []

    def interrupt(done, expected, /, *, stage=""):
        if stage == at and done == 5:
            signal.raise_signal(signal.SIGINT)

    _, sink, report, clips = both(progress=interrupt, notify=notes.append)
    assert report.outcome == "interrupted"
    assert report.frames in frames
    assert len(sink.moments) == report.frames
    assert [clip.frames for clip in clips] == [report.frames]
    assert notes == [
        f"interrupted: writing the {report.frames} frames so far, by the first pass alone; Ctrl+C again ends that"
    ]
    online = Kept()
    run(Clip(report.frames), [Lane("slots", Pieces())], [online])
    assert sink.tracks() == online.tracks()


def test_a_second_interrupt_ends_the_writing_too():
    def interrupt(done, expected, /, *, stage=""):
        if (stage, done) in ((BACKWARDS, 5), (WRITING, 7)):
            signal.raise_signal(signal.SIGINT)

    _, sink, report, _ = both(progress=interrupt)
    assert report.outcome == sink.outcome == "interrupted"
    assert 7 <= report.frames < FRAMES == 40
    assert len(sink.moments) == report.frames


class Broken(Pieces):
    def later_pass(self, learned):
        raise ValueError("broken")


class BrokenOnce(Pieces):
    """The pass that runs forwards fails, in its thread."""

    def later_pass(self, learned):
        other = super().later_pass(learned)
        if len(self.others) == 1:
            other.found = None
        return other


class Damaged(Clip):
    def __iter__(self):
        for frame in super().__iter__():
            if frame.index == 12:
                raise SourceError("clip: broken here")
            yield frame


@pytest.mark.parametrize(
    ("clip", "segmenter", "frames"), [(Damaged, Pieces, 12), (Clip, Broken, FRAMES), (Clip, BrokenOnce, FRAMES)]
)
def test_what_fails_in_a_pass_is_raised_once_what_was_found_before_is_written(clip, segmenter, frames):
    sink, online = Kept(), Kept()
    with pytest.raises((SourceError, ValueError, TypeError), match=r"broken|not callable"):
        run_both_ways(clip(), [Lane("slots", segmenter())], [sink], again=Clip, online=False)
    run(Clip(frames), [Lane("slots", Pieces())], [online])
    assert sink.outcome == "failed"
    assert sink.tracks() == online.tracks()


def test_what_fails_before_the_first_frame_leaves_nothing():
    class Nothing(Pieces):
        def judge(self, frame):
            raise ValueError("broken")

    sink = Kept()
    with pytest.raises(ValueError, match="broken"):
        run_both_ways(Clip(), [Lane("slots", Nothing())], [sink], again=Clip, online=False)
    assert sink.outcome == "failed"
    assert not sink.moments


def test_a_clip_that_is_gone_when_it_is_to_be_written_leaves_no_sink_open():
    def gone(frames):
        raise SourceError("clip: no such file")

    sink = Kept()
    with pytest.raises(SourceError, match="no such file"):
        run_both_ways(Clip(), [Lane("slots", Pieces())], [sink], again=gone, online=False)
    assert sink.outcome == "failed"


def test_the_entropies_of_the_first_pass_are_those_of_the_result():
    class Doubting(Pieces):
        def found(self, *args):
            seen = super().found(*args)
            regions = tuple(replace(region, entropy=0.5 if region.label == 1 else None) for region in seen.regions)
            return replace(seen, regions=regions)

    sink = Kept()
    run_both_ways(Clip(), [Lane("slots", Doubting())], [sink], again=lambda frames: Clip(), online=False)
    regions = {region.label: region for region in sink.moments[20].views[0].segmentation.regions}
    assert {number: region.entropy for number, region in regions.items()} == {1: 0.5, 2: None}
    assert regions[1].area_px == SIDE * SIDE
