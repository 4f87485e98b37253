"""Lane `blobs`: what a scene calls foreground, in connected blobs, without slots. A linker gives the identities.

With the foreground network it stands between the two lanes: what it has above lane `gmm` is the network's, what lane `slots` has above it
is the slots'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracker.background.blobs import GAP_S, BlobSettings, find_blobs
from tracker.judging import judge_frame
from tracker.resize import to_working_width
from tracker.timing import FrameTimer
from tracker.types import FOREGROUND, Frame, Image, Mask, Scene, Segmentation, Share, Working


class SceneBlobs:
    """Frame in, blobs out. Labels hold for one frame.

    scene  used by this lane alone
    width  at which the lane works
    flood  if more than this share of a frame is foreground it may be the light
    """

    def __init__(self, scene: Scene[Any], settings: BlobSettings, *, width: Working, flood: Share) -> None:
        self.scene, self.settings, self.width, self.flood = scene, settings, width, flood
        self._frozen = False
        self._timer = FrameTimer(GAP_S)

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none it warms up on the first frames."""
        self.scene.prepare([to_working_width(image, self.width) for image in images])

    def empty_scene(self) -> Image | None:
        """(h, w, 3) the present scene without objects; None as long as it is not known."""
        return self.scene.empty_scene()

    def freeze(self, frozen: bool) -> None:
        """While frozen, judge, and learn nothing of the scene."""
        self._frozen = frozen

    def reset(self) -> None:
        """Forget the scene."""
        self.scene.reset()
        self._timer.reset()

    def step(self, frame: Frame) -> Segmentation:
        """Blobs of one frame, largest first. They are kept out of the scene; an object that stops stays one."""
        image = frame.picture.at(self.width)
        if frame.scene is None:
            return Segmentation.empty(image.shape, frame.size)
        self.scene.enter(frame.scene)
        labels, regions = find_blobs(self._judge(image, self._timer.step(frame.time_s).dt_s), frame.size, self.settings)
        return Segmentation(labels, regions, foreground=labels > 0, frame_size=frame.size)

    def _judge(self, image: Image, dt_s: float) -> Mask:
        """(h, w) the foreground of a frame, which is learned but for its foreground."""
        judgement = judge_frame(self.scene, image, flood=self.flood, frozen=self._frozen)
        foreground: Mask = np.asarray(judgement.verdicts == FOREGROUND)
        if not self._frozen:
            self.scene.learn(judgement, foreground if foreground.any() else None, dt_s=dt_s)
        return foreground
