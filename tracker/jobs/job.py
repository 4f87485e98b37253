"""One job from its address to its files: what `process`, `webcam` and `compare` do, as a plain function.

A job and its settings are plain values, so that a pool of processes or a cluster can be handed them too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.build import EACH_ITS_OWN, build_lanes, build_prescan
from tracker.checkpoint import Checkpoints, NextFrame
from tracker.choosing import suit
from tracker.hooks.channel import Channel
from tracker.interrupt import Interrupts
from tracker.jobs.files import Job, next_segment, plan_job, planned_files, read_files
from tracker.jobs.hooks import open_channels
from tracker.jobs.live import Live
from tracker.jobs.opening import Opener, frames_before, open_wanted, read_job_truth, without_missing_display
from tracker.jobs.outputs import Finders, build_run_sinks
from tracker.jobs.parts import build_parted, check_split
from tracker.jobs.profile import MeasuredSource
from tracker.jobs.result import Result, joined, keep_checkpoint, run_loop
from tracker.jobs.saving import Saving, forget_earlier, plan_saving
from tracker.jobs.sparing import Sparing
from tracker.jobs.tally import RunTally
from tracker.jobs.zones import ZoneWatch
from tracker.lanes import Lane
from tracker.networks import Networks
from tracker.pipeline import Progress, RunReport, run
from tracker.prescan import PrescanAhead, PrescanSource
from tracker.settings import RunSettings
from tracker.sinks import (
    Results,
)
from tracker.smoothed import run_both_ways
from tracker.stopwatch import Spans, Stopwatch
from tracker.types import Sink, Source, SourceInfo

if TYPE_CHECKING:
    from tracker.scores import Truth
    from tracker.splitting.watch import Parted


def nothing_else(finders: Finders) -> Sequence[Sink]:
    """No sinks beside those of a job's files."""
    return ()


def process(
    job: Job,
    settings: RunSettings,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] = lambda line: None,
    spans: Spans | None = None,
    live: Live | None = None,
    opener: Opener | None = None,
    also: Callable[[Finders], Sequence[Sink]] = nothing_else,
    networks: Networks = EACH_ITS_OWN,
) -> Result:
    """Read, track, draw, write and sum up; `notify` is told what the user should know, line by line.

    spans  what a profile begins with, such as the imports; unused without one
    live   who asks for what while it runs, and who is told how it goes; the source is then opened again when it fails, and where
           its pictures come back in another size the results go on in NAME-2.mp4 and what stands beside it
    opener  opens the source where it is not what `job.source` names
    also   builds sinks beside those of the job's files; asked once a segment
    networks  where the lanes get theirs

    Raises SourceError, SinkError, WeightsError or SettingsError. What is refused is refused before anything is written. The
    results take their names together, once each is whole; after a failure that left them whole, with a summary that says
    "failed", if no earlier results would be replaced. What cannot take its name is kept under a recovered one. Ctrl+C is no
    error: the results hold the frames so far and the outcome is "interrupted"; but of a job that was saved the checkpoint and
    what was written are left for a run that goes on, and KeyboardInterrupt is raised.
    """
    spans = (spans or Spans()) if job.profile else None
    starting = Stopwatch(spans=spans)  # not the run's: these are no stages of its report
    segments: list[Result] = []
    with Interrupts() as interrupts, interrupts.held():
        check_split(job, settings)
        planned = planned_files(job, settings)
        plain = live is None and opener is None and also is nothing_else
        lines: list[str] = []
        saving = plan_saving(job, settings, lines.append, plain=plain)
        inputs = read_files(job, settings)
        results = plan_job(job, planned, inputs, None if saving is None else saving.run_id)
        for said in lines:  # a run that is refused does not say that it begins
            notify(said)
        channels = open_channels(job.events_to, planned, inputs)
        if live is not None:
            live.check(planned, inputs)
        with interrupts.allowed():
            truth = read_job_truth(job)
            with starting.stage("open"):
                source: Source | None = open_wanted(job, live, notify, opener)
        line = _SegmentRunner(
            settings, truth, interrupts, starting, progress, notify, spans, live, opener, also, networks, saving
        )
        while source is not None:
            segments.append(line.run(job, source, planned, results, channels))
            job = _rest_of(job, segments[-1].report, live)
            source = _following(source, segments[-1].report, live) if job.max_frames != 0 else None
            if source is not None:
                with ExitStack() as opened:
                    opened.callback(source.close)
                    job = next_segment(job, settings)
                    planned = planned_files(job, settings)
                    results = plan_job(job, planned, inputs)
                    channels = open_channels(job.events_to, planned, inputs)
                    opened.pop_all()
                goes_on = "" if job.output is None else f", results go on in {job.output}"
                size = "{}x{}".format(*source.info.size)
                notify(f"tracker: {source.info.name}: pictures are now {size}: the scene is learned anew{goes_on}")
    return joined(segments)


def _rest_of(job: Job, report: RunReport, live: Live | None) -> Job:
    """The job as far as it is left after a segment of a live source."""
    if live is None or job.max_frames is None:
        return job
    return replace(job, max_frames=max(0, job.max_frames - report.frames))


def _following(source: Source, report: RunReport, live: Live | None) -> Source | None:
    """What goes on where the pictures of a live source have another size from now on; None where the run is over."""
    following: Source | None = getattr(source, "renewed", None)
    if following is None or live is None:
        return None
    if report.outcome != "complete" or live.controls.stopping:
        following.close()
        return None
    live.board.change(state="starting", note="")
    return following


