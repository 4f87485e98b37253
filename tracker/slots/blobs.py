"""Connected foreground and the slots in it: who stands where, alone or in company, what a slot adopts and what is born.

The E-step knows pixels, not bodies: legs that a slot has not yet learned are unexplained although they hang on its trunk. So blobs
have a say: a blob in which one slot stands is all that slot's, and shows how large it is; in a blob of several the E-step decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.slots.e_step import FOREGROUND, Shares
from tracker.slots.lifecycle import Birth, Life
from tracker.slots.settings import LifeSettings
from tracker.timing import REFERENCE_S, lasts
from tracker.types import Box, Mask

Array = NDArray[np.float32]
Area = tuple[slice, slice]

ADOPTED = np.float32(0.9)
"""gamma of an adopted pixel: nearly certain"""
STANDS = 0.5
"""a slot stands in a blob that covers this share of its foretold box"""
HOLDS = 0.3
"""or in which it owns pixels for this share of its usual area"""
ITS_OWN, SHOWS = 0.6, 0.12
"""or of which it owns this share, if that is this share of its usual area: what shows of somebody behind a post"""
NARROWEST_GAP = 2
"""pixels between two pieces that are asked for what lies between them"""
GROWN_UP_S = 0.6
"""seconds a slot must have been seen alone for its shape to say that it is not upright"""
OPEN = 0.5
"""share of a gap where objects were seen before, above which nothing that hides them stands there"""
LONG = 1.3
"""a slot so many times longer one way than the other is upright, or wide"""
FULL = 1.3
"""a slot that is not upright may, with its pieces, be so many times its known size"""
UNSEEN = 0.3
"""share of the area known of a slot that comes in over the border by which it has grown, if so much of its blob is unexplained"""
REACH = 4 / 3
"""loose foreground may belong to a slot within so many times its foretold box"""


@dataclass(frozen=True)
class Blobs:
    """Connected foreground, gaps closed."""

    labels: NDArray[np.int32]
    """(H, W) 0 outside, else the number of the blob"""
    boxes: NDArray[np.int32]
    """(B, 4) x, y, width, height; row 0 unused"""
    areas: NDArray[np.int32]
    """(B,) pixels"""

    def window(self, b: int) -> Area:
        """Rows and columns of blob b's box."""
        x, y, w, h = (int(v) for v in self.boxes[b])
        return slice(y, y + h), slice(x, x + w)


class Settled(NamedTuple):
    """What the blobs of a frame say of the slots."""

    births: list[Birth]
    alone: dict[int, Box]
    """slot -> box of the foreground it has for itself"""
    company: dict[int, Box]
    """slot -> box of the blob it shares with others"""
    covered: dict[int, Box]
    """slot -> box of a blob it stands in that is too small for it beside its owner: hidden behind, or a double"""
    absorbed: set[int]
    """slots that are pieces of another one: they share its blob and were never seen apart from it, or it has outgrown them"""


def find_blobs(verdict: NDArray[np.uint8], settings: LifeSettings) -> Blobs:
    """Blobs of a verdict (H, W), 255 = foreground.

    Gaps are closed upwards only: a belt cuts an upright object across, while sideways two who walk abreast would be joined.
    A longer gap is closed where the mixture says shadow: between a head and legs that is a grey coat.
    """
    solid = cv2.medianBlur((verdict == FOREGROUND).astype(np.uint8), 3)
    closed = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, _upright(settings.close_height * len(verdict)))
    bridged = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, _upright(settings.bridge_height * len(verdict)))
    closed = np.where((bridged > 0) & (verdict > 0), np.uint8(1), closed)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    table: NDArray[np.int32] = stats.astype(np.int32)
    return Blobs(labels.astype(np.int32, copy=False), table[:, :4], table[:, 4])


def _upright(height: float) -> NDArray[np.uint8]:
    return np.ones((max(1, 2 * round((height - 1) / 2) + 1), 1), np.uint8)


