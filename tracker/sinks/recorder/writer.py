"""Samples in, segments out: where one begins and ends, what goes before an event, and what happens when the disk is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tracker.errors import SinkError
from tracker.sinks.recorder.keep import RecordingPruner, Room
from tracker.sinks.recorder.plan import RecordPlan
from tracker.sinks.recorder.samples import Sample
from tracker.sinks.recorder.segment import Segment

CHECK_S = 2.0
"""between two looks at the room that is left"""
TIDY_S = 60.0
"""between two looks at age and size of what is kept; one more comes after each segment"""
RETRY_S, LONGEST_RETRY_S = 10.0, 600.0
"""from a refusal of the disk to the first try, and between later ones, each wait twice the one before"""
LONGEST_GAP_S = 3600.0
"""between two pictures of one segment"""
LONGEST_EVENT_GAP_S = 60.0
"""between two pictures of one event"""
MOST_BEFORE_BYTES = 64_000_000
"""held in memory for what is recorded before an event; 3 s of 1080p take about 2 MB"""


class Writer:
    """All of a recording but its threads.

    heads, sparse, about  see `Segment`
    now           the machine's clock, seconds since 1970
    tell          whether it records, or would if something moved; called when that changes
    on            whether it is switched on at first
    """

    def __init__(
        self,
        plan: RecordPlan,
        *,
        heads: Mapping[str, str],
        about: Mapping[str, Any],
        keeper: RecordingPruner,
        room: Room,
        notify: Callable[[str], None],
        now: Callable[[], float],
        tell: Callable[[bool], None],
        on: bool = True,
        sparse: Collection[str] = (),
    ) -> None:
        self._plan, self._heads, self._about, self._sparse = plan, heads, about, sparse
        self._keeper, self._room = keeper, room
        self._notify, self._now, self._tell = notify, now, tell
        self._longest_gap_s = LONGEST_GAP_S
        if plan.events:
            self._longest_gap_s = max(LONGEST_EVENT_GAP_S, plan.before_s + plan.after_s)
        self._segment: Segment | None = None
        self._before: deque[Sample] = deque()
        self._last: Sample | None = None
        self._moved_s = -float("inf")
        self._on = on
        self._checked_s = self._tidied_s = -float("inf")
        self._has_room = True
        self._told: bool | None = None
        self._refused: SinkError | None = None
        """why nothing is recorded at present, where the disk is to blame"""
        self._refused_s, self._retry_s = -float("inf"), RETRY_S
        self.segments = 0

    @property
    def armed(self) -> bool:
        """Whether samples are of any use at present."""
        return self._on and self._has_room and not self._waits_to_retry

    @property
    def _waits_to_retry(self) -> bool:
        return self._refused is not None and abs(self._now() - self._refused_s) < self._retry_s

    def take(self, sample: Sample) -> None:
        """Record a sample, keep it for an event to come, or let it go."""
        self.look()
        if not self.armed:
            return
        self._guarded(lambda: self._take(sample))

    def look(self) -> None:
        """What is to be done from time to time, also while no sample comes."""
        if not self._waits_to_retry:
            self._guarded(lambda: self._look(self._now()))
        self._say_whether_armed()

    def switch(self, on: bool) -> None:
        """Record from now on, or no more."""
        if not on:
            self._guarded(lambda: self._stop("switched off"))
        self._on = on
        self.look()

    def close(self, rows: Mapping[str, str], reason: str) -> None:
        """End the recording for that reason; `rows` stand at the end of what is being recorded.

        Raises SinkError if the disk refused the last of it. That it is fuller than was asked for is no error: it was said.
        """
        if self._segment is not None:
            segment = self._segment
            self._guarded(lambda: segment.add_rows(rows))
        self._guarded(lambda: self._stop(reason))
        self._on = False
        self._say_whether_armed()
        if self._refused is not None:
            raise self._refused

    def _take(self, sample: Sample) -> None:
        if self._breaks(sample):
            self._finish(self._change(sample) or "no picture came")
            self._before.clear()
        self._last = sample
        if sample.shot.moves:
            self._moved_s = sample.time_s
        if not self._plan.events or sample.time_s - self._moved_s <= self._plan.after_s:
            self._record([*self._before, sample])
            self._before.clear()
            return
        self._before.append(sample)
        if self._forget() and self._segment is not None:
            self._finish("nothing moves")

    def _record(self, samples: list[Sample]) -> None:
        for sample in samples:
            if self._segment is not None and sample.key and self._is_full(self._segment, sample.time_s):
                self._finish("it is full", next_s=sample.time_s)
            if self._segment is None:
                if not sample.key:  # what was left of a stretch whose beginning is not there
                    continue
                self._segment = Segment(
                    self._plan.folder, sample, heads=self._heads, about=self._about, sparse=self._sparse
                )
            self._segment.add(sample)
        if self._refused is not None and self._segment is not None:
            self._refused, self._retry_s = None, RETRY_S
            self._notify(f"tracker: {self._plan.folder}: recording goes on")

    def _forget(self) -> bool:
        """Let go what is too old for an event that would begin now, up to a key frame; returns whether anything went.

        As long as nothing did, the samples go on without a gap from the segment before, which a new event then joins.
        """
        until_s = self._before[-1].time_s - self._plan.before_s
        keys = [place for place, sample in enumerate(self._before) if sample.key]
        old = [place for place in keys if self._before[place].time_s <= until_s]
        first = old[-1] if old else 0
        later = [place for place in keys if place > 0]
        if later and sum(sample.size for sample in self._before) > MOST_BEFORE_BYTES:
            first = max(first, later[0])
        for _ in range(first):
            self._before.popleft()
        return first > 0

    def _breaks(self, sample: Sample) -> bool:
        if self._last is None:
            return False
        return self._change(sample) is not None or sample.time_s - self._last.time_s > self._longest_gap_s

    def _change(self, sample: Sample) -> str | None:
        """Why a sample cannot be in one file with the one before; None if it can."""
        if self._last is None:
            return None
        if sample.head is not self._last.head:
            return f"the {_difference(sample.head, self._last.head)} of the picture changed"
        return "the sound changed" if sample.sound_head is not self._last.sound_head else None

    def _is_full(self, segment: Segment, time_s: float) -> bool:
        plan = self._plan
        if plan.segment_bytes is not None and segment.size >= plan.segment_bytes:
            return True
        return plan.segment_s is not None and time_s - segment.first_s >= plan.segment_s - 1e-3

    def _look(self, now: float) -> None:
        if self._segment is not None and self._last is not None:
            waited_s = now - self._last.shot.wall_s
            if waited_s > self._longest_gap_s or (
                waited_s > CHECK_S and self._is_full(self._segment, self._last.time_s + waited_s)
            ):
                self._finish("no picture came")
                self._before.clear()
        if self._on and abs(now - self._checked_s) >= CHECK_S:
            self._checked_s = now
            self._check_room()
        if abs(now - self._tidied_s) >= TIDY_S:
            self._tidy(now)

    def _check_room(self) -> None:
        has_room = self._room.look() or self._keeper.make_room(self._room.look)
        if has_room == self._has_room:
            return
        floor = f"{self._plan.min_free_bytes / 1e9:g} GB"
        if has_room:
            self._notify(f"tracker: {self._plan.folder}: there is room again; recording goes on")
        else:
            self._notify(
                f"tracker: {self._plan.folder}: less than {floor} are free; nothing is recorded until there is room"
            )
            self._stop("too little room on the disk")
        self._has_room = has_room

    def _tidy(self, now: float) -> None:
        self._tidied_s = now
        self._keeper.tidy(now, 0 if self._segment is None else self._segment.size)

    def _stop(self, reason: str) -> None:
        """Finish, and forget what was held for an event."""
        self._finish(reason)
        self._before.clear()
        self._last, self._moved_s = None, -float("inf")

    def _finish(self, reason: str, *, next_s: float | None = None) -> None:
        if self._segment is not None:
            self._segment.finish(reason, next_s=next_s)
            self._segment = None
            self.segments += 1
            self._tidy(self._now())

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do it; where the disk refuses, keep what was written, say so once, and try again later."""
        try:
            action()
        except SinkError as error:
            if self._refused is None:
                self._notify(f"tracker: {error}; recording is tried again from time to time")
            else:
                self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
            self._refused, self._refused_s = error, self._now()
            segment, self._segment = self._segment, None
            self._before.clear()
            self._last = None
            if segment is not None and (kept := segment.abandon()):
                self._notify(f"tracker: what was written is kept as {kept[0]}")

    def _say_whether_armed(self) -> None:
        if self._told != self.armed:
            self._told = self.armed
            self._tell(self.armed)


def _difference(head: Any, before: Any) -> str:
    """In what two encoders' streams differ; beside the size it is how colours are told."""
    return "colour space" if (head.width, head.height) == (before.width, before.height) else "size"
