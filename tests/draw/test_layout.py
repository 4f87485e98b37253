"""Where words and insets go: beside objects and not over them, without jumping, and few of them for what is hidden."""

from dataclasses import replace

import numpy as np
import pytest
from test_draw import hidden, moment, seen, view_of

from tracker.draw import ImageCanvas, Overlay, OverlaySettings, draw_inset, draw_view
from tracker.draw.corners import BOTTOM_LEFT, BOTTOM_RIGHT, STAY_S, TOP_LEFT, TOP_RIGHT, StayingCorner, objects_in
from tracker.draw.layout import HIDDEN_LEAST, HIDDEN_MOST, HIDDEN_TAGS, TAG_STAY_S, Arrangement, whole_boxes
from tracker.draw.text import TextBox, text_px
from tracker.draw.trails import Trails
from tracker.types import Box, Track

SIZE = (320, 240)


def laid_out(*tracks, arrangement=None, time_s=0.0, size=SIZE, **options):
    settings = options.pop("settings", OverlaySettings())
    view = view_of(*size, *tracks)
    return (arrangement or Arrangement()).lay_out(view, time_s=time_s, settings=settings, **options)


def tags(layout):
    """Places of the tags by id."""
    return {int(words.text): at for words, at in layout.words if words.text.isdigit()}


