"""`tracker webcam` and `tracker cameras`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.carry import carry_out, import_stage
from tracker.cli.group import cli, note, say
from tracker.cli.sections import OneSource
from tracker.cli.shared import options, pictures_rate, shared, talking
from tracker.errors import SinkError
from tracker.options import AROUND, FLOOR, GIVE_UP, KEEP, OUTPUT, SEGMENT, TIMEOUT, FileName, ServeAddress
from tracker.suffixes import FILM_SUFFIXES

if TYPE_CHECKING:
    from tracker.sinks import RecordPlan


recorded = options(
    click.option("--record", type=OUTPUT, metavar="DIR|OUT.mp4", help="Keep video and tables: in segments, or as one."),
    click.option("--segment", type=SEGMENT, metavar="10m|500MB", help="Length or size of a segment.  [10m]"),
    click.option(
        "--keep",
        type=KEEP,
        multiple=True,
        metavar="20GB|7d",
        help="Delete the oldest segments past it; repeat for both.",
    ),
    click.option("--min-free", type=FLOOR, metavar="2GB", help="Record only while so much is free.  [500MB]"),
    click.option("--record-events", is_flag=True, help="Record only while something moves."),
    click.option("--before", type=AROUND, metavar="3s", help="Also before it moves.  [3s]"),
    click.option("--after", type=AROUND, metavar="5s", help="Also after it has moved.  [5s]"),
    click.option("--no-audio", is_flag=True, help="Record no sound."),
)
RECORDING = ("segment", "keep", "min_free", "record_events", "before", "after")
"""names of the options that say how a folder is recorded into"""


@cli.command(cls=OneSource)
@click.argument("source", default="0", type=FileName())
@click.option("--show/--no-show", default=True, help="A window with the overlay; q closes it.")
@click.option(
    "--serve",
    type=ServeAddress(),
    is_flag=False,
    flag_value=ServeAddress.USUAL,
    metavar="[HOST:PORT]",
    help="A page to watch and control it in a browser.  [127.0.0.1:8765]",
)
@click.option("--snapshots", type=OUTPUT, metavar="DIR", default=Path(), help="For pictures that are kept.  [here]")
@click.option("--save-zones", type=OUTPUT, metavar="FILE.yaml", help="Zones that are drawn go here; -c reads it.")
@click.option("--state", type=OUTPUT, metavar="FILE", help="Go on where the last run with this file ended.")
@click.option("--loop", is_flag=True, help="A file begins again at its end.")
@click.option(
    "--timeout", "timeout_s", type=TIMEOUT, default=10, show_default=True, help="Without a picture: reconnect."
)
@click.option("--give-up", "give_up_s", type=GIVE_UP, metavar="TIME", help="Without a picture: end.  [never]")
@click.option("--wait", is_flag=True, help="Also wait for what cannot be opened at the start.")
@recorded
@pictures_rate
@shared
def webcam(
    source: str,
    show: bool,
    record: Path | None,
    serve: Any,
    snapshots: Path,
    save_zones: Path | None,
    state: Path | None,
    loop: bool,
    timeout_s: float,
    give_up_s: float | None,
    wait: bool,
    no_audio: bool,
    fps: float | None,
    **common: Any,
) -> None:
    """Track live: SOURCE is a camera's number, an http or rtsp address, or a file, played at its own speed.  [0]

    The first frames are a warm-up: they are taken for the empty scene. A camera or stream that fails is opened again
    until it is back. Ctrl+C or q ends it; a recording is finished. `tracker cameras` lists the cameras.
    """
    plan = _record_plan(record, {name: common.pop(name) for name in RECORDING})
    if not show and record is None and serve is None and not common["events_to"]:
        raise SinkError(
            "webcam: nothing to do with --no-show alone; add --serve, --record out.mp4 or --events-to, or leave --no-show out"
        )
    if save_zones is not None and serve is None and not show:
        raise click.UsageError("--save-zones is for zones drawn in the window or on the page; add --serve")
    output = record if plan is None else None
    if output is None and common["profile"] is not None and common["profile"].name:
        raise click.UsageError(
            "--profile FILE is for a run with --record OUT.mp4; without one, --profile gives the table alone"
        )
    if source.isdecimal():
        source = f"camera:{source}"  # here a folder that is called 0 is not meant
    with import_stage():
        from tracker.jobs import Live, Screens
        from tracker.sources import Patience, Watching
    watching = Watching(Patience(timeout_s, give_up_s, wait), loop=loop, sound=record is not None and not no_audio)
    live = Live(state=state, save_zones=save_zones, watching=watching)
    live.check()  # before a page is served
    live.also.append(Screens(live, snapshots))
    with contextlib.ExitStack() as stack:
        if serve is not None:
            from tracker.jobs.page import serve_page

            stack.enter_context(serve_page(live, serve, notify=note, save_zones=save_zones))
        carry_out(
            common,
            live,
            source=source,
            output=output,
            record=plan,
            show=show,
            fps=fps,
            draws_zones=show or serve is not None,
        )


@cli.command()
@talking
def cameras(quiet: bool, verbose: bool) -> None:
    """List the cameras of this machine: number, name, and the sizes and pictures a second that each gives.

    Each is asked in a process of its own with a time limit. Exit code 0 if one can be used, else 1, with what to do.
    """
    from tracker.sources.cameras import check_found, list_cameras

    found = list_cameras()
    for camera in found:
        say(camera, only=True)
    check_found(found)


def _record_plan(record: Path | None, how: dict[str, Any]) -> RecordPlan | None:
    """How a folder is recorded into; None for a file, or for none. Raises UsageError for options without their folder."""
    given = next((f"--{name.replace('_', '-')}" for name in RECORDING if how[name] not in (None, (), False)), None)
    if record is None or record.suffix.lower() == ".mp4":
        if given is not None:
            raise click.UsageError(f"{given} is for a recording in segments; give a folder: --record DIR")
        return None
    if record.suffix.lower() in FILM_SUFFIXES and not record.is_dir():
        raise SinkError(f"{record}: wanted a name that ends in .mp4, or a folder for segments")
    around = next((name for name in ("before", "after") if how[name] is not None), None)
    if around is not None and not how["record_events"]:
        raise click.UsageError(f"--{around} is for --record-events; add it, or leave --{around} out")
    limits = [("segment", how["segment"])] if how["segment"] else []
    limits += [("keep", each) for each in how["keep"]]
    asked: dict[str, Any] = {f"{what}_{unit}": value for what, (unit, value) in limits}
    if len(asked) < len(limits):
        raise click.UsageError("--keep is given twice for the same; wanted at most one time and one size")
    if "segment_bytes" in asked:
        asked["segment_s"] = None
    for name, field in (("min_free", "min_free_bytes"), ("before", "before_s"), ("after", "after_s")):
        if how[name] is not None:
            asked[field] = how[name]
    from tracker.sinks import RecordPlan

    return RecordPlan(record, events=how["record_events"], **asked)
