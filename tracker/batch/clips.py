"""Which clips a batch has, what each is called, and which of them are a shard's."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tracker.addresses import is_address, is_local, listing, local_path, name_of
from tracker.errors import SourceError
from tracker.naming import default_name, file_name
from tracker.sinks import written_here
from tracker.sources.address import is_url, shown
from tracker.suffixes import FILM_SUFFIXES, OVERLAY

PATTERNS = tuple(f"*{suffix}" for suffix in FILM_SUFFIXES)
DIGEST_DIGITS = 8
"""behind the name of a clip that would have another one's: of two such clips one in 4 billion pairs has the same"""
TABLES = ("tracks", "events")
"""folders of the tables of all clips, in the batch's folder"""
KEY_BYTES = 12
"""of a digest that is kept of each clip"""


@dataclass(frozen=True)
class BatchClip:
    """One clip of a batch."""

    source: str
    """path from the root, or address"""
    name: str
    """of its results, below the batch's folder; with / where they lie in a folder there"""
    changes: tuple[str, ...] = ()
    """settings of its own, as --set takes them"""
    place: str = ""
    """where it was named, for errors: `clips.csv, line 7`"""
    fps: float | None = None
    """frames a second of a folder of pictures; None: 25"""

    @property
    def own(self) -> tuple[str, ...]:
        """All that is not the batch's, as a value to compare and to digest."""
        return self.changes if self.fps is None else (*self.changes, f"fps={self.fps!r}")


@dataclass(frozen=True)
class Shard:
    """One of several runs that share the clips of a batch."""

    number: int = 1
    """from 1"""
    of: int = 1

    def has(self, name: str) -> bool:
        """Whether the clip of that name is this run's; the same on every machine."""
        return int(hashlib.sha256(os.fsencode(name)).hexdigest()[:16], 16) % self.of == self.number - 1


def clips_of(
    sources: Iterable[str],
    *,
    inside: Callable[[str], bool] = lambda path: False,
    leave_out: Callable[[str], None] = lambda path: None,
) -> Iterator[BatchClip]:
    """The clips of sources: videos, folders with videos at any depth, and patterns; one by one.

    A clip is called by its path from the folder named, or from the pattern's first folder without a wildcard; a file named itself by
    its folder and its name, as far as they were given. One that several sources have is called by the first. Overlays on this machine
    that this program wrote are no clips unless they are named themselves.

    inside     whether a path lies where no file is a clip, so that nobody need look into it
    leave_out  told the path of each such overlay elsewhere
    Raises SourceError for a source with no video in it.
    """
    seen: set[bytes] = set()
    for source in sources:
        whole_source(source)  # refuses a stream
        count = 0
        for found in listing(source, patterns=PATTERNS):
            count += 1
            whole = whole_source(found)
            if not inside(whole) and _overlay_within(found, source):
                leave_out(found)
                continue
            if (key := _digest(whole)) not in seen:
                seen.add(key)
                yield BatchClip(whole, _name(found, source), place=source)
        if not count:
            raise SourceError(f"{source}: no video there; check the path, or name other files in a manifest")


def _overlay_within(found: str, source: str) -> bool:
    """Whether a file that was found in a source, here, is the overlay of a run."""
    if not (is_local(found) and found.lower().endswith(OVERLAY)):
        return False
    path = local_path(found)
    return path != local_path(source) and path.exists() and path.stat().st_size > 0 and written_here(path)


def whole_source(source: str, folder: str | Path = "") -> str:
    """The source as every process finds it: its path from the root, of one that is named from `folder`; an address as it is.

    Raises SourceError for a stream.
    """
    if is_address(source) and not is_local(source):
        return source
    if is_url(source) and not is_address(source):
        raise SourceError(f"{shown(source)}: a stream; a batch takes files, here or in a store such as s3://")
    path = local_path(source)
    return str(Path(os.path.abspath(Path(folder) / path)))


def _name(found: str, source: str) -> str:
    """What a clip that was found in a source is called."""
    if is_local(found):
        path, given = local_path(found), local_path(source)
        if path == given:
            folders = [given.parent.name] if given.parent.name not in ("", "..") else []
        else:
            folders = list(path.parent.relative_to(_fixed(given)).parts)
    else:
        path, given = PurePosixPath(found), PurePosixPath(source)  # type: ignore[assignment]
        above = given.parent.name if path == given else None
        folders = [above] if above is not None else list(path.parent.relative_to(_fixed(given)).parts)
    return "/".join([*folders, default_name(found) if is_local(found) else file_name(name_of(found))])


def _fixed(given: Path) -> Path:
    """The folder, or of a pattern the part before its first wildcard."""
    parts = given.parts
    first = next((n for n, part in enumerate(parts) if glob.has_magic(part)), None)
    return given if first is None else type(given)(*parts[:first])


def unique(clips: Iterable[BatchClip], *, inside: Callable[[str], bool], shard: Shard) -> Iterator[BatchClip]:
    """A shard's clips, each once and under a name of its own; none of those that lie `inside` the batch's own folder.

    Of two that would have one name the later one's has a digest of its source and settings behind it. Clips come in one order in
    every run, so that names stay.
    """
    taken: dict[bytes, bytes] = {}  # digests, for there may be many: of a name, and of whose it is
    for clip in clips:
        if inside(clip.source):
            continue
        whose = _digest(clip.source, *clip.own)
        name = _apart(clip.name)
        if taken.get(_key(name), whose) != whose:
            name = f"{name}-{whose.hex()[:DIGEST_DIGITS]}"
        if _key(name) not in taken:
            taken[_key(name)] = whose
            if shard.has(name):
                yield replace(clip, name=name)


def _apart(name: str) -> str:
    """The name, changed where its results would be hidden or lie among the tables of all clips."""
    first, *others = (f"_{part}" if part.startswith(".") else part for part in name.split("/"))
    return "/".join([f"{first}.clips" if others and first.lower() in TABLES else first, *others])


def _key(name: str) -> bytes:
    return _digest(name.lower())  # some file systems do not tell capitals apart


def _digest(*texts: str) -> bytes:
    return hashlib.sha256(os.fsencode("\0".join(texts))).digest()[:KEY_BYTES]
