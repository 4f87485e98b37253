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
from tracker.papers.experiments import EXPERIMENTS
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


def test_the_foreground_network_is_trained_in_floating_point_and_then_in_whole_numbers():
    first, second = (read_recipe(SHIPPED / f"{name}.yaml").train for name in ("ground", "foreground"))
    assert (first.begin, first.rounded_from) == (None, 1.0)
    assert (second.begin, second.rounded_from) == ("runs/ground/weights.safetensors", 0.0)


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
    "balls": ("3902fcbc4472e395", "3cfa7823c5634c4f", "3dfed383904961d0"),
    "balls-lstm": ("d61aaeb9af22c7d6", "0799df4b3277be99", "627f787488b31831"),
    "balls-rnn": ("416c30054fde7a8f", "19f7bd978adff5f5", "1d6de0a4e13411ac"),
    "balls-rnn-em": ("91524e91b987551f", "c07963b5b06de1d8", "89c043d8eb9e4d90"),
    "balls-sum": ("724d0ce6b1431651", "b128db8e079dc76e", "55fd90b73e2463d9"),
    "curtain": ("56a1593f571cb80f", "9b878c63540e56d6", "a8ad07f61bcac0ce"),
    "flying-mnist": ("4b43b6b05c0f925c", "b386d43c1a764b6f", "d35e9298675603e5"),
    "flying-mnist-direct": ("6315d0c385897862", "790e822dbd501133", "185936cd728f79cc"),
    "flying-shapes": ("ea008d2e66cf544f", "ef614a97feffcc51", "87f4a0ddd37c8af1"),
    "flying-shapes-5": ("f934d47a96cd8c10", "aa835751fae930e4", "9f8e5179b24822fb"),
    "flying-shapes-k1": ("b6572c6306730f0c", "b4bfb7e53bee00ff", "fc0b4bd9039800b9"),
    "shapes": ("f5b105d6c757612a", "af14d508904760a1", "402e758dee4871ea"),
    "shapes-k1": ("10a7ba2a68c7f143", "623b7a4568209d11", "f94b4f499e3e5dcd"),
    "shapes-nem": ("63cf2423e421d679", "0bbfd9df41360a61", "26153b6c62e6e057"),
}
"""SHA-256 of each network's settings as JSON, keys sorted, by recipe: what a network was trained with, without its tests"""


@pytest.mark.parametrize("run", MERGED)
def test_every_recipe_is_what_it_was_however_its_files_inherit(run):
    for recipe, digest in zip(("papers", "short", "quick"), MERGED[run], strict=True):
        settings = read_settings(ExperimentSettings, _recipe(run, recipe, CONFIGS))
        text = json.dumps(settings.model_dump(mode="json", exclude={"tests"}), sort_keys=True)
        assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest, recipe


def test_what_is_compared_with_published_numbers_is_tested_as_the_papers_do():
    claims = [
        claim for experiment in EXPERIMENTS.values() for claim in experiment.claims if claim.published is not None
    ]
    asked = sorted({(claim.run, claim.test) for claim in claims})
    tests = {run: read_settings(ExperimentSettings, [CONFIGS / f"{run}.yaml"]).tests for run, _ in asked}
    told = {f"{run} {test}": tests[run][test].model_dump(exclude_defaults=True) for run, test in asked}
    assert told == {
        "balls forty": {"steps": 40},
        "flying-mnist same": {},
        "flying-mnist static": {"static": True, "steps": 50},
        "flying-mnist three": {"objects": (3, 3), "components": 3},
        "flying-mnist-direct same": {},
        "flying-mnist-direct three": {"objects": (3, 3), "components": 3},
        "flying-shapes same": {},
        "flying-shapes three-components": {"components": 3},
        "flying-shapes-5 same": {},
        "flying-shapes-5 three": {"objects": (3, 3)},
        "shapes same": {},
    }
