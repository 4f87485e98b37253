"""What the screens of a live run share: which lanes they show, and pictures that are kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from tracker.draw import Overlay
from tracker.errors import SinkError
from tracker.events import EventFinder
from tracker.jobs.live import Live
from tracker.sinks import Snapshots, check_writable
from tracker.types import Sink, SourceInfo


class Screens:
    """Carries out the actions "lanes" and "snapshot"; one of `Live.also`.

    snapshots  folder of the pictures, which is made with the first; SinkError if it is a file, or cannot be written where it was named
    """

    def __init__(self, live: Live, snapshots: Path) -> None:
        if snapshots.exists() and not snapshots.is_dir():
            raise SinkError(f"{snapshots}: there is a file where the folder should be; choose another with --snapshots")
        if snapshots != Path():  # nobody asked for the folder here
            check_writable(snapshots / "snapshot.png")
        self._live, self._folder = live, snapshots

    def __call__(self, overlay: Overlay, finders: Mapping[str, EventFinder], info: SourceInfo) -> Sequence[Sink]:
        """The sink that remembers what is shown."""
        kept = Snapshots(self._folder, render=overlay, pixel_aspect=info.pixel_aspect)

        def show(lanes: Sequence[str]) -> None:
            overlay.show(lanes)
            self._live.board.change(lanes=overlay.shown)

        def snapshot(answer: object) -> None:
            kept.take(answer if isinstance(answer, Future) else None)

        self._live.board.change(lanes=overlay.shown)
        self._live.controls.on("lanes", show)
        self._live.controls.on("snapshot", snapshot)
        return [kept]
