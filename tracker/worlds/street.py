"""Street: walkers, vehicles, animals and blobs before a static camera, with what makes real video hard.

Drawn in the order in which light reaches a camera: the empty scene, shadows, actors from far to near, pillars in front,
light, jitter, noise, compression. Everything comes from one seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from tracker.types import Box, Settings, Share
from tracker.worlds.actors import ASPECT, Actor, Kind, draw_strip
from tracker.worlds.clip import DrawnClip, DrawnFrame, TruthBox, next_identity
from tracker.worlds.weather import Bushes, Cloud, Water, cast_body_shadow, mirror_body

KINDS: tuple[Kind, ...] = ("walker", "vehicle", "animal", "blob")


Count = Annotated[int, Field(ge=0, le=1000)]
Frames = Annotated[int, Field(ge=0, le=1_000_000)]
Pixels = Annotated[float, Field(ge=1, le=16_384)]
Sizes = Annotated[float, Field(ge=0, le=100)]
Grey = Annotated[float, Field(ge=0, le=255)]
Quality = Annotated[int, Field(ge=1, le=100)]


class StreetSettings(Settings):
    """What the street holds. Ranges are (low, high), drawn anew for every clip."""

    width: int = Field(480, ge=16, le=16_384)
    height: int = Field(360, ge=16, le=16_384)
    frames: int = Field(200, ge=1, le=1_000_000_000)
    fps: float = Field(25.0, ge=1e-5, le=10_000)
    objects: tuple[Count, Count] = (6, 12)
    """how many are in the scene at a time"""
    object_px: tuple[Pixels, Pixels] = (28.0, 64.0)
    """geometric mean of an object's width and height, pixels"""
    kinds: tuple[Share, Share, Share, Share] = (0.55, 0.15, 0.15, 0.15)
    """shares of walkers, vehicles, animals, blobs"""
    speed: tuple[Sizes, Sizes] = (0.03, 0.1)
    """object sizes a frame"""
    contrast: tuple[Share, Share] = (0.7, 1.0)
    """how far the actors' colours keep from the scene's mean; low is camouflage"""
    pairs: float = Field(0.25, ge=0, le=1)
    """chance that a walker brings a companion at its side"""
    stop_rate: float = Field(0.003, ge=0, le=1)
    """chance a frame that an object stops for a while"""
    stop_frames: tuple[Frames, Frames] = (10, 80)
    """for how long"""
    chroma: tuple[Grey, Grey, Grey] = (15.0, 50.0, 90.0)
    """how far a colour's channels lie from its grey, in grey levels: one of these, drawn for each"""
    shadow: tuple[Share, Share] = (0.0, 0.5)
    """how much of the light a cast shadow takes"""
    light_drift: float = Field(0.06, ge=0, le=1)
    """largest slow change of the light, as a share"""
    switch_rate: float = Field(0.0, ge=0, le=1)
    """chance a frame that the light becomes .7 to 1.3 of the usual, from one frame to the next"""
    noise: tuple[Grey, Grey] = (1.0, 6.0)
    """standard deviation of the sensor's noise, grey levels"""
    compression: tuple[Quality, Quality] = (40, 95)
    """JPEG quality each frame passes through; 100 = none"""
    jitter_px: float = Field(0.0, ge=0, le=1000)
    """standard deviation of the camera's shift, pixels"""
    pillars: tuple[Count, Count] = (0, 2)
    """posts that hide whatever walks behind them"""
    body_shadows: float = Field(0.0, ge=0, le=1)
    """chance that a clip's shadows have the shape of the bodies, and are long"""
    mirrors: float = Field(0.0, ge=0, le=1)
    """chance that a clip's floor shines and shows the bodies upside down"""
    bushes: float = Field(0.0, ge=0, le=1)
    """chance that a clip has bushes that sway"""
    water: float = Field(0.0, ge=0, le=1)
    """chance that a clip has water that ripples"""
    clouds: float = Field(0.0, ge=0, le=1)
    """chance that shadows of clouds drift over a clip"""
    clutter: float = Field(0.0, ge=0, le=1)
    """chance that a clip's scene is full of things and strong texture"""
    insects: float = Field(0.0, ge=0, le=1)
    """share of the animals that have six thin legs"""
    soft_px: float = Field(0.0, ge=0, le=100)
    """largest blur of a clip's lens, pixels"""
    cloth: float = Field(0.0, ge=0, le=255)
    """largest grey levels of the pattern on an actor"""

    @field_validator(
        "objects", "object_px", "stop_frames", "speed", "contrast", "shadow", "noise", "compression", "pillars"
    )
    @classmethod
    def _rises(cls, span: tuple[float, float]) -> tuple[float, float]:
        if span[0] > span[1]:
            raise ValueError(f"wanted low <= high, got {list(span)}")
        return span

    @field_validator("kinds")
    @classmethod
    def _has_a_kind(cls, kinds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        if sum(kinds) <= 0:
            raise ValueError(f"wanted shares that are not all 0, got {list(kinds)}")
        return kinds


def draw_street(settings: StreetSettings, *, seed: int) -> DrawnClip:
    """Draw one clip with its truth.

    The same settings and seed give the same clip. Returns images (T, H, W, 3), labels (T, H, W), boxes and fps. Raises SettingsError
    where more than 65,535 objects come.
    """
    rng = np.random.default_rng(seed)
    scene = _Scene(settings, rng)
    images = np.empty((settings.frames, settings.height, settings.width, 3), np.uint8)
    labels = np.empty((settings.frames, settings.height, settings.width), np.uint16)
    boxes = []
    for t in range(settings.frames):
        images[t], labels[t], frame_boxes = scene.step()
        boxes.append(frame_boxes)
    return DrawnClip(images, labels, tuple(boxes), scene.backdrop(), settings.fps)


def stream_street(settings: StreetSettings, *, seed: int) -> Iterator[DrawnFrame]:
    """The frames of `draw_street` one by one: a long street needs no more memory than a short one."""
    scene = _Scene(settings, np.random.default_rng(seed))
    return (DrawnFrame(*scene.step()) for _ in range(settings.frames))


def _ramp(rng: np.random.Generator, low_high: tuple[float, float]) -> float:
    return float(rng.uniform(*low_high))


def _smooth(rng: np.random.Generator, size: tuple[int, int], cells: int) -> NDArray[np.float32]:
    """(H, W, 3) noise of that many cells across, standard deviation about 1."""
    grid = (rng.normal(0, 1, (cells, cells, 1)) + rng.normal(0, 0.4, (cells, cells, 3))).astype(np.float32)
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC), np.float32)


