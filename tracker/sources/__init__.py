"""Where frames come from: a file, a folder of pictures, a camera, a stream; and the thread that reads ahead."""

from tracker.sources.address import is_path, is_url
from tracker.sources.ahead import ReadAhead, read_ahead
from tracker.sources.choose import open_source
from tracker.sources.pictures import is_picture

__all__ = ["ReadAhead", "is_path", "is_picture", "is_url", "open_source", "read_ahead"]
