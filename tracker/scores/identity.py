"""Are the boxes right, and does each keep its identity? HOTA, IDF1 and MOTA by TrackEval, fed with arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from trackeval.metrics import CLEAR, HOTA, Identity

from tracker.errors import ShapeError
from tracker.scores.truth import Identified, Truth
from tracker.types import Box, Track


@dataclass(frozen=True)
class IdentityScores:
    """One clip's identity scores, all but the counts at most 1 (MOTA may be negative)."""

    hota: float
    """mean over IoU .05 to .95 of the geometric mean of detection and association (Luiten et al. 2021)"""
    deta: float
    assa: float
    idf1: float
    """F-score of boxes that carry the right identity, identities paired once for the clip (Ristani et al. 2016)"""
    mota: float
    """1 - (misses + false boxes + switches) / truth boxes (Bernardin and Stiefelhagen 2008)"""
    switches: int
    """times a truth identity was found by another track than the last time"""
    precision: float
    """of boxes"""
    recall: float
    """of boxes"""
    frames: int
    truth_boxes: int
    track_boxes: int


def identity_scores(
    truth: Truth,
    tracks: Mapping[int, Sequence[Track | Identified]],
    *,
    frames: tuple[int, int] | None = None,
    iou: float = 0.5,
) -> IdentityScores:
    """Score tracks against the truth, without regard to class and without dropping any box.

    tracks  by frame, counted from 0; hidden tracks are scored if given, so leave them out unless they should be
    frames  (first, last), both included; the truth's own range if None: what lies outside is not looked at
    iou     overlap at which a box counts as found, for IDF1, MOTA, precision and recall; HOTA runs through its own

    Without truth and without tracks every score is 0. Raises ShapeError if an identity occurs twice in one frame.
    """
    first, last = truth.frames if frames is None else frames
    wanted = [_unique(truth.boxes.get(t, ()), "truth", t) for t in range(first, last + 1)]
    found = [_unique([_identified(track) for track in tracks.get(t, ())], "tracks", t) for t in range(first, last + 1)]
    data = _trackeval_data(wanted, found)
    quiet = {"THRESHOLD": iou, "PRINT_CONFIG": False}
    hota, clear, identity = (
        HOTA().eval_sequence(data),
        CLEAR(quiet).eval_sequence(data),
        Identity(quiet).eval_sequence(data),
    )
    return IdentityScores(
        hota=float(np.mean(hota["HOTA"])),
        deta=float(np.mean(hota["DetA"])),
        assa=float(np.mean(hota["AssA"])),
        idf1=float(identity["IDF1"]),
        mota=float(clear["MOTA"]),
        switches=int(clear["IDSW"]),
        precision=float(clear["CLR_Pr"]),
        recall=float(clear["CLR_Re"]),
        frames=len(wanted),
        truth_boxes=data["num_gt_dets"],
        track_boxes=data["num_tracker_dets"],
    )


def iou_matrix(a: Sequence[Box], b: Sequence[Box]) -> NDArray[np.float64]:
    """(len(a), len(b)) intersection over union; 0 where neither box has an area."""
    p, q = np.reshape(np.asarray(a, float), (-1, 1, 4)), np.reshape(np.asarray(b, float), (1, -1, 4))
    overlap = np.minimum(p[..., 2:], q[..., 2:]) - np.maximum(p[..., :2], q[..., :2])
    both = np.prod(np.clip(overlap, 0, None), axis=-1)
    either = np.prod(p[..., 2:] - p[..., :2], axis=-1) + np.prod(q[..., 2:] - q[..., :2], axis=-1) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def _identified(track: Track | Identified) -> Identified:
    return (track.id, track.box) if isinstance(track, Track) else track


def _unique(identified: Sequence[Identified], name: str, frame: int) -> dict[int, Box]:
    boxes = dict(identified)
    if len(boxes) < len(identified):
        raise ShapeError(f"{name}: an identity occurs twice in frame {frame}; it may have one box a frame")
    return boxes


def _trackeval_data(wanted: Sequence[Mapping[int, Box]], found: Sequence[Mapping[int, Box]]) -> dict[str, Any]:
    """What TrackEval's metrics read: identities numbered from 0, and the overlap of every pair in every frame."""
    numbers = [
        {name: n for n, name in enumerate(sorted({i for frame in side for i in frame}))} for side in (wanted, found)
    ]
    rows, columns = (
        [np.array([n[i] for i in f], int) for f in side] for n, side in zip(numbers, (wanted, found), strict=True)
    )
    return {
        "gt_ids": rows,
        "tracker_ids": columns,
        "similarity_scores": [iou_matrix([*w.values()], [*f.values()]) for w, f in zip(wanted, found, strict=True)],
        "num_timesteps": len(wanted),
        "num_gt_ids": len(numbers[0]),
        "num_tracker_ids": len(numbers[1]),
        "num_gt_dets": sum(map(len, wanted)),
        "num_tracker_dets": sum(map(len, found)),
    }
