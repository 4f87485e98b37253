"""The command in a process of its own, with limits on time, memory and files, and what must hold of how it ends."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tracker.cli import cli

TIME_S = 40.0
MEMORY = 2 * 2**30
"""bytes beyond what the libraries take"""
FILE = 200 * 2**20
EXIT_CODES = (0, 1, 2, 130)
MOST_LINES = 12
"""of stderr"""
OUTPUT = "result.mp4"
"""what a case gives to -o; its results begin with the same word"""


@dataclass(frozen=True)
class Ending:
    """How one command ended."""

    code: int
    """exit code; below 0 the signal that ended it"""
    stderr: str
    seconds: float
    fault: str | None
    """what does not hold of it; None where all does"""

    @property
    def outcome(self) -> str:
        """The column of the closing table."""
        if self.fault is not None:
            return "fault"
        return (
            "out of memory"
            if "out of memory" in self.stderr
            else {0: "done", 1: "refused", 2: "usage"}.get(self.code, "ended")
        )


def run(arguments: Sequence[str], folder: Path) -> Ending:
    """Call the command in `folder`, where its results go.

    The process is a fork of this one, whose libraries are loaded: starting Python anew would take most of the time.
    """
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _carry_out(arguments, folder)
    code, late = _wait(child, began + TIME_S)
    stderr = (folder / "stderr").read_text(encoding="utf-8", errors="replace")
    fault = "took longer than its time" if late else _fault(code, stderr, folder)
    return Ending(code, stderr, time.monotonic() - began, fault)


def _carry_out(arguments: Sequence[str], folder: Path) -> None:
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        for kind, most in (
            (resource.RLIMIT_AS, in_use + MEMORY),
            (resource.RLIMIT_FSIZE, FILE),
            (resource.RLIMIT_CPU, int(TIME_S)),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (most, most))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        cli.main(list(arguments), prog_name="tracker")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _wait(child: int, end: float) -> tuple[int, bool]:
    """(exit code, whether it had to be ended)."""
    late = False
    while True:
        pid, status = os.waitpid(child, 0 if late else os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status), late
        if time.monotonic() > end:
            late = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        else:
            time.sleep(0.005)


def _fault(code: int, stderr: str, folder: Path) -> str | None:
    if code not in EXIT_CODES:
        return f"exit code {code}"
    for word in ("Traceback", "unexpected", "Unexpected"):
        if word in stderr:
            return f'"{word}" on stderr'
    if len(stderr.splitlines()) > MOST_LINES:
        return f"{len(stderr.splitlines())} lines on stderr"
    if code == 1 and "tracker: " not in stderr:
        return "nothing said"
    stem = OUTPUT.removesuffix(".mp4")
    results = {path.name for path in folder.glob(f"{stem}*") if ".part" not in path.name}
    told = any((folder / name).exists() for name in (f"{stem}.summary.json", f"{stem}.json"))
    if code != 0 and results and not told:
        return f"results without a summary: {', '.join(sorted(results))}"
    return None
