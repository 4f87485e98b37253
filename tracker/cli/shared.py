"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tracker.options import DURATION, FPS, FRAMES, START, EventsTo, FileName, LaneList, TraceFile

C = TypeVar("C", bound=Callable[..., Any])


def _debug(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    ctx.meta["tracker.debug"] = value
    return value


def _profile(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None:
        from tracker.stopwatch import Spans

        ctx.meta["tracker.spans"] = Spans()  # made here, before the heavy imports: the profile begins now
    return value


def options(*made: Callable[[C], C]) -> Callable[[C], C]:
    """Several options as one decorator, shown in the order given."""

    def add(command: C) -> C:
        for option in reversed(made):
            command = option(command)
        return command

    return add


talking = options(
    click.option("-q", "--quiet", is_flag=True, help="No progress and no closing words."),
    click.option("-v", "--verbose", "--debug", is_flag=True, callback=_debug, help="Times by stage; tracebacks."),
)
configured = options(
    click.option(
        "-c",
        "--config",
        "files",
        type=FileName(),
        multiple=True,
        metavar="FILE",
        help="Settings as YAML, or the name of some that ship; repeat, later wins.",
    ),
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting: gmm.working_width=480; repeat."
    ),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where the network runs.  [auto]"),
)
causal = click.option("--online", is_flag=True, help="Lane slots decides without later frames, as it does of a camera.")
overwriting = click.option("--overwrite", is_flag=True, help="Replace results that exist.")
heard = click.option("--no-audio", is_flag=True, help="The video has no sound.  [the source's]")
pictures_rate = click.option("--fps", type=FPS, metavar="N", help="Of a folder of pictures, a second.  [25]")
table_rows = click.option(
    "--rows",
    type=click.Choice(["numbers", "places"]),
    help="Where pictures count from 0: a table's first column is their numbers, or their places from 1.  [asked for]",
)
profiled = click.option(
    "--profile",
    type=TraceFile(),
    is_flag=False,
    flag_value=TraceFile.BESIDE,
    callback=_profile,
    metavar="[FILE]",
    help="Times by stage and thread as a table, and as a trace for chrome://tracing or Perfetto.  [NAME.trace.json]",
)
lanes_run = click.option(
    "--lanes", type=LaneList(), help="By comma: gmm, slots, blobs, mog2, knn, your variants.  [gmm,slots]"
)
part_run = options(
    click.option(
        "--start", "start_s", type=START, default=0.0, metavar="TIME", help="Skip so much: 90, 1:30, 1:02:03."
    ),
    click.option(
        "--duration", "duration_s", type=DURATION, metavar="TIME", help="Stop after so much: 90, 1:30, 1:02:03."
    ),
    click.option("--max-frames", type=FRAMES, metavar="N", help="Stop after N frames."),
)
masked = click.option(
    "--masks", type=click.Choice(["png", "rle"]), help="Also masks: foreground pictures, or run lengths by object."
)
without_video = click.option("--no-video", is_flag=True, help="Tables only.")
shared = options(
    lanes_run,
    configured,
    overwriting,
    click.option(
        "--events-to",
        type=EventsTo(),
        multiple=True,
        envvar="TRACKER_EVENTS_TO",
        metavar="PLACE",
        help="Events as JSON lines, as they happen: - (stdout), a file (appended), http(s)://, mqtt://HOST/TOPIC; repeat.",
    ),
    part_run,
    profiled,
    talking,
)
