"""What tests have tasks of Ray do: functions of a module, as a node imports them."""

import os
import signal
import time
from pathlib import Path

from engine_work import die_once, square  # noqa: F401  `do` finds them here


def do(task):
    work, argument = task
    return globals()[work](argument)


def length(text):
    return len(text)


def threads(task):
    return os.environ.get("OMP_NUM_THREADS")


def die(task):
    os.kill(os.getpid(), signal.SIGKILL)


def wait_and_tell(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


def wait_for_go(task):
    folder, number = Path(task[0]), task[1]
    (folder / f"{number}.{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    return number
