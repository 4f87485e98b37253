"""Which pass has an object's box, by its usual size and by where it was in the frame before: of every side's direction by itself.

Where the passes differ one of them has a part of the object, or more than it. A box is chosen for each frame of an identity so that all
of them together cost least (Viterbi 1967): what is far from the usual size costs, and what moves otherwise than the object around then.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tracker.smoothing.boxes import FusedTracks
from tracker.smoothing.keep import BORDER_PX
from tracker.smoothing.rows import Bools, ClipTimes, Index, Numbers, PassRows
from tracker.smoothing.table import AT_ONCE, picked

USUAL_S = 3.0
"""seconds before and after from which the usual size is taken"""
FEWEST = 8
"""measured boxes from which on a size is the usual one"""
SPEED_S = 0.4
"""seconds before and after from which the usual step is taken"""
SIZE = 0.2
"""usual difference of the logarithms of a size and the usual one: a walker's legs swing"""
STEP = 0.12
"""difference of a step from the usual one, in sizes, that costs 1"""
CHANGE = 0.3
"""what the box of one pass costs, against both together"""
MOST = 6.0
"""cost of a size, or of a step, at most"""


def chosen(tracks: FusedTracks, forward: PassRows, backward: PassRows, clip: ClipTimes) -> FusedTracks:
    """Tracks (in order of identity and frame, filled) with the box of both passes together, or of one of them, in either direction."""
    if not len(tracks.ids):
        return tracks
    boxes = np.stack(
        [tracks.boxes, *(_seen_boxes(*part) for part in ((forward, tracks.forward), (backward, tracks.backward)))]
    )
    start = np.flatnonzero(np.diff(tracks.ids, prepend=-1))
    out, sizes = tracks.boxes.copy(), usual_sizes(tracks, clip)
    for axis, length in enumerate(clip.size):
        sides, usual = boxes[:, :, axis::2], sizes[:, axis]
        best = cheapest(sides, usual, usual_steps(tracks, sides[0].mean(axis=1), clip), start, length)
        known = np.isfinite(usual)
        out[known, axis::2] = sides[best[known], np.flatnonzero(known)]
    return tracks._replace(boxes=out)


def _seen_boxes(rows: PassRows, of: Index) -> Numbers:
    """(M, 4) of the rows of a pass, NaN where there is none, or it is hidden."""
    return np.where(picked(rows.hidden, of, True)[:, None], np.nan, picked(rows.boxes.astype(np.float64), of, np.nan))


def usual_sizes(tracks: FusedTracks, clip: ClipTimes) -> Numbers:
    """(M, 2) median width and height of an identity around, of boxes that are measured and away from the border; NaN where few are."""
    low, high = tracks.boxes[:, :2], tracks.boxes[:, 2:]
    whole = (low >= BORDER_PX).all(1) & (high <= np.subtract(clip.size, BORDER_PX)).all(1)
    good = np.flatnonzero(whole & tracks.measured & ~tracks.hidden)
    reach = clip.frames(USUAL_S)
    out = np.full((len(tracks.ids), 2), np.nan)
    spread = int(np.ptp(tracks.frames)) + 2 * reach + 1
    place = tracks.ids * spread + tracks.frames
    known, sizes = place[good], (high - low)[good]
    # the same for some frames on end: a size changes slowly
    step = max(1, reach // 6)
    begins = np.flatnonzero((np.diff(tracks.ids, prepend=-1) != 0) | (tracks.frames % step == 0))
    for begin, end in zip(begins, np.append(begins[1:], len(place)), strict=True):
        first, last = np.searchsorted(known, [place[begin] - reach, place[begin] + reach + 1])
        if last - first >= FEWEST:
            out[begin:end] = np.median(sizes[first:last], axis=0)
    return np.maximum(1.0, out)


def usual_steps(tracks: FusedTracks, middles: Numbers, clip: ClipTimes) -> Numbers:
    """(M,) median way of the middle (M,) from one frame to the next around; 0 where an identity has one frame."""
    reach = clip.frames(SPEED_S)
    steps = np.diff(middles, prepend=0.0)
    steps[np.diff(tracks.ids, prepend=-1) != 0] = np.nan
    width = 2 * reach + 1
    around = sliding_window_view(np.pad(steps, reach, constant_values=np.nan), width)
    ids = sliding_window_view(np.pad(tracks.ids, reach, constant_values=-1), width)
    out = np.empty(len(steps))
    at_once = max(1, AT_ONCE // width)
    for begin in range(0, len(steps), at_once):
        part = slice(begin, begin + at_once)
        own = np.where(ids[part] == tracks.ids[part, None], around[part], np.nan)
        own[np.isnan(own).all(axis=1)] = 0
        out[part] = np.nanmedian(own, axis=1)
    return out


def cheapest(sides: Numbers, usual: Numbers, steps: Numbers, start: Index, length: int) -> Index:
    """(M,) which of S intervals is taken in each row.

    sides  (S, M, 2) low and high, NaN for none; usual, steps  (M,); start  (I,) first row of each identity; length  of the picture there
    """
    at_low, at_high = sides[..., 0] < BORDER_PX, sides[..., 1] > length - BORDER_PX
    cost = _size_costs(sides, usual, at_low | at_high)
    count, lives = len(usual), np.diff(np.append(start, len(usual)))
    total, before = np.full(cost.shape, np.inf), np.zeros(cost.shape, np.intp)
    total[:, start] = cost[:, start]
    for age in range(1, int(lives.max(initial=0))):
        row = start[lives > age] + age
        moved = _step_costs(sides, row, at_low, at_high, steps, usual)
        through = total[:, None, row - 1] + moved  # (before, now, rows)
        before[:, row] = through.argmin(axis=0)
        total[:, row] = through.min(axis=0) + cost[:, row]
    best = np.zeros(count, np.intp)
    ends = start + lives - 1
    best[ends] = total[:, ends].argmin(axis=0)
    for age in range(int(lives.max(initial=0)) - 1, 0, -1):
        row = start[lives > age] + age
        best[row - 1] = before[best[row], row]
    return best


def _size_costs(sides: Numbers, usual: Numbers, cut: Bools) -> Numbers:
    """(S, M) of intervals for their sizes; what the border cuts may be smaller."""
    with np.errstate(invalid="ignore"):
        unlike = np.log(np.maximum(1.0, sides[..., 1] - sides[..., 0]) / usual)
        unlike = np.where(cut & (unlike < 0), 0.0, unlike)
    costs = np.minimum(MOST, (unlike / SIZE) ** 2 / 2)
    costs[1:] += CHANGE
    costs = np.where(np.isnan(usual), 0.0, costs)
    return np.where(np.isnan(sides[..., 0]), np.inf, costs)


def _step_costs(
    sides: Numbers, row: Index, at_low: Bools, at_high: Bools, steps: Numbers, usual: Numbers
) -> NDArray[np.float64]:
    """(S, S, rows) of going from an interval in the row before to one in each row; at the border the other side alone moves."""
    with np.errstate(invalid="ignore"):
        low, high = (sides[None, :, row, side] - sides[:, None, row - 1, side] - steps[row] for side in (0, 1))
        low_cut = at_low[None, :, row] | at_low[:, None, row - 1]
        high_cut = at_high[None, :, row] | at_high[:, None, row - 1]
    way = np.where(low_cut & ~high_cut, high, np.where(high_cut & ~low_cut, low, (low + high) / 2))
    costs = np.minimum(MOST, np.abs(way) / (STEP * usual[row]))
    return np.where(np.isnan(costs), 0.0, costs)
