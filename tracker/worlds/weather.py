"""What moves in a scene and is nobody: bushes, water, the shadows of clouds and of bodies. Drawn on float32 pictures (H, W, 3)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""(H, W, 3) float32 in 0..255"""


def soft_patch(rng: np.random.Generator, size: tuple[int, int], share: float) -> NDArray[np.float32]:
    """(H, W) in [0, 1]: an irregular region with a soft rim that covers about `share` of a picture of `size` (width, height)."""
    cells = rng.normal(0, 1, (5, 6)).astype(np.float32)
    field = cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC)
    edge = float(np.quantile(field, 1 - share))
    return np.clip((field - edge) / 0.15 + 0.5, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Bushes:
    """Leaves and branches: a region with strong fine texture, every part of which swings about its place."""

    texture: Picture
    region: NDArray[np.float32]
    """(H, W) in [0, 1]"""
    phases: NDArray[np.float32]
    """(H, W, 2) where in its swing each pixel is"""
    amplitude_px: float
    period_frames: float

    @classmethod
    def grow(
        cls, rng: np.random.Generator, size: tuple[int, int], *, share: float = 0.2, amplitude_px: float = 2.5,
        period_frames: float = 20.0,
    ) -> Bushes:  # fmt: skip
        """Bushes over that share of a picture of `size` (width, height)."""
        width, height = size
        fine = rng.normal(0, 1, (height, width, 1)) + rng.normal(0, 0.3, (height, width, 3))
        leaves = cv2.GaussianBlur(fine.astype(np.float32), (0, 0), 1.2) * 3.0
        clumps = cv2.resize(rng.normal(0, 1, (height // 6 + 2, width // 6 + 2)).astype(np.float32), size)
        green = rng.uniform(20, 90, 3) * (0.8, 1.2, 0.7)
        texture = green + leaves * rng.uniform(8, 25) + clumps[..., None] * rng.uniform(8, 25)
        coarse = rng.uniform(0, 2 * np.pi, (4, 5, 2)).astype(np.float32)
        phases = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
        region = soft_patch(rng, size, share)
        return cls(texture.astype(np.float32), region, np.asarray(phases, np.float32), amplitude_px, period_frames)

    def draw(self, picture: Picture, frame: int) -> None:
        """Paint the bushes over the picture as they stand in that frame."""
        height, width = self.region.shape
        # gusts: the swing itself grows and falls
        gust = 0.6 + 0.4 * np.sin(frame / (7.3 * self.period_frames) * 2 * np.pi)
        swing = gust * self.amplitude_px * np.sin(self.phases + np.float32(2 * np.pi * frame / self.period_frames))
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        dx, dy = swing[..., 0].astype(np.float32), 0.4 * swing[..., 1].astype(np.float32)
        leaves = cv2.remap(self.texture, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        alpha = cv2.remap(self.region, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        picture += (leaves - picture) * alpha[..., None]


@dataclass(frozen=True)
class Water:
    """A region over which bright and dark ripples run."""

    region: NDArray[np.float32]
    """(H, W) in [0, 1]"""
    waves: tuple[tuple[float, float, float, float], ...]
    """(x and y frequency in radians a pixel, radians a frame, grey levels) of each train of waves"""
    warp: NDArray[np.float32]
    """(H, W) phase by which the waves are bent"""

    @classmethod
    def flood(
        cls, rng: np.random.Generator, size: tuple[int, int], *, share: float = 0.4, strength: float = 12.0
    ) -> Water:
        """Water over that share of a picture of `size` (width, height); strength in grey levels."""
        warp = cv2.resize(rng.uniform(0, 8, (6, 8)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
        waves = tuple(
            (rng.uniform(-0.15, 0.15), rng.uniform(0.25, 1.2), rng.uniform(0.15, 0.9), strength * rng.uniform(0.3, 1.0))
            for _ in range(4)
        )
        return cls(soft_patch(rng, size, share), waves, np.asarray(warp, np.float32))

    def draw(self, picture: Picture, frame: int) -> None:
        """Let the ripples of that frame run over the picture."""
        height, width = self.region.shape
        x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
        light = np.zeros((height, width), np.float32)
        for fx, fy, speed, grey in self.waves:
            light += np.float32(grey) * np.sin(np.float32(fx) * x + np.float32(fy) * y + self.warp - speed * frame)
        picture += (light * self.region)[..., None]


SKIES = 6
"""widths of the picture after which the clouds are the same"""


@dataclass(frozen=True)
class Cloud:
    """The soft shadow of a cloud that drifts over the scene."""

    field: NDArray[np.float32]
    """(H, W') in [0, 1], wider than the picture; its end goes on with its beginning"""
    strength: float
    """share of the light it takes at most"""
    speed_px: float
    """pixels a frame"""

    @classmethod
    def gather(
        cls, rng: np.random.Generator, size: tuple[int, int], *, strength: float = 0.4, speed_px: float = 2.0
    ) -> Cloud:
        """A sky over a picture of `size` (width, height)."""
        width, height = size
        cells = rng.normal(0, 1, (4, 10)).astype(np.float32)
        cells[:, -2:] = cells[:, :2]  # without need, but seeds keep their clips
        drawn = cv2.resize(cells, (SKIES // 2 * width, height), interpolation=cv2.INTER_CUBIC)
        field = np.concatenate([drawn, drawn[:, ::-1]], 1)  # and its mirror image, which ends as it begins
        return cls(np.clip(field / 0.5, 0, 1).astype(np.float32), strength, speed_px)

    def light(self, frame: int) -> NDArray[np.float32]:
        """(H, W, 1) factor on the light in that frame."""
        width = self.field.shape[1] // SKIES
        columns = np.arange(width) + round(frame * self.speed_px)
        return (1 - np.float32(self.strength) * self.field.take(columns, 1, mode="wrap"))[..., None]


def cast_body_shadow(
    picture: Picture, alpha: NDArray[np.float32], feet: tuple[float, float], *, lean: float, length: float,
    strength: float, blur_px: float = 1.0,
) -> None:  # fmt: skip
    """Darken the ground by the shadow of a body: its silhouette, laid over from the feet.

    alpha     (h, w) silhouette in [0, 1] as large as the body is drawn, its feet in the middle of the lowest row
    feet      (x, y) of the middle of the feet in the picture
    lean      pixels aside for each pixel of body height, negative to the left
    length    pixels upwards in the picture for each pixel of body height, negative towards the viewer
    strength  share of the light it takes; a little less of the blue, which the sky gives
    """
    h, w = alpha.shape
    x, y = feet
    corners = np.array([[-w / 2, 0], [w / 2, 0], [-w / 2, h], [w / 2, h]]) @ np.array([[1, 0], [lean, -length]]) + (
        x,
        y,
    )
    pad = 3 * blur_px + 2
    x0, y0 = (int(v) for v in np.floor(corners.min(0) - pad))
    x1, y1 = (int(v) for v in np.ceil(corners.max(0) + pad))
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(picture.shape[1], x1), min(picture.shape[0], y1)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    # silhouette pixel (column u, row v from the top) falls at x + (u - w/2) + lean * (h - v), y - length * (h - v)
    to = np.array([[1, -lean, x - w / 2 + lean * h - x0], [0, length, y - length * h - y0]])
    if abs(length) < 0.02:
        return
    shade = cv2.warpAffine(alpha, to, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    shade = cv2.GaussianBlur(shade, (0, 0), blur_px) * np.float32(strength)
    picture[y0:y1, x0:x1] *= 1 - shade[..., None] * np.array([1.0, 1.0, 0.9], np.float32)


def mirror_body(
    picture: Picture, patch: NDArray[np.float32], corner: tuple[int, int], *, strength: float, blur_px: float
) -> None:
    """Lay the faint image of a body into the shining floor under it.

    patch     (h, w, 4) RGB and alpha in 0..255, as the body is drawn with its upper left at `corner` (x, y)
    strength  share of the floor's light that is the image's, below the feet; it fades downwards
    """
    h, w = patch.shape[:2]
    x, y = corner[0], corner[1] + h
    x0, y0, x1, y1 = max(0, x), max(0, y), min(picture.shape[1], x + w), min(picture.shape[0], y + h)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    image = cv2.GaussianBlur(np.ascontiguousarray(patch[::-1]), (0, 0), blur_px)[y0 - y : y1 - y, x0 - x : x1 - x]
    fading = np.linspace(1, 0, h, dtype=np.float32)[y0 - y : y1 - y, None, None]
    view = picture[y0:y1, x0:x1]
    view += (image[..., :3] - view) * (image[..., 3:] / 255 * np.float32(strength) * fading)
