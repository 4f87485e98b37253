"""Whether a file is whole by its own structure: the sizes it declares, or the mark at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

TS_PACKETS = (188, 192, 204)
"""Bytes of a packet of MPEG-TS: plain, with time codes (M2TS), with error correction."""
TS_LAST = 4
"""So many of the last packets are looked at."""
EBML_HEADER, SEGMENT, CLUSTER = (bytes.fromhex(name) for name in ("1a45dfa3", "18538067", "1f43b675"))
BLOCKS = tuple(bytes.fromhex(name) for name in ("a3", "a1"))
GROUPS = (CLUSTER, bytes.fromhex("a0"))
"""elements that hold blocks"""
BLOCK_HEAD = 4
"""Bytes of a block before its picture: track, time, flags."""
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def is_cut(path: Path, container: str, *, last_packet: tuple[int, int] | None) -> bool | None:
    """Whether the file ends before it should; None where its kind does not tell.

    container       FFmpeg's name of it, "mov,mp4,m4a,3gp,3g2,mj2"
    last_packet     (where the last video packet begins, its payload), in bytes; None if unknown
    """
    size, names = path.stat().st_size, container.split(",")
    if "yuv4mpegpipe" in names:
        return _y4m(size, last_packet)
    with path.open("rb") as file:
        if "matroska" in names:
            return _matroska(file, size, last_packet)
        check = next((check for name, check in CHECKS.items() if name in names), None)
        return None if check is None else check(file, size)


def _mov(file: BinaryIO, size: int) -> bool | None:
    """Boxes follow each other: 4 bytes size, 4 bytes name; size 1 means 8 bytes more, size 0 to the end of the file."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:
            return None
        if length < 8 or not head[4:8].strip().isalnum():
            return None  # not a box
        place += length
    return place > size


def _matroska(file: BinaryIO, size: int, last_packet: tuple[int, int] | None) -> bool | None:
    """Two elements: the EBML header and the segment. What is written live does not know the segment's size."""
    place = 0
    for name in (EBML_HEADER, SEGMENT):
        element = _element(file, place)
        if element is None or element[0] != name:
            return None
        place += element[1] + (element[2] or 0)
    if element is not None and element[2] is not None:
        return place > size
    if last_packet is None:
        return None
    place = sum(last_packet) + BLOCK_HEAD
    while place < size:
        element = _element(file, place)
        if element is None:
            return True
        name, head, length = element
        place += head if name == CLUSTER or length is None else head + length
    return True if place > size else None


def lost_bytes(path: Path, container: str, holes: Sequence[tuple[int, int]]) -> int:
    """Bytes in `holes`, (end of a packet, begin of the next or end of the file), that are no elements of Matroska; 0 of others.

    Where the head of a block is damaged FFmpeg looks for the next cluster, and says nothing of the pictures before it.
    """
    if "matroska" not in container.split(","):
        return 0
    with path.open("rb") as file:
        return sum(end - begin for begin, end in holes if not _leads_to(file, begin, end))


def _leads_to(file: BinaryIO, place: int, packet: int) -> bool:
    """Whether whole elements lie between the end of a packet of Matroska and the block that holds the next, or the file's end."""
    place += BLOCK_HEAD  # FFmpeg puts a packet where its block's head begins
    while place < packet:
        element = _element(file, place)
        if element is None:
            return False
        name, head, length = element
        if name in BLOCKS and place + head <= packet < place + head + (length or 0):
            return True
        place += head if name in GROUPS or length is None else head + length
    return place <= packet + BLOCK_HEAD


def _element(file: BinaryIO, place: int) -> tuple[bytes, int, int | None] | None:
    """(name, bytes of name and length, length) of the element of Matroska at this place; None if it is not whole.

    The zeros before the first 1 of a number tell how many bytes it has; a length of ones only is unknown.
    """
    file.seek(place)
    head = file.read(12)
    if not head:
        return None
    name = 9 - head[0].bit_length()
    if name >= len(head):
        return None
    width = 9 - head[name].bit_length()
    if name + width > len(head) or width > 8:
        return None
    ones = (1 << 7 * width) - 1
    length = int.from_bytes(head[name : name + width], "big") & ones
    return head[:name], name + width, None if length == ones else length


def _avi(file: BinaryIO, size: int) -> bool | None:
    """RIFF chunks of at most 1 GB follow each other; one that was never finished has size 0."""
    place = 0
    while place + 12 <= size:
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or length == 0:
            return None if place == 0 or length == 0 else False
        place += 8 + length
    return place > size + 8  # some writers count the chunk's head too


def _asf(file: BinaryIO, size: int) -> bool | None:
    file.seek(0)
    head = file.read(65536)
    place = head.find(ASF_FILE_PROPERTIES)
    if place < 0 or len(head) < place + 48:
        return None
    declared = int.from_bytes(head[place + 40 : place + 48], "little")
    return declared > size if declared else None


def _mpegts(file: BinaryIO, size: int) -> bool | None:
    """Packets of one size, each beginning with 0x47, the last ones too. A cut between two of them cannot be seen."""
    for packet in TS_PACKETS:
        file.seek(max(0, size - TS_LAST * packet))
        last = file.read()
        if last[4 if packet == 192 else 0 :: packet] == b"G" * (len(last) // packet) and len(last) % packet == 0:
            return None
    return True


def _y4m(size: int, last_packet: tuple[int, int] | None) -> bool | None:
    """Every picture has the same size; FFmpeg leaves out one that is not whole, and so does not come to the end."""
    return None if last_packet is None else sum(last_packet) != size


def _gif(file: BinaryIO, size: int) -> bool | None:
    return not _tail(file, size).rstrip(b"\0").endswith(b";")


def _mjpeg(file: BinaryIO, size: int) -> bool | None:
    return not _tail(file, size).rstrip(b"\0\r\n").endswith(b"\xff\xd9")


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - 4096))
    return file.read()


CHECKS: dict[str, Callable[[BinaryIO, int], bool | None]] = {
    "mov": _mov,
    "avi": _avi,
    "asf": _asf,
    "mpegts": _mpegts,
    "gif": _gif,
    "mjpeg": _mjpeg,
}
"""By FFmpeg's name of the container."""
