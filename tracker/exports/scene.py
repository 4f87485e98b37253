"""Pictures of the source for exports: those of a table's frames, and the scene without its objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.draw.colours import DARK
from tracker.errors import SourceError
from tracker.exports.run_files import RunFiles
from tracker.exports.table import Table
from tracker.sources import is_picture, open_source
from tracker.types import Frame, Image, Source

EARLIER_S = 1.0
"""before the first frame that is wanted: times in a table are rounded"""
PICTURES = 15
"""of which the scene is the median, pixel by pixel: who passes is in fewer than half of them"""


def find_pictures(run: RunFiles, source: str | None, notify: Callable[[str], None]) -> str:
    """The address of the run's pictures. Raises SourceError where there is none; `notify` is told of a guess."""
    if source is not None:
        return source
    found = run.find_source()
    if found is None:
        raise SourceError(f"{run.table_path}: its pictures were not found; give the run's source by --source CLIP")
    notify(f"pictures are those of {found}; --source gives others")
    return str(found)


def open_pictures(run: RunFiles, address: str, wanted: Table | None = None) -> Source:
    """The source, of a video from the first row of `wanted` on; None: all of it.

    Raises SourceError if it cannot be read, or has pictures of another size than the run's summary says.
    """
    path, times = Path(address), np.empty(0) if wanted is None else wanted.time_s
    # pictures may have had other times in the run: its --fps is not known here
    from_s = np.nanmin(times, initial=np.inf) - EARLIER_S if path.is_file() and not is_picture(path) else 0.0
    source = open_source(address, start_s=float(from_s) if 0 < from_s < np.inf else 0.0)
    if run.size is not None and source.info.size != run.size:
        width, height = source.info.size
        source.close()
        raise SourceError(
            f"{address}: pictures of {width}x{height}, but the run had {run.size[0]}x{run.size[1]}; give its source by --source"
        )
    return source


def frames_of(source: Source, table: Table, notify: Callable[[str], None]) -> Iterator[tuple[Frame, NDArray[np.int64]]]:
    """The frames that the table speaks of, each with its rows' places; it ends behind the last of them.

    Raises SourceError if the source has none of them; `notify` is told if it lacks some.
    """
    order = np.argsort(table.frame, kind="stable")
    numbers, begins = np.unique(table.frame[order], return_index=True)
    places = dict(zip(numbers.tolist(), np.split(order, begins[1:]), strict=False))
    missing, last = len(places), max(places, default=-1)
    for frame in source:
        if frame.written in places:
            missing -= 1
            yield frame, places[frame.written]
        if frame.written >= last:
            break
    if places and missing == len(places):
        raise SourceError(f"{source.info.name}: has none of the table's frames; give the run's source by --source")
    if missing:
        notify(f"{source.info.name} lacks {missing} of the table's {len(places)} frames")


def scene_picture(run: RunFiles, source: str | None, notify: Callable[[str], None]) -> Image:
    """(H, W, 3) the scene without what moves; where there are no pictures, a dark area of the run's size, and it is said."""
    try:
        address = find_pictures(run, source, notify)
    except SourceError:
        notify("the scene is not drawn, since its pictures were not found; --source CLIP gives them")
        return dark_picture(run)
    with closing(open_pictures(run, address)) as opened:
        pictures = opened.sample(PICTURES)
    if not pictures:
        return dark_picture(run)
    return np.median(np.stack(pictures), axis=0).astype(np.uint8)


def dark_picture(run: RunFiles) -> Image:
    """A dark area of the frames' size; where no summary tells it, as large as the boxes need."""
    corner = run.table.box[:, 2:].max(axis=0, initial=1.0) if len(run.table) else np.ones(2)
    width, height = run.size or tuple(int(np.ceil(side)) for side in corner)
    return np.full((height, width, 3), DARK, np.uint8)