def meet(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_no_tag_covers_an_object_or_another_tag_where_there_is_room():
    boxes = [(100 + 14 * (k % 5), 100 + 30 * (k // 5), 112 + 14 * (k % 5), 112 + 30 * (k // 5)) for k in range(10)]
    places = tags(laid_out(*(seen(k + 1, *box) for k, box in enumerate(boxes))))
    for identity, at in places.items():
        assert not any(meet(at, box) for box in boxes)
        assert not any(meet(at, other) for number, other in places.items() if number != identity)


@pytest.mark.parametrize("box", [(0, 0, 30, 60), (290, 0, 320, 60), (100, 0, 130, 240), (0, 200, 30, 240)])
def test_a_tag_at_the_border_is_not_pushed_over_its_own_object(box):
    layout = laid_out(seen(1, *box), settings=OverlaySettings(banner=False))
    assert not meet(tags(layout)[1], box)


def test_without_room_the_tags_of_two_still_part():
    wide = Track(1, Box(0, 0, 320, 240), 1.0, 1)
    places = tags(laid_out(wide, seen(2, 100, 100, 130, 140, label=2), seen(3, 131, 100, 160, 140, label=3)))
    assert not meet(places[2], places[3])


def test_letters_and_lines_are_small_where_objects_are():
    size = (1280, 720)
    layout = laid_out(seen(1, 100, 100, 112, 112), seen(2, 400, 100, 500, 300, label=2), size=size)
    height = {number: at.y1 - at.y0 for number, at in tags(layout).items()}
    assert height[1] < 0.6 * height[2]
    assert {look.track.id: look.line_px for look in layout.looks} == {1: 1, 2: 2}


def test_letters_keep_their_size_while_a_box_breathes():
    arrangement = Arrangement()
    heights = set()
    for frame in range(20):
        grown = 40 + 4 * (frame % 2)
        layout = laid_out(
            seen(1, 100, 100, 120, 100 + grown), arrangement=arrangement, time_s=frame / 25, size=(1280, 720)
        )
        at = tags(layout)[1]
        heights.add(at.y1 - at.y0)
    assert len(heights) == 1


def test_a_tag_stays_on_its_side_for_a_while_and_returns_when_it_is_free():
    arrangement = Arrangement()
    above = (90, 60, 150, 99)
    crowded = tags(laid_out(seen(1, 100, 100, 130, 160), seen(2, *above, label=2), arrangement=arrangement))[1]
    assert crowded.y0 >= 100
    soon = tags(laid_out(seen(1, 100, 100, 130, 160), arrangement=arrangement, time_s=0.5 * TAG_STAY_S))[1]
    assert soon == crowded
    later = tags(laid_out(seen(1, 100, 100, 130, 160), arrangement=arrangement, time_s=1.1 * TAG_STAY_S))[1]
    assert later.y1 <= 100


def test_of_many_hidden_ones_some_have_boxes_some_a_small_tag_and_the_banner_counts_all():
    arrangement = Arrangement()
    many = [hidden(10 + k, 5 * k, 100, 5 * k + 40, 140) for k in range(40)]
    laid_out(*many[:20], arrangement=arrangement)
    layout = laid_out(seen(1, 20, 20, 40, 60), *many, arrangement=arrangement, time_s=1.0)
    shown = [look.track.id for look in layout.looks if look.shown and look.track.hidden]
    assert len(shown) == HIDDEN_LEAST
    assert min(shown) >= 30  # those that were hidden last
    assert len(layout.looks) == 1 + HIDDEN_LEAST + HIDDEN_TAGS
    assert layout.words[0][0].text.endswith("1 object, 40 hidden")
    sizes = {words.size_px for words, _ in layout.words if words.text not in map(str, shown)}
    assert min(sizes) < text_px(SIZE[1])
    crowd = [seen(100 + k, 6 * k, 180, 6 * k + 5, 190, label=k + 1) for k in range(40)]
    layout = laid_out(*crowd, *many)
    assert sum(look.shown and look.track.hidden for look in layout.looks) == HIDDEN_MOST


def test_banner_and_inset_of_a_lane_that_was_given_up_say_so():
    view = replace(view_of(*SIZE), off=True)
    layout = Arrangement().lay_out(view, time_s=0.0, settings=OverlaySettings())
    assert layout.words[0][0].text.endswith("off")
    pictures = []
    for given in (view, view_of(*SIZE)):
        canvas = ImageCanvas(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
        draw_inset(canvas, given)
        pictures.append(canvas.image)
    assert not np.array_equal(*pictures)


def test_a_hidden_box_tints_nothing_even_if_its_label_is_on_the_picture():
    view = view_of(*SIZE, seen(1, 60, 60, 200, 200))
    predicted = Track(1, Box(20, 20, 300, 220), 0.4, 1, hidden=True)
    canvas = ImageCanvas(np.full((240, 320, 3), 100, np.uint8))
    settings = OverlaySettings(banner=False, ids=False)
    draw_view(canvas, replace(view, tracks=(predicted,)), time_s=0, trails=Trails(0), settings=settings)
    red, green, blue = canvas.image[130, 130]
    assert red == green == blue  # unclaimed pixels are grey
    assert (canvas.image[40, 40] == 100).all()


def test_whole_boxes_hold_the_last_pixel_and_end_near_the_frame():
    tracks = [seen(1, 10.4, 20.5, 30.2, 40.6), seen(2, -1e9, 0, 1e9, 3)]
    assert whole_boxes(tracks, (100, 50)) == [(10, 20, 29, 40), (-8, 0, 108, 2)]


# Corners


def test_objects_count_where_a_tenth_of_them_is_covered():
    boxes = np.array([(0, 0, 10, 10), (95, 0, 195, 10), (50, 50, 50, 50)], float)
    assert objects_in(boxes, [TextBox(0, 0, 100, 100), TextBox(0, 0, 106, 100)]).tolist() == [1, 2]
    assert objects_in(np.empty((0, 4)), [TextBox(0, 0, 9, 9)]).tolist() == [0]


def objects(**corners):
    found = np.zeros(4)
    for name, value in corners.items():
        found[{"bottom_right": BOTTOM_RIGHT, "bottom_left": BOTTOM_LEFT}[name]] = value
    return found


def test_an_inset_begins_where_nobody_is_and_stays_while_somebody_passes():
    corner = StayingCorner((BOTTOM_RIGHT, BOTTOM_LEFT, TOP_RIGHT, TOP_LEFT))
    assert corner.choose(objects(bottom_right=2), 0.0) == BOTTOM_LEFT
    for frame in range(1, 60):  # one passes through for two seconds
        assert corner.choose(objects(bottom_left=1), frame / 25) == BOTTOM_LEFT


def test_an_inset_over_a_busy_corner_moves_once_and_does_not_come_back_at_once():
    corner = StayingCorner((BOTTOM_RIGHT, BOTTOM_LEFT))
    corners = [
        corner.choose(objects(bottom_right=3) if frame // 50 % 2 == 0 else objects(bottom_left=3), frame / 25)
        for frame in range(1000)
    ]
    moves = np.flatnonzero(np.diff(corners))
    assert (np.diff(moves) >= STAY_S * 25 - 1).all()
    again = StayingCorner((BOTTOM_RIGHT, BOTTOM_LEFT))
    assert corners[:3] == [again.choose(objects(bottom_right=3), frame / 25) for frame in range(3)]


def changed(out):
    return (out != 100).any(axis=2)


def test_inset_and_banner_leave_the_objects_in_their_corners_free():
    settings = OverlaySettings(boxes=False, ids=False, outlines=False, tint=0.0, trail_frames=0)
    tracks = (seen(1, 0, 0, 60, 40), seen(2, 250, 190, 310, 235, label=2))
    views = [view_of(*SIZE, *tracks, lane="slots"), view_of(*SIZE, lane="gmm")]
    overlay = Overlay(settings, lanes=["slots", "gmm"])
    out = overlay(moment(0, *views, width=320, height=240))
    touched = changed(out)
    for track in tracks:
        x0, y0, x1, y1 = map(int, track.box)
        assert not touched[y0:y1, x0:x1].any()
    assert touched[:14, -100:].any()  # the banner
    assert touched[-50:, :80].all()  # the inset


def test_banner_and_inset_are_never_in_one_corner():
    crowd = [seen(k, 320 - 30 * k, 170, 340 - 30 * k, 235, label=k) for k in range(1, 12)]
    views = [view_of(*SIZE, *crowd, lane="slots"), view_of(*SIZE, lane="gmm")]
    overlay = Overlay(OverlaySettings(tint=0.0), lanes=["slots", "gmm"])
    out = overlay(moment(0, *views, width=320, height=240))
    assert changed(out)[:14].any(axis=0).sum() > 80 + 100  # both at the top, beside each other


@pytest.mark.parametrize("corner", [BOTTOM_RIGHT, BOTTOM_LEFT, TOP_RIGHT, TOP_LEFT])
def test_the_inset_fills_its_corner_and_nothing_else(corner):
    canvas = ImageCanvas(np.full((60, 80, 3), 100, np.uint8))
    draw_inset(canvas, view_of(80, 60, lane=""), corner=corner)
    rows, columns = np.nonzero(changed(canvas.image))
    right, bottom = corner in (BOTTOM_RIGHT, TOP_RIGHT), corner in (BOTTOM_RIGHT, BOTTOM_LEFT)
    assert (columns.min(), columns.max()) == ((58, 79) if right else (0, 21))
    assert (rows.min(), rows.max()) == ((43, 59) if bottom else (0, 16))
