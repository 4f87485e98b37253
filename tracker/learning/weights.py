"""Where weights files are. Imports no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tracker.errors import WeightsError

SHIPPED = Path(__file__).parent.parent / "weights"


def find_weights(name: str) -> Path:
    """The file of a shipped network's name, or the path itself.

    Raises WeightsError if there is none.
    """
    shipped = SHIPPED / f"{name}.safetensors"
    path = shipped if shipped.is_file() else Path(name)
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.safetensors"))) or "none"
        raise WeightsError(f"{name}: no such weights file; give a .safetensors path or a shipped network ({names})")
    return path


def digest_of(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
