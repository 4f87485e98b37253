"""Data sets as they lie on disk: found by walking down from whatever the user names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import SourceError
from tracker.scores.pictures import FRAME_SUFFIXES, frame_numbers, numbered
from tracker.scores.tables import read_info
from tracker.scores.truth import Choice, Layout, Truth, find_masks, find_table, read_truth
from tracker.suffixes import FILM_SUFFIXES

FRAME_FOLDERS = ("input", "img1", "img", "images", "frames")
VIDEO_SUFFIXES = tuple(suffix for suffix in FILM_SUFFIXES if suffix != ".gif")  # a GIF beside a video may be a mask

DAVIS = ("JPEGImages", "Annotations")
"""Its frames and its masks."""

DEEPEST = 6
"""Folders below the one named that are looked into: links may go in circles."""

EXPECTED: dict[Layout, str] = {
    "cdnet": "SEQ/input/in000001.jpg with SEQ/groundtruth/gt000001.png (cdnet)",
    "masks": "SEQ/input|img|images|frames with SEQ/groundtruth|gt|masks of 0 and 255 (masks)",
    "mot": "SEQ/img1 with SEQ/gt/gt.txt, or a video with gt.txt beside (mot)",
    "identities": "frames or a video with masks|instances|labels/000001.png, NAME.mp4 with NAME.truth/, or "
    "JPEGImages/SEQ with Annotations/SEQ (identities)",
}
"""Layouts, in words for those who have another."""


@dataclass(frozen=True)
class DataSequence:
    """One sequence of a data set: where its frames and its truth lie."""

    name: str
    category: str
    """the folder that holds it"""
    source: Path
    """a folder of pictures or a video"""
    truth: Path
    """a table or a folder, for `read_truth`"""
    also: str = ""
    """another name by which results may know it"""
    fps: float | None = None
    """of pictures, if it is known"""

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """The frames' numbers in their order; None for a video. Raises SourceError if they are not sure."""
        return frame_numbers(self.source) if self.source.is_dir() else None

    def read_truth(self, choice: Choice) -> Truth:
        """The known answers, by the frame's position in the clip; see `read_truth` for what is raised."""
        return read_truth(self.truth, numbers=self.numbers, choice=choice)


@dataclass(frozen=True)
class DataSet:
    """What was found below a path."""

    sequences: tuple[DataSequence, ...]
    left_out: tuple[str, ...] = ()
    """a line for each place that holds only half of a sequence"""


