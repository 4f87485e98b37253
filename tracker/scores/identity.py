"""Are the boxes right, and does each keep its identity? HOTA, CLEAR MOT and identity scores as counts that add.

The three follow TrackEval 1.3 and are held to it by tests, within 1e-12. They are counted here, frame by frame and
with no matrix over all pairs of identities, so that clips pool by adding, errors have a place in time, and thousands of
short tracks fit in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from tracker.errors import SettingsError
from tracker.scores.overlap import Floats, Ints, Pairs, Side, assign, given, overlapping
from tracker.scores.truth import Identified

ALPHAS = np.arange(0.05, 0.99, 0.05)
"""(19,) the overlaps HOTA runs through"""
EPS = float(np.finfo(float).eps)
"""an overlap this little below a threshold still reaches it, as in TrackEval"""
STAYS = 1000.0
"""CLEAR MOT: worth of keeping the last frame's match, more than any sum of overlaps in a frame"""
NONE = (0,) * len(ALPHAS)


@dataclass(frozen=True)
class IdentityCounts:
    """What was counted; counts of clips add (`+`, or `sum(counts, IdentityCounts())`), scores are ratios of the sum.

    Every score is 0 where there is nothing to divide by, and at most 1; MOTA may be negative.
    """

    frames: int = 0
    truth_boxes: int = 0
    track_boxes: int = 0
    truth_ids: int = 0
    track_ids: int = 0
    misses: int = 0
    """boxes of the truth without a match (CLEAR MOT)"""
    false_boxes: int = 0
    """boxes of tracks without a match (CLEAR MOT)"""
    switches: int = 0
    """times an identity of the truth was found by another track than the last time"""
    fragments: int = 0
    """times one was found again after it was lost"""
    mostly_tracked: int = 0
    """identities of the truth found in more than 80 % of their frames"""
    partly_tracked: int = 0
    mostly_lost: int = 0
    """found in less than 20 %"""
    idtp: int = 0
    """boxes that carry the right identity, identities paired once for the clip"""
    overlap: float = 0.0
    """sum of the overlaps of matched boxes (CLEAR MOT)"""
    hota_tp: tuple[float, ...] = NONE
    """(19,) matched boxes at each alpha"""
    association: tuple[float, ...] = NONE
    """(19,) sum over matched boxes of |frames both| / |frames either| of their two identities"""
    localisation: tuple[float, ...] = NONE
    """(19,) sum of their overlaps"""

    def __add__(self, other: IdentityCounts) -> IdentityCounts:
        sums: dict[str, Any] = {}
        for f in fields(self):
            a, b = getattr(self, f.name), getattr(other, f.name)
            sums[f.name] = tuple(p + q for p, q in zip(a, b, strict=True)) if isinstance(a, tuple) else a + b
        return IdentityCounts(**sums)

    @property
    def hota(self) -> float:
        """Mean over alpha of the geometric mean of detection and association (Luiten et al. 2021)."""
        return float(np.mean(np.sqrt(self._deta() * self._assa())))

    @property
    def deta(self) -> float:
        """HOTA's detection accuracy: tp / (tp + misses + false boxes), mean over alpha."""
        return float(np.mean(self._deta()))

    @property
    def assa(self) -> float:
        """HOTA's association accuracy, mean over alpha; clips weigh by their matched boxes."""
        return float(np.mean(self._assa()))

    @property
    def loca(self) -> float:
        """HOTA's mean overlap of matched boxes; an alpha at which none match counts as 1 if any do elsewhere."""
        tp = np.array(self.hota_tp, float)
        at_alpha = np.divide(self.localisation, tp, out=np.ones(len(tp)), where=tp > 0)
        return float(np.mean(at_alpha)) if tp.any() else 0.0

    @property
    def idf1(self) -> float:
        """F-score of boxes that carry the right identity (Ristani et al. 2016)."""
        return 2 * self.idtp / max(1, self.truth_boxes + self.track_boxes)

    @property
    def idp(self) -> float:
        return self.idtp / max(1, self.track_boxes)

    @property
    def idr(self) -> float:
        return self.idtp / max(1, self.truth_boxes)

    @property
    def mota(self) -> float:
        """1 - (misses + false boxes + switches) / truth boxes (Bernardin and Stiefelhagen 2008); 0 without truth."""
        if not self.truth_boxes:
            return 0.0
        return 1 - (self.misses + self.false_boxes + self.switches) / self.truth_boxes

    @property
    def motp(self) -> float:
        """Mean overlap of matched boxes."""
        return self.overlap / max(1, self._matched)

    @property
    def precision(self) -> float:
        """Of boxes."""
        return self._matched / max(1, self.track_boxes)

    @property
    def recall(self) -> float:
        """Of boxes."""
        return self._matched / max(1, self.truth_boxes)

    @property
    def _matched(self) -> int:
        return self.truth_boxes - self.misses

    def _deta(self) -> Floats:
        tp = np.array(self.hota_tp, float)
        return tp / np.maximum(1, self.truth_boxes + self.track_boxes - tp)

    def _assa(self) -> Floats:
        return np.array(self.association, float) / np.maximum(1, self.hota_tp)


