"""Drawn scenes whose every pixel's owner is known: for training, tests, the demo and held-apart scores."""

from tracker.worlds.clip import DrawnClip, DrawnFrame, TruthBox
from tracker.worlds.digits import read_digits
from tracker.worlds.mot import MotSettings, draw_mot, stream_mot
from tracker.worlds.situations import SITUATIONS, draw_situation, stream_situation
from tracker.worlds.street import StreetSettings, draw_street, stream_street

__all__ = [
    "SITUATIONS",
    "DrawnClip",
    "DrawnFrame",
    "MotSettings",
    "StreetSettings",
    "TruthBox",
    "draw_mot",
    "draw_situation",
    "draw_street",
    "read_digits",
    "stream_mot",
    "stream_situation",
    "stream_street",
]
