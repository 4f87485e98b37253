"""`tracker doctor`: what this machine has of what the program needs, a line a thing, and what to do about what is wrong.

    check.py      what a check says
    libraries.py  versions, OpenCV, ONNX Runtime, extras
    machine.py    processor and card, video, cameras, display, text, disk
    trial.py      a drawn clip, both lanes, scores

Every check is a function that returns checks. It imports what it looks at when it is called: what is broken is a line, not the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tracker.doctor.check import Check, broken
from tracker.doctor.libraries import extras, onnx_runtime, opencv, versions
from tracker.doctor.machine import cameras, device, disk, display, text, video
from tracker.doctor.trial import self_test

EVERY: tuple[Callable[[], Sequence[Check]], ...] = (
    versions, opencv, onnx_runtime, extras, device, video, text, disk, display, cameras, self_test,
)  # fmt: skip


def examine(every: Sequence[Callable[[], Sequence[Check]]] = EVERY) -> Iterator[Check]:
    """What the checks say, one after the other; a check that fails is a problem of its own."""
    for check in every:
        try:
            yield from check()
        except Exception as error:  # whatever a broken library raises
            yield broken(check.__name__.replace("_", " "), error)
