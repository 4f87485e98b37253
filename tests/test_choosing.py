"""Settings that are `auto` are chosen by what was measured; numbers that the user gives stay."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tracker.background import MixtureScene
from tracker.build import build_lanes, build_prescan
from tracker.choosing import SETTINGS, choose, suit
from tracker.measuring import Measured
from tracker.settings import RunSettings, load_settings

FISH = Measured((640, 640), 8.0, area_px=40, small_px=30, height_px=10, dimmed=1.0, lit=0.0, contrast=64, noise=1.0)
"""guppies of 12 x 4 pixels"""
PEOPLE = Measured((480, 360), 9.0, area_px=900, small_px=430, height_px=60, dimmed=0.5, lit=0.2, contrast=40, noise=4.0)


def chosen(measured, *overrides, width=1152):
    made = choose(load_settings(overrides=overrides), measured, width=width)
    return made.settings, {change.name: change.value for change in made.changes}


def test_small_dark_fish_get_a_wide_picture_small_areas_and_no_shadows():
    settings, changes = chosen(FISH)
    assert settings.slots.working_width == settings.gmm.working_width == 1024
    assert settings.slots.life.min_area == settings.gmm.min_area == pytest.approx(0.00003)
    assert settings.slots.life.close_height == pytest.approx(0.004)
    assert settings.gmm.mixture.shadows is False
    assert settings.foreground.network is False
    assert settings.gmm.mixture.var_threshold == round(3 * (0.3 * 64 / 2) ** 2)
    assert "blobs.min_area" not in changes  # no lane of the run reads it


def test_people_get_the_usual_values():
    settings, changes = chosen(PEOPLE)
    assert settings == load_settings()
    assert changes == {}


@pytest.mark.parametrize("measured", [None, replace(FISH, small_px=4.0)])
def test_where_nothing_is_known_nothing_is_chosen(measured):
    assert chosen(measured) == (load_settings(), {})


def test_what_the_user_gives_stays():
    given = ("slots.working_width=320", "slots.life.min_area=0.0004", "gmm.mixture.shadows=yes", "foreground=null")
    settings, changes = chosen(FISH, *given)
    assert (settings.slots.working_width, settings.slots.life.min_area, settings.gmm.mixture.shadows) == (
        320,
        0.0004,
        True,
    )
    assert settings.foreground is None
    assert not {"slots.working_width", "slots.life.min_area", "gmm.mixture.shadows", "foreground.network"} & set(
        changes
    )


def test_a_picture_is_worked_on_no_wider_than_it_is():
    assert chosen(FISH, width=640)[0].slots.working_width == "auto"
    assert chosen(FISH, width=900)[0].slots.working_width == 900


def test_pale_things_need_no_network_either_and_keep_the_shadow_rule():
    _, changes = chosen(replace(FISH, dimmed=0.0, lit=1.0))
    assert changes["foreground.network"] is False
    assert "gmm.mixture.shadows" not in changes


def test_each_choice_says_what_instead_of_what_and_why():
    lines = {change.name: change.line for change in choose(RunSettings(), FISH, width=1152).changes}
    assert lines["gmm.min_area"] == "gmm.min_area 0.00003 instead of 0.0004: what moves is 9.8e-05 of the picture"
    assert lines["gmm.mixture.shadows"].startswith("gmm.mixture.shadows no instead of yes: ")


def test_every_setting_that_may_be_auto_is_so_by_default():
    for name in SETTINGS:
        value = RunSettings()
        for part in name.split("."):
            value = getattr(value, part)
        assert value == "auto", name


def test_without_the_network_lane_slots_takes_the_mixtures_verdict():
    (lane,) = build_lanes(load_settings(overrides=["lanes=[slots]", "foreground.network=no"]))
    assert isinstance(lane.segmenter.scene, MixtureScene)


class Clip:
    """A source of which pictures are asked: dark 4 x 3 pixel squares on a floor, in 640, at any width."""

    def __init__(self, live=False):
        self.info, self.asked = SimpleNamespace(live=live, size=(1280, 160)), []

    def sample(self, count, *, whole, width):
        self.asked.append(width)
        wide, rng, scale = (1280 if width == "full" else width), np.random.default_rng(0), width / 640
        made = []
        for _ in range(count):
            image = np.full((wide // 8, wide, 3), 150, np.uint8)
            for x, y in rng.integers((5, 5), (600, 60), (4, 2)):
                image[int(scale * y) : int(scale * (y + 3)), int(scale * x) : int(scale * (x + 4))] = 60
            made.append(image)
        return made


def test_pictures_are_taken_again_where_they_have_to_be_wider():
    clip, settings = Clip(), load_settings(overrides=["lanes=[gmm]"])
    suited = suit(settings, clip, build_prescan(settings))
    assert suited.chosen.settings.gmm.working_width == 1280
    assert clip.asked == [640, 1280]
    images = suited.prescan.pictures(clip)
    assert images[0].shape == (160, 1280, 3)
    assert min(image.min() for image in images) < 150  # as they are, for the scene is recognised by them
    assert min(image.min() for image in suited.prescan.ground(images)) == 150
    assert clip.asked == [640, 1280]


def test_a_camera_is_not_measured():
    clip, settings = Clip(live=True), load_settings()
    suited = suit(settings, clip, build_prescan(settings))
    assert (suited.chosen.settings, suited.chosen.changes, clip.asked) == (settings, (), [])


def test_where_everything_is_given_nothing_is_measured():
    given = [
        "lanes=[gmm]", "gmm.working_width=640", "gmm.min_area=0.0004", "gmm.close_height=0.01",
        "gmm.mixture.var_threshold=16", "gmm.mixture.shadows=yes", "steady=no",
    ]  # fmt: skip
    clip, settings = Clip(), load_settings(overrides=given)
    assert suit(settings, clip, build_prescan(settings)).chosen.changes == ()
    assert clip.asked == []
