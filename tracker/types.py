"""The waist: the values that every station speaks, and the small protocols between them.

Arrays are indexed [y, x]; named pairs are in order x, y; boxes are x0, y0, x1, y1 in pixels, half open; images are RGB
uint8 (H, W, 3); time is in seconds from the clip's first frame; frames count from 0. Nobody writes into an array it was handed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol, TypeVar, get_args, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from tracker.sound import Sound
from tracker.timing import REFERENCE_S

if TYPE_CHECKING:
    from tracker.picture import Picture

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Mask = NDArray[np.bool_]
"""(H, W) bool."""
Labels = NDArray[np.int32]
"""(H, W) int32, 0 = background."""
Verdicts = NDArray[np.uint8]
"""(H, W) uint8: BACKGROUND, RIM, UNSURE or FOREGROUND by pixel."""

BACKGROUND, UNSURE, FOREGROUND = 0, 127, 255
"""what a scene says of a pixel, in OpenCV's values; unsure is its shadow: the background's colour, darker"""
RIM = 126
"""unsure as well: beside an object, and more of the scene than of it, so that no object's mask has it"""


LONGEST_TEXT = 4096
"""characters in a setting that is text: the longest path that Linux opens"""
MOST_SEED = 2**32 - 1
"""what every random generator in use takes"""

Share = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(ge=1e-6, le=1)]
"""never 0: its logarithm is taken"""
Seconds = Annotated[float, Field(ge=0, le=1e6)]
Working = Annotated[int, Field(ge=16, le=16_384)] | Literal["full"]
"""width in pixels at which a lane works; full: that of the frame"""
Auto = Literal["auto"]
"""a setting that the prescan chooses by what it measured; without a prescan the usual value, which a constant beside it holds"""
AutoWorking = Annotated[int, Field(ge=16, le=16_384)] | Literal["full", "auto"]
SMALL_PX = 640
"""width of the picture that is made of every wider frame: the usual one at which lanes work"""
USUAL_AREA = 0.0004
"""share of the picture: the usual smallest object"""
USUAL_GAP = 0.015
"""of the picture's height: the usual highest gap in an object that is closed"""


TINY_PX = 160
"""width of the picture on which scene, light and camera are watched"""


