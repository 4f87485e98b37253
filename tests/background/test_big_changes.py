"""Changes of the whole picture: blank ones, the light, an object before most of the scene, rain. Drawn scenes with known answers."""

from functools import cache

import cv2
import numpy as np
import pytest

from tracker.background import GmmSegmenter, GmmSettings, KnownScenes, Mixture, MixtureSettings
from tracker.background.light import light_between, relight
from tracker.background.scene import without_visitors
from tracker.background.structure import explain_change, likeness, thumbnail
from tracker.foreground.features import SceneFeatures
from tracker.foreground.rain import RainDetector
from tracker.health import Health, warnings
from tracker.left_scenes import MOST_SCENES, keep_left
from tracker.picture import Picture
from tracker.slots.perspective import HORIZONS, UNKNOWN, Perspective, Perspectives
from tracker.tracks import Linker, LinkerSettings
from tracker.types import Box, Frame, Moment, Segmentation, Track, View

WIDTH, HEIGHT, FPS = 160, 120, 25
WALKER = (190, 40, 40)


@cache
def ground():
    """A street of coarse and fine patches."""
    rng = np.random.default_rng(2)
    coarse = cv2.resize(rng.uniform(70, 150, (8, 11, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH, 3)), (0, 0), 2.0)
    return coarse + 25 * fine / np.abs(fine).max()


def shot(walker_x=None, *, gain=1.0, lorry=None, seed=0):
    """One picture: a walker round x, light by a factor, a lorry as (x0, x1); sensor noise."""
    picture = ground().copy()
    if walker_x is not None:
        cv2.ellipse(picture, (int(walker_x), 70), (6, 16), 0, 0, 360, WALKER, -1)
    if lorry is not None:
        x0, x1 = (int(v) for v in lorry)
        picture[8:114, max(0, x0) : max(0, x1)] = (60, 90, 150)
        picture[20:60, max(0, x0 + 10) : max(0, x1 - 10)] = (180, 180, 90)
    return noisy(picture * gain, seed)


