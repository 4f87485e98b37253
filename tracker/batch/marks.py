"""What is known of each clip in the batch's folder: one small file a clip, the last thing written of it, whole or not there.

    DIR/.batch/cam1/monday.json    what became of the clip, and of what: input, settings, weights, version
    DIR/.batch/cam1/monday.lock    held by who works on it, and let go by the system when that dies
    DIR/.batch/cam1/monday.work/   results that are not whole; of a run that was killed, removed by the next

A folder of clips with such an ending has a ~ behind it here: the mark of a.work/x is a.work~/x.json.

A clip is done where its mark says so of the same input, settings, weights and version.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tracker.addresses import (
    exists,
    is_local,
    joined,
    listing,
    local_path,
    put_file,
    put_folder,
    read_bytes,
    remove,
    write_whole,
)
from tracker.errors import SinkError, SourceError, TrackerError
from tracker.sinks import written_here
from tracker.sinks.claims import alone
from tracker.sinks.outputs import new_run_id, writing

HIDDEN, WORK = ".batch", ".work"
SCHEMA_VERSION = 1
ENDINGS = re.compile(r"\.(json|lock|work)~*(?=/)", re.IGNORECASE)
"""of a folder in the name of a clip, that could be what is kept of another clip"""
State = Literal["done", "failed"]


@dataclass(frozen=True)
class ResultKey:
    """What a result was made of. A clip whose key is another one is worked on again."""

    input: str
    """size, time of the last change (in a store the ETag), and sha256 of head and tail"""
    settings: str
    """sha256 of the settings and options"""
    weights: tuple[str, ...]
    """sha256 of each network's file, shipped ones too"""
    version: str
    """of this program"""


NO_KEY = ResultKey("", "", (), "")
"""of a clip whose results are being put in place: no clip has it"""


@dataclass(frozen=True)
class Mark:
    """What became of one clip."""

    name: str
    source: str
    """as it may be shown"""
    key: ResultKey
    state: State
    problem: str | None = None
    """one line: why it failed, or what was not right of a clip that is done"""
    seconds: float = 0.0
    """that the work took"""
    frames: int = 0
    fps: float | None = None
    """of the clip"""
    size: tuple[int, int] | None = None
    identities: dict[str, int] = field(default_factory=dict)
    """by lane"""
    files: tuple[str, ...] = ()
    """results in the batch's folder, named from it"""
    video: bool = False
    """whether there is an overlay"""


