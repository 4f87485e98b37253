"""Tracks as text: one row an object and frame."""

from __future__ import annotations

from tracker.sinks.outputs import Output, PartText
from tracker.types import Moment, Outcome


class MotTable:
    """MOTChallenge text of one lane: `frame,id,left,top,width,height,confidence,-1,-1,-1`.

    Frames count from 1, or have their pictures' numbers; left and top are pixels from 0, as everywhere here. Predicted
    boxes of hidden objects are left out, as in MOTChallenge, unless `hidden` is true. There is no row for a gap.
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
    predicted); area_px of the visible pixels, 0 when there are none. Where a live source gave no picture stands a row with the id 0,
    which nobody has, without a box: its frame is the first one after the gap, its time that of the last picture before.
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
        gap = moment.frame.gap
        rows = [] if gap is None else [f"{moment.frame.written},{gap.from_s:.6f},0,,,,,0,1,0\n"]
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
