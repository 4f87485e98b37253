"""What the lane reports, from the working picture's size to the frame's."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from math import isnan

import numpy as np
from numpy.typing import NDArray

from tracker.labels import count_pixels, find_windows
from tracker.slots.slot import Slot
from tracker.types import Box, Mask, Region, Segmentation, Verdicts


def reported_numbers(slots: Sequence[Slot]) -> NDArray[np.int32]:
    """(K,) what is reported of each slot; 0 for one that is hidden or not confirmed."""
    return np.array([0 if slot.hidden else slot.number or 0 for slot in slots], np.int32)


def regions_of(
    slots: Sequence[Slot], boxes: Sequence[Box], confidence: Mapping[int, float],
    entropy: NDArray[np.float32], isolated: Container[int], colours: Mapping[int, NDArray[np.float32]],
) -> list[Region]:  # fmt: skip
    """The confirmed slots; how many pixels each has is known once the labels are.

    boxes, entropy  of each slot; confidence  of each identity; isolated  rows of the slots that are; colours  by row, see `Region`
    """
    unsure = entropy.tolist()
    regions = []
    for k, slot in enumerate(slots):
        if slot.number is None:
            continue
        bits = None if slot.hidden or isnan(unsure[k]) else unsure[k]
        alone = k in isolated and not slot.hidden
        regions.append(
            Region(slot.number, boxes[k], 0.0, confidence[slot.number], slot.hidden, bits, alone, colours.get(k))
        )
    return regions


def visible_boxes(regions: Sequence[Region], labels: NDArray[np.int32]) -> list[Region]:
    """The regions with boxes round their pixels in labels (H, W); one that has none keeps its box."""
    windows = find_windows(labels)
    seen = []
    for region in regions:
        if region.label in windows:
            rows, columns = windows[region.label]
            region = replace(region, box=Box(*map(float, (columns.start, rows.start, columns.stop, rows.stop))))
        seen.append(region)
    return seen


def at_frame_size(
    labels: NDArray[np.int32], foreground: Mask, regions: Sequence[Region], size: tuple[int, int], verdicts: Verdicts
) -> Segmentation:
    """Labels, foreground and verdicts as they are, boxes and pixels of regions in pixels of a frame of `size` (width, height)."""
    fx, fy = size[0] / labels.shape[1], size[1] / labels.shape[0]
    areas = count_pixels(labels, [region.label for region in regions])
    placed = tuple(
        replace(region, box=region.box if fx == fy == 1 else region.box.scaled(fx, fy), area_px=area * fx * fy)
        for region, area in zip(regions, areas, strict=True)
    )
    return Segmentation(labels, placed, foreground=foreground, frame_size=size, verdicts=verdicts)
