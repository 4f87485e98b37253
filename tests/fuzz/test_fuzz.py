"""About ten seconds of what `make fuzz` does for an hour, and what can be tried without a process of its own."""

import contextlib
import itertools
import math
import sys
import warnings
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("hypothesis")
pytest.importorskip("resource", reason="limits of a process as Unix has them")

import av
import yaml
from cases import FRAMES, KEYS, KINDS, NUMBERS, make_samples
from clips import draw, write_video
from hour import load_libraries, try_case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runner import run

from tracker.errors import SettingsError, SourceError
from tracker.lessons.recipes import ForegroundRecipe, SlotsRecipe
from tracker.papers.settings import ExperimentSettings
from tracker.scores.tables import read_rows
from tracker.settings import RunSettings, load_settings, read_settings
from tracker.sources import open_source

QUICK = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(NUMBERS), st.dates()
)
TREES = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4))
)
TEXTS = st.one_of(st.text(max_size=60), st.sampled_from(NUMBERS), TREES.map(lambda tree: yaml.safe_dump(tree)))


@contextlib.contextmanager
def refusals(kind):
    """Whatever goes wrong inside is an error of the user's, in one line."""
    try:
        yield
    except kind as error:
        assert "\n" not in str(error)  # noqa: PT017 (it need not be raised)
        assert len(str(error)) < 1000  # noqa: PT017


@QUICK
@given(key=st.sampled_from(KEYS), value=TEXTS)
def test_any_value_of_any_setting_is_taken_or_refused_in_one_line(key, value):
    with refusals(SettingsError):
        load_settings(overrides=[f"{'.'.join(key)}={value}"])


@QUICK
@given(text=TEXTS)
def test_any_override_is_taken_or_refused_in_one_line(text):
    with refusals(SettingsError):
        load_settings(overrides=[text])


@QUICK
@given(content=st.one_of(TEXTS.map(str.encode), st.binary(max_size=80)))
@pytest.mark.parametrize("model", [RunSettings, SlotsRecipe, ForegroundRecipe, ExperimentSettings])
def test_any_settings_file_is_taken_or_refused_in_one_line(model, content, tmp_path):
    (tmp_path / "any.yaml").write_bytes(content)
    with refusals(SettingsError):
        read_settings(model, [tmp_path / "any.yaml"])


CELL = st.one_of(st.integers(), st.floats(), st.integers(1, 9), st.sampled_from(NUMBERS)).map(str)
ROWS = st.lists(st.lists(CELL, min_size=1, max_size=10).map(",".join), max_size=6).map("\n".join)


@QUICK
@given(content=st.one_of(ROWS.map(str.encode), st.binary(max_size=80)))
def test_any_table_is_read_or_refused_in_one_line(content, tmp_path):
    (tmp_path / "gt.txt").write_bytes(content)
    with refusals(SourceError):
        for frame, rows in read_rows(tmp_path / "gt.txt").items():
            assert frame >= 1
            assert all(math.isfinite(side) for row in rows for side in row.box)


STEPS = st.lists(st.sampled_from([0, 1, 2, 39, 40, 41, 1000, 3_600_000]), min_size=FRAMES - 1, max_size=FRAMES - 1)


@settings(QUICK, max_examples=25)
@given(first=st.sampled_from([0, 1, 40, 10_000_000]), steps=STEPS, suffix=st.sampled_from(["mkv", "mp4", "ts"]))
def test_frames_of_any_times_are_all_delivered_in_order(first, steps, suffix, tmp_path):
    clip = tmp_path / f"clip.{suffix}"
    with contextlib.suppress(OSError, ValueError, av.FFmpegError):
        write_video(clip, draw(FRAMES), times_ms=list(itertools.accumulate(steps, initial=first)))
    with refusals(SourceError), closing(open_source(str(clip))) as source:
        frames = list(source)
        times = [frame.time_s for frame in frames]
        assert [frame.index for frame in frames] == list(range(len(frames)))
        assert all(math.isfinite(time) for time in times)
        assert times == sorted(times)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    load_libraries()
    folder = tmp_path_factory.mktemp("samples")
    make_samples(folder)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_inputs_end_a_command_in_an_orderly_way(kind, samples, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forking beside threads of other tests: none is used here
        endings = {seed: try_case(kind, seed, samples=samples, folder=tmp_path / "case") for seed in range(1)}
    assert {seed: (ending.fault, ending.stderr) for seed, ending in endings.items() if ending.fault} == {}


def test_a_process_that_breaks_the_rules_would_be_found(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        Path("result.gmm.csv").write_text("half")
        raise ValueError("unforeseen")

    monkeypatch.setattr("tracker.jobs.process", fail)
    ending = run(["process", "clip.mp4", "-o", "result.mp4"], tmp_path)
    assert ending.code == 1
    assert ending.fault == '"unexpected" on stderr'
