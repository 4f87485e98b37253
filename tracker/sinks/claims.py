"""Who writes which names in a folder: a lock file that lists them, held by the run and let go by the system when it dies.

    out.part-1f9c03aa.lock    {"pid": 4711, "files": {"out.gmm.csv": "out.gmm.part-1f9c03aa.csv", ...}}

A lock file that nobody holds belongs to a run that was killed; what it lists is what that run left.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.errors import SinkError
from tracker.sinks.outputs import encoded, new_run_id, part_name, recovered_name, writing

LOCK_NAME = re.compile(r"(.*)\.part-([0-9a-f]{8})\.lock")
LARGEST = 1_000_000
"""bytes of a lock file; a larger one is nobody's"""
WAIT_S = 2.0
"""for a locked folder. Another run holds it for milliseconds; a script (`flock DIR tracker ...`) until this run ends"""


@dataclass(frozen=True)
class NameClaim:
    """The names that one run writes in one folder."""

    lock: Path
    base: str
    """the common beginning of the names"""
    pid: int
    files: Mapping[str, str]
    """final name: part name"""

    def parts(self) -> list[Path]:
        """Those of its part files and folders that exist."""
        found = (self.lock.with_name(part) for part in self.files.values())
        return [path for path in found if os.path.lexists(path)]


class Held:
    """A claim of this process. `release` removes the lock file."""

    def __init__(self, claim: NameClaim, descriptor: int) -> None:
        self.claim = claim
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let others have the names."""
        if self._descriptor is not None:
            self.let_go()
            self.claim.lock.unlink(missing_ok=True)

    def let_go(self) -> None:
        """Leave the lock file, as a run does that is killed: what it lists is still wanted."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lock_name(base: str, run_id: str) -> str:
    """Of a run's lock file in a folder."""
    return f"{base}.part-{run_id}.lock"


