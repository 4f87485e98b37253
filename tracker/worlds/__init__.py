"""Drawn scenes whose every pixel's owner is known: for training, tests, the demo and held-apart scores."""

from tracker.worlds.clip import Clip, TruthBox
from tracker.worlds.street import StreetSettings, draw_street

__all__ = ["Clip", "StreetSettings", "TruthBox", "draw_street"]
