"""What the results of a source are called, if nobody says."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from tracker.sources.address import camera_number, is_path, is_url, shown
from tracker.sources.pictures import SUFFIXES as PICTURE_SUFFIXES
from tracker.suffixes import FILM_SUFFIXES

FOLDER, OTHER = ".frames", ".file"
"""Endings of the names for folders, and for files with no suffix or an unknown one."""
KEPT = (*FILM_SUFFIXES, *PICTURE_SUFFIXES)
CHOOSING = re.compile(r"[?&](channel|ch|subtype|stream|profile|camera|cam|id)=([0-9]{1,3})(?=&|$)", re.IGNORECASE)
"""Of an address's query, what chooses among the pictures of one device; the rest may be a password."""
LONGEST, MOST_BYTES = 40, 180


def default_name(source: str) -> str:
    """The name of a source's results without their endings: `clip` of clip.mp4, whose overlay is clip.tracked.mp4.

    Two inputs of one folder never have the same name, whatever else lies there or is added later, so that no run takes
    the place of another's results. Hence only .mp4 is dropped; all others keep what tells them apart:

        clip.mp4   clip            clip.avi  clip.avi       clip (a file)    clip.file
        img.png    img.png         img/      img.frames     clip.avi.mp4     clip.avi.mp4

    The last keeps its .mp4, since `clip.avi` is what clip.avi is called. Patterns and addresses are told apart by a digest;
    user, password and query of an address are in neither the name nor the digest, but for numbers that choose a channel. A name
    that leaves no room for endings is cut and has a digest too.
    """
    return _cut(_whole_name(source))


def file_name(name: str) -> str:
    """As `default_name` has it of a file of that name, whatever lies here."""
    return _cut(_of_file(Path(name)))


def _cut(name: str) -> str:
    return name if len(os.fsencode(name)) <= MOST_BYTES else f"{name[:LONGEST]}-{_digest(name)}"


def _whole_name(source: str) -> str:
    path = Path(source)
    if not is_path(source):
        if is_url(source):
            return _of_address(source)
        if (camera := camera_number(source)) is not None:
            return f"camera{camera}"
        if any(sign in source for sign in "*?["):
            return f"frames-{_digest(str(path.absolute()))}"
    elif path.is_dir():
        return (path.resolve().name or "root") + FOLDER  # `.` has a name too
    return _of_file(path)


def _of_file(path: Path) -> str:
    if path.suffix == ".mp4" and not path.stem.lower().endswith((*KEPT, FOLDER, OTHER)):
        return path.stem
    return path.name if path.suffix.lower() in KEPT else path.name + OTHER


def _of_address(address: str) -> str:
    """cam-3-main-1a2b3c4d: readable, and never the same for two addresses that show different pictures."""
    public = shown(address)
    channel = "".join(f"-{key}{value}" for key, value in CHOOSING.findall(address.rpartition("@")[2].lower()))
    words = re.sub("[^A-Za-z0-9]+", "-", public.partition("://")[2] + channel).strip("-")
    return f"{words[:LONGEST] or 'stream'}-{_digest(public + channel)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]
