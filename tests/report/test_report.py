"""What a record remembers of a run, and what its page says."""

import base64
import io
import json
import re
from dataclasses import asdict

import numpy as np
import pytest
from outputs import Alone
from PIL import Image as Pillow

from tracker.build import build_lanes
from tracker.draw import Overlay
from tracker.errors import ShapeError
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.report import DifferenceRow, ErrorCurves, FileLink, Record, ReportData, render_page
from tracker.report.page import choose_events
from tracker.report.words import (
    difference_sentence,
    interval_rows,
    life,
    measure_text,
    score_tables,
    stage_bars,
    value_text,
)
from tracker.settings import load_settings
from tracker.sinks import OverlayVideo, VideoSettings
from tracker.timing import clock
from tracker.types import Box, Event, Finding, Frame, Moment, Segmentation, Track, View
from tracker.worlds import StreetSettings, draw_street
from tracker.zone_counts import AreaCount, ZoneCounts

SIZE = (64, 48)


def colour(identity):
    return f"#{identity % 256:02x}80ff"


def plain(moment):
    return moment.frame.image


def seen(identity, x, y=20.0, *, hidden=False):
    """A track of 10 x 20 pixels whose feet are at (x, y)."""
    return Track(identity, Box(x - 5, y - 20, x + 5, y), 1.0, 0, hidden)


def moment(index, tracks, *, time_s=None, found=None, grey=0, size=SIZE):
    """tracks and found by lane; found is the part of the rows, from the top, that is foreground."""
    width, height = size
    image = np.full((height, width, 3), grey, np.uint8)
    views = []
    for lane, of_lane in tracks.items():
        foreground = np.zeros((height, width), bool)
        foreground[: (found or {}).get(lane, 0)] = True
        labels = np.zeros((height, width), np.int32)
        views.append(View(lane, Segmentation(labels, (), foreground), tuple(of_lane)))
    return Moment(Frame(index, index / 10 if time_s is None else time_s, Picture.of(image)), tuple(views))


def record(*moments, render=plain):
    sink = Record([view.lane for view in moments[0].views], render=render, colour=colour)
    for one in moments:
        sink.write(one)
    sink.close("complete")
    return sink.result()


def recorded(methods, *, video=None, frames=60):
    """The record of a real run over a drawn street; `methods` by the names of the lanes."""
    world = draw_street(StreetSettings(frames=frames, width=240, height=180), seed=3)
    lanes = []
    for name, method in methods.items():
        (lane,) = build_lanes(load_settings(overrides=[f"lanes=[{method}]"]))
        lane.segmenter.prepare(list(world.images[::4]))
        lanes.append(Lane(name, lane.segmenter, lane.linker))
    overlay = Overlay(load_settings().overlay, lanes=list(methods), panels=True)
    sinks = [Record(list(methods), render=overlay, colour=colour)]
    if video is not None:
        sinks.append(Alone(lambda out: OverlayVideo(out, render=overlay, fps=10.0, settings=VideoSettings()), video))
    for index, image in enumerate(world.images):
        frame = Frame(index, index / 10, Picture.of(image))
        now = Moment(frame, tuple(lane.step(frame) for lane in lanes))
        for sink in sinks:
            sink.write(now)
    for sink in sinks:
        sink.close("complete")
    return sinks[0].result()


