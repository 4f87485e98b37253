"""A profile of a run: as a trace in Chrome's format, and as a table by stage and thread."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import tracker
from tracker.sources import SourceAround
from tracker.stopwatch import Spans, StageSpan, Stopwatch
from tracker.types import Frame, Source

SCHEMA_VERSION = 1
PROCESS = 1
"""the number of the one process in a trace"""


class MeasuredSource(SourceAround):
    """A source whose decoding is measured in the thread that does it, as stage "decode ahead"; the run measures the waiting for it."""

    def __init__(self, source: Source, watch: Stopwatch) -> None:
        super().__init__(source)
        self._watch = watch

    def __iter__(self) -> Iterator[Frame]:
        return self._watch.waits("decode ahead", self._source)


def trace_text(spans: Spans) -> str:
    """JSON in Chrome's trace event format (chrome://tracing, Perfetto): a row for each thread, times in microseconds from the start.

    Format: "Trace Event Format", Google, 2016; complete events (`X`) with `tdur`, the thread's processor time, and metadata (`M`).
    The key `tracker_profile`, which viewers pass over, says when the run began and how many spans were left out.
    """
    about = {
        "schema_version": SCHEMA_VERSION,
        "version": tracker.__version__,
        "began_unix_s": spans.began_unix_s,
        "most_spans": spans.most,
        "spans_left_out": spans.left_out,
    }
    events = ",\n".join(json.dumps(event, separators=(",", ":")) for event in _events(spans))
    head = json.dumps({"tracker_profile": about, "displayTimeUnit": "ms"})[:-1]
    return f'{head}, "traceEvents": [\n{events}\n]}}\n'


def _events(spans: Spans) -> Iterator[dict[str, Any]]:
    threads = {span.thread for span in spans.kept}
    rows = {thread: row for row, thread in enumerate(sorted(threads, key=_began(spans).__getitem__), 1)}
    yield {"ph": "M", "name": "process_name", "pid": PROCESS, "args": {"name": "tracker"}}
    for thread, row in rows.items():
        yield {"ph": "M", "name": "thread_name", "pid": PROCESS, "tid": row, "args": {"name": thread.name}}
        yield {"ph": "M", "name": "thread_sort_index", "pid": PROCESS, "tid": row, "args": {"sort_index": row}}
    for span in spans.kept:
        yield _event(span, rows[span.thread], spans.began_s)


def _began(spans: Spans) -> dict[tuple[int, str], float]:
    """When each thread's first span began."""
    began: dict[tuple[int, str], float] = {}
    for span in spans.kept:
        began[span.thread] = min(span.begin_s, began.get(span.thread, span.begin_s))
    return began


def _event(span: StageSpan, row: int, began_s: float) -> dict[str, Any]:
    # whole nanoseconds, so that a span which lies in another one does so after rounding too
    begin_ns, end_ns = (round((at_s - began_s) * 1e9) for at_s in (span.begin_s, span.end_s))
    event = {
        "ph": "X", "name": span.stage, "pid": PROCESS, "tid": row,
        "ts": begin_ns / 1000, "dur": (end_ns - begin_ns) / 1000, "tdur": round(span.cpu_s * 1e6, 3),
    }  # fmt: skip
    return event if span.frame is None else event | {"args": {"frame": span.frame}}


def profile_table(spans: Spans) -> str:
    """Calls and times by stage and thread, in the order in which they ended first; shares are of the wall time so far.

    A stage may lie within another one, as all that is done frame by frame lies in `total`: shares do not add up to 1.
    """
    wall_s = spans.ended_s - spans.began_s
    stages = max([len("stage"), *(len(stage) for stage, _ in spans.totals)])
    threads = max([len("thread"), *(len(thread) for _, thread in spans.totals)])
    lines = [
        f"profile: {wall_s:.2f} s of wall time, {time.process_time():.2f} s of processor time with the start and all threads",
        f"{'stage':{stages}}  {'thread':{threads}}  {'calls':>7}{'total s':>9}{'CPU s':>9}{'mean ms':>10}{'of wall':>9}",
    ]
    for (stage, thread), total in spans.totals.items():
        share = total.wall_s / wall_s if wall_s > 0 else 0.0
        mean_ms = 1000 * total.wall_s / total.calls
        lines.append(
            f"{stage:{stages}}  {thread:{threads}}  {total.calls:7d}{total.wall_s:9.2f}{total.cpu_s:9.2f}{mean_ms:10.2f}{share:9.1%}"
        )
    if spans.left_out:
        lines.append(
            f"{spans.left_out} spans are not in the trace, which keeps {spans.most}; the table counts them too"
        )
    return "\n".join(lines)
