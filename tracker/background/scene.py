"""The prescan: pictures spread over a clip, cleared of everything that is not scene.

A pixel's median is the empty scene if nothing stands there for half of the clip. Where something does and later goes,
two pictures compete, and the one whose colours go on beyond the outline of the place is the scene: an object has an
edge there. What never goes is scene. All pictures are brought to one light before: a median over two lights is dark in one
place and bright in another.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.background.light import Array, light_between, relight
from tracker.background.structure import BLOCKS, FEWEST, Thumbnail, kept_blocks, likeness, thumbnail
from tracker.channels import largest_channel
from tracker.ranks import Samples, count_true, ranked
from tracker.types import TINY_PX, Image, Mask

DIFFERS = 20
"""Grey levels a sample differs from the scene at least: above compression noise, below most objects."""

DIFFERS_SIGMAS = 4.0
"""The same in robust standard deviations of the pixel, so that ripple and leaves stay part of the scene."""

ROBUST_SIGMAS = 1.4826
"""standard deviations of a normal variable in its median absolute difference from the median"""

CALM = int(DIFFERS / (DIFFERS_SIGMAS * ROBUST_SIGMAS))
"""Grey levels: of a pixel with a median difference up to here, DIFFERS is the larger of the two bounds."""

RIVAL_SHARE = 0.1
"""Share of the samples that must differ before a second picture of a place is considered."""

RIVAL_CONTRAST = 0.6
"""The second picture is the scene if its step across the outline is below this share of the median's."""

OTHER_LIGHT = 0.1
"""logarithm of the factor of brightness from which a picture is in another light"""

SAME_SCENE = 0.5
"""share of what is brighter or darker that must still show the scene"""

REFERENCES, FAIR = 8, 0.95
"""pictures tried as the reference, and the share of the best one's support that it needs: how much of it the others show"""

BAND_BYTES = 800_000
"""Rows worked on at once have about so many in all pictures: few enough for the processor's cache."""


def without_visitors(images: Sequence[Image]) -> NDArray[np.uint8]:
    """(N, H, W, 3) uint8: the pictures, all of one size, with whatever is not scene painted over by the scene."""
    stack = np.stack(images)
    lights = _lights(images)
    for n, light in lights.items():
        stack[n] = relight(images[n], -light)
    scene, rival, threshold, rivalled = (np.concatenate(rows) for rows in zip(*_bands(stack), strict=True))
    swapped = _choose(scene, rival, rivalled)
    scene[swapped] = rival[swapped]
    threshold[swapped] = DIFFERS
    for n, image in enumerate(stack):
        beyond = np.asarray(cv2.subtract(cv2.absdiff(image, scene), threshold), np.uint8)  # 0 up to the threshold
        visitor = largest_channel(beyond)
        cv2.copyTo(scene, visitor, image)
        if n in lights:  # back to its own light
            image[...] = np.where(visitor[..., None] > 0, relight(scene, lights[n]), images[n])
    return stack