class Settings(BaseModel):
    """Base of every settings value: frozen, checked when made.

    Refused are an unknown key, a number that is not finite, true or false for a number, and text with a NUL or longer than
    LONGEST_TEXT. Every number has both bounds, every list a greatest length: `tests/test_bounds.py` reads the classes.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, str_max_length=LONGEST_TEXT
    )

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """What pydantic would take without a word: true for 1, and text that no file can be called."""
        parts = list(_parts(value))
        wanted = cls.model_fields[str(info.field_name)].annotation
        if any(isinstance(part, bool) for part in parts) and not _mentions(wanted, bool):
            raise ValueError("wanted a number or text, got yes or no")
        if any(isinstance(part, str) and "\0" in part for part in parts):
            raise ValueError("wanted text without NUL characters")
        return value


def _parts(value: Any) -> Iterator[Any]:
    """The plain values in nested lists."""
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _parts(inner)
    else:
        yield value


def _mentions(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_mentions(inner, kind) for inner in get_args(annotation))


class Box(NamedTuple):
    """Axis-aligned box in pixels of the frame, half open, not necessarily inside the frame."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y)."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def area(self) -> float:
        """Pixels."""
        return self.width * self.height

    def intersection(self, other: Box) -> float:
        """Pixels common to both."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0.0, width) * max(0.0, height)

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def clipped(self, size: tuple[int, int]) -> Box:
        """The part inside a picture (width, height); of no area if there is none."""
        width, height = float(size[0]), float(size[1])
        x0, y0 = min(max(self.x0, 0.0), width), min(max(self.y0, 0.0), height)
        return Box(x0, y0, max(x0, min(self.x1, width)), max(y0, min(self.y1, height)))

    def scaled(self, across: float, down: float) -> Box:
        """The same place in a picture so many times as wide and high."""
        return Box(self.x0 * across, self.y0 * down, self.x1 * across, self.y1 * down)

    def iou(self, other: Box) -> float:
        """Intersection over union, in [0, 1]."""
        common = self.intersection(other)
        return common / max(1e-9, self.area + other.area - common)


Boxes = Sequence[Box] | NDArray[np.float64]
"""boxes, or their rows (N, 4)"""


def intersections(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """(len(a), len(b)) pixels common to each box of one list and each of the other."""
    p, q = np.reshape(np.asarray(a, float), (-1, 1, 4)), np.reshape(np.asarray(b, float), (1, -1, 4))
    sides = np.clip(np.minimum(p[..., 2:], q[..., 2:]) - np.maximum(p[..., :2], q[..., :2]), 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1])


@dataclass(frozen=True)
class Gap:
    """A stretch in which a live source gave no picture."""

    from_s: float
    to_s: float
    """times of the pictures before and after"""
    reason: str
    """a few words: "the stream ended" """


@dataclass(frozen=True)
class Frame:
    """One picture of a clip."""

    index: int
    """counts from 0 at the first frame delivered"""
    time_s: float
    """seconds from the clip's first frame, by the container's timestamps"""
    picture: Picture
    number: int | None = None
    """what the clip itself calls it: its picture's number, or its place in a whole video, from 1"""
    place: int | None = None
    """its place in the whole clip, from 0, with frames counted that came before a part or cannot be read; by this a
    truth speaks of it. None if unknown: live, or drawn"""
    scene: int | None = 0
    """which of the scenes known so far it shows; None: it is blank, and no evidence of anything"""
    arrived_s: float | None = None
    """by time.monotonic, when the picture came from a live source"""
    gap: Gap | None = None
    """what of a live source is missing just before this frame"""
    sound: Sound | None = None
    """what came of the source's sound since the frame before; None where there is none, or nobody wants it"""

    @property
    def image(self) -> Image:
        """(H, W, 3) the whole picture. Whoever can do with less asks for `small` or `picture.at`."""
        return self.picture.at("full")

    @property
    def small(self) -> Image:
        """(h, w, 3) the picture, at most SMALL_PX wide."""
        return self.picture.at(SMALL_PX)

    @property
    def tiny(self) -> Image:
        """(h, w, 3) `small`, at most TINY_PX wide."""
        return self.picture.tiny()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.picture.size

    @property
    def whole(self) -> Box:
        """The picture as a box."""
        return Box(0, 0, *self.size)

    @property
    def written(self) -> int:
        """What tables and file names call it: its number, else its place among those delivered, from 1."""
        return self.index + 1 if self.number is None else self.number


@dataclass(frozen=True)
class Region:
    """One object as a segmenter sees it in one frame."""

    label: int
    """its pixels in `Segmentation.labels`, above 0"""
    box: Box
    area_px: float
    """visible pixels; 0 while it is hidden"""
    confidence: float = 1.0
    """in [0, 1]"""
    hidden: bool = False
    """behind something: the box is predicted, not seen"""
    entropy: float | None = None
    """mean entropy, in bits, of who owns its pixels; None where a method gives every pixel to one owner"""
    isolated: bool = True
    """it has its piece of foreground for itself, so that the box is measured rather than shared with others or predicted"""
    colours: NDArray[np.float32] | None = field(default=None, compare=False)
    """(3, 3) mean RGB in [0, 1] of its parts from top to bottom, where it is isolated and seen whole; NaN where too little shows"""


@dataclass(frozen=True)
class Segmentation:
    """Who owns which pixel in one frame. The baseline and the network return the same type."""

    labels: Labels
    """(h, w) int32 at the size at which the method worked, 0 = background; whoever made `regions` used these labels"""
    regions: tuple[Region, ...]
    """in pixels of the frame"""
    foreground: Mask
    """(h, w) bool: what is held to be object, before anyone asks whose"""
    frame_size: tuple[int, int] | None = None
    """(width, height) of the frame; None: that of the labels"""
    verdicts: Verdicts | None = None
    """(h, w) what the scene said of each pixel, where a method asks one"""
    learned: object = None
    """what the method has learned by this frame, for `SmoothedSegmenter.later_pass`; it does not change any more"""

    @classmethod
    def empty(cls, shape: Sequence[int], frame_size: tuple[int, int]) -> Segmentation:
        """One in which nothing is found, with labels of that shape (h, w, ...)."""
        labels = np.zeros(shape[:2], np.int32)
        return cls(labels, (), labels > 0, frame_size)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frame."""
        return self.frame_size or (self.labels.shape[1], self.labels.shape[0])

    @cached_property
    def full_labels(self) -> Labels:
        """(H, W) `labels` at the frame's size."""
        return enlarged(self.labels, self.size)

    @cached_property
    def full_foreground(self) -> Mask:
        """(H, W) `foreground` at the frame's size."""
        return enlarged(self.foreground.view(np.uint8), self.size).view(np.bool_)


