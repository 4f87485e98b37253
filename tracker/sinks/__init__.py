"""Where moments end up: video, tables, masks, a contact sheet, a window. All the same to the loop.

Every file is written beside its final name, with `.part` in the name, and takes the final name when the sink is closed:
`out.part.mp4` becomes `out.mp4`. What still has `.part` in its name is what a killed run left behind.
"""

from tracker.sinks.events import EventLines
from tracker.sinks.masks import MaskFolder, RleMasks
from tracker.sinks.outputs import check_outputs, part_path, write_json_whole, write_text_whole
from tracker.sinks.settings import VideoSettings
from tracker.sinks.sheet import ContactSheet
from tracker.sinks.tables import CsvTable, MotTable
from tracker.sinks.video import OverlayVideo
from tracker.sinks.window import Window, check_display, display_problem

__all__ = [
    "ContactSheet",
    "CsvTable",
    "EventLines",
    "MaskFolder",
    "MotTable",
    "OverlayVideo",
    "RleMasks",
    "VideoSettings",
    "Window",
    "check_display",
    "check_outputs",
    "display_problem",
    "part_path",
    "write_json_whole",
    "write_text_whole",
]
