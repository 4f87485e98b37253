"""Pictures of masks: their numbers, their values, and what the values mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from tracker.errors import ShapeError, SourceError
from tracker.scores.tables import Identified
from tracker.types import Box, Labels, Mask

FRAME_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".jp2")
"""What a folder of frames is made of; a test holds it to what sources read."""
MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".pgm", ".pbm", ".gif")
"""Without loss: a truth keeps its values."""
ANY_SUFFIXES = tuple(dict.fromkeys((*MASK_SUFFIXES, *FRAME_SUFFIXES)))
"""Results may have noise."""

BACKGROUND, SHADOW, OUTSIDE, UNKNOWN, FOREGROUND = 0, 50, 85, 170, 255
"""CDnet's labels. Outside the region of interest and unknown motion are not scored."""
LABELS = (BACKGROUND, SHADOW, OUTSIDE, UNKNOWN, FOREGROUND)

MaskKind = Literal["identities", "labels"]
"""A pixel's value is who owns it, or one of LABELS (0 and 1 serve as well)."""

SAMPLED = 16
"""Masks looked at to tell what their values mean."""


class MaskValues(NamedTuple):
    """One mask as it was read."""

    values: NDArray[np.int32]
    """(H, W)"""
    named: bool
    """surely identities: 16 bit, or a palette of colours, whose indices the values are"""


class Asked(NamedTuple):
    """What labels say of one frame's pixels, all (H, W) bool."""

    foreground: Mask
    ignore: Mask
    shadow: Mask


def numbered(folder: Path, suffixes: Collection[str] = MASK_SUFFIXES) -> dict[int, Path]:
    """The folder's pictures by frame number, the last group of digits in their names; names without one are left out.

    Raises SourceError if two have the same number.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        number = frame_number(path)
        if number is None:
            continue
        if number in found:
            raise SourceError(f"{folder}: {found[number].name} and {path.name} have the same number; take one out")
        found[number] = path
    return found


def frame_number(path: Path) -> int | None:
    """in000220.jpg -> 220; None if there is no digit in the name."""
    parts = _parts(path)
    return int(parts[1]) if parts else None


def frame_numbers(folder: Path) -> tuple[int, ...]:
    """The number of every frame in a folder of pictures, in the order in which they are shown.

    Raises SourceError where that order is not sure, since names differ in more than their number or files hold several
    pictures.
    """
    frames = [p for p in folder.iterdir() if p.suffix.lower() in FRAME_SUFFIXES and not p.name.startswith(".")]
    odd = next((path for path in sorted(frames) if _parts(path) is None), None)
    if odd is not None:
        raise SourceError(f"{odd}: a frame without a number; masks and rows find their frame by it, so move it away")
    heads = sorted({parts[0] for parts in map(_parts, frames) if parts})
    if len(heads) > 1:
        raise SourceError(f"{folder}: names of frames begin with {heads[0]!r} and {heads[1]!r}; one kind is needed")
    found = numbered(folder, FRAME_SUFFIXES)
    if found and (pages := _pages(found[min(found)])) > 1:
        raise SourceError(
            f"{found[min(found)]}: holds {pages} pictures; a truth finds frames by their file's number, so write one a file"
        )
    return tuple(sorted(found))


def _pages(path: Path) -> int:
    try:
        with Pillow.open(path) as picture:
            return int(getattr(picture, "n_frames", 1)) if picture.format != "MPO" else 1
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return 1  # whoever reads it says what is wrong


def _parts(path: Path) -> tuple[str, str] | None:
    """What stands before the last group of digits, and the digits."""
    match = re.fullmatch("(.*?)([0-9]+)[^0-9]*", path.stem)
    return (match[1], match[2]) if match else None


def read_values(path: Path) -> MaskValues:
    """The values of a mask. A palette of greys stands for these greys, one of colours for its indices.

    Raises SourceError if it cannot be read, ShapeError if it has colours without a palette.
    """
    try:
        with Pillow.open(path) as picture:
            if picture.mode == "P":
                palette = np.asarray(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
                if (palette == palette[:, :1]).all():
                    return MaskValues(np.asarray(picture.convert("L"), np.int32), named=False)
                return MaskValues(np.asarray(picture, np.int32), named=True)
            values = np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise SourceError(f"{path}: not a readable picture; check the file") from error
    if values.ndim == 3:
        if values.shape[2] > 2 and not (values[..., :3] == values[..., :1]).all():  # of two, the second is opacity
            raise ShapeError(
                f"{path}: a picture in colours; wanted one channel with labels or identities, or a palette"
            )
        values = values[..., 0]
    return MaskValues(values.astype(np.int32), named=values.dtype.itemsize > 1)


def read_labels(path: Path) -> Asked:
    """Foreground, what is not scored, and shadow, by CDnet's labels or by 0 and 1.

    Raises SourceError naming a value that is none of these.
    """
    values = read_values(path).values
    top = int(values.max(initial=0))
    if top == 1:
        none = np.zeros(values.shape, bool)
        return Asked(values == 1, none, none)
    masks = {label: values == label for label in LABELS}
    if sum(int(np.count_nonzero(mask)) for mask in masks.values()) < values.size:
        odd = next(value for value in np.unique(values).tolist() if value not in LABELS)
        raise SourceError(
            f"{path}: value {odd} is no label; wanted {', '.join(map(str, LABELS))}, or --layout identities if values "
            "are identities"
        )
    return Asked(masks[FOREGROUND], masks[OUTSIDE] | masks[UNKNOWN], masks[SHADOW])


def mask_kind(paths: Iterable[Path], *, of_one: MaskKind = "labels") -> MaskKind:
    """Tell labels from identities by the values in masks spread over the sequence; `of_one`: where all are 0 and 1.

    Raises SourceError where it cannot be told: 255 beside values that are no labels, as a resized mask has them.
    """
    paths = list(paths)
    seen: set[int] = set()
    for index in sorted({n * len(paths) // SAMPLED for n in range(SAMPLED)}):
        values, named = read_values(paths[index])
        if named:
            return "identities"
        seen.update(np.unique(values).tolist())
    if seen <= {0, 1}:
        return of_one
    odd = sorted(seen - set(LABELS))
    if odd and FOREGROUND in seen and of_one == "labels":
        raise SourceError(
            f"{paths[0].parent}: masks of 255 and {odd[0]}: resized labels, or identities? write labels as 0 and 255, "
            "identities in 16 bit, or use --layout identities"
        )
    return "identities" if odd else "labels"


def boxes_round(identities: Labels) -> tuple[Identified, ...]:
    """The box round every identity's pixels; 0 is nobody."""
    ys, xs = np.nonzero(identities)
    if len(ys) == 0:
        return ()
    names, index = np.unique(identities[ys, xs], return_inverse=True)
    low, high = np.full((len(names), 2), np.iinfo(np.int64).max), np.full((len(names), 2), -1)
    corners = np.stack([xs, ys], axis=1)
    np.minimum.at(low, index, corners)
    np.maximum.at(high, index, corners)
    return tuple(
        (name, Box(float(x0), float(y0), float(x1 + 1), float(y1 + 1)))
        for name, (x0, y0), (x1, y1) in zip(names.tolist(), low.tolist(), high.tolist(), strict=True)
    )
