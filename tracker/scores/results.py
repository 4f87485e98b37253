"""What another program wrote for a sequence, MOT text or masks, scored as a lane is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracker.errors import SourceError
from tracker.mot_text import RESULT_ROW
from tracker.scores.clip import ClipScorer, ClipScores
from tracker.scores.datasets import DataSequence
from tracker.scores.numbering import RowsCount, positions, rows_count
from tracker.scores.pictures import (
    ANY_SUFFIXES,
    MASK_SUFFIXES,
    MaskKind,
    boxes_round,
    mask_kind,
    numbered,
    read_values,
)
from tracker.scores.tables import Identified, Rows, asked, once_each, read_rows
from tracker.scores.truth import MASK_FOLDERS, Choice, Truth
from tracker.types import Labels, Mask

LIGHT = 128
"""From this grey level on a pixel of a mask is foreground."""


@dataclass(frozen=True)
class MethodResults:
    """One method's answer for one sequence; frames are positions in the clip, from 0."""

    boxes: Mapping[int, tuple[Identified, ...]] | None = None
    """by frame; a frame without objects may be missing; None: there is no table"""
    mask_files: Mapping[int, Path] = field(default_factory=dict)
    mask_kind: MaskKind = "labels"
    """"labels": black and white"""
    light: int = LIGHT
    """the grey level from which on a pixel is foreground; 1 where masks are of 0 and 1"""
    problem: str | None = None
    """what looks wrong although it can be scored"""

    def pixels(self, frame: int) -> tuple[Mask, Labels | None]:
        """Foreground, and who owns every pixel where that is said."""
        values, _ = read_values(self.mask_files[frame])
        if self.mask_kind == "identities":
            return values > 0, values
        return values >= self.light, None


def read_results(path: Path, sequence: DataSequence, truth: Truth, *, choice: Choice, alone: bool) -> MethodResults:
    """Find and read what lies for a sequence at `path`.

        FILE                                        MOT text, if one sequence is scored; its name does not matter
        DIR/SEQ.txt  DIR/data/SEQ.txt  DIR/SEQ/*.txt  DIR/SEQ.LANE.mot.txt
        DIR/CATEGORY/SEQ/bin000001.png  DIR/SEQ/bin000001.png
        DIR/bin000001.png                           if one sequence is scored

    A truth serves as well: its own tables and masks are found by the names under which they lie.

    choice  its classes are kept of a table that names classes; rows without one (-1) always
    alone   one sequence is scored, so the path may be its own

    Raises SourceError if there is nothing, too much, or not every scored frame has a mask.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f"{path}: no such results; check the path")
    if path.is_file() and not alone:
        raise SourceError(f"{path}: one file, but several sequences are scored; name a folder with SEQ.txt in it")
    numbers = sequence.numbers
    at = None if numbers is None else {number: position for position, number in enumerate(numbers)}
    table, folder = (path, None) if path.is_file() else (None, _find_masks(path, sequence, alone))
    if path.is_dir() and (truth.boxes is not None or truth.has_identities):
        table = _find_table(path, sequence, alone)
    if table is None and folder is None:
        others = sorted(p.name for p in path.glob("*.txt"))
        raise SourceError(
            f"{path}: no results for {sequence.name}; wanted {sequence.name}.txt (MOT), or masks in "
            f"{sequence.category}/{sequence.name}/ or {sequence.name}/"
            + (f"; if {others[0]} is meant, name the file itself" if others and alone else "")
        )
    boxes, problem = None, None
    if table is not None:
        is_truth = table.samefile(sequence.truth) or table.name.startswith("gt")
        rows = read_rows(table)
        boxes = _by_place(rows, table, numbers, choice, truth, is_truth=is_truth)
        problem = _misfit(boxes, truth, rows=bool(rows))
    if folder is None or (boxes is not None and not truth.mask_files):
        return MethodResults(boxes, problem=problem)
    files = {
        number - 1 if at is None else at.get(number, -1): p for number, p in numbered(folder, ANY_SUFFIXES).items()
    }
    wanted = [frame for frame in _frames(truth) if frame not in files]
    if wanted:
        first = wanted[0] + 1 if numbers is None else numbers[wanted[0]]
        raise SourceError(
            f"{folder}: {len(wanted)} of {len(_frames(truth))} scored frames have no mask, first {first}; masks go by the "
            "frames' own numbers"
        )
    files = {frame: file for frame, file in files.items() if truth.span[0] <= frame <= truth.span[1]}
    return MethodResults(boxes, files, _kind(files, truth), _light(files), problem)


def score_results(results: MethodResults, truth: Truth, *, iou: float = 0.5) -> ClipScores:
    """Score every frame of the truth's span. Raises SourceError if the two have nothing in common, or sizes differ."""
    scorer = ClipScorer(truth, iou=iou)
    for frame in range(truth.span[0], truth.span[1] + 1):
        foreground: Mask | None = None
        owners: Labels | None = None
        if frame in results.mask_files:
            foreground, owners = results.pixels(frame)
        boxes = None if results.boxes is None else results.boxes.get(frame, ())
        if boxes is None and owners is not None:
            boxes = boxes_round(owners)
        scorer.add(frame, boxes=boxes, foreground=foreground, owners=owners)
    scores = scorer.finish()
    if not scores.as_dict():
        has, wanted = ("boxes", "masks") if results.boxes is not None else ("masks of foreground", "boxes")
        raise SourceError(f"results hold {has}, the truth only {wanted}: nothing to compare")
    return scores


