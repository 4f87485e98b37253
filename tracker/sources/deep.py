"""Pictures of a video with more than 8 bits, as the values that they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray


def is_deep(picture: VideoFrame) -> bool:
    """Whether it holds grey or RGB of more than 8 bits, as of scientific and thermal cameras, which may use few of them.

    Not YUV: there the bits are those of the display, and dark is meant to be dark.
    """
    components = picture.format.components
    return components[0].bits > 8 and (picture.format.is_rgb or len(components) == 1)


def deep_values(picture: VideoFrame, reformatter: VideoReformatter) -> NDArray[Any]:
    """(H, W, 3) uint16 RGB; what has fewer bits is scaled to 16."""
    if len(picture.format.components) > 1:
        return np.asarray(reformatter.reformat(picture, format="rgb48le").to_ndarray())
    grey = np.asarray(reformatter.reformat(picture, format="gray16le").to_ndarray())
    return np.repeat(grey[..., None], 3, axis=2)
