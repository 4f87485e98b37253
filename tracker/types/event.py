"""What befalls identities, and how far a run can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

from tracker.types.box import Box
from tracker.types.frame import Frame
from tracker.types.moment import Moment

EventKind = Literal["birth", "death", "occlusion", "merge", "split", "switch", "gap", "waiting"]
"""gap, waiting: of a live source that gave no picture, which befalls nobody; frame and time are those of the picture before, the box is
the picture"""


INSIDE = "inside the picture"
"""how the note of a birth or a death begins that is not at the border: an object was found late, or lost"""


@dataclass(frozen=True)
class Event:
    """Something that befell identities of one lane."""

    kind: EventKind
    lane: str
    frame: int
    """counts from 0 at the first frame of the run, as `Frame.index`; in `RunResult` as tables write it"""
    time_s: float
    ids: tuple[int, ...]
    """whom it befell first, then the others that took part"""
    box: Box
    """where to look"""
    end_frame: int | None = None
    """the first frame in which it no longer holds; None for what has no length"""
    end_s: float | None = None
    note: str = ""
    """a few words for people: "at the border", "behind 4" """

    def numbered(self, written: Callable[[int], int]) -> Event:
        """The event with frames as tables write them; `written` gives a frame's number by its index."""
        end = None if self.end_frame is None else written(self.end_frame)
        return replace(self, frame=written(self.frame), end_frame=end)

    def plain(self, written: Callable[[int], int]) -> dict[str, object]:
        """The event as JSON has it; `written` gives a frame's number by its index."""
        told = self.numbered(written)
        return {
            "frame": told.frame,
            "time_s": round(self.time_s, 6),
            "kind": self.kind,
            "lane": self.lane or None,
            "ids": list(self.ids),
            "box": [round(float(side), 2) for side in self.box],
            "end_frame": told.end_frame,
            "end_s": None if self.end_s is None else round(self.end_s, 6),
            "note": self.note,
        }


def gap_event(lane: str, frame: Frame, before: int) -> Event:
    """The gap before a frame as an event, from the frame of index `before` on; the frame has a gap."""
    assert frame.gap is not None
    return Event("gap", lane, before, frame.gap.from_s, (), frame.whole, frame.index, frame.gap.to_s, frame.gap.reason)


Found = TypeVar("Found", covariant=True)


class Finder(Protocol[Found]):
    """Finds in a run what befalls objects: events, passages of zones. Several sinks may ask the same one."""

    def __call__(self, moment: Moment) -> tuple[Found, ...]:
        """What became certain with this moment; asked again with the same moment, the same."""
        ...

    def finish(self) -> tuple[Found, ...]:
        """What the end makes certain."""
        ...


Level = Literal["good", "look", "bad", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One measure of a run's health, taken without any truth."""

    name: str
    """for programs: "light_switched" """
    title: str
    """for people: "Light switched" """
    lane: str | None
    """None: it concerns the clip"""
    value: float | None
    unit: str
    level: Level
    advice: str
    """a plain sentence: what it means and what to do"""
    times_s: tuple[float, ...] = ()
    """when, if it happened at times"""
