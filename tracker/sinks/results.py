"""All files of a run: claimed before the work, given their final names together once each of them is whole, or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tracker.errors import SinkError
from tracker.sinks.claims import Held, claim, leftovers, lock_name, one_at_a_time, recover, refuse_if_claimed
from tracker.sinks.ours import written_here
from tracker.sinks.outputs import (
    Output,
    cannot_write,
    encoded,
    new_run_id,
    part_name,
    sync,
    write_output,
    writing,
)

Identity = tuple[int, int]
"""device and number of a file: the same for a link to it and for another spelling of its name"""

LONGEST_NAME_BYTES = 235
"""of a result: part, lock and recovered names are up to 20 bytes longer, and file systems take 255"""
OLD = ".old"
"""behind the part name of a folder: the folder that it replaces"""


def check_outputs(
    files: Iterable[Path],
    *,
    overwrite: bool,
    folders: Iterable[Path] = (),
    inputs: Iterable[Path] = (),
    stale: Iterable[Path] = (),
) -> None:
    """Refuse what may not be written, before any work is done. Nothing is made or changed.

    files      that the run will write
    folders    that it will write whole, such as the one of a MaskFolder
    inputs     files and folders that it reads
    stale      what an earlier run left under the same name and this one would remove

    Raises SinkError if a name goes through a folder that is not there; if a result is an input, or an input or another result lies in
    it; if something stands in its place and `overwrite` is false, or this program did not write it; if a link, pipe or device stands
    there, or a folder in the place of a file or the reverse.
    """
    files, folders = list(files), list(folders)
    for path in (*files, *folders):
        _refuse_unclear(path)
    read = _read(inputs)
    for path in (*files, *folders, *stale):
        _refuse_input(path, read)
    for path in folders:
        inside = next((each for each in read.values() if path.resolve() in each.resolve().parents), None)
        if inside is not None:
            raise SinkError(f"{path}: the input {inside} lies in it; choose another name")
    existing = [path for path in (*files, *folders) if os.path.lexists(path)]
    for path in existing:
        _refuse_kind(path, folder=path in folders)
    if not overwrite:
        _refuse_existing(existing)
    for path in existing:
        check_replaceable(path)
    for path in folders:
        result = next((each for each in files if path.resolve() in (each.resolve(), *each.resolve().parents)), None)
        if result is not None:
            raise SinkError(f"{path}: is written whole, and {result} would lie in it; choose another name")


def _refuse_unclear(path: Path) -> None:
    """Refuse a name that is only known once folders are made: `new/../clip.mp4` may be the input."""
    for place, part in zip(path.parents, reversed(path.parts[:-1]), strict=False):
        if part == ".." and not place.exists():
            raise SinkError(f"{path}: goes through a folder that does not exist; write it without ..")


def _identities(path: Path) -> list[Identity]:
    try:
        found = path.stat()
    except (OSError, ValueError):  # not there, or no name that a file can have
        return []
    return [(found.st_dev, found.st_ino)]


def _refuse_existing(existing: Sequence[Path]) -> None:
    if existing:
        others = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise SinkError(f"{existing[0]}: exists already{others}; use --overwrite to replace, or another name")


def _refuse_long(path: Path) -> None:
    size = len(os.fsencode(path.name))
    if size > LONGEST_NAME_BYTES:
        raise SinkError(
            f"{path.name[:40]}...: a name of {size} bytes, wanted at most {LONGEST_NAME_BYTES}; choose a shorter one with -o"
        )


def refuse_input(path: Path, inputs: Iterable[Path]) -> None:
    """Raise SinkError if a file is one of those that are read, by whatever name, link or spelling."""
    _refuse_input(path, _read(inputs))


def refuse_taken(path: Path, taken: Iterable[Path], option: str) -> None:
    """Raise SinkError if a file that an option names is one of the run's own."""
    if os.path.realpath(path) in map(os.path.realpath, taken):
        raise SinkError(f"{path}: is another file of this run; choose another name with {option}")


def _read(inputs: Iterable[Path]) -> dict[Identity, Path]:
    return {identity: path for path in inputs for identity in _identities(path)}


