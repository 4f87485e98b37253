"""The same moment on RGB and on the planes of a video."""

import cv2
import numpy as np
import pytest
from overlays import anywhere, trails_of

from tracker.draw import ImageCanvas, Overlay, OverlaySettings, Trails, YuvCanvas, colour_of, draw_view
from tracker.draw.text import TextBox, Words, tag
from tracker.picture import Picture
from tracker.types import Box, Frame, Moment, Region, Segmentation, Track, View
from tracker.yuv import BT601, ColourSpace, YuvImage, to_rgb, to_yuv, yuv_of

SPACES = [BT601, ColourSpace(full_range=True), ColourSpace(1, False, 1, 1)]
RED = (255, 0, 0)


class Stored:
    """A picture as a decoder has it."""

    def __init__(self, image, space=BT601):
        self._image, self._yuv = image, to_yuv(image, space)
        self.size = self._yuv.size

    def rgb(self, size):
        assert size == self.size
        return self._image

    def thinned(self, step):
        raise NotImplementedError

    def planes(self):
        return self._yuv.planes


def picture(width, height):
    coarse = np.random.default_rng(3).integers(60, 200, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def view_at(index, size=(640, 480), working=320, lane="slots"):
    """Two walkers of whom one is hidden at times, and an object that nobody has claimed."""
    scale = size[0] / working
    labels = np.zeros((round(size[1] / scale), working), np.int32)
    tracks = []
    for label, (x, y) in enumerate(((60 + 2 * index, 90), (200 - index, 110), (260, 60)), start=1):
        hidden = label == 2 and index % 2 == 1
        if not hidden:
            cv2.ellipse(labels, (x, y), (12, 30), 0, 0, 360, label, -1)
        if label < 3:
            box = Box(*(scale * np.array([x - 12, y - 30, x + 13, y + 31])).tolist())
            tracks.append(Track(label, box, 1.0, 0 if hidden else label, hidden=hidden))
    regions = tuple(Region(label, Box(0, 0, 1, 1), 1.0) for label in np.unique(labels) if label)
    return View(lane, Segmentation(labels, regions, labels > 0, size), tuple(tracks))


def moments(count, space=BT601, size=(640, 480), **options):
    stored = Stored(picture(*size), space)
    for index in range(count):
        views = tuple(view_at(index, size, lane=lane, **options) for lane in ("slots", "gmm"))
        yield Moment(Frame(index, index / 10, Picture(stored)), views)


@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("space", SPACES, ids=["601", "601 full", "709"])
def test_planes_look_as_rgb_does(space, panels):
    overlay = Overlay(OverlaySettings(), lanes=["slots", "gmm"], panels=panels)
    for moment in moments(12, space):
        video, image = overlay.for_video(moment), overlay(moment)
    expected = to_yuv(image, space)
    assert video.space == space
    assert video.size == expected.size
    for plane, wanted, mean in zip(video.planes.arrays, expected.planes.arrays, (0.3, 0.6, 0.6), strict=True):
        apart = np.abs(plane.astype(int) - wanted)
        assert apart.mean() < mean
        # lines keep more of their colour, and tags begin one pixel earlier
        assert (apart > 3).mean() < 0.03
    assert np.abs(to_rgb(video).astype(int) - to_rgb(expected)).mean() < 1.5


def test_what_is_not_drawn_on_stays_as_it_was_bit_for_bit():
    overlay = Overlay(OverlaySettings(), lanes=["slots", "gmm"])
    for moment in moments(12):
        video, image = overlay.for_video(moment), overlay(moment)
    near = cv2.dilate((image != moment.frame.image).any(2).astype(np.uint8), np.ones((7, 7))) > 0
    source = moment.frame.picture.planes()
    assert 0.05 < near.mean() < 0.7
    for plane, before, step in zip(video.planes.arrays, source.arrays, (1, 2, 2), strict=True):
        away = ~near[::step, ::step]
        assert np.array_equal(plane[away], before[away])


def test_the_decoders_planes_are_not_written_to():
    overlay = Overlay(OverlaySettings(), lanes=["slots", "gmm"])
    (moment,) = moments(1)
    before = [plane.copy() for plane in moment.frame.picture.planes().arrays]
    overlay.for_video(moment)
    assert all(np.array_equal(a, b) for a, b in zip(before, moment.frame.picture.planes().arrays, strict=True))


def test_without_planes_the_video_has_the_picture_of_the_other_sinks():
    overlay = Overlay(OverlaySettings(), lanes=["slots"])
    moment = Moment(Frame(0, 0.0, Picture.of(picture(640, 480))), (view_at(0),))
    assert overlay.for_video(moment) is overlay(moment)


def test_a_moment_drawn_for_two_kinds_of_sinks_has_its_steps_of_trails_once():
    both, one = (Overlay(OverlaySettings(), lanes=["slots"]) for _ in range(2))
    for moment in moments(6):
        both(moment)
        drawn, alone = both.for_video(moment), one.for_video(moment)
        assert both.for_video(moment) is drawn
    assert np.array_equal(drawn.rows, alone.rows)


@pytest.mark.parametrize("size", [(2, 2), (8, 6), (48, 48), (322, 242)])
@anywhere
def test_boxes_anywhere_and_frames_of_any_even_size_are_drawn(size, box):
    width, height = size
    tracks = (Track(1, Box(*box), 1.0, 0), Track(2, Box(*box), 1.0, 0, hidden=True))
    trails = trails_of(tracks)
    labels = np.zeros((max(1, height // 2), max(1, width // 2)), np.int32)
    labels[-1:, -1:] = 1
    view = View("a", Segmentation(labels, (), labels > 0, size), (*tracks, Track(3, Box(*box), 1.0, 1)))
    stored = Stored(picture(width, height))
    canvas = YuvCanvas(stored.planes())
    draw_view(canvas, view, time_s=0, trails=trails, settings=OverlaySettings())
    overlay = Overlay(OverlaySettings(), lanes=["a", "b"])
    frame = Frame(0, 0.0, Picture(stored))
    assert overlay.for_video(Moment(frame, (view, View("b", view.segmentation, ())))).size == size


# The canvases


@pytest.mark.parametrize("x", [4, 5])
def test_a_filled_rectangle_has_its_whole_colour_in_each_block_that_it_touches(x):
    canvas = YuvCanvas(to_yuv(np.full((16, 16, 3), 90, np.uint8)).planes)
    canvas.fill((x, x + 1), (0, 16), RED)
    y, u, v = yuv_of(RED, BT601)
    planes = canvas.yuv.planes
    assert (planes.y == y).sum() == 16
    assert (planes.y[:, x] == y).all()
    for plane, value in ((planes.u, u), (planes.v, v)):
        assert (plane[:, 2] == value).all()
        assert (plane == 128).sum() == 8 * 7


def test_what_is_blended_fully_is_the_colour_and_what_is_not_is_untouched():
    image = picture(16, 16)
    opacity = np.zeros((8, 8), np.uint8)
    opacity[2:6, 2:6] = 255
    rgb, yuv = ImageCanvas(image), YuvCanvas(to_yuv(image).planes)
    for canvas in (rgb, yuv):
        canvas.blend((4, 4), opacity, RED)
    drawn = np.zeros((16, 16), bool)
    drawn[6:10, 6:10] = True
    assert (rgb.image[drawn] == RED).all()
    assert np.array_equal(rgb.image[~drawn], image[~drawn])
    source, values = to_yuv(image).planes, yuv_of(RED, BT601)
    for plane, before, value, step in zip(yuv.yuv.planes.arrays, source.arrays, values, (1, 2, 2), strict=True):
        assert (plane[drawn[::step, ::step]] == value).all()
        assert np.array_equal(plane[~drawn[::step, ::step]], before[~drawn[::step, ::step]])


@pytest.mark.parametrize("corner", [(0, 0), (3, 5), (4, 4)])
def test_words_on_planes_begin_at_an_even_pixel_and_are_those_of_rgb(corner):
    words = Words("27", 11, (0, 0, 0), (255, 255, 0))
    height, width = tag(*words).shape[:2]
    canvas = YuvCanvas(to_yuv(np.full((40, 60, 3), 90, np.uint8)).planes)
    canvas.write(words, TextBox(corner[0], corner[1], corner[0] + width, corner[1] + height))
    x, y = corner[0] // 2 * 2, corner[1] // 2 * 2
    even = np.s_[: height // 2 * 2, : width // 2 * 2]
    wanted = to_yuv(np.ascontiguousarray(tag(*words)[even])).planes
    for plane, part, step in zip(canvas.yuv.planes.arrays, wanted.arrays, (1, 2, 2), strict=True):
        where = np.s_[y // step : y // step + part.shape[0], x // step : x // step + part.shape[1]]
        assert np.array_equal(plane[where], part)
    outside = canvas.yuv.planes.y.copy()
    outside[y : y + height + height % 2, x : x + width + width % 2] = 0
    assert set(np.unique(outside)) == {0, to_yuv(np.full((2, 2, 3), 90, np.uint8)).rows[0, 0]}


def test_a_place_inside_the_picture_is_widened_to_even_sides():
    canvas = ImageCanvas(np.zeros((21, 33, 3), np.uint8))
    assert canvas.fit(3, 4, 7, 8) == (2, 4, 8, 8)
    assert canvas.fit(-5, -5, 100, 100) == (0, 0, 33, 21)
    x0, y0, x1, y1 = canvas.fit(50, 50, 60, 60)
    assert (x1 - x0) * (y1 - y0) <= 0 or (x1 <= 33 and y1 <= 21)


# Masks at the size at which a lane worked


def outline_of(view, size):
    canvas = ImageCanvas(np.full((size[1], size[0], 3), 100, np.uint8))
    settings = OverlaySettings(boxes=False, ids=False, trail_frames=0, banner=False, inset=False)
    draw_view(canvas, view, time_s=0, trails=Trails(0), settings=settings)
    return canvas.image


@pytest.mark.parametrize("scale", [1, 1.5, 2, 3, 6])
def test_a_mask_that_is_enlarged_is_where_its_pixels_are(scale):
    size = (round(160 * scale), round(120 * scale))
    labels = np.zeros((120, 160), np.int32)
    cv2.ellipse(labels, (80, 60), (30, 40), 20, 0, 360, 1, -1)
    segmentation = Segmentation(labels, (), labels > 0, size)
    image = outline_of(View("a", segmentation, (Track(1, Box(0, 0, 1, 1), 1.0, 1),)), size)
    changed, full = (image != 100).any(2), segmentation.full_labels > 0
    brush = np.ones((2 * round(scale) + 5,) * 2, np.uint8)
    assert not (changed & (cv2.dilate(full.astype(np.uint8), brush) == 0)).any()
    assert changed[full].mean() > 0.99
    apart = np.abs(image.astype(int) - colour_of(1)).max(2)
    line = apart < 0.4 * apart[0, 0]  # a tint alone leaves 0.65
    assert not (line & (cv2.erode(full.astype(np.uint8), brush) > 0)).any()
    # Whoever walks down any row through the middle meets the line on both sides.
    for y in range(round(50 * scale), round(70 * scale)):
        assert line[y, : round(80 * scale)].any()
        assert line[y, round(80 * scale) :].any()


def test_an_object_of_one_small_pixel_is_seen():
    labels = np.zeros((90, 160), np.int32)
    labels[45, 80] = 1
    view = View("a", Segmentation(labels, (), labels > 0, (480, 270)), (Track(1, Box(0, 0, 1, 1), 1.0, 1),))
    assert (outline_of(view, (480, 270)) == colour_of(1)).all(2).sum() >= 4


def test_trails_are_those_of_a_list_of_positions():
    rng = np.random.default_rng(0)
    trails, seen = Trails(7), []
    for index in np.cumsum(rng.integers(1, 5, 200)).tolist():
        x, y = rng.uniform(0, 100, 2)
        trails.add([Track(1, Box(x - 1, 0, x + 1, y), 1.0, 0)], index)
        seen.append((index, x, y))
        wanted = [step[1:] for step in seen if step[0] > index - 7][-7:]
        np.testing.assert_allclose(trails.points(1), wanted, rtol=1e-5)


def test_no_trails_are_kept_where_none_are_drawn():
    trails = Trails(0)
    trails.add([Track(1, Box(0, 0, 1, 1), 1.0, 0)], 0)
    assert len(trails) == 0


def test_panels_of_a_large_video_are_made_smaller_to_even_sides():
    overlay = Overlay(OverlaySettings(panels_width=500), lanes=["slots", "gmm"], panels=True)
    (moment,) = moments(1, size=(640, 482))
    video = overlay.for_video(moment)
    assert isinstance(video, YuvImage)
    assert video.size == (2 * 250 + 2, 188)
    assert video.size == overlay(moment).shape[1::-1]


@pytest.mark.parametrize("box", [Box(900, 900, 950, 980), Box(-90, -90, -20, -30), Box(60, 40, 20, 10)])
def test_a_hidden_box_that_is_outside_or_inside_out_draws_nothing_and_fails_nothing(box):
    image = np.full((48, 64, 3), 90, np.uint8)
    labels = np.zeros((48, 64), np.int32)
    hidden = Track(1, box, 0.5, 0, hidden=True)
    view = View("slots", Segmentation(labels, (), labels > 0), (hidden,))
    settings = OverlaySettings(banner=False, ids=False)
    drawn = Overlay(settings, lanes=["slots"])(Moment(Frame(0, 0.0, Picture.of(image)), (view,)))
    assert drawn.shape == image.shape
