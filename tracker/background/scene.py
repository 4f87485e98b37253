"""The prescan: pictures spread over a clip, cleared of everything that is not scene.

A pixel's median is the empty scene if nothing stands there for half of the clip. Where something does and is not there for
a while, `stretches` finds the place empty. What never goes is scene. All pictures are brought to one light before: a median over
two lights is dark in one place and bright in another.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.background.light import Array, light_between, relight
from tracker.background.stretches import LASTING, Numbers, Runs, find_told, longest_runs
from tracker.background.structure import BLOCKS, FEWEST, Thumbnail, kept_blocks, likeness, thumbnail
from tracker.channels import largest_channel
from tracker.ranks import Samples, count_true, ranked
from tracker.types import TINY_PX, Image

DIFFERS = 20
"""Grey levels a sample differs from the scene at least: above compression noise, below most objects."""

DIFFERS_SIGMAS = 4.0
"""The same in robust standard deviations of the pixel, so that ripple and leaves stay part of the scene."""

ROBUST_SIGMAS = 1.4826
"""standard deviations of a normal variable in its median absolute difference from the median"""

CALM = int(DIFFERS / (DIFFERS_SIGMAS * ROBUST_SIGMAS))
"""Grey levels: of a pixel with a median difference up to here, DIFFERS is the larger of the two bounds."""

LONG = 0.25
"""share of the pictures from which an object that is in them makes its place seem restless: the median difference has half of them"""

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
    scene, threshold, of_steps, *runs = (np.concatenate(rows) for rows in zip(*_bands(stack), strict=True))
    told = find_told(stack, scene, Runs(*runs))
    uncovered = [each for each in told if each.is_empty]
    for each in uncovered:
        each.uncover(stack, scene)
    for each in told:
        if each.is_empty or each.shown.mean() >= LONG:
            threshold[each.window][each.place] = of_steps[each.window][each.place]
    for n, image in enumerate(stack):
        beyond = np.asarray(cv2.subtract(cv2.absdiff(image, scene), threshold), np.uint8)  # 0 up to the threshold
        visitor = largest_channel(beyond)
        cv2.copyTo(scene, visitor, image)
        if n in lights:  # back to its own light
            for each in uncovered:
                visitor[each.window] |= each.place & ~each.shown[n]
            image[...] = np.where(visitor[..., None] > 0, relight(image, lights[n]), images[n])
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


def _bands(stack: Samples) -> list[tuple[Samples, Samples, Samples, Numbers, Numbers]]:
    """By bands of rows: median, both thresholds, and when the runs begin and end in which a pixel differs; see `stretches.Runs`."""
    count = len(stack)
    rows = max(1, BAND_BYTES // stack[:, 0].size)
    found = []
    for y in range(0, stack.shape[1], rows):
        band = np.ascontiguousarray(stack[:, y : y + rows])  # (N, rows, W, 3)
        median = ranked(band, count // 2)
        away = np.maximum(band, median) - np.minimum(band, median)
        threshold = _threshold(away)
        of_steps = _threshold_of_steps(band, threshold)
        runs = _runs(band, away, of_steps)
        found.append((median, threshold, of_steps, runs.first, runs.after))
    return found


def _runs(band: Samples, away: Samples, threshold: Samples) -> Runs:
    """The runs of a band's pixels, which are `away` from the median."""
    count = len(band)
    beyond = (away > threshold).view(np.uint8)
    differs = largest_channel(beyond.reshape(-1, *band.shape[2:])).reshape(band.shape[:3]).view(np.bool_)
    runs = Runs(*np.zeros((2, *differs.shape[1:]), np.uint16))
    pixels = np.flatnonzero(count_true(differs) >= LASTING)
    if pixels.size:
        # `take` keeps the pictures apart in memory, as an index by a mask does not, at four times the cost
        samples = band.reshape(count, -1, 3).take(pixels, axis=1)  # (N, P, 3)
        counted = differs.reshape(count, -1).take(pixels, axis=1)
        found = longest_runs(samples, counted, threshold.reshape(-1, 3)[pixels])
        runs.first.flat[pixels], runs.after.flat[pixels] = found.first, found.after
    return runs


def _threshold_of_steps(band: Samples, threshold: Samples) -> Samples:
    """(rows, W, 3) the threshold by the steps from picture to picture: who is there for half of the clip raises only the other."""
    rough = np.flatnonzero(threshold > DIFFERS)
    if not rough.size or len(band) < 2:
        return threshold
    samples = band.reshape(len(band), -1).take(rough, axis=1)
    steps = np.maximum(samples[1:], samples[:-1]) - np.minimum(samples[1:], samples[:-1])
    sigma = ROBUST_SIGMAS * ranked(steps, len(steps) // 2) / 2**0.5
    found = threshold.copy()
    found.ravel()[rough] = np.minimum(threshold.ravel()[rough], np.clip(DIFFERS_SIGMAS * sigma, DIFFERS, 255))
    return found


def _threshold(away: Samples) -> Samples:
    """(...) grey levels from which a pixel does not show the scene; `away` (N, ...) is how far its samples are from their median."""
    count = len(away)
    threshold = np.full(away.shape[1:], DIFFERS, np.uint8)
    rough = np.flatnonzero(count_true(away <= CALM) <= count // 2)
    sigma = ROBUST_SIGMAS * ranked(away.reshape(count, -1).take(rough, axis=1), count // 2)
    threshold.ravel()[rough] = np.clip(DIFFERS_SIGMAS * sigma, DIFFERS, 255)
    return threshold
