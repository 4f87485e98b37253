"""A folder of pictures as a clip."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from tracker.errors import SourceError
from tracker.sources.span import Span
from tracker.types import Frame, Image, SourceInfo

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".jp2")


def is_picture(path: Path) -> bool:
    """Whether its name is a picture's. Hidden files are not: some systems leave `._frame1.png` beside frame1.png."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def natural(name: str) -> list[tuple[int, int, str]]:
    """Key that sorts as people count: frame2 before frame10."""
    parts = re.split("([0-9]+)", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def own_numbers(paths: Sequence[Path]) -> list[int | None]:
    """The last number in each name, in000470.jpg 470; None for all where they do not rise with the pictures."""
    found = [re.findall("[0-9]+", path.stem) for path in paths]
    numbers = [int(digits[-1]) for digits in found if digits]
    rising = len(numbers) == len(paths) and all(a < b for a, b in pairwise(numbers))
    return [*numbers] if rising else [None] * len(paths)


def read_picture(path: Path) -> Image:
    """(H, W, 3) uint8 RGB, turned as its EXIF note says; 16-bit pictures keep their high byte, alpha is dropped.

    Read by Pillow, which refuses a picture that was cut short; OpenCV 4 fills up a cut JPEG with grey.

    Raises SourceError naming the picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path) as picture:
                upright = ImageOps.exif_transpose(picture)
                if upright.mode == "F":
                    raise ValueError("it holds floating-point numbers")
                if upright.mode.startswith("I"):
                    grey = (np.asarray(upright).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
                    image = np.repeat(grey[..., None], 3, axis=2)
                else:
                    image = np.array(upright.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        # Pillow's own words may name an object's address in memory
        reason = "" if isinstance(error, Pillow.UnidentifiedImageError) else f" ({str(error).splitlines()[0]})"
        raise SourceError(f"{path}: this picture cannot be read{reason}; replace it or take it out") from error
    image.flags.writeable = False
    return image


class Pictures:
    """A Source of pictures in natural order, all of one size, `fps` to the second."""

    problem: str | None = None

    def __init__(self, paths: Sequence[Path], *, name: str, span: Span, fps: float) -> None:
        ordered = sorted(paths, key=lambda path: [natural(part) for part in path.parts])
        self._fps = fps
        self._paths = ordered
        self._wanted = [path for _, path in span.cut((index / fps, path) for index, path in enumerate(ordered))]
        if not self._wanted:
            raise SourceError(f"{name}: start is at {span.start_s:g} s, but it lasts {len(ordered) / fps:g} s")
        self._first = ordered.index(self._wanted[0])
        self._numbers = own_numbers(self._wanted)
        height, width = read_picture(self._wanted[0]).shape[:2]
        self.info = SourceInfo(
            name="/".join(Path(name).parts[-2:]),  # input/ and img1/ alone say little
            size=(width, height),
            fps=fps,
            frame_count=len(self._wanted),
            live=False,
        )

    def __iter__(self) -> Iterator[Frame]:
        for index, (path, number) in enumerate(zip(self._wanted, self._numbers, strict=True)):
            place = self._first + index
            yield Frame(index, place / self._fps, self._read(path), number, place)

    def _read(self, path: Path) -> Image:
        image = read_picture(path)
        height, width = image.shape[:2]
        if (width, height) != self.info.size:
            wanted = "{}x{}".format(*self.info.size)
            raise SourceError(f"{path}: is {width}x{height}, but the clip began with {wanted}; one size is needed")
        return image

    def sample(self, count: int, *, whole: bool = True) -> list[Image]:
        """About `count` pictures, evenly spread over the folder or the span; those that cannot be read are left out."""
        paths = self._paths if whole else self._wanted
        picks = sorted({index * len(paths) // count for index in range(count)})
        found = []
        for pick in picks:
            try:
                found.append(self._read(paths[pick]))
            except SourceError:
                continue
        return found

    def close(self) -> None:
        """Nothing is held open."""

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
