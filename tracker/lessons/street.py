"""What the neural lane learns from: drawn street clips, seen through a real Gaussian mixture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.background import Mixture, MixtureSettings
from tracker.foreground.ground import Backdrop, ForegroundNet, Ground, Scene
from tracker.foreground.settings import ForegroundSettings, ForegroundTrainSettings
from tracker.foreground.training import GroundLesson, train_ground
from tracker.foreground.weights import load_ground
from tracker.settings import read_settings
from tracker.sinks import hold
from tracker.slots.settings import TrainSettings
from tracker.slots.training import Lesson, train
from tracker.types import Settings, Share
from tracker.worlds import Clip, StreetSettings, draw_street
from tracker.yaml_text import read_yaml_file

SMALLEST_SIDE_PX = 5.0
"""a box thinner than this is no birth: on real video it would be a speck"""
BIRTH_VISIBLE = 0.4
"""share of an object that must be in view for a birth"""
CODED_BLOCK = 8
"""pixels along the side of a codec's block"""
LESSON_MIXTURE = MixtureSettings(history_s=20.0)
"""as it was when the shipped networks were trained"""
HELD_APART = 10**12
"""first seed of the clips that are never trained on"""
HELD_APART_BATCH = 24


class Recipe(Settings):
    """A whole training: `tracker train` reads one of these from YAML."""

    train: TrainSettings = TrainSettings()
    street: StreetSettings = StreetSettings(width=80, height=80, objects=(2, 7), object_px=(11, 34))
    mixture: MixtureSettings = LESSON_MIXTURE
    foreground: ForegroundSettings | None = None
    """the network whose verdicts the cell is to learn from, as in tracking; null: the mixture's own"""


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
        verdicts = [_judge(clip, self.recipe) for clip in clips]
        places = [_places(clip, train.slots) for clip in clips]
        return Lesson(
            np.stack([clip.images for clip in clips], 1),
            np.stack(verdicts, 1),
            np.stack([boxes for boxes, _, _ in places], 1),
            np.stack([births for _, births, _ in places]),
            np.stack([owners for _, _, owners in places], 1),
        )


def _judge(clip: Clip, recipe: Recipe) -> NDArray[np.uint8]:
    """(T, H, W) verdicts of a scene that was known empty; it learns on, kept off the objects as in tracking."""
    scene: Scene = Mixture(recipe.mixture)
    if recipe.foreground is not None:
        scene = Ground(Mixture(recipe.mixture), _network(recipe.foreground.weights), recipe.foreground)
    # the prescan of a whole clip, which sees through whatever moves; a lesson is too short for its median
    empty = np.where(clip.labels[..., None] > 0, clip.background, clip.images)
    scene.prepare(list(empty[:: max(1, len(empty) // 8)]))
    verdicts = np.empty(clip.labels.shape, np.uint8)
    for t, image in enumerate(clip.images):
        verdicts[t] = scene.judge(image)
        scene.learn(image, clip.labels[t] > 0)
    return verdicts


@cache
def _network(weights: str) -> ForegroundNet:
    """A shipped network, or a file's, read once in each process."""
    return load_ground(weights)[0]


class GroundRecipe(Settings):
    """The training of the network that reads the scene."""

    train_ground: ForegroundTrainSettings = ForegroundTrainSettings()
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
    """chance that a clip passed through a video codec that leaves alone what has hardly changed"""
    unowned: Share = 0.25
    """chance that an object is not kept out of the mixture"""
    ghosts: Share = 0.12
    """chance that an object of the first frame stood there when the scene was learned: it leaves a hole that is no object"""
    mixture: MixtureSettings = LESSON_MIXTURE


@dataclass(frozen=True)
class DrawGround:
    """Lesson number -> GroundLesson, a plain value that another process can be given. Number -1 is the held-apart one."""

    recipe: GroundRecipe

    def __call__(self, number: int) -> GroundLesson:
        """Draw the clips of one lesson; the same number gives the same lesson."""
        train = self.recipe.train_ground
        clips = train.clips if number >= 0 else HELD_APART_BATCH
        first = train.seed * 10**9 + number * clips if number >= 0 else HELD_APART
        parts = [self._see(first + n) for n in range(clips)]
        return GroundLesson(np.concatenate([p.senses for p in parts]), np.concatenate([p.objects for p in parts]))

    def _see(self, seed: int) -> GroundLesson:
        recipe, rng = self.recipe, np.random.default_rng(seed)
        shaken = rng.uniform(0.3, 1.5) if rng.random() < recipe.shaken else 0.0
        frames = recipe.train_ground.frames
        clip = draw_street(recipe.street.model_copy(update={"frames": frames, "jitter_px": shaken}), seed=seed)
        images, empty = _developed(clip, rng, grey=rng.random() < recipe.grey)
        if rng.random() < recipe.coded:
            images = _coded(images, rng)
        owned = rng.random(int(clip.labels.max()) + 1) >= recipe.unowned
        owned[0] = False
        backdrop = Backdrop(Mixture(recipe.mixture))
        scene = np.where(clip.labels[..., None] > 0, empty, images)[::2]
        for identity in np.unique(clip.labels[0])[1:]:
            if rng.random() < recipe.ghosts:
                there = clip.labels[0] == identity
                scene[:, there] = images[0][there]
                owned[identity] = False
        backdrop.prepare(list(scene))
        kept = list(range(int(rng.integers(1, 4)), frames, 3))[: (frames - 1) // 3]
        senses = []
        for t, image in enumerate(images):
            seen = backdrop.sense(image)
            if t in kept:
                senses.append(seen.astype(np.float16))
            backdrop.learn(image, owned[clip.labels[t]])
        return GroundLesson(np.stack(senses), clip.labels[kept] > 0)


def _developed(clip: Clip, rng: np.random.Generator, *, grey: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A clip's images and its empty scene as another camera would give them: its own tone curve for each colour."""
    ramp = np.linspace(0, 1, 256)
    gamma, low, high = np.exp(rng.normal(0, 0.25)), rng.uniform(-0.1, 0.1, 3), rng.uniform(0.75, 1.15, 3)
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
    threshold, period = rng.uniform(1, 3), int(rng.integers(6, 40))
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


def run_recipe(
    config: Path, overrides: Sequence[str], out: Path, *, device: str = "cpu", minutes: float | None = None,
    workers: int = 1, report: Callable[[int, dict[str, float]], None] = lambda done, row: None,
) -> Path:  # fmt: skip
    """Train what a recipe file describes, into the folder `out`; returns the weights file.

    A file with `train_ground` describes the network that reads the scene, any other the slots' cell. Raises SettingsError for
    a recipe that is none, and what the trainings raise.
    """
    recipe: Recipe | GroundRecipe
    content = read_yaml_file(config)
    if isinstance(content, dict) and "train_ground" in content:
        recipe = read_settings(GroundRecipe, [config], tuple(overrides))
        run = partial(train_ground, recipe.train_ground, DrawGround(recipe))
    else:
        recipe = read_settings(Recipe, [config], tuple(overrides))
        run = partial(train, recipe.train, DrawLessons(recipe))
    plain = recipe.model_dump(mode="json")
    with hold(out, "curve.jsonl"):
        return run(out, recipe=plain, device=device, minutes=minutes, workers=workers, report=report)