def hand_made(run):
    """A page's values round a run: births as they were, one suspected switch, scores, differences, errors, findings."""
    names = [lane.name for lane in run.lanes]
    box = Box(0, 0, 10, 10)
    births = [
        Event("birth", lane.name, round(10 * track.spans[0][0]), track.spans[0][0], (track.id,), box)
        for lane in run.lanes
        for track in lane.tracks
    ]
    others = [
        Event("switch", names[0], 42, 4.2, (1, 2), box, note="made for the test"),
        Event("occlusion", names[1], 20, 2.0, (1, 3), box, 30, 3.0, "behind 3"),
    ]
    times_s = [index / 10 for index in range(run.frames)]
    ones = [index % 2 for index in range(run.frames)]
    errors = ErrorCurves.binned(run, times_s, misses=ones, false_boxes=ones, switches=ones)
    scores = {
        name: {"identity": {"idf1": 0.4 + 0.1 * at, "switches": 9 - at}, "foreground": {"f_measure": 0.8}}
        for at, name in enumerate(names)
    }
    return ReportData(
        title="street.mp4",
        size=(240, 180),
        fps=10.0,
        outcome="complete",
        run=run,
        video="compare.mp4",
        events=(*births, *others),
        events_files=("compare.gmm.events.jsonl", "compare.slots.events.jsonl"),
        findings=(
            Finding("light", "Light switched", None, 1, "time", "bad", "Cut these seconds out.", (3.0,)),
            Finding("minute", "Identities per minute", names[1], 31.25, "a minute", "good", "Few names."),
        ),
        scores=scores,
        differences=tuple(DifferenceRow("idf1", names[0], name, 0.4, 0.5, 0.031, 0.094) for name in names[1:]),
        errors=dict.fromkeys(names, errors),
        stages_ms={"decode": 0.1, **{f"lane {name}": 5.0 for name in names}, "sink OverlayVideo": 2.0, "total": 15.0},
        once_s={"prescan": 1.0},
        settings={"gmm": {"mixture": {"history_s": 50}}},
        seed=0,
        versions={"tracker": "0.0"},
        weights={names[0]: None, names[1]: "ab" * 32},
        files=(FileLink("compare.json", "every number"), FileLink("compare.gmm.zones.csv", "entries")),
        zones={
            name: ZoneCounts({"door": AreaCount(3 + at, 2, 7.5, 4.25)}, {"gate": {"west": 5 + at, "east": 0}})
            for at, name in enumerate(names)
        },
    )


# The record


def test_a_bar_tells_when_it_was_seen_hidden_and_away():
    there = [seen(1, 10)]
    hidden = [seen(1, 10, hidden=True)]
    run = record(*(moment(index, {"a": now}) for index, now in enumerate([[], there, there, hidden, [], there, []])))
    (lane,) = run.lanes
    (track,) = lane.tracks
    assert track.spans == ((0.1, 0.3, False), (0.3, 0.4, True), (0.5, 0.6, False))
    assert (track.seen_frames, track.colour) == (3, "#0180ff")
    assert lane.identities == 1
    assert lane.median_life_s == pytest.approx(0.5)  # first seen at 0.1, last frame ends at 0.6
    assert lane.objects == (0, 1, 1, 0, 0, 1, 0)  # hidden ones are not seen
    assert run.disagreement is None
    assert run.heat is None
    assert run.end_s == pytest.approx(0.7)


def test_who_was_never_seen_is_no_identity():
    run = record(moment(0, {"a": [seen(4, 10, hidden=True)]}), moment(1, {"a": [seen(5, 10)]}))
    assert run.lanes[0].identities == 1
    assert [track.id for track in run.lanes[0].tracks] == [5]


def test_a_path_is_that_of_the_feet_and_straight_where_it_was_straight():
    corner = [(10 + index, 20) for index in range(100)] + [(109, 20 + index) for index in range(1, 101)]
    run = record(
        *(moment(index, {"a": [seen(1, *feet)]}, size=(200, 200)) for index, feet in enumerate(corner)),
    )
    path = run.lanes[0].tracks[0].path
    assert path[0] == (10, 20)
    assert path[-1] == (109, 120)
    assert len(path) <= 4  # two straight lines, the corner cut by the stride
    assert min(abs(x - 109) + abs(y - 20) for x, y in path) <= 4


def test_paths_are_in_pixels_of_the_background_however_large_the_clip():
    run = record(*(moment(index, {"a": [seen(1, 1900, 1000)]}, size=(1920, 1080)) for index in range(2)))
    assert run.background_size == (960, 540)
    assert run.lanes[0].tracks[0].path[0] == (950, 500)


