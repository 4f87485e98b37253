"""What tests have tasks of Ray do: functions of a module, as a node imports them."""

import os
import signal
import time
from pathlib import Path

from tracker.errors import SourceError


def do(task):
    work, argument = task
    return globals()[work](argument)


def square(number):
    if number < 0:
        raise SourceError(f"{number}: below nought")
    return number * number


def length(text):
    return len(text)


def threads(task):
    return os.environ.get("OMP_NUM_THREADS")


def die_once(folder):
    mark = Path(folder) / "begun"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


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
