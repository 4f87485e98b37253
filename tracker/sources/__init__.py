"""Where frames come from: a file, a folder of pictures, pictures in memory, a camera, a stream; and the thread that reads ahead."""

from tracker.sources.address import is_path, is_url, shown
from tracker.sources.ahead import ReadAhead, read_ahead
from tracker.sources.around import SourceAround
from tracker.sources.choose import open_source
from tracker.sources.images import open_images
from tracker.sources.live import Watching, open_live
from tracker.sources.pictures import is_picture
from tracker.sources.reconnect import Patience
from tracker.sources.span import Span

__all__ = [
    "Patience",
    "ReadAhead",
    "SourceAround",
    "Span",
    "Watching",
    "is_path",
    "is_picture",
    "is_url",
    "open_images",
    "open_live",
    "open_source",
    "read_ahead",
    "shown",
]