def _draw_background(settings: StreetSettings, rng: np.random.Generator) -> NDArray[np.float32]:
    """(H, W, 3) float32 in 0..255: ground, patches, kerbs and fine texture."""
    size = (settings.width, settings.height)
    picture = np.full((settings.height, settings.width, 3), rng.uniform(-18, 18, 3) + rng.uniform(60, 200), np.float32)
    picture += _smooth(rng, size, 4) * rng.uniform(4, 22) + _smooth(rng, size, 12) * rng.uniform(2, 12)
    for _ in range(rng.integers(0, 6)):  # lawns, walls, road markings
        corners = rng.uniform(-0.2, 1.2, (4, 2)) * size
        patch = cv2.fillConvexPoly(np.zeros(picture.shape[:2], np.float32), np.round(corners).astype(np.int32), 1.0)
        picture += patch[..., None] * (rng.normal(0, 26) + rng.normal(0, 8, 3)).astype(np.float32)
    for _ in range(rng.integers(0, 4)):
        ends = np.round(rng.uniform(-0.2, 1.2, (2, 2)) * size).astype(int)
        shade = [float(v) for v in np.full(3, rng.uniform(60, 230))]
        cv2.line(
            picture, tuple(map(int, ends[0])), tuple(map(int, ends[1])), shade, int(rng.integers(1, 4)), cv2.LINE_AA
        )
    fine = rng.normal(0, rng.uniform(1, 9), (settings.height, settings.width, 1)).astype(np.float32)
    return np.clip(picture + cv2.GaussianBlur(fine, (0, 0), 0.7)[..., None], 8, 247)


