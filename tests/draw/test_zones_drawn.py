"""Zones on the picture: the same on RGB and on the planes of a video, legible, and only where there are any."""

import numpy as np
import pytest
from test_canvas import SPACES, moments

from tracker.draw import Overlay, OverlaySettings
from tracker.draw.shapes import AREA, LINE
from tracker.jobs import ZoneWatch
from tracker.yuv import BT601, to_yuv
from tracker.zones import Line, Zones

SIZE = (640, 480)
ROOM = ((0.05, 0.2), (0.45, 0.25), (0.4, 0.9), (0.1, 0.8))
TREE = ((0.7, 0.3), (0.95, 0.3), (0.95, 0.6), (0.7, 0.6))
ZONES = Zones(areas={"room": ROOM}, exclude={"tree": TREE}, lines={"gate": Line(points=((0.6, 0.1), (0.6, 0.9)))})


def overlay_of(drawn, **settings):
    watch = ZoneWatch(drawn, ["slots", "gmm"], SIZE)
    return Overlay(OverlaySettings(inset=False, **settings), lanes=["slots", "gmm"], shapes=watch.shapes)


def near(image, colour, apart=40):
    return np.abs(image.astype(int) - colour).max(axis=2) < apart


def test_areas_lines_and_what_is_excluded_are_drawn_with_names_and_counts():
    (moment,) = moments(1)
    drawn, plain = overlay_of(ZONES)(moment), overlay_of(Zones())(moment)
    changed = (drawn != plain).any(axis=2)
    assert near(drawn, AREA)[:, 20:320].sum() > 1000
    assert near(drawn, LINE)[40:440, 380:388].sum() > 500
    arrow = near(drawn, LINE)[220:260]
    assert arrow[:, 340:380].sum() > arrow[:, 392:430].sum()  # forward is to the left of who looks up the picture
    assert drawn[200:280, 500:600].mean() < plain[200:280, 500:600].mean() - 20
    assert not changed[300:, 480:].any()


def test_switched_off_or_without_zones_the_picture_is_as_it_was():
    (moment,) = moments(1)
    without = Overlay(OverlaySettings(inset=False), lanes=["slots", "gmm"])(moment)
    assert np.array_equal(overlay_of(Zones())(moment), without)
    assert np.array_equal(overlay_of(ZONES, zones=False)(moment), without)


@pytest.mark.parametrize("space", SPACES, ids=["601", "601 full", "709"])
def test_planes_look_as_rgb_does(space):
    (moment,) = moments(1, space)
    overlay = overlay_of(ZONES)
    video, expected = overlay.for_video(moment), to_yuv(overlay(moment), space)
    for plane, wanted, mean in zip(video.planes.arrays, expected.planes.arrays, (0.3, 0.7, 0.7), strict=True):
        assert np.abs(plane.astype(int) - wanted).mean() < mean


def test_every_lane_has_its_own_counts_in_the_picture():
    watch = ZoneWatch(ZONES, ["slots", "gmm"], SIZE)
    (moment,) = moments(1, BT601)
    labels = {shape.kind: shape.label for shape in watch.shapes("gmm", watch.step(moment))}
    assert labels["line"] == "gate  0 in  0 out"
    assert labels["area"].startswith("room  1 inside  1 in  0 out")


@pytest.mark.parametrize("size", [(16, 16), (34, 18), (1920, 1080)])
def test_any_size_can_be_drawn_on(size):
    corner = Zones(
        areas={"a": ((0, 0), (1, 0), (1, 1), (0, 1))}, lines={"l": Line(points=((1, 0), (1, 1)))}, include={"i": ROOM}
    )
    watch = ZoneWatch(corner, ["slots", "gmm"], size)
    (moment,) = moments(1, size=size, working=16)
    overlay = Overlay(OverlaySettings(), lanes=["slots", "gmm"], shapes=watch.shapes)
    assert overlay(moment).shape == (size[1], size[0], 3)
    overlay.for_video(moment)
