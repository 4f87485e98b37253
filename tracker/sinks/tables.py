"""Tracks as text: one row an object and frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from tracker.csv_text import csv_line
from tracker.sinks.outputs import Output, PartText
from tracker.types import Finder, Moment, Outcome, Track, View
from tracker.zone_counts import Passage


class RowFormat(Protocol):
    """What a table says of a run, apart from the file in which it stands; asked in the thread that runs the loop."""

    @property
    def head(self) -> str:
        """The first line of a file, or nothing."""
        ...

    @property
    def sparse(self) -> bool:
        """Whether there is no file as long as there are no rows."""
        ...

    def rows(self, moment: Moment) -> str:
        """Whole lines; asked for every moment in order."""
        ...

    def finish(self) -> str:
        """The lines that the end of the run makes certain."""
        ...


def with_areas(view: View) -> Iterator[tuple[Track, float]]:
    """A lane's tracks, each with its visible pixels."""
    areas = {region.label: region.area_px for region in view.segmentation.regions}
    for track in view.tracks:
        yield track, areas.get(track.label, 0.0) if track.label else 0.0


class MotRows:
    """MOTChallenge rows of one lane: `frame,id,left,top,width,height,confidence,-1,-1,-1`; see `MotTable`."""

    head, sparse = "", False

    def __init__(self, lane: str) -> None:
        self._lane = lane

    def rows(self, moment: Moment) -> str:
        """One frame's rows."""
        frame = moment.frame.written
        return "".join(
            f"{frame},{track.id},{track.box.x0:.2f},{track.box.y0:.2f},{track.box.width:.2f},{track.box.height:.2f},"
            f"{track.confidence:.4f},-1,-1,-1\n"
            for track in moment.view(self._lane).tracks
            if not track.hidden
        )

    def finish(self) -> str:
        """Nothing."""
        return ""


class CsvRows:
    """Rows with everything known of one lane's tracks; see `CsvTable`."""

    head, sparse = "frame,time_s,id,x0,y0,x1,y1,confidence,hidden,area_px\n", False

    def __init__(self, lane: str) -> None:
        self._lane = lane

    def rows(self, moment: Moment) -> str:
        """One frame's rows."""
        view = moment.view(self._lane)
        start = f"{moment.frame.written},{moment.frame.time_s:.6f}"
        gap = moment.frame.gap
        rows = [] if gap is None else [f"{moment.frame.written},{gap.from_s:.6f},0,,,,,0,1,0\n"]
        for track, area in with_areas(view):
            x0, y0, x1, y1 = track.box
            rows.append(
                f"{start},{track.id},{x0:.2f},{y0:.2f},{x1:.2f},{y1:.2f},{track.confidence:.4f},{int(track.hidden)},{area:.0f}\n"
            )
        return "".join(rows)

    def finish(self) -> str:
        """Nothing."""
        return ""


class TableSink:
    """A sink that writes rows to a file of their own, if any moment comes."""

    def __init__(self, output: Output, rows: RowFormat) -> None:
        self._rows = rows
        self._text = PartText(output, head=rows.head, sparse=rows.sparse)
        self._began = False

    def write(self, moment: Moment) -> None:
        """Add one frame's rows. SinkError if they cannot be written."""
        self._began = True
        self._text.write(self._rows.rows(moment))

    def close(self, outcome: Outcome) -> None:
        """Add what the end made certain and finish the file."""
        if self._began:
            self._text.write(self._rows.finish())
            self._text.close()


class ZoneRows:
    """Entries, exits and crossings of one lane; see `ZoneTable`."""

    head = "frame,time_s,kind,zone,direction,id,seconds\n"

    def __init__(self, passages: Finder[Passage], *, sparse: bool = False) -> None:
        self._passages, self.sparse = passages, sparse

    def rows(self, moment: Moment) -> str:
        """Those that became certain with this moment."""
        return self._lines(self._passages(moment))

    def finish(self) -> str:
        """Those that the end made certain."""
        return self._lines(self._passages.finish())

    def _lines(self, passages: Iterable[Passage]) -> str:
        return "".join(
            csv_line(
                [
                    p.frame, f"{p.time_s:.6f}", p.kind, p.zone, p.direction, p.id,
                    None if p.seconds is None else f"{p.seconds:.6f}",
                ]
            )
            for p in passages
        )  # fmt: skip


class MotTable(TableSink):
    """MOTChallenge text of one lane: `frame,id,left,top,width,height,confidence,-1,-1,-1`.

    Frames count from 1, or have their pictures' numbers; left and top are pixels from 0, as everywhere here. Predicted
    boxes of hidden objects are left out, as in MOTChallenge. There is no row for a gap.
    """

    def __init__(self, output: Output, lane: str) -> None:
        super().__init__(output, MotRows(lane))


class CsvTable(TableSink):
    """Everything known of one lane's tracks, with a header line.

    frame as in the MOT table; time_s; id; x0, y0, x1, y1 in pixels, half open; confidence; hidden 0 or 1 (then the box is
    predicted); area_px of the visible pixels, 0 when there are none. Where a live source gave no picture stands a row with the id 0,
    which nobody has, without a box: its frame is the first one after the gap, its time that of the last picture before.
    """

    def __init__(self, output: Output, lane: str) -> None:
        super().__init__(output, CsvRows(lane))


class ZoneTable(TableSink):
    """Entries, exits and crossings of one lane, in the order in which they became certain; without any, the header alone.

    frame as in the MOT table, the first on the other side; time_s, interpolated between that frame and the one before; kind:
    entry, exit or crossing; zone, the area's or line's name; direction; id; seconds in the area, of an exit.

    sparse  without any row there is no file
    """

    def __init__(self, output: Output, passages: Finder[Passage], *, sparse: bool = False) -> None:
        super().__init__(output, ZoneRows(passages, sparse=sparse))
