"""A job whose file is watched in parts: what is refused, which parts there are, and what the seams say of the run's health."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tracker.errors import OptionError
from tracker.jobs.files import Job
from tracker.lanes import Lane
from tracker.settings import RunSettings
from tracker.splitting import Seam, plan_parts
from tracker.timing import clock
from tracker.types import Finding, Level, SmoothedSegmenter, Source

if TYPE_CHECKING:
    from tracker.splitting.watch import Parted

AGREE = (0.8, 0.6)
"""IDF1 of one part with its neighbour for truth, good above, bad below"""
SHOWN = 5
"""times of seams that are named"""


def check_split(job: Job, settings: RunSettings) -> None:
    """Refuse a split that would change nothing. Raises OptionError."""
    if job.split is None and job.jobs is not None:
        raise OptionError("--jobs is for the parts of --split; add it, or leave --jobs out")
    if job.split is not None and settings.online:
        raise OptionError("--split is for files that are watched in both directions; leave --online out, or --split")


def build_parted(
    job: Job, settings: RunSettings, source: Source, lanes: Sequence[Lane], notify: Callable[[str], None]
) -> Parted | None:
    """The job's file and its parts; None where it is watched as a whole. Raises OptionError where it cannot be split.

    settings  in which what is `auto` is chosen
    """
    if job.split is None:
        return None
    if not any(isinstance(lane.segmenter, SmoothedSegmenter) for lane in lanes):
        names = ", ".join(lane.name for lane in lanes)
        raise OptionError(f"--split is for lanes that look back, such as slots, and not for {names}; leave it out")
    times_s = getattr(source, "times_s", None)
    if source.info.live or times_s is None:
        raise OptionError(f"{source.info.name}: its frames cannot be listed before they are read; leave --split out")
    plan = plan_parts(times_s, job.split)
    if plan.note is not None:
        notify(f"tracker: {plan.note}")
    if len(plan.parts) == 1:
        return None
    from tracker.engines.local import LocalEngine, usable_cores
    from tracker.splitting.watch import Parted

    engine = LocalEngine(min(job.jobs or usable_cores(), len(plan.parts)))
    return Parted(job.source, job.fps, settings, plan.parts, times_s, engine)


def seams_finding(lane: str, seams: Sequence[Seam]) -> Finding:
    """How far the parts of a clip agree about a lane's identities where they meet."""
    known = [seam.idf1 for seam in seams if seam.idf1 is not None]
    carried, cut = (sum(getattr(seam, name) for seam in seams) for name in ("carried", "cut"))
    value = sum(known) / len(known) if known else None
    level: Level = (
        "unknown" if value is None else "good" if value >= AGREE[0] else "look" if value >= AGREE[1] else "bad"
    )
    doubtful = [seam.time_s for seam in seams if seam.cut or (seam.idf1 is not None and seam.idf1 < AGREE[0])]
    said = f"The clip was watched in {len(seams) + 1} parts: identities carried over their seams: {carried}, that end there: {cut}."
    if value is None:
        said += " Nothing was seen there by both of two parts, so how far they agree is not known."
    else:
        said += f" In the frames that two parts saw, each has {100 * value:.0f} % of its boxes under the other's identities (IDF1)."
    if doubtful:
        times = ", ".join(clock(time_s) for time_s in doubtful[:SHOWN])
        more = f" and {len(doubtful) - SHOWN} more" if len(doubtful) > SHOWN else ""
        said += f" Look at {times}{more}, or run the clip without --split."
    return Finding("split_seams", "Seams of the parts", lane, value, "IDF1", level, said, tuple(doubtful))