def find_sequences(path: Path, *, truth: Path | None = None, layout: Layout = "auto") -> DataSet:
    """Every sequence at or below a path: a whole data set, a category, one sequence, or one video.

    truth   where the known answers of the one sequence named lie, if not beside it

    Raises SourceError, saying what was expected and what was found, if there is no sequence.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f"{path}: no such data set; check the path")
    if truth is not None:
        return DataSet((_with_truth(path, truth if truth.exists() or not path.is_dir() else path / truth),))
    if path.is_file():
        return DataSet((_video(path),))
    found: list[DataSequence] = []
    left_out: list[str] = []
    for folder in _folders(path, left_out.append):
        try:
            found += _sequences_in(folder, layout)
        except SourceError as error:
            left_out.append(str(error))
        except OSError as error:
            left_out.append(_closed(error))
    if found:
        return DataSet(tuple(sorted(found, key=lambda s: (s.category, s.name))), tuple(left_out))
    if left_out:
        more = f" (and {len(left_out) - 1} more like it)" if len(left_out) > 1 else ""
        raise SourceError(left_out[0] + more)
    wanted = "; ".join(EXPECTED.values()) if layout == "auto" else EXPECTED[layout]
    raise SourceError(f"{path}: no sequence found; expected {wanted}; found {_contents(path)}")


def _folders(top: Path, leave_out: Callable[[str], None]) -> Iterator[Path]:
    """The folder and those below it; not into a sequence, hidden folders, truths of videos, or folders of pictures."""
    for place, inner, _ in os.walk(top, followlinks=True, onerror=lambda error: leave_out(_closed(error))):
        folder = Path(place)
        yield folder
        deep = len(folder.relative_to(top).parts) >= DEEPEST
        stop = deep or _is_sequence(folder)
        inner[:] = sorted(n for n in inner if not (stop or n.startswith(".") or n.endswith(".truth")))


def _is_sequence(folder: Path) -> bool:
    """Whether it holds one, or half of one, or a broken one."""
    try:
        whole = _frames_in(folder) is not None or find_masks(folder) is not None or _plain_table(folder) is not None
    except (SourceError, OSError):
        return True
    return whole or _is_davis(folder)


def _closed(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}; check its rights"


def _is_davis(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in DAVIS)


def _davis(folder: Path) -> Iterator[DataSequence]:
    """JPEGImages/480p/SEQ with Annotations/480p/SEQ: two trees of one shape."""
    pictures, masks = (folder / name for name in DAVIS)
    for place, _, _ in os.walk(masks):
        inner = Path(place).relative_to(masks)
        frames = pictures / inner
        if frames.is_dir() and numbered(Path(place)) and numbered(frames, FRAME_SUFFIXES):
            category = inner.parent.name or _absolute(folder).name
            yield DataSequence(inner.name, category, frames, Path(place))


def _sequences_in(folder: Path, layout: Layout) -> list[DataSequence]:
    """Sequences that lie right here. Raises SourceError for half of one."""
    if _is_davis(folder) and layout != "mot":
        return list(_davis(folder))
    markers = next((p for p in sorted(folder.glob("*_GT/TRA")) if p.is_dir()), None)
    if markers is not None:
        pictures = folder / markers.parent.name.removesuffix("_GT")
        raise SourceError(
            f"{folder}: a Cell Tracking Challenge; name one sequence: {pictures} --truth {markers} "
            "(right where its markers cover whole cells)"
        )
    frames = _frames_in(folder)
    videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    if frames is None and videos:
        return _videos_in(folder, videos, layout)
    masks = find_masks(folder)
    table = find_table(folder) if frames is not None or masks is not None else _plain_table(folder)
    fits = (table is not None and layout not in ("cdnet", "masks")) or (masks is not None and layout != "mot")
    if frames is None:
        if table is None and masks is None:
            return []
        truth = "masks" if table is None else "a table"
        raise SourceError(f"{folder}: {truth} without frames; wanted {', '.join(FRAME_FOLDERS)} or a video beside it")
    if not fits:
        wanted = "gt/gt.txt or masks (png, bmp, tif, gif; not jpg)" if layout == "auto" else EXPECTED[layout]
        raise SourceError(f"{folder}: {frames.name}/ without a truth; wanted {wanted}; found {_contents(folder)}")
    path = _absolute(folder)
    return [DataSequence(path.name, path.parent.name, frames, folder, fps=read_info(folder / "seqinfo.ini").fps)]


def _videos_in(folder: Path, videos: list[Path], layout: Layout) -> list[DataSequence]:
    """Videos with NAME.truth beside, or the one video with the one truth."""
    category = _absolute(folder).name
    found = [
        DataSequence(v.stem, category, v, v.with_suffix(".truth")) for v in videos if v.with_suffix(".truth").is_dir()
    ]
    lone = [video for video in videos if not video.with_suffix(".truth").is_dir()]
    tables = sorted(folder.glob("gt*.txt")) + [p for p in [folder / "gt" / "gt.txt"] if p.is_file()]
    masks = find_masks(folder)
    if not lone or not (tables or masks):
        return found
    if len(lone) > 1 or len(tables) > 1:
        raise SourceError(
            f"{folder}: {_names(lone)} with {_names(tables) or 'masks'}: which belongs to which? "
            "name the video, and its truth by --truth"
        )
    if layout == "mot" and not tables:
        raise SourceError(f"{folder}: no gt.txt beside {lone[0].name}; wanted {EXPECTED['mot']}")
    truth = tables[0] if masks is None else folder
    return [*found, DataSequence(category, _absolute(folder).parent.name, lone[0], truth, also=lone[0].stem)]


def _video(path: Path) -> DataSequence:
    """A video named by itself: its truth is NAME.truth, or the one that lies beside it alone."""
    category = _absolute(path).parent.name
    if path.with_suffix(".truth").is_dir():
        return DataSequence(path.stem, category, path, path.with_suffix(".truth"))
    folder = path.parent
    table = find_table(folder)
    masks = find_masks(folder)
    if table is None and masks is None:
        raise SourceError(f"{path}: no truth beside it (NAME.truth/, gt.txt or masks/); name it by --truth")
    return DataSequence(path.stem, category, path, table if masks is None and table else folder)


def _with_truth(path: Path, truth: Path) -> DataSequence:
    """The one sequence that `path` names, with a truth named apart."""
    where = _absolute(path)
    if path.is_file():
        return DataSequence(path.stem, where.parent.name, path, truth)
    frames = _frames_in(path)
    if frames is None and numbered(path, FRAME_SUFFIXES):
        frames = path
    videos = [p for p in sorted(path.iterdir()) if p.suffix.lower() in VIDEO_SUFFIXES]
    if frames is None and len(videos) != 1:
        raise SourceError(
            f"{path}: --truth is for one sequence; wanted a folder of frames or one video, found {_contents(path)}"
        )
    source = frames or videos[0]
    return DataSequence(where.name, where.parent.name, source, truth, also="" if frames else source.stem)


def _frames_in(folder: Path) -> Path | None:
    """The folder of frames of a sequence: seqinfo.ini's, or one by a usual name."""
    names = (read_info(folder / "seqinfo.ini").folder, *FRAME_FOLDERS)
    for name in filter(None, names):
        if (folder / name).is_dir() and numbered(folder / name, FRAME_SUFFIXES):
            return folder / name
    return None


def _plain_table(folder: Path) -> Path | None:
    """Only a table under its usual name is half of a sequence; other gt*.txt may be anything."""
    return next((p for p in (folder / "gt" / "gt.txt", folder / "gt.txt") if p.is_file()), None)


def _absolute(path: Path) -> Path:
    """With a name even where it is "."; a link keeps its own."""
    return Path(os.path.abspath(path))


def _contents(folder: Path) -> str:
    """What lies in a folder, in a few words."""
    there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    folders = [f"{path.name}/" for path in there if path.is_dir()]
    pictures = [path for path in there if path.suffix.lower() in FRAME_SUFFIXES]
    others = [path.name for path in there if path.is_file() and path not in pictures]
    words = [f"{len(pictures)} x {pictures[0].suffix} ({pictures[0].name} ...)"] if pictures else []
    words += [
        ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        for names in (folders, others)
        if names
    ]
    return "; ".join(words) or "an empty folder"


def _names(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths)
