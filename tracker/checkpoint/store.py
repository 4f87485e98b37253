"""The folder of a checkpoint, NAME.checkpoint beside the results: its state, and files that the state speaks of."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

from tracker.errors import LostError, SinkError
from tracker.sinks.outputs import replace_synced, writing

MAGIC = b"tracker checkpoint 7\n"
STATE = "state"
OURS = re.compile(r"state(\.part)?|kept-[0-9]+|video-[0-9]+\.mp4")
"""names of the files in such a folder"""
DIGEST_BYTES = 65
"""of the second line, which holds the SHA-256 of all behind it"""
FASTEST = 1
"""zlib's level: arrays of a mixture hardly become smaller by a higher one"""


class CheckpointFolder:
    """One run's checkpoint. Nothing is made before the first `save`, or `make`.

    Raises SinkError where it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def exists(self) -> bool:
        """Whether there is a whole state."""
        return (self.folder / STATE).is_file()

    def make(self) -> None:
        """Make the folder, empty but for what is in it of the checkpoint that the run goes on from."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def save(self, head: dict[str, Any], data: bytes) -> None:
        """Write a state; the one before is there until this one is on the disk."""
        content = json.dumps(head).encode() + b"\n" + zlib.compress(data, FASTEST)
        with writing(self.folder):
            replace_synced(self.folder / STATE, MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            _sync_folder(self.folder)

    def head(self) -> dict[str, Any]:
        """What the state is of. Raises SinkError if it is no checkpoint, or damaged."""
        return self._read()[0]

    def data(self) -> bytes:
        """The state; raises as `head`."""
        return self._read()[1]

    def _read(self) -> tuple[dict[str, Any], bytes]:
        path = self.folder / STATE
        try:
            with open(path, "rb") as file:
                magic, digest, content = file.read(len(MAGIC)), file.readline(DIGEST_BYTES), file.read()
            if magic == MAGIC and digest == hashlib.sha256(content).hexdigest().encode() + b"\n":
                head, _, packed = content.partition(b"\n")
                return json.loads(head), zlib.decompress(packed)
        except (OSError, ValueError, zlib.error):
            pass
        raise LostError(path, "damaged, or no checkpoint")

    def check_ours(self) -> None:
        """Raises SinkError where something stands in the way; other files in the folder are nobody's concern, and never removed."""
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise SinkError(f"{self.folder}: stands where the checkpoint goes; move it away")
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if OURS.fullmatch(path.name) and not _is_ours(path):
                raise SinkError(f"{path}: not of a checkpoint; move it away, or use another name with -o")

    def remove(self) -> None:
        """Forget the checkpoint, its state first: what else there is of it means nothing without.

        What no checkpoint has stays, and so does the folder then: a file manager may have written there while the run went on.
        """
        if not self.folder.is_dir() or self.folder.is_symlink():
            return
        with writing(self.folder):
            (self.folder / STATE).unlink(missing_ok=True)
            for path in filter(_is_ours, self.folder.iterdir()):
                path.unlink()
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


def _is_ours(path: Path) -> bool:
    return bool(OURS.fullmatch(path.name)) and path.is_file() and not path.is_symlink()


def _sync_folder(folder: Path) -> None:
    """Have the system write the new name, too; where folders cannot be opened nothing is needed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
