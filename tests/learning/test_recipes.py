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
    "balls": ("e5022c1dbff1d06e", "d8546bb3c39ae63d", "cdf842ea806dbf62"),
    "balls-lstm": ("eb44f19d2195ba41", "92907459cb322e26", "43f3f2f1ebc1a3e0"),
    "balls-rnn": ("31f62b864df4e23b", "fd91bcea209d1688", "59d04d639c2efeb0"),
    "balls-rnn-em": ("0384277136075fbd", "ad6d70a722f7eed0", "6bffc546ac1d8646"),
    "balls-sum": ("2f6f42010dcce89c", "66e3747d4a83168d", "b08f685b436818b7"),
    "curtain": ("f07e3332964cea7b", "c884acf824072a9f", "cbb738c14ffd3fdc"),
    "flying-mnist": ("05d092724fbc2675", "d36e3fae2a5c2eeb", "54db6f5a9216912e"),
    "flying-mnist-direct": ("83064b9f81a6330f", "1c1d6e4526545f30", "3d5ce36f18653d06"),
    "flying-shapes": ("8209c606d6795717", "ddead139a5750380", "05ad0c7758770c14"),
    "flying-shapes-5": ("bf2a00de17621015", "25ed3a8d9f4bd439", "3a604e3cdfbb6f36"),
    "flying-shapes-k1": ("3041bd9bfa61ac21", "5ce4272750bdc337", "5d36ab5fa4c4e065"),
    "shapes": ("af9d860f00a69ec9", "ad16a17a022df91f", "ecac0fce88cb9579"),
    "shapes-k1": ("9e5f89ebaccc1217", "40914ff1f128b4d0", "6d6f9e2ddab25f70"),
    "shapes-nem": ("44ff38e0fbfeed7b", "b3d3c91c42b02d83", "9eea05ad21b2fdb0"),
}
"""SHA-256 of each network's settings as JSON, keys sorted, by recipe: what a trained network was trained with"""


@pytest.mark.parametrize("run", MERGED)
def test_every_recipe_is_what_it_was_however_its_files_inherit(run):
    for recipe, digest in zip(("papers", "short", "quick"), MERGED[run], strict=True):
        settings = read_settings(ExperimentSettings, _recipe(run, recipe, CONFIGS))
        text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
        assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest, recipe
