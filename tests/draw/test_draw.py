"""What is on the picture, pixel by pixel where it can be counted."""

import numpy as np
import pytest
from overlays import anywhere, trails_of

from tracker.draw import (
    ImageCanvas,
    Overlay,
    OverlaySettings,
    Trails,
    colour_of,
    contact_sheet,
    draw_inset,
    draw_view,
    ink_on,
    side_by_side,
)
from tracker.draw.colours import DARK, lighten
from tracker.draw.text import place, place_clear, tag, text_px
from tracker.errors import ShapeError
from tracker.picture import Picture
from tracker.timing import clock
from tracker.types import Box, Frame, Moment, Region, Segmentation, Track, View

PLAIN = OverlaySettings(tint=0.5, outlines=False, boxes=False, ids=False, trail_frames=0, banner=False, inset=False)
GREY = 100


def grey(width, height):
    image = np.full((height, width, 3), GREY, np.uint8)
    image.flags.writeable = False  # nobody writes into an array it was handed
    return image


def view_of(width, height, *tracks, lane="gmm", masks=None):
    """A view in which every seen track owns its box, or the box in `masks`."""
    labels = np.zeros((height, width), np.int32)
    regions = []
    for track in tracks:
        if track.label:
            x0, y0, x1, y1 = (masks or {}).get(track.id, track.box)
            labels[int(max(y0, 0)) : int(max(y1, 0)), int(max(x0, 0)) : int(max(x1, 0))] = track.label
            regions.append(Region(track.label, track.box, float((labels == track.label).sum())))
    labels.flags.writeable = False
    return View(lane, Segmentation(labels, tuple(regions), labels > 0), tuple(tracks))


def seen(identity, *box, label=1):
    return Track(identity, Box(*box), 0.9, label)


def hidden(identity, *box):
    return Track(identity, Box(*box), 0.4, 0, hidden=True)


def draw(image, view, *, settings=PLAIN, trails=None, time_s=0.0):
    canvas = ImageCanvas(image)
    draw_view(canvas, view, time_s=time_s, trails=trails or Trails(0), settings=settings)
    return canvas.image


def changed(image, out):
    return (image != out).any(axis=2)


def test_nothing_switched_on_and_nobody_there_is_the_frame_itself_in_a_new_array():
    image = grey(40, 30)
    out = draw(image, view_of(40, 30))
    assert np.array_equal(out, image)
    assert out is not image
    out[:] = 0  # ours to write into


def test_a_tinted_pixel_is_half_frame_and_half_colour_and_its_neighbour_is_untouched():
    image = grey(40, 30)
    out = draw(image, view_of(40, 30, seen(3, 10, 10, 20, 20)))
    expected = [round(0.5 * GREY + 0.5 * c) for c in colour_of(3)]
    assert np.abs(out[15, 15].astype(int) - expected).max() <= 1
    ours = np.zeros((30, 40), bool)
    ours[10:20, 10:20] = True
    assert np.array_equal(changed(image, out), ours)


def test_a_mask_larger_than_its_predicted_box_is_tinted_to_its_border():
    out = draw(grey(40, 30), view_of(40, 30, seen(3, 14, 14, 16, 16), masks={3: (5, 5, 30, 25)}))
    assert changed(grey(40, 30), out).sum() == 25 * 20


def test_pixels_nobody_has_claimed_are_tinted_grey_not_coloured():
    view = view_of(40, 30, seen(3, 10, 10, 20, 20))
    out = draw(grey(40, 30), View("gmm", view.segmentation, ()))
    red, green, blue = out[15, 15]
    assert red == green == blue > GREY


def test_the_same_id_has_the_same_colour_in_both_lanes_and_at_every_time():
    first = draw(grey(40, 30), view_of(40, 30, seen(7, 0, 0, 9, 9, label=1), lane="gmm"), time_s=0)
    later = draw(grey(40, 30), view_of(40, 30, seen(7, 20, 9, 29, 18, label=5), lane="slots"), time_s=60)
    assert np.array_equal(first[4, 4], later[12, 24])


def test_three_hundred_ids_have_different_colours_and_neighbours_differ_much():
    colours = np.array([colour_of(i) for i in range(1, 301)])
    assert len({tuple(c) for c in colours.tolist()}) == 300
    for apart in (1, 2, 3, 4):
        assert np.abs(colours[apart:] - colours[:-apart]).max(axis=1).min() > 60


