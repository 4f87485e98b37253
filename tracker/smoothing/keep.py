"""Which identities of both passes are objects: the ones that both support, or that last, move, and are nobody's double."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.boxes import FusedTracks
from tracker.smoothing.geometry import areas, centres, sides
from tracker.smoothing.rows import Bools, ClipTimes, Index, Numbers
from tracker.smoothing.table import NONE, in_one_frame
from tracker.steps import LastSeen
from tracker.types import Box, common_px

SHORTEST_S = 0.32
"""seconds of evidence: an identity seen for less is noise"""
ONE_SIDED_S = 1.0
"""the same of an identity that only one pass has"""
INSIDE = 0.7
"""share of a box within a larger identity's, from which on it is a piece of it in this frame"""
STANDS = 0.75
"""sizes: who never was farther from where it first was than that never moved"""
BORDER_PX = 2.0
"""a box so near to the picture's border touches it: boxes come from a smaller picture"""
MOST = 0.5
"""share of the clip in which who never moves must be seen to be an object"""
COMING_S = 2.0
"""seconds of evidence that it takes at most to come into the picture: who is seen for less at its border may just do so"""
CUT = 0.5
"""share of its mean area below which a box at the border is of one who comes in or goes"""
SEEN = 0.5
"""share of its life in which an object is seen at least"""
JUMP = 1.0
"""a step of more than so many sizes (and than its speed explains) is another object"""
SPEED_FACTOR = 3.0
"""how much faster than before and after an object can move in a step"""
SLOWEST = 2.5
"""sizes a second: a speed below counts as this over a gap"""
AROUND = 5
"""steps before and after of which the speed is taken"""


def supported(tracks: FusedTracks, clip: ClipTimes) -> Bools:
    """(M,) whether a row's identity is seen long enough, for longer where only one pass has it."""
    count = int(tracks.ids.max(initial=-1)) + 1
    visible = np.bincount(tracks.ids, ~tracks.hidden, count)
    both = np.bincount(tracks.ids, (tracks.forward != NONE) & (tracks.backward != NONE), count)
    good = (visible >= clip.looks(SHORTEST_S)) & ((both > 0) | (visible >= clip.looks(ONE_SIDED_S)))
    return good[tracks.ids]


def flickering(tracks: FusedTracks) -> Bools:
    """(M,) whether a row's identity is seen in less than SEEN of its life: noise that comes again in the same place."""
    count = int(tracks.ids.max(initial=-1)) + 1
    visible = np.bincount(tracks.ids, ~tracks.hidden, count)
    return (visible < SEEN * np.bincount(tracks.ids, minlength=count))[tracks.ids]


def without_flicker(tracks: FusedTracks, clip: ClipTimes) -> FusedTracks:
    """Tracks (in order of identity and frame), of the flickering ones only what is seen for long without a break and moves meanwhile.

    Such a part is an object to which noise was linked, and an identity of its own.
    """
    noise = flickering(tracks)
    seen = noise & ~tracks.hidden
    begins = seen & ~(np.append(False, seen[:-1]) & (np.diff(tracks.ids, prepend=-1) == 0))
    names = np.where(seen, int(tracks.ids.max(initial=-1)) + np.cumsum(begins), tracks.ids)
    named = tracks._replace(ids=names)
    part = np.flatnonzero(seen)
    part = part[np.bincount(names)[names[part]] >= clip.looks(ONE_SIDED_S)]
    part = part[~still(named.at(part), clip)]
    left = np.concatenate([np.flatnonzero(~noise), part])
    return named.at(left)._replace(ids=np.unique(names[left], return_inverse=True)[1].reshape(-1))


def pieces(tracks: FusedTracks) -> Bools:
    """(M,) whether a row's identity is of one pass alone and, mostly, no object of its own.

    It lies within one that both passes have: a piece of it. Or several that both have lie in it: a box over them.
    """
    count = int(tracks.ids.max(initial=-1)) + 1
    both = np.bincount(tracks.ids, (tracks.forward != NONE) & (tracks.backward != NONE), count) > 0
    visible = np.bincount(tracks.ids, ~tracks.hidden, count)
    order = np.argsort(tracks.frames, kind="stable")
    t = tracks.at(order)
    whole, part = np.flatnonzero(both[t.ids] & ~t.hidden), np.flatnonzero(~both[t.ids] & ~t.hidden)
    within, holds = np.zeros(len(order), np.bool_), np.zeros(len(order), np.intp)
    for i, j in in_one_frame(t.frames[part], t.frames[whole]):
        i, j = part[i], whole[j]
        shared = common_px(t.boxes[i], t.boxes[j])
        within[i[shared > INSIDE * areas(t.boxes[i])]] = True
        holds += np.bincount(i, shared > INSIDE * areas(t.boxes[j]), len(order)).astype(np.intp)
    none = np.bincount(t.ids, within | (holds > 1), count)
    return (none > 0.5 * visible)[tracks.ids]


