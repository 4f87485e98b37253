"""What `tracker batch` costs beside the work: a clip, a worker more, a page, a clip that waits.

python benchmarks/batch.py                          all of it, on a machine that does nothing else
python benchmarks/batch.py overhead --clips 5000
python benchmarks/batch.py workers CLIP.mp4         two workers over one, on copies of a real clip
python benchmarks/batch.py page                     size of the page, and Chromium's time to open it
python benchmarks/batch.py pending                  memory of the driver over clips that wait
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import browser
from clips import draw, write_video

from tracker.batch import BatchOrder, ClipOutcome, Options, Totals, run_batch
from tracker.batch.marks import Mark, ResultKey
from tracker.batch.page import overview, render
from tracker.engines import Done
from tracker.engines.pool import spread
from tracker.settings import RunSettings, load_settings
from tracker.worlds import StreetSettings, draw_street

WORKERS_CLIPS = 8


class Pool:
    """The pool with a number of threads that does not depend on the number of workers, and a function around the work."""

    def __init__(self, workers: int, around: Callable | None = None) -> None:
        self.workers, self._around = workers, around

    def map(self, work: Callable, tasks: Iterable) -> Iterator[Done]:
        asked = work if self._around is None else functools.partial(self._around, work)
        return spread(asked, tasks, workers=self.workers, threads=1)


def timed(order: BatchOrder, settings: RunSettings, engine: object) -> tuple[Totals, float]:
    began = time.perf_counter()
    totals = run_batch(order, settings, engine, notify=print)
    return totals, time.perf_counter() - began


def only_work(work: Callable, task: object) -> tuple[ClipOutcome, float]:
    """`batch.work`, and the seconds that `jobs.process` took of it."""
    module, spent = sys.modules[work.__module__], 0.0
    process = getattr(module.process, "original", module.process)

    def measured(*given, **named):
        nonlocal spent
        began = time.perf_counter()
        try:
            return process(*given, **named)
        finally:
            spent += time.perf_counter() - began

    measured.original = process
    module.process = measured
    return work(task), spent


class Measured:
    """One worker; sums what `process` took."""

    workers = 1

    def __init__(self) -> None:
        self.process_s, self.first_s = 0.0, 0.0

    def map(self, work: Callable, tasks: Iterable) -> Iterator[Done]:
        begun = time.perf_counter()
        for done in Pool(1, only_work).map(work, tasks):
            if not self.first_s:  # the start of the worker and what it imports, once
                self.first_s = time.perf_counter() - begun - done.value[1]
            self.process_s += done.value[1]
            yield Done(done.task, done.value[0])


def overhead(count: int, folder: Path) -> None:
    data = tiny(folder / "tiny", count)
    settings = load_settings(overrides=["lanes=[gmm]", "prescan_frames=4"])
    for parquet in (True, False):
        engine = Measured()
        order = BatchOrder((str(data),), str(folder / f"out-{parquet}"), options=Options(parquet=parquet))
        totals, wall_s = timed(order, settings, engine)
        beside = wall_s - engine.process_s
        print(
            f"{totals.clips} clips, {'with' if parquet else 'without'} Parquet: {wall_s:.1f} s, of which process {engine.process_s:.1f} s; "
            f"{1000 * (beside - engine.first_s) / totals.clips:.2f} ms a clip beside it, and {engine.first_s:.1f} s once"
        )
        again_s = timed(order, settings, Measured())[1]
        print(f"  again, all skipped: {1000 * again_s / totals.clips:.2f} ms a clip")
        page = Path(order.folder) / "report.html"
        print(f"  page: {page.stat().st_size / 1e6:.2f} MB")


def tiny(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    first = write_video(folder / "00000.mp4", draw(8)).read_bytes()
    for number in range(1, count):
        (folder / f"{number:05}.mp4").write_bytes(first)
    return folder


def workers(clip: Path | None, folder: Path) -> None:
    data = folder / "real"
    data.mkdir(parents=True)
    if clip is None:
        clip = folder / "street.mp4"
        write_video(clip, list(draw_street(StreetSettings(frames=200), seed=1).images))
    for number in range(WORKERS_CLIPS):
        shutil.copy(clip, data / f"{number}.mp4")
    for name, around in (("free", None), ("each on one core", on_one_core)):
        took = {}
        for count in (1, 2):
            order = BatchOrder((str(data),), str(folder / f"workers-{name}-{count}"))
            took[count] = timed(order, load_settings(), Pool(count, around))[1]
            print(f"{WORKERS_CLIPS} copies of {clip.name}, {count} workers, {name}: {took[count]:.1f} s")
        print(f"  two workers are {took[1] / took[2]:.2f} times as fast as one, on {os.cpu_count()} processors")


def on_one_core(work: Callable, task: object) -> ClipOutcome:
    """A worker's threads, of the line and of codecs too, on a core of its own: one worker then has no more than one of two."""
    cores = sorted(os.sched_getaffinity(os.getppid()))
    number = multiprocessing.current_process()._identity[-1]
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    return work(task)


def page(folder: Path) -> None:
    key, path = ResultKey("", "", (), ""), folder / "page.html"
    for count in (5000, 20_000):
        marks = (
            Mark(f"camera-{n % 40:02}/2026-11-{1 + n % 28:02}T12-00-00-{n:05}", "s", key, "failed" if n % 50 == 7 else "done",
                 "not a video, or of a kind that cannot be read (Invalid data found when processing input)" if n % 50 == 7 else None,
                 3.2 * (n % 90), 25 * (n % 900), 25.0, (640, 480), {"gmm": n % 90, "slots": n % 70}, (), True)
            for n in range(count)
        )  # fmt: skip
        path.write_text(render(overview(marks)))
        print(f"page of {count} clips: {path.stat().st_size / 1e6:.2f} MB")
        with browser() as chromium:
            tab = chromium.new_page()
            tab.goto(path.as_uri())
            opened = "performance.timing.loadEventEnd - performance.timing.navigationStart"
            print(f"  opened by Chromium in {tab.evaluate(opened)} ms")


class Stub:
    """Does nothing with each task, in this process."""

    workers = 1

    def map(self, work: Callable, tasks: Iterable) -> Iterator[Done]:
        for task in tasks:
            yield Done(task, ClipOutcome(task.clip.name, "done"))


def pending(folder: Path) -> None:
    for count in (1000, 20_000):
        manifest = folder / f"{count}.csv"
        manifest.write_text("source,seed\n" + "".join(f"/clips/{n}.mp4,{n % 5}\n" for n in range(count)))
        order = BatchOrder((), str(folder / "pending"), str(manifest), Options(parquet=False))
        totals, wall_s = timed(order, load_settings(), Stub())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{totals.clips} clips that wait: peak of the driver {peak:.1f} MiB, {1000 * wall_s / count:.2f} ms a clip"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["overhead", "workers", "page", "pending"])
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--clips", type=int, default=5000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if asked.what in (None, "pending"):  # first: the peak is the process's
            pending(folder)
        if asked.what in (None, "overhead"):
            overhead(asked.clips, folder)
        if asked.what in (None, "workers"):
            workers(asked.clip, folder)
        if asked.what in (None, "page"):
            page(folder)


if __name__ == "__main__":
    main()
