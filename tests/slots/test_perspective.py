"""How much larger things are lower in the picture: the horizon from how slots grow, and sizes of slots that are merged."""

import numpy as np
import pytest
from test_slots_lane import RunningAverage

from tracker.left_scenes import MOST_SCENES
from tracker.slots.perspective import UNKNOWN, Perspectives
from tracker.slots.segmenter import SlotsSegmenter
from tracker.slots.settings import CellSettings, NetworkSettings, SlotsSettings
from tracker.slots.state import TorchCell
from tracker.slots.weights import Network
from tracker.types import BACKGROUND, FOREGROUND

WIDTH, HEIGHT = 160, 120
HORIZON = 0.1
LAST = 57


def taught(size_at, *, ways=((0.3, 0.9), (0.8, 0.4), (0.35, 0.6)), noise=0.0):
    """A perspective that was shown objects on their ways, whose sizes at heights in the picture are size_at(height)."""
    perspective, rng = UNKNOWN, np.random.default_rng(0)
    for first, last in ways:
        for height in np.linspace(first, last, 60):
            sizes = np.array([size_at(first), size_at(height) * np.exp(rng.normal(0, noise))])
            perspective = perspective.after(np.array([[first, sizes[0]]]), np.array([[height, sizes[1]]]), 0.04)
    return perspective


def test_the_horizon_is_where_sizes_would_be_nothing():
    perspective = taught(lambda y: 100 * (y - HORIZON), noise=0.1)
    assert perspective.horizon == HORIZON
    np.testing.assert_allclose(perspective.factors(np.array([0.3, 0.9]), np.array([0.9, 0.3])), [4, 1 / 4])


def test_things_of_one_size_everywhere_have_no_horizon():
    perspective = taught(lambda y: 20, noise=0.1)
    assert perspective.horizon is None
    assert perspective.factors(np.array([0.3]), np.array([0.9])).tolist() == [1]


@pytest.mark.parametrize("ways", [((0.3, 0.34),) * 4, ((0.3, 0.9),)])
def test_nothing_is_said_of_those_who_hardly_move_or_of_one_alone(ways):
    assert taught(lambda y: 100 * (y - HORIZON), ways=ways).horizon is None


def test_the_first_scene_and_the_latest_are_remembered():
    known = [taught(lambda y: 20) for _ in range(MOST_SCENES + 2)]
    perspectives = Perspectives()
    for scene, perspective in enumerate(known):
        perspectives = perspectives.after(scene, perspective)
    assert len(perspectives.known) == MOST_SCENES
    assert perspectives.of(0) is known[0]
    assert perspectives.of(MOST_SCENES + 1) is known[-1]
    assert perspectives.of(1) is perspectives.of(None) is UNKNOWN


def test_a_blank_picture_teaches_nothing_and_a_scene_without_news_stays_as_it_is():
    perspectives = Perspectives()
    assert perspectives.after(None, taught(lambda y: 20)) is perspectives
    assert perspectives.after(0, perspectives.of(0)) is perspectives


def vehicles(frame):
    """Boxes of two that drive side by side to the camera: apart far away, and one blob from where a shadow joins them."""
    height = 0.25 + 0.011 * frame
    side = 80 * (height - HORIZON)
    y, gap = HEIGHT * height, side * 0.2
    left = [WIDTH / 2 - gap / 2 - side, y - side / 2, WIDTH / 2 - gap / 2, y + side / 2]
    right = [WIDTH / 2 + gap / 2, y - side / 2, WIDTH / 2 + gap / 2 + side, y + side / 2]
    return np.array([left, right])


def frames(count, *, joined_from):
    """Pictures and verdicts of them."""
    for n in range(count):
        image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        verdict = np.full((HEIGHT, WIDTH), BACKGROUND, np.uint8)
        boxes = vehicles(n)
        for (x0, y0, x1, y1), colour in zip(boxes.round().astype(int), ((200, 40, 40), (40, 60, 210)), strict=True):
            image[y0:y1, x0:x1] = colour
            verdict[y0:y1, x0:x1] = FOREGROUND
        if n >= joined_from:
            (x0, _, _, y1), (_, _, x1, _) = boxes.round().astype(int)
            verdict[y1 - 4 : y1, x0:x1] = FOREGROUND
        yield image, verdict


def overlap(one, other):
    """Intersection over union of two boxes."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    both = np.prod(np.maximum(0, high - low))
    return both / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - both)


@pytest.mark.parametrize(("known", "least", "most"), [(True, 0.6, 1.0), (False, 0.0, 0.5)])
def test_two_that_become_one_blob_as_they_come_nearer_go_on_to_grow(known, least, most):
    network = NetworkSettings(cell=CellSettings(grid_px=12, features=8, hidden=4, motion=8))
    cell = Network(TorchCell(RunningAverage(network.cell)), network, "untrained")
    lane = SlotsSegmenter(SlotsSettings(working_width="full"), network=cell, scene=None)
    if known:  # of those who came before
        lane._perspectives = Perspectives({0: taught(lambda y: 80 * (y - HORIZON))})
    boxes = vehicles(LAST)
    for n, (image, verdict) in enumerate(frames(LAST + 1, joined_from=30)):
        made = lane.step_judged(image, verdict, time_s=n / 25, scene=0, size=(WIDTH, HEIGHT))
        if not known:
            lane._perspectives = Perspectives()
    found = [np.array(region.box) for region in made.regions]
    assert len(found) == 2
    overlaps = [max(overlap(box, one) for one in found) for box in boxes]
    assert least <= min(overlaps) <= most


def test_what_was_learned_by_a_frame_stays_what_it_is_while_more_is_learned():
    before = taught(lambda y: 100 * (y - HORIZON), noise=0.1)
    perspectives = Perspectives({0: before})
    heights = np.linspace(0.3, 0.9, 400)
    level = np.stack([heights, heights * 0 + 20], 1)
    later = perspectives.after(0, before.after(level, level[::-1], 1.0))
    assert later.of(0).horizon is None
    assert perspectives.of(0).horizon == HORIZON


def test_the_lane_says_what_it_has_learned_by_each_frame_and_another_begins_with_it():
    network = NetworkSettings(cell=CellSettings(grid_px=12, features=8, hidden=4, motion=8))
    cell = Network(TorchCell(RunningAverage(network.cell)), network, "untrained")
    lane = SlotsSegmenter(SlotsSettings(working_width="full"), network=cell, scene=None)
    told = [
        lane.step_judged(image, verdict, time_s=n / 25, scene=0, size=(WIDTH, HEIGHT)).learned
        for n, (image, verdict) in enumerate(frames(LAST + 1, joined_from=LAST))
    ]
    seconds = [learned.of(0).seen_s for learned in told]
    assert seconds[0] == 0
    assert seconds[LAST // 2] < seconds[-1]
    assert lane.later_pass(told[LAST // 2])._perspectives is told[LAST // 2]
