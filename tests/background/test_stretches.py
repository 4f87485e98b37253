"""Who stands for most of a clip is no scenery: places with two looks, and which of them is the empty scene."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tracker.background.scene import without_visitors
from tracker.background.stretches import Runs, longest_runs
from tracker.outlines import CLEARER, SAME_INSIDE, is_empty_in, likeness_inside, step_across

COUNT, HEIGHT, WIDTH = 40, 72, 96
PLACE = np.s_[20:52, 30:46]


def _texture(seed: int, size: tuple[int, int], mean: int, contrast: float) -> np.ndarray:
    """(H, W, 3) smooth random texture."""
    rough = np.random.default_rng(seed).normal(0, 1, (*size, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), 3)
    return np.clip(mean + contrast * smooth / smooth.std(), 0, 255).astype(np.uint8)


SCENE = _texture(1, (HEIGHT, WIDTH), 120, 10)
OBJECT = _texture(2, (32, 16), 60, 15)


def _with_object(image: np.ndarray) -> np.ndarray:
    image[PLACE] = OBJECT
    return image


def _in_light(image: np.ndarray) -> np.ndarray:
    image[PLACE] = np.clip(image[PLACE] * 1.4, 0, 255).astype(np.uint8)
    return image


def _clip(there: np.ndarray, change: Callable[[np.ndarray], np.ndarray] = _with_object) -> list[np.ndarray]:
    """Pictures with noise, changed where `there` (COUNT,) is true."""
    rng = np.random.default_rng(0)
    pictures = [change(SCENE.copy()) if here else SCENE.copy() for here in there]
    return [np.clip(each + rng.normal(0, 2, each.shape), 0, 255).astype(np.uint8) for each in pictures]


def _is_empty(pictures: np.ndarray) -> bool:
    """Whether no picture shows more than noise at the place: 2 grey levels, and up to 4 of the median, which is of noise too."""
    return bool(np.abs(pictures.astype(int) - SCENE)[(slice(None), *PLACE)].mean(axis=(1, 2, 3)).max() < 6)


NUMBERS = np.arange(COUNT)
EPISODES = {
    "from its arrival to the end": NUMBERS >= 4,
    "from the first picture to its departure": NUMBERS < 36,
    "for all but a moment": ~((NUMBERS >= 18) & (NUMBERS < 22)),
    "for a moment": (NUMBERS >= 18) & (NUMBERS < 22),
    "for half of the clip, from the first picture": NUMBERS < 21,
    "for half of the clip, to the end": NUMBERS >= 21,
}


@pytest.mark.parametrize("there", EPISODES.values(), ids=EPISODES.keys())
def test_who_stands_is_not_in_the_scene(there):
    assert _is_empty(without_visitors(_clip(there)))


def test_what_never_goes_is_scene():
    found = without_visitors(_clip(NUMBERS >= 0))
    assert np.abs(found[(slice(None), *PLACE)].astype(int) - OBJECT).mean() < 4


def test_two_pictures_without_it_are_too_few_to_tell_from_who_walks_before_it():
    assert not _is_empty(without_visitors(_clip(NUMBERS >= 2)))


def test_a_change_of_the_light_is_no_object():
    bright = _in_light(SCENE.copy())[PLACE]
    found = without_visitors(_clip(NUMBERS < 32, _in_light))
    assert np.abs(found[(slice(20), *PLACE)].astype(int) - bright).mean() < 4, "the usual light is the scene's"


def test_who_stands_is_told_from_who_passes():
    pictures = _clip(NUMBERS >= 5)
    for n, picture in enumerate(
        pictures
    ):  # a wide one, close behind each other: two pictures of three show it somewhere
        left = (11 * n) % (WIDTH + 30) - 30
        picture[40:60, max(0, left) : max(0, left + 20)] = 220
    assert _is_empty(without_visitors(pictures))


def test_two_who_stand_side_by_side_at_different_times_are_both_found():
    pictures = _clip(NUMBERS >= 4)
    for picture in pictures[:35]:
        picture[20:52, 46:62] = 255 - OBJECT
    found = without_visitors(pictures)
    assert np.abs(found.astype(int) - SCENE)[:, 20:52, 30:62].mean(axis=(1, 2, 3)).max() < 4


def test_who_drives_off_is_not_learned_beside_the_place_it_leaves():
    pictures = _clip(NUMBERS < 35)
    for picture in pictures[35:39]:  # a part of it is still beside the place, and gone in the last picture
        picture[42:52, 20:30] = OBJECT[:10, :10]
    found = without_visitors(pictures)
    assert np.abs(found.astype(int) - SCENE)[:, 20:52, 14:46].mean(axis=(1, 2, 3)).max() < 6


def test_in_two_lights_the_place_is_empty_in_each():
    dim = 0.6
    pictures = [np.asarray(each * (dim if n % 2 else 1), np.uint8) for n, each in enumerate(_clip(NUMBERS >= 5))]
    found = without_visitors(pictures).astype(float)
    assert np.abs(found[::2] - SCENE)[(slice(None), *PLACE)].mean() < 6
    assert np.abs(found[1::2] - dim * SCENE)[(slice(None), *PLACE)].mean() < 6


def test_the_place_keeps_the_noise_of_the_camera():
    """The same picture again and again would make the mixture take later noise for objects."""
    found = without_visitors(_clip(NUMBERS >= 4))[(slice(None), *PLACE)].astype(float)
    assert found.std(axis=0).mean() > 1


@pytest.mark.parametrize("polarity", [60, 200])
def test_an_object_has_an_edge_on_its_outline_and_the_scene_has_none(polarity):
    place = np.zeros((HEIGHT, WIDTH), bool)
    place[PLACE] = True
    image = SCENE.copy()
    image[PLACE] = np.clip(OBJECT.astype(int) + polarity - 60, 0, 255)
    assert step_across(SCENE, place) < CLEARER * step_across(image, place)
    assert likeness_inside(SCENE, image, place) < SAME_INSIDE
    assert likeness_inside(SCENE, _in_light(SCENE.copy()), place) > 0.9


def test_of_a_picture_and_what_was_learned_as_the_scene_the_outline_tells_which_is_empty():
    place = np.zeros((HEIGHT, WIDTH), bool)
    place[PLACE] = True
    taken = _with_object(SCENE.copy())
    assert is_empty_in(SCENE, taken, place)  # an object was learned as the scene, and has left
    assert not is_empty_in(taken, SCENE, place)  # one has come
    assert not is_empty_in(_in_light(SCENE.copy()), SCENE, place)
    assert not is_empty_in(SCENE, SCENE, place)


def test_a_place_that_is_the_whole_picture_has_no_outline():
    assert step_across(SCENE, np.ones((HEIGHT, WIDTH), bool)) == 0


def test_the_longest_run_is_of_one_look():
    looks = np.array([9, 9, 1, 1, 1, 9, 2, 2, 4, 4, 4, 4, 9], np.uint8) * 20
    samples = looks[:, None, None].repeat(3, axis=2)
    runs = longest_runs(samples, (looks != 180)[:, None], np.full((1, 3), 10, np.uint8))
    assert (runs.first.tolist(), runs.after.tolist()) == ([8], [12])
    assert np.flatnonzero(runs.shows(13)).tolist() == [8, 9, 10, 11]


def test_a_pixel_that_is_always_as_usual_has_no_run():
    runs = longest_runs(np.full((5, 1, 3), 7, np.uint8), np.zeros((5, 1), bool), np.full((1, 3), 10, np.uint8))
    assert runs.first == runs.after
    assert not Runs(runs.first, runs.after).shows(5).any()