def test_disagreement_is_counted_in_pixels_of_the_picture():
    tracks = {"a": [], "b": [], "c": []}
    run = record(
        moment(0, tracks, found={"a": 12, "b": 12, "c": 12}),
        moment(1, tracks, found={"a": 12, "b": 12, "c": 0}),
        moment(2, tracks, found={"a": 24, "b": 12, "c": 0}),
    )
    assert run.disagreement == (0, 0.25, 0.5)  # of 48 rows
    grey = np.asarray(Pillow.open(io.BytesIO(base64.b64decode(run.heat.split(",")[1]))))
    assert run.heat_most == pytest.approx(2 / 3, abs=1e-3)
    assert grey.shape == (48, 64)
    assert (grey[:12] == 255).all()
    assert grey[12:24].mean() == pytest.approx(128, abs=8)  # in one frame of three, half of the most
    assert (grey[24:] == 0).all()


def test_a_frame_after_a_pause_lasts_no_longer_than_others():
    who_and_when = [(1, 0.0), (1, 0.1), (1, 0.2), (2, 600.0)]
    run = record(*(moment(n, {"a": [seen(who, 10)]}, time_s=at) for n, (who, at) in enumerate(who_and_when)))
    assert run.end_s == pytest.approx(600.1)
    assert run.lanes[0].tracks[-1].spans == ((600.0, pytest.approx(600.1), False),)


def test_the_frames_of_most_disagreement_are_apart_and_drawn_only_when_they_stand_out():
    shares = {20: 30, 21: 40, 22: 10, 60: 20, 61: 19, 120: 48}
    drawn = []

    def render(now):
        drawn.append(now.frame.index)
        return now.frame.image

    moments = (moment(index, {"a": [], "b": []}, found={"a": shares.get(index, 0), "b": 0}) for index in range(150))
    first = next(moments)
    run = record(first, *moments, render=render)
    assert [(peak.frame, peak.share) for peak in run.peaks] == [
        (22, pytest.approx(40 / 48, abs=1e-4)),  # as tables count
        (61, pytest.approx(20 / 48, abs=1e-4)),
        (121, 1.0),
    ]
    assert drawn == [20, 21, 60, 120]


def test_the_background_is_what_is_there_most_of_the_time():
    greys = [200 if index % 3 == 0 else 50 for index in range(400)]
    run = record(*(moment(index, {"a": []}, grey=grey) for index, grey in enumerate(greys)))
    image = np.asarray(Pillow.open(io.BytesIO(base64.b64decode(run.background.split(",")[1]))))
    assert abs(image.astype(int) - 50).max() <= 2


