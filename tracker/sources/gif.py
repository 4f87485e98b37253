"""What a GIF says of its pictures' times. FFmpeg tells neither which it has made up nor that pictures without a delay are lost."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from tracker.errors import SourceError

EXTENSION, IMAGE, DELAY = 0x21, 0x2C, 0xF9
USUAL_S = 0.1
"""for which FFmpeg shows a picture whose delay is 0"""


def gif_note(path: Path, shown: str, listed: int) -> str | None:
    """What is assumed of a GIF's times. Raises SourceError where FFmpeg, which lists so many pictures, takes several for one."""
    delays = read_delays(path)
    if len(delays) > listed:
        raise SourceError(
            f"{shown}: holds {len(delays)} pictures, of which {listed} can be read, since others have no delay (graphic control "
            "extension); write it again with a delay for each"
        )
    short = sum(not delay for delay in delays)
    return (
        f"pictures without a delay: {short} of {len(delays)}; {USUAL_S:g} s is assumed"
        if short and listed > 1
        else None
    )


def read_delays(path: Path) -> list[float | None]:
    """Seconds for which each picture is shown, None where nothing is said; up to where the file is damaged or ends."""
    delays: list[float | None] = []
    delay: float | None = None
    with path.open("rb") as file:
        head = file.read(13)
        if len(head) < 13:
            return delays
        _skip_colours(file, head[10])
        while kind := file.read(1):
            if kind[0] == EXTENSION:
                label, first = file.read(1), _block(file)
                if label == bytes([DELAY]) and len(first) >= 3:
                    delay = int.from_bytes(first[1:3], "little") / 100
                while first:
                    first = _block(file)
            elif kind[0] == IMAGE:
                place = file.read(9)
                if len(place) < 9:
                    break
                _skip_colours(file, place[8])
                file.read(1)  # bits of the codes
                while _block(file):
                    pass
                delays.append(delay)
                delay = None
            else:
                break  # the end, or damage
    return delays


def _skip_colours(file: BinaryIO, packed: int) -> None:
    if packed & 0x80:
        file.seek(3 << ((packed & 7) + 1), 1)


def _block(file: BinaryIO) -> bytes:
    """The next sub-block; empty at the end of them."""
    length = file.read(1)
    return file.read(length[0]) if length else b""