def _lights(images: Sequence[Image]) -> dict[int, Array]:
    """By number, the light of those pictures that are in another light than the reference; see `light_between`."""
    brightness = np.array([_brightness(image) for image in images])
    if np.ptp(brightness) < OTHER_LIGHT:
        return {}
    small = [thumbnail(image) for image in images]
    tried = range(0, len(images), -(-len(images) // REFERENCES))
    # both ways: what a plain object hides has no structure that others could lack
    support = {n: sum(min(likeness(small[n], each), likeness(each, small[n])) for each in small) for n in tried}
    # a bright one, since the dark ones have less contrast; not one in which an object covers much
    fair = [n for n in tried if support[n] >= FAIR * max(support.values())]
    reference = max(fair, key=lambda n: brightness[n])
    lights = {n: light_between(images[reference], image) for n, image in enumerate(images)}
    return {
        n: light
        for n, light in lights.items()
        if abs(float(np.median(light))) > OTHER_LIGHT and _shows_light(light, small[reference], small[n])
    }


def _brightness(image: Image) -> float:
    """Mean logarithm of a picture's grey levels, by block."""
    thin = max(1, image.shape[1] // TINY_PX)
    blocks = cv2.resize(image[::thin, ::thin], BLOCKS, interpolation=cv2.INTER_AREA)
    return float(np.log(blocks + np.float32(1)).mean())


def _shows_light(light: Array, known: Thumbnail, now: Thumbnail) -> bool:
    """Whether most of what is brighter or darker in `now` still shows the scene: what an object covers is in no other light."""
    changed = np.abs(light.mean(axis=2)) > OTHER_LIGHT
    telling = changed & (known.structured | now.structured)
    if telling.sum() >= FEWEST:
        return float(kept_blocks(known, now)[telling].mean()) >= SAME_SCENE
    return likeness(known, now) >= SAME_SCENE


def _bands(stack: Samples) -> list[tuple[Samples, Samples, Samples, Mask]]:
    """By bands of rows: median, median of the samples that differ from it, threshold, and where those are not few."""
    count = len(stack)
    rows = max(1, BAND_BYTES // stack[:, 0].size)
    found = []
    for y in range(0, stack.shape[1], rows):
        band = np.ascontiguousarray(stack[:, y : y + rows])  # (N, rows, W, 3)
        median = ranked(band, count // 2)
        away = np.maximum(band, median) - np.minimum(band, median)
        threshold = _threshold(away)
        beyond = (away > threshold).view(np.uint8)
        differs = largest_channel(beyond.reshape(-1, *band.shape[2:])).reshape(band.shape[:3]).view(np.bool_)
        times = count_true(differs)
        rivalled: Mask = times >= max(2.0, RIVAL_SHARE * count)
        rival = median.copy()
        # `take` keeps the pictures apart in memory, as an index by a mask does not, at four times the cost
        pixels = np.flatnonzero(rivalled)
        samples = band.reshape(count, -1, 3).take(pixels, axis=1)  # (N, P, 3)
        counted = differs.reshape(count, -1).take(pixels, axis=1).repeat(3, axis=1).reshape(samples.shape)
        rival[rivalled] = ranked(samples, times[rivalled][:, None] // 2, counted)
        found.append((median, rival, threshold, rivalled))
    return found


def _threshold(away: Samples) -> Samples:
    """(...) grey levels from which a pixel does not show the scene; `away` (N, ...) is how far its samples are from their median."""
    count = len(away)
    threshold = np.full(away.shape[1:], DIFFERS, np.uint8)
    rough = np.flatnonzero(count_true(away <= CALM) <= count // 2)
    sigma = ROBUST_SIGMAS * ranked(away.reshape(count, -1).take(rough, axis=1), count // 2)
    threshold.ravel()[rough] = np.clip(DIFFERS_SIGMAS * sigma, DIFFERS, 255)
    return threshold


def _choose(scene: Image, rival: Image, rivalled: Mask) -> Mask:
    """(H, W) bool: the places where `rival` is the empty scene and `scene` shows an object."""
    swapped = np.zeros_like(rivalled)
    whole = cv2.morphologyEx(rivalled.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, places, stats, _ = cv2.connectedComponentsWithStats(whole, connectivity=8)
    for n in range(1, count):
        x, y, w, h, area = stats[n].tolist()
        if area < 16:
            continue
        window = np.s_[max(0, y - 6) : y + h + 6, max(0, x - 6) : x + w + 6]
        place = places[window] == n
        if _step(scene[window], rival[window], place) < RIVAL_CONTRAST * _step(scene[window], scene[window], place):
            swapped[window] |= place
    return swapped


def _step(around: Image, inside: Image, place: Mask) -> float:
    """Mean grey levels between the rim of `inside` and what of `around` is next to it; infinite if nothing is."""
    kernel = np.ones((3, 3), np.uint8)
    near = cv2.dilate(place.astype(np.uint8), kernel, iterations=2) == 0  # leaves out the soft edge
    rim = place & (cv2.erode(place.astype(np.uint8), kernel, iterations=2, borderValue=1) == 0)
    weight = cv2.blur(near.astype(np.float32), (11, 11), borderType=cv2.BORDER_CONSTANT)
    outer = cv2.blur(around * near[..., None].astype(np.float32), (11, 11), borderType=cv2.BORDER_CONSTANT)
    rim &= weight > 0
    if not rim.any():
        return float("inf")
    return float(np.abs(inside[rim] - outer[rim] / weight[rim][:, None]).mean())
