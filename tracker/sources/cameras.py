"""The cameras of this machine: their names, what each gives, and what to do about one that gives nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import SourceError

PROBE_S = 15.0
"""so long may a driver take for its first picture and all its sizes"""
KILLED_S = 1.0
"""a process that waits inside a driver may not end when it is killed; it is left"""
NUMBERS_TRIED = 6
"""on systems that do not list their cameras"""
PROGRAM = Path(__file__).with_name("camera_probe.py")
START = """import runpy, sys
sys.path[:], sys.argv[:] = {path!r}, [{program!r}, {number!r}]
runpy.run_path({program!r}, run_name='__main__')"""

Mode = tuple[int, int, "float | None"]
"""width, height, pictures a second if known"""
Probe = Callable[[int], "list[Mode]"]
"""What the camera of that number gives; nothing if it cannot be opened. Raises TimeoutError if its driver hangs."""


@dataclass(frozen=True)
class CameraFound:
    """One camera."""

    number: int
    name: str
    modes: tuple[Mode, ...] = ()
    """the camera's own choice first; none if there is a problem"""
    problem: str | None = None
    """why it cannot be used, and what to do"""

    def __str__(self) -> str:
        """One line for people."""
        said = self.problem or ", ".join(
            f"{width}x{height}" + ("" if fps is None else f" at {fps:g}") for width, height, fps in self.modes
        )
        return f"{self.number}  {self.name}: {said}"


def probe_in_process(number: int) -> list[Mode]:
    """Ask a camera in a process of its own, since a driver may hang."""
    command = [sys.executable, "-c", START.format(path=sys.path, program=str(PROGRAM), number=str(number))]
    # not `with`, whose end waits for the process without a limit
    asked = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    assert asked.stdout is not None
    with asked.stdout:
        try:
            asked.wait(PROBE_S)  # what it prints fits the pipe
        except subprocess.TimeoutExpired:
            asked.kill()
            with suppress(subprocess.TimeoutExpired):
                asked.wait(KILLED_S)
            raise TimeoutError from None
        printed = asked.stdout.read().decode(errors="replace").strip()
    try:
        return [(int(width), int(height), fps) for width, height, fps in json.loads(printed.splitlines()[-1])]
    except (ValueError, IndexError):  # OpenCV ended the process
        return []


def list_cameras(
    *,
    probe: Probe = probe_in_process,
    devices: Path = Path("/dev"),
    listing: Path = Path("/sys/class/video4linux"),
    processes: Path = Path("/proc"),
    system: str = sys.platform,
) -> list[CameraFound]:
    """Every camera, by number, those that cannot be used with the reason. The folders are Linux's, and others in tests."""
    if not system.startswith("linux"):
        return [
            CameraFound(number, f"camera {number}", tuple(modes))
            for number in range(NUMBERS_TRIED)
            if (modes := _try(probe, number))
        ]
    found = []
    for number, entry in sorted(_entries(listing)):
        camera = _ask(number, entry, probe, devices / f"video{number}", processes)
        if camera is not None:
            found.append(camera)
    return found


def _try(probe: Probe, number: int) -> list[Mode]:
    with suppress(TimeoutError):
        return probe(number)
    return []


def _entries(listing: Path) -> Iterator[tuple[int, Path]]:
    for entry in listing.iterdir() if listing.is_dir() else ():
        match = re.fullmatch("video([0-9]{1,4})", entry.name)
        if match:
            yield int(match[1]), entry


def _ask(number: int, entry: Path, probe: Probe, device: Path, processes: Path) -> CameraFound | None:
    """The camera of one entry; None for a device beside a camera, such as the one that carries its metadata."""
    name = _text(entry / "name") or f"camera {number}"
    if not device.exists():
        return CameraFound(number, name, problem=f"{device} is not there; give it to the container: --device {device}")
    if not os.access(device, os.R_OK | os.W_OK):
        group = _group(device)
        advice = f"sudo usermod -aG {group} $USER, then log in again"
        return CameraFound(number, name, problem=f"permission denied: only group {group} may use {device}; {advice}")
    try:
        modes = probe(number)
    except TimeoutError:
        return CameraFound(
            number, name, problem=f"its driver has not answered for {PROBE_S:g} s; unplug it and plug it in again"
        )
    if modes:
        return CameraFound(number, name, tuple(modes))
    users = users_of(device, processes)
    if users:
        return CameraFound(number, name, problem=f"in use by {', '.join(users)}; close it")
    if _text(entry / "index") not in ("", "0"):
        return None
    return CameraFound(number, name, problem="gives no picture; if another user's program has it, close that")


def users_of(device: Path, processes: Path = Path("/proc")) -> list[str]:
    """Who has a device open, as `firefox (process 812)`; only one's own processes can be seen without being root."""
    found = []
    for process in sorted(processes.glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):
            if any(_leads_to(handle, device) for handle in (process / "fd").iterdir()):
                found.append(f"{_text(process / 'comm') or 'a program'} (process {process.name})")
    return found


def _leads_to(handle: Path, device: Path) -> bool:
    with suppress(OSError):
        return os.readlink(handle) == str(device)
    return False


def _group(device: Path) -> str:
    import grp  # not on Windows

    gid = device.stat().st_gid
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""


def check_found(cameras: list[CameraFound]) -> None:
    """Raise SourceError unless one of them can be used."""
    if not cameras:
        raise SourceError(
            "no camera found; plug one in, or give `tracker webcam` the address of a stream (rtsp://...) or a file"
        )
    if not any(camera.modes for camera in cameras):
        raise SourceError("no camera can be used; what to do is said beside each")
