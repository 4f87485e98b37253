"""The scene as the slots ask it: a verdict on every pixel, found by a network in what the Gaussian mixture knows.

The mixture judges pixels one by one: a grey coat before a grey road is background to it, a deep shadow an object. The network is
shown what the mixture knows of a whole neighbourhood, and answers with the probability that a pixel belongs to an object. It was
trained on drawn scenes through a real mixture, and on no real picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tracker.components import components
from tracker.foreground.features import FrameFeatures, PicturedScene, SceneFeatures
from tracker.foreground.light import find_clouds, find_residue
from tracker.foreground.outline import soft_rim
from tracker.foreground.predictor import CERTAIN, Predictor, Probabilities
from tracker.foreground.rain import RainDetector
from tracker.foreground.settings import ForegroundSettings
from tracker.labels import find_windows
from tracker.outlines import is_empty_in
from tracker.timing import REFERENCE_S
from tracker.types import BACKGROUND, FOREGROUND, RIM, UNSURE, Image, Labels, Mask, Verdicts

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


@dataclass(frozen=True)
class ForegroundJudgement:
    """What the network, the mixture and the rules beside them found in one picture."""

    verdicts: Verdicts
    """(H, W)"""
    small: Image
    """(h, w, 3) the picture as the network was shown it"""
    frame: FrameFeatures | None
    """of the small picture; None while the scene is not known"""
    perhaps: Mask
    """(H, W) where it may show an object: more than background by the mixture or the network"""
    rim: Mask | None = None
    """(H, W) what of the unsure beside an object shows more of the scene than of it; None: not known any better than the verdicts"""

    def complete(self, labels: Labels) -> Labels:
        """A copy of `labels` (H, W), in which an object also has what lies between its parts and may differ, and no rim.

        There an object is likelier than a shadow: a dark bumper over the shadow of its car.
        """
        hulls = np.zeros_like(labels)
        for label, (rows, columns) in find_windows(labels).items():
            mask = (labels[rows, columns] == label).view(np.uint8)
            outlines, _ = cv2.findContours(
                mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(columns.start, rows.start)
            )
            cv2.fillConvexPoly(hulls, cv2.convexHull(np.concatenate(outlines)), label)
        between = np.flatnonzero(self.perhaps & (labels == 0) & (hulls > 0))
        complete = labels.copy()
        complete.ravel()[between] = hulls.ravel()[between]
        if self.rim is not None:
            complete[self.rim] = 0
        return complete

    def uncovers(self, place: Mask) -> bool:
        """Whether the picture shows the empty scene in `place` (H, W), and what was learned as the scene is an object that has left."""
        return self.frame is not None and is_empty_in(self.small, self.frame.expected, _shrunk(place, self.small))


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
        self._rain = RainDetector()

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none it is learned from the first frames."""
        self.features.prepare([self._shrink(image) for image in images])
        self._rain = RainDetector()

    def reset(self) -> None:
        """Forget every scene."""
        self.features.reset()
        self._rain = RainDetector()

    def judge(self, image: Image) -> ForegroundJudgement:
        """What differs from the scene and is an object; nothing is learned."""
        height, width = image.shape[:2]
        small = self._shrink(image)
        if not self.features.ready:
            nothing = np.full((height, width), BACKGROUND, np.uint8)
            return ForegroundJudgement(nothing, small, None, np.zeros((height, width), bool))
        frame = self.features.extract(small)
        found, different = self._find(frame), frame.different
        enlarged = found.shape != (height, width)
        if enlarged:
            found = np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
            different = cv2.resize(different.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        verdicts = np.asarray(cv2.LUT(found, self._verdicts), np.uint8)
        perhaps: Mask = different | (found > self._low)
        if not enlarged:
            return ForegroundJudgement(verdicts, small, frame, perhaps)
        rim = soft_rim(image, frame.expected, perhaps)
        verdicts[rim.unsure & (verdicts == FOREGROUND)] = UNSURE
        verdicts[rim.scene & (verdicts == UNSURE)] = RIM
        return ForegroundJudgement(verdicts, small, frame, perhaps, rim.unsure)

    def follow(self, judgement: ForegroundJudgement) -> None:
        """Take the rain and a change of the light into account."""
        if judgement.frame is None:
            self._rain = RainDetector()
            return
        self._rain.update(judgement.frame.different)
        if judgement.frame.light_changed:
            self.features.adapt(judgement.small)

    def learn(
        self, judgement: ForegroundJudgement, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S
    ) -> None:
        """Update the scene from a frame, `dt_s` seconds after the one before, except where `known_foreground` (H, W) bool is true."""
        small, frame = judgement.small, judgement.frame
        if frame is not None and frame.light_changed:
            return  # `follow` took it in
        if known_foreground is not None and small.shape[:2] != known_foreground.shape:
            known_foreground = _shrunk(known_foreground, small)
        self.features.learn(small, frame, known_foreground, dt_s=dt_s)

    def is_light(self, judgement: ForegroundJudgement) -> bool:
        """Whether the light changed where the picture differs from the scene, rather than an object came."""
        size = (judgement.small.shape[1], judgement.small.shape[0])
        changed = cv2.resize(judgement.verdicts, size, interpolation=cv2.INTER_NEAREST) == FOREGROUND
        return self.features.mixture.explain_change(judgement.small, np.asarray(changed)).is_light

    def adapt(self, judgement: ForegroundJudgement) -> None:
        """Take the scene in the picture's light for background from now on."""
        self.features.adapt(judgement.small)

    def uncover(self, judgement: ForegroundJudgement, place: Mask) -> None:
        """Take what the picture shows in `place` (H, W) bool for background from now on."""
        self.features.uncover(judgement.small, _shrunk(place, judgement.small))

    def enter(self, scene: int) -> None:
        """Judge and learn the scene of that number from now on."""
        self.features.enter(scene)

    def empty_scene(self) -> Image | None:
        """(h, w, 3) the present scene without objects, as the network is shown it; None as long as it is not known."""
        return self.features.mixture.empty_scene()

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

    def _shrink(self, image: Image) -> Image:
        """The image at the size at which the network is shown it."""
        height, width = image.shape[:2]
        scale = self.settings.shown_px / (height * width) ** 0.5
        if scale >= 1:
            return image
        size = (max(LEAST_SIDE_PX, round(width * scale)), max(LEAST_SIDE_PX, round(height * scale)))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _shrunk(place: Mask, small: Image) -> Mask:
    """(h, w) the pixels of the small picture of which any part is in `place` (H, W)."""
    size = (small.shape[1], small.shape[0])
    return np.asarray(cv2.resize(place.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)


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
