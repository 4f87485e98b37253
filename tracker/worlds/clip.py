"""A drawn clip and its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import SettingsError
from tracker.types import Box

MOST_IDENTITIES = 2**16 - 1
"""that labels have room for"""


@dataclass(frozen=True)
class TruthBox:
    """One object in one frame of a drawn clip."""

    id: int
    """identity, from 1, the value of its pixels in `Clip.labels`"""
    box: Box
    """of the whole object, hidden parts included; a street's are clipped to the frame"""
    visible: float
    """share of that object's pixels inside the frame that nothing hides, in [0, 1]"""


@dataclass(frozen=True)
class DrawnFrame:
    """One frame of a drawn clip."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB"""
    labels: NDArray[np.uint16]
    """(H, W) identity of the visible object, 0 = background"""
    boxes: tuple[TruthBox, ...]


@dataclass(frozen=True)
class DrawnClip:
    """A drawn clip: what a camera would have seen, and who every pixel belongs to."""

    images: NDArray[np.uint8]
    """(T, H, W, 3) RGB"""
    labels: NDArray[np.uint16]
    """(T, H, W) identity of the visible object, 0 = background (shadows are background)"""
    boxes: tuple[tuple[TruthBox, ...], ...]
    """for each frame, the objects of which any pixel is inside the frame"""
    background: NDArray[np.uint8]
    """(H, W, 3) the empty scene in neutral light"""
    fps: float


def next_identity(born: int, frame: int) -> int:
    """The identity after `born` others, of an object that is there by frame `frame`, from 0.

    Raises SettingsError where labels have no room for another.
    """
    if born >= MOST_IDENTITIES:
        raise SettingsError(
            f"frame {frame + 1:,}: one more than {MOST_IDENTITIES:,} identities, for which labels of 16 bits have room; "
            "draw fewer frames or objects"
        )
    return born + 1