@dataclass(frozen=True, eq=False)
class IdentityRecord:
    """One clip's counts, in all and frame by frame: arrays (T,), those by alpha (T, 19), named as in the counts."""

    first: int
    """frame of row 0"""
    counts: IdentityCounts
    truth_boxes: Ints
    track_boxes: Ints
    misses: Ints
    false_boxes: Ints
    switches: Ints
    fragments: Ints
    idtp: Ints
    overlap: Floats
    hota_tp: Ints
    association: Floats
    localisation: Floats

    def part(self, first: int, last: int) -> IdentityCounts:
        """Counts of the frames from first to last, both included.

        Who is paired with whom, and how long they keep together, is the whole clip's; counts of identities (their
        number, mostly tracked to mostly lost) have no place in time and are 0.
        """
        rows = slice(max(0, first - self.first), max(0, last + 1 - self.first))
        return _total({name: getattr(self, name)[rows] for name in BY_FRAME})


BY_FRAME = tuple(f.name for f in fields(IdentityRecord) if f.name not in ("first", "counts"))


def score_identities(
    truth: Mapping[int, Sequence[Identified]],
    tracks: Mapping[int, Sequence[Identified]],
    *,
    frames: tuple[int, int],
    iou: float = 0.5,
    overlaps: Mapping[int, Floats] | None = None,
) -> IdentityRecord:
    """Count how tracks agree with the truth, without regard to class and without dropping any box.

    truth, tracks  by frame, (identity, box); hidden tracks are scored if given, so leave them out unless they should be
    frames         (first, last), both included: what lies outside is not looked at
    iou            overlap from which a box counts as found, above 0; HOTA runs through its own
    overlaps       by frame (truth boxes, track boxes), in the order given, instead of the boxes' intersection over
                   union: mask overlaps for example; must be there for every frame that has both

    Raises ShapeError if an identity occurs twice in one frame, or an overlap matrix is missing or of another size.
    """
    if not 0 < iou <= 1:
        raise SettingsError(f"iou: {iou}, wanted above 0 and at most 1")
    wanted, found = Side.of(truth, frames=frames, name="truth"), Side.of(tracks, frames=frames, name="tracks")
    pairs = overlapping(wanted, found) if overlaps is None else given(wanted, found, overlaps=overlaps, first=frames[0])
    by_frame = {
        "truth_boxes": wanted.counts,
        "track_boxes": found.counts,
        **_hota(wanted, found, pairs),
        **_clear(wanted, found, pairs.where(pairs.overlap >= iou - EPS)),
        # the identity scores know no epsilon in TrackEval
        "idtp": _right_identities(wanted, found, pairs.where(pairs.overlap >= iou)),
    }
    once = _once(by_frame.pop("found_share"), track_ids=len(found.lives))
    return IdentityRecord(first=frames[0], counts=_total(by_frame) + once, **by_frame)


def _hota(truth: Side, tracks: Side, pairs: Pairs) -> dict[str, NDArray]:
    """Matches favour identities that agree over the whole clip; what a match is worth is known only at its end."""
    row, column, s = pairs.truth, pairs.track, pairs.overlap
    rivals = np.bincount(column, s)[column] + np.bincount(row, s)[row] - s
    share = np.divide(s, rivals, out=np.zeros(len(s)), where=rivals > EPS)
    together = np.bincount(pairs.link, share)
    either = truth.lives[truth.identity[row]] + tracks.lives[tracks.identity[column]]
    score = together[pairs.link] / (either - together[pairs.link]) * s

    matched = np.ones(len(s), bool)
    for frame, there in pairs.contested():
        matched[there] = _assign(truth, tracks, pairs, frame, there, score[there])

    length = len(truth.counts)
    tp, association, localisation = (np.zeros((length, len(ALPHAS)), kind) for kind in (np.int64, float, float))
    for a, alpha in enumerate(ALPHAS):
        hit = matched & (s >= alpha - EPS)
        when, who = pairs.frame[hit], pairs.link[hit]
        both = np.bincount(who)[who]
        tp[:, a] = np.bincount(when, minlength=length)
        association[:, a] = np.bincount(when, both / (either[hit] - both), minlength=length)
        localisation[:, a] = np.bincount(when, s[hit], minlength=length)
    return {"hota_tp": tp, "association": association, "localisation": localisation}