@dataclass
class _SegmentRunner:
    """What the segments of a run have in common; a file has one segment."""

    settings: RunSettings
    truth: Truth | None
    interrupts: Interrupts
    starting: Stopwatch
    progress: Progress | None
    notify: Callable[[str], None]
    spans: Spans | None
    live: Live | None
    opener: Opener | None
    also: Callable[[Finders], Sequence[Sink]]
    networks: Networks
    saving: Saving | None = None
    lanes: tuple[Lane, ...] | None = None

    def run(
        self, job: Job, source: Source, planned: Mapping[str, Path], results: Results, channels: Sequence[Channel]
    ) -> Result:
        """One segment, from its opened source to its files."""
        settings, notify, live = self.settings, self.notify, self.live
        try:
            # the source is closed first, which ends a prescan that nobody waits for
            with PrescanAhead(build_prescan(settings), source) as prescan, closing(source), results:
                for line in source.info.notes:
                    notify(f"tracker: {source.info.name}: {line}")
                with self.interrupts.allowed():
                    job = without_missing_display(job, notify)
                    watch = Stopwatch(spans=self.spans)
                    with watch.stage("prescan"):
                        suited = suit(settings, source, prescan)
                    with self.starting.stage("build lanes"):
                        lanes = self._fresh_lanes(suited.chosen.settings)
                    parted = build_parted(job, suited.chosen.settings, source, lanes, notify)
                    before = 0 if self.truth is None else frames_before(job, source.info)
                tally = RunTally(settings.lanes, truth=self.truth, frame_offset=before)
                zones = self._zones(source.info)
                if live is not None:
                    live.parts["zones"] = zones
                    live.take_up(job.source, settings, source.info, lanes, notify)
                _claim(results, notify)  # last: it makes the folder, which a job that is refused does not leave behind
                if self.saving is None:
                    forget_earlier(job)
                if live is not None:
                    live.lead(lanes)
                    live.watch(zones, notify)
                sinks = build_run_sinks(
                    job,
                    settings,
                    planned,
                    source.info,
                    tally,
                    results,
                    notify,
                    live,
                    channels,
                    zones,
                    self.also,
                    goes_on=self.saving is not None and self.saving.found is not None,
                )
                checkpoints = None
                if self.saving is not None:
                    reopen = partial(self._reopened, job)
                    checkpoints, sinks = self.saving.begin(lanes, sinks, planned, results, notify, reopen, watch)
                scene: PrescanSource = (
                    live.keeper if live is not None and live.keeper and live.knows_scene else suited.prescan
                )
                loop = partial(
                    self._loop(job, source.info, parted, checkpoints),
                    prescan=scene,
                    progress=self.progress,
                    steadying=suited.steadying,
                )
                measured = self._measured(source)
                done = keep_checkpoint(
                    partial(
                        run_loop, loop, settings, suited.chosen.changes, measured, lanes, sinks, watch=watch, spans=self.spans,
                        checkpoints=checkpoints,
                    ),
                    results, checkpoints, notify,
                )  # fmt: skip
                whole = job.max_frames is None and job.duration_s is None and done.report.outcome == "complete"
                if (misfit := tally.misfit(whole=whole)) is not None:
                    notify(f"tracker: {job.truth}: {misfit}; is it of this clip?")
                return done
        finally:
            if results.kept:
                notify(results.kept_line)

    def _reopened(self, job: Job, next_frame: NextFrame) -> Source:
        """The source from a frame on."""
        length_s = None if job.duration_s is None else job.start_s + job.duration_s - next_frame.time_s
        frames = None if job.max_frames is None else job.max_frames - next_frame.frame
        part = replace(job, start_s=next_frame.time_s, duration_s=length_s, max_frames=frames)
        return open_wanted(part, None, self.notify, None)

    def _loop(
        self, job: Job, info: SourceInfo, parted: Parted | None, checkpoints: Checkpoints | None
    ) -> Callable[..., RunReport]:
        """How the frames go by: once, as they come; or, from a file, as often as lanes want to look at them."""
        if self.live is not None:
            spares = Sparing(self.settings, self.live.board) if info.live else None
            return partial(run, controls=self.live.controls, spares=spares, most_frames=job.max_frames)

        def again(frames: int | None) -> Source:
            part = job if frames is None else replace(job, max_frames=frames)
            return self._measured(open_wanted(part, None, self.notify, self.opener))

        notify = self.notify
        return partial(
            run_both_ways, again=again, online=self.settings.online, notify=lambda line: notify(f"tracker: {line}"),
            parted=parted, checkpoints=checkpoints,
        )  # fmt: skip

    def _measured(self, source: Source) -> Source:
        """The source, whose stages a profile knows."""
        return source if self.spans is None else MeasuredSource(source, self.starting)

    def _zones(self, info: SourceInfo) -> ZoneWatch:
        """Those of the settings, or as they were last in the segment before, whose pictures had another size."""
        before = None if self.live is None else self.live.zones
        if before is None:
            return ZoneWatch(self.settings.zones, self.settings.lanes, info.size)
        return ZoneWatch(before.zones, self.settings.lanes, before.size)

    def _fresh_lanes(self, settings: RunSettings) -> tuple[Lane, ...]:
        """Those of the segment before, which know nothing but how far they have counted; else new ones."""
        if self.lanes is None:
            self.lanes = build_lanes(settings, self.networks)
        else:
            for lane in self.lanes:
                lane.reset()
        return self.lanes


def _claim(results: Results, notify: Callable[[str], None]) -> None:
    results.claim()
    if results.recovered:
        notify(results.recovered_line)
