"""One picture out of a file: its values as they are, and whether it can be read at all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps
from PIL.ImageFile import ImageFile

from tracker.errors import SourceError
from tracker.sources.depth import LOOKED_AT, ContrastStretch, find_stretch
from tracker.types import Image

ORIENTATION = 0x0112
"""EXIF: which way is up; 1 is upright."""
BITS_PER_SAMPLE = 258
"""TIFF: a number for each channel."""
DARK = 64
"""Mean grey level below which what is opaque is shown before white."""

T = TypeVar("T")


@dataclass(frozen=True)
class Header:
    """What is known of a picture before it is decoded."""

    size: tuple[int, int]
    """(width, height), upright"""
    deep: bool
    """more than 8 bits a channel"""
    alpha: bool
    """it may have transparent pixels"""
    companion: bool = False
    """a JPEG with another picture behind it, such as a depth map"""


@dataclass(frozen=True)
class Still:
    """One picture as it was stored, upright."""

    values: NDArray[Any]
    """(H, W) or (H, W, 3) RGB: uint8, or any other number type if it holds more than 8 bits"""
    alpha: NDArray[np.float32] | None = None
    """(H, W) in [0, 1]; None: all opaque"""

    def thinned(self) -> Still:
        """The same in fewer pixels, at most about `LOOKED_AT`, for what is only looked at."""
        step = max(1, math.isqrt(self.values.shape[0] * self.values.shape[1] // LOOKED_AT))
        alpha = None if self.alpha is None else self.alpha[::step, ::step].copy()
        return Still(self.values[::step, ::step].copy(), alpha)


class StillReader:
    """Reads pages of picture files; the file of the last page stays open, so that pages in their order are cheap.

    Its methods raise SourceError, naming the picture and what is wrong with it.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._picture: ImageFile | None = None
        self._deep_colour = False
        self._end: tuple[Path, int, str] | None = None
        """the page of an animation that could not be read, and why: those after it are made from it"""

    def header(self, path: Path, page: int = 0) -> Header:
        """Look at a page without decoding it, unless it is to be turned."""

        def look() -> Header:
            picture = self._open(path, page)
            if picture is None:
                values = _read_by_opencv(path, page)
                return Header((values.shape[1], values.shape[0]), deep=True, alpha=False)
            deep = picture.mode[0] in "IF" or self._deep_colour
            size = picture.size
            if picture.getexif().get(ORIENTATION, 1) != 1:
                size = ImageOps.exif_transpose(picture).size
            return Header(size, deep=deep, alpha=picture.has_transparency_data, companion=picture.format == "MPO")

        return self._guarded(look, path, page)

    def read(self, path: Path, page: int = 0, *, size: tuple[int, int] | None = None) -> Still:
        """Decode a page; one that is not of `size` (width, height) is refused, if it can be before it is decoded.

        Pillow reads it, since it refuses a picture that was cut short where OpenCV may fill it up with grey. Of 16-bit
        colour Pillow keeps the high byte only, and of some floating-point TIFF it knows nothing: OpenCV reads these.
        """

        def decode() -> Still:
            picture = self._open(path, page)
            if picture is None:
                return Still(_read_by_opencv(path, page))
            if size is not None and sorted(picture.size) != sorted(size):
                raise ValueError(_other_size(picture.size, size))
            return _decode(picture, path, page, deep_colour=self._deep_colour)

        still = self._guarded(decode, path, page)
        height, width = still.values.shape[:2]
        if size is not None and (width, height) != size:
            raise SourceError(f"{_title(path, page)}: {_other_size((width, height), size)}")
        return still

    def close(self) -> None:
        """Let go of the file."""
        if self._picture is not None:
            self._picture.close()
        if self._file is not None:
            self._file.close()
        self._path = self._file = self._picture = None

    def _open(self, path: Path, page: int) -> ImageFile | None:
        """The file at that page; None for a TIFF that Pillow does not know."""
        if self._end is not None and self._end[0] == path and page > self._end[1]:
            raise ValueError(self._end[2])
        if path != self._path:
            self.close()
            if path.stat().st_size == 0:
                raise ValueError("it is empty, 0 bytes")
            self._file = path.open("rb")  # opened by its name, Pillow would map all of a stack into memory
            try:
                self._picture = Pillow.open(self._file)
            except Pillow.UnidentifiedImageError:
                self._file.seek(0)
                if self._file.read(4) not in (b"II*\0", b"MM\0*"):
                    raise
                return None
            self._path = path
            self._deep_colour = _is_deep_colour(self._picture)  # now: once decoded, Pillow forgets
        assert self._picture is not None  # opened above, or by the call before
        if page or self._picture.tell():
            self._picture.seek(page)
            self._deep_colour = _is_deep_colour(self._picture)
        return self._picture

    def _guarded(self, work: Callable[[], T], path: Path, page: int) -> T:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Pillow.DecompressionBombWarning)
                return work()
        except MemoryError:
            raise
        except Exception as error:  # on damaged files, Pillow's decoders raise whatever they stumble over
            reason = _reason(error)  # not the error itself: it may quote addresses in memory
            if self._picture is not None and self._picture.format in ("PNG", "WEBP"):
                self._end = path, page, reason
            self.close()
            raise SourceError(f"{_title(path, page)}: {reason}") from None