def _clear(truth: Side, tracks: Side, pairs: Pairs) -> dict[str, NDArray]:
    """Matches of the last frame are kept while they hold, then overlap decides.

    As in TrackEval, frames in which either side has nothing are passed over: the "last frame" is the one before them.
    """
    both_there = (truth.counts > 0) & (tracks.counts > 0)
    nth = np.cumsum(both_there)
    nth_of_pair = nth[pairs.frame]
    matched = np.ones(len(pairs.overlap), bool)
    for frame, there in pairs.contested():
        before = slice(*np.searchsorted(nth_of_pair, (nth[frame] - 1, nth[frame])))
        stays = np.isin(pairs.link[there], pairs.link[before][matched[before]])
        matched[there] = _assign(truth, tracks, pairs, frame, there, STAYS * stays + pairs.overlap[there])

    pairs, length = pairs.where(matched), len(truth.counts)
    order = np.argsort(truth.identity[pairs.truth], kind="stable")
    identity, track, when = (
        part[order] for part in (truth.identity[pairs.truth], tracks.identity[pairs.track], pairs.frame)
    )
    again = identity[1:] == identity[:-1]
    switched = when[1:][again & (track[1:] != track[:-1])]
    resumed = when[1:][again & (nth[when[1:]] > nth[when[:-1]] + 1)]
    matches = np.bincount(pairs.frame, minlength=length)
    return {
        "misses": truth.counts - matches,
        "false_boxes": tracks.counts - matches,
        "switches": np.bincount(switched, minlength=length),
        "fragments": np.bincount(resumed, minlength=length),
        "overlap": np.bincount(pairs.frame, pairs.overlap, minlength=length),
        "found_share": np.bincount(identity, minlength=len(truth.lives)) / truth.lives,
    }


def _right_identities(truth: Side, tracks: Side, pairs: Pairs) -> Ints:
    """(T,) boxes whose track is the one their identity is paired with: one pairing a clip, most boxes right."""
    together = np.bincount(pairs.link)
    links, at = np.unique(pairs.link, return_index=True)
    if not len(links):
        return np.zeros(len(truth.counts), np.int64)
    rows, row = np.unique(truth.identity[pairs.truth[at]], return_inverse=True)
    columns, column = np.unique(tracks.identity[pairs.track[at]], return_inverse=True)
    # every identity may also go to a partner of its own, which is worth nothing; the 1 keeps that from being no edge
    alone = np.arange(len(rows))
    graph = csr_matrix(
        (
            np.concatenate([together[links] + 1.0, np.ones(len(rows))]),
            (np.concatenate([row, alone]), np.concatenate([column, len(columns) + alone])),
        )
    )
    _, partner = min_weight_full_bipartite_matching(graph, maximize=True)
    paired = np.zeros(len(together), bool)
    paired[links] = partner[row] == column
    return np.bincount(pairs.frame[paired[pairs.link]], minlength=len(truth.counts))


def _assign(truth: Side, tracks: Side, pairs: Pairs, frame: int, there: slice, score: Floats) -> NDArray[np.bool_]:
    rows = pairs.truth[there] - truth.starts[frame]
    columns = pairs.track[there] - tracks.starts[frame]
    return assign(rows, columns, score, size=(truth.counts[frame], tracks.counts[frame]))


def _once(found_share: Floats, *, track_ids: int) -> IdentityCounts:
    """What is counted once a clip: identities, those of the truth also by the share of their frames with a match."""
    most, some = int((found_share > 0.8).sum()), int((found_share >= 0.2).sum())
    return IdentityCounts(
        truth_ids=len(found_share),
        track_ids=track_ids,
        mostly_tracked=most,
        partly_tracked=some - most,
        mostly_lost=len(found_share) - some,
    )


def _total(by_frame: Mapping[str, NDArray]) -> IdentityCounts:
    sums: dict[str, Any] = {name: values.sum(axis=0).tolist() for name, values in by_frame.items()}
    sums = {name: tuple(value) if isinstance(value, list) else value for name, value in sums.items()}
    return IdentityCounts(frames=len(by_frame["misses"]), **sums)
