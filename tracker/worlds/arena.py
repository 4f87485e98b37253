"""Animals from above in an arena: a floor, a wall that mirrors them, and a grey picture that is darker at its rim."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.worlds.actors import ASPECT, Kind, Sprite, draw_strip
from tracker.worlds.stage import Player, ScriptedStreet, mean_colour

Picture = NDArray[np.float32]
"""(H, W, 3) float32 in 0..255"""

COUNT = (1, 12)
"""animals, where nobody says how many"""
LEAST_PX, MOST_PX = 4.0, 60.0
"""root of an animal's length times its breadth, pixels; the larger for a picture of 480 lines"""
MOST_SHARE = 0.06
"""of the picture that all animals cover together: more, and they could not keep apart"""
DIRECTIONS = 24
"""in which an animal is drawn: steps of 15 degrees"""
MOVES, STOPS, LONG_STOP = (30, 100), (20, 120), (100, 180)
"""frames of a walk, of a stop, and of everybody's first stop"""
TONES = {
    "dark on bright": (150, 210, -1),
    "pale on dark": (35, 85, 1),
    "dark on dark": (95, 120, -1),
    "pale on bright": (130, 150, 1),
}
"""grey levels between which the floor's lies, and whether the animals are darker or paler"""
OFTEN = (0.45, 0.35, 0.1, 0.1)
"""how often each of TONES is drawn"""
PACE = (0.05, 0.2)
"""lengths a frame that an animal moves"""
WANDER, SHARPEST = 0.15, 0.35
"""radians a frame: standard deviation of the heading's drift, and the sharpest turn"""
SHY = 1.6
"""lengths between the middles of two animals, below which they turn away from each other"""
APART_FRAMES = 60
"""before the first frame, in which they all walk: so they begin apart"""
CONTRAST = (55, 85)
"""grey levels between animals and floor"""


@dataclass(frozen=True)
class Arena:
    """A round dish or a box, seen from above."""

    inside_px: NDArray[np.float32]
    """(H, W) distance from the wall, negative beyond it"""
    mirrored: tuple[NDArray[np.float32], NDArray[np.float32]]
    """x and y of the place on the floor that each pixel of the wall mirrors"""
    shine: NDArray[np.float32]
    """(H, W) share of that place's picture that the wall shows, in [0, 1]"""
    vignette: NDArray[np.float32]
    """(H, W) factor on the light, 1 in the middle"""
    empty: Picture

    def seen(self, picture: Picture, labels: NDArray[np.uint16]) -> Picture:
        """The picture with images of bodies in the wall, darker towards its rim."""
        bodies = (picture - self.empty) * (labels > 0)[..., None]
        images = cv2.remap(bodies, *self.mirrored, cv2.INTER_LINEAR)
        return np.asarray((picture + images * self.shine[..., None]) * self.vignette[..., None], np.float32)


def build_arena(rng: np.random.Generator, size: tuple[int, int], *, floor: float) -> Arena:
    """An arena in a picture of `size` (width, height), with a floor of that grey."""
    width, height = size
    x, y = np.meshgrid(np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5)
    wall = rng.uniform(0.05, 0.09) * height
    if rng.random() < 0.5:
        inside, mirrored = _dish(x, y, radius=rng.uniform(0.46, 0.49) * height - wall)
    else:
        inside, mirrored = _box(x, y, gap=wall + rng.uniform(0.01, 0.04) * height)
    shine = np.where(inside < 0, np.clip(1 + inside / wall, 0, 1), 0) * rng.uniform(0.25, 0.55)
    off = np.hypot(x / width - rng.uniform(0.45, 0.55), y / height - rng.uniform(0.45, 0.55)) / 0.7
    vignette = 1 - rng.uniform(0.2, 0.45) * np.clip(off, 0, 1) ** 2
    empty = _paint(rng, inside, wall=wall, floor=floor)
    return Arena(inside, mirrored, shine.astype(np.float32), vignette.astype(np.float32), empty)


Mirrored = tuple[NDArray[np.float32], NDArray[np.float32]]


def _dish(x: NDArray[np.float32], y: NDArray[np.float32], *, radius: float) -> tuple[NDArray[np.float32], Mirrored]:
    """Distance from a round wall, and what each pixel beyond it mirrors."""
    height, width = x.shape
    dx, dy = x - width / 2, y - height / 2
    r = np.maximum(np.hypot(dx, dy), 1e-3)  # the middle mirrors nothing; no division by zero
    back = (2 * radius - r) / r
    maps = (width / 2 + dx * back - 0.5, height / 2 + dy * back - 0.5)
    return (radius - r).astype(np.float32), (maps[0].astype(np.float32), maps[1].astype(np.float32))


