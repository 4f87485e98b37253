"""How sure it is that a fused box is right: P(it overlaps the object that the identity belongs to, IoU at least 0.5).

A logistic regression on what both passes say, which of them see it, how far and how long its identity is seen to move, and whether
others in the clip are as large. This is the one place that knows its numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tracker.smoothing.boxes import LONGEST_S, FusedTracks
from tracker.smoothing.geometry import sides
from tracker.smoothing.keep import MOST, moved
from tracker.smoothing.rows import Bools, ClipTimes, Floats, Numbers, PassRows
from tracker.smoothing.table import NONE, picked
from tracker.timing import REFERENCE_S

SUREST = 0.98
"""a pass's confidence counts as no more than this, and as no less than what it leaves to 1"""
LITTLE, GOES = 1.0, 2.0
"""sizes: what an identity's way says by itself ends at the first; what time says of it, the more the further it goes, at the other"""
STAYS_S = 4.0
"""seconds of evidence: who stands for less in a short clip may just not have gone yet"""
SHORT_S = 1.0
"""seconds of evidence for which an identity is seen, at which what its length says changes"""
OTHERS_S = 12.0
"""seconds of evidence on others that go: without them nothing has left a ghost, and who stays is what the clip is of"""
ALL_THERE_IS = 0.5
"""confidence at least of who stays and is in both passes for MOST of a clip in which no others go: nothing has left a ghost there"""
OBJECT = 1.5
"""sizes: who got so far is an object, as large as objects are in this clip, for the rows that both passes have"""
LIKE = 0.4
"""difference of the logarithms of two sizes up to which they are alike"""
PRIOR_S, PRIOR = 100.0, 0.5
"""seconds of evidence for which it is taken that so large a share of the objects is as large as each: few objects say little"""
FEWEST = 0.3
"""a lesser share of objects of its size says no more: there are clips in which no two are alike"""
NAMES = (
    "passes", "alone", "filled", "unseen", "life", "alike", "way", "seen", "little seen", "seen going", "stays", "life of who stays",
)  # fmt: skip
"""columns of `measures`: log-odds of the passes' mean confidence, 0 for none; 1: one pass has it; 1: no pass has it;
log(1 + n), n frames of 25 a second to the nearest frame in which it is seen; mean of the first column over the identity's life;
log of the share of other objects that are as large; log(1 + sizes that the identity moves), up to LITTLE;
log(1 + n), n frames of 25 a second that it is seen, and the same up to SHORT_S; "seen" by its way up to GOES;
1: it stays; `life` of who stays"""
WEIGHTS = (0.72, -0.46, -0.88, -0.52, 0.96, 2.04, -7.95, -1.03, -0.32, 1.0, -15.66, 8.18)
"""of the columns, fitted on drawn streets 800 to 829 and situations of seeds 80 to 87, some mirrored or with every third frame alone"""
BIAS = 7.14


class IdentityMeasures(NamedTuple):
    """What is said of each identity as a whole."""

    way: Numbers
    """(I,) log(1 + sizes that it moves); who is seen for MOST of the clip, or if no others go, counts as one that GOES"""
    stays: Bools
    """(I,) seen for MOST of a clip in which others go, and does not get GOES sizes far: an object that stands, or a ghost"""
    seen: Numbers
    """(I,) log(1 + frames of 25 a second that it is seen)"""
    alike: Numbers
    """(I,) log of the share of other objects that are as large"""
    alone: Bools
    """(I,) both passes have it for MOST of the clip, in which no others go, and it stays in its place"""


def confidence(tracks: FusedTracks, forward: PassRows, backward: PassRows, clip: ClipTimes) -> Floats:
    """(M,) in [0, 1]. Tracks are in order of (identity, frame) and filled."""
    known = lives(tracks, clip)
    odds = measures(tracks, forward, backward, clip, known) @ np.array(WEIGHTS) + BIAS
    sure = (1 / (1 + np.exp(-odds))).astype(np.float32)
    alone = known.alone[tracks.ids] & (tracks.forward != NONE) & (tracks.backward != NONE)
    return np.where(alone, np.maximum(sure, np.float32(ALL_THERE_IS)), sure)


