"""The pool of processes: outcomes, workers that die, drivers that die, how far ahead it reads."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import engine_work
import pytest

from tracker.engines import Done, LocalEngine, Needs
from tracker.engines.pool import spread

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def until(true, *, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_task_has_its_outcome_and_an_error_is_one_line_of_its_task_alone():
    outcomes = {done.task: done for done in LocalEngine(2).map(engine_work.square, [1, -2, 3])}
    assert outcomes == {1: Done(1, 1), -2: Done(-2, None, "-2: below nought"), 3: Done(3, 9)}


def test_a_worker_does_many_tasks_and_fresh_ones_do_one_each():
    assert len({done.value for done in LocalEngine(1).map(engine_work.who, range(20))}) == 1
    assert len({done.value for done in spread(engine_work.who, range(3), workers=1, fresh=True)}) == 3


def test_what_cannot_travel_is_the_problem_of_its_task():
    task, value = (list(LocalEngine(1).map(work, tasks)) for work, tasks in (
        (engine_work.square, [lambda: 0, 2]), (engine_work.unpicklable, [1]),
    ))  # fmt: skip
    assert task[0].problem is not None
    assert task[1].value == 4
    assert value[0].problem is not None


def test_a_task_whose_worker_is_killed_is_begun_again_and_the_others_lose_nothing(tmp_path):
    (done,) = LocalEngine(1).map(engine_work.die_once, [str(tmp_path)])
    assert (done.value, done.attempts) == ("done", 2)
    outcomes = {done.task: done for done in LocalEngine(2).map(engine_work.die_if_odd, range(4))}
    assert [outcomes[n].value for n in range(4)] == [0, None, 2, None]
    assert outcomes[1].attempts == 3
    assert outcomes[1].problem == "its process ended with code -9, 3 times; out of memory?"


def test_tasks_are_read_as_workers_become_free():
    read = []

    def tasks():
        for number in range(1000):
            read.append(number)
            yield number

    for count, _ in enumerate(LocalEngine(2).map(engine_work.square, tasks()), 1):
        assert len(read) <= count + 4
    assert count == 1000


def test_libraries_share_the_cores_among_the_workers(monkeypatch):
    monkeypatch.setattr("tracker.engines.local.usable_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    (done,) = LocalEngine(2).map(engine_work.variables, [0])
    assert done.value == ("4", "4")
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENCV_FOR_THREADS_NUM" not in os.environ
    assert LocalEngine(needs=Needs(cores=3)).workers == 2


def test_closing_the_iteration_ends_the_workers(tmp_path):
    outcomes = LocalEngine(1).map(engine_work.who, range(10))
    pid = next(outcomes).value
    assert not gone(pid)
    outcomes.close()
    assert gone(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_driver_whatever_they_are_doing(tmp_path, number):
    driver = subprocess.Popen(
        [sys.executable, str(HERE / "engine_work.py"), str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    until(lambda: len(list(tmp_path.iterdir())) == 2)
    driver.send_signal(number)
    stderr = driver.communicate(timeout=20)[1]
    workers = [int(path.name) for path in tmp_path.iterdir()]
    until(lambda: all(map(gone, workers)))
    assert stderr.strip().split("\n")[-1] == ("KeyboardInterrupt" if number == signal.SIGINT else "")


def test_a_tiny_task_costs_the_driver_under_five_milliseconds():
    outcomes = LocalEngine(1).map(engine_work.square, range(1001))
    next(outcomes)  # the worker has started
    began = time.process_time()
    assert sum(1 for done in outcomes if done.problem is None) == 1000
    assert (time.process_time() - began) / 1000 < 0.005
