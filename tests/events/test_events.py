"""Situations told by hand, and the events that they are; two lanes over a drawn street, and what must hold there."""

import numpy as np
import pytest

from tracker.build import build_lanes
from tracker.errors import SettingsError
from tracker.events import EventFinder, EventSettings
from tracker.picture import Picture
from tracker.settings import load_settings, read_settings
from tracker.types import Box, Frame, Moment, Segmentation, Track, View
from tracker.worlds import StreetSettings, draw_street

WIDTH, HEIGHT, FPS = 320, 240, 25
RED, BLUE, GREY = (220, 30, 30), (30, 30, 220), (120, 120, 120)


def person(x, y=120, width=20, height=40):
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def moment(index, people, *, fps=FPS, lane="slots"):
    """people: by identity, (box, colour) or (box, None) where it is hidden; the later stands in front."""
    image = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    tracks = []
    for identity, (box, colour) in people.items():
        tracks.append(Track(identity, box, 1.0, 0 if colour is None else identity, hidden=colour is None))
        if colour is not None:
            x0, y0, x1, y1 = (max(0, round(side)) for side in box)
            image[y0:y1, x0:x1], labels[y0:y1, x0:x1] = colour, identity
    view = View(lane, Segmentation(labels, (), labels > 0), tuple(tracks))
    return Moment(Frame(index, index / fps, Picture.of(image)), (view,))


def watch(story, count, *, fps=FPS, **settings):
    """The events of a story: frame -> people."""
    finder = EventFinder(EventSettings(**settings), "slots")
    found = [event for n in range(count) for event in finder(moment(n, story(n), fps=fps))]
    return [*found, *finder.finish()]


def told(events, *kinds):
    return [(e.kind, e.frame, e.ids, e.end_frame, e.note) for e in events if e.kind in kinds]


def test_one_walks_in_at_the_left_and_out_at_the_right():
    def story(n):
        x = 4 * n - 40
        return {1: (person(x), RED)} if -10 < x < WIDTH + 10 else {}

    events = watch(story, 120)
    # x = -8 in frame 8 is the first in the picture, x = 328 in frame 92 the last
    assert told(events, "birth", "death") == [
        ("birth", 8, (1,), None, "at the border"),
        ("death", 92, (1,), None, "left the picture"),
    ]
    assert len(events) == 2
    assert events[1].time_s == pytest.approx(92 / FPS)
    assert events[1].box == person(328)


def test_what_appears_and_vanishes_inside_is_told_so():
    events = watch(lambda n: {1: (person(160), RED)} if 10 <= n < 50 else {}, 80)
    assert told(events, "birth", "death") == [
        ("birth", 10, (1,), None, "inside the picture"),
        ("death", 49, (1,), None, "inside the picture"),
    ]


def test_who_is_there_at_the_clips_end_has_not_died():
    assert [e.kind for e in watch(lambda n: {1: (person(160), RED)}, 40)] == ["birth"]


def test_who_is_missing_at_the_clips_end_has_died_though_the_time_of_grace_is_not_over():
    events = watch(lambda n: {1: (person(160), RED)} if n < 37 else {}, 40)
    assert told(events, "death") == [("death", 36, (1,), None, "inside the picture")]


def test_who_is_missing_for_a_moment_and_returns_has_not_died():
    events = watch(lambda n: {1: (person(160), RED)} if not 20 <= n < 30 else {}, 60)
    assert told(events, "death", "occlusion") == [("occlusion", 20, (1,), 30, "unseen")]


@pytest.mark.parametrize("fps", [25, 50])
def test_one_passes_behind_a_pillar_that_nobody_tracks(fps):
    first, end = 20 * fps // 25, 40 * fps // 25
    events = watch(lambda n: {1: (person(60 + n), None if first <= n < end else RED)}, 3 * end, fps=fps)
    assert told(events, "occlusion", "death") == [("occlusion", first, (1,), end, "unseen")]
    assert events[-1].end_s == pytest.approx(40 / 25)