def same_size_foregrounds(segmentations: Sequence[Segmentation]) -> list[Mask]:
    """The foregrounds of one frame, at one size: that at which all methods worked, else the frame's."""
    if len({each.foreground.shape for each in segmentations}) == 1:
        return [each.foreground for each in segmentations]
    return [each.full_foreground for each in segmentations]


def enlarged(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """An array (h, w) at `size` (width, height): each pixel has its nearest value."""
    if (values.shape[1], values.shape[0]) == size:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST))


@dataclass(frozen=True)
class Track:
    """One identity in one frame."""

    id: int
    """from 1, never used twice in a run"""
    box: Box
    confidence: float
    label: int
    """its pixels in `Segmentation.labels` of this frame; 0 when it owns none"""
    hidden: bool = False
    """predicted rather than seen"""


@dataclass(frozen=True)
class View:
    """What one lane made of one frame."""

    lane: str
    segmentation: Segmentation
    tracks: tuple[Track, ...]
    off: bool = False
    """the lane was given up for lack of time and did not look at the frame"""

    @property
    def owners(self) -> Labels:
        """(h, w) int32, the identity that has each pixel of `Segmentation.labels`, 0 where none has it."""
        labels = self.segmentation.labels
        names = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
        for track in self.tracks:
            if 0 < track.label < len(names):
                names[track.label] = track.id
        return names[labels]