def _places(path: Path, sequence: DataSequence, alone: bool) -> list[Path]:
    """Folders that may be a sequence's own, the surest first."""
    inner = [path / sequence.category / sequence.name]
    for name in filter(None, (sequence.name, sequence.also)):
        inner += [path / name, path / f"{name}.truth"]
    return [place for place in (*inner, *([path] if alone else [])) if place.is_dir()]


def _find_table(path: Path, sequence: DataSequence, alone: bool) -> Path | None:
    for name in filter(None, (sequence.name, sequence.also)):
        for table in (path / f"{name}.txt", path / "data" / f"{name}.txt"):
            if table.is_file():
                return table
        ours = sorted(path.glob(f"{_literal(name)}.*mot.txt"))
        if ours:
            return _only(ours, path)
    for place in _places(path, sequence, alone):
        for table in (place / "gt" / "gt.txt", place / "gt.txt"):
            if table.is_file():
                return table
        inner = [p for p in sorted(place.glob("*.txt")) if p.name != "temporalROI.txt"]
        if place == path:  # a folder for many: a table under another name is another sequence's
            inner = []
        if inner and not numbered(place, ANY_SUFFIXES):  # beside masks it may be anything
            return _only(inner, place)
    return None


def _find_masks(path: Path, sequence: DataSequence, alone: bool) -> Path | None:
    for place in _places(path, sequence, alone):
        for inner in (place, *(place / name for name in MASK_FOLDERS)):
            if inner.is_dir() and numbered(inner, ANY_SUFFIXES):
                return inner
    for name in filter(None, (sequence.name, sequence.also)):
        ours = [p for p in sorted(path.glob(f"{_literal(name)}.*masks")) if p.is_dir()]
        if ours:
            return _only(ours, path)
    return None


def _only(found: list[Path], place: Path) -> Path:
    if len(found) > 1:
        raise SourceError(f"{place}: {', '.join(p.name for p in found)}: which is meant? name it by --results")
    return found[0]


def _literal(name: str) -> str:
    """For a pattern: brackets in a name are no pattern."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _by_place(
    rows: Rows, table: Path, numbers: Sequence[int] | None, choice: Choice, truth: Truth, *, is_truth: bool
) -> dict[int, tuple[Identified, ...]]:
    """The boxes of a table's rows, by place in the clip."""
    count = truth.rows_count
    if is_truth:  # a truth scored as a result: rows flagged 0 are not part of it
        found = asked(rows, classes=choice.classes, origin=table)
    else:
        kept = {*choice.classes, -1}
        found = {
            n: once_each([r for r in rs if not choice.classes or r.kind in kept], n, origin=table)
            for n, rs in rows.items()
        }
        if numbers is not None:
            count = _count_of(rows, numbers, table, choice, truth)
    if numbers is None:
        if 0 in found:
            raise SourceError(
                f"{table}: rows begin with number 0, but a video's frames count from 1; add 1 to every number"
            )
        return {number - 1: boxes for number, boxes in found.items()}
    at = positions(numbers, count=count)
    return {at[number]: boxes for number, boxes in found.items() if number in at}


def _count_of(rows: Rows, numbers: Sequence[int], table: Path, choice: Choice, truth: Truth) -> RowsCount:
    """What a result's rows count: pictures' numbers in this program's own NAME.mot.txt, else the same as the truth's.

    Under another name, too, unless they are not these pictures' numbers: a run of their video counts places.
    """
    if 0 in rows or table.name.endswith(".mot.txt") or (_is_own(table) and rows.keys() <= set(numbers)):
        return "numbers"
    return truth.rows_count if truth.boxes is not None else rows_count(rows, numbers, asked=choice.rows, origin=table)


def _is_own(table: Path) -> bool:
    with table.open("rb") as file:
        return RESULT_ROW.match(file.readline(200)) is not None


def _misfit(boxes: Mapping[int, tuple[Identified, ...]], truth: Truth, *, rows: bool) -> str | None:
    """What makes a table look like another clip's, or another count of frames; rows: whether it has any."""
    first, last = truth.span
    inside = [frame for frame, found in boxes.items() if found and first <= frame <= last]
    if not rows and truth.boxes:
        return "there is no row in it"
    if rows and not inside:
        return f"no row speaks of a scored frame, {first + 1} to {last + 1}; are frames counted as here?"
    if inside and max(inside) - first < 0.75 * (last - first):
        return f"the results end at the clip's frame {max(inside) + 1}, but {first + 1} to {last + 1} are scored"
    return None


def _frames(truth: Truth) -> list[int]:
    """Frames that need a mask: those of which the truth has one, else all of its span."""
    return sorted(truth.mask_files) or list(range(truth.span[0], truth.span[1] + 1))


def _kind(files: Mapping[int, Path], truth: Truth) -> MaskKind:
    some = [files[frame] for frame in sorted(files)]
    if {some[0].resolve().parent} == {path.resolve().parent for path in truth.mask_files.values()}:
        return truth.mask_kind
    if (truth.has_identities or truth.boxes is not None) and not _lossy(some[0]):
        return mask_kind(some)
    return "identities" if read_values(some[0]).named else "labels"


def _light(files: Mapping[int, Path]) -> int:
    """Told by all masks, not one: where others hold 255, a lone 1 is noise."""
    grey = any(_lossy(path) or read_values(path).values.max(initial=0) > 1 for path in files.values())
    return LIGHT if grey else 1


def _lossy(path: Path) -> bool:
    """Whether its values have noise, so that only light and dark can be told."""
    return path.suffix.lower() not in MASK_SUFFIXES