def test_one_passes_behind_another():
    def story(n):
        return {1: (person(60 + 2 * n), None if 22 <= n < 36 else RED), 4: (person(120), BLUE)}

    events = watch(story, 70)
    assert told(events, "occlusion") == [("occlusion", 22, (1, 4), 36, "behind 4")]


def test_what_hid_one_before_does_not_hide_it_again():
    def story(n):
        hidden = 20 <= n < 40 or 80 <= n < 88
        return {1: (person(60 + 2 * n), None if hidden else RED), 4: (person(120), BLUE)}

    assert [note for *_, note in told(watch(story, 110), "occlusion")] == ["behind 4", "unseen"]


def test_an_occlusion_just_as_long_as_asked_counts_whatever_the_rounding_of_times():
    assert 4.3 - 4.0 < 0.3
    events = watch(lambda n: {1: (person(160), None if 40 <= n < 43 else RED)}, 50, fps=10, occlusion_s=0.3)
    assert told(events, "occlusion") == [("occlusion", 40, (1,), 43, "unseen")]


@pytest.mark.parametrize("fps", [10, 25])
def test_one_or_two_hidden_frames_are_flicker(fps):
    events = watch(lambda n: {1: (person(160), None if n in (10, 20, 21) else RED)}, 40, fps=fps)
    assert [e.kind for e in events] == ["birth"]


def test_hidden_and_never_back_is_a_death_and_no_occlusion():
    events = watch(lambda n: {1: (person(160), RED if n < 20 else None)} if n < 50 else {}, 80)
    assert told(events, "death", "occlusion") == [("death", 19, (1,), None, "inside the picture, after being hidden")]


def test_two_walk_together_for_a_while_and_part():
    def story(n):
        apart = max(12, 60 - 2 * n, 2 * n - 120)  # 20 wide: 12 apart they share 8 of 20
        return {1: (person(160 - apart / 2), RED), 2: (person(160 + apart / 2), BLUE)}

    events = watch(story, 110)
    # overlap (20 - apart) / 20 reaches .3 at 14 apart, frame 23; below .1 from 20 apart, frame 70
    assert told(events, "merge", "split", "switch") == [
        ("merge", 23, (1, 2), None, ""),
        ("split", 70, (1, 2), None, "after 1.9 s together"),
    ]


def test_a_predicted_box_that_drifts_off_has_not_parted():
    def story(n):
        if 30 <= n < 42:
            return {1: (person(160), RED), 2: (person(200), None)}
        return {1: (person(160), RED), 2: (person(max(168, 210 - 3 * n)), BLUE)}

    assert [e.kind for e in watch(story, 80) if e.kind in ("merge", "split")] == ["merge"]


def test_two_who_cross_quickly_neither_merge_nor_split():
    def story(n):
        return {1: (person(40 + 5 * n), RED), 2: (person(280 - 5 * n), BLUE)}

    assert told(watch(story, 48), "merge", "split", "switch") == []


def test_two_found_together_have_not_come_together():
    events = watch(lambda n: {1: (person(150 - n / 2), RED), 2: (person(160 + n / 2), BLUE)}, 60)
    assert told(events, "merge", "split") == []


def test_two_who_meet_twice_merge_twice():
    def story(n):
        apart = 30 if n % 50 < 20 else 8
        return {1: (person(160 - apart / 2), RED), 2: (person(160 + apart / 2), BLUE)}

    assert [(k, f) for k, f, *_ in told(watch(story, 120), "merge", "split")] == [
        ("merge", 20), ("split", 50), ("merge", 70), ("split", 100),
    ]  # fmt: skip


def swap(n, *, before, after, at=25):
    """Two meet from frame 20 to 30 and are drawn in other colours after frame 25."""
    apart = max(6, 46 - 2 * n, 2 * n - 54)
    colours = before if n < at else after
    return {1: (person(160 - apart / 2), colours[0]), 2: (person(160 + apart / 2), colours[1])}


