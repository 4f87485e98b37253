"""Runs that are killed at a moment of their own work, as by kill -9; and what two runs of one clip wrote, compared."""

import importlib
import json
import multiprocessing
import os
import signal
import traceback
from pathlib import Path

import av
import cv2

WAY = multiprocessing.get_context(
    "forkserver"
)  # this process may have had threads of FFmpeg's, which a fork of it has not
PRELOADED = ["tracker.jobs", "tracker.watching", "tracker.slots.segmenter", "tracker.foreground.scene", __name__]
FORWARDS = "tracker.smoothing.passes:Passes:add"
BACKWARDS = "tracker.slots.segmenter:SlotsSegmenter:step_judged"
WRITING = "tracker.jobs.tally:RunTally:write"
TIMES = {"fps", "ms_per_frame", "once_s"}
"""what of a summary is of the machine"""


def run(job, settings, *, kill=None, number=signal.SIGKILL, window_bytes=None, overlap_s=None):
    """Do the job in a process of its own and return its exit code.

    kill  a method and a count: with that call of it the process gets the signal `number`
    window_bytes, overlap_s  of the second pass; None: the usual
    """
    WAY.set_forkserver_preload(PRELOADED)
    process = WAY.Process(target=_process, args=(job, settings, kill, number, window_bytes, overlap_s))
    process.start()
    process.join(60)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def _process(job, settings, kill, number, window_bytes, overlap_s):
    from tracker.jobs import process
    from tracker.smoothing import passes

    cv2.setNumThreads(1)
    if window_bytes is not None:
        passes.Passes.__init__.__kwdefaults__["window_bytes"] = window_bytes
        passes.OVERLAP_S = overlap_s
    if kill is not None:
        _kill_at(*kill, number)
    try:
        process(job, settings, notify=lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        os._exit(130)
    except Exception:
        traceback.print_exc()
        os._exit(1)


def _kill_at(place, count, number):
    module, kind, name = place.split(":")
    owner = getattr(importlib.import_module(module), kind)
    usual, calls = getattr(owner, name), []

    def counted(self, *given, **named):
        calls.append(None)
        if len(calls) == count:
            os.kill(os.getpid(), number)
        return usual(self, *given, **named)

    setattr(owner, name, counted)


def left(folder):
    """Names of what lies there that is no result."""
    return [
        path.name
        for path in folder.iterdir()
        if ".part-" in path.name or "recovered" in path.name or path.name.endswith("checkpoint")
    ]


def differing(one: Path, other: Path):
    """Names of the results of two runs that differ, each run alone in a folder; of a video the times of its pictures count."""
    names = {path.name for path in one.iterdir()} | {path.name for path in other.iterdir()}
    return [name for name in sorted(names) if _content(one / name) != _content(other / name)]


def _content(path):
    if path.is_dir():
        return {each.name: each.read_bytes() for each in path.iterdir()}
    if path.suffix == ".mp4":
        return picture_times(path)
    if path.name.endswith("summary.json"):
        summary = {key: value for key, value in json.loads(path.read_text()).items() if key not in TIMES}
        summary["versions"].pop("torch", None)  # of whoever imported it in this process
        for lane in summary["lanes"].values():
            del lane["ms_per_frame"]
        return summary
    return path.read_bytes()


def picture_times(path):
    """Seconds, of every picture that is decoded."""
    with av.open(str(path)) as film:
        return [float(picture.time) for picture in film.decode(video=0)]
