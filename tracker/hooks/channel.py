"""What carries lines away: the protocol, and the two channels that are streams."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
"""a file of events is opened with; on Windows a line would end otherwise than was written"""


class UndeliveredError(Exception):
    """The lines did not arrive; the same lines may be sent again. Says why in a few words without any address."""


class DeliveryRefusedError(Exception):
    """These lines will never be taken; the next may be."""


class GoneError(Exception):
    """Nobody listens any more, by their own wish."""


class Channel(Protocol):
    """Carries lines of JSON to one place. Used by one thread."""

    most_at_once: int
    """lines that `send` takes"""

    def open(self) -> None:
        """Begin; does not wait for an answer."""
        ...

    def send(self, lines: Sequence[str], timeout_s: float) -> None:
        """Hand the lines over. Raises one of the three errors above; after UndeliveredError it is called again with the same lines."""
        ...

    def close(self, timeout_s: float) -> None: ...


class Stdout:
    """Lines on stdout. Once its reader has gone, it is GoneError."""

    most_at_once = 100

    def open(self) -> None:
        """Nothing to do."""

    def send(self, lines: Sequence[str], timeout_s: float) -> None:
        """Write through to the reader, past Python's buffer: what waits there would hold up the end of the program."""
        if sys.stdout is None:
            raise GoneError
        data = "".join(f"{line}\n" for line in lines)
        try:
            try:
                number = sys.stdout.fileno()
            except (OSError, ValueError):  # a stream of Python's own
                sys.stdout.write(data)
                sys.stdout.flush()
            else:
                _write_all(number, data.encode())
        except BrokenPipeError:
            raise GoneError from None
        except (OSError, ValueError) as error:
            raise DeliveryRefusedError(getattr(error, "strerror", None) or "closed") from None

    def close(self, timeout_s: float) -> None:
        """Nothing to do."""


class AppendedFile:
    """Lines at the end of a file, which is opened for each batch: a log that was moved away is begun anew.

    Every batch is one write at the end (O_APPEND), so several runs may share a file.
    """

    most_at_once = 100

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = b""
        """what of a batch a full disk did not take"""
        self._sending: Sequence[str] = ()
        self._begun = False

    def open(self) -> None:
        """Nothing to do."""

    def send(self, lines: Sequence[str], timeout_s: float) -> None:
        """Append the lines; of a batch that was cut off, what is missing."""
        if lines is not self._sending:
            self._sending, self._left = lines, "".join(f"{line}\n" for line in lines).encode()
        try:
            if not self._begun:
                self._left, self._begun = _line_end(self._path) + self._left, True
            number = os.open(self._path, FLAGS, 0o666)
            try:
                while self._left:
                    self._left = self._left[os.write(number, self._left) :]
            finally:
                os.close(number)
        except OSError as error:
            raise UndeliveredError(error.strerror or type(error).__name__) from None

    def close(self, timeout_s: float) -> None:
        """Nothing to do: every batch closed the file."""


def _line_end(path: Path) -> bytes:
    """What must be written before a new line: the end of one that a killed run left half written."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_file() and path.stat().st_size:
            with open(path, "rb") as file:
                file.seek(-1, os.SEEK_END)
                return b"" if file.read(1) == b"\n" else b"\n"
    return b""


def _write_all(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]