def test_two_who_part_in_each_others_colours_are_suspected_of_an_exchange():
    events = watch(lambda n: swap(n, before=(RED, BLUE), after=(BLUE, RED)), 80)
    ((kind, frame, ids, _, note),) = told(events, "switch")
    assert (kind, ids, note) == ("switch", (1, 2), "colours exchanged after meeting")
    assert frame == told(events, "split")[0][1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((RED, BLUE), (RED, BLUE)),
        ((RED, RED), (RED, RED)),
        ((RED, BLUE), (GREY, GREY)),
        ((RED, (215, 35, 35)), ((215, 35, 35), RED)),
        ((RED, BLUE), ((100, 30, 150), (150, 30, 100))),
    ],
    ids=["kept", "alike", "both-changed", "too-like-to-tell", "neither-fits"],
)
def test_nothing_is_suspected_where_colours_tell_nothing(before, after):
    assert told(watch(lambda n: swap(n, before=before, after=after), 80), "switch") == []


def handed_over(*, gap=6, colour=RED, x=160, height=40, end="gone"):
    """7 is there until frame 30, 12 from frame 30 + gap."""

    def story(n):
        people = {}
        if n <= 30 or (end == "back" and 55 <= n < 75):
            people[7] = (person(160), RED)
        elif end != "gone" and n < 55:
            people[7] = (person(160), None)
        if n >= 30 + gap:
            people[12] = (person(x, height=height), colour)
        return people

    return story


@pytest.mark.parametrize("end", ["gone", "hidden first"])
@pytest.mark.parametrize("gap", [1, 6, 20])
def test_one_begins_where_another_has_ended(gap, end):
    events = watch(handed_over(gap=gap, end=end), 90)
    assert told(events, "switch") == [("switch", 30 + gap, (7, 12), None, "12 begins where 7 ended")]


@pytest.mark.parametrize(
    "story",
    [
        handed_over(gap=30),
        handed_over(colour=BLUE),
        handed_over(x=230),
        handed_over(x=185, height=150),
        handed_over(x=180, end="back"),
    ],
    ids=["later", "other-colour", "elsewhere", "other-size", "it-came-back"],
)
def test_one_begins_and_it_is_another(story):
    assert told(watch(story, 120), "switch") == []


@pytest.mark.parametrize("last", [28, 30, 32])
def test_of_two_that_ended_the_nearer_goes_on_whoever_ended_first(last):
    def story(n):
        people = {7: person(140)} if n <= 30 else {}
        people |= {8: person(165)} if n <= last else {12: person(160)} if n > 36 else {}
        return {identity: (box, RED) for identity, box in people.items()}

    assert [e.ids for e in watch(story, 90) if e.kind == "switch"] == [(8, 12)]


@pytest.mark.parametrize("gap", [1, 20], ids=["before its death is certain", "after"])
def test_one_end_is_followed_by_one_beginning_only(gap):
    def story(n):
        return (
            {7: (person(160), RED)}
            if n <= 30
            else {}
            if n < 30 + gap
            else {12: (person(165), RED), 13: (person(135), RED)}
        )

    assert [e.ids for e in watch(story, 90) if e.kind == "switch"] == [(7, 12)]


def test_one_begins_on_a_piece_of_what_has_ended_however_small():
    events = watch(handed_over(height=150), 90)
    assert told(events, "switch") == [("switch", 36, (7, 12), None, "12 begins where 7 ended")]


def test_who_leaves_and_who_comes_at_the_border_are_two():
    def story(n):
        return {1: (person(57 - 3 * n), RED)} if n < 22 else {2: (person(3 * n - 78), RED)} if n > 25 else {}

    assert [e.ids for e in watch(story, 60) if e.kind == "birth"] == [(1,), (2,)]
    assert told(watch(story, 60), "switch") == []


def test_who_is_lost_at_the_border_without_walking_out_goes_on_under_another_name():
    def story(n):
        return {} if 20 <= n < 26 else {1 if n < 20 else 2: (person(100 + n, y=10), RED)}

    assert told(watch(story, 60), "switch") == [("switch", 26, (1, 2), None, "2 begins where 1 ended")]


