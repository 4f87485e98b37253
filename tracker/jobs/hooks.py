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
from tracker.hooks.hook import EventHook, Found, RunMark
from tracker.types import Finder, SourceInfo

LOCAL = ("stdout", "file")
"""these a file's run waits for"""


def open_channels(destinations: Sequence[Destination], taken: Mapping[str, Path]) -> list[Channel]:
    """A channel for each destination.

    taken  the job's own files, by role

    Raises SinkError for a file that cannot be written or is the job's own, MissingExtraError for MQTT without its library.
    """
    places = [each.address for each in destinations]
    if len(set(places)) < len(places):
        raise SinkError("--events-to: the same place twice; leave one out")
    return [_channel(each, taken) for each in destinations]


def _channel(destination: Destination, taken: Mapping[str, Path]) -> Channel:
    if destination.kind == "stdout":
        return Stdout()
    if destination.kind == "web":
        from tracker.hooks.web import WebHook

        return WebHook(destination)
    if destination.kind == "mqtt":
        from tracker.hooks.mqtt import MqttTopic

        return MqttTopic(destination)
    path = Path(destination.address)
    _check_appendable(path, taken)
    return AppendedFile(path)


def _check_appendable(path: Path, taken: Mapping[str, Path]) -> None:
    if any(os.path.realpath(path) == os.path.realpath(other) for other in taken.values()):
        raise SinkError(f"{path}: is another file of this run; choose another name with --events-to")
    if path.is_dir():
        raise SinkError(f"{path}: is a folder; events are appended to a file: --events-to {path / 'events.jsonl'}")
    if not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}; make it first")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise SinkError(f"{path}: cannot be written; check its permissions")


def build_event_hook(
    destinations: Sequence[Destination],
    channels: Sequence[Channel],
    finders: Sequence[Finder[Found]],
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
