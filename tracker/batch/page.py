"""The page of a batch: every clip of its folder, whichever run or shard worked on it, made from the marks."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tracker.addresses import is_local, write_whole
from tracker.batch.marks import Mark, MarkStore
from tracker.report import in_script, page_environment
from tracker.sinks import encoded, write_text_whole
from tracker.timing import clock

FOLDER = Path(__file__).parent
PAGE = "report.html"
TABLE_BYTES = 2_500_000
"""of the table's rows, 15,000 clips"""
FAILED_BYTES = 300_000
"""beyond those, for clips that failed; with its style and script the page stays below 3 MB"""
FAILURES_SHOWN, SLOWEST_SHOWN = 20, 10
LONGEST_PROBLEM = 300
"""characters"""

Row = list[object]
"""name, whether it failed, frames, seconds of video, seconds of work, identities by lane, problem, whether there is an overlay"""


@dataclass
class Overview:
    """What the page says, of any number of clips."""

    clips: int = 0
    failed: int = 0
    frames: int = 0
    video_s: float = 0.0
    work_s: float = 0.0
    lanes: Counter[str] = field(default_factory=Counter)
    """identities by lane"""
    rows: list[Row] = field(default_factory=list)
    left_out: int = 0
    """clips for whose rows the page has no room"""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """name and problem, as far as they are shown"""
    slowest: list[tuple[float, str]] = field(default_factory=list)
    """seconds of work and name, of those that were done"""


def overview(marks: Iterable[Mark]) -> Overview:
    """Sum up the marks, one by one."""
    found, size = Overview(), 0
    for mark in marks:
        failed = mark.state == "failed"
        video_s = mark.frames / mark.fps if mark.fps else 0.0
        found.clips += 1
        found.failed += failed
        found.frames += mark.frames
        found.video_s += video_s
        found.work_s += mark.seconds
        found.lanes.update(mark.identities)
        problem = (mark.problem or "")[:LONGEST_PROBLEM]
        if failed and len(found.failures) < FAILURES_SHOWN:
            found.failures.append((mark.name, problem))
        if not failed:
            heapq.heappush(found.slowest, (mark.seconds, mark.name))
        if len(found.slowest) > SLOWEST_SHOWN:
            heapq.heappop(found.slowest)
        identities = {list(found.lanes).index(lane): count for lane, count in mark.identities.items()}
        counts = [identities.get(number) for number in range(len(found.lanes))]
        row: Row = [
            mark.name, int(failed), mark.frames, round(video_s, 1), round(mark.seconds, 2), counts, problem, int(mark.video)
        ]  # fmt: skip
        more = len(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")) + 1
        if size + more <= TABLE_BYTES + (FAILED_BYTES if failed else 0):
            size += more
            found.rows.append(row)
        else:
            found.left_out += 1
    found.slowest.sort(reverse=True)
    return found


def render(found: Overview) -> str:
    """The page as HTML, which opens from disk and asks nothing of any network."""
    from markupsafe import Markup

    data = {"lanes": list(found.lanes), "rows": found.rows}
    return page_environment(FOLDER).get_template("clips.html").render(
        found=found, clock=lambda seconds: clock(seconds, long=True, tenths=False), data=Markup(in_script(data)),
    )  # fmt: skip


def write_page(store: MarkStore) -> str:
    """Write the page of all clips in a batch's folder; returns where it is. Raises SinkError."""
    text, address = render(overview(store.marks())), store.address(PAGE)
    if is_local(address):
        Path(address).parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(Path(address), text)
    else:
        write_whole(address, encoded(text))
    return address
