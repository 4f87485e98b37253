"""What the neural lane learns from: drawn street clips, seen through a real Gaussian mixture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.background import Mixture, MixtureSettings
from tracker.slots.settings import TrainSettings
from tracker.slots.train import Lesson
from tracker.types import Settings
from tracker.worlds import Clip, StreetSettings, draw_street

SMALLEST_SIDE_PX = 5.0
"""a box thinner than this is no birth: on real video it would be a speck"""
BIRTH_VISIBLE = 0.4
"""share of an object that must be in view for a birth"""
HELD_APART = 10**12
"""first seed of the clips that are never trained on"""
HELD_APART_BATCH = 24


class Recipe(Settings):
    """A whole training: `tracker train` reads one of these from YAML."""

    train: TrainSettings = TrainSettings()
    street: StreetSettings = StreetSettings(width=80, height=80, objects=(2, 7), object_px=(11, 34))
    mixture: MixtureSettings = MixtureSettings()


@dataclass(frozen=True)
class DrawLessons:
    """(lesson number, frames) -> Lesson, a plain value that another process can be given. Number -1 is the held-apart one."""

    recipe: Recipe

    def __call__(self, number: int, frames: int) -> Lesson:
        """Draw the clips of one lesson; the same number gives the same lesson."""
        train = self.recipe.train
        batch = train.batch if number >= 0 else HELD_APART_BATCH
        first = train.seed * 100_003 + number * batch if number >= 0 else HELD_APART
        street = self.recipe.street.model_copy(update={"frames": frames})
        clips = [draw_street(street, seed=first + n) for n in range(batch)]
        verdicts = [_judge(clip, self.recipe.mixture) for clip in clips]
        places = [_places(clip, train.slots) for clip in clips]
        return Lesson(
            np.stack([clip.images for clip in clips], 1),
            np.stack(verdicts, 1),
            np.stack([boxes for boxes, _, _ in places], 1),
            np.stack([births for _, births, _ in places]),
            np.stack([owners for _, _, owners in places], 1),
        )


def _judge(clip: Clip, settings: MixtureSettings) -> NDArray[np.uint8]:
    """(T, H, W) verdicts of a mixture that knew the empty scene; it learns on, kept off the objects as in tracking."""
    mixture = Mixture(settings)
    # the prescan of a whole clip, which sees through whatever moves; a lesson is too short for its median
    empty = np.where(clip.labels[..., None] > 0, clip.background, clip.images)
    mixture.prepare(list(empty[:: max(1, len(empty) // 8)]))
    verdicts = np.empty(clip.labels.shape, np.uint8)
    for t, image in enumerate(clip.images):
        verdicts[t] = mixture.judge(image)
        mixture.learn(image, clip.labels[t] > 0)
    return verdicts


def _places(clip: Clip, slots: int) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
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
