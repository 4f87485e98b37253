"""One function for several threads: calls that wait at one time are answered together, as one batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Given = TypeVar("Given")
Answer = TypeVar("Answer")


class Batched(Generic[Given, Answer]):
    """A call that comes while nothing is computed is computed by its caller; those that come meanwhile are the next batch.

    No thread is needed beside the callers', and a batch is as large as the device is busy, or larger where callers are patient. Whether an
    answer depends on what else is in its batch is a matter of `many`.

    many     the answers to several inputs of one kind, in order
    kind     inputs of equal kind can be computed together
    callers  how many there are: when all wait, there is nothing more to wait for
    wait_s   how long a caller waits for the others before it computes, at most; 0: not at all
    """

    def __init__(
        self,
        many: Callable[[Sequence[Given]], Sequence[Answer]],
        kind: Callable[[Given], Hashable],
        *,
        callers: int = 1,
        wait_s: float = 0.0,
    ) -> None:
        self._many, self._kind, self._callers, self._wait_s = many, kind, callers, wait_s
        self._waiting: list[_Call[Given, Answer]] = []
        self._queue, self._computing = threading.Condition(), threading.Lock()
        self.sizes: dict[int, int] = {}
        """how often a batch of so many calls was computed"""

    def __call__(self, given: Given) -> Answer:
        """The answer to one input. Raises what `many` raises for it alone."""
        call: _Call[Given, Answer] = _Call(given, self._kind(given))
        with self._queue:
            self._waiting.append(call)
            self._queue.notify()
        with self._computing:
            if call.waits:  # else it was in the batch of another caller
                self._compute(self._taken(call.kind))
        if call.error is not None:
            raise call.error
        assert call.answer is not None
        return call.answer

    def _taken(self, kind: Hashable) -> list[_Call[Given, Answer]]:
        """The calls of that kind, which wait no more, once all callers wait or have been waited for."""
        with self._queue:
            if self._wait_s > 0:
                self._queue.wait_for(lambda: len(self._waiting) >= self._callers, self._wait_s)
            taken = [call for call in self._waiting if call.kind == kind]
            self._waiting = [call for call in self._waiting if call.kind != kind]
        for call in taken:
            call.waits = False
        self.sizes[len(taken)] = self.sizes.get(len(taken), 0) + 1
        return taken

    def _compute(self, calls: list[_Call[Given, Answer]]) -> None:
        try:
            answers = self._many([call.given for call in calls])
            for call, answer in zip(calls, answers, strict=True):
                call.answer = answer
        except Exception as error:
            if len(calls) == 1:
                calls[0].error = error
                return
            for call in calls:  # one input may be bad, or the batch too large for the memory
                self._compute([call])


@dataclass
class _Call(Generic[Given, Answer]):
    given: Given
    kind: Hashable
    waits: bool = True
    answer: Answer | None = None
    error: Exception | None = None
