"""Settings and recipes that ship, found by name from any folder: `-c mot-mnist`, `tracker train street`, `tracker paper balls`."""

from __future__ import annotations

import difflib
from pathlib import Path

from tracker.errors import SettingsError

INSTALLED, CHECKOUT = Path(__file__).parent / "configs", Path(__file__).parents[1] / "configs"
"""in a wheel they are copied into the package (setup.py); in a copy of the repository they stand beside it"""
CONFIGS = INSTALLED if INSTALLED.is_dir() else CHECKOUT
TRAININGS, PAPERS = CONFIGS / "train", CONFIGS / "papers"


def find_recipe(name: str | Path, folder: Path = CONFIGS) -> Path:
    """A settings file: the path itself, or the one of that name in a folder of those that ship.

    A file of the caller's comes first. Raises SettingsError, with the nearest names, if there is neither.
    """
    path, shipped = Path(name), {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    try:
        if path.is_file() or (path.exists() and str(name) not in shipped):
            return path
    except ValueError:  # a name that no file can have
        return path
    if str(name) in shipped:
        return shipped[str(name)]
    near = difflib.get_close_matches(path.stem, shipped, n=2)
    known = f"did you mean {' or '.join(near)}?" if near else f"check the path; known by name: {', '.join(shipped)}"
    raise SettingsError(f"{name}: no such file; {known}")