class MarkStore:
    """The marks and results in a batch's folder, on this machine or in a store."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._local = local_path(folder) if is_local(folder) else None

    def address(self, *names: str) -> str:
        """Of something in the folder; names may have slashes."""
        return joined(self.folder, *(part for name in names for part in name.split("/")))

    def read(self, name: str) -> Mark | None:
        """The mark of a clip; None without one, and for a file that is none."""
        address = self._kept(name, ".json")
        try:
            return _mark(Path(address).read_bytes() if self._local is not None else read_bytes(address))
        except (OSError, TrackerError):
            return None

    def marks(self) -> Iterator[Mark]:
        """All marks of the folder, by name, one at a time; not those that another run takes away meanwhile."""
        address = self.address(HIDDEN)
        if exists(address):
            for each in listing(address, patterns=("*.json",)):
                if f"{WORK}/" in Path(each).as_posix().rpartition(f"/{HIDDEN}/")[2]:
                    continue
                with suppress(SourceError):
                    mark = _mark(read_bytes(each))
                    if mark is not None:
                        yield mark

    def write(self, mark: Mark) -> None:
        """Keep a mark. Raises SinkError."""
        data = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(mark)}, ensure_ascii=True).encode()
        address = self._kept(mark.name, ".json")
        if self._local is None:
            write_whole(address, data)
            return
        # not waited for until it is on the disk: one that a power cut took is a clip that is worked on again
        path = Path(address)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part-{new_run_id()}")
            try:
                part.write_bytes(data)
                part.replace(path)
            except OSError:
                part.unlink(missing_ok=True)
                raise

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Whether nobody else works on the clip until the end of the block. In a store nobody can tell: always true."""
        if self._local is None:
            yield True
            return
        lock = Path(self._kept(name, ".lock"))
        with writing(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
        with alone(lock) as ours:
            yield ours

    @contextmanager
    def work_folder(self, name: str) -> Iterator[Path]:
        """An empty folder for results that are not whole, removed at the end; only for who has claimed the clip."""
        if self._local is None:
            with tempfile.TemporaryDirectory(prefix="tracker-batch-") as scratch:
                yield Path(scratch)
            return
        path = Path(self._kept(name, WORK))
        with writing(path):
            shutil.rmtree(path, ignore_errors=True)  # of a run that was killed
            path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def places(self, made: Path, name: str) -> tuple[str, ...]:
        """Names in the batch's folder of the results of a clip that lie in a folder."""
        above = name.rpartition("/")[0]
        names = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
        return tuple(f"{above}/{each}" if above else each for each in names)

    def deliver(self, made: Path, name: str, *, last: str, before: Mark | None) -> tuple[str, ...]:
        """Give the results in a folder their places in the batch's; returns their names there.

        last    the name of the file that is written when all others are
        before  what stands of the clip, which is replaced. Raises SinkError, and moves nothing, where a file is in the way that this
                program did not write. One of those that no longer belong to the clip is left.
        """
        above, files = name.rpartition("/")[0], self.places(made, name)
        old = set(before.files) if before is not None else set[str]()
        if self._local is not None:
            for each in files:
                _check_replaceable(Path(self.address(each)))
        for each in old.difference(files):
            self.discard(each)
        if self._local is None:
            put_folder(made, self.address(above) if above else self.folder, last=last)
            return files
        inside = len(f"{above}/") if above else 0
        for each in sorted(files, key=lambda each: each[inside:] == last):
            target = Path(self.address(each))
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(made / each[inside:], target)
        return files

    def put(self, path: Path, *names: str) -> None:
        """Move one file to its place, in place of what this program wrote there before."""
        address = self.address(*names)
        if self._local is None:
            put_file(path, address)
            path.unlink()
            return
        _check_replaceable(Path(address))
        with writing(Path(address)):
            Path(address).parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, address)

    def discard(self, name: str) -> None:
        """Remove a file that this program wrote; one of somebody else, or none, is no error."""
        if self._local is None or written_here(Path(self.address(name))):
            remove(self.address(name))

    def has(self, names: Iterable[str]) -> bool:
        """Whether all these results are there; of a store, which would be asked for each, it is taken for granted."""
        return self._local is None or all(os.path.lexists(self.address(name)) for name in names)

    def check(self, page: str) -> None:
        """Raise SinkError if nothing can be written in the folder, or if the page there is somebody else's."""
        probe = self.address(HIDDEN, f".probe-{new_run_id()}")
        if self._local is not None:
            _check_replaceable(self._local / page)
            with writing(Path(probe)):
                Path(probe).parent.mkdir(parents=True, exist_ok=True)
        write_whole(probe, b"")
        remove(probe)

    def _kept(self, name: str, ending: str) -> str:
        """Where something is kept of a clip."""
        return self.address(HIDDEN, f"{ENDINGS.sub(lambda found: f'{found[0]}~', name)}{ending}")


def _check_replaceable(path: Path) -> None:
    if os.path.lexists(path) and not written_here(path):
        raise SinkError(f"{path}: exists, and tracker did not write it; move it away, or choose another folder with -o")


def _mark(data: bytes) -> Mark | None:
    """The mark that a file holds; None if it holds none that this version can read."""
    try:
        plain: dict[str, Any] = json.loads(data)
        if plain.pop("schema_version") != SCHEMA_VERSION:
            return None
        key = plain.pop("key")
        size = plain.pop("size")
        return Mark(
            key=ResultKey(**{**key, "weights": tuple(key["weights"])}), size=None if size is None else (size[0], size[1]),
            **{**plain, "files": tuple(plain["files"])},
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
