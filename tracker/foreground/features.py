"""What the network is shown of a frame: the frame, the empty scene in its light, the mixture's verdict, how variable each pixel is.

Changing anything here changes what the shipped weights were trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.channels import largest_channel
from tracker.foreground.light import COVERED_WEIGHT, LIGHT_WEIGHT, in_light, is_dimmed, light_factor
from tracker.left_scenes import keep_left
from tracker.ranks import Samples, count_true, ranked
from tracker.timing import REFERENCE_S, lasts, rate_over
from tracker.types import BACKGROUND, FOREGROUND, UNSURE, Change, Image, Mask, Verdicts

Array = NDArray[np.float32]

# the channels, in whole numbers: a network of whole numbers gives the same answer on every chip
CHANNELS = 9
"""mean colour 3, difference 3, mixture's foreground, mixture's unsure, variability"""
ZERO = 128
"""what stands for 0 in a channel"""
DIFFERENCE_STEPS = 2
"""steps a grey level of the difference, which ends at 64 grey levels: a larger one says no more"""
VARIABILITY_STEPS = 8
"""steps a grey level of the variability, which ends at 16"""
UNITS = np.array([1 / 64] * 3 + [1 / 32] * 3 + [1 / 64] * 3, np.float32)
"""(CHANNELS,) what a step of each channel is to the network: powers of two"""
IS_FOREGROUND = np.where(np.arange(256) == FOREGROUND, ZERO + 64, ZERO).astype(np.uint8)
IS_UNSURE = np.where(np.arange(256) == UNSURE, ZERO + 64, ZERO).astype(np.uint8)
"""tables from verdicts to channels"""

# why much of a frame is different
LIGHT_SHARE = 0.1
"""share of the picture that is different, above which it may be the light"""
COVERED_SHARE = 0.3
"""the same, above which an object may cover the scene"""

# the background's picture, and how the scene is learned in tracking
REFRESH_S = 0.2
"""seconds between two pictures of the background: it changes slowly, and asking the mixture costs"""

# the variability of a pixel: its usual difference from the background, in grey levels
USUAL = np.float32(4)
"""where nothing is known of a pixel yet"""
CALMEST = np.float32(3)
"""what the network is told at least: told less, it does not find a thing of one colour on a ground of one colour, as drawn pictures have"""
NOISIEST = np.float32(8)
"""more than this is no noise but a change of the whole picture"""
QUIET_SHARE = 0.35
"""of the background's pixels that hold nothing but noise, for sure: half of them may be in a light they were in before"""
NOISE_STEP_PX = 4
"""pixels between two at which a frame's noise is measured: a sixteenth of them is enough"""
VARIABILITY_RATE = 0.02
"""in a frame at 25 frames a second, how fast it is learned"""
MOST_RISE = 1.5
"""factor, and one grey level, by which a difference counts at most: an object that is not found must not raise it at once"""
OTHER_LIGHT = 0.1
"""logarithm of the factor of light from which a picture of the prescan is compared with the background in its own light"""


