"""Where moments end up: video, tables, masks, a contact sheet, a window. All the same to the loop.

A sink writes to the part name of its output, `out.part-1f9c03aa.mp4`; the outputs of a run take their final names together
(`results`). What a killed run left is called `out.recovered-1.mp4` by the next run.
"""

from tracker.sinks.claims import hold
from tracker.sinks.events import EventLines, EventRows
from tracker.sinks.masks import MaskFolder, RleMasks
from tracker.sinks.ours import written_here
from tracker.sinks.outputs import Output, check_writable, encoded, json_text, write_output
from tracker.sinks.recorder import Recorder, RecordPlan
from tracker.sinks.results import (
    Results,
    check_replaceable,
    refuse_input,
    refuse_taken,
    replacing,
    write_text_whole,
)
from tracker.sinks.settings import VideoSettings
from tracker.sinks.sheet import ContactSheet
from tracker.sinks.snapshots import Snapshots
from tracker.sinks.tables import CsvRows, CsvTable, MotRows, MotTable, RowFormat, ZoneRows, ZoneTable
from tracker.sinks.video import OverlayVideo
from tracker.sinks.window import Window, check_display, display_problem
from tracker.sinks.window_requests import WindowRun

__all__ = [
    "ContactSheet",
    "CsvRows",
    "CsvTable",
    "EventLines",
    "EventRows",
    "MaskFolder",
    "MotRows",
    "MotTable",
    "Output",
    "OverlayVideo",
    "RecordPlan",
    "Recorder",
    "Results",
    "RleMasks",
    "RowFormat",
    "Snapshots",
    "VideoSettings",
    "Window",
    "WindowRun",
    "ZoneRows",
    "ZoneTable",
    "check_display",
    "check_replaceable",
    "check_writable",
    "display_problem",
    "encoded",
    "hold",
    "json_text",
    "refuse_input",
    "refuse_taken",
    "replacing",
    "write_output",
    "write_text_whole",
    "written_here",
]
