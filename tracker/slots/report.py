"""What the lane reports, from the working picture's size to the frame's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.labels import find_windows
from tracker.types import Box, Mask, Region, Segmentation


def visible_boxes(regions: Sequence[Region], labels: NDArray[np.int32]) -> list[Region]:
    """The regions with boxes round their pixels in labels (H, W); one that has none keeps its box."""
    windows = find_windows(labels)
    seen = []
    for region in regions:
        if region.label in windows:
            rows, columns = windows[region.label]
            region = replace(region, box=Box(columns.start, rows.start, columns.stop, rows.stop))
        seen.append(region)
    return seen


def at_frame_size(
    labels: NDArray[np.int32], foreground: Mask, regions: Sequence[Region], shape: tuple[int, ...]
) -> Segmentation:
    """Labels, foreground and boxes of the working picture in pixels of a frame of that shape."""
    height, width = shape[:2]
    fx, fy = width / labels.shape[1], height / labels.shape[0]
    if (fx, fy) != (1, 1):
        size = (width, height)
        labels = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
        foreground = cv2.resize(foreground.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    placed = []
    for region in regions:
        box = Box(region.box.x0 * fx, region.box.y0 * fy, region.box.x1 * fx, region.box.y1 * fy)
        placed.append(replace(region, box=box, area_px=region.area_px * fx * fy))
    return Segmentation(labels, tuple(placed), persistent=True, foreground=foreground)
