"""Picture files as a clip: a folder of pictures, one file with many pages, or a folder of such files."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tracker.errors import OptionError, SourceError
from tracker.picture import Picture
from tracker.resize import to_working_width
from tracker.sources.depth import PROBED
from tracker.sources.pages import ONE, Pages, find_pages
from tracker.sources.span import Span
from tracker.sources.stills import Header, Rendering, StillReader, find_rendering
from tracker.sources.times import FALLBACK_FPS
from tracker.types import Frame, Image, SourceInfo, Working

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".jp2")
PAGED = (".png", ".tif", ".tiff", ".webp")
"""Only these can hold more than one picture."""
VOTES = 256
"""pictures whose size is asked, at most, where there are several sizes"""
NAMED = 3
"""Pictures left out that are named; the others are counted."""


T = TypeVar("T")


class PicturePlace(NamedTuple):
    """Where one picture of the clip lies."""

    path: Path
    page: int
    place: int
    """in the whole clip, from 0"""
    time_s: float
    number: int
    """what files call it"""


COMMON = 3 / 4
"""share of pictures with more than 8 bits, above which the others are left out where the values need a stretch of their own"""
LEAST_TOO_LARGE = 2**63
"""from which a number in a name is not a frame's: tables, exports and other programs hold whole numbers of 64 bits"""


