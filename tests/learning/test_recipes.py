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
    "balls": ("7d3b48582978513d", "709e2c9d379dede8", "b8fcb6f50bb47d19"),
    "balls-lstm": ("fbe8ceb621b93e82", "7d29f881e99ff0c8", "bb58d900f980ce3d"),
    "balls-rnn": ("4eb4cc603aabcdd9", "337e2cd89949c268", "e787f764bd7e486e"),
    "balls-rnn-em": ("1a0d5753b27868fa", "d3dd3b3469c0ee62", "d2d2eafda5db6d37"),
    "balls-sum": ("f7beab66a84d897e", "4f02adbaa2b2f980", "ae514f23bec95c90"),
    "curtain": ("a808aa48fab7a4fb", "2f5dd0d246e463f6", "ef201406379aff10"),
    "flying-mnist": ("7357fdfa445590ac", "e39959d6a51f3aca", "cb52086edc2486f2"),
    "flying-mnist-direct": ("d4646c6f27bbd4cb", "849e68cee67a58ea", "ebb66f14f52d1e30"),
    "flying-shapes": ("c7690a0b0dff9d47", "31a7baf675a1aeff", "d4d1daed6c965d78"),
    "flying-shapes-5": ("24ae3cc959a60f28", "bffff047c635a667", "0ad239985b6b7165"),
    "flying-shapes-k1": ("d9f15c0732c47766", "4faa0fb46eeae088", "95fef503afdcf775"),
    "shapes": ("958c7503ba2789e6", "f49aba0ad22664f6", "6603147c1c313536"),
    "shapes-k1": ("732c1e2d10fada35", "afd1cc21ca51bf25", "76ed98fec192f844"),
    "shapes-nem": ("739cfae16f2efdac", "c10462a53e24da8e", "c565b281ccaea535"),
}
"""SHA-256 of each network's settings as JSON, keys sorted, by recipe: what a trained network was trained with"""


@pytest.mark.parametrize("run", MERGED)
def test_every_recipe_is_what_it_was_however_its_files_inherit(run):
    for recipe, digest in zip(("papers", "short", "quick"), MERGED[run], strict=True):
        settings = read_settings(ExperimentSettings, _recipe(run, recipe, CONFIGS))
        text = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
        assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest, recipe
