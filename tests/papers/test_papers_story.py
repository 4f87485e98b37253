"""The code of docs/em.md runs, one block after the other, and says what the page says of it."""

import re
from pathlib import Path

import numpy as np

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
