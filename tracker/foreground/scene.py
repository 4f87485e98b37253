"""The scene as the slots ask it: a verdict on every pixel, found by a network in what the Gaussian mixture knows.

The mixture judges pixels one by one: a grey coat before a grey road is background to it, a deep shadow an object. The network is
shown what the mixture knows of a whole neighbourhood, and answers with the probability that a pixel belongs to an object. It was
trained on drawn scenes through a real mixture, and on no real picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from tracker.components import components
from tracker.foreground.features import FrameFeatures, PicturedScene, SceneFeatures
from tracker.foreground.light import find_clouds, find_residue
from tracker.foreground.predictor import CERTAIN, Predictor, Probabilities
from tracker.foreground.rain import RainDetector
from tracker.foreground.settings import ForegroundSettings
from tracker.labels import find_windows
from tracker.timing import REFERENCE_S
from tracker.types import BACKGROUND, FOREGROUND, UNSURE, Image, Labels, Mask, Verdicts

# what the network is shown
LEAST_SIDE_PX = 8
"""of the picture shown to the network, however long and narrow a frame is"""

# what the mixture adds to what the network found
ADDED_PROBABILITY = np.uint8(round(0.9 * CERTAIN))
"""of a pixel that only the mixture found to be different, on an object that the network found"""
MOST_ADDED = 1.0
"""such pixels for every one of the network's, at most; where more would be added it is the light that differs"""
FOUND_MEDIAN_PX, DIFFERENT_MEDIAN_PX = 3, 5
"""sides of the median filters that remove specks from the network's pixels and from the mixture's, which are noisier"""

# learning
LEARN_EVERY_S = 0.08
"""seconds between two frames that the mixture learns from in tracking: every second frame at 25 frames a second"""


