"""A clip that is watched in parts: which parts, what each is told, and that their result is that of the whole."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
from here import Here
from pieces import FRAMES, RATE, Clip, Kept, Pieces, Unlearning

from tracker.errors import SinkError, SourceError
from tracker.lanes import Lane
from tracker.pipeline import run
from tracker.settings import load_settings
from tracker.smoothed import WRITING_PARTS, run_both_ways
from tracker.smoothing.spill import LabelFile
from tracker.splitting import Split, part, plan_parts
from tracker.splitting.plan import OVERLAP_FRAMES
from tracker.splitting.watch import PARTS, Parted

TIMES_S = np.arange(FRAMES) / RATE


class Placed(Clip):
    """A part of the drawn clip; `lost` are frames that cannot be decoded."""

    def __init__(self, start_s=0.0, max_frames=FRAMES, lost=(), **_):
        super().__init__()
        self.first, self.count, self.lost = round(start_s * RATE), max_frames, lost

    def __iter__(self):
        for frame in super().__iter__():
            if self.first <= frame.index < self.first + self.count and frame.index not in self.lost:
                yield replace(frame, index=frame.index - self.first, place=frame.index)


@pytest.fixture
def short_parts(monkeypatch):
    """Overlaps of 6 frames, and parts made of the drawn clip."""
    monkeypatch.setattr("tracker.splitting.plan.OVERLAP_S", 0.6)
    monkeypatch.setattr("tracker.splitting.plan.OVERLAP_FRAMES", 6)
    monkeypatch.setattr(part, "open_source", lambda address, **span: Placed(**span))
    made = []

    def build(settings):
        # identities have other numbers in each part
        made.append(Pieces(first=3 * len(made) + 1))
        return (Lane("slots", made[-1]),)

    monkeypatch.setattr(part, "build_lanes", build)
    return made


def watched(number=3, engine=None, sink=None, **options):
    engine, sink = engine or Here(), sink or Kept()
    parts = plan_parts(TIMES_S, Split(number, "parts")).parts
    settings = load_settings(overrides=["lanes=[slots]"])
    parted = Parted("clip", None, settings, parts, TIMES_S, engine)
    options.setdefault("again", lambda frames: Placed())
    report = run_both_ways(Placed(), [Lane("slots", Pieces())], [sink], online=False, parted=parted, **options)
    return sink, report, engine


def whole():
    sink = Kept()
    run_both_ways(Placed(), [Lane("slots", Pieces())], [sink], online=False, again=lambda frames: Placed())
    return sink


@pytest.mark.parametrize("backwards", [False, True])
def test_three_parts_give_what_the_whole_gives(short_parts, backwards):
    sink, report, engine = watched(engine=Here(backwards=backwards))
    expected = whole()
    assert len(short_parts) == 3
    assert (report.frames, report.outcome, sink.outcome) == (FRAMES, "complete", "complete")
    assert [moment.frame.index for moment in sink.moments] == list(range(FRAMES))
    assert sink.tracks() == expected.tracks()
    for ours, other in zip(sink.moments, expected.moments, strict=True):
        assert (ours.views[0].owners == other.views[0].owners).all()
        assert (ours.views[0].segmentation.foreground == other.views[0].segmentation.foreground).all()
    assert engine.ended


def test_the_seams_say_who_was_carried_over_and_how_far_the_parts_agree(short_parts):
    _, report, _ = watched()
    assert report.seconds["lane slots"] > 0
    first, second = report.seams
    assert [seam.time_s for seam in report.seams] == [1.3, 2.7]
    assert (first.lane, first.carried, first.cut, first.boxes_alike, first.idf1) == ("slots", 2, 0, 1.0, 1.0)
    assert (second.carried, second.cut) == (2, 0)


def test_masks_and_tables_speak_of_the_same_identities(short_parts):
    sink, _, _ = watched()
    for moment in sink.moments:
        view = moment.views[0]
        assert set(view.segmentation.labels.ravel().tolist()) - {0} == {t.id for t in view.tracks if not t.hidden}


@pytest.mark.parametrize("lost", [{5, 14, 20}, set(range(10, 16))], ids=["some", "all that two parts share"])
def test_parts_go_on_where_frames_are_missing_and_a_frame_that_no_part_saw_is_empty(short_parts, monkeypatch, lost):
    monkeypatch.setattr(part, "open_source", lambda address, **span: Placed(**span, lost=lost))
    sink, report, _ = watched()
    assert report.frames == FRAMES
    assert {n for n, tracks in enumerate(sink.tracks()) if not tracks} == lost
    assert len({name for tracks in sink.tracks() for name, _ in tracks}) <= 4


def test_a_full_disk_is_one_line_that_names_the_folder(short_parts, monkeypatch):
    monkeypatch.setattr("tracker.splitting.watch.SCENE", "no folder/scene")
    with pytest.raises(SinkError, match="the parts keep there what they see: make room, or set TMPDIR"):
        watched()


def test_a_part_that_fails_ends_the_run_with_one_line_and_leaves_nothing(short_parts, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine, sink = Here(fails=1), Kept()
    with pytest.raises(SourceError, match=r"^part 2 of 3, 0:01.3 to 0:02.6: out of memory; without --split "):
        watched(engine=engine, sink=sink)
    assert engine.ended
    assert sink.outcome == "failed"
    assert not sink.moments
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_on_the_disk_after_a_run(short_parts, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    watched()
    assert not list(tmp_path.iterdir())


def test_no_more_files_are_open_the_more_parts_there_are_and_none_at_the_end(short_parts, monkeypatch):
    opened = LabelFile.opened
    now, most = set(), [0]

    def counted(index):
        file = opened(index)
        now.add(file)
        most[0] = max(most[0], len(now))
        close = file.close
        file.close = lambda: (now.discard(file), close())
        return file

    monkeypatch.setattr(LabelFile, "opened", counted)
    watched()
    assert 0 < most[0] <= 3  # one a pass
    assert not now


def test_a_process_holds_nothing_of_a_part_when_it_is_done(short_parts, monkeypatch):
    before = []

    def build(settings):
        assert not any(segmenter() for segmenter in before)
        lane = Lane("slots", Pieces())
        before.append(weakref.ref(lane.segmenter))
        return (lane,)

    monkeypatch.setattr(part, "build_lanes", build)
    watched()
    assert len(before) == 3


def test_an_interrupt_ends_all_parts(short_parts):
    engine, sink = Here(), Kept()

    def interrupted(task):
        raise KeyboardInterrupt

    engine.map = lambda work, tasks: Here.map(engine, interrupted, tasks)
    with pytest.raises(KeyboardInterrupt):
        watched(engine=engine, sink=sink)
    assert engine.ended
    assert not sink.moments


def test_lanes_that_do_not_look_back_run_where_the_results_are_written(short_parts):
    settings = load_settings(overrides=["lanes=[slots]"])
    parted = Parted("clip", None, settings, plan_parts(TIMES_S, Split(3, "parts")).parts, TIMES_S, Here())
    other, sink = Once(), Kept()
    run_both_ways(
        Placed(), [Lane("slots", Pieces()), Lane("other", other)], [sink], online=False, parted=parted,
        again=lambda frames: Placed(),
    )  # fmt: skip
    alone = Kept()
    run(Placed(), [Lane("other", Once())], [alone])
    assert [moment.views[1].tracks for moment in sink.moments] == [moment.views[0].tracks for moment in alone.moments]


class Once(Unlearning):
    """A segmenter that looks at each frame once, as it comes."""

    def __init__(self):
        self.inner = Pieces()

    def step(self, frame):
        return self.inner.step(frame)


def test_how_far_the_parts_are_is_told_in_frames_of_the_clip(short_parts, monkeypatch):
    monkeypatch.setattr("tracker.splitting.watch.TELL_S", 0.001)
    told = []
    watched(progress=lambda done, frames, /, *, stage="": told.append((stage, done, frames)))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [PARTS, WRITING_PARTS]
    done = [done for stage, done, _ in told if stage == PARTS]
    assert done == sorted(done)
    assert max(done) <= FRAMES


def test_parts_are_of_one_length_and_share_the_overlap():
    times_s = np.arange(3000) / 25
    plan = plan_parts(times_s, Split(4, "parts"))
    assert plan.note is None
    assert [(p.begin, p.end) for p in plan.parts] == [(0, 750), (750, 1500), (1500, 2250), (2250, 3000)]
    assert [(p.first, p.stop) for p in plan.parts] == [(0, 875), (625, 1625), (1375, 2375), (2125, 3000)]
    assert [(p.begin, p.end) for p in plan_parts(times_s, Split(40, "s")).parts] == [
        (0, 1000),
        (1000, 2000),
        (2000, 3000),
    ]
    assert len(plan_parts(times_s, Split(110, "s")).parts) == 2
    assert len(plan_parts(times_s, Split(120, "s")).parts) == 1


def test_parts_that_would_be_mostly_overlap_are_made_longer_and_that_is_said():
    times_s = np.arange(3000) / 25
    plan = plan_parts(times_s, Split(10, "parts"))
    assert len(plan.parts) == 8
    at_least = "a part has 0:15.0 (375 frames) at least, and a clip 1000 parts at most"
    assert plan.note == f"--split: {at_least}: 8 parts are made, not 10"
    short = plan_parts(times_s[:700], Split(2, "parts"))
    assert [part[:] for part in short.parts] == [(0, 0, 700, 700)]
    assert short.note.endswith("the clip is watched as a whole")


def test_parts_of_a_time_lapse_share_frames_enough():
    plan = plan_parts(np.arange(1000) * 60.0, Split(3, "parts"))
    assert plan.parts[0].stop - plan.parts[1].first == OVERLAP_FRAMES


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_clip_of_a_frame_or_two_is_one_part(count):
    plan = plan_parts(np.arange(count) / 25, Split(4, "parts"))
    assert len(plan.parts) == 1
    assert "0:00" not in plan.note
