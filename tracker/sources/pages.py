"""How many pictures one picture file holds and how long each is shown, told from its structure without decoding."""

from __future__ import annotations

import html
import math
import os
import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import BinaryIO

PNG = b"\x89PNG\r\n\x1a\n"
ANIMATED = 2
"""WebP: the bit of the VP8X flags that announces an animation."""
REDUCED, MASK = 1, 4
"""TIFF: bits of NewSubfileType that mark a page as a smaller copy or a mask of another page."""
NEW_SUBFILE_TYPE, IMAGE_DESCRIPTION = 254, 270
MOST_TEXT = 200_000
"""bytes that are read of a TIFF's description: sizes and times stand at the begin of OME's, which lists every page after them"""
UNITS_S = {
    1.0: ("s", "sec", "second", "seconds"),
    1e-3: ("ms", "msec", "millisecond", "milliseconds"),
    1e-6: ("us", "usec", "\u00b5s", "\u03bcs", "\\u00b5s", "microsecond", "microseconds"),
    60.0: ("min", "minute", "minutes"),
    3600.0: ("h", "hr", "hour", "hours"),
    86400.0: ("d", "day", "days"),
}
"""names of units of time in ImageJ's and OME's texts, in small letters, by their seconds; ImageJ writes the micro sign as an escape"""
PIXELS = re.compile(r"<(?:\w+:)?Pixels\s([^>]*)")
ATTRIBUTE = re.compile(r"""(\w+)\s*=\s*["']([^"']*)["']""")
"""of OME's XML"""
LONGEST_STEP_S = 1e6
"""a longer time step is taken for no statement"""


@dataclass(frozen=True)
class Pages:
    """The pictures of one file."""

    indices: tuple[int, ...] = (0,)
    """pages that are read, in order, as Pillow counts them"""
    durations_s: tuple[float, ...] | None = None
    """seconds that each of these is shown; None if the file does not say"""
    notes: tuple[str, ...] = ()
    """what was left out"""
    torn: bool = False
    """the file ends before the last page that it announces"""


ONE = Pages()


