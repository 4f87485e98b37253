"""Calls of several threads that wait at one time are answered together, each with its own answer or error."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracker.batched import Batched


class Gated:
    """Doubles numbers; the first batch is held until as many calls wait behind it as were asked for."""

    def __init__(self, behind: int) -> None:
        self.batches: list[list[int]] = []
        self.calls = Batched(self.many, kind=lambda number: number % 2)
        self._behind, self._first, self.began = behind, True, threading.Event()

    def many(self, numbers):
        if self._first:
            self._first = False
            self.began.set()
            while len(self.calls._waiting) < self._behind:
                pass
        self.batches.append(sorted(numbers))
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]

    def run(self, numbers: list[int]):
        """The answers to 0 and, while it is computed, to all the numbers; an error in place of an answer."""
        with ThreadPoolExecutor(len(numbers) + 1) as pool:
            first = pool.submit(self.calls, 0)
            self.began.wait(10)
            futures = [pool.submit(self.calls, number) for number in numbers]
            assert first.result(10) == 0
            return [future.exception(10) or future.result() for future in futures]


def test_those_that_wait_are_one_batch_of_each_kind():
    gated = Gated(5)
    assert gated.run([1, 2, 3, 4, 6]) == [2, 4, 6, 8, 12]
    assert gated.batches[0] == [0]
    assert sorted(gated.batches[1:]) == [[1, 3], [2, 4, 6]]
    assert gated.calls.sizes == {1: 1, 2: 1, 3: 1}


def test_an_error_is_that_of_its_own_input_alone():
    gated = Gated(3)
    found = gated.run([11, 13, 15])
    assert [found[0], found[2]] == [22, 30]
    assert isinstance(found[1], ValueError)
    with pytest.raises(ValueError, match="13"):
        gated.calls(13)


def test_patient_callers_are_one_batch_when_all_wait_and_give_up_when_one_does_not_come():
    calls = Batched(lambda numbers: [-n for n in numbers], lambda number: None, callers=4, wait_s=10)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(calls, range(1, 5))) == [-1, -2, -3, -4]
    assert calls.sizes == {4: 1}
    calls = Batched(lambda numbers: [-n for n in numbers], lambda number: None, callers=2, wait_s=0.01)
    assert calls(1) == -1


def test_one_caller_is_never_kept_waiting():
    calls = Batched(lambda numbers: [n + 1 for n in numbers], kind=lambda number: None)
    assert [calls(n) for n in range(3)] == [1, 2, 3]
    assert calls.sizes == {1: 3}
