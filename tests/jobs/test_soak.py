"""Days in minutes: a live run at full speed, whose memory must not grow."""

import numpy as np
import psutil
import pytest
from live_parts import InOrder

from tracker.build import build_lanes
from tracker.draw import Overlay
from tracker.events import EventFinder
from tracker.health import Health
from tracker.hooks.channel import AppendedFile
from tracker.hooks.delivery import Delivery
from tracker.hooks.hook import EventHook
from tracker.jobs.live import Live
from tracker.jobs.tally import RunTally
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.prescan import Prescan
from tracker.settings import load_settings
from tracker.types import Frame, Gap, SourceInfo

SIZE, FRAMES, WARM, MOST_MB = (96, 72), 30_000, 6_000, 10.0
LOOP = 400
"""frames that are drawn, and come again and again"""


class Endless:
    """A live source that never waits: walkers, jumps of the light, another scene for seconds, gaps."""

    problem = None
    info = SourceInfo("drawn", SIZE, 25.0, None, live=True)

    def __init__(self, frames):
        self.frames = frames
        self.scenes = [self._draw(seed) for seed in range(3)]

    def _draw(self, seed):
        rng = np.random.default_rng(seed)
        scene = rng.integers(40, 200, (SIZE[1] // 6, SIZE[0] // 6, 3)).repeat(6, 0).repeat(6, 1)
        walkers = [(rng.integers(0, 60), rng.integers(-40, 90), rng.integers(0, 255, 3)) for _ in range(6)]
        pictures = []
        for n in range(LOOP):
            image = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
            for k, (y, start, colour) in enumerate(walkers):
                x = int((start + (1 + k % 3) * n) % 160) - 30
                image[y : y + 12, max(0, x) : max(0, x + 8)] = colour
            pictures.append(Picture.of(image))
        return pictures

    def __iter__(self):
        time_s = 0.0
        for n in range(self.frames):
            # the first scene, and every minute another one for five seconds
            other = n % 1500 > 1375
            gap = None
            time_s += 0.04
            if n % 2000 == 1999:
                gap, time_s = Gap(time_s, time_s + 20, "drawn"), time_s + 20
            yield Frame(n, time_s, self.scenes[1 + (n // 1500) % 2 if other else 0][n % LOOP], gap=gap)

    def sample(self, count, *, whole=True, width="full"):
        return []


class Weighed:
    """A sink that asks how much memory the process has."""

    def __init__(self):
        self.mb = []

    def write(self, moment):
        if moment.frame.index % 1000 == 0:
            self.mb.append(psutil.Process().memory_info().rss / 1e6)

    def close(self, outcome):
        pass


class Shown:
    """A sink that draws every twentieth moment."""

    def __init__(self, overlay):
        self.overlay = overlay

    def write(self, moment):
        if moment.frame.index % 20 == 0:
            self.overlay(moment)

    def close(self, outcome):
        pass


@pytest.mark.slow
def test_memory_does_not_grow_over_many_frames_of_both_lanes(tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.pipeline.read_ahead", InOrder)
    settings = load_settings(overrides=["device=cpu"])
    lanes, live, source = build_lanes(settings), Live(state=tmp_path / "s"), Endless(FRAMES)
    live.take_up("camera", settings, source.info, lanes, print)
    overlay = Overlay(settings.overlay, lanes=settings.lanes)
    finders = {lane: EventFinder(settings.events, lane) for lane in settings.lanes}
    log = Delivery(AppendedFile(tmp_path / "log"), "log", notify=print)
    weighed = Weighed()
    sinks = [
        RunTally(settings.lanes), Health(settings.lanes, warm_up_s=2.0, pairs=False), Shown(overlay),
        EventHook([log], list(finders.values()), source="drawn", live=True), weighed,
        *live.sinks(overlay, finders, source.info),
    ]  # fmt: skip
    run(source, lanes, sinks, prescan=Prescan(0))
    print([round(mb) for mb in weighed.mb])
    assert log.sent > 1000
    assert all(lane.identities.highest > 100 for lane in lanes)
    after = weighed.mb[WARM // 1000 :]
    # two means: what a single look finds differs by some MB
    assert np.mean(after[-4:]) - np.mean(after[:4]) < MOST_MB
