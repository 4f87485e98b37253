"""Slots that keep their look: EM in which every slot is a picture that moves as a whole, and needs no network.

For worlds whose objects neither turn nor bend and whose scene is known exactly. The same steps as in the windowed lane, each
in closed form: a slot is laid where it explains the frame best beside the others (E-step), its picture follows from what it
owns (M-step), what nobody explains is born, what explains nothing has gone. How slots share a pixel is a setting: `over`,
one of them explains it alone, as the papers' mixture has it; `sum`, their light adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.rigid.settings import RigidSettings
from tracker.timing import FrameTimer, lasts
from tracker.types import Box, Frame, Image, Mask, Region, Segmentation

Array = NDArray[np.float32]

PASSES = 3
"""rounds in which every slot is laid anew beside the others"""
LEARN = np.float32(0.5)
"""share of the way that a slot's picture goes to what is seen, in one frame"""
PRIOR = 0.002
"""price of a pixel squared off the foretold place, as a share of the slot's light"""
JOIN_PX = 5
"""unexplained pixels so near to each other are one piece"""
LEAVES = 0.35
"""a slot that explains less than this share of what of it should be in sight has gone"""
LOST = 0.6
"""a slot that explains less than this share where it was foretold is looked for farther away"""
IN_SIGHT = 0.15
"""with less than this share of it in sight it is hidden, and nothing can be said"""
SURE = 0.2
"""a pixel trusted less is no part of a slot"""
GROWN = np.float32(0.5)
"""trust in a pixel that was taken in later"""
TOGETHER_FRAMES = 2
"""two slots that keep their distance so long go together"""
HALF = 0.5
"""a channel counts in a colour from here on"""
KNOWN_AGE = 3
"""frames after which a slot's speed is known to a pixel"""