def _refuse_input(path: Path, read: dict[Identity, Path]) -> None:
    for identity in _identities(path):
        if identity in read:
            raise SinkError(f"{path}: is the input {read[identity]}; choose another name")


def _refuse_kind(path: Path, *, folder: bool) -> None:
    mode = path.lstat().st_mode
    kind = next((word for is_kind, word in KINDS if is_kind(mode)), "device")
    if kind != ("folder" if folder else "file"):
        raise SinkError(f"{path}: is a {kind} that cannot be replaced; use another name or move it away")


KINDS = (
    (stat.S_ISLNK, "link"),
    (stat.S_ISDIR, "folder"),
    (stat.S_ISREG, "file"),
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISSOCK, "socket"),
)


def check_replaceable(path: Path) -> None:
    """Raise SinkError if something stands there that this program did not write."""
    if os.path.lexists(path) and not written_here(path):
        what = "holds files that" if path.is_dir() else "is a file that"
        raise SinkError(
            f"{path}: {what} tracker did not write, which --overwrite does not replace; move it away or use another name"
        )


class Results:
    """The outputs of one run. A context manager: what was not committed when it ends is kept under recovered names.

        results = Results(files, ...)
        results.check()
        with results:
            results.claim()
            sink = CsvTable(results.output(files[0]), "gmm")
            ...
            results.commit()

    files, folders, inputs, stale, overwrite: see `check_outputs`
    last       the one that tells that the others are whole, such as a summary
    base       the common beginning of their names, such as `out` of out.mp4 and out.gmm.csv
    run_id     of a run that was killed, whose part files this one goes on with; None: of a new run
    leaves     whether a run that ends without being committed leaves its part files as they are, for one that goes on
    recovered  what an earlier run that was killed had left, by its new names
    kept       what this run had written when it ended without being committed, by its new names
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        folders: Sequence[Path] = (),
        inputs: Sequence[Path] = (),
        stale: Sequence[Path] = (),
        last: Path | None = None,
        base: str = "",
        overwrite: bool = False,
        run_id: str | None = None,
    ) -> None:
        self._goes_on = run_id is not None
        self.run_id = run_id or new_run_id()
        for path in (*files, *folders):
            if path.name in ("", ".."):
                raise SinkError(f"{path}: names a folder that is there already; write a name for the result")
        self._base = base
        self._outputs = {path: Output(path, self._part(path)) for path in (*files, *folders)}
        self._files, self._folders = files, list(folders)
        self._inputs, self._stale, self._last = inputs, stale, last
        self._overwrite = overwrite
        self.leaves = False
        self._held: list[Held] = []
        self.recovered: list[Path] = []
        self.kept: list[Path] = []

    def _part(self, path: Path) -> Path:
        return path.with_name(part_name(path.name, self.run_id))

    def check(self) -> None:
        """Refuse names that may not be written, before any work is done; see `check_outputs`."""
        check_outputs(
            self._files, folders=self._folders, inputs=self._inputs, stale=self._stale, overwrite=self._overwrite
        )

    @property
    def recovered_line(self) -> str:
        """What to say of `recovered`."""
        return f"tracker: what a run that was killed had written is kept as {_names(self.recovered)}"

    @property
    def kept_line(self) -> str:
        """What to say of `kept`."""
        return f"tracker: what was written is kept as {_names(self.kept)}"

    @property
    def replaces(self) -> bool:
        """Whether a result of an earlier run stands under one of the names."""
        return any(os.path.lexists(path) for path in self._outputs)

    @property
    def whole(self) -> bool:
        """Whether every output that was begun is finished."""
        return all(output.whole for output in self._begun())

    def output(self, path: Path) -> Output:
        """Where to write what will be `path`, one of those the run was opened for."""
        return self._outputs[path]

    def _begun(self) -> list[Output]:
        return [output for output in self._outputs.values() if os.path.lexists(output.part)]

    def claim(self) -> None:
        """Make the folders, refuse names that a living run writes, keep what a dead one left, and claim the names.

        Raises SinkError if another run is writing one of them or has written it since, a name is too long, or a folder cannot be made.
        """
        for path in self._outputs:
            _refuse_long(path)
        by_folder: dict[Path, dict[str, str]] = {}
        for path, output in self._outputs.items():
            names = by_folder.setdefault(path.parent, {})
            names[path.name] = output.part.name
            if path in self._folders:  # what `_replace` moves out of the way
                names[f"{path.name}{OLD}"] = f"{output.part.name}{OLD}"
        for folder in by_folder:
            _make(folder)
        read = {identity for path in self._inputs for identity in _identities(path)}
        with one_at_a_time(by_folder):
            for folder, names in by_folder.items():
                refuse_if_claimed(folder, names)
            if not self._overwrite:  # another run may have ended since the names were checked
                _refuse_existing([path for path in self._outputs if os.path.lexists(path)])
            for folder, names in by_folder.items():
                for left in leftovers(folder, names):
                    if self._goes_on and left.lock.name == self._lock(names):
                        left.lock.unlink(missing_ok=True)  # it becomes this run's; nobody else looks meanwhile
                    elif not any(identity in read for part in left.parts() for identity in _identities(part)):
                        self.recovered += recover(left)
            for folder, names in by_folder.items():
                self._held.append(claim(folder, names, run_id=self.run_id, base=self._base_of(names)))

    def _base_of(self, names: Iterable[str]) -> str:
        return self._base or Path(next(iter(names))).stem

    def _lock(self, names: Iterable[str]) -> str:
        return lock_name(self._base_of(names), self.run_id)

    def commit(self) -> None:
        """Give every output its final name, and remove what an earlier run had left under the same one.

        The `last` is taken away first and comes last: it stands beside whole results or not at all. Raises SinkError if an output
        is not whole, or if something has come to stand in its place meanwhile.
        """
        begun = self._begun()
        for output in begun:
            if not output.whole:
                raise SinkError(f"{output.path}: was not finished; what was written is kept")
            if os.path.lexists(output.path):
                _refuse_kind(output.path, folder=output.path in self._folders)
                if not self._overwrite:
                    raise SinkError(f"{output.path}: came into being during the run; what was written is kept")
                check_replaceable(output.path)
        for output in begun:
            if output.part.is_file():
                with writing(output.path):
                    sync(output.part)
        begun.sort(key=lambda output: output.path == self._last)
        if begun and self._overwrite:
            for path in (self._last, *self._stale):
                if path is not None and os.path.lexists(path) and written_here(path):  # it may be another's by now
                    with writing(path):
                        _remove(path)
        for output in begun:
            with writing(output.path):
                _replace(output)

    def discard(self) -> None:
        """Remove what was written so far: it is worth nothing."""
        for output in self._begun():
            with writing(output.path):
                _remove(output.part)

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *error: object) -> None:
        """Keep what was not committed, and let others have the names."""
        for held in self._held:
            if self.leaves:
                held.let_go()
                continue
            if held.claim.parts():
                if os.name == "nt":  # pragma: no cover
                    held.let_go()  # an open file cannot be removed there
                try:
                    self.kept += recover(held.claim)
                except SinkError:
                    continue  # its lock file stays, so that the next run finds what is there
            held.release()


def _names(paths: Sequence[Path]) -> str:
    return f"{paths[0]}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Only trying tells: mode bits say nothing on read-only mounts, to root, or on other systems.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _replace(output: Output) -> None:
    if output.path.is_dir():  # a folder cannot be replaced in one step
        old = output.part.with_name(f"{output.part.name}{OLD}")
        os.rename(output.path, old)
        os.rename(output.part, output.path)
        shutil.rmtree(old)
    else:
        os.replace(output.part, output.path)


def write_text_whole(path: Path, text: str) -> None:
    """Write text that is there whole or not at all, replacing what has that name. Raises SinkError if it cannot be written."""
    with replacing(path) as output:
        write_output(output, encoded(text))


@contextmanager
def replacing(path: Path) -> Iterator[Output]:
    """A single output that replaces what has its name at the end of the block, if it was finished.

    Raises SinkError if this program did not write what stands there. The results of a run are claimed together instead.
    """
    check_replaceable(path)
    output = Output(path, path.with_name(part_name(path.name, new_run_id())))
    try:
        yield output
        if output.whole:
            with writing(path):
                sync(output.part)
                os.replace(output.part, path)
    finally:
        output.part.unlink(missing_ok=True)
