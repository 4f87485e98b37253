"""Settings and sources as callers of the library give them, and the run that they ask for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tracker.errors import OptionError, SourceError
from tracker.jobs import Job, Live
from tracker.jobs.opening import Opener
from tracker.settings import RunSettings, load_settings, settings_of
from tracker.sources import Span, Watching, is_path, is_url, open_images
from tracker.sources.address import camera_number, scheme
from tracker.timing import LEAST_FPS, MOST_FPS
from tracker.zones import Zones

SettingsLike: TypeAlias = "RunSettings | str | os.PathLike[str] | Mapping[str, Any] | None"
"""settings, the path of a YAML file, or single ones by their dotted names: {"gmm.working_width": 480}; None: the defaults"""
SourceLike: TypeAlias = "str | os.PathLike[str] | int | Iterable[Any]"
"""the address of a file, folder, glob or stream; a camera's number; or pictures (H, W, 3) uint8 RGB"""


@dataclass(frozen=True)
class RunPlan:
    """A run as `jobs.process` takes it."""

    job: Job
    settings: RunSettings
    opener: Opener | None
    live: Live | None


def plan(source: SourceLike, settings: RunSettings, *, fps: float | None, **job: Any) -> RunPlan:
    """The run over a source, whatever it is; `job` are the other fields of `jobs.Job`.

    Pictures that come once are watched in one direction, without a prescan. Raises OptionError for a value of another type or out of
    range, SourceError for a part that no clip can have.
    """
    start_s, duration_s, max_frames = (job.get(name) for name in ("start_s", "duration_s", "max_frames"))
    check_rate(fps)
    check_numbers(start_s=start_s, duration_s=duration_s)
    check_numbers(Integral, max_frames=max_frames)
    Span(start_s or 0.0, duration_s, max_frames)  # of a live source nobody else would look at it
    if job.get("masks") not in (None, "png", "rle"):
        raise OptionError(f"masks: wanted 'png', 'rle' or None, not {job['masks']!r}")
    if isinstance(source, str | os.PathLike):
        address = os.fspath(source)
        return RunPlan(Job(address, fps=fps, **job), settings, None, _live(job) if _is_camera(address) else None)
    if isinstance(source, int) and not isinstance(source, bool):
        return RunPlan(Job(f"camera:{source}", fps=fps, **job), settings, None, _live(job))
    if not isinstance(source, Iterable) or isinstance(source, bytes):
        raise SourceError(f"a source is an address, a camera's number or pictures, not {type(source).__name__}")
    if not isinstance(source, Sequence | np.ndarray):
        settings = settings.model_copy(update={"online": True, "prescan_frames": 0})
    return RunPlan(Job("images", **job), settings, partial(open_images, source, fps=fps), None)


def _live(job: Mapping[str, Any]) -> Live:
    """Who watches a camera or stream for this job."""
    keeps = job.get("output") is not None and job.get("video", True)
    return Live(watching=Watching(sound=keeps and job.get("sound", True)))


def path_of(name: str, value: Any) -> Path:
    """Raises OptionError for what is no path."""
    if not isinstance(value, str | os.PathLike):
        raise OptionError(f"{name}: wanted a path, not {value!r}")
    return Path(value)


def check_rate(fps: Any) -> None:
    """Raise OptionError for what is no rate of pictures, where it is given."""
    check_numbers(fps=fps)
    if fps is not None and not LEAST_FPS <= fps <= MOST_FPS:
        raise OptionError(f"fps: expected {LEAST_FPS:g} to {MOST_FPS:g} pictures a second, not {fps:g}")


def check_numbers(kind: type = Real, **values: Any) -> None:
    """Raise OptionError for what is no number, or no whole one, where it is given."""
    wanted = "a whole number" if kind is Integral else "a number"
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, kind)):
            raise OptionError(f"{name}: wanted {wanted}, not {value!r}")


def _is_camera(address: str) -> bool:
    """Whether it is opened again when it fails; what comes over http may be a file, and is not."""
    if is_path(address):
        return False
    return camera_number(address) is not None or (is_url(address) and scheme(address) not in ("http", "https"))


def run_settings(
    settings: SettingsLike = None, *, lanes: Sequence[str] | None = None, zones: Zones | Mapping[str, Any] | None = None,
    online: bool | None = None, prescan: bool = True,
) -> RunSettings:  # fmt: skip
    """The settings of a run; what is given by name wins. Raises SettingsError for what is unknown or impossible."""
    if settings is None or isinstance(settings, RunSettings):
        base = settings
    elif isinstance(settings, Mapping):
        base = settings_of(RunSettings, _nested(settings), "settings")
    elif isinstance(settings, str | os.PathLike):
        base = load_settings([os.fspath(settings)])
    else:
        raise OptionError(f"settings: wanted a YAML file's path or settings by name, not {settings!r}")
    named: dict[str, Any] = {}
    if lanes is not None:
        if not isinstance(lanes, Iterable):
            raise OptionError(f"lanes: wanted the name of a lane or several, not {lanes!r}")
        named["lanes"] = [lanes] if isinstance(lanes, str) else list(lanes)
    if zones is not None:
        if not isinstance(zones, Zones | Mapping):
            raise OptionError(f"zones: wanted areas and lines by name, not {zones!r}")
        named["zones"] = zones.model_dump() if isinstance(zones, Zones) else dict(zones)
    if online is not None:
        named["online"] = online
    if not prescan:
        named["prescan_frames"] = 0
    made = settings_of(RunSettings, named, "arguments", base=base)
    for lane in made.lanes:
        made.of_lane(lane)
    return made


def main_lane(settings: RunSettings) -> str:
    """Whose tracks are meant where no lane is named: lane slots or a variant of it, else the first."""
    return next((lane for lane in settings.lanes if settings.of_lane(lane)[0] == "slots"), settings.lanes[0])


def _nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """{"gmm.working_width": 480} as {"gmm": {"working_width": 480}}."""
    nested: dict[str, Any] = {}
    for name, value in settings.items():
        *above, last = str(name).split(".")
        group = nested
        for part in above:
            group = group.setdefault(part, {})
        group[last] = _nested(value) if isinstance(value, Mapping) else value
    return nested
