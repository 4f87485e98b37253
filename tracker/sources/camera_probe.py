"""What a camera of this machine gives, asked in a process of its own. It is started by path and imports nothing of tracker.

    python camera_probe.py NUMBER

prints a JSON list of [width, height, pictures a second or null], the camera's own choice first; an empty one if it cannot be
opened or gives no picture.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2

SIZES = ((320, 240), (640, 480), (800, 600), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
"""asked for in turn; a driver answers with the nearest that it has"""
FIRST_PICTURE_S = 5.0
"""a camera that wakes up takes a second or two"""
MOST_CAMERA_FPS = 1000


def modes(capture: Any, clock: Callable[[], float] = time.monotonic) -> list[tuple[int, int, float | None]]:
    """Sizes and rates of an opened `cv2.VideoCapture`, each once; [] if no picture comes."""
    end = clock() + FIRST_PICTURE_S
    while not capture.read()[0]:
        if clock() >= end:
            return []
    found = [_mode(capture)]
    for width, height in SIZES:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        found.append(_mode(capture))
    return [mode for place, mode in enumerate(found) if mode[:2] not in [other[:2] for other in found[:place]]]


def _mode(capture: Any) -> tuple[int, int, float | None]:
    fps = capture.get(cv2.CAP_PROP_FPS)
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return int(width), int(height), round(fps, 2) if 0 < fps < MOST_CAMERA_FPS else None


def main(number: int) -> None:
    """Ask the camera, print, and give it back."""
    capture = cv2.VideoCapture(number)
    try:
        print(json.dumps(modes(capture) if capture.isOpened() else []))
    finally:
        capture.release()


if __name__ == "__main__":
    main(int(sys.argv[1]))