def is_picture(path: Path) -> bool:
    """Whether its name is a picture's. Hidden files are not: some systems leave `._frame1.png` beside frame1.png."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def natural(name: str) -> list[tuple[int, int, str]]:
    """Key that sorts as people count: frame2 before frame10."""
    parts = re.split("([0-9]+)", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def last_numbers(paths: Sequence[Path]) -> list[int]:
    """The last number in each name that has one."""
    return [int(digits[-1]) for path in paths if (digits := re.findall("[0-9]+", path.stem))]


def own_numbers(paths: Sequence[Path]) -> list[int] | None:
    """The last number in each name, in000470.jpg 470; None where they do not rise with the pictures, or are too large."""
    numbers = last_numbers(paths)
    if max(numbers, default=0) >= LEAST_TOO_LARGE:
        return None
    rising = len(numbers) == len(paths) and all(a < b for a, b in pairwise(numbers))
    return numbers if rising else None


class PictureFiles:
    """A Source of pictures in natural order, page by page where a file has several.

    Times are those of animated PNG and WebP and of ImageJ's stacks; other pictures come `fps` to the second, None: 25.
    A picture's number is the one in its name where there is one picture a file and the numbers rise; else its place.

    The size is that of most of the pictures looked at first, spread over the clip. What cannot be read, or has another
    size, is left out and told in `problem`; the others keep their numbers and times.

    Raises SourceError if there is nothing to read, if `fps` is given for pictures that have times, or if the start is
    after the end; while iterating, if not one picture was readable.
    """

    def __init__(self, paths: Sequence[Path], *, name: str, span: Span, fps: float | None) -> None:
        ordered = sorted(paths, key=lambda path: [natural(part) for part in path.parts])
        paged = {path: pages for path in ordered if path.suffix.lower() in PAGED if (pages := find_pages(path)) != ONE}
        timed = any(pages.durations_s for pages in paged.values())
        if timed and fps is not None:
            raise OptionError(f"{name}: has times of its own; --fps is for pictures without times, leave it out")
        self._name = "/".join(Path(name).parts[-2:])  # input/ and img1/ alone say little
        self._torn = [path.name for path, pages in paged.items() if pages.torn]
        self._closed = False
        self._left_out: list[str] = []
        self._count_left_out = 0
        self._shots, length_s = _list_shots(ordered, paged, timed=timed, fps=fps or FALLBACK_FPS)
        self._wanted = [shot for _, shot in span.cut((shot.time_s, shot) for shot in self._shots)]
        if not self._wanted:
            raise span.beyond(name, length_s)
        notes = list(dict.fromkeys(note for pages in paged.values() for note in pages.notes))
        if max(last_numbers(ordered), default=0) >= LEAST_TOO_LARGE:
            notes.append("numbers in the pictures' names are too large for a table: frames count from 1 instead")
        if fps is None and not timed and len(self._shots) > 1:
            notes.append(
                f"pictures have no times: {FALLBACK_FPS:g} a second are assumed; `process` and `compare` take another rate, --fps"
            )
        size, self._render, probed = self._probe()
        self.info = SourceInfo(
            name=self._name,
            size=size,
            fps=len(self._shots) / length_s,
            frame_count=len(self._wanted),
            live=False,
            notes=(*notes, *probed, *self._render.notes),
        )

    def _probe(self) -> tuple[tuple[int, int], Rendering, tuple[str, ...]]:
        """Size, rendering and notes, by pictures spread over the whole clip: the same whatever part of it is wanted."""
        with closing(StillReader()) as reader:
            found, errors = _headers(reader, evenly(self._shots, PROBED))
            if not found:
                found, errors = _headers(reader, self._shots, enough=PROBED)
            if not found:
                others = f", nor any of the other {len(self._shots) - 1} pictures" if len(self._shots) > 1 else ""
                raise SourceError(f"{self._name}: cannot be read: {errors[0]}{others}")
            # evenly spread ones may all be the same ones of a pattern, such as a small picture beside every two
            votes, _ = _headers(reader, scattered(self._shots, PROBED))
            if len({header.size for _, header in (*found, *votes)}) > 1:
                votes, _ = _headers(reader, scattered(self._shots, VOTES))
                found += votes
            sizes = Counter(header.size for _, header in votes or found)
            size = sizes.most_common(1)[0][0]
            stills = []
            for shot, header in found:
                if header.size == size and (header.deep or header.alpha):
                    with suppress(SourceError):
                        stills.append(reader.read(shot.path, shot.page, size=size).thinned())
        notes = [] if len(sizes) == 1 else ["pictures are of several sizes: those of {}x{} are read".format(*size)]
        if any(header.companion for _, header in found):
            notes.append("only the first picture of each JPEG is read; others, such as a depth map, are left out")
        deep = [header.deep for _, header in (*found, *votes) if header.size == size]
        return size, find_rendering(stills, some_8_bits=sum(deep) <= COMMON * len(deep)), tuple(notes)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(T,) of the frames that will come, rising."""
        return np.array([shot.time_s for shot in self._wanted])

    @property
    def problem(self) -> str | None:
        """What was left out so far: how many, the first by name, and why."""
        parts = [f"{name} is cut short" for name in self._torn]
        if self._count_left_out:
            more = self._count_left_out - len(self._left_out)
            parts.append(
                f"{self._count_left_out} of {len(self._wanted)} pictures left out: {'; '.join(self._left_out)}"
                + (f"; and {more} more" if more else "")
            )
        return f"{self._name}: {'; '.join(parts)}" if parts else None

    def __iter__(self) -> Iterator[Frame]:
        self._left_out, self._count_left_out = [], 0
        count = 0
        with closing(StillReader()) as reader:
            for shot in self._wanted:
                try:
                    image = self._read(reader, shot)
                except SourceError as error:
                    self._count_left_out += 1
                    if len(self._left_out) < NAMED:
                        self._left_out.append(str(error))
                    continue
                yield Frame(count, shot.time_s, Picture.of(image), shot.number, shot.place)
                count += 1
        if count == 0:
            raise SourceError(f"{self.problem}; nothing is left")

    def _read(self, reader: StillReader, shot: PicturePlace) -> Image:
        still = reader.read(shot.path, shot.page, size=self.info.size)
        if self._render.stretch.own and still.values.dtype == np.uint8:
            raise SourceError(f"{shot.path.name}: has 8 bits a value, where the clip's pictures have more")
        return self._render(still)

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """About `count` pictures, evenly spread over the clip or the span; those that cannot be read are left out."""
        found = []
        with closing(StillReader()) as reader:
            for shot in evenly(self._shots if whole else self._wanted, count):
                if self._closed:
                    return []
                with suppress(SourceError):
                    found.append(to_working_width(self._read(reader, shot), width))
        return found

    def close(self) -> None:
        """End a `sample` that is under way in another thread; nothing is held open."""
        self._closed = True

    def __enter__(self) -> PictureFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _list_shots(
    paths: Sequence[Path], paged: Mapping[Path, Pages], *, timed: bool, fps: float
) -> tuple[list[PicturePlace], float]:
    """Every picture of the clip in order, and how many seconds all take."""
    numbers = own_numbers(paths) if all(len(pages.indices) == 1 for pages in paged.values()) else None
    shots: list[PicturePlace] = []
    passed_s = 0.0
    for path in paths:
        pages = paged.get(path, ONE)
        for index, page in enumerate(pages.indices):
            place = len(shots)
            time_s = passed_s if timed else place / fps
            shots.append(PicturePlace(path, page, place, time_s, place + 1 if numbers is None else numbers[place]))
            passed_s += pages.durations_s[index] if pages.durations_s else 1 / fps
    return shots, passed_s if timed else len(shots) / fps


def _headers(
    reader: StillReader, shots: Iterable[PicturePlace], *, enough: int | None = None
) -> tuple[list[tuple[PicturePlace, Header]], list[SourceError]]:
    """What is known of these pictures, at most `enough` of them, and the errors of those that cannot be opened."""
    found: list[tuple[PicturePlace, Header]] = []
    errors: list[SourceError] = []
    for shot in shots:
        try:
            found.append((shot, reader.header(shot.path, shot.page)))
        except SourceError as error:
            errors.append(error)
        if len(found) == enough:
            break
    return found, errors


def scattered(items: Sequence[T], count: int) -> list[T]:
    """About `count` of the items, in their order: one from anywhere in each of as many equal parts, always the same."""
    draw = random.Random(0)
    bounds = [part * len(items) // count for part in range(count + 1)]
    return [items[draw.randrange(a, b)] for a, b in pairwise(bounds) if a < b]


def evenly(items: Sequence[T], count: int) -> list[T]:
    """About `count` of the items, in their order, evenly spread."""
    return [items[place] for place in sorted({index * len(items) // count for index in range(count)})]