def still(tracks: FusedTracks, clip: ClipTimes) -> Bools:
    """(M,) whether a row's identity never moved: a ghost of something that left, or of what came.

    A box moves by as much as the lesser of two opposite sides does: one that grows or shrinks stays. Who comes or goes over the
    picture's border, or is seen for most of the clip, is no ghost. What only lies at the border does not come over it.
    """
    count = int(tracks.ids.max(initial=-1)) + 1
    rows = np.maximum(1, np.bincount(tracks.ids, minlength=count))
    visible = np.bincount(tracks.ids, ~tracks.hidden, count)
    short = (visible < clip.looks(COMING_S))[tracks.ids]
    ends = (np.diff(tracks.ids, prepend=-1) != 0) | (np.diff(tracks.ids, append=count) != 0)
    area = areas(tracks.boxes)
    cut = area < CUT * (np.bincount(tracks.ids, area, count) / rows)[tracks.ids]
    crosses = np.bincount(tracks.ids, ends & at_border(tracks.boxes, clip) & (short | cut), count) > 0
    ghost = (moved(tracks) < STANDS) & (visible < MOST * len(clip.times_s)) & ~crosses
    return ghost[tracks.ids]


def moved(tracks: FusedTracks) -> Numbers:
    """(I,) how far each identity gets about in its life, in its own mean size: as far as the lesser of two opposite sides; 0 of none."""
    count = int(tracks.ids.max(initial=-1)) + 1
    rows = np.bincount(tracks.ids, minlength=count)
    low, high = np.full((count, 4), np.inf), np.full((count, 4), -np.inf)
    np.minimum.at(low, tracks.ids, tracks.boxes)
    np.maximum.at(high, tracks.ids, tracks.boxes)
    reach = (high - low).reshape(-1, 2, 2).min(axis=1).max(axis=1)
    size = np.bincount(tracks.ids, sides(tracks.boxes), count) / np.maximum(1, rows)
    return np.where(rows > 0, reach / np.where(rows > 0, size, 1), 0.0)


def at_border(boxes: NDArray[np.float64], clip: ClipTimes) -> Bools:
    """(M,) whether a box touches the picture's border."""
    width, height = clip.size
    near = (boxes[:, :2] <= BORDER_PX) | (boxes[:, 2:] >= np.array([width, height]) - BORDER_PX)
    return np.asarray(near.any(axis=1))


def split_at_jumps(tracks: FusedTracks, clip: ClipTimes) -> FusedTracks:
    """Identities end where the next box is farther away than the object is large and than its speed before and after explains.

    Over a gap also where it is out of reach (`steps`), as what is found behind where it was lost while it moved.
    """
    if len(tracks.ids) < 2:
        return tracks
    same = np.diff(tracks.ids) == 0
    frames = np.maximum(1, np.diff(tracks.frames))
    distance = np.hypot(*np.diff(centres(tracks.boxes), axis=0).T)
    size = sides(tracks.boxes)
    size = np.maximum(size[:-1], size[1:])
    speed = np.where(same, distance / frames, np.nan)
    usual = np.maximum(_median_of_neighbours(speed, tracks.ids[1:]), SLOWEST * clip.interval_s * size * (frames > 1))
    cut = same & (distance > JUMP * size) & (distance > SPEED_FACTOR * usual * frames)
    cut |= _out_of_reach(tracks, clip)
    new = np.concatenate([[True], ~same | cut])
    return tracks._replace(ids=np.cumsum(new) - 1)


def _out_of_reach(tracks: FusedTracks, clip: ClipTimes) -> Bools:
    """(M - 1,) whether there is a gap before a box that cannot be that of the row before, whose identity it has."""
    out = np.zeros(len(tracks.ids) - 1, np.bool_)
    boxes, times_s = [Box(*box) for box in tracks.boxes.tolist()], clip.times_s[tracks.frames].tolist()
    same, gap = np.diff(tracks.ids) == 0, np.diff(tracks.frames) > 1
    place = LastSeen(boxes[0])
    for k, (box, goes_on, lost) in enumerate(zip(boxes[1:], same.tolist(), gap.tolist(), strict=True)):
        dt_s = times_s[k + 1] - times_s[k]
        out[k] = goes_on and lost and (not place.reaches(box, dt_s) or place.left_behind(box))
        place = place.moved(box, dt_s) if goes_on and not out[k] else LastSeen(box)
    return out


def _median_of_neighbours(speed: NDArray[np.float64], ids: Index) -> NDArray[np.float64]:
    """(S,) median of the steps around each one, itself left out, of its own identity; 0 where there are none."""
    n = len(speed)
    table = np.full((n, 2 * AROUND), np.nan)
    for column, step in enumerate([*range(-AROUND, 0), *range(1, AROUND + 1)]):
        here = np.arange(max(0, -step), n - max(0, step))
        here = here[ids[here] == ids[here + step]]
        table[here, column] = speed[here + step]
    known = np.isfinite(table)
    table = np.sort(np.where(known, table, np.inf), axis=1)
    middle = table[np.arange(n), (known.sum(axis=1) - 1).clip(0) // 2]
    return np.where(known.any(axis=1), middle, 0.0)
