"""What to do where a library that OpenCV needs is missing, or OpenCV itself is there twice."""

from __future__ import annotations

import re


def cure(error: BaseException) -> str | None:
    """One line for the user if the error is that of a damaged or incomplete OpenCV; None for every other error.

    opencv-python needs libGL.so.1 and libglib of the system, which servers and containers often lack. And all wheels of
    OpenCV share the folder cv2: with two installed, the files are those of the last one, and removing one of them leaves
    an empty package or a window-less one.
    """
    text = str(error)
    if isinstance(error, ImportError):
        library = re.search(r"(lib\S+\.so\S*): cannot open shared object file", text)
        if library and library[1].startswith(("libGL", "libgthread", "libglib")):
            return (
                f"OpenCV cannot be loaded: {library[1]} is missing; `apt-get install libgl1 libglib2.0-0` brings it, or "
                "put opencv-python-headless in the place of opencv-python, which needs neither and opens no window"
            )
    elif not (isinstance(error, AttributeError) and "module 'cv2' has no attribute" in text):
        return None
    if "cv2" not in text and getattr(error, "name", None) != "cv2":
        return None
    return (
        f"OpenCV is damaged ({text}), as when two of its packages were installed and one removed; `pip uninstall "
        "opencv-python opencv-python-headless opencv-contrib-python`, then `pip install opencv-python`"
    )
