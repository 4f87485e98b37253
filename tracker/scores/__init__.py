"""Scores against known answers: identities (HOTA, IDF1, MOTA) and foreground masks."""

from tracker.scores.identity import IdentityScores, identity_scores
from tracker.scores.masks import MaskCounts
from tracker.scores.truth import Truth, read_truth

__all__ = ["IdentityScores", "MaskCounts", "Truth", "identity_scores", "read_truth"]