def contrast(a, b):
    """WCAG 2: (brighter + .05) / (darker + .05) of relative luminances; 4.5 is asked for small text, 3 for large."""

    def luminance(colour):
        c = np.array(colour) / 255
        return np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_every_tag_is_readable_whatever_is_behind_it():
    for identity in range(1, 301):
        colour = colour_of(identity)
        assert contrast(ink_on(colour), colour) > 4.5
        assert contrast(lighten(colour), DARK) > 4.5


@pytest.mark.parametrize(("height", "at_least"), [(240, 11), (480, 11), (1080, 24)])
def test_text_grows_with_the_frame_and_is_never_tiny(height, at_least):
    size = text_px(height)
    assert size >= at_least
    picture = tag("12", size, (255, 255, 255), (0, 0, 0))
    rows = np.flatnonzero(picture.max(axis=(1, 2)) > 128)
    assert rows[-1] - rows[0] + 1 >= 0.6 * size


def border(box):
    """The pixels of a box's top edge, between the corners."""
    return np.s_[box.y0, box.x0 + 1 : box.x1 - 1]


def test_a_seen_box_is_solid_and_a_hidden_one_is_dashed_and_fainter():
    settings = PLAIN.model_copy(update={"boxes": True, "tint": 0.0})
    image, box = grey(120, 90), Box(20, 20, 90, 70)
    solid = draw(image, view_of(120, 90, seen(4, *box)), settings=settings)
    dashed = draw(image, view_of(120, 90, hidden(4, *box)), settings=settings)
    edge = border(box)
    assert changed(image, solid)[edge].all()
    assert (solid[edge] == colour_of(4)).all()
    share = changed(image, dashed)[edge].mean()
    assert 0.3 < share < 0.8
    strongest = np.abs(dashed[edge].astype(int) - GREY).max(axis=0)
    assert (strongest < np.abs(np.array(colour_of(4)) - GREY)).all()


def test_a_box_is_half_open_its_last_pixel_row_is_y1_minus_1():
    settings = PLAIN.model_copy(update={"boxes": True, "tint": 0.0})
    image = grey(60, 60)
    where = changed(image, draw(image, view_of(60, 60, seen(4, 10, 20, 30, 50)), settings=settings))
    ys, xs = np.nonzero(where)
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (10, 20, 29, 49)


def test_hidden_boxes_are_drawn_even_where_boxes_are_switched_off():
    image = grey(60, 60)
    assert changed(image, draw(image, view_of(60, 60, hidden(4, 10, 20, 30, 50)))).any()
    assert not changed(image, draw(image, view_of(60, 60, seen(4, 10, 20, 30, 50, label=0)))).any()


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (48, 48), (321, 241)])
@anywhere
def test_boxes_anywhere_and_frames_of_any_size_are_drawn(size, box):
    width, height = size
    tracks = (Track(1, Box(*box), 1.0, 0), hidden(2, *box))
    trails = trails_of(tracks)
    out = draw(grey(width, height), view_of(width, height, *tracks), settings=OverlaySettings(), trails=trails)
    assert out.shape == (height, width, 3)
    assert out.dtype == np.uint8


def test_tags_lie_inside_the_frame_wherever_the_object_is():
    for corner in [(-50, -50), (500, 500), (-50, 500), (500, -50), (0, 0), (199.5, 99.5)]:
        x0, y0, x1, y1 = place((20, 12), corner, (200, 100))
        assert (x1 - x0, y1 - y0) == (20, 12)
        assert x0 >= 0
        assert y0 >= 0
        assert x1 <= 200
        assert y1 <= 100


def test_a_tag_goes_where_no_other_tag_is():
    taken = np.zeros((100, 200), bool)
    taken[:12, :20] = True
    assert place_clear((20, 12), [(5, 5), (40, 5)], taken) == (40, 5, 60, 17)
    assert place_clear((20, 12), [(5, 5), (15, 5)], taken) == (5, 5, 25, 17)  # nowhere clear: the first


def test_labels_of_another_size_than_the_frame_are_refused_with_both_sizes():
    with pytest.raises(ShapeError, match=r"slots.*40x20.*40x30"):
        draw(grey(40, 30), view_of(40, 20, lane="slots"))


