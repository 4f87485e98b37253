"""What lies beside a lane's table: the other files of the same run, found by their names."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tracker.errors import SourceError
from tracker.exports.table import Table, is_table, read_table

ENDINGS = (".zones.csv", ".masks.json", ".events.jsonl", ".mot.txt", ".csv")
"""of a lane's files, the longest first"""
RUN_ENDINGS = (".summary.json", ".json", ".mp4")
"""of what a run has once"""
LANE = re.compile(r"(.+)[.]([a-z0-9][a-z0-9_-]*)")
RECOVERED = re.compile(r"(^|[.])recovered-[0-9]+[.]")
"""in the name of what a killed run left: taken only where it is named itself"""


@dataclass(frozen=True)
class RunFiles:
    """One lane of a run on disk; `stem` is NAME.LANE."""

    table_path: Path
    stem: str

    @cached_property
    def table(self) -> Table:
        """Its tracks. Raises SourceError."""
        return read_table(self.table_path)

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.table_path.parent

    @property
    def lane(self) -> str:
        """Its name; empty where the file was given another name."""
        found = LANE.fullmatch(self.stem)
        return found[2] if found else ""

    def beside(self, ending: str) -> Path | None:
        """The lane's file with that ending, if there is one."""
        path = self.folder / f"{self.stem}{ending}"
        return path if path.is_file() else None

    @property
    def video(self) -> Path | None:
        """The run's overlay, if there is one."""
        found = LANE.fullmatch(self.stem)
        path = self.folder / f"{found[1] if found else self.stem}.mp4"
        return path if path.is_file() else None

    @property
    def files(self) -> list[Path]:
        """Those of the run that an export may read."""
        beside = [self.folder / f"{self.stem}{ending}" for ending in ENDINGS]
        return [self.table_path, *beside, *self._summaries]

    @property
    def _summaries(self) -> list[Path]:
        found = LANE.fullmatch(self.stem)
        return [self.folder / f"{found[1] if found else self.stem}{ending}" for ending in RUN_ENDINGS[:2]]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What stands in the run's summary; nothing where there is none. Raises SourceError for one that is damaged."""
        for path in self._summaries:
            try:
                value = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, RecursionError):
                value = None
            if not isinstance(value, dict) or not isinstance(value.get("source"), dict):
                if not path.name.endswith(RUN_ENDINGS[0]):
                    continue  # NAME.json may be another program's
                raise SourceError(f"{path}: not the summary of a run, or damaged; make it anew, or move it away")
            return value
        return {}

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) of the frames, by the summary."""
        source = self.summary.get("source", {})
        width, height = source.get("width"), source.get("height")
        return (width, height) if isinstance(width, int) and isinstance(height, int) else None

    @property
    def pixel_aspect(self) -> float:
        """Width of a pixel over its height, by the summary; 1 where it is not known."""
        aspect = self.summary.get("source", {}).get("pixel_aspect")
        return float(aspect) if isinstance(aspect, int | float) and aspect > 0 else 1.0

    def find_source(self) -> Path | None:
        """The run's source, if it lies where the table or the user is: a summary has its name, not its folder.

        None for a live run: it left frames out, so that its numbers are not those of a file. The run's own overlay is never its source.
        """
        source = self.summary.get("source", {})
        name = source.get("name")
        if not isinstance(name, str) or not name or source.get("live"):
            return None
        places = (self.folder / Path(name).name, Path(name))
        return next((place for place in places if place.exists() and not self._is_overlay(place)), None)

    def _is_overlay(self, path: Path) -> bool:
        return self.video is not None and path.samefile(self.video)


def find_run(result: Path) -> RunFiles:
    """The lane that `result` belongs to: its table or a file beside it; or the run's video or summary, where it has one lane.

    Raises SourceError: not there, not of a run, or of several lanes.
    """
    if not result.exists():
        raise SourceError(f"{result}: no such file; wanted the table of a lane, NAME.LANE.csv")
    for ending in ENDINGS if result.is_file() else ():
        if result.name.endswith(ending):
            stem = result.name.removesuffix(ending)
            if ending in (".csv", ".mot.txt"):
                return RunFiles(result, stem)
            tables = [result.with_name(stem + kind) for kind in (".csv", ".mot.txt")]
            return RunFiles(_only([path for path in tables if path.is_file()][:1], result), stem)
    if result.is_dir():
        found = _tables(result, "")
    else:
        base = next((result.name.removesuffix(end) for end in RUN_ENDINGS if result.name.endswith(end)), None)
        found = [] if base is None else _tables(result.parent, f"{base}.")
    table = _only(found, result)
    return RunFiles(table, table.name.removesuffix(".csv"))


def _tables(folder: Path, begin: str) -> list[Path]:
    names = (path for path in sorted(folder.iterdir()) if path.name.startswith(begin) and path.suffix == ".csv")
    names = (path for path in names if not RECOVERED.search(path.name[len(begin) :]))
    return [path for path in names if LANE.fullmatch(path.stem) and is_table(path)]


def _only(found: Sequence[Path], result: Path) -> Path:
    if len(found) > 1:
        raise SourceError(f"{result}: has several tables; name one: {', '.join(path.name for path in found)}")
    if not found:
        raise SourceError(f"{result}: not a result of a run; wanted the table of a lane, NAME.LANE.csv")
    return found[0]
