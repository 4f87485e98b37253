"""Training batches for the cell: drawn street clips, seen through a real Gaussian mixture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.background import Mixture, MixtureScene, MixtureSettings
from tracker.foreground.predictor import Predictor
from tracker.foreground.scene import ForegroundScene
from tracker.foreground.settings import ForegroundSettings
from tracker.foreground.weights import load_foreground
from tracker.learning.group import ALONE, Group
from tracker.slots.settings import CellTrainSettings
from tracker.slots.training import Batch
from tracker.types import Scene, Settings
from tracker.worlds import DrawnClip, StreetSettings, draw_street

SMALLEST_SIDE_PX = 5.0
"""a box thinner than this is no birth: on real video it would be a speck"""
BIRTH_VISIBLE = 0.4
"""share of an object that must be in view for a birth"""
PRESCANNED = 8
"""frames, about, from which the empty scene is learned"""
TRAINING_MIXTURE = MixtureSettings(history_s=20.0)
"""as it was when the shipped networks were trained"""
TRAINING, CAMERA = 1, 2
"""first numbers of what random numbers are made of: those of training clips' seeds, and those of a clip's camera"""
LEAST_SEED = 2**64
"""of a training clip; those of `tracker synth` and of evaluations are smaller"""
HELD_OUT = 10**12
"""first seed of the clips that are never trained on"""
HELD_OUT_BATCH = 24
"""clips"""


class StreetClips(Settings):
    """What the cell is trained on."""

    street: StreetSettings = StreetSettings(width=80, height=80, objects=(2, 7), object_px=(11, 34))
    mixture: MixtureSettings = TRAINING_MIXTURE
    foreground: ForegroundSettings | None = None
    """the network whose verdicts the cell is to learn from, as in tracking; null: the mixture's own"""


def clip_seeds(train_seed: int, number: int, count: int) -> list[int]:
    """Seeds of the `count` clips of a draw: of training clips, or where the number is -1 of those held out of every training.

    All lie beyond the seeds that users give, so no drawn clip on which a network is evaluated has the ground of one it learned from.
    """
    if number < 0:
        return [HELD_OUT + n for n in range(count)]
    drawn = np.random.SeedSequence((TRAINING, train_seed, number)).generate_state(count, np.uint64)
    return [LEAST_SEED + int(words) for words in drawn]


@dataclass(frozen=True)
class DrawBatch:
    """(batch number, frames) -> Batch, a plain value that another process can be given. Number -1 is the held-out one."""

    train: CellTrainSettings
    clips: StreetClips
    group: Group = ALONE
    """of whose processes each draws its own clips of a batch; the held-out ones are drawn whole"""

    def __call__(self, number: int, frames: int) -> Batch:
        """Draw the clips of one batch; the same number gives the same batch."""
        train = self.train
        count = train.batch if number >= 0 else HELD_OUT_BATCH
        seeds = clip_seeds(train.seed, number, count)
        street = self.clips.street.model_copy(update={"frames": frames})
        mine = seeds[self.group.part(count)] if number >= 0 else seeds
        clips = [draw_street(street, seed=seed) for seed in mine]
        verdicts = [_verdicts(clip, self.clips) for clip in clips]
        places = [_places(clip, train.slots) for clip in clips]
        return Batch(
            np.stack([clip.images for clip in clips], 1),
            np.stack(verdicts, 1),
            np.stack([boxes for boxes, _, _ in places], 1),
            np.stack([births for _, births, _ in places]),
            np.stack([owners for _, _, owners in places], 1),
        )


def _verdicts(clip: DrawnClip, clips: StreetClips) -> NDArray[np.uint8]:
    """(T, H, W) verdicts of a scene that was known empty; it learns on, except where objects are, as in tracking."""
    scene: Scene[Any] = MixtureScene(Mixture(clips.mixture))
    if clips.foreground is not None:
        scene = ForegroundScene(Mixture(clips.mixture), _network(clips.foreground.weights), clips.foreground)
    # the prescan of a whole file, which removes whatever moves; a training clip is too short for its median
    empty = np.where(clip.labels[..., None] > 0, clip.background, clip.images)
    scene.prepare(list(empty[:: max(1, len(empty) // PRESCANNED)]))
    verdicts = np.empty(clip.labels.shape, np.uint8)
    for t, image in enumerate(clip.images):
        judgement = scene.judge(image)
        scene.follow(judgement)
        verdicts[t] = judgement.verdicts
        scene.learn(judgement, clip.labels[t] > 0)
    return verdicts


@cache
def _network(weights: str) -> Predictor:
    """A shipped network, or a file's, read once in each process."""
    return load_foreground(weights)[0]


def _places(clip: DrawnClip, slots: int) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Boxes (T, K, 4), births (K,) and owners (T, H, W) of the first K objects that come well into view."""
    frames = len(clip.boxes)
    births: dict[int, int] = {}
    for t, boxes in enumerate(clip.boxes):
        for truth in boxes:
            large = min(truth.box.width, truth.box.height) >= SMALLEST_SIDE_PX
            if large and truth.visible >= BIRTH_VISIBLE and truth.id not in births and len(births) < slots:
                births[truth.id] = t
    place = {identity: k for k, identity in enumerate(births)}
    table = np.full((frames, slots, 4), np.nan, np.float32)
    for t, boxes in enumerate(clip.boxes):
        for truth in boxes:
            if truth.id in place:
                table[t, place[truth.id]] = (*truth.box.centre, truth.box.width, truth.box.height)
    owner_of = np.full(int(clip.labels.max()) + 1, -1, np.int64)
    owner_of[0] = 0
    for identity, k in place.items():
        if identity < len(owner_of):
            owner_of[identity] = k + 1
    born = np.full(slots, frames, np.int64)
    born[: len(births)] = list(births.values())
    return table, born, owner_of[clip.labels]
