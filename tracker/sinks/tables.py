"""Tracks as text: one row an object and frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tracker.sinks.outputs import Output, PartText
from tracker.types import Moment, Outcome
from tracker.zone_counts import Passage


class MotTable:
    """MOTChallenge text of one lane: `frame,id,left,top,width,height,confidence,-1,-1,-1`.

    Frames count from 1, or have their pictures' numbers; left and top are pixels from 0, as everywhere here. Predicted
    boxes of hidden objects are left out, as in MOTChallenge, unless `hidden` is true.
    """

    def __init__(self, output: Output, lane: str, *, hidden: bool = False) -> None:
        self._lane = lane
        self._hidden = hidden
        self._text = PartText(output)

    def write(self, moment: Moment) -> None:
        """Add one frame's rows. SinkError if they cannot be written."""
        frame = moment.frame.written
        self._text.write(
            "".join(
                f"{frame},{track.id},{track.box.x0:.2f},{track.box.y0:.2f},{track.box.width:.2f},{track.box.height:.2f},"
                f"{track.confidence:.4f},-1,-1,-1\n"
                for track in moment.view(self._lane).tracks
                if self._hidden or not track.hidden
            )
        )

    def close(self, outcome: Outcome) -> None:
        """Finish the file."""
        self._text.close()


class CsvTable:
    """Everything known of one lane's tracks, with a header line.

    frame as in the MOT table; time_s; id; x0, y0, x1, y1 in pixels, half open; confidence; hidden 0 or 1 (then the box is
    predicted); area_px of the visible pixels, 0 when there are none.
    """

    HEAD = "frame,time_s,id,x0,y0,x1,y1,confidence,hidden,area_px\n"

    def __init__(self, output: Output, lane: str) -> None:
        self._lane = lane
        self._text = PartText(output, head=self.HEAD)

    def write(self, moment: Moment) -> None:
        """Add one frame's rows. SinkError if they cannot be written."""
        view = moment.view(self._lane)
        areas = {region.label: region.area_px for region in view.segmentation.regions}
        start = f"{moment.frame.written},{moment.frame.time_s:.6f}"
        rows = []
        for track in view.tracks:
            x0, y0, x1, y1 = track.box
            area = areas.get(track.label, 0) if track.label else 0
            rows.append(
                f"{start},{track.id},{x0:.2f},{y0:.2f},{x1:.2f},{y1:.2f},{track.confidence:.4f},{int(track.hidden)},{area:.0f}\n"
            )
        self._text.write("".join(rows))

    def close(self, outcome: Outcome) -> None:
        """Finish the file."""
        self._text.close()


class Passages(Protocol):
    """Where entries, exits and crossings come from; several sinks may ask the same one."""

    def __call__(self, moment: Moment) -> tuple[Passage, ...]: ...

    def finish(self) -> tuple[Passage, ...]: ...


class ZoneTable:
    """Entries, exits and crossings of one lane, in the order in which they became certain; without any, the header alone.

    frame as in the MOT table, the first on the other side; time_s, interpolated between that frame and the one before; kind:
    entry, exit or crossing; zone, the area's or line's name; direction; id; seconds in the area, of an exit.
    """

    HEAD = "frame,time_s,kind,zone,direction,id,seconds\n"

    def __init__(self, output: Output, passages: Passages) -> None:
        self._passages = passages
        self._text = PartText(output, head=self.HEAD)
        self._began = False

    def write(self, moment: Moment) -> None:
        """Add the rows that became certain. SinkError if they cannot be written."""
        self._began = True
        self._text.write(_rows(self._passages(moment)))

    def close(self, outcome: Outcome) -> None:
        """Add what the end made certain and finish the file; nothing if no moment came."""
        if self._began:
            self._text.write(_rows(self._passages.finish()))
            self._text.close()


def _rows(passages: Iterable[Passage]) -> str:
    return "".join(
        f"{p.frame},{p.time_s:.6f},{p.kind},{p.zone},{p.direction},{p.id},"
        f"{'' if p.seconds is None else format(p.seconds, '.6f')}\n"
        for p in passages
    )
