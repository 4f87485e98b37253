"""Drawn streets whose answer is known: with true boxes every crossing is counted, and none besides."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tracker.synth import WorldOrder, stream_world

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "zones.py"


@pytest.fixture(scope="module")
def benchmark():
    made = importlib.util.spec_from_file_location("zones_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(made)
    sys.modules[made.name] = module
    made.loader.exec_module(module)
    return module


def check(benchmark, name, seed, frames=None):
    zones, answer = benchmark.count_truth(stream_world(name, WorldOrder(seed, frames=frames)))
    counts = zones.counts()["truth"]
    true = answer.crossings()
    assert {(line, way): n for line, ways in counts.lines.items() for way, n in ways.items() if n} == dict(true)
    # every stay is told from border to border, and frames are counted whole
    area = counts.areas["middle"]
    assert area.seconds == pytest.approx(answer.area_frames / 25, rel=0.1, abs=1.0)
    return sum(true.values())


def test_crossings_are_counted_exactly(benchmark):
    assert check(benchmark, "crossing", 0) == 6  # two walkers, three lines
    assert check(benchmark, "street", 3, frames=40) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["crossing", "street"])
@pytest.mark.parametrize("seed", range(20))
def test_crossings_of_every_seed_are_counted_exactly(benchmark, name, seed):
    assert check(benchmark, name, seed) > 0
