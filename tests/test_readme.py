"""What README tells a newcomer to do is done here, word for word."""

import re
from pathlib import Path

import clips
import numpy as np
import pytest
from click.testing import CliRunner

from tracker.cli import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WITHOUT_A_CAMERA = {"webcam 0": "webcam clip.mp4 --no-show --record camera.mp4"}
"""there is neither a camera nor a screen where tests run"""
BY_OTHER_TESTS = ("pip install", "make ")
"""installing: tests/test_packages.py"""


def commands() -> list[str]:
    """The lines of code that README has in its indented blocks, without what is said behind a #."""
    blocks = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    return [line.partition("#")[0].strip() for line in re.findall(r"^ {4}(\S.*)$", blocks, re.MULTILINE)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With clip.mp4: a dark square walks over grey noise."""
    random = np.random.default_rng(0)
    pictures = np.clip(random.normal(120, 3, (40, 96, 128, 3)), 0, 255).astype(np.uint8)
    for t, image in enumerate(pictures):
        image[40:64, 2 * t : 2 * t + 16] = 30
    clips.write_video(tmp_path / "clip.mp4", list(pictures))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_three_commands_and_every_line_is_known():
    assert sum(line.startswith("tracker ") for line in commands()) == 3
    assert all(line.startswith(("tracker ", *BY_OTHER_TESTS)) for line in commands())
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {line.split()[1] for line in commands() if line.startswith("make ")} <= set(targets)


def test_the_commands_of_the_readme_run(folder):
    for line in commands():
        if not line.startswith("tracker "):
            continue
        said = line.removeprefix("tracker ")
        done = CliRunner().invoke(cli, WITHOUT_A_CAMERA.get(said, said).split())
        assert done.exit_code == 0, (line, done.output)
    for file in ("clip.tracked.mp4", "clip.tracked.slots.csv", "out/report.html", "camera.mp4"):
        assert (folder / file).exists()


def test_the_python_of_the_readme_runs(folder, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], "README.md", "exec"), {})
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 41
    assert re.fullmatch(r"\d+ boxes, \d+ events", told[-1])


def test_the_readme_is_short_and_its_picture_small():
    assert len(README.splitlines()) <= 150
    assert (ROOT / "docs/tracker.gif").stat().st_size < 4e6
