"""A batch from its sources to its page: which clips are left, what becomes of them, and what is said of it all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from tracker import __version__
from tracker.addresses import is_address, is_local, local_path
from tracker.batch.clips import BatchClip, Shard, clips_of, unique
from tracker.batch.manifest import read_manifest, settings_of_clip
from tracker.batch.marks import MarkStore
from tracker.batch.pack import spread_clips
from tracker.batch.page import PAGE, write_page
from tracker.batch.work import ClipOutcome, ClipTask, Options, lost, state_before
from tracker.engines import Engine
from tracker.errors import SourceError, TrackerError
from tracker.exports.columns import check_parquet
from tracker.networks import weights_digests
from tracker.settings import RunSettings

Report = Callable[["Totals"], None]
"""told after each clip how far the batch is"""
MOST_KINDS = 64
"""settings of which digests are held: a manifest's rows with the same changes share them"""


@dataclass(frozen=True)
class BatchOrder:
    """What a batch is to do."""

    sources: tuple[str, ...]
    folder: str
    """where results go: a path or an address"""
    manifest: str | None = None
    options: Options = Options()  # noqa: RUF009
    shard: Shard = Shard()  # noqa: RUF009
    retry_failed: bool = False
    """those that failed before, and no others"""
    pack: int = 1
    """clips at once in one process"""


@dataclass
class Totals:
    """How far a batch is: numbers of clips."""

    clips: int = 0
    """of this run's shard"""
    done: int = 0
    failed: int = 0
    done_before: int = 0
    """skipped: their marks are of the same input, settings, weights and version"""
    failed_before: int = 0
    elsewhere: int = 0
    """that another run works on"""
    left_out: int = 0
    """of `--retry-failed`: that have not failed"""
    overlays: int = 0
    """of earlier runs, in folders that were named: no clips"""
    seconds: float = 0.0
    """of work"""

    @property
    def over(self) -> int:
        """Clips that nothing more happens to."""
        return self.worked + self.done_before + self.failed_before + self.elsewhere + self.left_out

    @property
    def worked(self) -> int:
        """Clips that were worked on."""
        return self.done + self.failed

    def add(self, outcome: ClipOutcome) -> None:
        """Count one."""
        name = outcome.state.replace(" ", "_")
        setattr(self, name, getattr(self, name) + 1)
        self.seconds += outcome.seconds

    @property
    def line(self) -> str:
        """All of it in a line: `4,000 clips: 3,990 done, 8 failed; 2 done before`."""
        told = [f"{self.done:,} done", f"{self.failed:,} failed"]
        before = [
            f"{count:,} {words}"
            for count, words in (
                (self.done_before, "done before and skipped"),
                (self.failed_before, "failed before; --retry-failed does them again"),
                (self.elsewhere, "in work by another run"),
                (self.left_out, "not failed, left out"),
                (self.overlays, f"overlay{'s' if self.overlays != 1 else ''} of earlier runs left out"),
            )
            if count
        ]
        return f"{self.clips:,} clip{'s' if self.clips != 1 else ''}: " + "; ".join([", ".join(told), *before])


def run_batch(
    order: BatchOrder,
    settings: RunSettings,
    engine: Engine,
    *,
    notify: Callable[[str], None] = lambda line: None,
    report: Report = lambda totals: None,
) -> Totals:
    """Work on every clip that is not done, keep what became of each, and write the page of all that lie in the folder.

    notify  told of each clip that fails, in one line
    Raises SourceError and SettingsError for a source, manifest or row that cannot be read, before any work; SinkError if the folder
    cannot be written; KeyboardInterrupt after Ctrl+C, once the page is written.
    """
    if order.options.parquet:
        check_parquet()
    store = MarkStore(_whole_folder(order.folder))
    changed = settings_of_clip(settings)
    totals = Totals()
    overlays: list[str] = []
    for clip in _clips(order, store, leave_out=overlays.append):
        changed(clip)  # what is refused is refused before any work
        totals.clips += 1
    totals.overlays = len(overlays)
    if not totals.clips and order.shard.of == 1:
        if order.manifest is not None and not order.sources:
            raise SourceError(f"{order.manifest}: no clips in it, or only such that lie in {order.folder}; name others")
        results = "and overlays of earlier runs are" if overlays else "is"
        raise SourceError(
            f"no clips: what lies in {order.folder} {results} taken for results, never for clips; name others"
        )
    store.check(PAGE)
    try:
        tasks = _left(order, store, changed, totals)
        outcomes: Any = spread_clips(engine, tasks, order.pack)  # a generator
        with closing(outcomes):
            for done in outcomes:
                outcome = done.value or lost(done.task, done.problem or "no outcome")
                totals.add(outcome)
                if outcome.state == "failed":
                    notify(f"{outcome.name}: {outcome.problem}")
                report(totals)
    finally:
        write_page(store)
    return totals


def _clips(
    order: BatchOrder, store: MarkStore, *, leave_out: Callable[[str], None] = lambda path: None
) -> Iterator[BatchClip]:
    """The clips of this run's shard, in the same order each time."""

    def every() -> Iterator[BatchClip]:
        yield from clips_of(order.sources, inside=inside, leave_out=leave_out)
        if order.manifest is not None:
            yield from read_manifest(order.manifest)

    @lru_cache(MOST_KINDS)
    def real(folder: str) -> str:
        return os.path.join(os.path.realpath(folder), "")

    def inside(source: str) -> bool:
        if not is_local(store.folder) or not is_local(source):
            return source.startswith(above)
        return source.startswith(above) or real(os.path.dirname(source)).startswith(real(store.folder))

    above = f"{store.folder.rstrip('/' + os.sep)}{os.sep if is_local(store.folder) else '/'}"
    return unique(every(), inside=inside, shard=order.shard)


def _left(
    order: BatchOrder, store: MarkStore, changed: Callable[[BatchClip], RunSettings], totals: Totals
) -> Iterator[ClipTask]:
    """The tasks of clips that are left, made one by one as they are asked for; the others are counted."""

    known_settings = _Digests(order.options)
    for clip in _clips(order, store):
        settings = changed(clip)
        digest, weights = known_settings(clip, settings)
        task = ClipTask(clip, store.folder, settings, order.options, digest, weights, __version__, order.retry_failed)
        mark = store.read(clip.name)
        if order.retry_failed and (mark is None or mark.state != "failed"):
            totals.left_out += 1
            continue
        known = None
        if mark is not None:
            try:
                key = task.key()
            except TrackerError:  # a source that is not there
                key = task.unread_key
            known = state_before(task, store, mark, key)
        if known is None:
            yield task
        else:
            totals.add(known)


class _Digests:
    """Those of settings and weights, made once for all clips with the same changes."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {}

    def __call__(self, clip: BatchClip, settings: RunSettings) -> tuple[str, tuple[str, ...]]:
        if clip.own not in self._known:
            if len(self._known) >= MOST_KINDS:
                self._known.clear()
            self._known[clip.own] = (
                settings_digest(settings, self._options, fps=clip.fps), tuple(weights_digests(settings).values())
            )  # fmt: skip
        return self._known[clip.own]


def settings_digest(settings: RunSettings, options: Options, *, fps: float | None = None) -> str:
    """sha256 of all that decides a result beside its input and the weights."""
    plain: dict[str, Any] = {"settings": settings.model_dump(mode="json"), "options": asdict(options)}
    if fps is not None:
        plain["fps"] = fps
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _whole_folder(folder: str) -> str:
    return folder if is_address(folder) and not is_local(folder) else os.path.abspath(local_path(folder))
