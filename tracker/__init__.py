"""Label-free tracking of every pixel in a static camera's video: RNN-EM beside a Gaussian-mixture baseline.

    import tracker

    for moment in tracker.track("video.mp4"):                 # or a camera's number, a folder, pictures in memory
        print(moment.frame.time_s, moment.tracks.ids, moment.tracks.boxes)

    result = tracker.process("video.mp4", "out.mp4")          # overlay and tables, as the command line writes them
    result.tracks.to_pandas()

Public is what stands in `__all__`, and what these give; everything else may change with any release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tracker.api.frame import TrackedFrame
    from tracker.api.run import LaneResult, RunResult, compare, process
    from tracker.api.step import Tracker
    from tracker.api.stream import track
    from tracker.api.tracks import Tracks
    from tracker.errors import SettingsError, SinkError, SourceError, TrackerError
    from tracker.exports.table import Table
    from tracker.exports.table import read_table as read
    from tracker.settings import RunSettings, load_settings

_PLACES = {
    "LaneResult": "tracker.api.run", "RunResult": "tracker.api.run", "RunSettings": "tracker.settings",
    "SettingsError": "tracker.errors", "SinkError": "tracker.errors", "SourceError": "tracker.errors",
    "Table": "tracker.exports.table", "TrackedFrame": "tracker.api.frame", "Tracker": "tracker.api.step",
    "TrackerError": "tracker.errors", "Tracks": "tracker.api.tracks", "compare": "tracker.api.run",
    "load_settings": "tracker.settings", "process": "tracker.api.run", "read": "tracker.exports.table:read_table",
    "track": "tracker.api.stream",
}  # fmt: skip
"""where each public name is, imported when it is first asked for: `tracker --help` must stay quick"""

__all__ = [
    "LaneResult",
    "RunResult",
    "RunSettings",
    "SettingsError",
    "SinkError",
    "SourceError",
    "Table",
    "TrackedFrame",
    "Tracker",
    "TrackerError",
    "Tracks",
    "__version__",
    "compare",
    "load_settings",
    "process",
    "read",
    "track",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, _, inside = _PLACES[name].partition(":")
    globals()[name] = found = getattr(import_module(module), inside or name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