@contextmanager
def one_at_a_time(folders: Iterable[Path]) -> Iterator[None]:
    """Look and claim in one step: another run waits, up to WAIT_S. Where a folder cannot be locked, nobody waits."""
    descriptors = []
    until = time.monotonic() + WAIT_S
    try:
        for folder in sorted(set(folders)):
            with suppress(OSError):
                descriptors.append(os.open(folder, os.O_RDONLY))
                _wait_and_lock(descriptors[-1], until=until)
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def claim(folder: Path, files: Mapping[str, str], *, run_id: str, base: str) -> Held:
    """Claim names of one folder. Raises SinkError if its lock file cannot be written."""
    made = NameClaim(folder / lock_name(base, run_id), base, os.getpid(), files)
    with writing(made.lock):
        descriptor = os.open(made.lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        held = Held(made, descriptor)
        try:
            with suppress(OSError):  # a file system without locks: then nobody can tell whether this run lives
                _lock(descriptor)
            os.write(descriptor, encoded(json.dumps({"pid": made.pid, "files": dict(files)}) + "\n"))
        except OSError:  # a full disk
            held.release()
            raise
    return held


@contextmanager
def hold(folder: Path, name: str) -> Iterator[None]:
    """Be the only run that writes `name` in a folder, which is made. Raises SinkError if another one does."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    run_id = new_run_id()
    with one_at_a_time([folder]):
        refuse_if_claimed(folder, [name])
        for left in leftovers(folder, [name]):
            recover(left)
        held = claim(folder, {name: part_name(name, run_id)}, run_id=run_id, base=Path(name).stem)
    try:
        yield
    finally:
        held.release()


@contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Whether nobody else holds this lock file, up to the end of the block, when it is removed; the system lets it go when its holder dies.

    Where the file system has no locks nobody can tell, and it is true. Raises SinkError if it cannot be made.
    """
    with writing(lock):
        descriptor = _locked(lock)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            lock.unlink()
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    """The open lock file at a path, locked; None if somebody else has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        except OSError:  # a file system without locks
            return descriptor
        if _is_file(descriptor, path):
            return descriptor
        os.close(descriptor)  # who held it has removed it meanwhile: there may be a new one


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that lies there."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def refuse_if_claimed(folder: Path, names: Iterable[str]) -> None:
    """Raise SinkError if a living run writes one of the names."""
    for found in _claims(folder, names):
        if _is_alive(found):
            raise SinkError(
                f"{_first(found)}: is being written by another run (process {found.pid}); wait for it, or use another name"
            )


def leftovers(folder: Path, names: Iterable[str]) -> list[NameClaim]:
    """Claims of dead runs on some of the names."""
    return [found for found in _claims(folder, names) if not _is_alive(found)]


def abandoned(folder: Path) -> list[NameClaim]:
    """Claims of dead runs on whatever names in the folder."""
    return [found for found in _claims(folder) if not _is_alive(found)]


def recover(left: NameClaim) -> list[Path]:
    """Give a dead run's part files names that nobody takes for results: out.recovered-1.mp4. Returns them; empty files go."""
    number = 1
    while any(os.path.lexists(place) for place in _recovered(left, number).values()):
        number += 1
    kept = []
    for part, place in _recovered(left, number).items():
        if not os.path.lexists(part):
            continue
        with writing(place):
            if part.is_file() and part.stat().st_size == 0:
                part.unlink()
            else:
                os.rename(part, place)
                kept.append(place)
    left.lock.unlink(missing_ok=True)
    return kept


def _recovered(left: NameClaim, number: int) -> dict[Path, Path]:
    """By part file, whether there is one or not."""
    place = left.lock.with_name
    return {place(part): place(recovered_name(name, number, base=left.base)) for name, part in left.files.items()}


def _first(found: NameClaim) -> Path:
    return found.lock.with_name(next(iter(found.files), found.lock.name))


def _claims(folder: Path, names: Iterable[str] | None = None) -> list[NameClaim]:
    """Of all runs, on some of the names; None: on any."""
    wanted = None if names is None else {os.path.normcase(name) for name in names}
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    claims = [found for path in entries if (found := _read(path)) is not None]
    return [found for found in claims if wanted is None or wanted & {os.path.normcase(name) for name in found.files}]


def _read(path: Path) -> NameClaim | None:
    """The claim of a lock file; None for any other file, and for one that lists names which a run cannot have."""
    matched = LOCK_NAME.fullmatch(path.name)
    if matched is None or not path.is_file() or path.is_symlink():
        return None
    try:
        if path.stat().st_size > LARGEST:
            return None
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        files = {str(final): str(part) for final, part in content["files"].items()}
        pid = int(content["pid"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    base, run_id = matched.groups()
    plain = all(Path(name).name == name for name in (*files, *files.values()))
    if not plain or not all(f".part-{run_id}" in part for part in files.values()):
        return None
    return NameClaim(path, base, pid, files)


def _is_alive(found: NameClaim) -> bool:
    """Whether the process that made the claim still holds it."""
    try:
        descriptor = os.open(found.lock, os.O_RDWR)
    except OSError:
        return os.path.lexists(found.lock)  # gone: the run has just ended; not ours to open: leave it alone
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # a file system without locks
        return _process_exists(found.pid)
    finally:
        os.close(descriptor)
    return False


def _process_exists(pid: int) -> bool:
    if os.name == "nt":  # pragma: no cover
        return True  # to ask would be to send it Ctrl+C
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True


def _wait_and_lock(descriptor: int, *, until: float) -> None:
    """As `_lock`, but somebody else's lock is waited for, up to that time of the monotonic clock."""
    while True:
        try:
            return _lock(descriptor)
        except (BlockingIOError, PermissionError):
            if time.monotonic() >= until:
                raise
        time.sleep(0.01)


def _lock(descriptor: int) -> None:
    """Lock an open file or folder until it is closed. Raises OSError if somebody else has it, or it cannot be locked."""
    if os.name == "nt":  # pragma: no cover
        import msvcrt

        # a byte far behind the content, which stays readable
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