def noisy(picture, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(np.rint(picture + rng.normal(0, 2, picture.shape)), 0, 255).astype(np.uint8)


def card(kind):
    """A picture that a recorder shows in place of the camera's."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    if kind == "text":
        picture[...] = (20, 40, 180)
        cv2.putText(picture, "NO SIGNAL", (30, 65), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    elif kind == "bars":
        for n, colour in enumerate(
            [(190, 190, 0), (0, 190, 190), (0, 190, 0), (190, 0, 190), (190, 0, 0), (0, 0, 190)]
        ):
            picture[:, n * WIDTH // 6 : (n + 1) * WIDTH // 6] = colour
    elif kind == "snow":
        picture[...] = np.random.default_rng(5).integers(0, 255, (HEIGHT, WIDTH, 1))
    else:
        picture[...] = {"black": 0, "white": 250, "grey": 128, "green": (0, 135, 0)}[kind]
    return picture


CARDS = ("black", "white", "grey", "green", "text", "bars", "snow")


def known(pictures):
    scenes = KnownScenes()
    scenes.prepare(pictures)
    return scenes


def walk(count):
    return [shot(-10 + n * (WIDTH + 20) / count, seed=n) for n in range(count)]


def scenes_of(scenes, pictures, *, fps=FPS):
    return [scenes.step(picture, n / fps) for n, picture in enumerate(pictures)]


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_is_blank_and_the_scene_is_known_again_after_it(kind):
    pictures = [*walk(20), *(noisy(card(kind), n) for n in range(25)), *walk(10)]
    assert scenes_of(known(walk(20)), pictures) == [0] * 20 + [None] * 25 + [0] * 10


@pytest.mark.parametrize("share", [0.06, 0.12, 0.18])
def test_what_a_codec_left_of_the_scene_in_a_grey_card_is_not_the_scene(share):
    left = np.full_like(ground(), 128) + share * (ground() - ground().mean())
    assert scenes_of(known(walk(20)), [*walk(5), noisy(left), noisy(left, 1)])[-2:] == [None, None]


@pytest.mark.parametrize("gain", [0.2, 0.45, 0.7, 1.5])
def test_another_light_is_the_same_scene(gain):
    assert scenes_of(known(walk(20)), [shot(80, gain=gain, seed=n) for n in range(5)]) == [0] * 5


@pytest.mark.parametrize("share", [0.5, 0.7, 0.8])
def test_a_lorry_before_most_of_the_scene_is_no_blank_picture(share):
    pictures = [shot(lorry=(10 * n - share * WIDTH, 10 * n), seed=n) for n in range(30)]
    assert set(scenes_of(known(walk(20)), pictures)) == {0}


def test_a_card_that_stays_is_a_scene_of_its_own_and_the_first_returns():
    pictures = [*walk(5), *(noisy(card("text"), n) for n in range(20)), *walk(5)]
    found = scenes_of(known(walk(20)), pictures, fps=4)
    assert found[5:17] == [None] * 12  # three seconds
    assert found[17:25] == [1] * 8
    assert found[25:] == [0] * 5


def test_the_scene_returns_after_a_card_of_its_own_colour():
    """Which is a scene of its own by then, known by its colours only: those of the road."""
    scenes = KnownScenes()
    road = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    road[:50] = noisy(ground())[:50]
    grey = [noisy(np.full_like(road, 120), n) for n in range(100)]
    numbers = scenes_of(scenes, [road] * 10 + grey + [road] * 5)
    assert numbers[10] is None
    assert numbers[-1 - 5] == 1
    assert numbers[-5:] == [0] * 5


def test_a_card_with_edges_that_is_shown_for_most_of_a_clip_is_not_its_scene():
    street = [np.where(np.arange(HEIGHT)[:, None, None] < 40, picture, 120).astype(np.uint8) for picture in walk(20)]
    for n, picture in enumerate(street):
        picture[60:90, 5 * n : 5 * n + 12] = WALKER
    kept = KnownScenes().prepare(street[:10] + [card("bars")] * 30 + street[10:])
    assert len(kept) == 20


def test_a_dark_night_is_not_blank_forever():
    night = [noisy(0.02 * ground() + 6, n) for n in range(40)]
    found = scenes_of(known(walk(20)), night, fps=5)
    assert None not in found[20:]


def test_blank_pictures_are_left_out_of_the_prescan_even_if_they_are_most():
    pictures = [*walk(20), *(noisy(card("text"), n) for n in range(30))]
    kept = KnownScenes().prepare(pictures)
    assert len(kept) == 20
    assert all(np.abs(a.astype(int) - b).max() == 0 for a, b in zip(kept, pictures, strict=False))


def test_without_a_prescan_a_clip_that_begins_black_finds_its_scene():
    found = scenes_of(KnownScenes(), [noisy(card("black"), n) for n in range(10)] + walk(20))
    assert None not in found[11:]


def test_a_scene_without_any_edge_is_never_lost_to_small_objects():
    """White dots on black, as in drawn worlds."""
    pictures = [cv2.circle(card("black"), (20 + 3 * n, 60), 10, (255, 255, 255), -1) for n in range(30)]
    assert set(scenes_of(known(pictures), pictures)) == {0}


def test_the_edges_tell_a_light_from_a_lorry():
    changed = np.zeros((HEIGHT, WIDTH), bool)
    changed[8:114, 10:150] = True
    empty = shot()
    assert explain_change(empty, shot(gain=0.45, seed=1), np.ones_like(changed)).is_light
    assert explain_change(empty, shot(gain=1.4, seed=1), changed).is_light
    assert not explain_change(empty, shot(lorry=(10, 150), seed=1), changed).is_light
    # a plain one, on which a codec leaves a little of what was there before
    plain = ground().copy()
    plain[changed] = 190 + 0.1 * (ground()[changed] - ground().mean())
    assert not explain_change(empty, noisy(plain, 1), changed).is_light


def test_likeness_is_the_share_of_the_scene_that_shows():
    assert likeness(thumbnail(shot()), thumbnail(shot(gain=0.5, seed=1))) > 0.9
    assert likeness(thumbnail(shot()), thumbnail(shot(lorry=(0, WIDTH // 2), seed=1))) == pytest.approx(0.55, abs=0.12)
    assert likeness(thumbnail(shot()), thumbnail(noisy(card("bars")))) < 0.1


def test_relighting_undoes_a_light_that_differs_from_side_to_side_whoever_walks():
    slope = np.linspace(0.5, 0.9, WIDTH)[None, :, None]
    dim = np.clip(ground() * slope, 0, 255).astype(np.uint8)
    cv2.ellipse(dim, (80, 70), (6, 16), 0, 0, 360, (90, 20, 20), -1)
    back = relight(dim, -light_between(shot(), dim))
    away = np.abs(back.astype(float) - ground())
    away[50:90, 70:90] = 0
    assert away.mean() < 4


@pytest.mark.parametrize("switch", [10, 20, 30])
def test_the_scene_is_learned_whatever_the_light_and_wherever_it_is_switched(switch):
    """At half of the samples a median over both lights would be bright in one place and dark in another."""
    gains = [1.0 if n < switch else 0.45 for n in range(40)]
    pictures = [shot(-10 + 4.5 * n, gain=gain, seed=n) for n, gain in enumerate(gains)]
    for gain, image in zip(gains, without_visitors(pictures), strict=True):
        assert np.abs(image - gain * ground()).mean() < 5
        assert np.abs(image - gain * ground())[54:86].mean() < 6  # the walker's way


@pytest.mark.parametrize("place", [np.s_[20:, :92], np.s_[8:, :84], np.s_[:, :76]])
def test_a_bright_lorry_in_a_third_of_the_samples_is_no_light(place):
    bare = [shot(seed=n) for n in range(26)]
    white = ground().copy()
    white[place] = 210
    for image in without_visitors([*bare, *(noisy(white, n) for n in range(12))]):
        assert np.abs(image - ground()).mean() < 5


def follow(pictures, *, prescan=None, scenes=None):
    """Lane gmm over pictures: by frame, the boxes that are seen, by identity; and the blobs' segmentations."""
    scenes = scenes or KnownScenes()
    lane, linker = GmmSegmenter(GmmSettings(min_area=0.002)), Linker(LinkerSettings())
    lane.prepare(scenes.prepare(prescan or pictures[::2]))
    tracks, seen = [], []
    for n, picture in enumerate(pictures):
        made = lane.step(Frame(n, n / FPS, Picture.of(picture), scene=scenes.step(picture, n / FPS)))
        found = linker.step(made.regions, time_s=n / FPS, size=(WIDTH, HEIGHT))
        tracks.append({track.id: track.box for track in found if not track.hidden})
        seen.append(made)
    return tracks, seen


def test_nobody_is_found_in_a_lost_signal_and_the_walker_keeps_his_identity():
    pictures = [shot(20 + n, seed=n) for n in range(40)]
    pictures[15:30] = [noisy(card("text"), n) for n in range(15)]
    tracks, seen = follow(pictures)
    assert {name for frame in tracks for name in frame} == {1}
    assert all(not frame for frame in tracks[15:30])
    assert not any(made.foreground.any() for made in seen[15:30])
    assert 1 in tracks[35]


def test_a_blank_picture_teaches_nothing():
    lane, scenes = GmmSegmenter(GmmSettings()), known(walk(20))
    lane.prepare(walk(20))
    before = lane.mixture.picture().copy()
    for n in range(20):
        lane.step(Frame(n, n / FPS, Picture.of(card("white")), scene=scenes.step(card("white"), n / FPS)))
    np.testing.assert_array_equal(lane.mixture.picture(), before)


@pytest.mark.parametrize("switch", [20, 26, 35])
def test_when_the_light_goes_off_only_the_walker_is_found(switch):
    pictures = [shot(10 + 2.5 * n, gain=1 if n < switch else 0.45, seed=n) for n in range(52)]
    tracks, _ = follow(pictures)
    assert {name for frame in tracks for name in frame} == {1}
    for n in range(5, 52):
        assert abs(tracks[n][1].centre[0] - (10 + 2.5 * n)) < 5, n


def test_when_the_light_fades_in_the_walker_is_found_and_little_else():
    gains = [min(1.0, n / 30) for n in range(60)]
    tracks, _ = follow([shot(10 + 2.2 * n, gain=gain, seed=n) for n, gain in enumerate(gains)])
    assert len({name for frame in tracks for name in frame}) <= 2
    assert all(frame for frame in tracks[30:])


@pytest.mark.parametrize("stop", [0, 50])
def test_a_lorry_before_three_quarters_of_the_picture_is_one_object_and_leaves_nothing(stop):
    """`stop` frames, two seconds, it stands; each place is covered for a third of the clip or more."""
    places = [5.0 * n for n in range(30)] + [150.0] * stop + [150 + 5.0 * n for n in range(30)]
    pictures = [shot(lorry=(x - 140, x), seed=n) for n, x in enumerate(places)] + walk(3)[:1] * 10
    tracks, seen = follow(pictures, prescan=[shot(seed=n) for n in range(10)] + pictures[:30:3])
    assert {name for frame in tracks for name in frame} == {1}
    for n in range(20, 30 + stop + 5):
        assert tracks[n][1].width > 0.8 * (min(places[n], WIDTH) - max(0, places[n] - 140))
    assert not any(made.regions for made in seen[-5:])


def test_a_mixture_keeps_every_scene_apart():
    mixture = Mixture(MixtureSettings(warm_up_s=0.08))
    mixture.prepare(walk(10))
    first = mixture.picture().copy()
    mixture.enter(1)
    for n in range(5):
        mixture.step(noisy(card("text"), n))
    assert np.abs(mixture.picture().astype(int) - card("text")).mean() < 4
    mixture.enter(0)
    np.testing.assert_array_equal(mixture.picture(), first)


def test_the_scene_that_returns_is_never_the_one_that_is_forgotten():
    mixture = Mixture(MixtureSettings(warm_up_s=0.08))
    mixture.prepare(walk(10))
    pictures = {0: mixture.picture().copy()}
    for scene, looks in ((1, card("text")), (2, 255 - card("text"))):
        mixture.enter(scene)
        for n in range(5):
            mixture.step(noisy(looks, n))
        pictures[scene] = mixture.picture().copy()
    for scene in (1, 2, 0, 1):
        mixture.enter(scene)
        assert mixture.ready
        np.testing.assert_array_equal(mixture.picture(), pictures[scene])


def test_of_every_scene_that_is_recognised_the_rest_is_remembered_too():
    rng = np.random.default_rng(0)
    picture, scenes, left, perspectives = card("text"), KnownScenes(), {}, Perspectives()
    scenes.step(picture, 0.0)
    here = 0
    for number in range(1, 60):
        perspectives = perspectives.after(here, Perspective(np.zeros(len(HORIZONS)), 0.0, float(number)))
        others = [scene for scene in scenes._scenes if scene != here]
        if others and rng.random() < 0.5:
            there = int(rng.choice(others))
            scenes._enter(there)
            assert left.pop(there) == there
            assert perspectives.of(there) is not UNKNOWN
        else:
            there = scenes._add(thumbnail(picture))
        keep_left(left, here, here)
        here = there
    assert sorted([*left, here]) == sorted(scenes._scenes)
    assert len(scenes._scenes) == MOST_SCENES


def test_the_variability_of_a_scene_that_returns_is_known():
    features = SceneFeatures(Mixture(MixtureSettings(warm_up_s=0.08)))
    features.prepare(walk(10))
    known = {0: features._variability}
    for scene in (1, 2):
        features.enter(scene)
        features._variability = known[scene] = np.full((HEIGHT, WIDTH), scene, np.float32)
    for scene in (1, 2, 0, 1):
        features.enter(scene)
        assert features._variability is known[scene]


def streaked(n, *, count=30, still=False):
    rng = np.random.default_rng(0 if still else n)
    different = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x, y in rng.integers(0, (WIDTH, HEIGHT - 14), (count, 2)):
        cv2.line(different, (int(x), int(y)), (int(x) + 1, int(y) + 14), 1, 1)
    cv2.ellipse(different, (40, 60), (6, 16), 0, 0, 360, 1, -1)
    return different > 0


def test_rain_is_known_by_thin_pieces_that_are_elsewhere_in_every_frame():
    rain = RainDetector()
    for n in range(10):
        rain.update(streaked(n))
    found, now = rain.find(streaked(10)), streaked(10)
    assert not found[50:70, 36:44].any()  # the walker
    now[30:90, 25:55] = False
    assert found[now].mean() > 0.9


@pytest.mark.parametrize("drawn", [{"count": 3}, {"still": True}])
def test_few_thin_objects_and_such_that_stay_are_no_rain(drawn):
    rain = RainDetector()
    for n in range(10):
        rain.update(streaked(n, **drawn))
    assert not rain.find(streaked(10, **drawn)).any()


def moment(n, image, *, scene=0, ids=(), covered=0.0):
    labels = np.zeros(image.shape[:2], np.int32)
    foreground = np.zeros(image.shape[:2], bool)
    foreground[: round(covered * HEIGHT)] = True
    tracks = tuple(Track(name, Box(10, 10, 20, 30), 1.0, 0) for name in ids)
    return Moment(
        Frame(n, n / FPS, Picture.of(image), scene=scene),
        (View("slots", Segmentation(labels, (), foreground), tracks),),
    )


def said_of(moments, lanes=("slots",)):
    health = Health(lanes)
    for each in moments:
        health.write(each)
    return warnings(health.findings()), {finding.name: finding for finding in health.findings()}


def test_a_quiet_run_has_no_warnings():
    said, _ = said_of(moment(n, image, ids=(1,)) for n, image in enumerate(walk(40)))
    assert said == ()


def test_blank_pictures_are_said_and_are_no_jump_of_the_light():
    pictures = [*walk(20), *[card("black")] * 10, *walk(20)]
    said, found = said_of(
        moment(n, image, scene=None if 20 <= n < 30 else 0, ids=(1,)) for n, image in enumerate(pictures)
    )
    assert (found["scene_lost"].value, found["scene_lost"].level) == (10, "look")
    assert found["scene_lost"].times_s == (pytest.approx(0.8),)
    assert found["light_switched"].level == "good"
    assert len(said) == 1
    assert "10 frames are blank" in said[0]


def test_a_lorry_does_not_shake_the_camera():
    places = range(-140, 300, 6)
    pictures = [shot(lorry=(x, x + 140), seed=n) for n, x in enumerate(places)]
    said, found = said_of(
        moment(n, image, ids=(1,), covered=0.7 if -60 < x < 160 else 0.0)
        for n, (x, image) in enumerate(zip(places, pictures, strict=True))
    )
    assert found["camera_shakes"].level in ("good", "unknown")
    assert said == ()


def test_a_flood_of_short_lives_and_a_lane_without_any_are_said():
    pictures = walk(50) * 2
    flood, _ = said_of(moment(n, image, ids=range(3 * n, 3 * n + 3)) for n, image in enumerate(pictures))
    assert len(flood) == 1
    assert flood[0].startswith("slots: 300 identities, 100 % of them shorter than a second")
    assert "slots.life.min_area" in flood[0]
    nothing, _ = said_of(moment(n, image) for n, image in enumerate(walk(20)))
    assert nothing[0].startswith("slots: Nothing was found")
