"""The ground behind who moves in one place for the whole clip, in drawn pictures."""

import cv2
import numpy as np
import pytest

from tracker.background import Mixture, MixtureSettings
from tracker.build import build_prescan
from tracker.choosing import suit
from tracker.components import components
from tracker.settings import RunSettings
from tracker.sources import open_images
from tracker.types import FOREGROUND
from tracker.unseen import FEWEST_PICTURES, without_dwellers

HEIGHT, WIDTH, COUNT = 120, 160, 40
BODY = (slice(25, 105), slice(60, 100))


def ground():
    """A wall with a floor."""
    picture = np.full((HEIGHT, WIDTH, 3), (150, 145, 140), np.uint8)
    picture[108:] = (190, 190, 185)
    return picture


def dancer(count=COUNT):
    """Pictures with a person who moves head, arms and legs in place from the first to the last."""
    rng = np.random.default_rng(0)
    for n in range(count):
        picture, sway = ground(), int(8 * np.sin(0.9 * n))
        for y, half, colour in (
            (32, 8, (210, 150, 120)),
            (50, 14, (30, 30, 35)),
            (72, 13, (90, 120, 190)),
            (92, 12, (60, 80, 150)),
        ):
            x = 80 + int(sway * (1 + 0.3 * rng.normal()))
            shade = np.clip(np.array(colour) + rng.integers(-45, 46), 0, 255).tolist()
            cv2.rectangle(picture, (x - half, y - 9), (x + half, y + 12), shade, cv2.FILLED)
        end = 80 + int(45 * np.cos(0.7 * n)), 45 + int(25 * np.sin(1.3 * n))
        cv2.line(picture, (80, 50), end, (30, 30, 35), 4)
        yield picture


def noisy(pictures):
    rng = np.random.default_rng(1)
    return [np.clip(p + rng.normal(0, 2, p.shape), 0, 255).astype(np.uint8) for p in pictures]


def moving(rows, columns):
    """Pictures of a ground with water or leaves in those rows and columns."""
    rng = np.random.default_rng(2)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    for _ in range(COUNT):
        picture = ground()
        picture[rows, columns] = cv2.resize(
            rng.integers(40, 220, (height // 4, width // 4, 3), np.uint8), (width, height)
        )
        yield picture


def passing():
    """Pictures of a ground on which somebody walks by, and another stands for half of them."""
    for n in range(COUNT):
        picture = ground()
        picture[40:90, 4 * n : 4 * n + 20] = (30, 60, 160)
        if n < COUNT // 2:  # the other half shows the ground
            picture[20:100, 110:150] = (160, 60, 30)
        yield picture


def largest_piece(prescan, picture):
    """(H, W) the largest piece that stands out once a mixture has learned from the prescan."""
    mixture = Mixture(MixtureSettings())
    mixture.prepare(prescan)
    found = components((mixture.judge(picture) == FOREGROUND).astype(np.uint8))
    return found.labels == 1 + found.areas[1:].argmax()


def test_the_ground_is_painted_where_a_dancer_never_leaves_her_place():
    cleared = without_dwellers(noisy(dancer()))
    for picture in (cleared[0], cleared[-1]):
        body = np.abs(picture[BODY].astype(int) - ground()[BODY]).max(axis=2)
        assert np.median(body) < 12
        assert (body > 40).mean() < 0.12  # an arm that is there now and then is left to the mixture


def test_a_dancer_who_never_leaves_her_place_is_one_piece_from_the_first_frame():
    pictures, settings = noisy(dancer()), RunSettings(lanes=("gmm",))
    source = open_images(pictures, fps=25)
    prescan = suit(settings, source, build_prescan(settings)).prescan
    ground = prescan.ground(prescan.pictures(source))
    for picture in (pictures[0], pictures[7], pictures[-1]):
        assert largest_piece(ground, picture)[BODY].mean() > 0.5
        assert largest_piece(pictures, picture)[BODY].mean() < 0.4  # only what moves


def test_the_pictures_given_stay_as_they_are():
    given = noisy(dancer())
    before = [picture.copy() for picture in given]
    without_dwellers(given)
    assert all(np.array_equal(a, b) for a, b in zip(given, before, strict=True))


@pytest.mark.parametrize(
    "pictures",
    [
        noisy(moving(slice(60, HEIGHT), slice(0, WIDTH))),
        noisy(moving(slice(10, 110), slice(10, 120))),
        noisy(moving(slice(0, 60), slice(0, 60))),
        noisy(passing()),
        noisy(dancer(FEWEST_PICTURES - 1)),
        [],
    ],
    ids=["water", "bushes", "tree at the border", "passing", "few", "none"],
)
def test_water_leaves_passers_by_and_a_few_pictures_are_left_alone(pictures):
    cleared = without_dwellers(pictures)
    assert len(cleared) == len(pictures)
    assert all(np.array_equal(a, b) for a, b in zip(pictures, cleared, strict=True))
