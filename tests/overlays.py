"""What the tests of drawing share."""

from collections.abc import Sequence

import pytest

from tracker.draw import Trails
from tracker.types import Box, Track

anywhere = pytest.mark.parametrize(
    "box", [(-30, -30, 10, 10), (1e7, 1e7, 2e7, 2e7), (-1e9, 0, 1e9, 4), (3, 3, 3, 3), (0.4, 0.4, 3.6, 3.6)]
)
"""boxes outside the frame, far too large, without area"""


def trails_of(tracks: Sequence[Track]) -> Trails:
    """Of tracks that stood for three frames; the first of them is at the corner in the last."""
    trails = Trails(10)
    for index in range(3):
        trails.add(tracks, index)
    trails.add((Track(1, Box(0, 0, 2, 2), 1.0, 0),), 3)
    return trails
