"""Who passes a line or a border, when, and how often: movements whose answer is counted by hand, and rules that always hold."""

import numpy as np
import pytest

from tracker.picture import Picture
from tracker.types import Box, Frame, Moment, Segmentation, Track, View
from tracker.zone_counts import ACROSS, APPEARED, REDRAWN, VANISHED
from tracker.zones import ZoneCounter, Zones, place

SIZE = (200, 100)
PICTURE = Picture.of(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
EMPTY = np.zeros((SIZE[1], SIZE[0]), np.int32)
SEEN = Segmentation(EMPTY, (), EMPTY > 0)
GATE = {"gate": {"points": ((100, 0), (100, 100)), "forward": "west", "backward": "east"}}
ROOM = {"room": ((80, 0), (120, 0), (120, 100), (80, 100))}


def box(x, y=50.0, side=16.0):
    """Of a square object whose foot is at (x, y); it must get 4 pixels away from a border."""
    return Box(x - side / 2, y - side, x + side / 2, y)


def moment(index, feet, *, hidden=(), fps=10.0, time_s=None):
    """feet: identity -> x or (x, y)"""
    tracks = tuple(
        Track(n, box(*(at if isinstance(at, tuple) else (at,))), 1.0, 0, n in hidden) for n, at in feet.items()
    )
    frame = Frame(index, index / fps if time_s is None else time_s, PICTURE)
    return Moment(frame, (View("a", SEEN, tracks),))


def count(zones, steps, **options):
    """(passages, counts) of one identity that goes from x to x; None: it is not there; negative: hidden at that x."""
    counter = ZoneCounter(place(Zones.model_validate(zones), SIZE), "a")
    found = []
    for index, x in enumerate(steps):
        gone = x is None
        hidden = {1} if not gone and not isinstance(x, tuple) and x < 0 else set()
        at = {} if gone else {1: x if isinstance(x, tuple) else abs(x)}
        found += counter(moment(index, at, hidden=hidden, **options))
    return [*found, *counter.finish()], counter.counts


def test_a_crossing_is_dated_between_the_two_frames_around_the_line():
    (crossing,), counts = count({"lines": GATE}, [80, 90, 98, 106, 114])
    assert (crossing.kind, crossing.zone, crossing.direction, crossing.id) == ("crossing", "gate", "east", 1)
    assert crossing.frame == 4
    assert crossing.time_s == pytest.approx(0.2 + 0.1 * 2 / 8)
    assert counts.lines == {"gate": {"west": 0, "east": 1}}


def test_forward_is_from_the_left_to_the_right_of_who_goes_along_the_line():
    (crossing,), _ = count({"lines": GATE}, [130, 110, 90, 70])  # going down the picture, its left is the right hand's
    assert crossing.direction == "west"
    turned = {"gate": {**GATE["gate"], "points": GATE["gate"]["points"][::-1]}}
    (crossing,), _ = count({"lines": turned}, [130, 110, 90, 70])
    assert crossing.direction == "east"


def test_who_wavers_on_the_line_counts_once():
    (crossing,), counts = count({"lines": GATE}, [90, 98, 101, 99, 102, 99, 101, 98, 102, 110])
    assert crossing.time_s == pytest.approx(0.7 + 0.1 * 2 / 4)  # the last time that it passed it
    assert counts.lines["gate"] == {"west": 0, "east": 1}


def test_who_looks_over_the_line_and_goes_back_does_not_count():
    assert count({"lines": GATE}, [90, 98, 102, 103, 99, 90, 80])[0] == []


def test_who_crosses_and_comes_back_counts_both_ways():
    found, counts = count({"lines": GATE}, [90, 98, 110, 104, 92])
    assert [passage.direction for passage in found] == ["east", "west"]
    assert counts.lines["gate"] == {"west": 1, "east": 1}


def test_who_stops_just_beyond_the_line_counts_after_a_second():
    zones = Zones.model_validate({"lines": GATE})
    counter = ZoneCounter(place(zones, SIZE), "a")
    told = [bool(counter(moment(n, {1: x}))) for n, x in enumerate([96, 98, *[101] * 15])]
    assert told.index(True) == 12  # first seen beyond it in frame 2, ten frames a second
    assert sum(told) == 1


def test_a_line_is_passed_between_its_ends_only():
    short = {"gate": {"points": ((100, 30), (100, 70))}}
    assert count({"lines": short}, [(90, 20), (110, 20)])[0] == []
    assert len(count({"lines": short}, [(90, 50), (110, 50)])[0]) == 1
    around = [(90, 50), (110, 50), (110, 20), (90, 20), (90, 50), (110, 50)]
    assert [p.direction for p in count({"lines": short}, around)[0]] == ["out", "out"]  # each time from the same side


def test_who_is_hidden_at_the_line_counts_once_it_is_seen_on_the_other_side():
    counter = ZoneCounter(place(Zones.model_validate({"lines": GATE}), SIZE), "a")
    told = []
    for index, (x, hidden) in enumerate([(80, 0), (90, 0), (95, 1), (104, 1), (90, 1), (110, 0), (120, 0)]):
        told.append(counter(moment(index, {1: x}, hidden={1} if hidden else ())))
    assert [len(each) for each in told] == [0, 0, 0, 0, 0, 1, 0]
    assert told[5][0].time_s == pytest.approx(0.1 + 0.4 / 2)  # halfway from 90 to 110
    assert told[5][0].frame == 6


def test_who_ends_on_the_other_side_has_crossed():
    found, _ = count({"lines": GATE}, [90, 98, 101, *[None] * 10])
    assert [passage.direction for passage in found] == ["east"]
    found, _ = count({"lines": GATE}, [90, 98, 101])
    assert [passage.direction for passage in found] == ["east"]


def test_a_new_identity_beyond_the_line_has_not_crossed_it():
    counter = ZoneCounter(place(Zones.model_validate({"lines": GATE}), SIZE), "a")
    found = [counter(moment(n, feet)) for n, feet in enumerate([{1: 80}, {1: 95}, {2: 105}, {2: 120}])]
    assert found == [()] * 4
    assert counter.finish() == ()


def test_time_in_an_area_is_from_border_to_border():
    found, counts = count({"areas": ROOM}, [70, 78, 82, 90, 100, 110, 118, 122, 130])
    assert [(p.kind, p.direction) for p in found] == [("entry", ACROSS), ("exit", ACROSS)]
    assert [p.time_s for p in found] == pytest.approx([0.15, 0.65])
    assert found[1].seconds == pytest.approx(0.5)
    assert found[0].seconds is None
    area = counts.areas["room"]
    assert (area.entries, area.exits, area.inside) == (1, 1, 0)
    assert (area.mean_s, area.longest_s) == pytest.approx((0.5, 0.5))


def test_who_appears_and_vanishes_inside_enters_and_leaves():
    found, counts = count({"areas": ROOM}, [None, 100, 102, 104, *[None] * 10])
    assert [(p.kind, p.direction, p.frame) for p in found] == [("entry", APPEARED, 2), ("exit", VANISHED, 4)]
    assert found[1].seconds == pytest.approx(0.2)
    assert counts.areas["room"].inside == 0


def test_who_is_inside_at_the_end_stays_and_is_counted_up_to_then():
    found, counts = count({"areas": ROOM}, [70, 90, 100, 100])
    assert [p.kind for p in found] == ["entry"]
    assert counts.areas["room"].inside == 1
    assert counts.areas["room"].longest_s == pytest.approx(0.25)


def test_a_short_absence_and_a_gap_end_nobody_who_comes_back():
    found, _ = count({"areas": ROOM}, [100, 100, None, None, None, 100])
    assert [p.direction for p in found] == [APPEARED]
    counter = ZoneCounter(place(Zones.model_validate({"areas": ROOM, "lines": GATE}), SIZE), "a")
    counter(moment(0, {1: 90, 2: 90}))
    told = counter(moment(1, {1: 110}, time_s=30.0))  # half a minute without a picture: 2 is gone with it
    assert [(p.kind, p.id, p.direction, p.time_s) for p in told] == [
        ("crossing", 1, "east", pytest.approx(15.0)),
        ("exit", 2, VANISHED, 0.0),
    ]


def test_an_area_narrower_than_the_objects_need_can_be_passed_through():
    strip = {"strip": ((98, 0), (102, 0), (102, 100), (98, 100))}
    found, _ = count({"areas": strip}, [90, 95, 100, 105, 110])
    assert [p.kind for p in found] == ["entry", "exit"]


def test_the_centre_of_the_box_can_be_asked_for():
    shelf = {"gate": {"points": ((0, 46), (200, 46))}}
    steps = [(100, 40), (100, 50), (100, 60)]
    assert len(count({"lines": shelf}, steps)[0]) == 1
    (crossing,), _ = count({"lines": shelf, "anchor": "centre"}, steps)
    assert crossing.time_s == pytest.approx(0.14)  # the centre is 8 above the foot: 32, 42, 52


def test_a_foot_below_the_picture_is_on_its_last_row():
    floor = {"floor": ((0, 80), (200, 80), (200, 100), (0, 100))}
    found, _ = count({"areas": floor}, [(100, 108), (100, 109)])
    assert [p.direction for p in found] == [APPEARED]


def test_the_same_moment_asked_again_counts_once():
    counter = ZoneCounter(place(Zones.model_validate({"lines": GATE}), SIZE), "a")
    moments = [moment(n, {1: x}) for n, x in enumerate([80, 120])]
    told = [(counter(one), counter(one)) for one in moments]
    assert told[1][0] == told[1][1] != ()
    assert counter.counts.lines["gate"] == {"west": 0, "east": 1}
    assert counter.finish() == counter.finish() == ()


def test_memory_does_not_grow_with_identities_that_have_gone():
    counter = ZoneCounter(place(Zones.model_validate({"lines": GATE, "areas": ROOM}), SIZE), "a")
    for n in range(300):
        counter(moment(n, {n: 100}))
    assert len(counter._objects) < 10


# Zones that change while the run goes on


def used(before, after, feet):
    """Passages of one identity with other zones from the middle on."""
    counter = ZoneCounter(place(Zones.model_validate(before), SIZE), "a")
    found = []
    for n, x in enumerate(feet):
        if n == len(feet) // 2:
            counter.use(place(Zones.model_validate(after), SIZE))
        found += counter(moment(n, {1: x}))
    return [*found, *counter.finish()], counter.counts


def test_counts_of_unchanged_names_go_on():
    more = {"lines": {**GATE, "other": {"points": ((50, 0), (50, 100))}}}
    found, counts = used({"lines": GATE}, more, [90, 110, 90, 90, 110, 90, 40, 30])
    assert counts.lines == {"gate": {"west": 2, "east": 2}, "other": {"in": 1, "out": 0}}
    assert len(found) == 5


def test_what_wavers_while_another_zone_is_added_is_not_forgotten():
    more = {"lines": {**GATE, "other": {"points": ((50, 0), (50, 100))}}}
    (crossing,), _ = used({"lines": GATE}, more, [90, 101, 101, 110])
    assert crossing.time_s == pytest.approx(0.1 * 10 / 11)


def test_a_line_moved_over_an_object_was_not_crossed():
    moved = {"lines": {"gate": {**GATE["gate"], "points": ((60, 0), (60, 100))}}}
    found, counts = used({"lines": GATE}, moved, [80, 80, 80, 80])
    assert found == []
    assert counts.lines["gate"] == {"west": 0, "east": 0}


def test_an_area_that_is_moved_takes_in_and_lets_out_whom_it_holds():
    away = {"areas": {"room": ((0, 0), (40, 0), (40, 100), (0, 100))}}
    found, counts = used({"areas": ROOM}, away, [100, 100, 100, 100])
    assert [(p.kind, p.direction) for p in found] == [("entry", APPEARED), ("exit", REDRAWN)]
    found, counts = used(away, {"areas": ROOM}, [100, 100, 100, 100])
    assert [(p.kind, p.direction) for p in found] == [("entry", REDRAWN)]
    assert counts.areas["room"].inside == 1


def test_everybody_leaves_an_area_that_is_taken_away():
    found, counts = used({"areas": ROOM}, {}, [100, 100, 100, 100])
    assert [(p.kind, p.direction) for p in found] == [("entry", APPEARED), ("exit", REDRAWN)]
    assert found[1].seconds == pytest.approx(0.2)
    assert counts.areas == {}


def test_a_camera_that_comes_back_with_another_size_keeps_its_zones():
    counter = ZoneCounter(place(Zones.model_validate({"lines": GATE, "areas": ROOM}), SIZE), "a")
    counter(moment(0, {1: 90}))
    large = Frame(1, 0.1, Picture.of(np.zeros((200, 400, 3), np.uint8)))
    told = counter(Moment(large, (View("a", SEEN, (Track(1, box(220, 100, 32), 1.0, 0),)),)))
    assert [(p.kind, p.time_s) for p in told] == [("crossing", pytest.approx(0.05))]
