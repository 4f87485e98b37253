"""What `import tracker` gives: the same runs as the command line's, inside out."""

import doctest
import json
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest
from PIL import Image

import tracker
from tracker.api.plan import plan, run_settings

NAMES = {
    "LaneResult", "RunResult", "RunSettings", "SettingsError", "SinkError", "SourceError", "Table", "TrackedFrame", "Tracker",
    "TrackerError", "Tracks", "__version__", "compare", "load_settings", "process", "read", "track",
}  # fmt: skip
FRAMES = 60
GATE = {"lines": {"gate": {"points": [[64, 0], [64, 95]]}}}


def walk(count: int = FRAMES, seed: int = 0) -> np.ndarray:
    """(N, 96, 128, 3): a dark square walks over grey noise."""
    random = np.random.default_rng(seed)
    clip = np.clip(random.normal(120, 3, (count, 96, 128, 3)), 0, 255).astype(np.uint8)
    for t, image in enumerate(clip):
        image[40:64, t : t + 16] = 30
    return clip


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return clips.write_video(tmp_path_factory.mktemp("api") / "walk.mp4", list(walk()))


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "track"]


def test_the_public_names_are_exactly_these():
    assert set(tracker.__all__) == NAMES
    assert set(dir(tracker)) >= NAMES
    assert all(getattr(tracker, name) is not None for name in NAMES)
    with pytest.raises(AttributeError, match="has no attribute 'trakc'"):
        tracker.trakc  # noqa: B018


