"""Recipes: a file says what kind of training it is and which file it extends; whatever else comes is refused in one line."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracker.cli import cli
from tracker.errors import SettingsError
from tracker.lessons.recipes import ForegroundRecipe, SlotsRecipe, read_recipe
from tracker.papers.command import _recipe
from tracker.papers.settings import ExperimentSettings
from tracker.recipes import PAPERS as CONFIGS
from tracker.settings import RunSettings, read_settings

SHIPPED = Path(__file__).parents[2] / "configs" / "train"


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def refused(path):
    with pytest.raises(SettingsError) as refusal:
        read_recipe(path)
    line = str(refusal.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(("name", "made"), [("street", SlotsRecipe), ("ground", ForegroundRecipe)])
def test_a_shipped_recipe_says_its_kind(name, made):
    assert type(read_recipe(SHIPPED / f"{name}.yaml")) is made


def test_a_recipe_is_laid_over_the_file_it_extends_and_flags_over_both(write):
    write("first.yaml", "kind: slots\ntrain: {steps: 10, batch: 3, slots: 2}\n")
    write("below/second.yaml", "extends: ../first.yaml\ntrain: {steps: 20, batch: 4}\n")
    last = write("last.yaml", "extends: below/second.yaml\ntrain: {steps: 30}\n")
    train = read_recipe(last, ["train.seed=7"]).train
    assert (train.steps, train.batch, train.slots, train.seed) == (30, 4, 2, 7)


def test_settings_of_a_run_inherit_too_and_an_error_names_the_file_that_is_wrong(write):
    write("base.yaml", "seed: 4\ngmm: {min_area: 7}\n")
    mine = write("mine.yaml", "extends: base.yaml\nseed: 5\n")
    with pytest.raises(SettingsError, match=r"base\.yaml: gmm\.min_area"):
        read_settings(RunSettings, [mine])
    write("base.yaml", "seed: 4\nprescan_frames: 3\n")
    settings = read_settings(RunSettings, [mine])
    assert (settings.seed, settings.prescan_frames) == (5, 3)


def test_files_that_extend_each_other_are_refused(write):
    a = write("a.yaml", "extends: b.yaml\n")
    b = write("b.yaml", "kind: slots\nextends: below/../a.yaml\n")
    a.parent.joinpath("below").mkdir()
    assert refused(a).startswith(f"{b}: extends ")
    assert "in turn" in refused(a)
    assert "in turn" in refused(write("self.yaml", "extends: self.yaml\n"))


def test_a_file_to_extend_that_is_not_there_is_named_with_the_one_that_wants_it(write):
    path = write("a.yaml", "extends: gone.yaml\n")
    assert refused(path) == f"{path}: extends gone.yaml: {path.parent / 'gone.yaml'} is not there; check the path"


@pytest.mark.parametrize("value", ["3", "[a.yaml, b.yaml]", "null", "''", "{a: b}", '"a\\0b"', "."])
def test_what_is_no_path_of_a_file_cannot_be_extended(write, value):
    assert refused(write("a.yaml", f"extends: {value}\n"))


@pytest.mark.parametrize("kind", ["paper", "3", "[slots]", "null", "{}"])
def test_an_unknown_kind_is_refused_with_those_there_are(write, kind):
    assert "wanted slots or foreground" in refused(write("a.yaml", f"kind: {kind}\n"))


def test_a_recipe_without_a_kind_is_told_what_to_add(write, tmp_path):
    assert "add `kind: slots`" in refused(write("a.yaml", "train: {steps: 3}\n"))
    old = write("old.yaml", "train_ground: {steps: 3}\n")
    assert refused(old) == f"{old}: no kind; add `kind: foreground` and rename train_ground to train"
    done = CliRunner().invoke(cli, ["train", str(old), "--out", str(tmp_path / "run")])
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [f"tracker: error: {refused(old)}"]
    assert not (tmp_path / "run").exists()


def test_a_kind_cannot_be_changed_by_a_flag(write):
    path = write("a.yaml", "kind: slots\n")
    with pytest.raises(SettingsError, match="kind = 'foreground'"):
        read_recipe(path, ["kind=foreground"])


# --- the papers' recipes ------------------------------------------------------------------------------------------

MERGED = {
    "balls": ("f53e8510411ff8e6", "94633c201bf32775", "0cd1680192187bf2"),
    "balls-lstm": ("cbddf340404e25f9", "d356c245bf87a408", "ff4960ce262319e2"),
    "balls-rnn": ("b3ea85683fc866b0", "8e766753d0c3c08d", "5674a7c9eca76226"),
    "balls-rnn-em": ("750a5e71c01ad385", "6e58727bc1611c1d", "02947e6b353c43ec"),
    "balls-sum": ("402d3963a1291862", "0e988bb0e4ee10f5", "9db17f86b3023562"),
    "curtain": ("cc0d0bf8098bb194", "6498e1d1f4837048", "b94fb8acf5e17560"),
    "flying-mnist": ("2c99416201f0e3fc", "85089c640565f4fc", "8a00565fca82c321"),
    "flying-mnist-direct": ("34d78cb3f9e15b2d", "11faa511a173373f", "5f8b6261c531a24c"),
    "flying-shapes": ("0c034bae4d0684ac", "a073bdf7b0916c86", "1109bea0f1d3c568"),
    "flying-shapes-5": ("be4f8c857fa90e45", "40707c401c022090", "9cc7c49370891765"),
    "flying-shapes-k1": ("7445c9d5d5e43402", "adb634eea43ab4ae", "66ba875b5a4d9737"),
    "shapes": ("ceee8f82e7a86e05", "25b7f2df3a555720", "41557c9071c653f2"),
    "shapes-k1": ("481d02956e4329f8", "22735402bc0ce327", "7d4667446b672d01"),
    "shapes-nem": ("c0e76beaa7f0da16", "7ff9b4f0db71abc3", "b6e0684cdc617452"),
}
"""SHA-256 of each network's settings as JSON, keys sorted, by recipe: what a trained network was trained with"""


@pytest.mark.parametrize("run", MERGED)
def test_every_recipe_is_what_it_was_however_its_files_inherit(run):
    for recipe, digest in zip(("papers", "short", "quick"), MERGED[run], strict=True):
        settings = read_settings(ExperimentSettings, _recipe(run, recipe, CONFIGS))
        text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
        assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest, recipe
