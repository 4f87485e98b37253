"""Pictures at the width at which a lane works."""

from __future__ import annotations

import cv2

from tracker.types import Image, Working


def size_at(size: tuple[int, int], width: Working) -> tuple[int, int]:
    """(width, height) of a picture of `size` averaged down to `width` pixels across; its own if it is no wider, or for "full"."""
    if width == "full" or size[0] <= width:
        return size
    return width, max(1, round(size[1] * width / size[0]))


def to_working_width(image: Image, width: Working) -> Image:
    """An image (H, W, 3) averaged down to `width` pixels across; itself if it is no wider, or `width` is "full"."""
    return averaged_to(image, size_at((image.shape[1], image.shape[0]), width))


def averaged_to(image: Image, size: tuple[int, int]) -> Image:
    """An image (H, W, 3) averaged down to `size` (width, height); itself if that is its own."""
    if size == (image.shape[1], image.shape[0]):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
