"""The page of a run: a sink that remembers what it shows, the values it is made of, and the page itself."""

from tracker.report.data import DifferenceRow, ErrorCurves, FileLink, LaneRecord, Peak, ReportData, RunRecord, TrackLife
from tracker.report.page import in_script, page_environment, render_page
from tracker.report.record import Record
from tracker.report.sample import EventSample

__all__ = [
    "DifferenceRow",
    "ErrorCurves",
    "EventSample",
    "FileLink",
    "LaneRecord",
    "Peak",
    "Record",
    "ReportData",
    "RunRecord",
    "TrackLife",
    "in_script",
    "page_environment",
    "render_page",
]
