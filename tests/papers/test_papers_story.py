"""The code of docs/em.md and docs/papers.md runs, one block after the other, and says what the page says of it."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tracker.errors import ShapeError, WeightsError
from tracker.papers.settings import EmSettings
from tracker.papers.unroll import make_inputs
from tracker.papers.weights import load_shipped

PAGE = Path(__file__).parents[2] / "docs" / "em.md"
PICTURE_BYTES = 150_000


def blocks() -> dict[str, str]:
    """The Python of each section, by its heading."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        section.partition("\n")[0]: "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
        for section in sections
    }


def test_the_code_of_the_story_runs_and_does_what_is_said(capsys):
    names: dict[str, object] = {}
    said = {}
    for heading, code in blocks().items():
        exec(compile(code, f"em.md: {heading}", "exec"), names)
        said[heading.split(":")[0]] = capsys.readouterr().out
    assert list(said) == ["EM", "GMM", "N-EM", "RNN-EM", "R-NEM", "Lane `slots`"]
    numbers = {name: [float(n) for n in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", text)] for name, text in said.items()}
    assert numbers["EM"][-1] > -1e-12
    found, online = names["found"], names["online"]
    assert np.allclose(online.mixture.means - found.mixture.means, [2, 0], atol=0.5)
    assert numbers["N-EM"][0] > 0.6
    assert numbers["RNN-EM"][0] > 0.95
    seen, dreamt = numbers["R-NEM"]
    assert seen < dreamt < 0.1
    assert "[1]" in said["Lane `slots`"]


def test_the_code_for_ones_own_frames_runs():
    page = PAGE.with_name("papers.md").read_text(encoding="utf-8")
    codes = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(codes) == 1
    exec(compile(codes[0], "papers.md", "exec"), {})


def test_a_network_or_frames_that_do_not_fit_are_told_in_a_line():
    with pytest.raises(WeightsError, match="balls-lstm: no such network ships; there are balls, curtain, flying-mnist"):
        load_shipped("balls-lstm", device=torch.device("cpu"))
    with pytest.raises(
        ShapeError, match=r"frames: wanted \(B, T \+ 1, 1, H, W\) with T of 1 or more, got \(2, 1, 1, 28, 28\)"
    ):
        make_inputs(torch.zeros(2, 1, 1, 28, 28), EmSettings(), seed=0)


def test_each_section_has_its_equation_its_picture_and_code():
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    for section in sections:
        assert "```python" in section
        assert re.search(r"^    \S", section, re.MULTILINE)
    pictures = re.findall(r"!\[.+\]\((.+)\)", PAGE.read_text(encoding="utf-8"))
    assert len(pictures) == 5
    assert all(
        (PAGE.parent / picture).stat().st_size < PICTURE_BYTES for picture in pictures if picture.startswith("papers/")
    )
