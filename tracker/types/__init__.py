"""The waist: the values that every station speaks, and the small protocols between them.

Arrays are indexed [y, x]; named pairs are in order x, y; boxes are x0, y0, x1, y1 in pixels, half open; images are RGB
uint8 (H, W, 3); time is in seconds from the clip's first frame; frames count from 0. Nobody writes into an array it was handed.

arrays         pixels, and the widths at which pictures are looked at
settings       what settings are made of
box            boxes
frame          one picture of a clip
source         where frames come from
scene          what is asked about a picture
segmentation   who owns which pixel
segmenter      methods: a frame becomes a segmentation
moment         what lanes made of a frame
event          what befalls identities
sink           where moments go
"""

from tracker.types.arrays import (
    BACKGROUND,
    FOREGROUND,
    RIM,
    SMALL_PX,
    TINY_PX,
    UNSURE,
    Image,
    Labels,
    Mask,
    Verdicts,
    enlarged,
)
from tracker.types.box import Box, Boxes, common_px, intersections
from tracker.types.event import INSIDE, Event, EventKind, Finder, Finding, Level, gap_event
from tracker.types.frame import Frame, Gap
from tracker.types.moment import Moment, Track, View
from tracker.types.scene import Change, Judgement, Scene
from tracker.types.segmentation import Region, Segmentation, same_size_foregrounds
from tracker.types.segmenter import LaterPass, Segmenter, SmoothedSegmenter, TwoStageSegmenter
from tracker.types.settings import (
    LONGEST_TEXT,
    MOST_SEED,
    USUAL_AREA,
    USUAL_GAP,
    Auto,
    AutoWorking,
    Probability,
    Seconds,
    Settings,
    Share,
    Working,
)
from tracker.types.sink import Outcome, Sink
from tracker.types.source import Source, SourceInfo

__all__ = [
    "BACKGROUND",
    "FOREGROUND",
    "INSIDE",
    "LONGEST_TEXT",
    "MOST_SEED",
    "RIM",
    "SMALL_PX",
    "TINY_PX",
    "UNSURE",
    "USUAL_AREA",
    "USUAL_GAP",
    "Auto",
    "AutoWorking",
    "Box",
    "Boxes",
    "Change",
    "Event",
    "EventKind",
    "Finder",
    "Finding",
    "Frame",
    "Gap",
    "Image",
    "Judgement",
    "Labels",
    "LaterPass",
    "Level",
    "Mask",
    "Moment",
    "Outcome",
    "Probability",
    "Region",
    "Scene",
    "Seconds",
    "Segmentation",
    "Segmenter",
    "Settings",
    "Share",
    "Sink",
    "SmoothedSegmenter",
    "Source",
    "SourceInfo",
    "Track",
    "TwoStageSegmenter",
    "Verdicts",
    "View",
    "Working",
    "common_px",
    "enlarged",
    "gap_event",
    "intersections",
    "same_size_foregrounds",
]