def test_importing_it_loads_nothing_heavy():
    asked = (
        "import sys\nimport tracker\n"
        "print(sorted({'torch', 'cv2', 'av', 'numpy', 'scipy', 'pydantic', 'pandas', 'onnxruntime'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("module", ["tracks", "stream", "step", "run"])
def test_the_examples_of_the_documentation_run(module):
    done = doctest.testmod(import_module(f"tracker.api.{module}"))
    assert done.attempted > 0
    assert done.failed == 0


@pytest.mark.parametrize("online", [False, True])
def test_frame_by_frame_it_is_the_run_that_writes_the_tables(video, tmp_path, online):
    result = tracker.process(video, tmp_path / "out.mp4", lanes="slots", online=online)
    rows = [
        (moment.frame.written, identity, *box)
        for moment in tracker.track(video, online=online)
        for identity, box in zip(moment.tracks.ids, moment.tracks.boxes, strict=True)
    ]
    table = result.tracks
    found = np.array(sorted(rows))
    order = np.lexsort((table.id, table.frame))
    assert len(found) > FRAMES / 2
    assert np.array_equal(found[:, :2], np.stack([table.frame, table.id], 1)[order])
    assert found[:, 2:] == pytest.approx(table.box[order])
    read = tracker.read(tmp_path / "out.slots.csv")
    assert read.box == pytest.approx(table.box, abs=0.006)
    assert read.hidden.tolist() == table.hidden.tolist()
    assert {path.name for path in result.files} >= {"out.mp4", "out.slots.csv", "out.summary.json"}


def test_a_frame_has_pixels_boxes_and_a_picture():
    moments = list(tracker.track(walk(), lanes=["slots", "gmm"], fps=25))
    moment = moments[30]
    assert moment.frame.time_s == pytest.approx(30 / 25)
    assert moment.lane == "slots"
    assert moment.lanes == ("slots", "gmm")
    assert moment.of("gmm").lane == "gmm"
    assert moment.tracks.boxes[0] == pytest.approx([30, 40, 46, 64], abs=2)
    assert set(np.unique(moment.labels[44:60, 34:42])) == {moment.tracks.ids[0]}
    assert moment.labels.shape == moment.foreground.shape == (96, 128)
    assert moment.draw().shape == (96, 128, 3)
    with pytest.raises(tracker.TrackerError, match="no lane 'rigid' in this run; it has"):
        moment.of("rigid")


def test_pictures_that_come_once_are_watched_as_a_camera_would():
    once = [moment.tracks.boxes.tolist() for moment in tracker.track(iter(walk()), fps=25)]
    kept = [moment.tracks.boxes.tolist() for moment in tracker.track(walk(), fps=25, online=True, prescan=False)]
    assert once == kept
    assert len(once) == FRAMES


def test_a_loop_of_ones_own_finds_what_the_run_finds():
    steps = tracker.Tracker(lanes="slots", fps=25)
    mine = [steps.step(image).tracks.boxes.tolist() for image in walk()]
    theirs = [moment.tracks.boxes.tolist() for moment in tracker.track(walk(), fps=25, online=True, prescan=False)]
    assert mine == theirs


def test_a_loop_of_ones_own_that_has_seen_the_scene_needs_no_warm_up():
    clip = walk()
    steps = tracker.Tracker(lanes="slots", fps=25)
    steps.prepare(clip[::2])
    assert len([steps.step(image).tracks for image in clip][10]) == 1


def test_zones_are_counted_in_a_loop_of_ones_own():
    steps = tracker.Tracker(lanes="gmm", fps=25, zones=GATE)
    steps.prepare(walk()[::2])
    passed = [passage for image in walk(100) for passage in steps.passages(steps.step(image))]
    assert [(passage.kind, passage.zone) for passage in passed] == [("crossing", "gate")]
    assert sum(steps.counts["gmm"].lines["gate"].values()) == 1


def test_zones_are_drawn_with_the_counts_of_their_frame():
    clip = walk(100)
    steps = tracker.Tracker(lanes="gmm", fps=25, zones=GATE)
    for moments in (list(tracker.track(clip, lanes="gmm", fps=25, zones=GATE)), [steps.step(image) for image in clip]):
        labels = [moment.shapes["gmm"][0].label for moment in moments]
        assert [labels[0], labels[-1]] == ["gate  0 in  0 out", "gate  0 in  1 out"]
        before = clip[0].astype(int)
        assert np.abs(moments[0].draw() - before)[5:30, 62:67].max() > 60  # the line, in a place without objects


def test_a_loop_of_ones_own_is_told_what_it_gave_wrongly():
    steps = tracker.Tracker(lanes="gmm")
    with pytest.raises(tracker.SourceError, match="Give its time_s"):
        steps.step(walk()[0])
    steps.step(walk()[0], time_s=5.0)
    with pytest.raises(tracker.SourceError, match=r"picture 1: time_s 5: wanted later than 5 s"):
        steps.step(walk()[1], time_s=5.0)
    with pytest.raises(tracker.TrackerError, match="picture 1: wanted 128x96 as the first, got 64x48"):
        steps.step(clips.draw(1)[0], time_s=6.0)
    with pytest.raises(tracker.SourceError, match="before the first step"):
        steps.prepare(walk())
    assert steps.step(walk()[1], time_s=6.0).frame.index == 1


def test_what_an_earlier_step_gave_is_not_counted_again():
    steps = tracker.Tracker(lanes="gmm", fps=25, zones={"areas": {"all": [[0, 0], [1, 0], [1, 1], [0, 1]]}})
    moments = []
    told = []
    for image in walk():
        moments.append(steps.step(image))
        told += steps.passages(moments[-1])
    assert [passage.kind for passage in told] == ["entry"]
    with pytest.raises(tracker.SourceError, match="wanted what the latest step gave"):
        steps.passages(moments[5])
    assert steps.counts["gmm"].areas["all"].entries == 1


def test_everybody_leaves_the_zones_at_a_reset_and_counts_go_on():
    steps = tracker.Tracker(lanes="gmm", fps=25, zones={"areas": {"all": [[0, 0], [1, 0], [1, 1], [0, 1]]}})
    for image in walk():
        steps.step(image)
    before = steps.counts["gmm"].areas["all"]
    steps.reset()
    assert (before.entries, before.inside) == (1, 1)
    told = [passage for image in walk() for passage in steps.passages(steps.step(image))]
    after = steps.counts["gmm"].areas["all"]
    assert [passage.kind for passage in told] == ["exit", "entry"]
    assert (after.entries, after.exits) == (2, 1)
    assert after.seconds == pytest.approx(2 * before.seconds)


def test_identities_go_on_after_a_reset():
    steps = tracker.Tracker(lanes="gmm", fps=25)
    steps.prepare(walk()[::2])
    before = {int(identity) for image in walk() for identity in steps.step(image).tracks.ids}
    steps.reset()
    steps.prepare(walk()[::2])
    after = {int(identity) for image in walk() for identity in steps.step(image).tracks.ids}
    assert before == {1}
    assert after == {2}


def test_who_leaves_the_loop_early_ends_the_run_and_has_whole_files(video, tmp_path):
    for moment in tracker.track(video, lanes="gmm", online=True, output=tmp_path / "out.mp4"):
        if moment.frame.index == 20:
            break
    assert threads() == []
    table = tracker.read(tmp_path / "out.gmm.csv")
    assert 20 <= table.frame.max() < FRAMES


def test_ctrl_c_while_nothing_has_come_yet_ends_the_run(video):
    moments = tracker.track(video)
    next(moments)
    with pytest.raises(KeyboardInterrupt):
        moments.throw(KeyboardInterrupt)
    assert threads() == []


def test_errors_are_told_where_the_frames_are_taken(video, tmp_path):
    with pytest.raises(tracker.SourceError, match="no such file"):
        list(tracker.track(tmp_path / "nothing.mp4"))
    with pytest.raises(
        tracker.SettingsError, match=r"settings: unknown setting gmm.working_widh; did you mean gmm.working_width"
    ):
        tracker.track(video, settings={"gmm.working_widh": 1})
    with pytest.raises(tracker.SettingsError, match="lanes: sloths"):
        tracker.track(video, lanes="sloths")
    with pytest.raises(tracker.SourceError, match="a source is an address, a camera's number or pictures, not float"):
        tracker.track(1.5)
    tracker.process(video, tmp_path / "a.mp4", lanes="gmm", max_frames=3)
    with pytest.raises(tracker.SinkError, match="overwrite"):
        tracker.process(video, tmp_path / "a.mp4", lanes="gmm", max_frames=3)
    assert threads() == []


def test_settings_are_a_file_or_dotted_names_or_nested_ones(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("gmm: {min_area: 0.01}\n")
    given = [
        file,
        {"gmm.min_area": 0.01},
        {"gmm": {"min_area": 0.01}},
        tracker.load_settings(overrides=["gmm.min_area=0.01"]),
    ]
    assert [tracker.Tracker(lanes="gmm", settings=settings).settings.gmm.min_area for settings in given] == [0.01] * 4


def test_comparing_writes_the_page_and_has_every_lane(video, tmp_path):
    result = tracker.compare(video, tmp_path / "out", lanes=["gmm", "blobs"])
    assert (tmp_path / "out/report.html").exists()
    assert set(result.lanes) == {"gmm", "blobs"}
    assert result.lane == "gmm"
    assert result.events[0].kind == "birth"
    assert len(result.lanes["blobs"].tracks) > 0


def test_events_and_truth_of_pictures_that_count_from_zero(tmp_path):
    folder = clips.write_pictures(tmp_path / "in", walk(), name="{:04}.png")
    result = tracker.process(folder, lanes="gmm", fps=25, start_s=0.2)
    first = result.events[0]
    assert first.kind == "birth"
    assert (first.frame, first.time_s) == (result.tracks.frame[0], result.tracks.time_s[0])
    assert {event.frame for event in result.events} <= set(range(5, FRAMES))
    (tmp_path / "gt.txt").write_text("".join(f"{n},1,20,40,20,30,1,1,1\n" for n in range(1, FRAMES + 1)))
    with pytest.raises(tracker.SourceError, match="give --rows places"):
        tracker.compare(folder, tmp_path / "a", lanes="gmm", fps=25, truth=tmp_path / "gt.txt")
    scored = tracker.compare(folder, tmp_path / "b", lanes="gmm", fps=25, truth=tmp_path / "gt.txt", rows="places")
    assert "scores" in scored.summary["lanes"]["gmm"]
    for rows, said in (
        ("places", "rows: is about the table of truth"),
        ("both", "wanted places or numbers, not 'both'"),
    ):
        with pytest.raises(tracker.TrackerError, match=said):
            tracker.compare(folder, tmp_path / "c", lanes="gmm", rows=rows)


def test_progress_names_its_stages():
    told = []
    tracker.process(
        walk(), lanes="slots", fps=25, progress=lambda done, expected, stage: told.append((stage, done, expected))
    )
    assert list(dict.fromkeys(stage for stage, *_ in told)) == ["forwards", "backwards", "writing"]
    assert told[-1] == ("writing", FRAMES, FRAMES)


def test_a_run_becomes_coco_with_the_pixels_that_were_written(tmp_path):
    boxes = tracker.process(walk(), lanes="slots", fps=25).to_coco()
    masks = tracker.process(walk(), tmp_path / "out.mp4", lanes="slots", fps=25, masks="rle").to_coco()
    assert boxes["images"][0]["width"] == 128
    assert len(boxes["annotations"]) == len(masks["annotations"]) > FRAMES / 2
    assert boxes["annotations"][20].get("segmentation", []) == []
    assert masks["annotations"][20]["segmentation"]["size"] == [96, 128]


FORKED = """
import multiprocessing, sys
import cv2, numpy as np
import tracker

def run(queue):
    clip = np.full((12, 48, 64, 3), 90, np.uint8)
    tracker.process(clip, lanes="gmm", fps=25)
    queue.put(sum(1 for _ in tracker.track(clip, lanes="gmm", fps=25)))

cv2.setNumThreads(2)
cv2.GaussianBlur(np.zeros((900, 900, 3), np.uint8), (0, 0), 5)  # now OpenCV has its threads, and a fork lacks them
fork = multiprocessing.get_context("fork")
queue = fork.Queue()
worker = fork.Process(target=run, args=(queue,), daemon=True)
worker.start()
print(queue.get(timeout=30))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_pool_of_forked_processes_can_use_it():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "12\n", done.stderr


def test_opencv_has_as_many_threads_after_runs_that_end_in_the_order_in_which_they_began():
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        first, second = (tracker.track(walk(8), lanes="gmm", fps=25, online=True) for _ in range(2))
        next(first)
        next(second)
        assert cv2.getNumThreads() == 1
        first.close()
        assert cv2.getNumThreads() == 1
        second.close()
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize("drawn", [True, False])
@pytest.mark.parametrize("audio", [True, False])
def test_a_stream_that_is_written_has_its_sound(drawn, audio, tmp_path):
    job = {"output": tmp_path / "out.mp4", "video": drawn, "sound": audio}
    live = plan("rtsp://camera/main", run_settings(), fps=None, **job).live
    assert live.watching.sound == (drawn and audio)
    assert not plan(0, run_settings(), fps=None).live.watching.sound  # nothing is written


def test_opencv_has_as_many_threads_after_a_run_as_before():
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        tracker.process(walk(4), lanes="gmm", fps=25)
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_the_scene_of_a_loop_of_ones_own_is_learned_from_pictures_as_they_are(monkeypatch):
    """Its later pictures are not steadied either."""
    monkeypatch.setattr(
        "tracker.choosing.measure_shake", lambda *a, **k: pytest.fail("it was asked how the camera shook")
    )
    tracker.Tracker(lanes="gmm", fps=25).prepare(walk()[::2])


def test_one_array_that_is_filled_anew_for_each_picture_is_as_good_as_many():
    def shared():
        buffer = np.empty_like(clip[0])
        for image in clip:
            buffer[:] = image
            yield buffer

    clip = walk()
    apart, same = (
        [(moment.tracks.boxes.tolist(), moment.frame.image) for moment in tracker.track(source, lanes="gmm", fps=25)]
        for source in (iter(clip), shared())
    )
    assert [boxes for boxes, _ in same] == [boxes for boxes, _ in apart]
    assert all(np.array_equal(image, given) for (_, image), given in zip(same, clip, strict=True))


def test_a_step_keeps_its_picture_while_the_caller_fills_his_array_anew():
    own, buffer = tracker.Tracker(lanes=["gmm"], fps=25), np.zeros((48, 64, 3), np.uint8)
    first = own.step(buffer)
    buffer[:] = 255
    own.step(buffer)
    assert not first.frame.image.any()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"masks": "RLE"}, "masks: wanted 'png', 'rle' or None, not 'RLE'"),
        ({"fps": "25"}, "fps: wanted a number, not '25'"),
        ({"start_s": "1"}, "start_s: wanted a number, not '1'"),
        ({"duration_s": True}, "duration_s: wanted a number, not True"),
        ({"max_frames": 2.5}, "max_frames: wanted a whole number, not 2.5"),
        ({"max_frames": 0}, "max frames: expected 1 or more, not 0"),
        ({"fps": 0}, "fps: expected 1e-05 to 10000 pictures a second, not 0"),
        ({"fps": float("nan")}, "fps: expected 1e-05 to 10000 pictures a second, not nan"),
        ({"duration_s": -1}, "duration: expected more than 0 and at most 1e+08 seconds, not -1"),
    ],
)
def test_values_of_another_type_are_refused_in_a_line(given, said, tmp_path):
    with pytest.raises(tracker.TrackerError) as caught:
        tracker.process(walk(4), tmp_path / "out.mp4", lanes="gmm", **given)
    assert str(caught.value) == said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tracker.track(walk(2), lanes=3), "lanes: wanted the name of a lane or several, not 3"),
        (lambda: tracker.track(walk(2), settings=3), "settings: wanted a YAML file's path or settings by name, not 3"),
        (lambda: tracker.track(walk(2), settings=["a"]), "settings: wanted a YAML file's path or settings by name"),
        (lambda: tracker.track(walk(2), zones="x"), "zones: wanted areas and lines by name, not 'x'"),
        (lambda: tracker.track(walk(2), output=3), "output: wanted a path, not 3"),
        (lambda: tracker.track(b"clip.mp4"), "a source is an address, a camera's number or pictures, not bytes"),
        (lambda: tracker.process(walk(2), progress=3), "progress: wanted a function, not 3"),
        (lambda: tracker.compare(walk(2), 3), "folder: wanted a path, not 3"),
        (lambda: tracker.compare(walk(2), "out", truth=3), "truth: wanted a path, not 3"),
        (lambda: tracker.read(None), "wanted the path of a table of tracks, not None"),
        (lambda: tracker.Tracker(lanes="gmm").prepare(None), "images: wanted pictures"),
        (lambda: tracker.Tracker(lanes="gmm").step(walk(1)[0], time_s="1"), "time_s: wanted a number, not '1'"),
        (lambda: tracker.Tracker(lanes="gmm").prepare([walk(1)[0], walk(1)[0][:9]]), "picture 1: wanted 128x96 as the"),
    ],
)
def test_what_is_given_wrongly_is_an_error_of_the_library(call, said):
    with pytest.raises(tracker.TrackerError) as caught:
        call()
    assert said in str(caught.value)


def test_steps_have_the_size_of_the_pictures_of_the_scene():
    own = tracker.Tracker(lanes="gmm", fps=25)
    own.prepare(walk(4)[:, :50])
    with pytest.raises(tracker.TrackerError, match="wanted 128x50 as the first, got 128x96"):
        own.step(walk(1)[0])


def test_an_iterable_that_is_interrupted_is_not_a_clip_that_ended(tmp_path):
    def given():
        yield from walk(10)
        raise KeyboardInterrupt

    seen = tracker.track(given(), lanes="gmm", fps=25, output=tmp_path / "out.mp4")
    moments = []
    with pytest.raises(KeyboardInterrupt):
        moments += [moment.frame.index for moment in seen]
    assert json.loads((tmp_path / "out.summary.json").read_text())["outcome"] == "interrupted"


def test_pictures_called_by_their_time_have_these_numbers(tmp_path):
    first = 20261128123456007  # which float64 does not hold
    pictures = walk()
    for n, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{first + n}.png")
    made = tracker.process(tmp_path, lanes="gmm", fps=25)
    assert set(made.tracks.frame.tolist()) <= {first + n for n in range(len(pictures))}
    assert len(set(made.tracks.frame.tolist())) > 20
    assert {image["id"] for image in made.to_coco()["images"]} == set(made.tracks.frame.tolist())


def test_a_rate_that_is_none_is_refused_before_the_first_step():
    for fps in (0, -25, float("inf")):
        with pytest.raises(tracker.SourceError, match="fps: expected"):
            tracker.Tracker(lanes="gmm", fps=fps)


def test_a_camera_is_not_asked_for_what_never_ends():
    with pytest.raises(tracker.SourceError, match="max frames: expected 1 or more"):
        tracker.process(0, lanes="gmm", max_frames=0)


def test_numbers_of_numpy_are_numbers():
    made = tracker.process(walk(6), lanes="gmm", fps=np.float32(25), max_frames=np.int64(4), start_s=np.float64(0))
    assert made.summary["frames"] == 4