def test_bins_double_and_keep_their_means():
    count = 5000
    run = record(*(moment(index, {"a": [seen(1, 10)] * (index // 1000)}) for index in range(count)))
    (lane,) = run.lanes
    assert 1024 <= len(lane.objects) <= 2048
    assert len(run.times_s) == len(lane.objects)
    assert run.times_s[1] == pytest.approx(0.4)  # four frames a bin
    assert np.interp([50, 150, 450], run.times_s, lane.objects).tolist() == [0, 1, 4]
    assert np.mean(lane.objects) == pytest.approx(2, abs=0.01)


def test_a_run_inside_a_clip_keeps_the_clips_time():
    run = record(*(moment(index, {"a": [seen(1, 10)]}, time_s=100 + index / 10) for index in range(5)))
    assert run.start_s == 100
    assert run.lanes[0].tracks[0].spans == ((100, 100.5, False),)


def test_of_very_many_identities_the_longest_lived_stay_and_all_are_counted():
    sink = Record(["a"], render=plain, colour=colour)
    identity = 10
    for index in range(6000):  # ten are always there, and every frame ten others pass by
        tracks = [seen(one, 10) for one in range(1, 11)]
        tracks += [seen(identity := identity + 1, 30) for _ in range(10)]
        sink.write(moment(index, {"a": tracks}))
    run = sink.result()
    (lane,) = run.lanes
    assert lane.identities == 60_010
    assert len(lane.tracks) == 1200
    assert {track.id for track in lane.tracks if track.seen_frames == 6000} == set(range(1, 11))
    assert lane.median_life_s == pytest.approx(0.1)
    lives = sink._lives["a"]
    assert len(lives._open) + len(lives._ended) < 3 * 1200 + 6000


def test_a_record_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no frames"):
        Record(["a"], render=plain, colour=colour).result()


# Errors against a truth


def test_errors_fall_into_the_bins_of_the_curves():
    run = record(*(moment(index, {"a": []}) for index in range(3000)))  # two frames a bin
    times_s = [0.0, 0.1, 0.2, 0.3, 299.9, 400.0]
    errors = ErrorCurves.binned(
        run, times_s, misses=[1, 2, 5, 5, 7, 9], false_boxes=[0] * 6, switches=[1, 1, 0, 0, 1, 1]
    )
    assert errors.misses[:3] == (1.5, 5, None)
    assert errors.misses[-1] == 7
    assert errors.switches[:3] == (2, 0, None)
    assert sum(value or 0 for value in errors.switches) == 3  # 400 s lies behind the run
    with pytest.raises(ShapeError, match="one for each time"):
        ErrorCurves.binned(run, [0.0], misses=[1, 2], false_boxes=[1, 2], switches=[1, 2])


def test_errors_of_a_clip_of_one_frame_are_known():
    run = record(moment(0, {"a": [seen(1, 10)]}))
    assert run.end_s > 0
    assert ErrorCurves.binned(run, [0.0], misses=[2], false_boxes=[1], switches=[0]).misses == (2,)


# Words


def test_a_difference_is_put_in_plain_words():
    clear = DifferenceRow("idf1", "gmm", "slots", 0.39, 0.45, 0.031, 0.094)
    assert difference_sentence(clear) == (
        "slots has 3.1 to 9.4 points more IDF1 than gmm (better); the interval excludes 0."
    )
    fewer = DifferenceRow("switches", "gmm", "slots", 26, 7, -25.0, -12.0)
    assert difference_sentence(fewer) == (
        "slots has 12.0 to 25.0 less ID switches than gmm (better); the interval excludes 0."
    )
    unclear = DifferenceRow("hota", "gmm", "slots", 0.35, 0.36, -0.01, 0.04)
    assert difference_sentence(unclear) == (
        "slots and gmm cannot be told apart by HOTA: −1.0 to +4.0 points; the interval includes 0."
    )
    row, _ = interval_rows([clear, unclear])
    assert (row.low, row.middle, row.high) == pytest.approx((65.70, 80.40, 97.62), abs=0.01)
    assert row.clear


def test_the_best_of_several_is_marked_whichever_way_is_better():
    rows = score_tables(
        {
            "a": {"identity": {"switches": 3, "frames": 10, "idf1": 0.5, "curve": (1, 2)}, "own": {"x": "word"}},
            "b": {"identity": {"switches": 1, "frames": 10, "idf1": 0.4, "curve": (1, 2)}},
        }
    )
    assert [(row.title, row.cells) for row in rows["identity"]] == [
        ("IDF1", (("0.500", True), ("0.400", False))),
        ("ID switches", (("3", False), ("1", True))),
        ("frames", (("10", False), ("10", False))),
    ]
    assert rows["own"][0].cells == (("word", False), ("–", False))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.000"),
        (0.12345, "0.123"),
        (12345, "12,345"),
        (98.76, "98.8"),
        (None, "–"),
        (0.0, "0.000"),
        (float("nan"), "–"),
        (-0.325, "−0.325"),
        (-1234.0, "−1,234"),
    ],
)
def test_numbers_have_the_digits_that_say_something(value, text):
    assert value_text(value) == text


def test_times_are_told_as_people_tell_them():
    assert [clock(83.44), clock(59.96), clock(3723.4, long=True)] == ["1:23.4", "0:59.9", "1:02:03.4"]
    assert [life(3.21), life(250), life(7500), life(120)] == ["3.2 s", "4 min 10 s", "2 h 5 min", "2 min"]


def test_stages_are_the_longest_first_and_without_their_total():
    bars = stage_bars({"decode": 1.0, "lane gmm": 4.0, "sink OverlayVideo": 2.0, "total": 7.0})
    assert [(bar.title, bar.lane, bar.percent) for bar in bars] == [
        ("lane gmm", "gmm", 100),
        ("overlay video", None, 50),
        ("waiting for the decoder", None, 25),
    ]


# The page


def payload(page):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def few(events=()):
    run = record(*(moment(index, {"a": [seen(1, 10)], "b": []}) for index in range(30)))
    return ReportData(title="a.mp4", size=SIZE, fps=10, outcome="complete", run=run, events=tuple(events))


def event(kind, time_s, lane="a"):
    return Event(kind, lane, round(10 * time_s), time_s, (1,), Box(0, 0, 1, 1))


def test_of_too_many_events_the_rare_ones_stay_and_the_others_are_spread():
    births = [event("birth", index / 10 + 0.05) for index in range(9000)]
    switches = [event("switch", 100 * index) for index in range(9)]
    chosen = choose_events([*births, *switches], most=100)
    assert len(chosen) == 100
    assert [one for one in chosen if one.kind == "switch"] == switches
    times = [one.time_s for one in chosen if one.kind == "birth"]
    assert np.diff(times) == pytest.approx(900 / 91, abs=0.2)
    assert choose_events(births[:50] + switches, most=100) == sorted(births[:50] + switches, key=lambda e: e.time_s)


def test_values_can_be_written_as_json():
    data = hand_made(record(*(moment(index, {"a": [seen(1, 10)], "b": []}, found={"a": 3}) for index in range(60))))
    assert json.loads(json.dumps(asdict(data)))["run"]["frames"] == 60


def test_words_from_outside_stay_words():
    hostile = "<script>alert(1)</script>&\u2028"
    data = few([Event("merge", "a", 1, 0.1, (1,), Box(0, 0, 1, 1), note="</script>" + hostile)])
    data = ReportData(**{**{f: getattr(data, f) for f in data.__dataclass_fields__}, "title": hostile})
    page = render_page(data)
    assert "<script>alert" not in page
    assert page.count("</script>") == 2
    assert payload(page)["events"][0][6] == "</script>" + hostile


@pytest.mark.slow
def test_eight_hours_and_very_many_identities_stay_below_two_megabytes():
    """As large as anything gets: full bins, full lives, pictures of noise, more events than are shown."""
    lanes, hours_s = ["gmm", "slots"], 8 * 3600
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (540, 960, 3), dtype=np.uint8) for _ in range(2)]
    foreground = random.random((540, 960)) < 0.3
    sink = Record(lanes, render=lambda now: np.hstack([now.frame.image] * 2), colour=colour)
    labels = np.zeros((540, 960), np.int32)
    frames, identity = 2100, 0
    for index in range(frames):
        if index % 300 == 0:
            places = random.uniform(0, 500, (40, 2))
        if index % 100 == 0:
            identity += 40
        places = places + random.normal(0, 20, places.shape)
        tracks = tuple(
            seen(identity + at, *place, hidden=bool((index + at) % 5 == 0)) for at, place in enumerate(places)
        )
        passing = tuple(seen(10**6 + 50 * index + at, 5, 5) for at in range(50))
        some = foreground if index % 50 == 0 else np.roll(foreground, index // 50, 0)
        views = [
            View(lane, Segmentation(labels, (), some if at else foreground), tracks + passing)
            for at, lane in enumerate(lanes)
        ]
        sink.write(Moment(Frame(index, index * hours_s / frames, Picture.of(noise[index % 2])), tuple(views)))
    run = sink.result()
    assert run.lanes[0].identities > 100_000
    events = [event(kind, t, lane) for t in range(0, hours_s, 3) for kind in ("birth", "occlusion") for lane in lanes]
    counts = np.arange(frames) % 7
    errors = ErrorCurves.binned(
        run, [at * hours_s / frames for at in range(frames)], misses=counts, false_boxes=counts, switches=counts
    )
    page = render_page(
        ReportData(
            title="long.mp4",
            size=(960, 540),
            fps=None,
            outcome="interrupted",
            run=run,
            events=tuple(events),
            errors=dict.fromkeys(lanes, errors),
        )
    )
    assert 1_000_000 < len(page.encode()) < 2_000_000  # and it is a large one
    assert len(payload(page)["events"]) == 1000
    assert "8:00:00" in page or "8 h" in page


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.188, "share", "19 %"),
        (0.004, "px", "below 0.01 px"),
        (0.0, "px", "0 px"),
        (3.1416, "s", "3.14 s"),
        (1234, "frames", "1,234 frames"),
    ],
)
def test_a_measure_is_put_as_people_read_it(value, unit, text):
    assert measure_text(value, unit) == text
