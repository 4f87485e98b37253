"""The boxes of an identity: both passes merged, gaps filled, smoothed over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tracker.smoothing.geometry import overlaps
from tracker.smoothing.pairs import Cells
from tracker.smoothing.rows import Bools, ClipTimes, Index, Ints, Numbers, PassRows
from tracker.smoothing.stretches import seen
from tracker.smoothing.table import NONE, picked
from tracker.timing import REFERENCE_S

LONGEST_S = 10.0
"""seconds without isolation that count as for ever"""
SHORT_GAP_S = 0.2
"""a gap of so many seconds of evidence is a flicker: the object counts as seen"""
SIGMA_S = 0.06
"""seconds of evidence that a track is smoothed by; above twice as much turns and steps are lost"""
REACH_S = 0.16
"""seconds of evidence before and after that a smoothed box looks at"""
OWN = 10.0
"""weight of a measured box in its own frame: it is only smoothed a little"""
AGREE_IOU = 0.7
"""two boxes of one object that overlap by less differ: one of them is wrong"""
ODDER = 0.1
"""difference, in logarithms of width and height, from which on one of them has less of its usual size than the other"""
PREDICTED = 0.3
"""weight of a box that is shared or predicted, against a measured one"""


class FusedTracks(NamedTuple):
    """Identities in order of (identity, frame), one row each."""

    ids: Index
    """(M,)"""
    frames: Ints
    """(M,)"""
    boxes: Numbers
    """(M, 4)"""
    hidden: Bools
    """(M,)"""
    measured: Bools
    """(M,) isolated in a pass"""
    forward: Index
    """(M,) row of the forward pass, NONE for none"""
    backward: Index
    """(M,)"""

    def at(self, chosen: Index | Bools) -> FusedTracks:
        """Some of the rows."""
        return FusedTracks._make(part[chosen] for part in self)


def unisolated(rows: PassRows, longest: int, *, back: bool) -> Numbers:
    """(N,) frames since each row's identity was isolated last (back) or until it will be, 0 where it is, at most `longest`."""
    order = np.lexsort((rows.frames if back else -rows.frames, rows.ids))
    frames = rows.frames[order].astype(np.int64) * (1 if back else -1)
    new = np.diff(rows.ids[order], prepend=-1) != 0
    offset = (np.cumsum(new) - 1) * (4 * longest + int(np.ptp(frames)) if len(frames) else 0)
    place = frames + offset
    last = np.maximum.accumulate(np.where(rows.isolated[order], place, np.iinfo(np.int64).min // 2))
    out = np.empty(len(order))
    out[order] = np.minimum(longest, place - last)
    return out


def merge(cells: Cells, chain: Index, forward: PassRows, backward: PassRows, clip: ClipTimes) -> FusedTracks:
    """Cells with their chains, as tracks: one box of the two.

    Seen comes before hidden, isolated before predicted; of two predictions the nearer to isolation weighs more.
    """
    order = np.lexsort((cells.frames, chain))
    f, b = cells.forward[order], cells.backward[order]
    longest = clip.frames(LONGEST_S)
    since = picked(unisolated(forward, longest, back=True), f, longest)
    until = picked(unisolated(backward, longest, back=False), b, longest)
    weight = np.where(since + until > 0, until / np.maximum(1, since + until), 0.5)
    seen_f, seen_b = seen(forward, f), seen(backward, b)
    weight = np.where(seen_f & ~seen_b, 1.0, np.where(seen_b & ~seen_f, 0.0, weight))
    weight = np.where(b == NONE, 1.0, np.where(f == NONE, 0.0, weight))
    box_f, box_b = picked(forward.boxes, f, 0), picked(backward.boxes, b, 0)
    iso_f, iso_b = picked(forward.isolated, f, False), picked(backward.isolated, b, False)
    unlike = seen_f & seen_b & (overlaps(box_f, box_b) < AGREE_IOU)
    agreed = np.flatnonzero(iso_f & iso_b & ~unlike)
    better = more_usual(box_f, box_b, usual_size(chain[order], box_f, agreed, cells.frames[order]))
    weight = np.where(unlike & (better != 0), better > 0, weight)
    boxes = weight[:, None] * box_f + (1 - weight[:, None]) * box_b
    return FusedTracks(chain[order], cells.frames[order], boxes, ~(seen_f | seen_b), iso_f | iso_b, f, b)


def size(boxes: Numbers) -> Numbers:
    """(N, 2) logarithm of width and height."""
    return np.log(np.maximum(1.0, boxes[:, 2:] - boxes[:, :2]))


def more_usual(one: Numbers, other: Numbers, usual: Numbers) -> Ints:
    """(N,) 1 or -1: the one box or the other has clearly more of the usual size; 0: neither has.

    Where that is not known, the larger box is taken for it: boxes over several objects are out already, pieces are not.
    """
    a, b = size(one), size(other)
    usual = np.where(np.isfinite(usual), usual, np.maximum(a, b))
    lead = np.abs(b - usual).sum(axis=1) - np.abs(a - usual).sum(axis=1)
    return np.where(np.abs(lead) > ODDER, np.sign(lead), 0).astype(np.int32)


def usual_size(chain: Index, boxes: Numbers, agreed: Index, frames: Ints) -> Numbers:
    """(N, 2) `size` of each row's identity, from the agreed rows (places in N, sorted) before and after; NaN where it has none."""
    out = np.full((len(chain), 2), np.nan)
    if not len(agreed):
        return out
    sizes = size(boxes[agreed])
    after = np.searchsorted(agreed, np.arange(len(chain))).clip(0, len(agreed) - 1)
    before = (np.searchsorted(agreed, np.arange(len(chain)), "right") - 1).clip(0)
    far_a, far_b = (np.abs(frames[agreed[k]].astype(np.float64) - frames) + 1 for k in (after, before))
    weight_a = np.where(chain[agreed[after]] == chain, 1 / far_a, 0)
    weight_b = np.where(chain[agreed[before]] == chain, 1 / far_b, 0)
    total = weight_a + weight_b
    known = total > 0
    mean = (weight_a[:, None] * sizes[after] + weight_b[:, None] * sizes[before]) / np.where(known, total, 1)[:, None]
    out[known] = mean[known]
    return out


def fill(tracks: FusedTracks, clip: ClipTimes) -> FusedTracks:
    """Every frame between an identity's first and last: linear between both ends of a gap, hidden unless it is a flicker."""
    if not len(tracks.ids):
        return tracks
    gap = np.where(np.diff(tracks.ids) == 0, np.diff(tracks.frames) - 1, 0)
    gap = np.append(gap, 0)
    source = np.repeat(np.arange(len(gap)), gap + 1)
    step = np.arange(len(source)) - np.repeat(np.cumsum(gap + 1) - gap - 1, gap + 1)
    out = tracks.at(source)
    share = (step / (gap[source] + 1))[:, None]
    boxes = (1 - share) * tracks.boxes[source] + share * tracks.boxes[np.minimum(source + 1, len(gap) - 1)]
    new = step > 0
    return out._replace(
        frames=(out.frames + step).astype(np.int32),
        boxes=boxes,
        hidden=np.where(new, gap[source] > clip.looks(SHORT_GAP_S), out.hidden),
        measured=out.measured & ~new,
        forward=np.where(new, NONE, out.forward),
        backward=np.where(new, NONE, out.backward),
    )


def smooth(tracks: FusedTracks, clip: ClipTimes) -> FusedTracks:
    """Boxes by a local line through the ones around, weighted by distance (Gaussian) and by whether they were measured.

    A line, not a mean: at a track's ends a mean would lag behind. Tracks are filled (`fill`).
    """
    n = len(tracks.ids)
    weight = np.where(tracks.measured, 1.0, PREDICTED)
    s0, s1, s2 = np.zeros(n), np.zeros(n), np.zeros(n)
    t0, t1 = np.zeros((n, 4)), np.zeros((n, 4))
    reach, sigma = clip.looks(REACH_S), SIGMA_S / min(clip.interval_s, REFERENCE_S)
    for step in range(-reach, reach + 1):
        here = np.arange(max(0, -step), n - max(0, step))
        here = here[tracks.ids[here] == tracks.ids[here + step]]
        w = weight[here + step] * np.exp(-0.5 * (step / sigma) ** 2)
        w = w * np.where(tracks.measured[here], OWN, 1.0) if step == 0 else w
        s0[here] += w
        s1[here] += w * step
        s2[here] += w * step**2
        t0[here] += w[:, None] * tracks.boxes[here + step]
        t1[here] += w[:, None] * step * tracks.boxes[here + step]
    spread = s0 * s2 - s1**2
    line = (s2[:, None] * t0 - s1[:, None] * t1) / np.where(spread > 0, spread, 1)[:, None]
    return tracks._replace(boxes=np.where(spread[:, None] > 1e-9, line, tracks.boxes))