def measures(
    tracks: FusedTracks, forward: PassRows, backward: PassRows, clip: ClipTimes, known: IdentityMeasures
) -> Numbers:
    """(M, F) what the regression sees, columns as in NAMES. known: `lives` of the tracks."""
    ids = tracks.ids
    has_f, has_b = tracks.forward != NONE, tracks.backward != NONE
    count = has_f.astype(np.float64) + has_b
    said = picked(forward.confidence, tracks.forward, 0) + picked(backward.confidence, tracks.backward, 0)
    mean = np.clip(said / np.maximum(1, count), 1 - SUREST, SUREST)
    odds = np.where(count > 0, np.log(mean / (1 - mean)), 0)
    unseen_s = frames_to(tracks, ~tracks.hidden, clip.frames(LONGEST_S)) * clip.interval_s
    life = (np.bincount(ids, odds) / np.maximum(1, np.bincount(ids)))[ids]
    way, stays, seen, alike, _ = (part[ids] for part in known)
    return np.stack(
        [
            odds,
            count == 1,
            count == 0,
            np.log1p(unseen_s / REFERENCE_S),
            life,
            alike,
            np.minimum(way, np.log1p(LITTLE)),
            seen,
            np.minimum(seen, np.log1p(SHORT_S / REFERENCE_S)),
            seen * np.minimum(way, np.log1p(GOES)),
            stays,
            stays * life,
        ],
        axis=1,
    )


def lives(tracks: FusedTracks, clip: ClipTimes) -> IdentityMeasures:
    """How far and how long identities are seen, and how many others are as large."""
    count = int(tracks.ids.max(initial=-1)) + 1
    rows = np.maximum(1, np.bincount(tracks.ids, minlength=count))
    sizes = moved(tracks)
    visible = np.bincount(tracks.ids, ~tracks.hidden, count)
    both = np.bincount(tracks.ids, (tracks.forward != NONE) & (tracks.backward != NONE), count).astype(np.float64)
    size = np.bincount(tracks.ids, np.log(np.maximum(1, sides(tracks.boxes))), count) / rows
    objects = both * (sizes > OBJECT)
    share = alike(size, objects, clip.looks(PRIOR_S))
    most = visible >= MOST * len(clip.times_s)
    others = objects.sum() - objects >= clip.looks(OTHERS_S)
    stays = others & most & (sizes < GOES) & (visible >= clip.looks(STAYS_S))
    way = np.where(most | ~others, np.maximum(GOES, sizes), sizes)
    return IdentityMeasures(
        np.log1p(way),
        stays,
        np.log1p(visible / clip.looks(1.0) / REFERENCE_S),
        np.log(np.maximum(FEWEST, share)),
        ~others & (sizes < GOES) & (both >= MOST * len(clip.times_s)),
    )


def alike(size: Numbers, weight: Numbers, prior: float) -> Numbers:
    """(I,) share of the weight of others whose size (a logarithm) differs by LIKE at most, as if PRIOR of a weight of `prior` did."""
    order = np.argsort(size)
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    low = np.searchsorted(size[order], size - LIKE)
    high = np.searchsorted(size[order], size + LIKE, "right")
    near = total[high] - total[low] - weight
    return np.asarray((near + PRIOR * prior) / (weight.sum() - weight + prior), np.float64)


def frames_to(tracks: FusedTracks, chosen: Bools, longest: int) -> Numbers:
    """(M,) frames to the nearest chosen row of the same identity, at most `longest`."""
    spread = int(np.ptp(tracks.frames)) + 4 * longest if len(tracks.ids) else 0
    place = tracks.ids.astype(np.int64) * spread + tracks.frames
    known = np.concatenate([[-4 * longest], place[chosen], [np.iinfo(np.int64).max // 2]])
    until = known[np.searchsorted(known, place)] - place
    since = place - known[np.searchsorted(known, place, "right") - 1]
    return np.minimum(longest, np.minimum(until, since)).astype(np.float64)
