"""Scoring lanes, or what other programs wrote, on data sets as they lie on disk."""
