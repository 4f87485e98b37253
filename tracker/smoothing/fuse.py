"""The passes over a clip, forwards and backwards, become one set of identities: a pure function of their rows.

Of the two that run forwards the one is taken that agrees better with the backward pass; the other one is a witness. Boxes over several
objects of the other pass yield (`pairs`); the other rows are paired frame by frame; stretches in which a pair of names holds
(`stretches`) are compared by names, paths, looks and what the witness calls them (`links`, `witness`) and put together over the whole
clip (`groups`); boxes are merged, filled, chosen (`which`) and smoothed (`boxes`); what is no object goes (`keep`), and what is likelier
wrong than right (`confidence`).
"""

from __future__ import annotations

import numpy as np

from tracker.smoothing.boxes import FusedTracks, fill, merge, smooth
from tracker.smoothing.confidence import confidence
from tracker.smoothing.groups import grouped
from tracker.smoothing.keep import pieces, split_at_jumps, still, supported, without_flicker
from tracker.smoothing.links import links
from tracker.smoothing.pairs import Cells, pair
from tracker.smoothing.rows import Bools, ClipTimes, Floats, FusedRows, PassRows
from tracker.smoothing.several import over_several
from tracker.smoothing.shared import idf1_between
from tracker.smoothing.stretches import names, seen, stretches
from tracker.smoothing.table import touching
from tracker.smoothing.which import chosen
from tracker.smoothing.witness import names_of

DOUBTFUL = 0.45
"""confidence below which a box is left out: it is likelier wrong than right, or nearly so, and of the wrong identity more often still"""


def fuse(first: PassRows, forward: PassRows, backward: PassRows, clip: ClipTimes) -> FusedRows:
    """Identities of all passes together.

    first  rows of the first pass; forward, backward  of the two others; in the order of the frames, numbered alike
    """
    if idf1_between(forward, backward) >= idf1_between(first, backward):
        return _fused(forward, backward, clip, witness=first)
    fused = _fused(first, backward, clip, witness=forward)
    return fused._replace(first=fused.forward, forward=fused.first)


def _fused(forward: PassRows, backward: PassRows, clip: ClipTimes, *, witness: PassRows) -> FusedRows:
    """Of two passes, whose witness is the third: `first` of the result is what it calls the identities."""
    cells = visible(pair(forward, backward, clip), forward, backward)
    parts, which = stretches(cells, forward, backward, clip)
    found = links(parts, cells, which, forward, backward, clip, witness=witness)
    chain = grouped(parts.first, parts.last, found)[which]
    tracks = split_at_jumps(merge(cells, chain, forward, backward, clip), clip)
    tracks = tracks.at(~over_others(tracks, clip))
    tracks = tracks.at(~pieces(tracks))
    tracks = tracks.at(~still(tracks, clip))
    tracks = fill(tracks, clip)
    tracks = without_flicker(tracks, clip)
    tracks = smooth(chosen(tracks.at(supported(tracks, clip)), forward, backward, clip), clip)
    tracks, sure = certain(tracks, confidence(tracks, forward, backward, clip))
    return numbered(tracks, sure, witness, forward, backward, clip)


def over_others(tracks: FusedTracks, clip: ClipTimes) -> Bools:
    """(M,) whether a row's box is one over several of the other identities: both passes took them for one there."""
    unknown = np.full((len(tracks.ids), 3, 3), np.nan, np.float32)
    rows = PassRows(
        tracks.frames, tracks.ids.astype(np.int32), tracks.boxes.astype(np.float32),
        np.ones(len(tracks.ids), np.float32), tracks.hidden, tracks.measured, unknown,
    )  # fmt: skip
    order = np.argsort(rows.frames, kind="stable")
    rows = rows.at(order)
    i, j = touching(rows, rows)
    others = i != j
    out = np.empty(len(order), np.bool_)
    out[order] = over_several(rows, rows, i[others], j[others], clip)
    return out


def visible(cells: Cells, forward: PassRows, backward: PassRows) -> Cells:
    """Cells in which a pass sees the object: where none does, its place is told from before and after."""
    chosen = seen(forward, cells.forward) | seen(backward, cells.backward)
    return Cells._make(part[chosen] for part in cells)


def certain(tracks: FusedTracks, sure: Floats) -> tuple[FusedTracks, Floats]:
    """Tracks (in order of identity and frame) without what is likelier wrong than right, and the confidence (M,) of what is left.

    Doubtful rows count as hidden, and an identity begins and ends with rows that do not; one that is doubtful on the whole goes.
    """
    hidden = tracks.hidden | (sure < DOUBTFUL)
    rows = np.maximum(1, np.bincount(tracks.ids, ~tracks.hidden))
    likely = np.bincount(tracks.ids, np.where(tracks.hidden, 0, sure)) / rows >= DOUBTFUL
    count = len(likely)
    seen = np.flatnonzero(~hidden)
    first, last = np.full(count, len(hidden)), np.full(count, -1)
    np.minimum.at(first, tracks.ids[seen], seen)
    np.maximum.at(last, tracks.ids[seen], seen)
    place = np.arange(len(hidden))
    stays = likely[tracks.ids] & (place >= first[tracks.ids]) & (place <= last[tracks.ids])
    return tracks._replace(hidden=hidden).at(stays), sure[stays]


def numbered(
    tracks: FusedTracks, sure: Floats, witness: PassRows, forward: PassRows, backward: PassRows, clip: ClipTimes
) -> FusedRows:
    """Tracks as rows in the order of the frames, identities from 1 in the order of their first frames, boxes within the picture."""
    order = np.lexsort((tracks.ids, tracks.frames))
    tracks = tracks.at(order)
    _, begins, which = np.unique(tracks.ids, return_index=True, return_inverse=True)
    rank = np.empty(len(begins), np.int32)
    rank[np.argsort(begins, kind="stable")] = np.arange(1, len(begins) + 1)
    width, height = clip.size
    boxes = np.clip(tracks.boxes, 0, [width, height, width, height]).astype(np.float32)
    called, seen = np.zeros(len(boxes), np.int32), ~tracks.hidden
    called[seen] = names_of(tracks.frames[seen], boxes[seen], witness)
    return FusedRows(
        frames=tracks.frames.astype(np.int32),
        ids=rank[which.reshape(-1)],
        boxes=boxes,
        confidence=sure[order],
        hidden=tracks.hidden,
        first=called,
        forward=names(forward, tracks.forward).astype(np.int32),
        backward=names(backward, tracks.backward).astype(np.int32),
    )