def test_labels_that_have_grown_large_in_a_long_run_are_drawn():
    out = draw(grey(40, 30), view_of(40, 30, seen(90_000, 10, 10, 20, 20, label=90_000)))
    assert changed(grey(40, 30), out).sum() == 100


# Trails


def test_a_trail_is_the_feet_of_the_last_frames_oldest_first():
    trails = Trails(3)
    for index in range(5):
        trails.add([seen(1, index, 0, index + 2, 10)], index)
    assert trails.points(1).tolist() == [[3, 10], [4, 10], [5, 10]]
    assert trails.points(2).shape == (0, 2)


def test_who_is_not_seen_for_a_while_is_forgotten():
    trails = Trails(3)
    for index in range(1000):
        trails.add([seen(index, 0, 0, 2, 2)], index)  # a new id every frame, each seen once
        assert len(trails) <= 3
    trails.reset()
    assert len(trails) == 0


def test_a_trail_shorter_than_a_gap_in_the_frames_is_dropped():
    trails = Trails(10)
    trails.add([seen(1, 0, 0, 2, 2)], 0)
    trails.add([seen(2, 0, 0, 2, 2)], 50)
    assert len(trails) == 1


def test_a_trail_fades_towards_its_old_end():
    trails = Trails(50)
    for index in range(50):
        trails.add([seen(1, 4 * index, 20, 4 * index + 4, 50)], index)
    image = grey(220, 80)
    view = view_of(220, 80, Track(1, Box(196, 20, 200, 50), 1.0, 0))
    out = draw(image, view, settings=PLAIN.model_copy(update={"trail_frames": 50}), trails=trails)
    strength = np.abs(out.astype(int) - GREY).sum(axis=2).max(axis=0)
    old, middle, new = strength[10], strength[100], strength[190]
    assert 0 < old < middle < new


# Several pictures in one


def inset(image, mask, lane=""):
    height, width = image.shape[:2]
    segmentation = Segmentation(mask.astype(np.int32), (), mask, (width, height))
    canvas = ImageCanvas(image)
    draw_inset(canvas, View(lane, segmentation, ()), width=0.25)
    return canvas.image


@pytest.mark.parametrize("working", [1, 2])
def test_the_inset_is_in_the_bottom_right_corner_and_leaves_the_rest_alone(working):
    image = grey(80, 60)
    mask = np.zeros((60 // working, 80 // working), bool)
    mask[40 // working :, 40 // working :] = True
    out = inset(image, mask)
    where = changed(image, out)
    ys, xs = np.nonzero(where)
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (58, 43, 79, 59)  # 20 x 15 and a border of one pixel
    assert (out[57, 77] == 255).all()  # in the mask's quarter
    assert (out[57, 60] < 60).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (2, 60), (80, 2), (3, 3)])
def test_pictures_too_small_for_an_inset_have_none_and_no_error(size):
    draw_inset(ImageCanvas(grey(*size)), view_of(*size, lane="gmm"))


def test_the_inset_refuses_the_mask_of_another_frame():
    view = view_of(81, 60, lane="gmm")
    with pytest.raises(ShapeError, match="gmm"):
        draw_inset(ImageCanvas(grey(80, 60)), view)


def test_two_and_three_panels_stand_in_a_row_and_more_in_a_grid():
    tiles = [np.full((30, 40, 3), 40 * (i + 1), np.uint8) for i in range(5)]
    assert side_by_side(tiles[:1]).shape == (30, 40, 3)
    assert side_by_side(tiles[:2]).shape == (30, 40 + 2 + 40, 3)
    assert side_by_side(tiles[:3]).shape == (30, 3 * 40 + 2 * 2, 3)
    four = side_by_side(tiles[:4])
    assert four.shape == (2 * 30 + 2, 2 * 40 + 2, 3)
    assert [four[y, x, 0] for y in (0, 32) for x in (0, 42)] == [40, 80, 120, 160]
    five = side_by_side(tiles)
    assert five.shape == (2 * 30 + 2, 3 * 40 + 2 * 2, 3)
    assert (five[32:, 42:82] == 200).all()
    assert (five[32:, 84:] < 40).all()


def test_five_pictures_in_columns_of_two_make_three_rows():
    images = [np.full((30, 40, 3), 50 * i, np.uint8) for i in range(5)]
    sheet = contact_sheet(images, [0.0, 1.0, 2.0, 3.0, 4.0], columns=2)
    assert sheet.shape[1] == 2 + 2 * (40 + 2)
    row = (sheet.shape[0] - 2) // 3
    assert row > 30 + 10  # room for the time below
    for index in range(5):
        y, x = 2 + (index // 2) * row, 2 + (index % 2) * 42
        assert (sheet[y : y + 30, x : x + 40] == 50 * index).all()


def test_one_picture_is_a_sheet_too():
    assert contact_sheet([np.asarray(grey(1000, 500))], [0.0]).shape[1] == 480 + 4


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0, "0:00.0"),
        (12.3, "0:12.3"),
        (59.96, "0:59.9"),
        (75.25, "1:15.2"),
        (3661.5, "1:01:01.5"),
        (-0.1, "0:00.0"),
    ],
)
def test_seconds_are_written_as_a_player_shows_them(time_s, text):
    assert clock(time_s) == text


