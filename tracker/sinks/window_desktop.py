"""What OpenCV does not tell and do about the desktop, asked of the X server or of Windows; for the window's process."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

USUAL_SIZE = (1920, 1080)
"""pixels; taken where nobody can be asked"""


def screen_size() -> tuple[int, int]:
    """(width, height) of the screen, pixels."""
    if sys.platform == "win32":
        return ctypes.windll.user32.GetSystemMetrics(0), ctypes.windll.user32.GetSystemMetrics(1)
    x11, display = _connect()
    if not display:
        return USUAL_SIZE
    screen = x11.XDefaultScreen(display)
    size = x11.XDisplayWidth(display, screen), x11.XDisplayHeight(display, screen)
    x11.XCloseDisplay(display)
    return size


def expose(title: str) -> None:
    """Tell the toolkit that windows of this title lie open, as the X server does once after it has shown one.

    Of Qt's windows on an X server without a window manager about one in a hundred misses that and stays black, whatever
    is shown in it. Where a window manager has put the window into a frame, there is none at the top to be told.
    """
    x11, display = _connect()
    if not display:
        return
    number = ctypes.c_ulong
    x11.XDefaultRootWindow.restype = number
    x11.XGrabServer(display)  # no window may vanish between its being found and being told
    root, parent, children, count = number(), number(), ctypes.POINTER(number)(), ctypes.c_uint()
    top = number(x11.XDefaultRootWindow(display))
    if x11.XQueryTree(
        display, top, ctypes.byref(root), ctypes.byref(parent), ctypes.byref(children), ctypes.byref(count)
    ):
        for window in map(number, children[: count.value]):
            name = ctypes.c_char_p()
            if x11.XFetchName(display, window, ctypes.byref(name)):
                if name.value == title.encode():
                    x11.XClearArea(display, window, 0, 0, 0, 0, 1)
                x11.XFree(name)
        x11.XFree(children)
    x11.XUngrabServer(display)
    x11.XCloseDisplay(display)


def _connect() -> tuple[Any, ctypes.c_void_p]:
    """The X library and a connection, null if there is no X server."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # not an X server's machine
        return None, ctypes.c_void_p()
    x11.XOpenDisplay.restype = ctypes.c_void_p
    return x11, ctypes.c_void_p(x11.XOpenDisplay(None))
