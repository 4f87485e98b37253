"""One clip scored as it goes by: boxes, foreground and owners of a frame at a time against its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from tracker.errors import SourceError
from tracker.scores.clusters import ClusterCounts
from tracker.scores.identity import IdentityRecord, score_identities
from tracker.scores.masks import MEASURES, MaskCounts
from tracker.scores.overlap import iou_matrix
from tracker.scores.truth import Identified, Truth, boxes_in
from tracker.types import Box, Labels, Mask

CLAIM_IOU = 0.5
"""Overlap at which a box is held to be found on an object of an ignored class, as in MOTChallenge."""

IDENTITY = (
    *("hota", "deta", "assa", "loca", "idf1", "idp", "idr", "mota", "motp", "precision", "recall"),
    *("switches", "fragments", "mostly_tracked", "partly_tracked", "mostly_lost", "misses", "false_boxes"),
    *("truth_ids", "track_ids", "truth_boxes", "track_boxes", "frames"),
)
FOREGROUND = (*MEASURES, "fpr_shadow")
COUNTS = ("tp", "fp", "fn", "tn", "shadow_fp", "shadow")
CLUSTERS = ("fg_ari", "ami", "fg_ari_frames", "ami_frames")
"""Names of scores, as they are written down."""


@dataclass(frozen=True)
class PixelRecord:
    """One clip's pixels, frame by frame."""

    frames: tuple[int, ...]
    """those with a mask, from 0"""
    counts: tuple[MaskCounts, ...]
    """of each of these"""

    @property
    def total(self) -> MaskCounts:
        """Of the whole clip."""
        return sum(self.counts, MaskCounts())


@dataclass(frozen=True)
class ClipScores:
    """What is known of one clip; None where the truth or the method says nothing of it."""

    identity: IdentityRecord | None = None
    pixels: PixelRecord | None = None
    clusters: ClusterCounts | None = None

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The groups known, as plain values: identity, foreground, clusters."""
        values = {}
        if self.identity is not None:
            values["identity"] = plain(self.identity.counts, IDENTITY)
        if self.pixels is not None:
            values["foreground"] = plain(self.pixels.total, (*FOREGROUND, *COUNTS)) | {
                "frames": len(self.pixels.frames)
            }
        if self.clusters is not None:
            values["clusters"] = plain(self.clusters, CLUSTERS)
        return values


def plain(counts: object, names: Sequence[str]) -> dict[str, Any]:
    """The named properties, numpy's numbers as Python's."""
    values = {name: getattr(counts, name) for name in names}
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}


class ClipScorer:
    """Scores one method on one clip; frames count from 0 and come once each, in any order.

    iou     overlap at which a box counts as found, for IDF1, MOTA, precision and recall

    What lies outside the truth's span is not looked at. Where boxes are those round masks, a frame without a mask is
    not either.
    """

    def __init__(self, truth: Truth, *, iou: float = 0.5) -> None:
        self._truth = truth
        self._iou = iou
        self._wanted: dict[int, tuple[Identified, ...]] = {}
        self._found: dict[int, list[Identified]] = {}
        self._pixels: dict[int, MaskCounts] = {}
        self._clusters: list[ClusterCounts] = []

    def add(
        self,
        frame: int,
        *,
        boxes: Sequence[Identified] | None = None,
        foreground: Mask | None = None,
        owners: Labels | None = None,
    ) -> None:
        """Score one frame.

        boxes       of the tracks that are to be scored; None: the method has none
        foreground  (H, W) bool
        owners      (H, W) int32, the track that owns each pixel, 0 none

        Raises SourceError if the truth's mask has another size or cannot be read.
        """
        first, last = self._truth.span
        if not first <= frame <= last:
            return
        identities = self._truth.identities(frame)
        wanted = boxes_in(self._truth, frame, identities)
        if boxes is not None and wanted is not None:
            self._wanted[frame] = wanted
            self._found[frame] = unclaimed(boxes, self._truth.claims.get(frame, ()))
        if foreground is not None:
            asked = self._truth.asked(frame, identities)
            if asked is not None:
                self._check_size(frame, asked.foreground, foreground)
                self._pixels[frame] = MaskCounts.of(
                    foreground, asked.foreground, ignore=asked.ignore, shadow=asked.shadow
                )
        if owners is not None and identities is not None:
            self._check_size(frame, identities, owners)
            self._clusters.append(ClusterCounts.of(owners, identities))

    def finish(self) -> ClipScores:
        """The scores of the frames that were added."""
        identity = None
        if self._wanted:
            span = min(self._wanted), max(self._wanted)
            identity = score_identities(self._wanted, self._found, frames=span, iou=self._iou)
        frames = tuple(sorted(self._pixels))
        pixels = PixelRecord(frames, tuple(self._pixels[frame] for frame in frames)) if frames else None
        return ClipScores(identity, pixels, ClusterCounts.joined(self._clusters) if self._clusters else None)

    def _check_size(self, frame: int, wanted: Mask | Labels, found: Mask | Labels) -> None:
        if wanted.shape != found.shape:
            (height, width), (h, w) = wanted.shape, found.shape
            raise SourceError(
                f"{self._truth.mask_files[frame]}: the truth's mask is {width} x {height} pixels, what is scored "
                f"{w} x {h}; give clip, truth and results of one size"
            )


def unclaimed(found: Sequence[Identified], claims: Sequence[tuple[Box, bool]]) -> list[Identified]:
    """What was found, without the boxes that are best matched to an object of an ignored class.

    All boxes of the truth compete for what was found, one to one at IoU .5; as TrackEval prepares MOTChallenge.
    """
    if not found or not any(dropped for _, dropped in claims):
        return list(found)
    overlap = iou_matrix([box for box, _ in claims], [box for _, box in found])
    overlap[overlap < CLAIM_IOU - np.finfo(float).eps] = 0
    rows, columns = linear_sum_assignment(-overlap)
    gone = {c for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if overlap[r, c] > 0 and claims[r][1]}
    return [item for column, item in enumerate(found) if column not in gone]