class PicturedScene(Protocol):
    """What is asked of the Gaussian mixture, `background.Mixture`."""

    def prepare(self, images: Sequence[Image]) -> None: ...
    def judge(self, image: Image) -> Verdicts: ...
    def learn(self, image: Image, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None: ...
    def explain_change(self, image: Image, changed: Mask) -> Change: ...
    def adapt(self, image: Image) -> None: ...
    def uncover(self, image: Image, place: Mask) -> None: ...
    def picture(self) -> Image: ...
    def enter(self, scene: int) -> None: ...
    def empty_scene(self) -> Image | None: ...
    def reset(self) -> None: ...
    @property
    def ready(self) -> bool: ...


@dataclass(frozen=True)
class FrameFeatures:
    """What the network is shown of a frame, and what that was computed from."""

    channels: NDArray[np.uint8]
    """(CHANNELS, H, W)"""
    colours: Image
    """(H, W, 3) the frame"""
    expected: Image
    """(H, W, 3) the empty scene in the frame's light"""
    difference: NDArray[np.uint8]
    """(H, W) grey levels between the two, of the channel that differs most"""
    different: Mask
    """(H, W) the mixture's foreground"""
    tinted: Mask
    """(H, W) the same where the pixel is not only darker than the scene"""
    light_changed: bool
    """the light makes much of the frame different"""
    covered: bool
    """an object, and not the light, is before much of the scene"""


class SceneFeatures:
    """What is remembered of a scene, and frames as the network is shown them. Images are (H, W, 3) uint8 of one size.

    mixture        the scene model
    learn_every_s  seconds between two frames that a known scene's mixture learns from
    """

    def __init__(self, mixture: PicturedScene, *, learn_every_s: float = 0.0) -> None:
        self.mixture, self.learn_every_s = mixture, learn_every_s
        self.reset()

    def reset(self) -> None:
        """Forget every scene."""
        self.mixture.reset()
        self._scene = 0
        self._left: dict[int, Array | None] = {}  # variability of the scenes that the clip has left
        self._variability: Array | None = None  # (H, W) grey levels
        self._begin()

    def _begin(self) -> None:
        self._picture: Image | None = None
        self._age_s = self._unlearned_s = 0.0

    def enter(self, scene: int) -> None:
        """Extract and learn the scene of that number from now on."""
        if scene == self._scene:
            return
        self.mixture.enter(scene)
        before, self._variability = self._variability, self._left.pop(scene, None)
        keep_left(self._left, self._scene, before)
        self._scene = scene
        self._begin()

    @property
    def ready(self) -> bool:
        """Whether the scene is known."""
        return self.mixture.ready

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene, and the variability of its pixels, from pictures spread over the clip."""
        self.mixture.prepare(images)
        if images:
            self._picture = None
            background = self._background()
            verdicts = [self.mixture.judge(image) for image in images]
            self._variability = _usual_difference(images, verdicts, background)

    def extract(self, image: Image) -> FrameFeatures:
        """The features of a frame. Learns nothing."""
        verdict = self.mixture.judge(image)
        different: Mask = verdict == FOREGROUND
        light_changed, covered, weights = self._explain(image, different)
        background = self._background()
        expected = in_light(background, light_factor(image, background, verdict, weights))
        tinted = different.copy()
        tinted[different] = ~is_dimmed(image[different], expected[different])
        difference = _difference(image, expected)
        channels = _channels(image, expected, verdict, self._variability_now(difference, verdict))
        return FrameFeatures(channels, image, expected, difference, different, tinted, light_changed, covered)

    def learn(
        self, image: Image, frame: FrameFeatures | None, objects: Mask | None = None, *, dt_s: float = REFERENCE_S
    ) -> None:
        """Update the scene from a frame, except where `objects` (H, W) bool is true.

        frame  the features of `image`; None while the scene is not known
        dt_s   seconds since the frame before
        """
        if frame is not None and frame.light_changed:
            self.adapt(image)
            return
        self._age_s += dt_s
        self._unlearned_s += dt_s
        # a known scene changes slowly, and the mixture's second pass costs as much as its first
        if not self.ready or lasts(self._unlearned_s, self.learn_every_s):
            self.mixture.learn(image, objects, dt_s=self._unlearned_s)
            self._unlearned_s = 0.0
        if self._variability is not None and frame is not None:
            step = np.float32(rate_over(VARIABILITY_RATE, min(dt_s, REFERENCE_S)))
            rate = step if objects is None else np.where(objects, 0, step)
            counted = np.minimum(frame.difference, np.float32(MOST_RISE) * self._variability + 1)
            self._variability += rate * (counted - self._variability)

    def adapt(self, image: Image) -> None:
        """Take the scene in this picture's light for background from now on."""
        self.mixture.adapt(image)
        self._picture = None

    def uncover(self, image: Image, place: Mask) -> None:
        """Take what the picture shows in `place` (H, W) bool for background from now on."""
        self.mixture.uncover(image, place)
        self._picture = None

    def _background(self) -> Image:
        """(H, W, 3) the empty scene, at most REFRESH_S old."""
        if self._picture is None or lasts(self._age_s, REFRESH_S):
            self._picture, self._age_s = self.mixture.picture(), 0.0
        return self._picture

    def _explain(self, image: Image, different: Mask) -> tuple[bool, bool, Array]:
        """Whether the light changed, whether an object covers the scene, and the weights (256,) of the frame's light."""
        share = float(different.mean())
        if share <= min(LIGHT_SHARE, COVERED_SHARE):
            return False, False, LIGHT_WEIGHT
        change = self.mixture.explain_change(image, different)
        light_changed = share > LIGHT_SHARE and change.is_light
        covered = share > COVERED_SHARE and change.hides_edges
        return light_changed, covered, COVERED_WEIGHT if share > COVERED_SHARE and not light_changed else LIGHT_WEIGHT

    def _variability_now(self, difference: NDArray[np.uint8], verdict: Verdicts) -> Array:
        """(H, W) grey levels: variability of the pixels, but nowhere much less than this frame's noise."""
        if self._variability is None:
            self._variability = np.full(verdict.shape, USUAL, np.float32)
        sampled = np.s_[::NOISE_STEP_PX, ::NOISE_STEP_PX]
        noise = difference[sampled][verdict[sampled] == BACKGROUND]
        today = min(NOISIEST, np.float32(np.quantile(noise, QUIET_SHARE))) if noise.size else CALMEST
        return np.maximum(self._variability, max(CALMEST, today))


def _difference(colours: Image, expected: Image) -> NDArray[np.uint8]:
    """(H, W) of the channel that differs most."""
    return largest_channel(np.asarray(cv2.absdiff(colours, expected), np.uint8))


def _channels(colours: Image, expected: Image, verdict: Verdicts, variability: Array) -> NDArray[np.uint8]:
    """(CHANNELS, H, W) what the network is shown. OpenCV rounds, and ends at 0 and 255."""
    channels = np.empty((CHANNELS, *verdict.shape), np.uint8)
    channels[:3] = cv2.split(cv2.addWeighted(colours, 0.5, expected, 0.5, 0))
    channels[3:6] = cv2.split(cv2.addWeighted(colours, DIFFERENCE_STEPS, expected, -DIFFERENCE_STEPS, ZERO))
    cv2.LUT(verdict, IS_FOREGROUND, channels[6])
    cv2.LUT(verdict, IS_UNSURE, channels[7])
    cv2.convertScaleAbs(variability, channels[8], VARIABILITY_STEPS, ZERO)
    return channels


def as_numbers(channels: NDArray[np.uint8]) -> Array:
    """(..., CHANNELS, H, W) float32: what the steps of the channels stand for."""
    return np.asarray((channels.astype(np.float32) - ZERO) * UNITS[:, None, None], np.float32)


def _usual_difference(images: Sequence[Image], verdicts: Sequence[Verdicts], background: Image) -> Array:
    """(H, W) grey levels by which pixels usually differ from the background while no object is before them."""
    away = np.stack([_away(image, background, verdict) for image, verdict in zip(images, verdicts, strict=True)])
    calm = np.stack([verdict != FOREGROUND for verdict in verdicts])
    # Two ways to leave objects out, since each fails where the other does not: the mixture takes for the scene what is like
    # moving water, and the lower half of the samples is no scene where an object stood for most of the clip.
    lower = _lower_mean(away)
    judged = ((away * calm).sum(axis=0, dtype=np.float32) + USUAL) / (calm.sum(axis=0, dtype=np.float32) + 1)
    return np.minimum(lower, judged)


def _lower_mean(samples: Samples) -> Array:
    """(...) mean of the smaller half of (N, ...), the median included."""
    middle = len(samples) // 2
    median = ranked(samples, middle)
    smaller = samples < median
    total = np.add.reduce(np.where(smaller, samples, 0), axis=0, dtype=np.min_scalar_type(255 * len(samples)))
    # what is not smaller, among the smallest, is the median
    return np.asarray(
        (total + (middle + 1 - count_true(smaller)) * median.astype(np.float32)) / np.float32(middle + 1), np.float32
    )


def _away(image: Image, background: Image, verdict: Verdicts) -> NDArray[np.uint8]:
    """(H, W) grey levels between an image and the background; in the image's light, where that is clearly another."""
    light = light_factor(image, background, verdict)
    if abs(float(np.log(np.median(light)))) > OTHER_LIGHT:
        background = in_light(background, light)
    return _difference(image, background)
