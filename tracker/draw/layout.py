"""How large lines and words of a lane's picture are, and where its words go: not over objects or each other where there is room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.draw.colours import DARK, LIGHT, colour_of, ink_on, lighten
from tracker.draw.corners import TOP_LEFT, corner_place
from tracker.draw.settings import OverlaySettings
from tracker.draw.shapes import labels
from tracker.draw.text import TextBox, Words, place_clear, tag, text_px
from tracker.timing import clock
from tracker.types import Track, View
from tracker.zone_counts import Shape

TAG_SHARE = 0.5
"""size of a tag's letters as a share of its object's longer side: a larger one hides more than it names"""
TAG_LEAST_PX, TAG_LEAST = 8, 0.4
"""the smallest letters, and as a share of the usual ones: smaller digits are not read"""
TAG_KEPT = 1.3
"""a tag's letters change their size when the wanted one is so many times larger or smaller: a box breathes"""
TAG_STAY_S = 1.0
"""a tag stays on its side of the object so long where it covers nothing there"""
HIDDEN_LEAST, HIDDEN_MOST = 4, 12
"""dashed boxes: as many as objects are seen, within these bounds; more hide what is seen"""
HIDDEN_TAGS = 12
"""hidden objects beyond those of which the tag alone is drawn; the others are counted in the banner"""
OBJECT, WORDS = 1, 8
"""cost of a covered pixel: two tags over each other can both not be read"""
OUTSIDE_PX = 8
"""a box that leaves the frame is open on that side: its line is so far outside at most"""


class ObjectStyle(NamedTuple):
    """How one track is drawn."""

    track: Track
    corners: TextBox
    """the box's corner pixels, the last one included"""
    line_px: int
    shown: bool
    """whether it has more than a tag"""


class Layout(NamedTuple):
    """What is drawn of a view, and where."""

    looks: list[ObjectStyle]
    """the farthest first"""
    words: list[tuple[Words, TextBox]]
    """in the order in which they are drawn"""


class _Tag(NamedTuple):
    size_px: int
    side: int
    """place in `_sides`"""
    since_s: float


class Arrangement:
    """Lays out the views of one lane in order of time; remembers the last one's tags, and since when each object is hidden."""

    def __init__(self) -> None:
        self._tags: dict[int, _Tag] = {}
        self._hidden_s: dict[int, float] = {}
        self._taken = np.empty((0, 0), np.uint8)

    def lay_out(
        self,
        view: View,
        *,
        time_s: float,
        settings: OverlaySettings,
        shapes: Sequence[Shape] = (),
        banner: int = TOP_LEFT,
        kept_clear: Sequence[TextBox] = (),
    ) -> Layout:
        """The layout of a view.

        banner      its corner
        kept_clear  where no words may go
        """
        size = view.segmentation.size
        tracks = sorted(view.tracks, key=lambda track: track.box.y1)  # the nearer one stands lower and is drawn later
        shown, left_out = self._shown(tracks, time_s)
        text = text_px(size[1])
        corners = whole_boxes(tracks, size)
        tags = self._sized(tracks, corners, text, shown)
        line_px = line_width(size[1])
        looks = [
            ObjectStyle(track, at, max(1, round(line_px * tags[track.id].size_px / text)), track.id in shown)
            for track, at in zip(tracks, corners, strict=True)
            if track.id not in left_out
        ]
        taken = self._objects(looks, size)
        written: list[tuple[Words, TextBox]] = []
        if settings.banner:
            words = Words(banner_text(view, time_s, left_out), text, LIGHT, DARK)
            _write(written, words, corner_place(banner, tag(*words).shape[1::-1], size), taken)
        for at in kept_clear:
            taken[at.y0 : at.y1, at.x0 : at.x1] = WORDS
        for words, places in labels(shapes if settings.zones else (), max(10, text - 2)):
            others = taken == WORDS  # names of places stand still, whoever passes below
            _write(written, words, place_clear(tag(*words).shape[1::-1], places, others), taken)
        for look in sorted(looks, key=_tag_order) if settings.ids else ():
            tags[look.track.id] = _place_tag(look, tags[look.track.id], time_s, taken, written)
        self._tags = tags
        return Layout(looks, written)

    def _shown(self, tracks: list[Track], time_s: float) -> tuple[set[int], set[int]]:
        """Who has a box or a mask, and who is left out: hidden ones, the longest hidden first."""
        ids = {track.id for track in tracks}
        hidden = [track.id for track in tracks if track.hidden]
        self._hidden_s = {identity: self._hidden_s.get(identity, time_s) for identity in hidden}
        most = min(max(HIDDEN_LEAST, len(tracks) - len(hidden)), HIDDEN_MOST)
        if len(hidden) <= most:
            return ids, set()
        hidden.sort(key=lambda identity: (-self._hidden_s[identity], -identity))
        return ids - set(hidden[most:]), set(hidden[most + HIDDEN_TAGS :])

    def _objects(self, looks: Sequence[ObjectStyle], size: tuple[int, int]) -> NDArray[np.uint8]:
        """(H, W), OBJECT in the boxes of what is seen; the same array for each frame, as a new one's memory costs more."""
        if self._taken.shape != size[::-1]:
            self._taken = np.empty(size[::-1], np.uint8)
        taken = self._taken
        taken.fill(0)
        for track, (x0, y0, x1, y1), _, _ in looks:
            if not track.hidden and x1 >= 0 and y1 >= 0:
                taken[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1] = OBJECT
        return taken

    def _sized(self, tracks: list[Track], corners: list[TextBox], text: int, shown: set[int]) -> dict[int, _Tag]:
        """The tags by id, with their letters' sizes of this frame: the least where there is nothing but the tag."""
        tags = {}
        for track, (x0, y0, x1, y1) in zip(tracks, corners, strict=True):
            longer = max(x1 - x0, y1 - y0) + 1 if track.id in shown else 0
            wanted = min(max(TAG_SHARE * longer, TAG_LEAST_PX, TAG_LEAST * text), text)
            old = self._tags.get(track.id)
            if old is None:
                old = _Tag(int(wanted), 0, -TAG_STAY_S)
            elif not old.size_px / TAG_KEPT <= wanted <= old.size_px * TAG_KEPT:
                old = old._replace(size_px=int(wanted))
            tags[track.id] = old
        return tags


