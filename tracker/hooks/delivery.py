"""A bounded queue of lines and the thread that carries them away, so that whoever has an event never waits for the network."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from tracker.hooks.channel import Channel, DeliveryRefusedError, GoneError, UndeliveredError
from tracker.interrupt import end_asked

MOST_WAITING = 10_000
"""lines that wait at most, 3 MB: an outage of hours on a usual scene; then the oldest go"""
BACKOFF_S = (1.0, 30.0)
"""before the first and at most before another attempt; each wait is twice the last"""
SEND_S = 10.0
"""for one attempt"""
CLOSE_S = 5.0
"""for what is waiting when the run ends"""
SLACK_S = 1.0
"""beyond that for a thread that is held up, by a reader that does not read: it is left behind"""
NOTE_EVERY_S = 60.0
"""between two complaints about one destination: a hook that comes and goes for weeks must not fill a log"""


class Delivery:
    """Carries lines to one channel, in order, each at least once; counts what it had to drop.

    shown    the destination, without passwords
    notify   told in one line when lines do not arrive, and when they do again
    patient  `put` waits for room, and `close` for the last line, unless an end is asked for: for a file's run, which has time
    """

    def __init__(
        self,
        channel: Channel,
        shown: str,
        *,
        notify: Callable[[str], None],
        patient: bool = False,
        most: int = MOST_WAITING,
        backoff_s: tuple[float, float] = BACKOFF_S,
        close_s: float = CLOSE_S,
    ) -> None:
        self.shown, self.gone = shown, False
        self.sent = self.lost = 0
        self.trouble = ""
        """why lines do not arrive at the moment"""
        self._channel, self._notify, self._patient = channel, notify, patient
        self._most, self._backoff_s, self._close_s = most, backoff_s, close_s
        self._waiting: deque[str] = deque()
        self._sending: list[str] = []
        self._changed = threading.Condition()
        self._until: float | None = None
        """when the thread must have ended; None: it goes on"""
        self._noted_s, self._told = -float("inf"), False
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def put(self, line: str) -> None:
        """Take a line; of too many the oldest is dropped."""
        with self._changed:
            while self._patient and len(self._waiting) >= self._most and self._gets_through() and not end_asked():
                self._changed.wait(0.5)
            if self.gone:
                return
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append(line)
            self._changed.notify_all()

    def _gets_through(self) -> bool:
        return not (self.gone or self.trouble) and self._thread.is_alive()

    @property
    def status(self) -> str:
        """One line if something is wrong; empty otherwise."""
        if self.gone or not (self.trouble or self.lost):
            return ""
        said = [self.trouble] if self.trouble else []
        waiting = len(self._waiting) + len(self._sending)
        said += [f"{waiting} waiting"] if waiting and self.trouble else []
        said += [f"{self.lost} lost"] if self.lost else []
        return f"events to {self.shown}: {', '.join(said)}"

    def end(self) -> None:
        """No more lines come: what waits has CLOSE_S seconds. Does not wait itself."""
        with self._changed:
            patient = self._patient and self._gets_through() and not end_asked()
            self._until = float("inf") if patient else time.monotonic() + self._close_s
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until what waited is carried away or its time is up; what is left is lost, which is said."""
        if self._until is None:
            self.end()
        while self._thread.is_alive() and time.monotonic() < (self._until or 0.0) + SLACK_S:
            self._thread.join(0.2)
            if self._until == float("inf") and end_asked():
                self._until = time.monotonic() + self._close_s
        with self._changed:
            self.lost += len(self._waiting) + len(self._sending)
            self._waiting.clear()
        if self.lost:
            why = f" ({self.trouble})" if self.trouble else ""
            self._notify(f"tracker: events to {self.shown}: {self.lost} of {self.lost + self.sent} were lost{why}")

    def _run(self) -> None:
        self._channel.open()
        wait_s = self._backoff_s[0]
        while self._take():
            try:
                self._send()
            except GoneError:
                self._leave()
                break
            except UndeliveredError as error:
                self._note(str(error), "trying again")
                self._pause(wait_s)
                wait_s = min(2 * wait_s, self._backoff_s[1])
            except DeliveryRefusedError as error:
                self._note(str(error), "such events are lost")
                self._done(lost=True)
                wait_s = self._backoff_s[0]
            else:
                self._recover()
                self._done(lost=False)
                wait_s = self._backoff_s[0]
        self._channel.close(self._time_left(self._close_s))

    def _send(self) -> None:
        try:
            self._channel.send(self._sending, self._time_left(SEND_S))
        except (GoneError, UndeliveredError, DeliveryRefusedError):
            raise
        except Exception as error:  # a library's own: no reason to end the run
            raise UndeliveredError(type(error).__name__) from error

    def _done(self, *, lost: bool) -> None:
        with self._changed:
            if lost:
                self.lost += len(self._sending)
            else:
                self.sent += len(self._sending)
            self._sending = []

    def _take(self) -> bool:
        """Have lines to send; false once all is done, or time is up."""
        with self._changed:
            while not self._sending and not self._waiting and self._until is None:
                self._changed.wait()
            if not self._sending:
                count = min(self._channel.most_at_once, len(self._waiting))
                self._sending = [self._waiting.popleft() for _ in range(count)]
                self._changed.notify_all()
            return bool(self._sending) and not self._over()

    def _over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _time_left(self, most_s: float) -> float:
        return most_s if self._until is None else min(most_s, max(0.1, self._until - time.monotonic()))

    def _pause(self, wait_s: float) -> None:
        """Wait; once the end is asked for, at most the first wait, and no longer than there is time."""
        if self._until == float("inf"):  # what was patient has met trouble
            self._until = time.monotonic() + self._close_s
        with self._changed:
            if self._until is None:
                self._changed.wait_for(lambda: self._until is not None, wait_s)
            else:
                self._changed.wait(min(self._backoff_s[0], self._time_left(wait_s)))

    def _leave(self) -> None:
        with self._changed:
            self.gone = True
            self._sending = []
            self._waiting.clear()
            self._changed.notify_all()

    def _note(self, reason: str, then: str) -> None:
        self.trouble = f"not delivered ({reason})"
        now = time.monotonic()
        if not self._told and now - self._noted_s >= NOTE_EVERY_S:
            self._noted_s, self._told = now, True
            self._notify(f"tracker: events to {self.shown}: {self.trouble}; {then}")

    def _recover(self) -> None:
        self.trouble = ""
        if self._told:
            self._told = False
            self._notify(f"tracker: events to {self.shown}: delivered again")