@dataclass(frozen=True)
class Moment:
    """One frame and what every lane made of it: all that a sink is given."""

    frame: Frame
    views: tuple[View, ...]

    def view(self, lane: str) -> View:
        """The view of that lane; KeyError if the run has no such lane."""
        for view in self.views:
            if view.lane == lane:
                return view
        raise KeyError(lane)


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

    def plain(self, written: Callable[[int], int]) -> dict[str, object]:
        """The event as JSON has it; `written` gives a frame's number by its index."""
        return {
            "frame": written(self.frame),
            "time_s": round(self.time_s, 6),
            "kind": self.kind,
            "lane": self.lane or None,
            "ids": list(self.ids),
            "box": [round(float(side), 2) for side in self.box],
            "end_frame": None if self.end_frame is None else written(self.end_frame),
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


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before its first frame."""

    name: str
    """for people; never holds a password"""
    size: tuple[int, int]
    """(width, height) in pixels, after rotation"""
    fps: float | None
    """mean frames a second, None if unknown"""
    frame_count: int | None
    """frames that will come, estimated from the header; None if unknown or endless"""
    live: bool
    """a camera or stream: cannot be read twice, frames are dropped rather than queued"""
    notes: tuple[str, ...] = ()
    """one line each, without the source's name: what was guessed or left out, known before the first frame"""
    pixel_aspect: float = 1.0
    """width of a pixel over its height, as it is to be shown"""


class Source(Protocol):
    """Frames in order, once, until it is closed; iteration raises SourceError on damage.

    A live one may also have `stop()`, which ends the iteration from any thread, also while it waits; and `renewed`, which is, once
    the iteration has ended, the source that goes on with pictures of another size, or None. One whose frames can be listed before
    they are read may have `times_s`, their seconds.
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def problem(self) -> str | None:
        """One line on what was not readable although the clip went on or ended early; None if all is well."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """About `count` pictures spread over the clip, in any order, without moving the iteration; [] if live or closed.

        whole   also of what comes before and after the part that was asked for
        width   at which they are made, as a frame's `picture.at(width)` is
        """
        ...

    def close(self) -> None: ...


class Change(NamedTuple):
    """Why a picture differs from a scene; both are false where there is too little to tell."""

    is_light: bool
    """the light changed: the scene's edges are still there"""
    hides_edges: bool
    """the scene's edges are gone, as behind an object"""


class Judgement(Protocol):
    """What a scene found in one picture."""

    @property
    def verdicts(self) -> Verdicts:
        """(H, W) uint8: BACKGROUND, RIM, UNSURE or FOREGROUND."""
        ...

    def complete(self, labels: Labels) -> Labels:
        """A copy of `labels` (H, W) of that picture, with pixels of objects that were missed and without those beside them."""
        ...

    def uncovers(self, place: Mask) -> bool:
        """Whether `place` (H, W) bool shows the empty scene, where what was learned as the scene is an object that has left."""
        ...


J = TypeVar("J", bound=Judgement)


class Scene(Protocol[J]):
    """What a static scene looks like, and which pixels of a frame do not belong to it. Images are (H, W, 3) uint8 of one size.

    A frame is judged and followed; it is learned from later, once somebody knows which objects are in it.
    """

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none it is learned from the first frames."""
        ...

    def judge(self, image: Image) -> J:
        """Which pixels differ. Learns nothing, so a frame may be judged again."""
        ...

    def follow(self, judgement: J) -> None:
        """Go on from the latest frame, before the next is judged: what holds whichever objects are in it."""
        ...

    def learn(self, judgement: J, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None:
        """Update the scene from a frame that was judged, except where `known_foreground` (H, W) bool is true.

        dt_s  seconds since the frame before
        """
        ...

    def is_light(self, judgement: J) -> bool:
        """Whether that picture differs from the scene because the light changed, rather than because an object came."""
        ...

    def adapt(self, judgement: J) -> None:
        """Take the scene in that picture's light for background from now on."""
        ...

    def uncover(self, judgement: J, place: Mask) -> None:
        """Take what that picture shows in `place` (H, W) bool for background from now on."""
        ...

    def enter(self, scene: int) -> None:
        """Judge and learn the scene of that number from now on; see `Frame.scene`."""
        ...

    def empty_scene(self) -> Image | None:
        """(h, w, 3) the present scene without objects, at the size at which it is kept; None as long as it is not known."""
        ...

    def reset(self) -> None:
        """Forget every scene."""
        ...


class Segmenter(Protocol):
    """Frame in, segmentation out; holds its recurrent state."""

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip (the prescan). No pictures: a stated warm-up instead."""
        ...

    def step(self, frame: Frame) -> Segmentation: ...

    def freeze(self, frozen: bool) -> None:
        """While frozen, judge, and learn nothing of the scene. Called between two frames."""
        ...

    def reset(self) -> None:
        """Forget the scene and every object."""
        ...


@runtime_checkable
class TwoStageSegmenter(Segmenter, Protocol):
    """A segmenter whose frame t + 1 may be judged while frame t is assigned; `step` is one stage after the other.

    Frame t is judged after frame t - 2 was assigned, and nothing that a later frame taught changes the answer.
    """

    def judge(self, frame: Frame) -> Any:
        """The first stage; called for every frame in order."""
        ...

    def assign(self, frame: Frame, judged: Any) -> Segmentation:
        """The second stage, given what the first made of this frame; called for every frame in order."""
        ...


@runtime_checkable
class SmoothedSegmenter(TwoStageSegmenter, Protocol):
    """One that can look at a clip from its end, at what it judged before.

    Its segmentations have verdicts, and their regions say who is isolated.
    """

    @property
    def working_width(self) -> Working:
        """At which it asks for a frame's picture."""
        ...

    def expect_more_passes(self) -> None:
        """Said before the first frame: there will be more passes."""
        ...

    def later_pass(self, learned: object) -> LaterPass:
        """One for another pass, without objects, over frames that have been judged. learned: that of the last of these frames

        This one may be judging later frames in another thread meanwhile, and have learned more: how far it is depends on chance.
        """
        ...


class LaterPass(Protocol):
    """Another pass over frames that were judged, from the first to the last or from the last to the first."""

    def step_judged(
        self, image: Image, verdicts: Verdicts, *, time_s: float, scene: int | None, size: tuple[int, int]
    ) -> Segmentation:
        """One iteration with the next frame.

        image     (h, w, 3) the working picture; verdicts  (h, w) what the scene said of it in the first pass
        time_s    a clock that goes on: seconds from the clip's begin, or before its end
        size      (width, height) of the frame
        """
        ...


Outcome = Literal["complete", "interrupted", "failed"]


class Sink(Protocol):
    """Takes moments in order, then is closed once. Files are written beside their final names, which they take together after that.

    One that a user can close, such as a window, may also have `wants_stop`: whether the run is to end.
    """

    def write(self, moment: Moment) -> None: ...

    def close(self, outcome: Outcome) -> None:
        """Finish what was written so far; a file for which no moment came stays unfinished, and does not appear."""
        ...