def line_width(height: int) -> int:
    """Pixels across a line in a frame of that height."""
    return 1 if height < 600 else max(2, round(height / 700))


def whole_boxes(tracks: Sequence[Track], size: tuple[int, int]) -> list[TextBox]:
    """The corner pixels of boxes, the last ones included."""
    width, height = size
    boxes: NDArray[np.float64] = np.array([track.box for track in tracks], np.float64).reshape(-1, 4)
    boxes[:, 2:] -= 1
    np.rint(boxes, out=boxes)
    np.clip(boxes, -OUTSIDE_PX, (width + OUTSIDE_PX, height + OUTSIDE_PX) * 2, out=boxes)
    return [TextBox(*corners) for corners in boxes.astype(np.int64).tolist()]


def banner_text(view: View, time_s: float, left_out: set[int]) -> str:
    """Lane, time, how many objects are seen, and how many are hidden where not all of these are drawn; or that nobody looked."""
    if view.off:
        return f"{view.lane}   {clock(time_s)}   off"
    hidden = sum(track.hidden for track in view.tracks)
    seen = len(view.tracks) - hidden
    more = f", {hidden} hidden" if left_out else ""
    return f"{view.lane}   {clock(time_s)}   {seen} object{'' if seen == 1 else 's'}{more}"


def _write(written: list[tuple[Words, TextBox]], words: Words, at: TextBox, taken: NDArray[np.uint8]) -> None:
    written.append((words, at))
    taken[at.y0 : at.y1, at.x0 : at.x1] = WORDS


def _tag_order(look: ObjectStyle) -> tuple[bool, float]:
    """The nearest seen one has the first choice."""
    return look.track.hidden, -look.track.box.y1


def _place_tag(
    look: ObjectStyle, before: _Tag, time_s: float, taken: NDArray[np.uint8], written: list[tuple[Words, TextBox]]
) -> _Tag:
    """Write the id at the object's side where it covers nothing, or least; the side of before is kept for a while."""
    words, width, height = _tag_words(look.track.id, look.track.hidden, before.size_px)
    sides = _sides(look.corners, width, height)
    right, bottom = max(0, taken.shape[1] - width), max(0, taken.shape[0] - height)
    stays = time_s - before.since_s < TAG_STAY_S
    least, best, where = math.inf, 0, (0, 0)
    for side in (before.side, *EVERY_SIDE) if stays else EVERY_SIDE:
        x, y = sides[side]
        x, y = min(max(x, 0), right), min(max(y, 0), bottom)
        covered = cv2.sumElems(taken[y : y + height, x : x + width])[0]
        if covered < least:
            least, best, where = covered, side, (x, y)
            if not covered:
                break
    x, y = where
    at = TextBox(x, y, min(x + width, taken.shape[1]), min(y + height, taken.shape[0]))
    _write(written, words, at, taken)
    return before if stays and best == before.side else _Tag(before.size_px, best, time_s)


@lru_cache(maxsize=1024)
def _tag_words(identity: int, hidden: bool, size_px: int) -> tuple[Words, int, int]:
    """An id's tag, its width and height."""
    colour = colour_of(identity)
    ink, paper = (lighten(colour), DARK) if hidden else (ink_on(colour), colour)
    words = Words(str(identity), size_px, ink, paper)
    height, width = tag(*words).shape[:2]
    return words, width, height


EVERY_SIDE = range(8)


def _sides(corners: TextBox, width: int, height: int) -> tuple[tuple[int, int], ...]:
    """Where a tag of that size may begin: above and below, at either end; then beside the box."""
    x0, y0, x1, y1 = corners
    right, bottom = x1 + 1, y1 + 1
    return (
        (x0, y0 - height), (right - width, y0 - height), (x0, bottom), (right - width, bottom),
        (x0 - width, y0), (right, y0), (x0 - width, bottom - height), (right, bottom - height),
    )  # fmt: skip
