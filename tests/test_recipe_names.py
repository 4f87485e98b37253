"""Settings and recipes that ship are found by name from any folder; a file of the caller's comes first."""

import pytest
from commands import refused

from tracker.errors import SettingsError
from tracker.recipes import CONFIGS, PAPERS, TRAININGS, find_recipe
from tracker.settings import load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_recipes_of_trainings_and_papers_are_found_by_name_too():
    pytest.importorskip("torch")
    from tracker.lessons.recipes import SlotsRecipe, read_recipe
    from tracker.papers.command import _recipe

    assert isinstance(read_recipe("street"), SlotsRecipe)
    assert all(path.is_file() for path in _recipe("shapes", "quick", PAPERS))
    assert "did you mean street?" in refused("train", "stret")


def test_settings_are_found_by_name_from_another_folder():
    assert load_settings(["mot-mnist"]) == load_settings([CONFIGS / "mot-mnist.yaml"])
    assert load_settings(["mot-mnist"]).rigid.box_px == (28, 28)


def test_a_file_or_a_path_comes_before_a_name_and_a_folder_does_not(tmp_path):
    (tmp_path / "street").mkdir()
    assert find_recipe("street", TRAININGS) == TRAININGS / "street.yaml"
    (tmp_path / "mot-mnist").write_text("seed: 5\n")
    assert load_settings(["mot-mnist"]).seed == 5
    assert load_settings([tmp_path / "mot-mnist"]).seed == 5


@pytest.mark.parametrize(
    ("name", "folder", "wanted"),
    [
        ("mot-mnst", CONFIGS, "mot-mnst: no such file; did you mean mot-mnist or mot-sprites?"),
        ("configs/train/street.yaml", TRAININGS, "configs/train/street.yaml: no such file; did you mean street?"),
        ("mine.yaml", TRAININGS, "check the path; known by name: foreground, ground, street"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, folder, wanted):
    with pytest.raises(SettingsError) as error:
        find_recipe(name, folder)
    assert wanted in str(error.value)


def test_the_command_line_says_it_in_one_line():
    assert "did you mean mot-mnist" in refused("process", "a.mp4", "-c", "mot-mnst")
