"""Where frames come from: a file, a folder of pictures, a camera, a stream; and the thread that reads ahead."""

from tracker.sources.ahead import ReadAhead, read_ahead
from tracker.sources.choose import open_source

__all__ = ["ReadAhead", "open_source", "read_ahead"]