def settle(
    blobs: Blobs, shares: Shares, image: NDArray[np.uint8], poses: Array, lives: list[Life], settings: LifeSettings,
    trodden: Mask, *, look_s: float = REFERENCE_S,
) -> Settled:  # fmt: skip
    """Seat every slot in its blob; give blobs to those who stand in them (in `shares`, in place); find the births.

    poses (K, 4), lives and shares belong to the same K slots.
    trodden (H, W) bool, pixels before which some object was once: nothing stands there that hides them.
    look_s  seconds that this frame counts as evidence.
    """
    settled = Settled([], {}, {}, {}, set())
    if len(blobs.boxes) < 2:
        return settled
    foretold = np.array([_foretold(pose, life) for pose, life in zip(poses, lives, strict=True)]).reshape(-1, 4)
    owned = _owned_counts(blobs, shares, len(lives))
    seats = _seats(foretold, owned, blobs, lives)
    least = settings.min_area * blobs.labels.size
    seated = sorted({seat for seat in seats if seat})
    for b in seated:
        here = [k for k in range(len(lives)) if seats[k] == b]
        box = _box(blobs.boxes[b])
        pieces = _pieces(here, owned[b], float(blobs.areas[b]), lives, settings)
        settled.absorbed.update(pieces)
        here = [k for k in here if k not in pieces]
        winner = max(here, key=lambda k: owned[b, k] + 0.5 * _overlap(foretold[k], blobs.boxes[b]))
        if len(here) > 1 and box.width * box.height < settings.merge_growth * max(_size(foretold[k]) for k in here):
            weak = {k for k in here if k != winner and (lives[k].id is None or owned[b, k] < HOLDS * lives[k].area_px)}
            settled.covered.update(dict.fromkeys(weak, box))
            here = [k for k in here if k not in weak]
        loose = _loose(b, blobs, shares)
        corner = (int(blobs.boxes[b, 0]), int(blobs.boxes[b, 1]))
        if len(here) == 1 and any(lives[k].id for k, room in settled.covered.items() if room == box):
            settled.company[here[0]] = box  # what is behind it may show at its sides: no time to measure it
            continue
        if len(here) > 1:
            growing = [k for k in here if not lives[k].whole]
            if len(growing) == 1 and loose.sum() >= UNSEEN * lives[growing[0]].area_px:
                # one that comes in over the border; how large it is will show, and more of it than of the others
                k = growing[0]
                _adopt(shares, k, loose, corner)
                settled.alone[k] = _own_box(b, k, blobs, shares)
                settled.company.update((other, box) for other in here if other != k)
                continue
            settled.company.update(dict.fromkeys(here, box))
            settled.births.extend(_leftovers(loose, image, corner, least, foretold, lives, settings))
            continue
        k = here[0]
        grown = not lasts(settings.grow_s, lives[k].alone_s) and blobs.areas[b] > settings.growth * lives[k].area_px
        lives[k].crowded_s = lives[k].crowded_s + look_s if grown else 0.0
        if grown and lasts(settings.crowded_s, lives[k].crowded_s):
            settled.company[k] = box  # somebody unknown has joined it, or it comes into view
            settled.births.extend(_leftovers(loose, image, corner, least, foretold, lives, settings))
            continue
        _adopt(shares, k, loose, corner)
        settled.alone[k] = box
    twinned: set[int] = set()
    for b in sorted(set(range(1, len(blobs.boxes))) - set(seated)):  # after the others: who stands alone is known now
        _settle_free(
            b, blobs, shares, image, foretold, owned, seats, lives, settings, settled, twinned, trodden, look_s
        )
    for k, life in enumerate(lives):
        life.parted_s = life.parted_s if k in twinned else 0.0
    return settled


def _pieces(
    here: list[int], owned: NDArray[np.int64], area: float, lives: list[Life], settings: LifeSettings
) -> set[int]:
    """Of the slots in one blob, those that are pieces of another: they have not shown that they are somebody.

    To be somebody is to have stood alone. Who has not is a piece of those who have, if these explain the blob; a blob that is
    many times all that is known of it is one object, and one slot goes on.

    owned (K,) pixels of the blob that each slot owns; area of the blob.
    """
    founded = [k for k in here if lasts(lives[k].alone_s, settings.found_s)]
    if len(here) == 1:
        return set()
    known = sum(lives[k].area_px for k in founded)
    if area > settings.outgrown * known:
        keep = max(here, key=lambda k: (k in founded, lives[k].alone_s, owned[k]))
        return set(here) - {keep}
    return set(here) - set(founded) if area <= settings.growth * known else set()


