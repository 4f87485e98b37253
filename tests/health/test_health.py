"""Clips drawn with one trouble each: it is found, and nothing else is."""

import re
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from tracker.health import Health, warnings
from tracker.health.health import MORE_SURE, NOTHING
from tracker.picture import Picture
from tracker.settings import known_keys
from tracker.types import Box, Frame, Moment, Region, Segmentation, Track, View

WIDTH, HEIGHT, FPS = 480, 360, 25


@cache
def scene():
    """A still scene with patches, larger than the frame by 20 on every side."""
    rng = np.random.default_rng(1)
    size = (WIDTH + 40, HEIGHT + 40)
    coarse = rng.uniform(70, 170, (14, 18, 3)).astype(np.float32)
    picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        x, y = int(rng.integers(0, size[0])), int(rng.integers(0, size[1]))
        w, h = (int(v) for v in rng.integers(8, 50, 2))
        cv2.rectangle(picture, (x, y), (x + w, y + h), tuple(float(v) for v in rng.uniform(50, 190, 3)), -1)
    return np.clip(picture, 40, 200)


def pictures(count, *, sigma=1.0, shift=lambda n: (0, 0), gain=lambda n: 1.0, walkers=3, seed=0):
    """A walk past the scene: light, then walkers, then noise."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, sigma, (5, HEIGHT, WIDTH, 3)).astype(np.float32)
    for n in range(count):
        x, y = shift(n)
        picture = scene()[20 - y : 20 - y + HEIGHT, 20 - x : 20 - x + WIDTH].copy()
        for k in range(walkers):
            left = (150 * k + 4 * n) % (WIDTH + 40) - 40
            picture[90 + 60 * k : 170 + 60 * k, max(0, left) : max(0, left + 30)] = (60, 90, 150)
        # another order of five pieces of noise: neighbouring frames never have the same
        picture = picture * gain(n) + np.roll(noise[n % 5], 7 * n, axis=1)
        yield np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def nothing(lane, image):
    empty = np.zeros(image.shape[:2], np.int32)
    return View(lane, Segmentation(empty, (), empty > 0), ())


def examine(images, *, fps=FPS, **arguments):
    health = Health(["slots"], **arguments)
    for n, image in enumerate(images):
        health.write(Moment(Frame(n, n / fps, Picture.of(image)), (nothing("slots", image),)))
    health.close("complete")
    return {finding.name: finding for finding in health.findings()}


def test_a_quiet_clip_with_walkers_has_nothing_to_tell():
    found = examine(pictures(90))
    of_clip = {name: f.level for name, f in found.items() if f.lane is None}
    assert of_clip == dict.fromkeys(
        ["warm_up", "scene_lost", "light_switched", "camera_moved", "camera_shakes", "noise"], "good"
    )
    assert all(f.times_s == () for f in found.values())
    assert found["camera_shakes"].value < 0.1
    assert all(f.advice.endswith(".") and f.title for f in found.values())


@pytest.mark.parametrize(("sigma", "level"), [(0.6, "good"), (2.0, "good"), (5.0, "look"), (10.0, "bad")])
def test_the_noise_is_measured_within_a_tenth_whatever_walks_by(sigma, level):
    noise = examine(pictures(30, sigma=sigma, walkers=4))["noise"]
    assert noise.value == pytest.approx(sigma, rel=0.1)
    assert noise.level == level


@pytest.mark.parametrize("gain", [1.2, 0.8, 0.6])
def test_a_light_switched_at_frame_40_is_found_there_and_nowhere_else(gain):
    found = examine(pictures(90, gain=lambda n: gain if n >= 40 else 1.0))
    assert found["light_switched"].times_s == pytest.approx((40 / FPS,))
    assert found["light_switched"].level == "look"
    assert f"{100 * abs(gain - 1):.0f} %" in found["light_switched"].advice
    assert found["camera_moved"].level == "good"


def test_a_light_that_fades_slowly_was_not_switched():
    assert examine(pictures(60, gain=lambda n: 1 - 0.005 * n))["light_switched"].level == "good"


def test_a_van_that_appears_and_fills_half_the_picture_is_no_light():
    def drive():
        for n, picture in enumerate(pictures(50, walkers=0)):
            picture[60:320, : 360 if n > 20 else 0] = 250
            yield picture

    assert examine(drive())["light_switched"].times_s == ()


def test_a_camera_knocked_by_6_and_4_pixels_at_frame_50_is_found_within_one():
    moved = examine(pictures(120, shift=lambda n: (6, -4) if n >= 50 else (0, 0)))["camera_moved"]
    assert moved.value == pytest.approx(np.hypot(6, 4), abs=1)
    assert len(moved.times_s) == 1
    assert 2.0 <= moved.times_s[0] <= 2.2  # it is looked for five times a second
    assert moved.level == "bad"


def test_a_camera_knocked_twice_is_as_far_as_both_together():
    moved = examine(pictures(150, shift=lambda n: (8, 0) if n >= 90 else (4, 0) if n >= 40 else (0, 0)))["camera_moved"]
    assert moved.value == pytest.approx(8, abs=1)
    assert len(moved.times_s) == 2


def test_a_knock_that_springs_back_at_once_is_no_move():
    moved = examine(pictures(90, shift=lambda n: (6, 0) if 40 <= n < 60 else (0, 0)))["camera_moved"]
    assert (moved.level, moved.value) == ("good", 0)


def test_a_shaking_camera_is_measured():
    rng = np.random.default_rng(2)
    places = rng.integers(-2, 3, (200, 2))
    found = examine(pictures(200, shift=lambda n: places[n]))
    steps = np.diff(places, axis=0)[::5]  # one pair in five is looked at
    assert found["camera_shakes"].value == pytest.approx(np.sqrt((steps**2).sum(1).mean()), rel=0.15)
    assert found["camera_shakes"].level == "bad"


def test_a_short_clip_of_a_shaking_camera_is_measured():
    for count in (7, 8, 11):
        found = examine(pictures(count, shift=lambda n: (2 * (n % 2), 0)))
        assert found["camera_shakes"].value == pytest.approx(2.0, rel=0.1)


def test_of_an_empty_wall_nobody_knows_whether_the_camera_moved():
    found = examine(np.full((HEIGHT, WIDTH, 3), 90, np.uint8) for _ in range(20))
    assert found["camera_moved"].level == found["camera_shakes"].level == found["noise"].level == "unknown"


@pytest.mark.parametrize("sigma", [0.7, 2.0, 4.0])
def test_cells_that_move_over_a_plain_ground_are_no_camera_that_shakes(sigma):
    random = np.random.default_rng(0)
    y, x = np.mgrid[:256, :300]
    images = []
    for n in range(100):
        light = 70 + random.normal(0, sigma, x.shape)
        for left, top, size in ((20 + 2.5 * n, 60, 7), (280 - 2 * n, 150, 8)):
            light += 160 * np.exp(-((x - left) ** 2 + (y - top) ** 2) / size**2)
        images.append(np.repeat(np.clip(light, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    found = examine(images)
    assert found["camera_moved"].level == found["camera_shakes"].level == "unknown"


def test_frames_that_repeat_are_told_and_do_not_hide_the_noise():
    def doubled():
        for picture in pictures(20, sigma=3):
            yield picture
            yield picture

    noise = examine(doubled())["noise"]
    assert noise.value == pytest.approx(3, rel=0.1)
    assert "51 % of the frames repeat" in noise.advice  # 20 of 39 pairs


@pytest.mark.parametrize(("warm_up", "level", "value"), [(0, "good", 0), (10, "look", 10), (50, "bad", 20)])
def test_a_warm_up_is_told_and_is_bad_if_the_clip_ends_in_it(warm_up, level, value):
    found = examine(pictures(20), warm_up_s=warm_up / FPS)["warm_up"]
    assert (found.level, found.value) == (level, value)


def test_a_run_without_frames_has_findings_and_knows_nothing():
    found = {f.name: f for f in Health(["gmm", "slots"]).findings()}
    assert found["light_switched"].level == found["noise"].level == found["agreement_masks"].level == "unknown"
    assert found["identities_per_minute"].value is None


def person(x, width=20.0):
    return Box(x, 20, x + width, 60)


def view(lane, boxes, *, doubts=(), shape=(80, 160)):
    """boxes by identity; each owns its box."""
    labels = np.zeros(shape, np.int32)
    for identity, box in boxes.items():
        labels[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = identity
    regions = tuple(Region(k, box, 800.0, entropy=d) for (k, box), d in zip(boxes.items(), doubts, strict=False))
    tracks = tuple(Track(k, box, 1.0, k) for k, box in boxes.items())
    return View(lane, Segmentation(labels, regions, labels > 0), tracks)


def compare(story, count, lanes=("gmm", "slots"), fps=10):
    image = np.random.default_rng(0).integers(0, 255, (80, 160, 3), dtype=np.uint8)
    health = Health(lanes)
    for n in range(count):
        health.write(Moment(Frame(n, n / fps, Picture.of(image)), story(n)))
    return {(finding.name, finding.lane): finding for finding in health.findings()}


def test_lives_are_counted_by_hand():
    """In 30 s, four times over: one for 20 s, one for 5 s, two for half a second, and one that has just come."""
    spans = {1: (0, 200), 2: (50, 100), 3: (100, 105), 4: (120, 125), 5: (299, 301)}

    def story(n):
        here = [k for k, (first, end) in spans.items() if first <= n < end]
        if 40 < n < 80:
            here.remove(1)  # behind something; it keeps its name, so it is still one life
        there = {10 * time + k: person(30 * (k - 1)) for time in range(4) for k in here}
        return (view("slots", there),)

    found = compare(story, 301, lanes=["slots"])
    assert found["identities_per_minute", "slots"].value == pytest.approx(40)
    assert found["median_life_s", "slots"].value == pytest.approx(0.5)
    assert found["short_lives", "slots"].value == pytest.approx(8 / 16)  # the last four have not ended
    assert found["short_lives", "slots"].level == "look"


def test_a_gap_of_hours_is_no_frames_length():
    def time_s(n):
        return n / 10 + (7200 if n >= 30 else 0)

    health = Health(["slots"])
    image = np.random.default_rng(0).integers(0, 255, (80, 160, 3), dtype=np.uint8)
    for n in range(60):
        shown = view("slots", {1 + (n >= 30): person(10)})
        health.write(Moment(Frame(n, time_s(n), Picture.of(image)), (shown,)))
    (life,) = (finding for finding in health.findings() if finding.name == "median_life_s")
    assert life.value == pytest.approx(3.0)


def test_doubt_is_taken_in_meetings_only():
    boxes = {1: person(0), 2: person(10), 3: person(100)}
    found = compare(lambda n: (view("slots", boxes, doubts=(0.2, 0.6, 1.5)), view("gmm", boxes)), 5)
    assert found["ownership_doubt", "slots"].value == pytest.approx(0.4)
    assert found["ownership_doubt", "slots"].level == "good"
    assert found["ownership_doubt", "gmm"].level == "unknown"
    assert "no doubts" in found["ownership_doubt", "gmm"].advice


def test_where_nobody_meets_that_is_why_the_doubt_is_unknown():
    doubt = compare(lambda n: (view("slots", {1: person(0)}, doubts=(0.2,)),), 5, lanes=["slots"])[
        "ownership_doubt", "slots"
    ]
    assert (doubt.level, doubt.advice) == ("unknown", "No two objects met.")


def test_agreement_of_every_pair_is_counted_by_hand():
    """b is a shifted by a fifth: IoU 16 / 24; c finds the first of two only."""
    a, b, c = {1: person(0), 2: person(100)}, {1: person(4), 2: person(104)}, {1: person(0)}

    found = compare(lambda n: (view("a", a), view("b", b), view("c", c)), 4, lanes=["a", "b", "c"])
    assert found["agreement_masks", "a / b"].value == pytest.approx(16 / 24)
    assert found["agreement_boxes", "a / b"].value == 1
    assert found["agreement_masks", "a / c"].value == pytest.approx(1 / 2)
    assert found["agreement_boxes", "a / c"].value == pytest.approx(2 / 3)
    assert {lane for name, lane in found if name == "agreement_boxes"} == {"a / b", "a / c", "b / c"}


def test_where_neither_lane_finds_anything_agreement_is_unknown():
    found = compare(lambda n: (view("gmm", {}), view("slots", {})), 4)
    assert found["agreement_masks", "gmm / slots"].level == "unknown"
    assert found["agreement_boxes", "gmm / slots"].value is None


def test_a_lane_that_finds_nothing_says_what_would_make_objects_appear():
    found = compare(lambda n: (view("gmm", {}), view("slots", {1: person(n)})), 4)
    nothing = found["identities_per_minute", "gmm"]
    assert (nothing.value, nothing.level) == (0, "look")
    for setting in ("gmm.min_area", "slots.life.min_area", "gmm.mixture.shadows=false"):
        assert setting in nothing.advice
    assert found["identities_per_minute", "slots"].advice != nothing.advice
    assert "no lives" in found["median_life_s", "gmm"].advice


@pytest.mark.parametrize(
    ("off", "words"), [(6, "Nothing was looked at"), (4, "Nothing was found in the 2 frames that")]
)
def test_of_a_lane_that_was_given_up_that_is_said(off, words):
    found = compare(lambda n: (replace(view("gmm", {}), off=n < off), view("slots", {1: person(n)})), 6)
    given_up = found["identities_per_minute", "gmm"]
    assert given_up.advice.startswith(words)
    assert f"given up for lack of time in {off} of 6 frames" in given_up.advice
    assert "whole clip" not in given_up.advice
    assert warnings([given_up]) == (f"gmm: {given_up.advice}",)


def test_during_the_warm_up_nobody_asks_why_nothing_was_found():
    found = examine(pictures(20), warm_up_s=50 / FPS)["identities_per_minute"]
    assert found.level == "unknown"


def test_where_few_have_ended_their_lengths_say_nothing():
    """Nine short lives in a short clip: only short ones can have ended."""
    found = compare(lambda n: (view("slots", {1 + n // 2: person(50)} if n < 18 else {}),), 40, lanes=["slots"])
    short = found["short_lives", "slots"]
    assert (short.value, short.level) == (None, "unknown")
    assert "Only 9 of 9 identities have ended" in short.advice


def test_while_nobody_has_ended_no_life_is_known_to_be_short():
    short = compare(lambda n: (view("slots", {1: person(50)}),), 30, lanes=["slots"])["short_lives", "slots"]
    assert (short.value, short.level) == (None, "unknown")
    assert "ended" in short.advice


def test_every_setting_that_the_advice_names_exists():
    known = {".".join(key) for key in known_keys()}
    named = set(re.findall(r"\b(?:gmm|slots|linker)\.[a-z_.]*[a-z]", f"{NOTHING} {MORE_SURE}"))
    assert len(named) == 5
    assert named <= known
