"""As many objects as a picture holds."""

import numpy as np
from test_slots_lane import RunningAverage

from tracker.background import Mixture, MixtureScene, MixtureSettings
from tracker.picture import Picture
from tracker.slots.segmenter import SlotsSegmenter
from tracker.slots.settings import CellSettings, LifeSettings, NetworkSettings, SlotsSettings
from tracker.slots.state import TorchCell
from tracker.slots.weights import Network
from tracker.types import Frame

COLUMNS, ROWS = 20, 10
CELL_PX, SIDE_PX = 16, 8
CORNERS = np.array([(CELL_PX * x + 4, CELL_PX * y + 4) for y in range(ROWS) for x in range(COLUMNS)])


GROUND = np.random.default_rng(0).integers(90, 110, (CELL_PX * ROWS, CELL_PX * COLUMNS, 3)).astype(np.uint8)


def pictures(count):
    """200 squares of different colours that sway to and fro, each in a cell of its own."""
    colours = np.random.default_rng(1).choice([20, 200, 250], (len(CORNERS), 3)).astype(np.uint8)
    for n in range(count):
        picture = GROUND.copy()
        for (x, y), colour in zip(CORNERS + [(0, 1, 2, 1)[n % 4] - 1, 0], colours, strict=True):
            picture[y : y + SIDE_PX, x : x + SIDE_PX] = colour
        yield picture


def watch(max_slots, count):
    """What the lane makes of so many pictures."""
    network = NetworkSettings(cell=CellSettings(grid_px=12, features=8, hidden=4, motion=8))
    cell = TorchCell(RunningAverage(network.cell))
    scene = MixtureScene(Mixture(MixtureSettings()))
    life = LifeSettings(flood=1.0)  # a quarter of the picture is objects
    settings = SlotsSettings(max_slots=max_slots, working_width="full", life=life)
    segmenter = SlotsSegmenter(settings, network=Network(cell, network, "untrained"), scene=scene)
    segmenter.prepare([GROUND] * 20)
    return [segmenter.step(Frame(n, n / 25, Picture.of(picture))) for n, picture in enumerate(pictures(count))]


def test_two_hundred_objects_are_followed_each_by_one_identity():
    made = watch(200, 10)
    for one in made[-4:]:
        assert len({region.label for region in one.regions}) == len(CORNERS)
        found = [int(one.labels[y + SIDE_PX // 2, x + SIDE_PX // 2]) for x, y in CORNERS]
        assert sorted(found) == sorted(region.label for region in one.regions)
    assert {region.label for region in made[-1].regions} == {region.label for region in made[-4].regions}


def test_births_beyond_the_most_slots_wait():
    made = watch(50, 8)
    assert max(len(one.regions) for one in made) == 50