def _settle_free(
    b: int, blobs: Blobs, shares: Shares, image: NDArray[np.uint8], foretold: NDArray[np.float64],
    owned: NDArray[np.int64], seats: list[int], lives: list[Life], settings: LifeSettings, settled: Settled,
    twinned: set[int], trodden: Mask, look_s: float,
) -> None:  # fmt: skip
    """A blob nobody is seated in: a fragment of a slot in whose reach it lies, or a birth.

    twinned  gathers the slots that have a twin of their main blob beside it
    """
    parted = False
    mine = int(owned[b].argmax()) if lives else 0
    if lives and owned[b, mine] >= ITS_OWN * blobs.areas[b] and mine in settled.alone:
        whole = _union(settled.alone[mine], _box(blobs.boxes[b]))
        open_ground = _is_open(blobs.boxes[b], blobs.boxes[seats[mine]], lives[mine], trodden)
        if _completes(whole, lives[mine]) and not open_ground:
            settled.alone[mine] = whole  # something stands before the middle of it, and the E-step knows both ends
            return
    window = blobs.window(b)
    solid = blobs.labels[window] == b
    corner = (window[1].start, window[0].start)
    reach = [
        _overlap(_reach(box), blobs.boxes[b]) if (life.hidden_s == 0 and seat > 0) or _may_show(life, blobs.areas[b]) else 0.0
        for box, life, seat in zip(foretold, lives, seats, strict=True)
    ]  # fmt: skip
    if reach:
        k = int(np.argmax(reach))
        near = reach[k] > 0.4 * _size(blobs.boxes[b]) and blobs.areas[b] < settings.fragment * lives[k].area_px
        if near and not seats[k]:  # a part of somebody hidden comes into view
            _adopt(shares, k, _loose(b, blobs, shares), corner)
            seats[k], settled.alone[k] = b, _box(blobs.boxes[b])
            return
        twin = near and _is_twin(blobs.boxes[b], blobs.boxes[seats[k]], lives[k], trodden)
        in_line = near and not twin and _in_line(blobs.boxes[b], blobs.boxes[seats[k]], lives[k])
        if twin:
            twinned.add(k)
            lives[k].parted_s += look_s
            parted = lasts(lives[k].parted_s, settings.part_s)
        if near and not parted:
            _adopt(shares, k, _loose(b, blobs, shares), corner)
            if k in settled.alone:
                whole = _union(settled.alone[k], _box(blobs.boxes[b]))
                if in_line or (not _is_upright(lives[k]) and _completes(whole, lives[k])):
                    settled.alone[k] = whole
            return
        if parted:
            lives[k].parted_s = lives[k].alone_s = 0.0  # it learns its size anew
    if not parted and _is_fragment(blobs.boxes[b], float(blobs.areas[b]), foretold, lives, settings):
        return
    if blobs.areas[b] >= settings.min_area * blobs.labels.size and min(blobs.boxes[b, 2:]) >= 3:
        _release(shares, window, solid)
        settled.births.append(_birth(solid, image, corner))


def _may_show(life: Life, area: float) -> bool:
    """Whether a piece of that area may be what shows of a hidden slot."""
    return life.id is not None and life.hidden_s > 0 and area >= SHOWS * life.area_px


def _foretold(pose: Array, life: Life) -> tuple[float, float, float, float]:
    """x, y, width, height of the box where a slot should be, at its usual size."""
    return float(pose[0]) - life.size[0] / 2, float(pose[1]) - life.size[1] / 2, life.size[0], life.size[1]


def _owned_counts(blobs: Blobs, shares: Shares, slots: int) -> NDArray[np.int64]:
    """(B, K) pixels of each blob that each slot owns."""
    at = np.flatnonzero(blobs.labels)
    pair = blobs.labels.ravel()[at].astype(np.int64) * (slots + 1) + shares.labels.ravel()[at]
    return np.bincount(pair, minlength=len(blobs.boxes) * (slots + 1)).reshape(-1, slots + 1)[:, 1:]


