"""What the machine has."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tracker.doctor.check import Check, problem
from tracker.learning.device import cards

SIZE = (272, 480)
"""height and width of the picture on which devices are compared: the working picture of a video of 16 : 9"""
ROUNDS = 10
"""pictures of which the median is taken"""
LEAST_FREE_GB = 1.0
"""of a disk; an hour of overlay video takes about so much"""
VIDEO_FRAMES, VIDEO_SIDE = 8, 64
MOST_ERROR = 12.0
"""mean difference in grey levels between a picture and what H.264 makes of it: 2 where all is well"""


def device() -> list[Check]:
    """The processor, and a card if there is one: which of the two runs the foreground network faster."""
    cpu_ms = milliseconds("cpu")
    said = f"{os.cpu_count()} processors; the foreground network takes {cpu_ms:.1f} ms a picture (--device cpu)"
    checks = [Check("device", said)]
    card = next(iter(cards()), None)
    if card is not None:
        card_ms = milliseconds(card)
        better = f"faster: use --device {card}" if card_ms < cpu_ms else "no faster: leave --device as it is"
        checks.append(Check("device", f"{card} takes {card_ms:.1f} ms: {better}"))
    return checks


def milliseconds(where: str) -> float:
    """The median time that the foreground network takes for a picture, after one that does not count."""
    from tracker.foreground.features import CHANNELS
    from tracker.foreground.weights import load_foreground

    predict, _ = load_foreground("foreground", device=where)
    channels = np.random.default_rng(0).integers(0, 256, (CHANNELS, *SIZE), np.uint8)
    taken = []
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        predict(channels)
        taken.append(time.perf_counter() - begin)
    return 1000 * float(np.median(taken[1:]))


def video() -> list[Check]:
    """H.264: a moving square is encoded, decoded, and compared."""
    import av

    drawn = [_square(n) for n in range(VIDEO_FRAMES)]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as written:
        stream: Any = written.add_stream("libx264", rate=25)
        stream.width = stream.height = VIDEO_SIDE
        stream.pix_fmt = "yuv420p"
        for picture in drawn:
            written.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        written.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as read:
        seen = [frame.to_ndarray(format="gray") for frame in read.decode(video=0)]
    if len(seen) != len(drawn):
        return [
            problem(
                "H.264", f"{len(drawn)} pictures were written and {len(seen)} read; pip install --force-reinstall av"
            )
        ]
    error = float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(drawn, seen, strict=True)]))
    if error > MOST_ERROR:
        return [problem("H.264", f"pictures come back wrong, by {error:.0f} of 255; pip install --force-reinstall av")]
    return [Check("H.264", f"encoded and decoded by FFmpeg in av {av.__version__}")]


def _square(place: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    picture = np.full((VIDEO_SIDE, VIDEO_SIDE), 90, np.uint8)
    picture[20:40, 4 * place : 4 * place + 20] = 200
    return picture


def text() -> list[Check]:
    """The font in which times and names are drawn: Pillow's own, which needs its FreeType."""
    from PIL import features

    if not features.check("freetype2"):
        return [
            problem(
                "text",
                "this Pillow has no FreeType, so nothing can be written on pictures; pip install --force-reinstall pillow",
            )
        ]
    return [Check("text", f"Pillow's own font, FreeType {features.version('freetype2')}")]


def disk() -> list[Check]:
    """Room where results and temporary files go."""
    checks = []
    for name, folder in (("here", Path.cwd()), ("temporary", Path(tempfile.gettempdir()))):
        free_gb = shutil.disk_usage(folder).free / 1e9
        if not os.access(folder, os.W_OK):
            checks.append(problem("disk", f"{folder} ({name}) may not be written; go to another folder, or set TMPDIR"))
        elif free_gb < LEAST_FREE_GB:
            checks.append(problem("disk", f"{free_gb:.1f} GB free in {folder} ({name}); make room, or set TMPDIR"))
        else:
            checks.append(Check("disk", f"{free_gb:.0f} GB free in {folder} ({name})"))
    return checks


def display() -> list[Check]:
    """Whether a window can be opened; a server has none, which is no problem."""
    from tracker.sinks import display_problem

    why = display_problem()
    if why is None:
        return [Check("display", "a window can be opened")]
    return [
        Check(
            "display",
            f"no window: {why}. `tracker webcam --no-show --serve` shows a live run in a browser",
            "absent",
        )
    ]


def cameras() -> list[Check]:
    """Every camera; having none is no problem, one that cannot be used is."""
    from tracker.sources.cameras import list_cameras

    found = list_cameras()
    if not found:
        return [Check("cameras", "none found; files and streams need none", "absent")]
    return [Check(f"camera {each.number}", str(each), "ok" if each.problem is None else "PROBLEM") for each in found]
