"""Scores against known answers: identities (HOTA, IDF1, MOTA), foreground masks, and who owns which pixel."""

from tracker.scores.bootstrap import Difference, difference
from tracker.scores.clip import ClipScorer, ClipScores, PixelRecord
from tracker.scores.clusters import ClusterCounts
from tracker.scores.datasets import DataSequence, DataSet, find_sequences
from tracker.scores.identity import IdentityCounts, IdentityRecord, score_identities
from tracker.scores.masks import MaskCounts, cdnet_means
from tracker.scores.pictures import frame_numbers
from tracker.scores.results import MethodResults, read_results, score_results
from tracker.scores.truth import Choice, Layout, Truth, read_truth

__all__ = [
    "Choice",
    "ClipScorer",
    "ClipScores",
    "ClusterCounts",
    "DataSequence",
    "DataSet",
    "Difference",
    "IdentityCounts",
    "IdentityRecord",
    "Layout",
    "MaskCounts",
    "MethodResults",
    "PixelRecord",
    "Truth",
    "cdnet_means",
    "difference",
    "find_sequences",
    "frame_numbers",
    "read_results",
    "read_truth",
    "score_identities",
    "score_results",
]
