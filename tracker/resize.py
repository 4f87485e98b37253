"""Pictures at the width at which a lane works."""

from __future__ import annotations

import cv2

from tracker.types import Image, Working


def to_working_width(image: Image, width: Working) -> Image:
    """An image (H, W, 3) averaged down to `width` pixels across; itself if it is no wider, or `width` is "full"."""
    if width == "full" or image.shape[1] <= width:
        return image
    size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
