"""How sure it is that a fused box is right: P(it overlaps the object that the identity belongs to, IoU at least 0.5).

A logistic regression on what both passes say and which of them see it. This is the one place that knows
its numbers.
"""

from __future__ import annotations

import numpy as np

from tracker.smoothing.boxes import LONGEST_S, Tracks
from tracker.smoothing.rows import Bools, Clip, Floats, Numbers, Rows
from tracker.smoothing.table import NONE, picked
from tracker.timing import REFERENCE_S

SUREST = 0.98
"""a pass's confidence counts as no more than this, and as no less than what it leaves to 1"""
NAMES = ("passes", "alone", "filled", "unseen", "life")
"""columns of `measures`: log-odds of the passes' mean confidence, 0 for none; 1: one pass has it; 1: no pass has it;
log(1 + n), n frames of 25 a second to the nearest frame in which it is seen; mean of the first column over the identity's life"""
WEIGHTS = (0.65, -0.26, -0.81, -0.55, 1.1)
"""of the columns, fitted on drawn streets 800 to 829 and situations of seeds 80 to 86"""
BIAS = -0.46


def confidence(tracks: Tracks, forward: Rows, backward: Rows, clip: Clip) -> Floats:
    """(M,) in [0, 1]. Tracks are in order of (identity, frame) and filled."""
    odds = measures(tracks, forward, backward, clip) @ np.array(WEIGHTS) + BIAS
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def measures(tracks: Tracks, forward: Rows, backward: Rows, clip: Clip) -> Numbers:
    """(M, F) what the regression sees, columns as in NAMES."""
    has_f, has_b = tracks.forward != NONE, tracks.backward != NONE
    count = has_f.astype(np.float64) + has_b
    said = picked(forward.confidence, tracks.forward, 0) + picked(backward.confidence, tracks.backward, 0)
    mean = np.clip(said / np.maximum(1, count), 1 - SUREST, SUREST)
    odds = np.where(count > 0, np.log(mean / (1 - mean)), 0)
    rows = np.maximum(1, np.bincount(tracks.ids))
    return np.stack(
        [
            odds,
            count == 1,
            count == 0,
            np.log1p(frames_to(tracks, ~tracks.hidden, clip.frames(LONGEST_S)) * clip.interval_s / REFERENCE_S),
            (np.bincount(tracks.ids, odds) / rows)[tracks.ids],
        ],
        axis=1,
    )


def frames_to(tracks: Tracks, chosen: Bools, longest: int) -> Numbers:
    """(M,) frames to the nearest chosen row of the same identity, at most `longest`."""
    spread = int(np.ptp(tracks.frames)) + 4 * longest if len(tracks.ids) else 0
    place = tracks.ids.astype(np.int64) * spread + tracks.frames
    known = np.concatenate([[-4 * longest], place[chosen], [np.iinfo(np.int64).max // 2]])
    until = known[np.searchsorted(known, place)] - place
    since = place - known[np.searchsorted(known, place, "right") - 1]
    return np.minimum(longest, np.minimum(until, since)).astype(np.float64)
