"""Tracks for other libraries, each imported where it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tracker.api.tracks import Tracks
from tracker.errors import MissingExtraError
from tracker.types import Labels

if TYPE_CHECKING:
    import supervision


def detections(tracks: Tracks, labels: Labels) -> supervision.Detections:
    """The objects of a frame as `supervision.Detections`; `labels` (H, W) says which identity owns each pixel.

    Raises MissingExtraError without the package supervision.
    """
    try:
        import supervision
    except ImportError:
        raise MissingExtraError(
            "to_supervision needs the package supervision; install it: pip install 'rnnem-tracker[supervision]'"
        ) from None
    masks = labels[None] == tracks.ids[:, None, None] if len(tracks) else None
    data: dict[str, Any] = {"hidden": tracks.hidden}
    return supervision.Detections(
        xyxy=tracks.boxes.astype(np.float32), mask=masks, confidence=tracks.confidence.astype(np.float32),
        tracker_id=tracks.ids.astype(int), data=data,
    )  # fmt: skip