def find_pages(path: Path) -> Pages:
    """The pages of a TIFF, animated PNG or animated WebP; one for any other file, also for one that cannot be read.

    Pages are not decoded, so one that is listed may still be damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:8] == PNG:
                return _png(file)
            if head[:4] == b"RIFF" and head[8:] == b"WEBP":
                return _webp(file)
            if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                return _tiff(file, head)
    except (OSError, struct.error, ValueError):
        pass  # whoever reads the picture says what is wrong with it
    return ONE


def _png(file: BinaryIO) -> Pages:
    """Animated PNG: an acTL chunk announces the frames, an fcTL chunk before each holds its delay as a fraction."""
    file.seek(len(PNG))
    announced, hidden, delays = 0, False, []
    while len(header := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", header)
        if kind == b"acTL":
            announced = struct.unpack(">I", file.read(4))[0]
            length -= 4
        elif kind == b"fcTL":
            numerator, denominator = struct.unpack(">20xHH", file.read(24))
            delays.append(numerator / (denominator or 100))
            length -= 24
        elif kind == b"IDAT" and not announced:
            return ONE
        elif kind == b"IDAT" and not delays:
            hidden = True  # the still for programs that know no animation; Pillow counts it as page 0
        elif kind == b"IEND":
            break
        file.seek(length + 4, 1)  # the data and its check sum
    if announced < 2 or not delays:
        return ONE
    notes = ("the picture for programs without animation is left out",) if hidden else ()
    indices = tuple(range(hidden, len(delays) + hidden))
    return Pages(indices, _durations(delays), notes, torn=len(delays) < announced)


def _webp(file: BinaryIO) -> Pages:
    """Animated WebP: VP8X says so, and each ANMF chunk holds a duration in ms at byte 12."""
    delays: list[float] = []
    while len(header := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", header)
        length += length % 2
        if kind == b"VP8X":
            if not struct.unpack("B", file.read(1))[0] & ANIMATED:
                return ONE
            length -= 1
        elif kind == b"ANMF":
            delays.append(int.from_bytes(file.read(16)[12:15], "little") / 1000)
            length -= 16
        elif kind in (b"VP8 ", b"VP8L"):
            return ONE
        file.seek(length, 1)
    return Pages(tuple(range(len(delays))), _durations(delays)) if delays else ONE


def _durations(delays_s: list[float]) -> tuple[float, ...] | None:
    """A delay of 0 means "as soon as possible": it counts as the median of the others; all 0 say nothing."""
    said = [delay for delay in delays_s if delay > 0]
    return tuple(delay if delay > 0 else median(said) for delay in delays_s) if said else None


def _tiff(file: BinaryIO, head: bytes) -> Pages:
    """The chain of directories, one a page, each with the place of the next (TIFF 6.0; BigTIFF has 8-byte places)."""
    order, big = ("<" if head[:1] == b"I" else ">"), head[2:4] in (b"+\0", b"\0+")
    place_of, count_of, entry_of = (f"{order}{code}" for code in (("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")))
    size = file.seek(0, os.SEEK_END)
    file.seek(8 if big else 4)
    place, pages, copies, seen, description = _read(file, place_of), [], 0, set(), ""
    torn = False
    while place and place not in seen:
        seen.add(place)
        page = len(seen) - 1
        try:
            file.seek(min(place, size))
            length = _read(file, count_of) * struct.calcsize(entry_of)
            entries = file.read(min(length, size))  # a damaged count may be more than fits into memory
            tags = {tag: (count, value) for tag, _, count, value in struct.iter_unpack(entry_of, entries)}
            place = _read(file, place_of)
        except struct.error:
            torn = True
            break
        _, subfile = tags.get(NEW_SUBFILE_TYPE, (1, b"\0" * 4))
        if page and struct.unpack(f"{order}I", subfile[:4])[0] & (REDUCED | MASK):
            copies += 1
            continue
        if page == 0 and IMAGE_DESCRIPTION in tags:
            length, where = tags[IMAGE_DESCRIPTION]
            description = _text(file, length, where, place_of, size)
        pages.append(page)
    notes = (f"{copies} smaller copies or masks of a page are left out",) if copies else ()
    whole = Pages(tuple(pages) or (0,), notes=notes, torn=torn)
    if description.startswith("ImageJ="):
        return _imagej(whole, description)
    return _ome(whole, description) if "<OME" in description or ":OME" in description else whole


def _imagej(pages: Pages, description: str) -> Pages:
    """ImageJ's text on its first page: lines of key=value. Pages are ordered by channel, then slice, then time.

    Of several channels the first is read, and of slices at each time the first. Slices without times are taken for
    times: ImageJ calls a plain stack so.
    """
    said = dict(re.findall(r"^(\w+)=(\S+)", description, re.MULTILINE))
    channels, slices, times, images = (_count(said.get(key)) for key in ("channels", "slices", "frames", "images"))
    step = channels * (slices if times > 1 else 1)
    indices, notes = pages.indices, pages.notes
    if images > len(indices) and len(indices) == 1:  # beyond 4 GB ImageJ writes one directory for all pages
        notes += (f"holds {images} pictures, of which only the first can be found; save it as BigTIFF or as a folder",)
    elif 1 < step < len(indices):
        notes += (_firsts(channels, slices if times > 1 else 1),)
        indices = indices[::step]
    durations_s, unknown = _even(said.get("finterval"), said.get("tunit", "sec"), len(indices))
    return Pages(indices, durations_s, notes + unknown, pages.torn)


def _ome(pages: Pages, description: str) -> Pages:
    """OME's XML on a file's first page (OME-TIFF): sizes, order and time step of its first image.

    Pages go through channels, slices and times in the order that `DimensionOrder` names, the first letter fastest. Of channels and
    slices the first is read; slices without times are taken for times, as ImageJ's are, and so are channels without either. One page
    of a set of files says nothing of itself.
    """
    images = [dict(ATTRIBUTE.findall(pixels)) for pixels in PIXELS.findall(description)]
    count = len(pages.indices)
    if count < 2 or not images or sorted(images[0].get("DimensionOrder", "")) != sorted("XYZCT"):
        return pages
    said, order = images[0], images[0]["DimensionOrder"]
    sizes, *others = ({axis: _count(image.get(f"Size{axis}")) for axis in "CZT"} for image in images)
    planes = math.prod(sizes.values())
    own = planes if others and planes + sum(math.prod(each.values()) for each in others) == count else count
    if sizes["Z"] * sizes["T"] == own:
        sizes["C"] = 1  # colours of one page, which count as channels
    if math.prod(sizes.values()) != own:
        wanted = ", ".join(
            f"{sizes[axis]} {name}" for axis, name in (("C", "channels"), ("Z", "slices"), ("T", "times"))
        )
        note = f"its OME text does not fit its {count} pages ({wanted}): read page by page"
        return replace(pages, notes=(*pages.notes, note))
    steps = next((axis for axis in "TZC" if sizes[axis] > 1), "T")
    stride = math.prod(sizes[axis] for axis in order[2 : order.index(steps)] if axis in sizes)
    indices = pages.indices[: stride * sizes[steps] : stride]
    notes = pages.notes + ((f"{len(images)} images: the first is read",) if own < count else ())
    if len(indices) < own:
        notes += (_firsts(sizes["C"] if steps != "C" else 1, sizes["Z"] if steps == "T" else 1),)
    durations_s, unknown = _even(said.get("TimeIncrement"), said.get("TimeIncrementUnit", "s"), len(indices))
    return Pages(indices, durations_s, notes + unknown, pages.torn)


def _firsts(channels: int, slices: int) -> str:
    counted = [f"{n} {name}" for n, name in ((channels, "channels"), (slices, "slices")) if n > 1]
    return f"{', '.join(counted)}: the first of each is read"


def _even(interval: str | None, unit: str, count: int) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    """(seconds of each of `count` pages, notes) of a time step and its unit, where there are several pages and a step."""
    try:
        value = float(interval or 0)
    except ValueError:
        value = 0.0
    name = html.unescape(unit).strip().lower()
    scale = next((scale for scale, names in UNITS_S.items() if name in names), None)
    interval_s = value * (scale or 1.0)
    if not 0 < interval_s < LONGEST_STEP_S or count < 2:
        return None, ()
    return (interval_s,) * count, () if scale else (
        f"the unit of its time step, {unit[:20]!r}, is not known: taken for seconds",
    )


def _count(word: str | None) -> int:
    return int(word) if word and word.isdecimal() and len(word) < 10 else 1


def _read(file: BinaryIO, code: str) -> int:
    """One number. Raises struct.error at the end of the file."""
    return int(struct.unpack(code, file.read(struct.calcsize(code)))[0])


def _text(file: BinaryIO, length: int, value: bytes, place_of: str, size: int) -> str:
    """An ASCII tag's text, which stands in the entry itself if it is short; of a file of `size` bytes."""
    if length > len(value):
        file.seek(min(struct.unpack(place_of, value)[0], size))
        value = file.read(min(length, MOST_TEXT))
    try:
        text = value.decode("utf-8")  # as OME has it
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return text.replace("\r", "\n")