def test_pieces_of_one_object_have_not_come_together():
    def story(n):
        people = {1: (person(100 + n, height=80), RED)}
        if n > 20:  # a leg, found beside the body from then on, soon on it
            people[2] = (person(100 + n + max(0, 24 - 2 * (n - 21)), y=140), RED)
        return people

    assert told(watch(story, 80), "merge", "split") == []


def test_asked_twice_for_the_same_moment_the_answer_is_the_same():
    finder = EventFinder(EventSettings(), "slots")
    first = moment(0, {1: (person(160), RED)})
    assert [e.kind for e in finder(first)] == ["birth"]
    assert finder(first) is finder(first)
    assert finder(moment(1, {})) == ()
    assert [e.kind for e in finder.finish()] == ["death"]
    assert finder.finish() is finder.finish()


def test_without_a_moment_there_are_no_events():
    assert EventFinder(EventSettings(), "slots").finish() == ()


def test_thousands_of_identities_leave_nothing_behind():
    """Fifty at a time, who close up, each for thirty frames, over and over: what is remembered does not grow."""

    def story(n):
        begun, gap = n // 30 * 50, 30 if n % 30 < 15 else 12
        return {begun + k + 1: (person(20 + gap * (k % 10), 30 + 45 * (k // 10)), RED) for k in range(50)}

    finder = EventFinder(EventSettings(), "slots")
    for n in range(400):
        finder(moment(n, story(n)))
    # 50 alive, and those of the last time of grace, of hand-over and of this round
    assert len(finder._lives) <= 150
    assert len(finder._handovers._dead) <= 250
    assert len(finder._handovers._waiting) <= 150
    assert 0 < len(finder._meetings._open) <= 3 * 45  # nine neighbours in each of five rows


def test_parting_nearer_than_meeting_is_refused():
    with pytest.raises(SettingsError, match="part <= meet"):
        read_settings(EventSettings, overrides=["part=0.5"])


def test_what_holds_in_any_lane_over_a_drawn_street():
    clip = draw_street(StreetSettings(width=240, height=180, frames=120, objects=(6, 8), object_px=(18, 34)), seed=5)
    lanes = build_lanes(load_settings(overrides=["lanes=[gmm,slots]"]))
    for lane in lanes:
        lane.segmenter.prepare(list(clip.images[::6]))
    finders = {lane.name: EventFinder(EventSettings(), lane.name) for lane in lanes}
    events = {name: [] for name in finders}
    seen = {name: {} for name in finders}
    for n, image in enumerate(clip.images):
        now = Moment(frame := Frame(n, n / clip.fps, Picture.of(image)), tuple(lane.step(frame) for lane in lanes))
        for name, finder in finders.items():
            events[name] += finder(now)
            for track in now.view(name).tracks:
                seen[name].setdefault(track.id, n)
    for name, finder in finders.items():
        found = [*events[name], *finder.finish()]
        births = {e.ids[0]: e.frame for e in found if e.kind == "birth"}
        assert births == seen[name], "everyone is born once, in the first frame"
        assert len(births) >= 5
        assert all(set(e.ids) <= set(births) and e.lane == name for e in found)
        deaths = [e for e in found if e.kind == "death"]
        assert deaths
        assert len({e.ids for e in deaths}) == len(deaths)
        assert all(births[e.ids[0]] <= e.frame for e in deaths)
        ended = {}
        for e in found:
            if e.kind == "occlusion":
                assert births[e.ids[0]] < e.frame < e.end_frame
                assert ended.get(e.ids[0], 0) <= e.frame, "nobody is hidden twice at once"
                ended[e.ids[0]] = e.end_frame
        together = set()
        for e in found:
            if e.kind == "merge":
                assert e.ids not in together
                together.add(e.ids)
            elif e.kind == "split":
                together.remove(e.ids)
