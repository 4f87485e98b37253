"""Where weights files are. Imports no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tracker.errors import WeightsError

SHIPPED = Path(__file__).parent.parent / "weights"
MOST_BYTES = 2**30
"""of a weights file; the largest network that ships has 10 MB"""
PART_BYTES = 2**20
"""read at once while a file is hashed"""


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


def check_size(path: Path) -> None:
    """Refuse what would be read for long. Raises WeightsError."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise WeightsError(
            f"{path}: {size / 2**30:.1f} GiB, wanted at most {MOST_BYTES // 2**30}; give a file that a training wrote"
        )


def digest_of(path: Path) -> str:
    """sha256 of a weights file. Raises WeightsError if it is larger than any network."""
    check_size(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            digest.update(part)
    return digest.hexdigest()
