"""What is installed."""

from __future__ import annotations

import importlib
import platform
from importlib import metadata

from tracker import __version__
from tracker.doctor.check import Check, problem
from tracker.words import EXTRA_PACKAGES, OPENCVS

NEEDED = ("av", "numpy", "scipy", "pydantic", "pillow", "pycocotools", "imageio", "jinja2", "rich")
"""distributions of the base installation; OpenCV and ONNX Runtime have checks of their own"""


def versions() -> list[Check]:
    """The program, Python, the system and the libraries; one that is absent is a problem."""
    found = {name: version_of(name) for name in NEEDED}
    absent = [name for name, version in found.items() if version is None]
    checks = [
        Check("tracker", f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"),
        Check("libraries", ", ".join(f"{name} {version}" for name, version in found.items() if version)),
    ]
    return (
        [
            *checks,
            problem("libraries", f"absent: {', '.join(absent)}; install tracker again, with its dependencies"),
        ]
        if absent
        else checks
    )


def opencv() -> list[Check]:
    """OpenCV, of which two distributions in one environment overwrite each other."""
    found = {name: version for name in OPENCVS if (version := version_of(name))}
    named = " and ".join(f"{name} {version}" for name, version in found.items())
    if len(found) > 1:
        names = " ".join(found)
        cure = f"pip uninstall -y {names} && pip install {next(iter(found))}"
        return [problem("OpenCV", f"{named} overwrite each other; {cure}")]
    cv2 = importlib.import_module("cv2")
    return [Check("OpenCV", named or f"{cv2.__version__}, installed without pip")]


def onnx_runtime() -> list[Check]:
    """ONNX Runtime, and the two networks that ship."""
    from tracker.foreground.weights import load_foreground
    from tracker.slots.weights import load_network

    digests = [load_network("street").digest, load_foreground("foreground")[1]]
    return [
        Check("ONNX Runtime", f"{version_of('onnxruntime')}; both networks load ({', '.join(d[:8] for d in digests)})")
    ]


def extras() -> list[Check]:
    """What is optional: there, or how to install it."""
    checks = []
    for extra, (packages, purpose) in EXTRA_PACKAGES.items():
        found = {name: version_of(name) for name in packages}
        absent = [name for name, version in found.items() if version is None]
        there = ", ".join(f"{name} {version}" for name, version in found.items() if version)
        said = f"not installed: pip install 'rnnem-tracker[{extra}]'" if absent else there
        checks.append(Check(f"extra {extra}", f"{said} ({purpose})", "absent" if absent else "ok"))
    return checks


def version_of(name: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
