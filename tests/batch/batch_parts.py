"""What tests of batches share: tiny clips, an engine in this process, and a run of the command line."""

import os
import subprocess
import sys
import time
from pathlib import Path

from clips import draw, write_video

from tracker.batch import BatchOrder, run_batch
from tracker.engines import Done
from tracker.settings import load_settings
from tracker.words import one_line

QUICK = load_settings(overrides=["lanes=[gmm]", "prescan_frames=4"])


class Here:
    """Does every task in this process, with any function."""

    workers = 1

    def __init__(self, work=None):
        self.instead, self.names = work, []

    def map(self, work, tasks):
        for task in tasks:
            self.names.append(task.clip.name)
            try:
                yield Done(task, (self.instead or work)(task))
            except Exception as error:
                yield Done(task, None, one_line(error))


def make_clips(folder, *names):
    """The same tiny clip under several names; the cost is that of a copy."""
    first = None
    for name in names:
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if first is None:
            first = write_video(path, draw(6)).read_bytes()
        path.write_bytes(first)
    return Path(folder)


def batch(*sources, to, engine=None, settings=QUICK, notify=lambda line: None, **order):
    """The totals, and the engine, which knows the names of the clips that were worked on."""
    engine = engine or Here()
    asked = BatchOrder(tuple(map(str, sources)), str(to), **order)
    return run_batch(asked, settings, engine, notify=notify), engine


def driver(*arguments):
    """`tracker batch` in a process of its own."""
    quick = ["--lanes", "gmm", "--set", "prescan_frames=4", "--no-video", "--no-parquet"]
    command = [sys.executable, "-m", "tracker", "batch", *map(str, arguments), *quick]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def until(true, *, seconds=30):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


def files(folder, *, hidden=False):
    """The names of all files below a folder, the page left out."""
    every = (path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())
    return sorted(name for name in every if name != "report.html" and (hidden or not name.startswith(".batch")))
