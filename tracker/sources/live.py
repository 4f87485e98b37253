"""What `tracker webcam` watches: a camera or stream that is opened again when it fails, or a file at its own speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tracker.errors import OptionError
from tracker.sources.address import camera_number, is_path, is_url, shown
from tracker.sources.choose import open_source
from tracker.sources.paced import Paced
from tracker.sources.reconnect import Patience, Reconnecting, Tell
from tracker.sources.span import Span
from tracker.types import Source


@dataclass(frozen=True)
class Watching:
    """How a live source is watched."""

    patience: Patience = field(default_factory=Patience)
    loop: bool = False
    """a file begins again at its end"""
    sound: bool = False
    """frames carry the sound, where there is one"""


def open_live(
    address: str,
    watching: Watching,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    max_frames: int | None = None,
    fps: float | None = None,
    tell: Tell = lambda line: None,
) -> Source:
    """Open what `address` names as a live source; the other arguments are those of `open_source`.

    tell  told in one line, while there is no picture, for how long; None once there is one again

    Raises SourceError as `open_source` does, unless `watching.patience.wait`; OptionError for a loop of what has no end.
    """
    span = Span(start_s, duration_s, max_frames)
    timeout_s, sound = watching.patience.timeout_s, watching.sound
    if is_path(address) or not (is_url(address) or camera_number(address) is not None):
        return _paced(lambda: open_source(address, start_s=start_s, fps=fps, sound=sound), span, watching)

    def connect() -> Source:
        return open_source(address, timeout_s=timeout_s, fps=fps, prompt=True, sound=sound)

    source = Reconnecting(connect, span=span, patience=watching.patience, tell=tell)
    if source.has_end:
        source.close()
        return _paced(lambda: open_source(address, start_s=start_s, timeout_s=timeout_s, sound=sound), span, watching)
    if watching.loop:
        source.close()
        raise OptionError(f"{shown(address)}: has no end to begin again from; leave --loop out")
    return source


def _paced(again: Callable[[], Source], span: Span, watching: Watching) -> Source:
    return Paced(again(), again, span=span, loop=watching.loop)