def moment(index, *views, width=80, height=60):
    return Moment(Frame(index, index / 10, Picture.of(grey(width, height))), views)


def test_a_moment_is_drawn_once_for_all_sinks():
    overlay = Overlay(OverlaySettings(), lanes=["slots"])
    first = moment(0, view_of(80, 60, seen(1, 10, 10, 30, 40), lane="slots"))
    assert overlay(first) is overlay(first)
    assert overlay(moment(1, *first.views)) is not overlay(first)


def test_panels_of_a_large_clip_are_made_smaller_so_that_players_show_them():
    tiles = [np.full((60, 100, 3), grey, np.uint8) for grey in (10, 90)]
    assert side_by_side(tiles, most_width=200).shape == (60, 202, 3)
    small = side_by_side(tiles, most_width=120)
    assert small.shape == (36, 122, 3)
    assert small[18, 30, 0] == 10
    assert small[18, 92, 0] == 90
    assert side_by_side(tiles * 3, most_width=150).shape == (62, 154, 3)


def test_two_lanes_share_the_frame_as_inset_or_as_panels():
    views = [view_of(80, 60, seen(1, 10, 10, 30, 40), lane="slots"), view_of(80, 60, lane="gmm")]
    alone = Overlay(OverlaySettings(), lanes=["slots"])(moment(0, *views))
    inset = Overlay(OverlaySettings(), lanes=["slots", "gmm"])(moment(0, *views))
    switched_off = Overlay(OverlaySettings(inset=False), lanes=["slots", "gmm"])(moment(0, *views))
    panels = Overlay(OverlaySettings(), lanes=["gmm", "slots"], panels=True)(moment(0, *views))
    assert not np.array_equal(alone, inset)
    assert np.array_equal(alone, switched_off)
    assert panels.shape == (60, 80 + 2 + 80, 3)
    assert np.array_equal(panels[:, 82:], alone)


def test_screens_may_show_other_lanes_while_a_run_goes_on_and_a_video_keeps_its_own():
    views = [
        [view_of(240, 180, seen(1, 90 + 5 * i, 60, 110 + 5 * i, 90), lane="slots"), view_of(240, 180, lane="gmm")]
        for i in range(4)
    ]
    lanes = ["slots", "gmm"]
    overlay, fixed = (Overlay(OverlaySettings(), lanes=lanes) for _ in range(2))
    other = Overlay(OverlaySettings(), lanes=["gmm", "slots"])
    panels = Overlay(OverlaySettings(), lanes=lanes, panels=True)
    overlay.show(["gmm"])
    for index, pair in enumerate(views):
        now = moment(index, *pair, width=240, height=180)
        if index == 2:
            overlay.show(lanes)
        assert np.array_equal(overlay.for_video(now), fixed(now))
        assert np.array_equal(overlay(now), other(now) if index < 2 else panels(now))
        panels(now)
    assert overlay.shown == ("slots", "gmm")
    with pytest.raises(KeyError):
        overlay.show(["nobody"])


def test_the_trails_of_an_overlay_are_its_own_and_can_be_forgotten():
    views = [[view_of(80, 60, seen(1, 5 * i, 10, 5 * i + 20, 40), lane="slots")] for i in range(8)]
    overlay, other = (Overlay(OverlaySettings(), lanes=["slots"]) for _ in range(2))
    for index in range(8):
        with_trail = overlay(moment(index, *views[index]))
    without = other(moment(7, *views[7]))
    assert not np.array_equal(with_trail, without)
    overlay.reset()
    assert np.array_equal(overlay(moment(7, *views[7])), without)
