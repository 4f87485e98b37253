"""One segment: an MP4 and its tables, which take their names once it is whole."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tracker.sinks.ours import MARK
from tracker.sinks.outputs import Output, PartText, cannot_write, encoded, json_text, write_output
from tracker.sinks.recorder.samples import Sample
from tracker.sinks.results import Results
from tracker.sinks.sound import mp4_options, mux_sound
from tracker.sinks.timeline import TICKS

LAST_S = 0.04
"""how long a picture is shown after which none comes and before which none was"""
MOST_GAPS = 1000
"""listed in a summary"""


def free_name(folder: Path, wall_s: float) -> str:
    """The local date and time, `2026-11-28T18-40-00`; with -2, -3, ... if something there is called so already.

    That happens when clocks are set back, and when two segments begin within a second.
    """
    stamp = datetime.fromtimestamp(wall_s).strftime("%Y-%m-%dT%H-%M-%S")
    taken = {entry.split(".")[0] for entry in os.listdir(folder)} if folder.is_dir() else set()
    number, name = 1, stamp
    while name in taken:
        number += 1
        name = f"{stamp}-{number}"
    return name


class Segment:
    """Takes samples, the first a key frame. Raises SinkError where the disk does not take what it is given.

    heads   the first line of each table, by the ending of its name: "gmm.csv"
    sparse  of which of them there is no file without rows
    about   what a summary says of every segment of the run

    A picture is written once the next one tells how long it is shown, so that segments follow each other without a gap. A
    killed run leaves every picture of the segment but the last two.
    """

    def __init__(
        self,
        folder: Path,
        first: Sample,
        *,
        heads: Mapping[str, str],
        about: Mapping[str, Any],
        sparse: Collection[str] = (),
    ) -> None:
        self.name = free_name(folder, first.shot.wall_s)
        self._about = about
        paths = {ending: folder / f"{self.name}.{ending}" for ending in ("mp4", *heads, "summary.json")}
        self._results = Results(list(paths.values()), last=paths["summary.json"], base=self.name)
        self._results.claim()
        self._outputs: dict[str, Output] = {ending: self._results.output(path) for ending, path in paths.items()}
        self._tables = {
            ending: PartText(self._outputs[ending], head=head, sparse=ending in sparse)
            for ending, head in heads.items()
        }
        self._first = self._last = first
        self._step_s = LAST_S
        self._container: Any = None
        self._sound: Any = None
        self._sound_tick = 0
        self._waiting: Sample | None = None
        self._tick = -1
        self.frames = self.lost = self.size = 0
        self._gaps: list[dict[str, object]] = []
        try:
            self._open(first)
        except BaseException:
            self.abandon()
            raise

    @property
    def path(self) -> Path:
        """Of the video, once it is whole."""
        return self._outputs["mp4"].path

    @property
    def first_s(self) -> float:
        """Time of the first picture."""
        return self._first.time_s

    def add(self, sample: Sample) -> None:
        """Add a picture and its rows."""
        for ending, table in self._tables.items():
            table.write(sample.shot.rows.get(ending, ""))
        if self._waiting is not None:
            self._step_s = sample.time_s - self._waiting.time_s
            self._mux(self._waiting, self._step_s)
            self._mux_sounds(self._waiting)
        self._waiting = self._last = sample
        self.frames += 1
        self.lost += sample.lost
        self.size += sample.size + sum(len(text) for text in sample.shot.rows.values())
        gap = sample.shot.gap
        if gap is not None and len(self._gaps) < MOST_GAPS:
            self._gaps.append({"from_s": round(gap.from_s, 6), "to_s": round(gap.to_s, 6), "reason": gap.reason})

    def add_rows(self, rows: Mapping[str, str]) -> None:
        """Add rows that came after the last picture."""
        for ending, text in rows.items():
            self._tables[ending].write(text)

    def finish(self, reason: str, *, next_s: float | None = None) -> Path:
        """Make it whole and give it its names; returns the video's.

        next_s  time of the picture that comes next in another segment; None if none does
        """
        try:
            if self._waiting is not None:
                self._mux(self._waiting, self._step_s if next_s is None else next_s - self._waiting.time_s)
                self._mux_sounds(self._waiting)
            try:
                self._container.close()
            except (OSError, av.FFmpegError) as error:
                raise cannot_write(self.path, error) from error
            self._outputs["mp4"].finish()
            for table in self._tables.values():
                table.close()
            write_output(self._outputs["summary.json"], encoded(json_text(self._summary(reason))))
            self._results.commit()
        finally:
            self.abandon()
        return self.path

    def abandon(self) -> list[Path]:
        """Keep what has no name yet under recovered names, which are returned, and let the names go."""
        if self._container is not None:
            with suppress(OSError, av.FFmpegError):
                self._container.close()
        self._results.__exit__()
        return self._results.kept

    def _open(self, first: Sample) -> None:
        flags = mp4_options(sound=first.sound_head is not None)
        try:
            self._container = av.open(str(self._outputs["mp4"].part.absolute()), "w", format="mp4", options=flags)
            self._container.metadata["comment"] = f"{MARK} (recording)"
            self._stream = self._container.add_stream_from_template(first.head)
            if first.sound_head is not None:
                self._sound = self._container.add_stream_from_template(first.sound_head)
        except (OSError, av.FFmpegError) as error:
            raise cannot_write(self.path, error) from error

    def _mux(self, sample: Sample, lasts_s: float) -> None:
        packet = av.Packet(sample.data)
        self._tick = max(self._tick + 1, round((sample.time_s - self._first.time_s) * TICKS))
        packet.pts = packet.dts = self._tick
        end = round((sample.time_s - self._first.time_s + lasts_s) * TICKS)
        packet.duration = max(1, end - self._tick)
        packet.time_base = Fraction(1, TICKS)
        packet.is_keyframe = sample.key
        packet.stream = self._stream
        try:
            self._container.mux(packet)
        except (OSError, av.FFmpegError) as error:
            raise cannot_write(self.path, error) from error

    def _mux_sounds(self, sample: Sample) -> None:
        """The sound from the sample's time on, of the track with which the segment began."""
        for sound in sample.sounds if self._sound is not None else ():
            try:
                begin_s, least = self._first.time_s, self._sound_tick
                self._sound_tick = mux_sound(self._container, self._sound, sound, begin_s=begin_s, least_tick=least)
            except (OSError, av.FFmpegError) as error:
                raise cannot_write(self.path, error) from error

    def _summary(self, reason: str) -> dict[str, Any]:
        first, last = self._first, self._last
        return {
            **self._about,
            "recording": {
                "began": _iso(first.shot.wall_s),
                "ended": _iso(last.shot.wall_s),
                "ended_because": reason,
                "frames": self.frames,
                "first_frame": first.shot.frame,
                "last_frame": last.shot.frame,
                "first_s": round(first.time_s, 6),
                "last_s": round(last.time_s, 6),
                "lost": self.lost,
                "gaps": self._gaps,
            },
        }


def _iso(wall_s: float) -> str:
    """With the offset from UTC: the hour that comes twice when clocks are set back is told apart."""
    return datetime.fromtimestamp(wall_s).astimezone().isoformat(timespec="milliseconds")
