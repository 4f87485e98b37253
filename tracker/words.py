"""What is said of an error, one line that names the cause and the cure, on the command line and in tables of failures; counted things."""

from __future__ import annotations

import errno

from tracker.errors import TrackerError, plain_line

OUT_OF_MEMORY = (
    "out of memory; use fewer or smaller pictures (--set gmm.working_width=480 --set slots.working_width=480), "
    "one lane (--lanes gmm), or close other programs"
)
NO_MEMORY = (
    "insufficient memory",
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "cannot allocate memory",
    "can't start new thread",
    "returned null without setting an exception",
)
"""What OpenCV (cv2.error), torch on a processor and on a GPU (RuntimeError), the system, a thread that gets no stack, and a
function of C that could not even make its error (SystemError) say."""
NOT_LOADED = "failed to map segment from shared object"
"""What the loader of libraries says without memory; on a disk whose files may not be executed it adds a reason."""

OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
"""Distributions that all install the package `cv2`, one over the other."""


OPENCV_NEEDS = ("cv2", "libGL", "libgthread", "libglib")
"""What an ImportError of OpenCV names: itself, or a library of the system."""


EXTRA_PACKAGES = {
    "torch": (("torch", "safetensors"), "for --device cuda and mps"),
    "train": (("torch", "safetensors", "onnx", "onnxscript"), "for trainings"),
    "papers": (("torch", "safetensors", "matplotlib", "scikit-learn"), "for tracker paper"),
    "web": (("starlette", "uvicorn"), "for webcam --serve"),
    "mqtt": (("paho-mqtt",), "for --events-to mqtt://"),
    "export": (("pyarrow",), "for export --to parquet and batch"),
    "cluster": (("ray",), "for batch --engine ray"),
    "remote": (("fsspec", "s3fs"), "for s3:// and other stores"),
    "pandas": (("pandas",), "for to_pandas"),
    "supervision": (("supervision",), "for to_supervision"),
}
"""Distributions that an extra brings, and what it is for."""
EXTRAS = {"torch": "torch", "safetensors": "torch", "onnx": "train"}
"""Of a package that the base installation does not bring: the extra that does."""


def counted(count: int, thing: str, things: str | None = None) -> str:
    """A number of things.

    >>> counted(1, "frame"), counted(2, "frame"), counted(0, "identity", "identities")
    ('1 frame', '2 frames', '0 identities')
    """
    return f"{count} {thing if count == 1 else things or f'{thing}s'}"


def one_line(error: BaseException) -> str:
    """The error as a line for its user, without the password of any address."""
    return plain_line(" ".join(_words(error).split()))


def _words(error: BaseException) -> str:
    if isinstance(error, TrackerError):
        return str(error)
    if _is_out_of_memory(error):
        return OUT_OF_MEMORY
    if _is_about_opencv(error):
        return _about_opencv(error)
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS:
        return f"{error.name} is not installed; install it: pip install 'rnnem-tracker[{EXTRAS[error.name]}]'"
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name} is not installed; install tracker again, with its dependencies"
    if isinstance(error, ImportError):
        return f"{error.name or 'a library'} cannot be loaded ({error}); install it again"
    if isinstance(error, OSError):
        return f"{_named(error)}: {error.strerror or error}; check the path and its rights"
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object!a} cannot be written in this system's encoding ({error.encoding}); set LC_ALL=C.UTF-8, or rename it"
    return f"unexpected {type(error).__name__}: {error} (a defect of tracker; -v shows where)"


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    if isinstance(error, BlockingIOError) and error.filename is None:  # a thread of a codec that gets no stack
        return True
    # cv2.error is told by its name: importing cv2 here would cost every command its start
    if isinstance(error, ImportError):
        return str(error).endswith(NOT_LOADED)
    known = isinstance(error, (RuntimeError, SystemError)) or type(error).__module__ == "cv2"
    return known and any(words in str(error).lower() for words in NO_MEMORY)


def _is_about_opencv(error: BaseException) -> bool:
    if isinstance(error, ImportError):
        return (error.name or "").partition(".")[0] == "cv2" or any(word in str(error) for word in OPENCV_NEEDS)
    return isinstance(error, AttributeError) and getattr(error.obj, "__name__", "").partition(".")[0] == "cv2"


def _about_opencv(error: BaseException) -> str:
    """The cure of an OpenCV that cannot be used: two in one environment, a system without its libraries, or none at all."""
    installed = [name for name in OPENCVS if _is_installed(name)]
    if len(installed) > 1:
        names = " ".join(installed)
        return (
            f"{len(installed)} OpenCVs in one environment ({names}) have overwritten each other; "
            f"pip uninstall -y {names} && pip install {installed[0]}"
        )
    if ".so" in str(error) and installed:
        library = str(error).partition(":")[0]
        return (
            f"OpenCV needs {library}, which this system lacks; install it (Debian and Ubuntu: apt install libgl1 libglib2.0-0), "
            f"or, without windows: pip uninstall -y {installed[0]} && pip install opencv-python-headless"
        )
    return f"OpenCV cannot be used ({error}); pip install --force-reinstall {(installed or OPENCVS)[0]}"


def _is_installed(name: str) -> bool:
    from importlib import metadata  # help must be quick

    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _named(error: OSError) -> str:
    """The file of an error, or what there is to say in its place."""
    if error.errno == errno.ENOSPC and error.filename is None:
        return "disk"
    return str(error.filename or "file")
