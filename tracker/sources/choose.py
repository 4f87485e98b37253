"""An address, as a user types it, becomes a source."""

from __future__ import annotations

import difflib
import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tracker.errors import OptionError, SourceError
from tracker.sources.address import (
    MOST_CAMERAS,
    SCHEMES,
    camera_number,
    filled_in,
    is_path,
    is_url,
    scheme,
    shown,
)
from tracker.sources.pictures import SUFFIXES, PictureFiles, is_picture
from tracker.sources.span import Span
from tracker.sources.video import Video
from tracker.suffixes import FILM_SUFFIXES, OVERLAY
from tracker.types import Source

MOST_BESIDE = 3
"""pictures that lie beside what a folder is about: a poster beside a video, a mask beside a data set's folder of frames"""


def open_source(
    address: str,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    max_frames: int | None = None,
    timeout_s: float = 10.0,
    fps: float | None = None,
    prompt: bool = False,
    sound: bool = False,
) -> Source:
    """Open what `address` names, ready to give its first frame.

        clip.mp4              any file that FFmpeg decodes
        frames  frame*.png    a folder of pictures, or a pattern; frame2 comes before frame10
        stack.tif             a picture file with one page or many
        0  camera:0           the camera of that number
        rtsp://cam/main       a stream: rtsp, rtmp, http, udp, ...; ${NAME} before the @ is a variable of the environment

    A file or folder that exists is read, whatever its name looks like: `11`, `a[1].mp4`, `camera:0`.

    start_s, duration_s    seconds of the clip's own time; `duration_s` None is to its end
    max_frames             at most so many frames are delivered
    timeout_s              how long a camera or stream may be silent
    fps                    frames a second of pictures that carry no times; None: 25. Refused for all others
    prompt                 of a stream: its newest picture matters more than what is known of it before the first
    sound                  frames of a video or stream carry its sound, where it has one

    Raises SourceError if nothing readable is there; its message never shows a URL's password.
    """
    if not address:
        raise SourceError("an empty source; a variable without a value? The folder you are in is given by a point")
    span = Span(start_s, duration_s, max_frames)
    path = Path(address)
    there = is_path(address)
    folder, file = there and path.is_dir(), there and path.is_file()
    if folder or (file and is_picture(path)):
        return PictureFiles(_pictures_of(path) if folder else [path], name=address, span=span, fps=fps)
    if not there and not is_url(address) and glob.has_magic(address):
        return PictureFiles(_matches(address), name=address, span=span, fps=fps)
    camera = None if there else camera_number(address)
    if fps is not None and (file or is_url(address) or camera is not None):
        raise OptionError(f"{shown(address)}: has times of its own; --fps is for pictures without times, leave it out")
    if file:
        if path.stat().st_size == 0:
            raise SourceError(f"{address}: the file is empty (0 bytes)")
        return Video(address, span=span, timeout_s=timeout_s, sound=sound)
    if camera is not None:
        return _open_camera(address, camera, span=span, timeout_s=timeout_s)
    if is_url(address):
        if scheme(address) not in SCHEMES:
            raise SourceError(f"{scheme(address)}://: not a kind of stream that is read; use {', '.join(SCHEMES)}")
        # FFmpeg knows its protocols in small letters only
        address = scheme(address) + filled_in(address)[len(scheme(address)) :]
        return Video(address, span=span, timeout_s=timeout_s, prompt=prompt, sound=sound)
    raise _missing(path)


def _open_camera(address: str, number: int, *, span: Span, timeout_s: float) -> Source:
    if number > MOST_CAMERAS:
        raise SourceError(
            f"{address}: no file or folder of this name, and too large for a camera's number (0 to {MOST_CAMERAS})"
        )
    from tracker.sources.camera import Camera  # only a camera needs OpenCV

    return Camera(number, span=span, timeout_s=timeout_s)


def _pictures_of(folder: Path) -> list[Path]:
    pictures = [path for path in folder.iterdir() if is_picture(path)]
    if len(pictures) > MOST_BESIDE:
        return pictures
    few = "no pictures" if not pictures else f"only {len(pictures)} picture{'s' if len(pictures) > 1 else ''}"
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and sum(is_picture(path) for path in inner.iterdir()) > len(pictures):
            raise SourceError(f"{folder}: {few} in this folder; did you mean {inner}?")
    films = _films(path for path in folder.iterdir() if not (pictures and path.name.endswith(OVERLAY)))
    if films:
        raise SourceError(f"{folder}: a folder of {_one_by_one(films)}")
    if pictures:
        return pictures
    raise SourceError(f"{folder}: no pictures in this folder ({', '.join(SUFFIXES)})")


def _matches(pattern: str) -> list[Path]:
    matches = [Path(name) for name in glob.glob(pattern, recursive=True)]
    pictures = [path for path in matches if is_picture(path)]
    if pictures:
        return pictures
    if not matches:
        raise SourceError(f"{pattern}: no file matches this pattern")
    if films := _films(matches):
        raise SourceError(f"{pattern}: matches {_one_by_one(films)}")
    raise SourceError(f"{pattern}: matches no picture; a pattern is for pictures, a video is given by its own name")


def _films(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.suffix.lower() in FILM_SUFFIXES)


def _one_by_one(films: Sequence[Path]) -> str:
    """What is said of videos where one source is wanted."""
    pattern = films[0].parent / f"*{films[0].suffix}"
    several = f"{len(films)} videos; give one by its name, or track all of them: tracker batch '{pattern}' -o results"
    return several if len(films) > 1 else f"one video; give it by its name: {films[0]}"


def _missing(path: Path) -> SourceError:
    if path.exists():
        return SourceError(f"{path}: neither a file nor a folder; a camera is given by its number")
    if path.is_symlink():
        return SourceError(f"{path}: a link to {os.readlink(path)}, which is not there; check the link")
    if not path.parent.is_dir():
        return SourceError(f"{path}: there is no folder {path.parent}; check the path")
    near = difflib.get_close_matches(path.name, [other.name for other in path.parent.iterdir()], n=1)
    advice = f"did you mean {path.with_name(near[0])}?" if near else "check the path"
    return SourceError(f"{path}: no such file; {advice}")
