"""What outlives a run, as one file: whole or as it was before, and never taken for whole when it is damaged."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tracker.errors import SinkError
from tracker.sinks.outputs import replace_synced

MAGIC = b"tracker state 1\n"
"""what the file begins with; behind it sha256 of the rest, the length of the JSON in 4 bytes, the JSON, the pictures"""
DIGEST_BYTES, LENGTH_BYTES = 32, 4
MOST_BYTES = 200_000_000
"""a larger file is none of ours: eight pictures of 4K are a tenth of that"""


class DamagedError(Exception):
    """The file is not what was written."""


@dataclass(frozen=True)
class SavedState:
    """What a run leaves to the next."""

    camera: str
    """digest of its address without user and password"""
    size: tuple[int, int]
    """(width, height) of its pictures"""
    settings: str
    """digest of the settings on which the scene depends"""
    saved_s: float
    """when it was saved, seconds since 1970"""
    clean: bool
    """whether the run ended with it"""
    identities: dict[str, int]
    """by lane, the highest given so far"""
    pictures_s: tuple[float, ...] = ()
    """when each picture was taken, seconds since 1970"""
    parts: dict[str, Any] = field(default_factory=dict)
    """of others, by their names: plain values"""
    pictures: tuple[bytes, ...] = field(default=(), repr=False)
    """of the scene without objects, JPEG"""


def write_state(path: Path, state: SavedState) -> None:
    """Replace the file by this state in one step. Raises OSError; the file is then as it was."""
    head = {name: value for name, value in asdict(state).items() if name != "pictures"}
    text = json.dumps(head | {"lengths": [len(picture) for picture in state.pictures]}).encode()
    body = len(text).to_bytes(LENGTH_BYTES, "big") + text + b"".join(state.pictures)
    replace_synced(path, MAGIC + hashlib.sha256(body).digest() + body)


def read_state(path: Path) -> SavedState | None:
    """The state in a file; None if there is no such file.

    Raises DamagedError for one that is cut off or changed, SinkError for a file that is no state and so must not be replaced, OSError.
    """
    if not path.exists():
        return None
    if not path.is_file():
        raise SinkError(f"{path}: is no file; name one for --state")
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES)
    if not data.startswith(MAGIC):
        if not data.strip(b"\0") or MAGIC.startswith(data):  # what a power cut leaves
            raise DamagedError("it is empty")
        raise SinkError(f"{path}: is no state of this program and is not replaced; choose another name with --state")
    digest, body = data[len(MAGIC) :][:DIGEST_BYTES], data[len(MAGIC) + DIGEST_BYTES :]
    if hashlib.sha256(body).digest() != digest:
        raise DamagedError("it is cut off or was changed")
    try:
        return _parsed(body)
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError("another version wrote it") from error


def _parsed(body: bytes) -> SavedState:
    length = int.from_bytes(body[:LENGTH_BYTES], "big")
    head = json.loads(body[LENGTH_BYTES : LENGTH_BYTES + length])
    lengths, pictures, start = head.pop("lengths"), [], LENGTH_BYTES + length
    for each in lengths:
        pictures.append(body[start : start + each])
        start += each
    width, height = head.pop("size")
    times = tuple(head.pop("pictures_s"))
    return SavedState(size=(width, height), pictures=tuple(pictures), pictures_s=times, **head)