def _seats(foretold: NDArray[np.float64], owned: NDArray[np.int64], blobs: Blobs, lives: list[Life]) -> list[int]:
    """The blob each slot stands in, 0 for none. Of a slot at the border only the part inside the picture is asked for."""
    height, width = blobs.labels.shape
    seats = []
    for k, life in enumerate(lives):
        inside = max(1.0, _overlap(foretold[k], np.array([0, 0, width, height], np.int32)))
        cover = np.array([0.0, *(_overlap(foretold[k], box) for box in blobs.boxes[1:])]) / inside
        hold = owned[:, k] / max(1.0, life.area_px * inside / max(1.0, _size(foretold[k])))
        whose = owned[:, k] / np.maximum(1, blobs.areas)
        score = np.where(
            (cover >= STANDS) | (hold >= HOLDS) | ((whose >= ITS_OWN) & (hold >= SHOWS)),
            cover + np.minimum(hold, 1.0),
            0.0,
        )
        score[0] = 0.0
        seats.append(int(score.argmax()) if score.max() > 0 else 0)
    return seats


def _is_upright(life: Life) -> bool:
    return life.size[1] > LONG * life.size[0]


def _is_wide(life: Life) -> bool:
    return life.size[0] > LONG * life.size[1]


def _is_twin(box: NDArray[np.int32], home: NDArray[np.int32], life: Life, trodden: Mask) -> bool:
    """Whether a piece that stands apart from a slot's main blob may be somebody else: it is large enough, and nothing hides a joint."""
    return _size(box) >= 0.3 * _size(home) and _is_open(box, home, life, trodden)


def _is_open(one: NDArray[np.int32], two: NDArray[np.int32], life: Life, trodden: Mask) -> bool:
    """Whether nothing stands between two boxes (x, y, width, height) that could hide what joins them to one object.

    Between two side by side there is open ground if objects were seen before it; else there may be a post. Of two one above the
    other, legs belong to a head over them, but of anything else the middle is seldom hidden.
    """
    (x0, x1), (y0, y1) = (
        (min(one[n] + one[n + 2], two[n] + two[n + 2]), max(one[n], two[n])) for n in (0, 1)
    )  # from one to the other; turned round where they overlap
    if y1 - y0 >= NARROWEST_GAP:
        return not _is_upright(life) and not lasts(GROWN_UP_S, life.alone_s)
    if x1 - x0 < NARROWEST_GAP:
        return False
    gap = trodden[min(y0, y1) : max(y0, y1), x0:x1]
    return gap.size > 0 and float(gap.mean()) > OPEN


def _loose(b: int, blobs: Blobs, shares: Shares) -> Mask:
    """Pixels of blob b that no slot owns, in its box."""
    window = blobs.window(b)
    return (blobs.labels[window] == b) & (shares.labels[window] == 0)


def _own_box(b: int, k: int, blobs: Blobs, shares: Shares) -> Box:
    """The box of slot k's pixels in blob b."""
    window = blobs.window(b)
    mine = (blobs.labels[window] == b) & (shares.labels[window] == k + 1)
    x, y, width, height = cv2.boundingRect(cv2.medianBlur(mine.astype(np.uint8), 5))
    return _box(np.array([window[1].start + x, window[0].start + y, width, height]))


def _completes(whole: Box, life: Life) -> bool:
    """Whether a slot and a piece together are hardly larger than the slot is known to be."""
    return whole.width <= FULL * life.size[0] and whole.height <= FULL * life.size[1]


def _common(first: Area, second: Area) -> Area | None:
    rows = slice(max(first[0].start, second[0].start), min(first[0].stop, second[0].stop))
    columns = slice(max(first[1].start, second[1].start), min(first[1].stop, second[1].stop))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _inside(area: Area, frame_area: Area) -> Area:
    """`area` of the frame as indices into an array that covers `frame_area`."""
    y, x = frame_area[0].start, frame_area[1].start
    return slice(area[0].start - y, area[0].stop - y), slice(area[1].start - x, area[1].stop - x)