@dataclass(frozen=True)
class Rendering:
    """How the pictures of one clip become RGB, the same way for all."""

    stretch: ContrastStretch = ContrastStretch(0, 1 << 16)  # noqa: RUF009
    """of values with more than 8 bits"""
    ground: int | None = None
    """grey level behind transparent pixels; None: transparency is left out"""
    notes: tuple[str, ...] = ()

    def __call__(self, still: Still) -> Image:
        """(H, W, 3) uint8 RGB, not to be written to."""
        values = still.values if still.values.dtype == np.uint8 else self.stretch(still.values)
        image = np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values
        if still.alpha is not None and self.ground is not None:
            alpha = still.alpha[..., None]
            image = np.rint(alpha * image + (1 - alpha) * self.ground).astype(np.uint8)
        image = np.ascontiguousarray(image)
        image.flags.writeable = False
        return image


def find_rendering(stills: Sequence[Still], *, some_8_bits: bool = False) -> Rendering:
    """How to show a clip, from pictures spread over it: those with more than 8 bits or with transparency suffice.

    some_8_bits  whether pictures without more than 8 bits are common among those spread over it

    Transparency that is the same in all pixels hides nothing and is left out: some programs fill a fourth channel with
    zeros. Otherwise transparent pixels are black, or white where what can be seen is itself dark.
    """
    deep = [still.values for still in stills if still.values.dtype != np.uint8]
    rendering = Rendering(find_stretch(deep, beside_8_bits=some_8_bits)) if deep else Rendering()
    notes = (rendering.stretch.note,) if deep and rendering.stretch.note else ()
    if deep and some_8_bits:
        notes = (
            "some pictures have 8 bits a value and some more: all are shown by the whole range of their bits",
            *notes,
        )
    alphas = [still.alpha for still in stills if still.alpha is not None]
    if not alphas:
        return Rendering(rendering.stretch, None, notes)
    lowest, highest = min(float(a.min()) for a in alphas), max(float(a.max()) for a in alphas)
    if lowest == highest:
        said = () if lowest == 1 else ("its transparency is the same everywhere and is left out",)
        return Rendering(rendering.stretch, None, (*notes, *said))
    seen = [(rendering(still).mean(axis=2), still.alpha) for still in stills if still.alpha is not None]
    weight = sum(float(alpha.sum()) for _, alpha in seen)
    level = sum(float((grey * alpha).sum()) for grey, alpha in seen) / weight
    ground, name = (255, "white") if level < DARK else (0, "black")
    return Rendering(rendering.stretch, ground, (*notes, f"transparent pixels are shown {name}"))


def _decode(picture: ImageFile, path: Path, page: int, *, deep_colour: bool) -> Still:
    if deep_colour and picture.getexif().get(ORIENTATION, 1) == 1:
        picture.load()  # tells a picture that was cut short
        with suppress(ValueError):  # else its high byte is better than nothing
            return _split(_read_by_opencv(path, page))
    upright = ImageOps.exif_transpose(picture)
    if upright.mode[0] in "IF":
        return Still(np.array(upright))
    if not upright.has_transparency_data:
        return Still(np.array(upright.convert("RGB")))
    return _split(np.array(upright.convert("RGBA")))


def _split(values: NDArray[Any]) -> Still:
    """(H, W), (H, W, 3), or (H, W, 4) with alpha last."""
    if values.ndim == 2 or values.shape[2] == 3:
        return Still(values)
    alpha: NDArray[np.float32] = (values[..., 3] / np.iinfo(values.dtype).max).astype(np.float32)
    return Still(values[..., :3], alpha)


def _is_deep_colour(picture: ImageFile) -> bool:
    """Whether it may hold more than 8 bits in several channels, of which Pillow would keep the high byte only."""
    if picture.mode not in ("RGB", "RGBA", "LA"):
        return False
    if picture.format == "TIFF":
        bits: tuple[int, ...] = picture.tag_v2.get(BITS_PER_SAMPLE, (8,))  # type: ignore[attr-defined]
        return max(bits) > 8
    arguments: Any = picture.tile[0][3] if picture.tile else None
    if picture.format == "PPM":
        return isinstance(arguments, tuple) and arguments[1] > 255  # the file's largest value
    if picture.format == "PNG":
        return ";16" in str(arguments) and not getattr(picture, "is_animated", False)
    return picture.format == "JPEG2000"


def _read_by_opencv(path: Path, page: int) -> NDArray[Any]:
    """(H, W), (H, W, 3) RGB or (H, W, 4) RGBA. Raises ValueError."""
    import cv2  # heavy, and needed for few files

    from tracker.sources.camera import silence_opencv

    silence_opencv()
    values: Any
    if path.suffix.lower() in (".tif", ".tiff"):
        _, pages = cv2.imreadmulti(str(path), start=page, count=1, flags=cv2.IMREAD_UNCHANGED)
        values = pages[0] if pages else None
    else:
        values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("not a picture, or of a kind that cannot be read")
    return values if values.ndim == 2 else values[..., [2, 1, 0, 3][: values.shape[2]]]


def _title(path: Path, page: int) -> str:
    return f"{path.name}, page {page + 1}" if page else path.name


def _other_size(found: tuple[int, int], wanted: tuple[int, int]) -> str:
    return "is {}x{}, but the clip is {}x{}".format(*found, *wanted)


def _reason(error: Exception) -> str:
    if isinstance(error, Pillow.UnidentifiedImageError):
        return "not a picture, or of a kind that cannot be read"
    if isinstance(error, Pillow.DecompressionBombError | Pillow.DecompressionBombWarning):
        return f"it is too large, more than {Pillow.MAX_IMAGE_PIXELS} pixels"
    if isinstance(error, FileNotFoundError):
        return "it is gone"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = str(error).splitlines()
    return words[0] if words else type(error).__name__
