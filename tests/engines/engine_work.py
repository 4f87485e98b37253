"""What tests have workers do: functions of a module, as a worker imports them."""

import os
import signal
import sys
import time
from pathlib import Path

from tracker.engines import LocalEngine
from tracker.errors import SourceError


def square(number):
    if number < 0:
        raise SourceError(f"{number}: below nought")
    return number * number


def who(task):
    return os.getpid()


def variables(task):
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENCV_FOR_THREADS_NUM")


def unpicklable(task):
    return lambda: task


def die_once(folder):
    mark = Path(folder) / "begun"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die_if_odd(number):
    if number % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleep_and_tell(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


if __name__ == "__main__":  # a driver that a test kills
    list(LocalEngine(2).map(sleep_and_tell, [sys.argv[1]] * 2))