def _adopt(shares: Shares, k: int, loose: Mask, corner: tuple[int, int]) -> None:
    """Raise slot k's gamma on loose pixels inside its window; labels and the background's share follow."""
    window = shares.windows[k]
    where = (slice(corner[1], corner[1] + loose.shape[0]), slice(corner[0], corner[0] + loose.shape[1]))
    shares.labels[where][loose] = k + 1
    both = None if window is None else _common(window, where)
    if window is None or both is None:
        return
    taken = loose[_inside(both, where)]
    own, ground = shares.owned[k][_inside(both, window)], shares.background[both]
    own[taken] = np.maximum(own[taken], ADOPTED)
    ground[taken] = np.minimum(ground[taken], 1 - ADOPTED)


def _release(shares: Shares, where: Area, solid: Mask) -> None:
    """Take a blob's pixels from whoever owns some: it is another object's."""
    shares.labels[where][solid] = 0
    for window, owned in zip(shares.windows, shares.owned, strict=True):
        both = None if window is None else _common(window, where)
        if window is not None and both is not None:
            owned[_inside(both, window)][solid[_inside(both, where)]] = 0


def _is_fragment(
    box: NDArray[np.int32], area: float, foretold: NDArray[np.float64], lives: list[Life], settings: LifeSettings
) -> bool:
    """Whether a piece lies where a known, larger slot is foretold: more likely a part of it than somebody new."""
    return any(
        life.id is not None
        and area < settings.fragment * life.area_px
        and _overlap(_reach(where), box) > 0.5 * _size(box)
        for where, life in zip(foretold, lives, strict=True)
    )


def _leftovers(
    loose: Mask, image: NDArray[np.uint8], corner: tuple[int, int], least: float, foretold: NDArray[np.float64],
    lives: list[Life], settings: LifeSettings,
) -> list[Birth]:  # fmt: skip
    """Births from the connected pieces of what the slots of a blob leave over, if at least so large and no fragments."""
    if loose.sum() < least:
        return []
    pieces = cv2.morphologyEx(loose.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(pieces, connectivity=8)
    births = []
    for j in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[j])
        placed = np.array([corner[0] + x, corner[1] + y, w, h], np.int32)
        if area >= least and min(w, h) >= 3 and not _is_fragment(placed, area, foretold, lives, settings):
            births.append(_birth(labels[y : y + h, x : x + w] == j, image, (corner[0] + x, corner[1] + y)))
    return births


def _birth(mask: Mask, image: NDArray[np.uint8], corner: tuple[int, int]) -> Birth:
    x, y = corner
    height, width = mask.shape
    colour = image[y : y + height, x : x + width][mask].mean(0).astype(np.float32) / 255
    return Birth(Box(x, y, x + width, y + height), mask, float(mask.sum()), colour)


def _overlap(a: NDArray[np.float64], b: NDArray[np.int32]) -> float:
    """Pixels common to two boxes (x, y, width, height)."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return float(max(0.0, w) * max(0.0, h))


def _size(box: NDArray[Any]) -> float:
    """Pixels of a box (x, y, width, height)."""
    return float(box[2]) * float(box[3])


def _reach(foretold: NDArray[np.float64]) -> NDArray[np.float64]:
    """The box in which loose foreground may belong to a slot."""
    x, y, w, h = foretold
    return np.array([x - w * (REACH - 1) / 2, y - h * (REACH - 1) / 2, w * REACH, h * REACH])


def _in_line(piece: NDArray[np.int32], home: NDArray[np.int32], life: Life) -> bool:
    """Whether a piece continues a slot's main blob: under it, or along the long side of a wide object.

    Legs under a sign belong to the coat over it. A piece that shows over or beside an upright slot is more often somebody who
    stands behind it or next to it.
    """
    under = min(piece[0] + piece[2], home[0] + home[2]) - max(piece[0], home[0]) > 0.5 * min(piece[2], home[2])
    along = min(piece[1] + piece[3], home[1] + home[3]) - max(piece[1], home[1]) > 0.5 * min(piece[3], home[3])
    return bool(piece[1] >= home[1] and (under if _is_upright(life) else along if _is_wide(life) else True))


def _box(row: NDArray[np.int32]) -> Box:
    x, y, w, h = (float(v) for v in row)
    return Box(x, y, x + w, y + h)


def _union(a: Box, b: Box) -> Box:
    return Box(min(a.x0, b.x0), min(a.y0, b.y0), max(a.x1, b.x1), max(a.y1, b.y1))
