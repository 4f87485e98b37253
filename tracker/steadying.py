"""A shaking camera's frames as a still one would have seen them, and what lanes find in those, in pixels of the frames.

frame -> steadied frame -> lanes -> moment of it -> moment of the frame -> sinks
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from tracker.picture import Picture
from tracker.resize import averaged_to, to_working_width
from tracker.shake import STILL, Follower, Matrix, Shake, scaled, undone
from tracker.types import Box, Frame, Image, Labels, Mask, Moment, Segmentation, View
from tracker.yuv import Planes

COVERED = 0.75
"""share of a frame's pixel that an object covers in the steadied picture, from which it is the object's: there the object is half a
pixel larger all round, since its rim and the ground are mixed"""


class Steadying:
    """Undoes the movement of a camera, frame by frame. A frame's movement is found once and kept: a run may see it several times."""

    def __init__(self, shake: Shake) -> None:
        self._scene = shake.scene
        self._follower = Follower(shake.scene)
        self._known = np.empty((0, 2, 3))
        """(N, 2, 3) by the frame's index, NaN where it was not asked for: one array, since it is in every checkpoint"""

    def image(self, image: Image) -> Image:
        """A picture (H, W, 3) of the clip that belongs to no frame, steadied."""
        matrix = self._movement(to_working_width(image, self._scene.shape[1]))
        return _Steadied(Picture.of(image), matrix, self._scene).rgb((image.shape[1], image.shape[0]))

    def frame(self, frame: Frame) -> Frame:
        """The frame with a steadied picture."""
        if frame.index >= len(self._known):
            more = np.full((frame.index + 1, 2, 3), np.nan)  # as many again: rarely, however long the clip
            self._known = np.concatenate([self._known, more])
        if np.isnan(self._known[frame.index]).any():
            self._known[frame.index] = self._movement(frame.picture.at(self._scene.shape[1]))
        steadied = _Steadied(frame.picture, self._known[frame.index], self._scene)
        return replace(frame, picture=Picture(steadied))

    def moment(self, moment: Moment) -> Moment:
        """What lanes found in a steadied frame, in the frame as it is."""
        stored = moment.frame.picture.stored
        assert isinstance(stored, _Steadied)
        views = tuple(_returned(view, stored) for view in moment.views)
        return Moment(replace(moment.frame, picture=stored.raw), views)

    def _movement(self, image: Image) -> Matrix:
        """By the scene's picture; none where it cannot be told, as in a blank picture."""
        found = self._follower.movement(image) if image.shape == self._scene.shape else None
        return STILL if found is None else found


@dataclass(frozen=True)
class _Steadied:
    """A `picture.Stored`: a frame's picture seen from where the camera is on average."""

    raw: Picture
    movement: Matrix
    """in pixels of `scene`"""
    scene: Image

    @property
    def size(self) -> tuple[int, int]:
        return self.raw.size

    def rgb(self, size: tuple[int, int]) -> Image:
        image = self.raw.at(size[0])
        scene = averaged_to(self.scene, size) if size[0] < self.scene.shape[1] else cv2.resize(self.scene, size)
        return undone(image, self.at_width(size[0]), np.asarray(scene, np.uint8))

    def thinned(self, step: int) -> Image:
        return self.raw.thinned(step)

    def planes(self) -> Planes | None:
        return None

    def at_width(self, width: int) -> Matrix:
        """The movement in a picture so wide."""
        return scaled(self.movement, width / self.scene.shape[1])


def _returned(view: View, stored: _Steadied) -> View:
    """A view of the steadied frame, of the frame as it is; what lies outside of it by then is left out."""
    seen = view.segmentation
    matrix = stored.at_width(seen.size[0])
    pixel = seen.size[0] / seen.labels.shape[1]
    boxes = {region.label: _moved(region.box, matrix, seen.size, pixel) for region in seen.regions}
    regions = tuple(replace(each, box=box) for each in seen.regions if (box := boxes[each.label]) is not None)
    tracks = tuple(
        replace(each, box=box)
        for each in view.tracks
        if (box := _moved(each.box, matrix, seen.size, pixel)) is not None
    )
    small = stored.at_width(seen.labels.shape[1])
    kept = np.append(0, [region.label for region in regions])
    labels = _turned(seen.labels, small)
    if len(regions) < len(seen.regions):
        labels = np.where(np.isin(labels, kept), labels, 0)
    foreground: Mask = _turned(seen.foreground.astype(np.int32), small) > 0
    verdicts = None if seen.verdicts is None else _turned(seen.verdicts.astype(np.int32), small).astype(np.uint8)
    found: Segmentation = replace(seen, labels=labels, regions=regions, foreground=foreground, verdicts=verdicts)
    return replace(view, segmentation=found, tracks=tracks)


def _turned(labels: Labels, matrix: Matrix) -> Labels:
    """Labels (h, w) int32 of the steadied picture where the frame has them."""
    forward = matrix.copy()
    forward[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
    size = (labels.shape[1], labels.shape[0])
    # in double, which holds every label: OpenCV turns no pictures of int32
    border = cv2.BORDER_REPLICATE  # what the steadied picture's border cuts goes on to that of the frame
    nearest = cv2.warpAffine(labels.astype(np.float64), forward, size, flags=cv2.INTER_NEAREST, borderMode=border)
    covered = cv2.warpAffine((labels > 0).astype(np.float32), forward, size, flags=cv2.INTER_LINEAR, borderMode=border)
    return np.where(covered >= COVERED, nearest, 0).astype(np.int32)


def _moved(box: Box, matrix: Matrix, size: tuple[int, int], pixel: float) -> Box | None:
    """The box where the frame has it, as far as it lies in the picture `size` (width, height); None if nothing does.

    A side nearer than `pixel`, one of the lanes' pixels, to the steadied picture's border is at the frame's: the border cuts the object.
    """
    zoom = float(np.sqrt(np.linalg.det(matrix[:, :2])))
    x, y = matrix[:, :2] @ [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] + matrix[:, 2]
    w, h = zoom * (box.x1 - box.x0) / 2, zoom * (box.y1 - box.y0) / 2
    x0, x1 = _within(x - w, x + w, box.x0 < pixel, box.x1 > size[0] - pixel, size[0])
    y0, y1 = _within(y - h, y + h, box.y0 < pixel, box.y1 > size[1] - pixel, size[1])
    return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _within(low: float, high: float, low_cut: bool, high_cut: bool, side: int) -> tuple[float, float]:
    """A stretch of one axis within 0 to `side`, up to there at ends that are cut."""
    return 0.0 if low_cut else max(0.0, low), float(side) if high_cut else min(float(side), high)
