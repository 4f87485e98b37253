"""Frames for the foreground network: drawn clips as other cameras would give them, and the features of a real Gaussian mixture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.background import Mixture, MixtureSettings
from tracker.foreground.features import SceneFeatures
from tracker.foreground.settings import ForegroundTrainSettings
from tracker.foreground.training import DrawnFrames
from tracker.lessons.street import CAMERA, HELD_OUT_BATCH, TRAINING_MIXTURE, clip_seeds
from tracker.types import Settings, Share
from tracker.worlds import DrawnClip, StreetSettings, draw_street

LEARNED_EVERY = 3
"""frames: neighbours show nearly the same"""
PRESCANNED_EVERY = 2
"""frames from which the empty scene is learned"""
SHAKE_PX = (0.3, 1.5)
"""of a camera that shakes, drawn uniformly"""
TONE_LOG_GAMMA = 0.25
"""standard deviation of the logarithm of a camera's gamma"""
TONE_BLACK, TONE_WHITE = (-0.1, 0.1), (0.75, 1.15)
"""where a camera's curve begins and ends, of 1, drawn for each colour"""
CODED_BLOCK = 8
"""pixels along the side of a codec's block"""
CODED_LEVELS = (1, 3)
"""mean change of a block, in grey levels, below which a codec leaves it; drawn for each clip"""
CODED_PERIOD = (6, 40)
"""frames between two pictures that a codec sends whole; drawn for each clip"""


class ForegroundClips(Settings):
    """What the foreground network is trained on."""

    street: StreetSettings = StreetSettings(
        width=128, height=128, objects=(1, 6), object_px=(7.0, 80.0), kinds=(0.45, 0.25, 0.15, 0.15), speed=(0.0, 0.15),
        contrast=(0.2, 1.0), chroma=(4.0, 20.0, 70.0), shadow=(0.0, 0.6), light_drift=0.12, switch_rate=0.01, noise=(0.3, 6.0),
        compression=(25, 98), body_shadows=0.6, mirrors=0.25, bushes=0.25, water=0.2, clouds=0.15,
        clutter=0.4, insects=0.3, soft_px=1.2, cloth=45.0,
    )  # fmt: skip
    shaken: Share = 0.15
    """chance that a clip's camera shakes"""
    grey: Share = 0.1
    """chance that a clip has no colours"""
    coded: Share = 0.15
    """chance that a clip passed through a video codec that leaves blocks which have hardly changed"""
    unowned: Share = 0.25
    """chance that an object is not kept out of the mixture"""
    ghosts: Share = 0.12
    """chance that an object of the first frame stood there when the scene was learned: it leaves a hole that is no object"""
    mixture: MixtureSettings = TRAINING_MIXTURE


@dataclass(frozen=True)
class DrawFrames:
    """Number -> DrawnFrames, a plain value that another process can be given. Number -1 is the held-out one."""

    train: ForegroundTrainSettings
    clips: ForegroundClips

    def __call__(self, number: int) -> DrawnFrames:
        """Draw some clips and their frames; the same number gives the same frames."""
        train = self.train
        count = train.clips if number >= 0 else HELD_OUT_BATCH
        parts = [self._clip_frames(seed) for seed in clip_seeds(train.seed, number, count)]
        return DrawnFrames(np.concatenate([p.features for p in parts]), np.concatenate([p.objects for p in parts]))

    def _clip_frames(self, seed: int) -> DrawnFrames:
        """The frames of one clip; what happens to it on the way from the street has random numbers of its own."""
        clips, frames, rng = self.clips, self.train.frames, np.random.default_rng((CAMERA, seed))
        shake = rng.uniform(*SHAKE_PX) if rng.random() < clips.shaken else 0.0
        clip = draw_street(clips.street.model_copy(update={"frames": frames, "jitter_px": shake}), seed=seed)
        images, empty = _developed(clip, rng, grey=rng.random() < clips.grey)
        if rng.random() < clips.coded:
            images = _coded(images, rng)
        kept_out = rng.random(int(clip.labels.max()) + 1) >= clips.unowned  # by identity: not learned by the mixture
        kept_out[0] = False
        known = SceneFeatures(Mixture(clips.mixture))
        scene = np.where(clip.labels[..., None] > 0, empty, images)[::PRESCANNED_EVERY]
        for identity in np.unique(clip.labels[0])[1:]:
            if rng.random() < clips.ghosts:
                there = clip.labels[0] == identity
                scene[:, there] = images[0][there]
                kept_out[identity] = False
        known.prepare(list(scene))
        start = int(rng.integers(1, LEARNED_EVERY + 1))
        learned = list(range(start, frames, LEARNED_EVERY))[: (frames - 1) // LEARNED_EVERY]
        features = []
        for t, image in enumerate(images):
            frame = known.extract(image)
            if t in learned:
                features.append(frame.channels)
            known.learn(image, frame, kept_out[clip.labels[t]])
        return DrawnFrames(np.stack(features), clip.labels[learned] > 0)


def _developed(clip: DrawnClip, rng: np.random.Generator, *, grey: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A clip's images and its empty scene as another camera would give them: its own tone curve for each colour."""
    ramp = np.linspace(0, 1, 256)
    gamma, low, high = np.exp(rng.normal(0, TONE_LOG_GAMMA)), rng.uniform(*TONE_BLACK, 3), rng.uniform(*TONE_WHITE, 3)
    curve = np.clip(low + (high - low) * ramp[:, None] ** gamma, 0, 1)
    table = (255 * curve).astype(np.uint8)  # (256, 3)
    images, empty = (
        np.stack([table[part[..., c], c] for c in range(3)], -1) for part in (clip.images, clip.background)
    )
    if grey:
        images, empty = (np.repeat(part.mean(-1, keepdims=True).astype(np.uint8), 3, -1) for part in (images, empty))
    return images, empty


def _coded(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a video codec does: a block that has hardly changed stays as it was, until a whole picture is sent again."""
    threshold, period = rng.uniform(*CODED_LEVELS), int(rng.integers(*CODED_PERIOD))
    coded = images.copy()
    height, width = (side // CODED_BLOCK for side in images.shape[1:3])
    for t in range(1, len(images)):
        if t % period == 0:
            continue
        change = cv2.absdiff(images[t], coded[t - 1]).max(axis=2)
        blocks = cv2.resize(change.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        stays = cv2.resize((blocks < threshold).astype(np.uint8), images.shape[2:0:-1], interpolation=cv2.INTER_NEAREST)
        coded[t] = np.where(stays[..., None] > 0, coded[t - 1], images[t])
    return coded