def _box(x: NDArray[np.float32], y: NDArray[np.float32], *, gap: float) -> tuple[NDArray[np.float32], Mirrored]:
    """Distance from four straight walls, and what each pixel beyond them mirrors."""
    height, width = x.shape
    right, bottom = width - gap, height - gap
    inside = np.minimum.reduce([x - gap, right - x, y - gap, bottom - y])
    over = [2 * np.clip(v, gap, end) - v - 0.5 for v, end in ((x, right), (y, bottom))]
    return inside.astype(np.float32), (over[0].astype(np.float32), over[1].astype(np.float32))


def _paint(rng: np.random.Generator, inside: NDArray[np.float32], *, wall: float, floor: float) -> Picture:
    """(H, W, 3) grey: an uneven floor, the wall with a bright edge, the table round it."""
    height, width = inside.shape
    uneven = cv2.resize(rng.normal(0, 1, (5, 6)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(rng.normal(0, rng.uniform(1, 5), inside.shape).astype(np.float32), (0, 0), 0.8)
    side, table = np.clip(floor + rng.choice([-1, 1]) * rng.uniform(12, 30), 15, 230), rng.uniform(15, 200)
    grey = floor + uneven * rng.uniform(1, 5)
    soft_px = max(0.7, 0.002 * height)  # how soft the lens draws an edge
    for at, shade in ((0.0, side), (-wall, table)):
        beyond = np.clip((at - inside) / soft_px + 0.5, 0, 1)
        grey = grey + (shade - grey) * beyond
    rim = np.exp(-((inside / (1.5 * soft_px)) ** 2)) * rng.uniform(-40, 40)
    picture = np.clip(grey + rim + fine, 8, 247).astype(np.float32)
    return np.repeat(picture[..., None], 3, 2)


@dataclass
class Crawler(Player):
    """An animal from above: it looks where it goes, and its path is that of its middle."""

    looks: list[list[Sprite]] = field(default_factory=list)
    """for each direction, the pictures of its gait"""
    sizes: list[tuple[float, float]] = field(default_factory=list)
    """for each direction, (width, height)"""
    headings: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """radians for each frame, 0 to the right, growing clockwise"""
    length: float = 1.0
    """pixels"""

    def place(self, frame: int) -> None:
        """Be where the path says, turned as the heading says."""
        now, before = self.path[frame], self.path[max(0, frame - 1)]
        n = round(float(self.headings[frame]) / (2 * np.pi) * DIRECTIONS) % DIRECTIONS
        self.strip, self.size, self.velocity = self.looks[n], self.sizes[n], now - before
        self.position = now + np.array([0, self.size[1] / 2])
        self.gait += len(self.strip) * float(np.hypot(*self.velocity)) / self.length


def _turned(strip: list[Sprite], length: float, breadth: float) -> tuple[list[list[Sprite]], list[tuple[float, float]]]:
    """The strip in every direction, each cropped to the silhouette, and its sizes in pixels."""
    drawn = 64  # pixels of length at which it is turned: finer than any is shown
    scale = drawn / length
    canvas = 2 * drawn
    tone = [float(v) for v in mean_colour(strip)]
    looks, sizes = [], []
    for n in range(DIRECTIONS):
        to = np.array(cv2.getRotationMatrix2D((drawn / 2, breadth * scale / 2), -360 * n / DIRECTIONS, 1), np.float64)
        to[:, 2] += np.array([drawn, canvas - breadth * scale]) / 2
        turned = []
        for sprite in strip:
            flat = cv2.resize(sprite, (drawn, max(4, round(breadth * scale))), interpolation=cv2.INTER_AREA)
            turned.append(np.asarray(cv2.warpAffine(flat, to, (canvas, canvas), borderValue=[*tone, 0]), np.uint8))
        ys, xs = np.nonzero(np.maximum.reduce([sprite[..., 3] for sprite in turned]) > 127)
        window = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        looks.append([np.ascontiguousarray(sprite[window]) for sprite in turned])
        sizes.append((float(np.ptp(xs) + 1) / scale, float(np.ptp(ys) + 1) / scale))
    return looks, sizes


def _coat(strip: list[Sprite], tone: float) -> list[Sprite]:
    """The strip in greys about that one, also beyond the silhouette, so that no other colour comes in as it is made small."""
    middle, coated = mean_colour(strip), []
    for sprite in strip:
        colours = tone + (sprite[..., :3] - middle).mean(-1, keepdims=True).repeat(3, -1) * 0.15
        colours[sprite[..., 3] < 128] = tone
        coated.append(np.dstack([np.clip(np.round(colours), 0, 255).astype(np.uint8), sprite[..., 3]]))
    return coated


def _moving(rng: np.random.Generator, frames: int) -> NDArray[np.bool_]:
    """Whether an animal moves, frame by frame: walks and stops by turns, the first stop a long one."""
    moving = np.zeros(frames, bool)
    walks, first, t = bool(rng.random() < 0.6), True, 0
    while t < frames:
        span = int(rng.integers(*(MOVES if walks else LONG_STOP if first else STOPS)))
        moving[t : t + span] = walks
        first = first and walks
        walks, t = not walks, t + span
    return moving


def _steered(
    rng: np.random.Generator, at: NDArray[np.float64], heading: NDArray[np.float64], lengths: NDArray[np.float64],
    away: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """(n,) the turn of each animal in this frame: about ahead, away from the others and, by `away` (n, 2), from the wall."""
    apart = at[:, None] - at[None]
    # nobody is near itself, and two on one place push each other nowhere
    far = np.maximum(np.hypot(apart[..., 0], apart[..., 1]), 1e-6) + np.eye(len(at)) * 1e6
    push = (apart / far[..., None] * np.clip(SHY - far / lengths.mean(), 0, 1)[..., None]).sum(1)
    aim = np.stack([np.cos(heading), np.sin(heading)], 1) + 0.5 * push + 0.5 * away
    wanted = np.arctan2(aim[:, 1], aim[:, 0]) + rng.normal(0, WANDER, len(at))
    return np.clip(np.angle(np.exp(1j * (wanted - heading))), -SHARPEST, SHARPEST)


def _roam(
    rng: np.random.Generator, room: NDArray[np.float32], frames: int, lengths: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (frames, n, 2) and headings (frames, n) of animals that turn away from the wall and from each other.

    room  (H, W) distance from the wall
    """
    n, (height, width) = len(lengths), room.shape
    inner = np.argwhere(room > 0.6 * lengths.max())[:, ::-1]
    at, heading = inner[rng.integers(len(inner), size=n)].astype(float), rng.uniform(0, 2 * np.pi, n)
    moving = np.stack([_moving(rng, frames) for _ in range(n)], 1)
    pace = np.minimum(rng.uniform(*PACE, n) * lengths, 0.02 * height)
    places, headings = np.empty((frames, n, 2)), np.empty((frames, n))
    inward = np.stack(np.gradient(cv2.GaussianBlur(room, (0, 0), 0.02 * height))[::-1], -1)
    for t in range(-APART_FRAMES, frames):
        x, y = np.clip(at.astype(int), 0, (width - 1, height - 1)).T
        close = np.clip(SHY - 0.1 - room[y, x] / lengths, 0, 1)
        turn = _steered(rng, at, heading, lengths, close[:, None] * inward[y, x])
        going = moving[t] if t >= 0 else np.ones(n, bool)
        heading = heading + turn * going
        step = (pace * going * rng.uniform(0.7, 1.3, n))[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
        x, y = np.clip((at + step).astype(int), 0, (width - 1, height - 1)).T
        free = (room[y, x] > 0.52 * lengths) | (close >= 1)  # its middle keeps half a length from the wall
        at = np.where(free[:, None], at + step, at)
        heading = heading + np.where(free, 0, SHARPEST) * going  # along the wall, until the way is free
        if t >= 0:
            places[t], headings[t] = at, heading
    return places, headings


def arena(stage: ScriptedStreet) -> None:
    """Dark or pale animals of one kind and size roam an arena, and stop for long."""
    rng = stage.rng
    low, high, sign = TONES[str(rng.choice(list(TONES), p=OFTEN))]
    floor = float(rng.uniform(low, high))
    world = build_arena(rng, (stage.width, stage.height), floor=floor)
    stage.background, stage.lens, stage.grey = world.empty.copy(), world, True
    count = stage.count or int(rng.integers(COUNT[0], COUNT[1] + 1))
    room = (MOST_SHARE * stage.width * stage.height / count) ** 0.5
    most = min(MOST_PX * stage.height / 480, room)
    body_px = float(np.exp(rng.uniform(np.log(LEAST_PX), np.log(max(most, LEAST_PX)))))
    kind: Kind = "insect" if body_px > 20 and rng.random() < 0.4 else "animal"
    aspect = ASPECT[kind] * rng.uniform(0.7, 1.0)
    lengths = body_px / aspect**0.5 * rng.uniform(0.92, 1.08, count)
    places, headings = _roam(rng, world.inside_px, stage.frames, lengths)
    for n, length in enumerate(lengths):
        coat = _coat(draw_strip(kind, rng, (0.0, 0.0, 0.0)), floor + sign * rng.uniform(*CONTRAST))
        looks, sizes = _turned(coat, float(length), float(length) * aspect)
        stage.born += 1
        stage.cast.append(
            Crawler(
                stage.born, kind, looks[0], sizes[0], places[0, n], np.zeros(2), 0.0, path=places[:, n],
                looks=looks, sizes=sizes, headings=headings[:, n], length=float(length),
            )
        )  # fmt: skip
