"""Who stands in one place for most of a clip, found by the short stretch of time in which the place looks otherwise.

The pictures of a prescan are in order of time. Where an object arrives and stays, stays and leaves, or is away for a while, a place
has two looks, with a step in time between them. The rarer one lasts for a stretch of the clip. The outline of the place tells which of
the two is the empty scene: an object has an edge there, and the scene goes on across it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.channels import largest_channel
from tracker.components import components
from tracker.outlines import LEAST_AREA, MARGIN, is_empty
from tracker.ranks import Samples, ranked
from tracker.types import Image, Mask

LASTING = 3
"""pictures in a row that show the same, from which they are a stretch; of who walks slowly it may be so many too"""
TOGETHER = 0.9
"""share of a place's pixels that have the rarer look in a picture of the stretch"""
DIFFERENT = 10
"""grey levels by which the two looks differ: less than two single pictures, as each is a median of several"""
MOSTLY = 0.5
"""share of a place that has its look in the clip's first or last picture: what is as usual there was only passed on the way"""
MOST_ROUNDS = 4
"""stretches of different times in one connected place; where there are more, traffic never rests"""

Numbers = NDArray[np.uint16]
Window = tuple[slice, slice]
"""rows and columns"""


@dataclass(frozen=True)
class SecondLook:
    """A place that has another look for a while."""

    window: Window
    place: Mask
    """(h, w) of the window"""
    shown: Mask
    """(N,) the pictures in which nearly all of the place has that look"""
    look: Image
    """(h, w, 3) the window with that look, and around the place as usual"""
    is_empty: bool | None
    """whether that is the empty scene and the usual look an object, or the other way round; None: cannot be told"""

    def uncover(self, stack: Samples, usual: Image) -> None:
        """Show this look in all pictures (N, H, W, 3), and in the usual one."""
        usual[self.window][self.place] = self.look[self.place]
        rows, columns = self.window
        place = stack[:, rows, columns]
        shown = np.flatnonzero(self.shown)
        for k, n in enumerate(np.flatnonzero(~self.shown)):
            # by turns one of those that show it, since the same picture again and again would have no noise
            place[n][self.place] = place[shown[k % len(shown)]][self.place]


@dataclass(frozen=True)
class Runs:
    """The longest run of pictures in which a pixel is not as usual and stays the same; first = after where there is none."""

    first: Numbers
    """(...) number of its first picture"""
    after: Numbers
    """(...) number of the picture after its last"""

    def at(self, window: Window) -> Runs:
        return Runs(self.first[window], self.after[window])

    def shows(self, count: int) -> Mask:
        """(count, ...) the pictures of each run."""
        numbers = np.arange(count).reshape(-1, *(1,) * self.first.ndim)
        return np.asarray((self.first <= numbers) & (numbers < self.after))


def longest_runs(samples: Samples, differs: Mask, threshold: Samples) -> Runs:
    """The runs of P pixels.

    samples  (N, P, 3); differs  (N, P) from the usual look; threshold  (P, 3) up to which two samples are the same
    """
    start, length = np.zeros((2, samples.shape[1]), np.uint16)
    first, most = np.zeros((2, samples.shape[1]), np.uint16)
    for n, differ in enumerate(differs):
        goes_on = differ & (length > 0)
        if n:
            away = np.asarray(cv2.subtract(cv2.absdiff(samples[n], samples[n - 1]), threshold), np.uint8)
            goes_on &= largest_channel(away[None])[0] == 0
        np.copyto(start, np.uint16(n), where=~goes_on)
        length = np.where(goes_on, length + np.uint16(1), differ.astype(np.uint16))
        np.copyto(first, start, where=length > most)
        np.maximum(most, length, out=most)
    return Runs(first, np.asarray(first + most, np.uint16))


def find_stretches(stack: Samples, usual: Image, runs: Runs) -> Iterator[SecondLook]:
    """The stretches of pictures (N, H, W, 3) whose usual look is `usual` (H, W, 3), by the runs (H, W) of their pixels."""
    lasting: Mask = runs.after >= runs.first + LASTING
    for _ in range(MOST_ROUNDS):
        whole = cv2.morphologyEx(lasting.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        pieces = components(np.asarray(whole, np.uint8))
        for label, (x, y, w, h) in enumerate(pieces.boxes[1:].tolist(), 1):
            window = slice(max(0, y - MARGIN), y + h + MARGIN), slice(max(0, x - MARGIN), x + w + MARGIN)
            here = lasting[window] & (pieces.labels[window] == label)
            seed = _in_common(here, runs.at(window)) if pieces.areas[label] >= LEAST_AREA else here
            lasting[window] &= ~seed
            if seed.sum() >= LEAST_AREA:
                yield from _stretches(stack[(slice(None), *window)], usual[window], runs.at(window), seed, window)
        if not lasting.any():
            return


def find_told(stack: Samples, usual: Image, runs: Runs) -> list[SecondLook]:
    """The stretches of which can be told what is empty. No two of them have a pixel in common."""
    found = [each for each in find_stretches(stack, usual, runs) if each.is_empty is not None]
    known = np.zeros(usual.shape[:2], bool)
    told = []
    for each in sorted(found, key=lambda each: -int(each.place.sum())):
        place = each.place & ~known[each.window]
        known[each.window] |= place
        told.append(replace(each, place=place))
    return told


def _in_common(here: Mask, runs: Runs) -> Mask:
    """Those of the pixels whose runs begin together, or end together: whichever are more."""
    sides = [side[here].astype(np.int32) for side in (runs.first, runs.after)]
    modes = [np.bincount(side) for side in sides]
    side, mode = max(zip(sides, modes, strict=True), key=lambda each: int(each[1].max()))
    common = here.copy()
    common[here] = np.abs(side - int(mode.argmax())) <= 1
    return common


def _stretches(samples: Samples, usual: Image, runs: Runs, seed: Mask, window: Window) -> Iterator[SecondLook]:
    """One for each piece of a place; samples, usual look and runs are the window's."""
    own = runs.shows(len(samples))[:, seed]  # (N, P)
    share = own.mean(axis=1)
    shown: Mask = share >= TOGETHER * share.max()
    shared = np.ascontiguousarray(samples[shown])
    look = ranked(shared, len(shared) // 2)
    # who leaves uncovers the place bit by bit
    counted = own[..., None].repeat(3, axis=2)
    look[seed] = ranked(np.ascontiguousarray(samples[:, seed]), own.sum(axis=0)[:, None] // 2, counted)
    different = largest_channel(np.asarray(cv2.absdiff(look, usual), np.uint8)) > DIFFERENT
    pieces = components(np.asarray(cv2.medianBlur((different | seed).astype(np.uint8), 3), np.uint8))
    seeded = np.bincount(pieces.labels[seed], minlength=len(pieces.areas))
    passed = np.zeros_like(seed)
    for n in (0, len(samples) - 1):
        if own[n].mean() >= MOSTLY:  # a stretch from the first picture, or to the last one
            passed |= largest_channel(np.asarray(cv2.absdiff(samples[n], usual), np.uint8)) <= DIFFERENT
    for label in range(1, len(seeded)):
        if seeded[label] >= LEAST_AREA:
            place: Mask = pieces.labels == label
            yield SecondLook(window, place & ~passed, shown, look, is_empty(look, usual, place))
