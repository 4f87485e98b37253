"""A live run goes on where the one before it ended."""

import os
from dataclasses import replace

import numpy as np
import pytest
from commands import refused
from live_parts import InOrder

from tracker.build import build_lanes
from tracker.errors import SinkError
from tracker.jobs import state as state_module
from tracker.jobs.live import Live
from tracker.jobs.state import UNCLEAN_SKIP, StateKeeper, camera_digest
from tracker.jobs.state_file import DamagedError, SavedState, read_state, write_state
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.prescan import Prescan
from tracker.settings import load_settings
from tracker.types import Frame, SourceInfo

SIZE = (96, 72)
ADDRESS = "rtsp://me:secret@camera/1"
SAVED = SavedState(
    "cam", SIZE, "set", 1000.0, True, {"gmm": 7}, (990.0, 995.0), {"zones": {"door": 3}}, (b"abc", b"defgh")
)


def test_what_was_written_is_read(tmp_path):
    assert read_state(tmp_path / "s") is None
    write_state(tmp_path / "s", SAVED)
    assert read_state(tmp_path / "s") == SAVED
    assert os.listdir(tmp_path) == ["s"]


def test_a_file_that_is_cut_off_anywhere_or_changed_is_never_taken_for_whole(tmp_path):
    path = tmp_path / "s"
    write_state(path, SAVED)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(DamagedError):
            read_state(path)
    for place in range(len(b"tracker state 1\n"), len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(DamagedError):
            read_state(path)


def test_a_state_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    write_state(tmp_path / "s", SAVED)
    monkeypatch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_state(tmp_path / "s", replace(SAVED, saved_s=2000.0))
    assert read_state(tmp_path / "s") == SAVED
    assert os.listdir(tmp_path) == ["s"]


def test_a_file_that_is_no_state_is_refused_and_not_replaced(tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"\0\0\0 ftypisom")
    assert "is no state of this program and is not replaced" in refused(
        "webcam", "0", "--no-show", "--events-to", "-", "--state", clip
    )
    assert clip.read_bytes() == b"\0\0\0 ftypisom"
    assert "there is no folder" in refused(
        "webcam", "0", "--no-show", "--events-to", "-", "--state", tmp_path / "none" / "s"
    )


def test_a_camera_is_known_without_its_password_and_by_its_channel():
    assert camera_digest(ADDRESS) == camera_digest("rtsp://me:other@camera/1")
    assert camera_digest(ADDRESS) != camera_digest("rtsp://me:secret@camera/2")
    assert camera_digest("rtsp://camera/x?channel=1") != camera_digest("rtsp://camera/x?channel=2")


# Whole runs


class Stream:
    """A live source: a textured, noisy scene in which one object after the other walks across."""

    problem = None

    def __init__(self, count, *, size=SIZE, first=0):
        self.count, self.first, self.size = count, first, size
        self.info = SourceInfo("camera", size, 25.0, None, live=True)

    def __iter__(self):
        width, height = self.size
        scene = np.random.default_rng(1).integers(40, 200, (height // 6, width // 6, 3)).repeat(6, 0).repeat(6, 1)
        rng = np.random.default_rng(2 + self.first)
        for n in range(self.count):
            image = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
            x = 2 * ((n + self.first) % 60) - 14
            if n + self.first >= 60:  # who is there in the warm-up is scene
                image[30:50, max(0, x) : max(0, x + 14)] = (250, 20, 30)
            yield Frame(n, n / 25, Picture.of(image))

    def sample(self, count, *, whole=True, width="full"):
        return []


class Everything:
    """A sink that keeps the moments."""

    def __init__(self):
        self.moments = []

    def write(self, moment):
        self.moments.append(moment)

    def close(self, outcome):
        pass


class Clock:
    """A clock of which each frame takes a second."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


class Every:
    def __init__(self, clock):
        self.clock = clock

    def write(self, moment):
        self.clock.now += 1

    def close(self, outcome):
        pass


@pytest.fixture
def in_order(monkeypatch):
    """Every frame of a live source is looked at, in order, so that runs are the same on every machine."""
    monkeypatch.setattr("tracker.pipeline.read_ahead", InOrder)


def go(path, frames, *, lanes="gmm", clock=None, address=ADDRESS, size=SIZE, first=0, parts=None, overrides=()):
    """(moments, lanes, lines said) of a live run with a state."""
    settings = load_settings(overrides=[f"lanes=[{lanes}]", "device=cpu", *overrides])
    source, said, clock = Stream(frames, size=size, first=first), [], clock or Clock()
    built, kept = build_lanes(settings), Everything()
    keeper = StateKeeper(
        path, address=address, settings=settings, info=source.info, lanes=built, width=640, notify=said.append,
        parts=parts, clock=clock,
    )  # fmt: skip
    prescan = keeper if keeper.knows_scene else Prescan()
    run(source, built, [Every(clock), kept, keeper], prescan=prescan)
    return kept.moments, built, said


def seen(moments, lane):
    return {track.id for moment in moments for track in moment.view(lane).tracks}


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize("lane", ["gmm", "slots", "blobs"])
def test_a_restart_knows_the_scene_at_once_and_gives_no_identity_twice(lane, tmp_path):
    path, clock = tmp_path / "s", Clock()
    before, _, said = go(path, 140, lanes=lane, clock=clock)
    assert said == []
    assert not any(moment.view(lane).segmentation.regions for moment in before[:40])  # it warmed up
    after, _, said = go(path, 30, lanes=lane, clock=clock, first=145)
    (line,) = said
    assert "the scene is known, saved 0 s ago; identities go on from" in line
    assert "secret" not in line

    # as good at once as it was after more than a hundred frames
    def share(moments):
        return [moment.view(lane).segmentation.foreground.mean() for moment in moments]

    true = 20 * 14 / (SIZE[0] * SIZE[1])
    assert np.mean(share(after[2:20])) == pytest.approx(true, rel=0.4)
    assert np.mean(share(after[2:20])) == pytest.approx(np.mean(share(before[122:138])), rel=0.3)
    assert seen(after, lane)
    assert min(seen(after, lane)) > max(seen(before, lane))


@pytest.mark.usefixtures("in_order")
def test_objects_are_no_part_of_the_scene_that_is_kept(tmp_path):
    go(tmp_path / "s", 140)
    state = read_state(tmp_path / "s")
    pictures = [state_module._decoded(picture) for picture in state.pictures]
    assert len(pictures) == state_module.PICTURES
    red = np.array([((p[..., 0] > 220) & (p[..., 1] < 60)).mean() for p in pictures])
    assert red.max() < 0.01


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize(
    ("changes", "said", "goes_on"),
    [
        ({"address": "rtsp://me:secret@other/1"}, "is of another camera; everything begins anew", False),
        ({"size": (120, 72)}, "the scene is learned anew (its pictures were 96x72, now they are 120x72)", True),
        ({"overrides": ["gmm.working_width=64"]}, "the settings of the lanes have changed", True),
        ({"clock": Clock(1_000_000 + 140 + 7300)}, "the scene is learned anew (it was saved 2 h ago)", True),
    ],
)
def test_what_does_not_fit_is_said_and_the_scene_is_learned_anew(changes, said, goes_on, tmp_path):
    path = tmp_path / "s"
    before, _, _ = go(path, 140)
    after, _, lines = go(path, 100, **changes)
    assert len(lines) == 1
    assert said in lines[0]
    assert not any(moment.view("gmm").segmentation.regions for moment in after[:40])
    assert (min(seen(after, "gmm")) > max(seen(before, "gmm"))) == goes_on


@pytest.mark.usefixtures("in_order")
def test_a_damaged_state_is_one_line_and_a_fresh_start(tmp_path):
    path = tmp_path / "s"
    go(path, 140)
    path.write_bytes(path.read_bytes()[:-3])
    after, _, lines = go(path, 100)
    assert lines == [f"tracker: state {path}: cannot be used (it is cut off or was changed); everything begins anew"]
    assert min(seen(after, "gmm")) == 1
    assert read_state(path).clean


@pytest.mark.usefixtures("in_order")
def test_after_a_kill_the_last_minute_counts_and_identities_leave_room(tmp_path):
    path, copy = tmp_path / "s", []

    class Killed(Everything):
        def write(self, moment):
            if moment.frame.index == 100 and not copy:
                for writer in [t for t in __import__("threading").enumerate() if t.name == "state"]:
                    writer.join()
                copy.append(path.read_bytes())

    settings = load_settings(overrides=["lanes=[gmm]"])
    source, clock = Stream(140), Clock()
    built = build_lanes(settings)
    keeper = StateKeeper(
        path, address=ADDRESS, settings=settings, info=source.info, lanes=built, width=640, notify=print, clock=clock
    )
    run(source, built, [Every(clock), keeper, Killed()])
    path.write_bytes(copy[0])
    state = read_state(path)
    assert (state.clean, state.saved_s) == (False, 1_000_061.0)
    after, _, _ = go(path, 60, clock=clock, first=145)
    assert min(seen(after, "gmm")) == state.identities["gmm"] + UNCLEAN_SKIP + 1


@pytest.mark.usefixtures("in_order")
def test_counters_are_restored_with_the_state(tmp_path):
    class Counter:
        def __init__(self, count=0):
            self.count = count

        def saved(self):
            return {"count": self.count}

        def restore(self, value):
            self.count = value["count"]

    go(tmp_path / "s", 10, parts={"zones": Counter(5)})
    zones = Counter()
    _, _, said = go(tmp_path / "s", 10, parts={"zones": zones, "more": Counter()})
    assert zones.count == 5
    write_state(tmp_path / "s", replace(read_state(tmp_path / "s"), parts={"zones": []}))
    _, _, said = go(tmp_path / "s", 10, parts={"zones": zones})
    assert "its zones do not fit; they begin anew" in said[0]


@pytest.mark.usefixtures("in_order")
def test_a_state_that_cannot_be_written_is_said_once_and_ends_nothing(tmp_path, monkeypatch):
    def full(path, state):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_module, "write_state", full)
    moments, _, said = go(tmp_path / "s", 140)
    assert len(moments) == 140
    assert said == [
        f"tracker: state {tmp_path / 's'}: cannot be written (No space left on device); trying again every 60 s"
    ]


def test_a_reset_forgets_the_pictures_and_counts_on(tmp_path):
    settings = load_settings(overrides=["lanes=[gmm]"])
    live, lanes, source = Live(state=tmp_path / "s"), build_lanes(settings), Stream(10)
    live.take_up(ADDRESS, settings, source.info, lanes, print)
    live.lead(lanes)
    live.keeper._pictures.append((0.0, b""))
    lanes[0].identities.go_on_from(12)
    live.controls.ask("reset")
    live.controls.attend()
    assert not live.keeper._pictures
    assert lanes[0].identities.highest == 12


def test_a_folder_is_no_state(tmp_path):
    with pytest.raises(SinkError, match="is no file"):
        read_state(tmp_path)
