"""The destinations of a job's events, checked, and the sink that serves them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tracker.controls import Board
from tracker.errors import SinkError
from tracker.hooks.address import Destination
from tracker.hooks.channel import AppendedFile, Channel, Stdout
from tracker.hooks.delivery import Delivery
from tracker.hooks.hook import EventHook, RunMark, SentEvent
from tracker.sinks import refuse_input, refuse_taken
from tracker.sinks.ours import keys_of
from tracker.types import Finder, SourceInfo

EVENT_KEYS = {"time", "source", "run", "n", "kind"}
"""of every line of events, whatever has happened"""
LONGEST_LINE = 1 << 20
"""bytes of an event, at most"""
LOCAL = ("stdout", "file")
"""these a file's run waits for"""


def open_channels(
    destinations: Sequence[Destination], taken: Mapping[str, Path], inputs: Sequence[Path] = ()
) -> list[Channel]:
    """A channel for each destination.

    taken   the job's own files, by role
    inputs  those that it reads

    Raises SinkError for a file that cannot be written, is the job's own or is no file of events, MissingExtraError for MQTT without its
    library.
    """
    places = [each.address for each in destinations]
    if len(set(places)) < len(places):
        raise SinkError("--events-to: the same place twice; leave one out")
    return [_channel(each, taken, inputs) for each in destinations]


def _channel(destination: Destination, taken: Mapping[str, Path], inputs: Sequence[Path]) -> Channel:
    if destination.kind == "stdout":
        return Stdout()
    if destination.kind == "web":
        from tracker.hooks.web import WebHook

        return WebHook(destination)
    if destination.kind == "mqtt":
        from tracker.hooks.mqtt import MqttTopic

        return MqttTopic(destination)
    path = Path(destination.address)
    _check_appendable(path, taken, inputs)
    return AppendedFile(path)


def _check_appendable(path: Path, taken: Mapping[str, Path], inputs: Sequence[Path]) -> None:
    refuse_input(path, inputs)
    refuse_taken(path, taken.values(), "--events-to")
    if path.is_dir():
        raise SinkError(f"{path}: is a folder; events are appended to a file: --events-to {path / 'events.jsonl'}")
    if not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}; make it first")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise SinkError(f"{path}: cannot be written; check its permissions")
    if not _holds_events(path):
        raise SinkError(f"{path}: is no file of events, one JSON object a line; choose another name with --events-to")


def _holds_events(path: Path) -> bool:
    """Whether a file may be appended to: it is new, empty, a pipe or device, or begins with an event."""
    if not path.is_file() or not os.access(path, os.R_OK):
        return True
    with open(path, "rb") as file:
        first = file.readline(LONGEST_LINE)
    return not first or keys_of(first) >= EVENT_KEYS


def build_event_hook(
    destinations: Sequence[Destination],
    channels: Sequence[Channel],
    finders: Sequence[Finder[SentEvent]],
    *,
    info: SourceInfo,
    only: bool,
    notify: Callable[[str], None],
    board: Board | None,
    mark: RunMark,
) -> EventHook:
    """The sink of a run that sends its events."""
    deliveries = [
        Delivery(channel, to.shown, notify=notify, patient=not info.live and to.kind in LOCAL)
        for to, channel in zip(destinations, channels, strict=True)
    ]

    def changed(lost: int, problem: str) -> None:
        if board is not None and (board.status.events_lost, board.status.hooks) != (lost, problem):
            board.change(events_lost=lost, hooks=problem)

    def closed() -> None:
        if board is not None:
            board.unwatch(hook.watch)

    hook = EventHook(
        deliveries, finders, source=info.name, mark=mark, live=info.live, only=only, changed=changed, closed=closed
    )
    if board is not None:
        board.watch(hook.watch)
    return hook
