"""Pictures that users ask for while a run goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

import cv2

from tracker.errors import SinkError
from tracker.sinks.outputs import new_run_id, part_name, writing
from tracker.types import Image, Moment, Outcome

MOST_ALIKE = 1000
"""names tried for pictures of one second"""


class Snapshots:
    """Writes the picture that is shown as DIR/snapshot-DATE-TIME.png when it is asked to; no file is ever replaced.

    render        the picture of a moment, (H, W, 3) uint8 RGB
    pixel_aspect  width of a pixel over its height: written stretched to square pixels
    """

    def __init__(
        self,
        folder: Path,
        *,
        render: Callable[[Moment], Image],
        pixel_aspect: float = 1.0,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._folder, self._render, self._pixel_aspect, self._now = folder, render, pixel_aspect, now
        self._moment: Moment | None = None
        self._writer: threading.Thread | None = None

    def write(self, moment: Moment) -> None:
        """Remember the moment."""
        self._moment = moment

    def take(self, answer: Future[Path] | None = None) -> None:
        """Keep the latest moment's picture. `answer` is given the file once it is there, or the SinkError."""
        told: Future[Path] = Future() if answer is None else answer
        if self._moment is None:
            told.set_exception(SinkError("snapshot: no picture has been shown yet; ask again"))
            return
        self._finish()
        image = self._render(self._moment)
        # a large PNG takes longer than a frame: the run goes on meanwhile
        self._writer = threading.Thread(target=self._keep, args=(image, told), name="snapshot")
        self._writer.start()

    def close(self, outcome: Outcome) -> None:
        """Wait for a picture that is being written."""
        self._finish()

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.join()
            self._writer = None

    def _keep(self, image: Image, told: Future[Path]) -> None:
        try:
            height, width = image.shape[:2]
            size = (max(1, round(width * self._pixel_aspect)), height)
            square = image if size[0] == width else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            _, data = cv2.imencode(".png", cv2.cvtColor(square, cv2.COLOR_RGB2BGR))
            told.set_result(self._write(data.tobytes()))
        except Exception as error:
            told.set_exception(error)

    def _write(self, data: bytes) -> Path:
        stem = f"snapshot-{self._now():%Y-%m-%d-%H%M%S}"
        part = self._folder / part_name(f"{stem}.png", new_run_id())
        with writing(self._folder / f"{stem}.png"):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(data)
                return _named(part, self._folder, stem)
            finally:
                part.unlink(missing_ok=True)


def _named(part: Path, folder: Path, stem: str) -> Path:
    """Give a whole file the first free name."""
    for number in range(1, MOST_ALIKE + 1):
        path = folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        try:
            _link(part, path)
        except FileExistsError:
            continue
        return path
    raise SinkError(f"{folder / stem}.png: {MOST_ALIKE} pictures of this second are there; choose another --snapshots")


def _link(part: Path, path: Path) -> None:
    """The file under another name. Raises FileExistsError rather than replace one."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as FAT
        with open(path, "xb") as file:
            try:
                file.write(part.read_bytes())
                file.flush()
            except OSError:
                path.unlink()
                raise
