"""`tracker paper all`: every experiment one after the other, and one page that leads to them.

out/NAME/report.html   the page of each experiment, as `tracker paper NAME` writes it
out/index.html         what each reached and how long it took, its first figure, and the way to its page
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracker.papers.experiments import EXPERIMENTS
from tracker.papers.report import FOLDER
from tracker.report import page_environment
from tracker.sinks import check_replaceable, hold, write_text_whole
from tracker.timing import clock


@dataclass(frozen=True)
class Entry:
    """One experiment of the index."""

    name: str
    title: str
    page: str
    """from the index"""
    figure: str | None
    """its first figure, from the index"""
    networks: tuple[str, ...]
    reached: int
    """published numbers that ours are as good as"""
    published: int
    took_s: float


def run_all(
    out: Path, carry_out: Callable[[str, Path], Path], *, say: Callable[[str], None] = lambda text: None
) -> Path:
    """Carry out every experiment in out/NAME and write the index; returns it.

    carry_out  an experiment in a folder: (name, out/NAME) -> its page; what it raises ends the whole, and pages that are done stay
    say        told how long each took
    Raises SinkError if out/index.html is not this program's, or another run is writing it.
    """
    check_replaceable(out / "index.html")
    with hold(out, "index.html"):
        entries = []
        for number, name in enumerate(EXPERIMENTS, 1):
            say(f"{name}: experiment {number} of {len(EXPERIMENTS)}")
            began = time.monotonic()
            page = carry_out(name, out / name)
            entries.append(_entry(name, page, out, time.monotonic() - began))
            say(f"{name}: done in {_clock(entries[-1].took_s)}")
        whole = sum(entry.took_s for entry in entries)
        say(f"all experiments: {_clock(whole)}")
        text = page_environment(FOLDER).get_template("index.html").render(entries=entries, whole=whole, clock=_clock)
        write_text_whole(out / "index.html", text)
    return out / "index.html"


def _entry(name: str, page: Path, out: Path, took_s: float) -> Entry:
    data = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    compared = [line["better"] for line in data["table"] if data["papers"] and line["better"] is not None]
    figures = sorted(page.parent.glob("figure-*.png"))
    return Entry(
        name, EXPERIMENTS[name].title, page.relative_to(out).as_posix(),
        figures[0].relative_to(out).as_posix() if figures else None,
        tuple(one["name"] for one in data["networks"]), sum(compared), len(compared), took_s,
    )  # fmt: skip


def _clock(time_s: float) -> str:
    return clock(time_s, tenths=False)
