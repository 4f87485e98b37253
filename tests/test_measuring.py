"""What moves in drawn pictures is measured as it was drawn, and a ground that is known by its side is painted over it."""

import numpy as np
import pytest

from tracker.measuring import BODY, _body, _median, measure, without_movers

GROUND, HEIGHT, WIDTH = 150, 96, 128
DARK, PALE = (70, 70, 70), (230, 230, 230)


def pictures(places, *, colour=DARK, size=(12, 4), noise=2.0, seed=0):
    """Pictures of a grey floor with a rectangle (width, height) at each of the (x, y) of `places`, a list a picture."""
    rng = np.random.default_rng(seed)
    made = []
    for here in places:
        image = np.full((HEIGHT, WIDTH, 3), GROUND, float)
        for x, y in here:
            image[y : y + size[1], x : x + size[0]] = colour
        image += rng.normal(0, noise, image.shape[:2])[..., None]
        made.append(np.clip(image, 0, 255).astype(np.uint8))
    return made


def wandering(count=20, each=3, seed=1):
    rng = np.random.default_rng(seed)
    return [
        [(int(rng.integers(4, 100)), 4 + 30 * n + int(rng.integers(20))) for n in range(each)] for _ in range(count)
    ]


@pytest.mark.parametrize("colour", [DARK, PALE])
def test_small_things_on_a_plain_ground_are_measured(colour):
    measured = measure(pictures(wandering(), colour=colour))
    assert measured.size == (WIDTH, HEIGHT)
    assert measured.pieces == pytest.approx(3, abs=0.5)
    assert (measured.area_px, measured.height_px) == (pytest.approx(48, abs=2), pytest.approx(4, abs=1))
    assert measured.contrast == pytest.approx(80, abs=6)
    assert measured.noise == pytest.approx(2, abs=1.5)
    assert (measured.all_dark, measured.all_light) == (colour == DARK, colour == PALE)


@pytest.mark.parametrize("colour", [(150, 60, 60), (240, 200, 40)])
def test_a_coloured_thing_is_on_no_side(colour):
    measured = measure(pictures(wandering(), colour=colour))
    assert not measured.all_dark
    assert not measured.all_light


def test_a_body_with_a_shadow_is_on_no_side():
    places = wandering()
    bodies = pictures(places, colour=PALE, noise=0)
    shadows = pictures([[(x + 12, y) for x, y in here] for here in places], noise=0)
    both = [np.where(body != GROUND, body, shadow) for body, shadow in zip(bodies, shadows, strict=True)]
    measured = measure(both)
    assert not measured.all_dark
    assert not measured.all_light


def test_pieces_of_all_sizes_are_not_alike():
    small, large = (
        pictures(wandering(each=2), size=(8, 8)),
        pictures([[(22 * (n % 5), 70)] for n in range(11)], size=(20, 20)),
    )
    measured = measure([*small, *large])
    assert measured.dimmed == 1
    assert not measured.alike
    assert not measured.all_dark


def test_streaks_of_rain_are_nothing_to_suit_the_settings_to():
    rng = np.random.default_rng(2)
    places = [[(int(rng.integers(2, 120)), int(rng.integers(2, 70))) for _ in range(8)] for _ in range(20)]
    measured = measure(pictures(places, colour=PALE, size=(1, 24)))
    assert measured.lit == 1
    assert measured.small_px > 0.25 * measured.area_px
    assert not measured.alike
    assert not measured.all_light
    upright = measure(pictures(places, colour=PALE, size=(8, 24)))
    assert upright.alike


def test_where_hardly_anything_moves_nothing_is_said():
    assert measure(pictures([[]] * 20)) is None
    assert measure(pictures(wandering(4))) is None
    assert measure([]) is None


def test_noise_alone_is_nothing_that_moves():
    assert measure(pictures([[]] * 20, noise=12.0)) is None


@pytest.mark.parametrize("colour", [DARK, PALE])
def test_who_stands_for_most_of_the_clip_is_no_ground(colour):
    """At (60, 70) stands one in 14 of 20 pictures; the median shows it."""
    places = [[*here, (60, 70)] if n < 14 else here for n, here in enumerate(wandering(each=2))]
    images = pictures(places, colour=colour)
    assert abs(int(np.median(np.stack(images), axis=0)[71, 62, 0]) - GROUND) > 60
    cleared = without_movers(images, measure(images))
    assert np.abs(np.stack(cleared).astype(int) - GROUND).max() < 20
    assert np.stack(images)[0, 71, 62, 0] == images[0][71, 62, 0] != cleared[0][71, 62, 0]  # the given ones are kept


def test_pictures_of_anything_else_stay_as_they_are():
    images = pictures(wandering(), colour=(150, 60, 60))
    assert all(np.array_equal(a, b) for a, b in zip(images, without_movers(images, measure(images)), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(images, without_movers(images, None), strict=True))


def test_medians_by_bands_and_quantiles_of_a_body_are_those_of_numpy():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (7, 75, 5, 3), np.uint8)  # more rows than two bands
    np.testing.assert_array_equal(_median(pictures), np.median(pictures, axis=0))
    for count in (1, 2, 5, 6, 50):
        away = rng.integers(0, 256, count, np.uint8)
        assert _body(away) == pytest.approx(np.quantile(away, BODY))