class ForegroundScene:
    """A Scene (tracker.types) that a network reads. Images are (H, W, 3) uint8 of one size.

    mixture  the scene model; predict  a trained network
    """

    def __init__(self, mixture: PicturedScene, predict: Predictor, settings: ForegroundSettings) -> None:
        self.features = SceneFeatures(mixture, learn_every_s=LEARN_EVERY_S)
        self.settings, self.predict = settings, predict
        self._low, self._high = (CERTAIN * share for share in settings.sure)
        steps = np.arange(CERTAIN + 1)
        unsure = np.where(steps > self._low, UNSURE, BACKGROUND)
        self._verdicts = np.where(steps > self._high, FOREGROUND, unsure).astype(np.uint8)
        self._shrunk: tuple[Image, Image] | None = None
        self._forget_frames()

    def _forget_frames(self) -> None:
        self._rain = RainDetector()
        self._frame: FrameFeatures | None = None
        """the frame judged last; None while the scene is not known"""
        self._perhaps: Mask = np.zeros((0, 0), bool)
        """(H, W) where that frame may show an object: more than background by the mixture or the network"""

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none it is learned from the first frames."""
        self.features.prepare([self._shrink(image) for image in images])
        self._rain = RainDetector()

    def reset(self) -> None:
        """Forget every scene."""
        self.features.reset()
        self._forget_frames()

    def judge(self, image: Image) -> Verdicts:
        """(H, W) uint8: BACKGROUND, UNSURE or FOREGROUND. Learns nothing."""
        height, width = image.shape[:2]
        if not self.features.ready:
            self._forget_frames()
            self._perhaps = np.zeros((height, width), bool)
            return np.full((height, width), BACKGROUND, np.uint8)
        self._frame = frame = self.features.extract(self._shrink(image))
        found, different = self._find(frame), frame.different
        if found.shape != (height, width):
            found = np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
            different = cv2.resize(different.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        self._perhaps = different | (found > self._low)
        return cv2.LUT(found, self._verdicts)  # type: ignore[return-value]

    def _find(self, frame: FrameFeatures) -> Probabilities:
        """(h, w) probability of an object: the network's, without what is rain, light or residue, completed by the mixture."""
        found, high = self.predict(frame.channels), self._high
        found[self._rain.find(frame.different)] = 0
        clouds = find_clouds(found > high, colours=frame.colours, expected=frame.expected, difference=frame.difference)
        found[clouds] = 0
        found[find_residue(found > high, difference=frame.difference, different=frame.different)] = 0
        if frame.covered:  # no light can have done it, so all that is connected to an object is the object's
            added = _connected(found > high, frame.different, most=np.inf)
        else:
            added = _connected(found > high, frame.tinted, most=MOST_ADDED)
        found[added] = ADDED_PROBABILITY
        return found

    def complete(self, labels: Labels) -> Labels:
        """A copy of `labels` (H, W) of the frame judged last, in which an object also has what lies between its parts and may differ.

        There an object is likelier than a shadow: a dark bumper over the shadow of its car.
        """
        hulls = np.zeros_like(labels)
        for label, (rows, columns) in find_windows(labels).items():
            mask = (labels[rows, columns] == label).view(np.uint8)
            outlines, _ = cv2.findContours(
                mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(columns.start, rows.start)
            )
            cv2.fillConvexPoly(hulls, cv2.convexHull(np.concatenate(outlines)), label)
        between = np.flatnonzero(self._perhaps & (labels == 0) & (hulls > 0))
        complete = labels.copy()
        complete.ravel()[between] = hulls.ravel()[between]
        return complete

    def learn(self, image: Image, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None:
        """Update the scene from the frame judged last, `dt_s` seconds after the one before, except where `known_foreground`
        (H, W) bool is true."""
        small = self._shrink(image)
        if known_foreground is not None and small.shape[:2] != known_foreground.shape:
            size = (small.shape[1], small.shape[0])
            known_foreground = cv2.resize(known_foreground.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        if self._frame is not None:
            self._rain.update(self._frame.different)
        self.features.learn(small, self._frame, known_foreground, dt_s=dt_s)

    def is_light(self, image: Image, changed: Mask) -> bool:
        """Whether the light changed where a picture differs from the scene, `changed` (H, W) bool, rather than an object came."""
        small = self._shrink(image)
        size = (small.shape[1], small.shape[0])
        shrunk = cv2.resize(changed.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        return self.features.mixture.is_light(small, shrunk)

    def adapt(self, image: Image) -> None:
        """Take the scene in this picture's light for background from now on."""
        self.features.adapt(self._shrink(image))

    def enter(self, scene: int) -> None:
        """Judge and learn the scene of that number from now on."""
        self.features.enter(scene)

    def _shrink(self, image: Image) -> Image:
        """The image at the size at which the network is shown it; the latest one is kept, since a frame is judged and then learned."""
        if self._shrunk is not None and self._shrunk[0] is image:
            return self._shrunk[1]
        height, width = image.shape[:2]
        scale = self.settings.side_px / (height * width) ** 0.5
        small = image
        if scale < 1:
            size = (max(LEAST_SIDE_PX, round(width * scale)), max(LEAST_SIDE_PX, round(height * scale)))
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._shrunk = image, small
        return small


def _connected(found: Mask, different: Mask, *, most: float) -> Mask:
    """The pixels that are `different` from the scene and connected to what was `found`, without that; all (H, W) bool.

    The network leaves holes in what it finds, on real pictures, and in the middle of what fills the picture. Nothing is added to a
    piece where that would be more than `most` pixels for every one found.
    """
    solid = cv2.medianBlur(found.astype(np.uint8), FOUND_MEDIAN_PX)
    joined = np.asarray(
        cv2.bitwise_or(cv2.medianBlur(different.astype(np.uint8), DIFFERENT_MEDIAN_PX), solid), np.uint8
    )
    pieces = components(joined)
    seeded = np.bincount(pieces.labels[solid > 0], minlength=len(pieces.areas))
    trusted = (seeded > 0) & (pieces.areas <= (1 + most) * np.maximum(1, seeded))
    trusted[0] = False
    return np.asarray(trusted[pieces.labels] & (solid == 0))
