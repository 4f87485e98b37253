"""A job that is saved now and then: what cannot be, whether it goes on from a checkpoint, and what belongs to its process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import Any

from tracker.addresses import input_digest
from tracker.checkpoint import CheckpointFolder, Checkpoints, NextFrame
from tracker.checkpoint.stages import left_off
from tracker.differing import differing
from tracker.errors import SinkError
from tracker.jobs.files import Job
from tracker.jobs.outputs import RunSinks
from tracker.jobs.versions import versions_of
from tracker.lanes import Lane
from tracker.networks import weights_digests
from tracker.settings import RunSettings
from tracker.sinks import Results
from tracker.sources import is_path, is_url
from tracker.sources.address import camera_number
from tracker.stopwatch import Stopwatch
from tracker.types import Source

OF_RESULTS = ("start_s", "duration_s", "max_frames", "fps", "video", "sound", "masks", "draws_zones")
"""what of a job decides its results"""
DECIDING = ("numpy", "opencv", "av", "onnxruntime", "scipy")
"""libraries whose other version may give other results"""
IN_PROCESS = ("network.cell", "scene.predict")
"""of a segmenter, what is loaded and not learned"""


@dataclass(frozen=True)
class Saving:
    """How a job is saved, and from what it goes on.

    found  the head of the checkpoint that it goes on from; None: it begins at the start
    """

    store: CheckpointFolder
    every_s: float
    head: Mapping[str, Any]
    found: Mapping[str, Any] | None = None

    @property
    def run_id(self) -> str | None:
        """Of the run that is gone on with."""
        return None if self.found is None else str(self.found["run_id"])

    def begin(
        self, lanes: Sequence[Lane], sinks: RunSinks, planned: Mapping[str, Path], results: Results,
        notify: Callable[[str], None], reopen: Callable[[NextFrame], Source], watch: Stopwatch,
    ) -> tuple[Checkpoints, RunSinks]:  # fmt: skip
        """The checkpoints of a run whose names are claimed, and its sinks: as they were saved, where it goes on."""
        for path in planned.values():
            results.output(path).aside = self.store.folder
        known: dict[str, object] = {"notify": notify, "results": results}
        known |= {f"output {role}": results.output(path) for role, path in planned.items()}
        known |= {f"{lane.name} {name}": part for lane in lanes for name in IN_PROCESS if (part := _part(lane, name))}
        head = {**self.head, "run_id": results.run_id}
        checkpoints = Checkpoints(self.store, self.every_s, head, reopen, watch, known, sinks)
        if self.found is None:
            self.store.remove()
            return checkpoints, sinks
        results.leaves = True  # also where it cannot be read, now or by this version
        checkpoints.load()
        assert checkpoints.found is not None
        saved = checkpoints.found.get("sinks")
        checkpoints.sinks = sinks = sinks if saved is None else replace(saved, planned=planned)
        notify(f"tracker: going on from {self.store.folder}: {left_off(self.found)}")
        return checkpoints, sinks


def plan_saving(job: Job, settings: RunSettings, notify: Callable[[str], None], *, plain: bool) -> Saving | None:
    """How the job is saved; None: it is not.

    plain  it is a file's or a folder's, by the command line or a batch: nothing beside it hears of its frames

    Raises SinkError for a job that cannot be saved, a checkpoint that does not fit, and one that a job would lose which neither goes on
    with it nor overwrites.
    """
    if job.output is None:
        if job.checkpoint_s is not None or job.resume is True:
            raise SinkError("--checkpoint: nothing is written, so there is nothing to go on with; add -o")
        return None
    store = _store(job.output)
    if job.checkpoint_s is None and (not job.resume or (job.resume == "auto" and not store.exists)):
        if store.exists and plain and not job.overwrite:
            raise _waiting(store)
        if store.exists and job.overwrite:
            store.check_ours()  # `forget_earlier` removes it once the names are claimed
        return None
    _refuse(job, settings, plain=plain)
    if not is_path(job.source):
        return None  # opening it says what is missing
    store.check_ours()
    head: dict[str, Any] = {
        "input": input_digest(job.source),
        "settings": settings.model_dump(mode="json"),
        "weights": weights_digests(settings),
        "versions": versions_of(DECIDING),
    }
    head["job"] = {name: getattr(job, name) for name in OF_RESULTS} | {"source": Path(job.source).name}
    found = _fitting(store, job, head, notify)
    every_s = job.checkpoint_s if found is None or job.checkpoint_s is not None else float(found["every_s"])
    return None if every_s is None else Saving(store, every_s, head, found)


def forget_earlier(job: Job) -> None:
    """Remove the checkpoint of an earlier run whose results this one replaces: what it speaks of has other names by now."""
    if job.output is not None and job.overwrite and (store := _store(job.output)).exists:
        store.remove()


def _store(output: Path) -> CheckpointFolder:
    return CheckpointFolder(output.with_name(f"{output.with_suffix('').name}.checkpoint"))


def _fitting(
    store: CheckpointFolder, job: Job, head: Mapping[str, Any], notify: Callable[[str], None]
) -> dict[str, Any] | None:
    """The head of the checkpoint that the job goes on with; None: it begins at the start."""
    if not store.exists:
        if job.resume is True:
            notify(f"tracker: {store.folder}: no checkpoint; beginning at the start")
        return None
    if not job.resume:
        if job.overwrite:
            return None
        raise _waiting(store)
    try:
        found = store.head()
        for key, what in (
            ("versions", "the version of"),
            ("input", "the input"),
            ("settings", "the setting"),
            ("weights", "the weights"),
            ("job", "the option"),
        ):
            for name in differing(found.get(key), head[key]):
                raise differs(store, f"{what} {name}".strip())
    except SinkError as error:
        if job.resume is True:
            raise
        notify(f"tracker: {error}; beginning anew")
        return None
    return found


def _waiting(store: CheckpointFolder) -> SinkError:
    """What is said of a checkpoint that nobody asked for: nothing of it is lost."""
    at = left_off(store.head())
    return SinkError(
        f"{store.folder}: a run that was killed can go on from here ({at}): add --resume, or --overwrite to begin anew"
    )


def differs(store: CheckpointFolder, what: str) -> SinkError:
    """What is said of a checkpoint of another run."""
    return SinkError(
        f"{store.folder}: is of another run: {what} differs; run with the same, or with --overwrite and without --resume to begin anew"
    )


def _refuse(job: Job, settings: RunSettings, *, plain: bool) -> None:
    """Raises SinkError for what cannot be saved."""
    methods = {settings.of_lane(lane)[0]: lane for lane in settings.lanes}
    knn = [lane for lane in settings.lanes if settings.of_lane(lane)[1].gmm.mixture.method == "knn"]
    cannot = {
        "a live run; its recording has segments": not plain
        or job.show
        or job.record is not None
        or _is_live(job.source),
        "a pattern; give the folder of the pictures": has_magic(job.source) and not is_path(job.source),
        "--split": job.split is not None,
        "compare": job.compare or job.truth is not None,
        "--events-to: events would be sent twice": bool(job.events_to),
        "--profile: its times would be of the rest": job.profile,
        f"lane {methods.get('rigid')}": "rigid" in methods,
        f"lane {knn[0] if knn else ''}: its mixture cannot be read": bool(knn),
    }
    for what, is_so in cannot.items():
        if is_so:
            raise SinkError(f"--checkpoint, --resume: not for {what}; leave them out")
    from tracker.background.mixture_state import check_can_be_read

    check_can_be_read()


def _is_live(source: str) -> bool:
    """Whether it can be read only once: an address, a camera, a pipe."""
    if is_path(source):
        return not (Path(source).is_file() or Path(source).is_dir())
    return is_url(source) or camera_number(source) is not None


def _part(lane: Lane, name: str) -> object | None:
    value: Any = lane.segmenter
    for each in name.split("."):
        value = getattr(value, each, None)
    return value