def _add_clutter(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Things that stand about, from large to small, and texture of all sizes; a repeated pattern now and then."""
    height, width = picture.shape[:2]
    size = (width, height)
    for cells in (8, 16, 32, 64):
        picture = picture + _smooth(rng, size, cells) * rng.uniform(0, 10)
    if rng.random() < 0.5:  # bricks, planks, tiles, rails
        step, angle = rng.uniform(3, 20), rng.uniform(0, np.pi)
        x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / step))
        where = cv2.resize(rng.random((3, 3)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC) > 0.6
        picture = picture + (np.sign(wave) * where * rng.uniform(5, 40)).astype(np.float32)[..., None]
    for _ in range(int(rng.integers(5, 40))):
        w, h = np.exp(rng.uniform(np.log(2), np.log(0.3 * min(size)), 2)).astype(int) + 1
        x0, y0 = int(rng.integers(-w, width)), int(rng.integers(-h, height))
        view = picture[max(0, y0) : max(0, y0 + h), max(0, x0) : max(0, x0 + w)]
        shade = (rng.uniform(10, 245) + rng.normal(0, 25, 3)).astype(np.float32)
        view += (shade - view) * np.float32(rng.uniform(0.2, 1))
    return np.asarray(np.clip(picture, 8, 247), np.float32)


class _Scene:
    """The street as it stands in one frame."""

    def __init__(self, settings: StreetSettings, rng: np.random.Generator) -> None:
        self.settings, self.rng = settings, rng
        self.background = _draw_background(settings, rng)
        self.wanted = int(rng.integers(settings.objects[0], settings.objects[1] + 1))
        self.shadow = _ramp(rng, settings.shadow)
        self.shadow_lean = rng.uniform(-0.8, 0.8)
        self.noise = _ramp(rng, settings.noise)
        self.quality = int(rng.integers(settings.compression[0], settings.compression[1] + 1))
        self.light = np.ones(3)
        self.light_speed = rng.normal(0, 1, 3) * 0.2 + rng.normal(0, 1)
        self.clock, self.switched = rng.uniform(0, 2 * np.pi), 1.0
        self.mean_colour, self.contrast = self.background.mean((0, 1)), _ramp(rng, settings.contrast)
        self.pillars = [self._pillar() for _ in range(rng.integers(settings.pillars[0], settings.pillars[1] + 1))]
        for columns, colour in self.pillars:
            self.background[:, columns] = colour
        self.frame = 0
        size = (settings.width, settings.height)

        def draws(chance: float) -> bool:
            return chance > 0 and bool(rng.random() < chance)

        # a world without weather draws no number for it: its seeds keep their clips
        self.bushes = self._bushes() if draws(settings.bushes) else None
        self.water = Water.flood(rng, size, strength=rng.uniform(4, 16)) if draws(settings.water) else None
        self.cloud = self._cloud() if draws(settings.clouds) else None
        self.body_shadow = self._body_shadow() if draws(settings.body_shadows) else None
        self.mirror = self._mirror() if draws(settings.mirrors) else None
        if draws(settings.clutter):
            self.background = _add_clutter(self.background, rng)
            for columns, colour in self.pillars:
                self.background[:, columns] = colour
        self.blur_px = rng.uniform(0, settings.soft_px) if settings.soft_px > 0 else 0.0
        self.actors: list[Actor] = []
        self.born = 0
        while len(self.actors) < self.wanted:
            self._enter(inside=True)

    def _pillar(self) -> tuple[slice, NDArray[np.float32]]:
        width = int(max(2, self.rng.uniform(0.015, 0.05) * self.settings.width))
        x = int(self.rng.integers(0, max(1, self.settings.width - width)))
        return slice(x, x + width), self.rng.uniform(20, 220, 3).astype(np.float32)

    def _bushes(self) -> Bushes:
        size, rng = (self.settings.width, self.settings.height), self.rng
        period, amplitude = rng.uniform(8, 40), rng.uniform(0.5, 4)
        return Bushes.grow(rng, size, share=rng.uniform(0.05, 0.4), amplitude_px=amplitude, period_frames=period)

    def _cloud(self) -> Cloud:
        size, rng = (self.settings.width, self.settings.height), self.rng
        return Cloud.gather(rng, size, strength=rng.uniform(0.1, 0.5), speed_px=rng.uniform(0.3, 3))

    def _mirror(self) -> dict[str, float]:
        """Strength and softness of the images in this clip's floor."""
        return {"strength": self.rng.uniform(0.1, 0.5), "blur_px": self.rng.uniform(0.5, 2.5)}

    def _body_shadow(self) -> dict[str, float]:
        """Lean, length, strength and softness of this clip's shadows."""
        rng = self.rng
        length = rng.uniform(0.1, 0.8) * (-1 if rng.random() < 0.5 else 1)
        values = (rng.uniform(-1.2, 1.2), length, rng.uniform(0.2, 0.65), rng.uniform(0.5, 2))
        return dict(zip(("lean", "length", "strength", "blur_px"), values, strict=True))

    def _enter(self, *, inside: bool) -> None:
        """Bring one more actor, and now and then its companion: anywhere at the start, later from a border."""
        rng, settings = self.rng, self.settings
        kind = KINDS[int(rng.choice(4, p=np.array(settings.kinds) / sum(settings.kinds)))]
        scale = _ramp(rng, settings.object_px)
        aspect = ASPECT[kind] * float(np.exp(rng.normal(0, 0.12)))
        size = (scale / aspect**0.5, scale * aspect**0.5)
        heading = rng.normal(0, 0.35) + (np.pi if rng.random() < 0.5 else 0)
        if kind in ("animal", "blob") or rng.random() < 0.2:
            heading = rng.uniform(0, 2 * np.pi)
        speed = _ramp(rng, settings.speed) * scale * (1.6 if kind == "vehicle" else 1.0)
        velocity = speed * np.array([np.cos(heading), np.sin(heading) * 0.7])
        place = rng.uniform(0.02, 0.98, 2) * (settings.width, settings.height) + (0, size[1] / 2)
        if not inside:  # walk the way back until out of sight
            room = np.array([settings.width + size[0], settings.height + size[1]])
            steps = np.min(
                np.where(velocity > 0, place + (size[0] / 2, 0), room - place) / np.maximum(np.abs(velocity), 1e-3)
            )
            place = place - velocity * steps
        company = 1 + int(kind == "walker" and rng.random() < settings.pairs)
        for n in range(company):
            self.born = next_identity(self.born, self.frame)
            beside = n * np.array([size[0] * rng.uniform(0.9, 1.8), rng.normal(0, 0.1) * size[1]])
            restless = speed * (0.15 if kind in ("animal", "blob") else 0.04)
            legged = kind == "animal" and settings.insects > 0 and rng.random() < settings.insects
            drawn = draw_strip("insect" if legged else kind, rng, settings.chroma)
            strip = [self._fade(sprite) for sprite in drawn]
            if settings.cloth > 0:
                strip = self._with_pattern(strip)
            actor = Actor(self.born, kind, strip, size, place + beside, velocity.copy(), restless)
            actor.gait = float(rng.uniform(0, 8))
            self.actors.append(actor)

    def _fade(self, sprite: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring an actor's colours nearer to the scene's."""
        colours = self.mean_colour + (sprite[..., :3] - self.mean_colour) * self.contrast
        return np.dstack([np.clip(colours, 0, 255).astype(np.uint8), sprite[..., 3]])

    def _with_pattern(self, strip: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Cloth, lettering, reflections: a pattern from coarse to fine over all pictures of a strip."""
        rng, strength = self.rng, self.rng.uniform(0, self.settings.cloth)
        cells = (int(rng.integers(2, 20)), int(rng.integers(2, 20)), 3)
        grid = rng.normal(0, 1, (*cells[:2], 1)) + rng.normal(0, 0.4, cells)
        patterned = []
        for sprite in strip:
            size = (sprite.shape[1], sprite.shape[0])
            pattern = cv2.resize(grid.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
            colours = np.clip(sprite[..., :3] + strength * pattern, 0, 255).astype(np.uint8)
            patterned.append(np.dstack([colours, sprite[..., 3]]))
        return patterned

    def _gone(self, actor: Actor) -> bool:
        margin = np.array(actor.size) * 1.5 + 4
        x, y = actor.position
        return not (-margin[0] < x < self.settings.width + margin[0] and -4 < y < self.settings.height + margin[1])

    def backdrop(self) -> NDArray[np.uint8]:
        """(H, W, 3) the scene without anybody in it, its bushes at rest, in neutral light."""
        return np.clip(self._empty(), 0, 255).astype(np.uint8)

    def _empty(self) -> NDArray[np.float32]:
        picture = self.background.copy()
        if self.bushes is not None:
            self.bushes.draw(picture, 0)
        return picture

    def step(self) -> tuple[NDArray[np.uint8], NDArray[np.uint16], tuple[TruthBox, ...]]:
        """Draw the next frame: picture, labels, boxes."""
        for actor in self.actors:
            actor.step(self.rng, self.settings.stop_rate, self.settings.stop_frames)
        self.actors = [actor for actor in self.actors if not self._gone(actor)]
        if len(self.actors) < self.wanted and self.rng.random() < 0.15:
            self._enter(inside=False)
        near_last = sorted(self.actors, key=lambda actor: actor.position[1])
        picture = self.background.copy()
        for weather in (self.bushes, self.water):
            if weather is not None:
                weather.draw(picture, self.frame)
        labels = np.zeros(picture.shape[:2], np.uint16)
        if self.mirror is not None:
            for actor in near_last:
                patch, x0, y0 = _place(actor.picture(), actor.size, actor.position)
                mirror_body(picture, patch, (x0, y0), **self.mirror)
        if self.body_shadow is not None:
            for actor in near_last:
                alpha = _place(actor.picture(), actor.size, np.zeros(2))[0][..., 3] / np.float32(255)
                feet = (float(actor.position[0]), float(actor.position[1]))
                cast_body_shadow(picture, alpha, feet, **self.body_shadow)
        elif self.shadow > 0.05:
            for actor in near_last:
                self._cast_shadow(picture, actor)
        whole = {}
        for actor in near_last:
            footprint = self._paste(picture, labels, actor)
            if footprint is not None:
                whole[actor.id] = footprint
        for columns, colour in self.pillars:
            picture[:, columns] = colour
            labels[:, columns] = 0
        seen = np.bincount(labels.ravel(), minlength=self.born + 1)
        jitter = self.settings.jitter_px
        shift = self.rng.normal(0, jitter, 2) if jitter > 0 else np.zeros(2)
        boxes = tuple(
            TruthBox(identity, self._shifted(box, shift), min(1.0, float(seen[identity]) / area))
            for identity, (box, area) in whole.items()
            if self._shifted(box, shift).width > 0 and self._shifted(box, shift).height > 0
        )
        return self._expose(picture, labels, shift), labels, boxes

    def _shifted(self, box: Box, shift: NDArray[np.float64]) -> Box:
        """The box where the camera's jitter puts it, clipped to the frame."""
        (dx, dy), width, height = shift.tolist(), self.settings.width, self.settings.height
        # a side at the frame's edge stays there: what comes in from outside is drawn as what was at the edge
        x0, x1 = (x if x in (0, width) else min(max(x + dx, 0.0), float(width)) for x in (box.x0, box.x1))
        y0, y1 = (y if y in (0, height) else min(max(y + dy, 0.0), float(height)) for y in (box.y0, box.y1))
        return Box(x0, y0, x1, y1)

    def _paste(
        self, picture: NDArray[np.float32], labels: NDArray[np.uint16], actor: Actor
    ) -> tuple[Box, float] | None:
        """Draw the actor; returns its whole box inside the frame and its pixel count there, or None if outside."""
        patch, x0, y0 = _place(actor.picture(), actor.size, actor.position)
        height, width = labels.shape
        left, top, right, bottom = (
            max(0, x0),
            max(0, y0),
            min(width, x0 + patch.shape[1]),
            min(height, y0 + patch.shape[0]),
        )
        if left >= right or top >= bottom:
            return None
        patch = patch[top - y0 : bottom - y0, left - x0 : right - x0]
        alpha = patch[..., 3:] / 255.0
        view = picture[top:bottom, left:right]
        view += (patch[..., :3] - view) * alpha
        solid = alpha[..., 0] > 0.5
        labels[top:bottom, left:right][solid] = actor.id
        if not solid.any():
            return None
        ys, xs = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        box = Box(float(left + xs[0]), float(top + ys[0]), float(left + xs[-1] + 1), float(top + ys[-1] + 1))
        return box, float(solid.sum())

    def _cast_shadow(self, picture: NDArray[np.float32], actor: Actor) -> None:
        """Darken an ellipse that leans away from the light at the actor's feet."""
        width, height = actor.size
        x, y = actor.position
        mask = np.zeros(picture.shape[:2], np.uint8)
        centre = (round(x + self.shadow_lean * height * 0.35), round(y))
        axes = (max(1, round(width * 0.55 + abs(self.shadow_lean) * height * 0.3)), max(1, round(width * 0.2)))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
        x0, y0 = max(0, centre[0] - axes[0] - 2), max(0, centre[1] - axes[1] - 2)
        window = np.s_[y0 : max(0, centre[1] + axes[1] + 3), x0 : max(0, centre[0] + axes[0] + 3)]
        picture[window] *= 1 - mask[window][..., None] * (self.shadow / 255)

    def _expose(
        self, picture: NDArray[np.float32], labels: NDArray[np.uint16], shift: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        """Light, jitter, noise and compression. Jitter moves picture and labels alike."""
        settings, rng = self.settings, self.rng
        self.clock += 0.02
        if rng.random() < settings.switch_rate:
            self.switched = float(rng.uniform(0.7, 1.3))
        gain = self.switched * (1 + settings.light_drift * np.sin(self.clock) * np.clip(self.light_speed, -1, 1))
        picture = picture * gain.astype(np.float32)
        if self.cloud is not None:
            picture = picture * self.cloud.light(self.frame)
        if self.blur_px > 0.3:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), self.blur_px), np.float32)
        self.frame += 1
        if settings.jitter_px > 0:
            to = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
            size = (settings.width, settings.height)
            picture = np.asarray(cv2.warpAffine(picture, to, size, borderMode=cv2.BORDER_REPLICATE), np.float32)
            labels[:] = cv2.warpAffine(labels, to, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        noise = rng.standard_normal(picture.shape, np.float32) * np.float32(self.noise)
        image = np.clip(picture + noise, 0, 255).astype(np.uint8)
        if self.quality >= 100:
            return image
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _place(
    sprite: NDArray[np.uint8], size: tuple[float, float], feet: NDArray[np.float64]
) -> tuple[NDArray[np.float32], int, int]:
    """Resize a sprite to `size` and shift it by the sub-pixel part of its place; returns the RGBA patch and its x0, y0."""
    width, height = max(2, round(size[0])), max(2, round(size[1]))
    x, y = feet[0] - width / 2, feet[1] - height
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    small = cv2.resize(sprite, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    shift = np.array([[1, 0, x - x0], [0, 1, y - y0]])
    edge = cv2.BORDER_REPLICATE  # colour must not fade to black at the silhouette; alpha does, below
    padded = cv2.copyMakeBorder(small, 0, 1, 0, 1, edge)
    padded[-1, :, 3] = padded[:, -1, 3] = 0
    patch = cv2.warpAffine(padded, shift, (width + 1, height + 1), borderMode=edge)
    return np.asarray(patch, np.float32), x0, y0