@dataclass
class Body:
    """One slot: what it looks like and how it goes."""

    id: int
    look: Array
    """(h, w, 3) light beside the scene's, in -1..1; 0 outside the mask"""
    mask: Mask
    """(h, w)"""
    corner: tuple[int, int]
    """(x, y) of its picture's first pixel"""
    whole: bool
    """whether all of it has been seen at once: it grows no more"""
    path: list[tuple[int, int]] = field(default_factory=list)
    """corners so far, unseen frames included"""
    trust: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(h, w) how sure a pixel of the mask is a part of it, in [0, 1]"""
    hidden_s: float = 0.0
    """seconds since it was last seen; 0: it is seen now"""
    placed: bool = True
    """whether its place in this frame is known, or at least foretold"""

    def __post_init__(self) -> None:
        if self.trust.shape != self.mask.shape:
            self.trust = self.mask.astype(np.float32)

    @property
    def age(self) -> int:
        return len(self.path)

    @property
    def light(self) -> float:
        """Sum of squares of its look."""
        return float((self.look**2).sum())

    def foretold(self) -> tuple[int, int]:
        """The next corner, on a straight line at constant speed through all that was seen (least squares)."""
        if self.age < 2:
            return self.corner
        t = np.arange(self.age, dtype=float) - (self.age - 1) / 2
        places = np.array(self.path, float)
        speed = (t @ places) / (t @ t)
        x, y = places.mean(0) + speed * (self.age - (self.age - 1) / 2)
        return round(float(x)), round(float(y))


class RigidSegmenter:
    """Frame in, segmentation with lasting identities out."""

    def __init__(self, settings: RigidSettings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget the scene and every object."""
        self._scene: Array | None = None
        self._bodies: list[Body] = []
        self._next_id = 1
        self._timer = FrameTimer(self.settings.hidden_s)

    def prepare(self, images: Sequence[Image]) -> None:
        """The scene is the median of pictures spread over the clip; with none it is black."""
        if images:
            self._scene = np.median(np.stack(images), axis=0).astype(np.float32) / np.float32(255)

    def step(self, frame: Frame) -> Segmentation:
        """One frame; labels are identities."""
        view: Array = frame.image.astype(np.float32) / np.float32(255)
        if self._scene is not None:
            view -= self._scene
        interval = self._timer.step(frame.time_s)
        if interval.gap:
            self._bodies = []
        self._settle(view)
        if self._bury(view, interval.dt_s):
            self._settle(view)
        self._learn(view)
        self._bear(view)
        for body in self._bodies:
            body.path.append(body.corner)
        self._join()
        return self._segmentation(view)

    def _settle(self, view: Array) -> None:
        """Lay every slot where it explains most beside the others; who is known best goes first."""
        for body in self._bodies:
            body.corner, body.placed = body.foretold(), body.age >= 2
        order = sorted(self._bodies, key=lambda body: -body.age)
        for n in range(PASSES):
            before = [body.corner for body in order]
            for body in order:
                reach = self.settings.reach_px if body.age < 2 else 3 if body.age < KNOWN_AGE else 2
                others = [other for other in order if other is not body and other.placed]
                gains = self._gains(view, body, others, body.foretold(), reach)
                dy, dx = np.indices(gains.shape) - reach
                gains -= (PRIOR if body.age >= 2 else 0.0) * body.light * (dx**2 + dy**2)
                best = np.unravel_index(int(gains.argmax()), gains.shape)
                x, y = body.foretold()
                if body.hidden_s == 0 or gains.max() > LEAVES * body.light:
                    body.corner = x + int(best[1]) - reach, y + int(best[0]) - reach
                body.placed = True
                if body.age >= 2 and n == 0 and gains.max() < LOST * body.light and not body.hidden_s:
                    self._search(view, body, others)
            if n and before == [body.corner for body in order]:
                break

    def _search(self, view: Array, body: Body, others: list[Body]) -> None:
        """Look farther for a slot that fits badly where it was foretold, if enough of it should be in sight there."""
        seen, inside = _cut(view, body.corner, body.mask.shape)
        _, covered, _ = self._explained(seen, others, body.corner)
        due = float(((body.look**2).sum(-1) * (inside if self.settings.share == "sum" else inside & ~covered)).sum())
        reach, (x, y) = self.settings.reach_px, body.foretold()
        gains = self._gains(view, body, others, (x, y), reach)
        if gains[reach, reach] < LOST * due and gains.max() > LOST * body.light:
            best = np.unravel_index(int(gains.argmax()), gains.shape)
            body.corner = x + int(best[1]) - reach, y + int(best[0]) - reach
            body.path = body.path[-1:]  # its speed was wrong: it is learned anew

    def _gains(self, view: Array, body: Body, others: list[Body], at: tuple[int, int], reach: int) -> Array:
        """(2 reach + 1, 2 reach + 1): by how much the squared error falls with the slot laid there, dy and dx round `at`."""
        h, w = body.mask.shape
        x, y = at[0] - reach, at[1] - reach
        shape = (h + 2 * reach, w + 2 * reach)
        seen, inside = _cut(view, (x, y), shape)
        told, covered, error = self._explained(seen, others, (x, y))
        windows = _windows(seen, (h, w)), _windows(told, (h, w)), _windows(error[..., None], (h, w))[..., 0]
        counts = _windows(inside[..., None], (h, w))[..., 0] & body.mask
        if self.settings.share == "sum":
            new = ((np.minimum(1, windows[1] + body.look) - windows[0]) ** 2).sum(-1)
        else:
            new = ((body.look - windows[0]) ** 2).sum(-1)
            old = _windows(covered[..., None], (h, w))[..., 0]
            new = np.where(old, np.minimum(new, windows[2]), new)
        return ((windows[2] - new) * counts).sum((-1, -2), dtype=np.float32)

    def _explained(self, seen: Array, bodies: list[Body], corner: tuple[int, int]) -> tuple[Array, Mask, Array]:
        """What slots tell of a piece of the frame that begins at `corner`: light (h, w, 3), who is covered, squared error."""
        told, covered = np.zeros_like(seen), np.zeros(seen.shape[:2], bool)
        error = (seen**2).sum(-1)
        for body in bodies:
            here, there = _common(body, corner, seen.shape[:2])
            if here is None or there is None:
                continue
            mask, look = body.mask[there], body.look[there]
            if self.settings.share == "sum":
                told[here] += look
            else:
                own = ((seen[here] - look) ** 2).sum(-1)
                better = mask & (~covered[here] | (own < error[here]))
                error[here][better], told[here][better] = own[better], look[better]
            covered[here] |= mask
        if self.settings.share == "sum":
            error = ((np.minimum(1, told) - seen) ** 2).sum(-1)
        return told, covered, error

    def _bury(self, view: Array, dt_s: float) -> bool:
        """End slots that no longer explain what of them should be in sight; true if any ended."""
        stay = []
        for body in self._bodies:
            others = [other for other in self._bodies if other is not body]
            gain = float(self._gains(view, body, others, body.corner, 0)[0, 0])
            seen, inside = _cut(view, body.corner, body.mask.shape)
            told, covered, _ = self._explained(seen, others, body.corner)
            free, light = inside, (body.look**2).sum(-1)
            if self.settings.share == "sum":  # where it is white already more light shows nothing
                light = ((np.minimum(1, told + body.look) - np.minimum(1, told)) ** 2).sum(-1)
            if self.settings.share == "over":  # what is of another colour may be somebody new in front
                strange = (((seen - body.look) ** 2).sum(-1) > self.settings.ink**2) & body.mask
                free = inside & ~covered & ~(strange & (np.abs(seen).max(-1) > self.settings.ink))
                gain = float((((seen**2).sum(-1) - ((seen - body.look) ** 2).sum(-1)) * (free & body.mask)).sum())
            due = float((light * free).sum())
            if due < IN_SIGHT * body.light:
                body.hidden_s += dt_s
                if lasts(self.settings.hidden_s, body.hidden_s) and inside.any():
                    stay.append(body)
            elif gain > LEAVES * due:
                body.hidden_s = 0.0
                stay.append(body)
        ended = len(stay) < len(self._bodies)
        self._bodies = stay
        return ended

    def _learn(self, view: Array) -> None:
        """M-step: a slot's picture goes towards what is seen where it is alone; what turns out empty is no part of it."""
        for body in self._bodies:
            if body.hidden_s:
                continue
            others = [other for other in self._bodies if other is not body]
            seen, inside = _cut(view, body.corner, body.mask.shape)
            _, covered, _ = self._explained(seen, others, body.corner)
            alone = inside & ~covered & body.mask
            body.look[alone] += LEARN * (seen[alone] - body.look[alone])
            empty = np.abs(seen).max(-1) < 0.5 * self.settings.ink
            body.trust[alone] += LEARN * (np.where(empty, np.float32(0), np.float32(1))[alone] - body.trust[alone])
            body.mask &= body.trust >= (0.6 if body.age < KNOWN_AGE else SURE)
            body.trust[~body.mask] = 0
            body.look[~body.mask] = 0
            body.whole |= not (covered & body.mask).any() and body.age >= KNOWN_AGE

    def _bear(self, view: Array) -> None:
        """Pieces that nobody explains: a part of the slot on which they hang if small beside it, else somebody new."""
        told, covered, error = self._explained(view, self._bodies, (0, 0))
        strange = error > self.settings.ink**2
        if self.settings.share == "sum":
            strange &= (view - told).max(-1) > self.settings.ink
        if not strange.any():
            return
        count, pieces, stats = self._pieces(strange, view)
        rest = view - told if self.settings.share == "sum" else view
        newborn: list[Body] = []
        before = count
        if self.settings.share == "sum":
            count, pieces, stats = _halved(pieces * strange, stats, self.settings.largest_px)
        for n in range(1, count):
            x, y, w, h = (int(v) for v in stats[n, :4])
            at = np.s_[y : y + h, x : x + w]
            piece = (pieces[at] == n) & strange[at]
            area = self._area(piece)
            owner = self._owner((x, y, w, h), area, rest[at][piece].mean(0))
            if owner is not None:
                _grow(owner, rest[at], piece, (x, y))
            elif area >= self.settings.least_px:
                look = np.where(piece[..., None], rest[at], 0).astype(np.float32)
                whole = count == before and not _touches(piece, covered, (x, y))
                newborn.append(Body(self._next_id, look, piece, (x, y), whole))
                self._next_id += 1
        self._bodies += newborn

    def _pieces(self, strange: Mask, view: Array) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
        """Connected pieces of what nobody explains: how many with the rest, (H, W) their numbers, and their boxes.

        Where objects hide each other a piece is of one colour: two of another colour that touch may be two objects.
        """
        if self.settings.share == "sum":
            kernel = np.ones((JOIN_PX, JOIN_PX), np.uint8)
            joined = cv2.morphologyEx(strange.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
            count, pieces, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
            return count, pieces.astype(np.int32, copy=False), stats.astype(np.int32)
        colour = (np.abs(view) > HALF).astype(np.uint8) @ np.array([1, 2, 4], np.uint8)
        numbers, boxes = np.zeros(strange.shape, np.int32), [np.zeros((1, 5), np.int32)]
        first = 0
        for one in np.unique(colour[strange]):
            count, pieces, stats, _ = cv2.connectedComponentsWithStats(
                (strange & (colour == one)).astype(np.uint8), connectivity=8
            )
            numbers = np.where(pieces > 0, pieces + first, numbers)
            boxes.append(stats[1:].astype(np.int32))
            first += count - 1
        return first + 1, numbers, np.concatenate(boxes)

    def _join(self) -> None:
        """Make one of two slots that go side by side and fit into one object: pieces of one thing."""
        largest = self.settings.largest_px
        k = 0
        while k < len(self._bodies):
            body = self._bodies[k]
            for other in self._bodies[k + 1 :]:
                if min(body.age, other.age) < TOGETHER_FRAMES:
                    continue
                apart = np.array(body.path[-TOGETHER_FRAMES:]) - np.array(other.path[-TOGETHER_FRAMES:])
                if np.ptp(apart, axis=0).max() > 0 or _spread(body, _rectangle(other)) > largest:
                    continue
                _grow(body, other.look, other.mask, other.corner)
                body.trust[body.mask] = 1
                body.hidden_s = min(body.hidden_s, other.hidden_s)
                self._bodies.remove(other)
            k += 1

    def _area(self, piece: Mask) -> int:
        """Pixels of a piece without what of it is thinner than `thin_px`."""
        thin = self.settings.thin_px
        if thin <= 1:
            return int(piece.sum())
        framed = np.pad(piece.astype(np.uint8), thin)  # the filter's border would count as piece
        return int(cv2.morphologyEx(framed, cv2.MORPH_OPEN, np.ones((thin, thin), np.uint8)).sum())

    def _owner(self, box: tuple[int, int, int, int], area: int, colour: Array) -> Body | None:
        """The slot of which a piece is a part: one that was never seen whole, hangs together with it and is like it."""
        slack = self.settings.slack_px
        for body in self._bodies:
            mine = _rectangle(body)
            apart = max(
                max(mine[n], box[n]) - min(mine[n] + mine[n + 2], box[n] + box[n + 2]) for n in (0, 1)
            )  # negative where they overlap
            if body.whole or body.hidden_s or apart > slack or _spread(body, box) > self.settings.largest_px:
                continue
            alike = area < max(self.settings.least_px, self.settings.fragment * int(body.mask.sum()))
            if self.settings.share == "over":
                alike = float(np.abs(body.look[body.mask].mean(0) - colour).max()) < HALF
            if alike:
                return body
        return None

    def _segmentation(self, view: Array) -> Segmentation:
        labels = np.zeros(view.shape[:2], np.int32)
        best = np.full(view.shape[:2], np.inf, np.float32)
        regions = []
        for body in self._bodies:
            here, there = _common(body, (0, 0), view.shape[:2])
            if here is None or there is None:
                continue
            look, mask = body.look[there], body.mask[there]
            bad = -np.abs(look).sum(-1) if self.settings.share == "sum" else ((view[here] - look) ** 2).sum(-1)
            mine = mask & (bad < best[here])
            best[here][mine], labels[here][mine] = bad[mine], body.id
        for body in self._bodies:
            area = float((labels == body.id).sum())
            hidden = body.hidden_s > 0
            region = Region(body.id, self._box(body), area, 0.5 if hidden else 1.0, hidden and not self.settings.amodal)
            regions.append(region)
        return Segmentation(labels, tuple(regions), persistent=True, foreground=labels > 0)

    def _box(self, body: Body) -> Box:
        """Round the slot's mask; of the size that is set, round its centre of light."""
        (x, y), weight = body.corner, np.abs(body.look).sum(-1) + 1e-6
        if self.settings.box_px is not None:
            (width, height), total = self.settings.box_px, float(weight.sum())
            cx = x + 0.5 + float((weight.sum(0) * np.arange(weight.shape[1])).sum()) / total
            cy = y + 0.5 + float((weight.sum(1) * np.arange(weight.shape[0])).sum()) / total
            return Box(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        sure = body.mask & (body.trust > GROWN)
        if not sure.any():
            return Box(x, y, x + 1, y + 1)
        ys, xs = np.flatnonzero(sure.any(1)), np.flatnonzero(sure.any(0))
        return Box(float(x + xs[0]), float(y + ys[0]), float(x + xs[-1] + 1), float(y + ys[-1] + 1))


def _halved(
    pieces: NDArray[np.int32], stats: NDArray[np.int32], largest: int
) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
    """Pieces too large for one object are cut across their longer side where they are thinnest near the middle.

    The cut is rough; as the halves part, each sheds what goes with the other.
    """
    boxes = list(stats)
    for n in range(1, len(stats)):
        x, y, w, h = (int(v) for v in stats[n, :4])
        if max(w, h) <= largest:
            continue
        here = pieces[y : y + h, x : x + w]
        across = 0 if w >= h else 1
        profile = (here == n).sum(axis=across)
        near = slice(len(profile) * 3 // 10, len(profile) * 7 // 10 + 1)
        cut = near.start + int(profile[near].argmin())
        far = here[:, cut:] if across == 0 else here[cut:]
        far[far == n] = len(boxes)
        boxes[n] = np.array([x, y, cut, h, 0] if across == 0 else [x, y, w, cut, 0], np.int32)
        boxes.append(np.array([x + cut, y, w - cut, h, 0] if across == 0 else [x, y + cut, w, h - cut, 0], np.int32))
    return len(boxes), pieces, np.stack(boxes)


def _touches(piece: Mask, covered: Mask, corner: tuple[int, int]) -> bool:
    """Whether a piece that begins at `corner` (x, y) lies on or beside what is covered (H, W)."""
    grown = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return bool((grown[corner[1] : corner[1] + piece.shape[0], corner[0] : corner[0] + piece.shape[1]] & piece).any())


def _rectangle(body: Body) -> tuple[int, int, int, int]:
    """x, y, width, height of a slot's mask."""
    ys, xs = np.flatnonzero(body.mask.any(1)), np.flatnonzero(body.mask.any(0))
    if not len(ys):
        return *body.corner, 0, 0
    return body.corner[0] + int(xs[0]), body.corner[1] + int(ys[0]), int(xs[-1] - xs[0]) + 1, int(ys[-1] - ys[0]) + 1


def _spread(body: Body, box: tuple[int, int, int, int]) -> int:
    """The longer side of a slot's mask together with a box (x, y, width, height)."""
    x, y, w, h = _rectangle(body)
    width = max(x + w, box[0] + box[2]) - min(x, box[0])
    height = max(y + h, box[1] + box[3]) - min(y, box[1])
    return max(width, height)


def _grow(body: Body, rest: Array, piece: Mask, corner: tuple[int, int]) -> None:
    """Take a piece that begins at `corner` into a slot's picture, which is made larger where need be."""
    (x, y), (height, width) = body.corner, body.mask.shape
    x0, y0 = min(x, corner[0]), min(y, corner[1])
    x1, y1 = max(x + width, corner[0] + piece.shape[1]), max(y + height, corner[1] + piece.shape[0])
    look, mask = np.zeros((y1 - y0, x1 - x0, 3), np.float32), np.zeros((y1 - y0, x1 - x0), bool)
    old = np.s_[y - y0 : y - y0 + height, x - x0 : x - x0 + width]
    trust = np.zeros(mask.shape, np.float32)
    look[old], mask[old], trust[old] = body.look, body.mask, body.trust
    new = np.s_[corner[1] - y0 : corner[1] - y0 + piece.shape[0], corner[0] - x0 : corner[0] - x0 + piece.shape[1]]
    look[new][piece] += np.where(mask[new][piece][:, None], 0, rest[piece])
    mask[new] |= piece
    trust[new][piece] = np.maximum(trust[new][piece], GROWN)
    body.path = [(px + x0 - x, py + y0 - y) for px, py in body.path]
    body.look, body.mask, body.trust, body.corner = look, mask, trust, (x0, y0)


def _cut(view: Array, corner: tuple[int, int], shape: tuple[int, ...]) -> tuple[Array, Mask]:
    """A piece (h, w, 3) of the frame that begins at `corner`, zero outside the frame, and what of it is inside."""
    piece, inside = np.zeros((*shape[:2], 3), np.float32), np.zeros(shape[:2], bool)
    (x, y), (height, width) = corner, view.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + shape[1]), min(height, y + shape[0])
    if x0 < x1 and y0 < y1:
        here = np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
        piece[here], inside[here] = view[y0:y1, x0:x1], True
    return piece, inside


def _common(
    body: Body, corner: tuple[int, int], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice] | None, tuple[slice, slice] | None]:
    """Rows and columns that a slot's picture has in common with a piece of the frame: of the piece, of the picture."""
    x, y = body.corner[0] - corner[0], body.corner[1] - corner[1]
    h, w = body.mask.shape
    x0, y0, x1, y1 = max(0, x), max(0, y), min(shape[1], x + w), min(shape[0], y + h)
    if x0 >= x1 or y0 >= y1:
        return None, None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))


def _windows(piece: NDArray, shape: tuple[int, int]) -> NDArray:
    """Every window of that shape: (H, W, C) -> (dy, dx, h, w, C)."""
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(piece, shape, axis=(0, 1)), 2, -1)
