"""The command line: parse, build, call, print. What is heavy is imported inside the commands: help must be quick."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import click

from tracker import __version__
from tracker.cli_commands import SHELLS, OneSource, SectionedGroup, completion_script
from tracker.errors import OptionError, SinkError, TrackerError
from tracker.interrupt import Interrupts
from tracker.options import (
    AROUND,
    BATCH_JOBS,
    CELL,
    CHECKPOINT,
    CLIPS,
    CORES,
    CRF,
    DURATION,
    EVERY,
    FLOOR,
    FPS,
    FRAMES,
    GIVE_UP,
    GPUS,
    IOU,
    KEEP,
    MEMORY,
    MINUTES,
    MM_PER_PX,
    OBJECTS,
    OUTPUT,
    PACK,
    PROCESSES,
    SEED,
    SEGMENT,
    SPLIT,
    START,
    TIMEOUT,
    EventsTo,
    FileName,
    GroundPoint,
    LaneList,
    NumberRange,
    Numbers,
    OneOf,
    OutputFolder,
    ServeAddress,
    ShardOf,
    Size,
    TraceFile,
)
from tracker.passwords import without_passwords
from tracker.words import one_line

if TYPE_CHECKING:
    from tracker.engines import Engine, Needs
    from tracker.jobs import Live, Result
    from tracker.settings import RunSettings
    from tracker.sinks import RecordPlan
    from tracker.stopwatch import Spans

SITUATIONS = (
    "crossing", "parallel", "group", "stop", "pillar", "inside", "sizes", "crowd",
    "light-switch", "drift", "shadow", "jitter", "sway", "low-contrast",
    "stands", "stood", "parked", "arena", "shake", "big",
)  # fmt: skip
WORLDS = ("street", "mnist-mot", "sprites-mot", *SITUATIONS)
PAPERS = ("shapes", "flying-shapes", "flying-mnist", "denoising", "balls", "curtain")
FORMS = ("xlsx", "parquet", "coco", "mots", "crops", "clips", "gif", "trails", "heatmap", "counts", "speed")
LAYOUTS = ("auto", "cdnet", "masks", "mot", "identities")
EXIT_ERROR, EXIT_USAGE = 1, 2
HELP = {"-h", "--help"}
EXIT_SIGNAL = 128
"""plus the signal's number: 130 after Ctrl+C"""

note = partial(click.echo, err=True)
"""To stderr: results go to stdout or files."""


def say(text: object, *, only: bool = False) -> None:
    """To stdout. A stdout that is closed or full is no error: it comes after the work, whose results are in files.

    only  the text is nowhere else: then it is one. A reader that has gone (`| head`) is none. Raises SinkError
    """
    if sys.stdout is None:
        return
    try:
        click.echo(text)
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):  # what is still buffered must not fail again at the exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if only and not isinstance(error, BrokenPipeError):
            raise SinkError(
                f"stdout cannot be written ({error.strerror}); write the scores to a file with -o"
            ) from None


C = TypeVar("C", bound=Callable[..., Any])


class Commands(SectionedGroup):
    """Commands whose errors are one line and an exit code; a traceback only with -v."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with Interrupts() as interrupts:
            try:
                returned = super().invoke(ctx)
                if interrupts.asked:  # too late to change anything, but a loop of commands is to end
                    raise KeyboardInterrupt
                return returned
            except click.UsageError as error:
                text = without_passwords(error.format_message()).replace("Got unexpected extra", "There is an extra")
                raise click.UsageError(text, error.ctx) from None
            except (click.ClickException, click.exceptions.Exit):
                raise
            except KeyboardInterrupt:
                _end_interrupted(ctx, interrupts)
            except Exception as error:
                if isinstance(error, OSError) and HELP & set(sys.argv):
                    raise  # the help does not fit on stdout
                if ctx.meta.get("tracker.debug"):
                    note(without_passwords(traceback.format_exc()))
                if interrupts.asked and not isinstance(error, (TrackerError, OSError)):
                    # a library that was interrupted while it was imported makes it an error of its own: pydantic does
                    _end_interrupted(ctx, interrupts)
                note(f"tracker: error: {one_line(error)}")
                ctx.exit(EXIT_USAGE if isinstance(error, OptionError) else EXIT_ERROR)


def _end_interrupted(ctx: click.Context, interrupts: Interrupts) -> NoReturn:
    note("tracker: interrupted")
    ctx.exit(EXIT_SIGNAL + (interrupts.number or signal.SIGINT))


def _debug(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    ctx.meta["tracker.debug"] = value
    return value


def _profile(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None:
        from tracker.stopwatch import Spans

        ctx.meta["tracker.spans"] = Spans()  # made here, before the heavy imports: the profile begins now
    return value


def _spans() -> Spans | None:
    """Those of the command's profile."""
    return click.get_current_context().meta.get("tracker.spans")


def _imports() -> contextlib.AbstractContextManager[None]:
    """A stage of the profile, if there is one."""
    from tracker.stopwatch import Stopwatch

    return Stopwatch(spans=_spans()).stage("imports")


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
in_parts = options(
    click.option(
        "--split",
        type=SPLIT,
        metavar="4|10m",
        help="Watch a file in so many parts, or parts of such a length, several at once.  [as a whole]",
    ),
    click.option("--jobs", type=PROCESSES, metavar="N", help="Parts at once.  [as many as cores]"),
)
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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tracker")
def cli() -> None:
    """Label-free tracking for static cameras: who moved where, by two methods side by side.

    Lane gmm is background subtraction with a Kalman tracker; lane slots is RNN-EM, a recurrent network that shares the
    pixels out among objects. Start with `tracker process clip.mp4`.
    """


@cli.command(cls=OneSource)
@click.argument("source", type=FileName())
@click.option(
    "-o", "--output", type=OUTPUT, metavar="DIR|OUT.mp4", help="Where results go.  [here, as NAME.tracked.mp4]"
)
@pictures_rate
@masked
@without_video
@heard
@causal
@in_parts
@click.option("--checkpoint", type=CHECKPOINT, metavar="5m", help="Save the run after so much video, for --resume.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of the same command that was killed.")
@shared
def process(
    source: str,
    output: Path | None,
    fps: float | None,
    masks: Any,
    no_video: bool,
    no_audio: bool,
    checkpoint: float | None,
    resume: bool,
    **common: Any,
) -> None:
    """Track everything that moves in SOURCE: a video, a folder or glob of frames, or an address.

    Beside the video stand, for each lane, NAME.LANE.mot.txt, NAME.LANE.csv and NAME.LANE.events.jsonl, and
    NAME.summary.json. The video shows lane slots, with the foreground of gmm small in the corner.
    """
    with _imports():
        output = _output(source, output)
    _carry_out(
        common, source=source, output=output, video=not no_video, sound=not no_audio, masks=masks, fps=fps,
        checkpoint_s=checkpoint, resume=resume,
    )  # fmt: skip


@cli.command()
@click.argument("sources", nargs=-1, type=FileName(), metavar="SOURCE...")
@click.option(
    "-o", "--output", "folder", type=OutputFolder(), required=True, metavar="DIR", help="Results; or s3://..."
)
@click.option("--manifest", metavar="FILE", help="Also its clips, each with settings: .csv, .jsonl or .parquet.")
@click.option("--jobs", type=BATCH_JOBS, metavar="N", help="Clips at a time.  [one a core; ray: as there is room]")
@click.option("--shard", type=ShardOf(), default="1/1", metavar="K/N", help="Only the K-th of N parts of the clips.")
@click.option("--retry-failed", is_flag=True, help="Only the clips that failed before.")
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", help="Where.  [processes of this machine]"
)
@click.option("--address", metavar="ADDRESS", help="ray: auto, or ray://HOST:PORT.  [one of its own here]")
@click.option("--cores", type=CORES, default=1.0, show_default=True, metavar="N", help="That a clip takes.")
@click.option("--memory", type=MEMORY, metavar="SIZE", help="ray: that a clip takes: 2GB.")
@click.option("--gpus", type=GPUS, default=0.0, metavar="N", help="ray: that a clip takes, or a share: 0.25.")
@click.option("--pack", type=PACK, metavar="N", help="Clips in one process.  [1; --device cuda: as there is room]")
@click.option("--no-parquet", is_flag=True, help="Without the tables of all clips; needs no extra `export`.")
@masked
@without_video
@heard
@causal
@lanes_run
@configured
@part_run
@talking
@click.pass_context
def batch(
    ctx: click.Context,
    sources: tuple[str, ...],
    folder: str,
    manifest: str | None,
    jobs: int | None,
    shard: tuple[int, int],
    retry_failed: bool,
    engine: str,
    address: str | None,
    cores: float,
    memory: int | None,
    gpus: float,
    pack: int | None,
    quiet: bool,
    **common: Any,
) -> None:
    """Track many clips, each once: videos, folders of videos at any depth, patterns in quotes, or a manifest.

    What is done is skipped, by input, settings and weights; a run that was killed goes on where it was. DIR/report.html has all
    clips. Exit code 1 if one failed.
    """
    if not sources and manifest is None:
        raise click.UsageError("no clips: give a SOURCE or --manifest FILE")
    if engine == "local" and (address is not None or memory is not None or gpus):
        raise click.UsageError("--address, --memory and --gpus are for --engine ray; add it, or leave them out")
    from tracker.batch import Options, Order, Shard, clips_together, needs_of_pack, run_batch
    from tracker.engines import Needs
    from tracker.progress import clip_lines

    common.pop("verbose")
    asked = Options(
        video=not common.pop("no_video"),
        sound=not common.pop("no_audio"),
        parquet=not common.pop("no_parquet"),
        **{name: common.pop(name) for name in ("masks", "start_s", "duration_s", "max_frames")},
    )
    settings = _settings(common)
    needs = Needs(cores, 0.0 if memory is None else memory / 1e6, gpus)
    local = engine == "local"
    most = jobs or _engine("local", None, None, needs).workers
    pack = clips_together(pack, device=settings.device if local else "cpu", most=most)
    order = Order(sources, folder, manifest, asked, Shard(*shard), retry_failed, pack)
    workers = None if jobs is None else max(1, jobs // pack)
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""  # the line of progress gives way
    totals = run_batch(
        order, settings, _engine(engine, address, workers, needs_of_pack(needs, pack)),
        notify=lambda line: note(f"{clear}tracker: error: {line}"),
        report=(lambda totals: None) if quiet else clip_lines(sys.stderr),
    )  # fmt: skip
    if not quiet:
        say(f"{totals.line}\n  {folder.rstrip('/')}/report.html")
    if totals.failed or totals.failed_before:
        ctx.exit(EXIT_ERROR)


def _engine(name: str, address: str | None, jobs: int | None, needs: Needs) -> Engine:
    """What a batch runs on."""
    if name == "local":
        from tracker.engines import LocalEngine

        return LocalEngine(jobs, needs)
    from tracker.engines.ray import RayEngine

    return RayEngine(address, needs, workers=jobs, notify=lambda line: note(f"tracker: {line}"))


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
    with _imports():
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
        _carry_out(
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


@cli.command()
@talking
@click.pass_context
def doctor(ctx: click.Context, quiet: bool, verbose: bool) -> None:
    """Check this installation and this machine, with a drawn clip as a self-test, and say what to do about each problem.

    A line a thing; with -q problems alone. Exit code 0 if there is no problem, else 1.
    """
    from tracker.doctor import examine
    from tracker.opencv_threads import one_opencv_thread

    problems = 0
    with one_opencv_thread():
        for check in examine():
            problems += check.state == "PROBLEM"
            if check.state == "PROBLEM" or not quiet:
                say(check, only=True)
    if problems:
        ctx.exit(EXIT_ERROR)


@cli.command(cls=OneSource)
@click.argument("source", type=FileName())
@click.option("--truth", type=click.Path(path_type=Path), help="MOT table, or folder with gt.txt or masks/.")
@table_rows
@pictures_rate
@click.option("-o", "--output", "folder", type=OUTPUT, metavar="DIR", help="Where results go.  [here, as NAME.compare]")
@heard
@causal
@in_parts
@shared
def compare(
    source: str, truth: Path | None, rows: Any, fps: float | None, folder: Path | None, no_audio: bool, **common: Any
) -> None:
    """The lanes on SOURCE side by side, as a page to look at: NAME.compare/report.html.

    Beside it stand the video, a contact sheet, the tables and all numbers. With the truth it also has scores, how sure the
    differences are, and every lane's errors in time.
    """
    if rows is not None and truth is None:
        raise click.UsageError("--rows is about the table of --truth; leave it out")
    with _imports():
        output = _comparison_folder(source, folder) / "compare.mp4"
    _carry_out(
        common, source=source, output=output, compare=True, sound=not no_audio, truth=truth, truth_rows=rows, fps=fps
    )


@cli.command()
@click.argument("datasets", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DATASET...")
@click.option("--truth", type=click.Path(path_type=Path), help="MOT table or folder of masks, if not beside.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR|FILE",
    help="Score these; repeat. Lanes run if --lanes is given too.",
)
@click.option("--lanes", type=LaneList(), help="By comma: gmm, slots, blobs, mog2, knn, or variants.  [gmm,slots]")
@click.option("--layout", type=click.Choice(LAYOUTS), default="auto", help="What DATASET is.  [told by its files]")
@click.option("--frames", type=NumberRange(), help="First to last frame, as the data set numbers them: 1-400.")
@click.option(
    "--classes", type=Numbers(), default=(), metavar="N,...", help="Only rows of these classes of a table.  [all]"
)
@click.option(
    "--ignore-classes", type=Numbers(), default=(), metavar="N,...", help="Finding these is neither right nor wrong."
)
@table_rows
@click.option("--iou", type=IOU, default=0.5, show_default=True, help="Overlap of a found box.")
@click.option("-o", "--output", type=OUTPUT, metavar="OUT.json", help="Everything, as JSON.")
@click.option("--csv", type=OUTPUT, metavar="OUT.csv", help="The scores, as a table.")
@click.option("--jobs", type=PROCESSES, default=1, show_default=True, help="Lanes run at a time.")
@configured
@causal
@overwriting
@talking
@click.pass_context
def evaluate(
    ctx: click.Context,
    output: Path | None,
    csv: Path | None,
    jobs: int,
    iou: float,
    quiet: bool,
    overwrite: bool,
    **common: Any,
) -> None:
    """Score lanes, or what other programs wrote, on data sets as they lie on disk.

    DATASET is a data set, a part of it or one sequence: CDnet 2014, folders of foreground masks, MOTChallenge, a video
    with gt.txt, masks of identities, or what `tracker synth` draws. Several sequences are also pooled: their counts add.
    """
    from tracker.evaluation import Task, evaluate_to_files
    from tracker.scores import Choice

    common.pop("verbose")
    results = common.pop("results")
    if (
        results
        and not common["lanes"]
        and (common["files"] or common["overrides"] or common["device"] or common["online"])
    ):
        raise click.UsageError(
            "--config, --set, --device and --online are for lanes, and none runs; name some by --lanes"
        )
    task = Task(
        common.pop("datasets"),
        truth=common.pop("truth"),
        results=results,
        run_lanes=bool(common["lanes"]) or not results,
        choice=Choice(**{key: common.pop(key) for key in ("layout", "classes", "ignore_classes", "frames", "rows")}),
        iou=iou,
        processes=jobs,
    )
    reads = tuple(map(Path, common["files"]))
    settings = _settings(common)
    evaluation = evaluate_to_files(
        task, settings, json=output, csv=csv, overwrite=overwrite, reads=reads, quiet=quiet, note=note, say=say
    )
    if evaluation.failures:
        ctx.exit(EXIT_ERROR)


@cli.command()
@click.argument("result", type=click.Path(path_type=Path), metavar="RESULT")
@click.option("--to", "form", type=OneOf(FORMS), required=True, metavar="FORM", help=f"{', '.join(FORMS)}.")
@click.option("-o", "--output", type=OUTPUT, metavar="PATH", help="File or folder.  [NAME.LANE.FORM here]")
@click.option("--source", metavar="CLIP", help="The run's pictures, for crops, clips, trails, heatmap.  [looked for]")
@click.option("--every", "every_s", type=EVERY, metavar="TIME", help="crops: so far apart.  [one a track]")
@click.option("--cell", "cell_px", type=CELL, metavar="PX", help="heatmap: side of a cell.  [width / 64]")
@click.option("--mm-per-px", type=MM_PER_PX, metavar="MM", help="speed: millimetres in a pixel.")
@click.option(
    "--ground",
    type=GroundPoint(),
    multiple=True,
    metavar="X,Y:EAST,NORTH",
    help="speed: a point of the ground, in pixels and metres; four times.",
)
@overwriting
@talking
def export(quiet: bool, verbose: bool, **order: Any) -> None:
    """Write what a run found in another form. RESULT is a lane's table, NAME.LANE.csv.

    xlsx and parquet are the table; coco and mots annotations; crops and clips a picture and a video of each track; gif the overlay; trails
    (.svg or .png) and heatmap drawings over the scene; counts the passages of zones by the minute, and speed what each track
    went, both as .csv, .xlsx or .parquet.
    """
    from tracker.exports.command import Order, export

    path = export(Order(**order), notify=(lambda line: None) if quiet else note)
    if not quiet:
        say(path)


@cli.command()
@click.argument("world", type=click.Choice(WORLDS))
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="CLIP.mp4")
@click.option("--truth", type=OUTPUT, metavar="DIR", help="gt.txt and masks/000001.png go here.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Another seed, another clip.")
@click.option("--frames", type=FRAMES, help="How many.  [200; a situation's own, 220 to 500]")
@click.option(
    "--size",
    type=Size(),
    help="Width x height.  [480x360; crowd, arena 640x480; shake 720x480; mot worlds always 128x128]",
)
@click.option(
    "--objects",
    type=OBJECTS,
    help="How many at a time.  [6 to 12; mot worlds 3 at most; crowd 40; arena 1 to 12; other situations' are fixed]",
)
@click.option(
    "--digits",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="mnist-mot: MNIST's pictures, an idx file or its folder.  [scikit-learn's digits]",
)
@click.option("--crf", type=CRF, help="Lower: better and larger.  [16; mot worlds 1]")
@overwriting
@talking
def synth(
    world: str,
    output: Path,
    truth: Path | None,
    seed: int,
    frames: int | None,
    size: tuple[int, int] | None,
    objects: int | None,
    digits: Path | None,
    crf: int | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Draw a clip whose answer is known: every pixel's owner and every identity.

    WORLD is street, mnist-mot, sprites-mot, or a situation: one scripted scene for what makes trackers fail.
    """
    from tracker.progress import shown_progress
    from tracker.synth import Order, save_world, stream_world

    drawn = stream_world(world, Order(seed, frames, size, objects, digits=digits))
    with shown_progress(quiet=quiet) as progress:
        count = save_world(
            drawn,
            video=output,
            truth=truth,
            digits=digits,
            overwrite=overwrite,
            crf=crf,
            notify=note,
            progress=progress,
        )
    if not quiet:
        say(f"{output}: {count} frames" + (f"; truth in {truth}" if truth else ""))


@cli.command()
@click.argument("config", type=FileName(), metavar="NAME|FILE")
@click.option("--out", type=OUTPUT, metavar="DIR", help="Weights and curve.  [runs/NAME]")
@click.option("--minutes", type=MINUTES, help="Stop after so many minutes.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting: train.steps=100.")
@click.option("--device", default="cpu", type=click.Choice(["cpu", "cuda", "mps"]), show_default=True)
@click.option("--workers", default=1, type=PROCESSES, show_default=True, help="Processes that draw batches.")
@talking
def train(
    config: str,
    out: Path | None,
    minutes: float | None,
    overrides: tuple[str, ...],
    device: str,
    workers: int,
    quiet: bool,
    verbose: bool,
) -> None:
    """Train a network of lane slots on drawn scenes, by a recipe; goes on where it was stopped.

    Recipes that ship: street, and ground with foreground after it; or a file of your own. On several cards:
    torchrun --nproc-per-node N -m tracker train NAME --device cuda.
    """
    from tracker.inference import check_torch

    check_torch("tracker train", "train")
    from tracker.learning.group import started
    from tracker.learning.loop import RunOptions
    from tracker.lessons.recipes import run_recipe
    from tracker.progress import Shares

    first = started().first
    quiet = quiet or not first
    report = (lambda step, row: None) if quiet else (lambda step, row: note(f"step {step}: {row}"))
    shares = Shares((lambda line: None) if quiet else note)
    shares.begin(f"{Path(config).stem}: training")
    run = RunOptions(device, minutes, workers, report, shares)
    weights = run_recipe(config, overrides, out or Path("runs") / Path(config).stem, options=run)
    if first:
        say(weights)


@cli.command()
@click.argument("name", type=click.Choice((*PAPERS, "all")))
@click.option("--out", type=OUTPUT, metavar="DIR", help="Networks and report.  [runs/papers/NAME]")
@click.option(
    "--shipped",
    "recipe",
    flag_value="shipped",
    help="No training: the networks that ship (package rnnem-papers-networks).",
)
@click.option("--quick", "recipe", flag_value="quick", help="All of it in --minutes (10), with high learning rates.")
@click.option("--short", "recipe", flag_value="short", help="Hours on two CPU cores, with high learning rates.")
@click.option("--minutes", type=MINUTES, help="Without --quick: stop, and go on next time; each experiment of `all`.")
@click.option("--clips", type=CLIPS, default=1000, show_default=True, help="Test clips.")
@click.option("--digits", type=click.Path(path_type=Path), metavar="DIR", help="MNIST's idx files.  [scikit-learn's]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting: train.seed=1.")
@click.option("--device", default="cpu", type=click.Choice(["cpu", "cuda", "mps"]), show_default=True)
@click.option("--configs", type=click.Path(path_type=Path), metavar="DIR", help="Recipes.  [those that ship]")
@talking
def paper(
    name: str,
    out: Path | None,
    recipe: Literal["short", "quick", "shipped"] | None,
    minutes: float | None,
    clips: int,
    digits: Path | None,
    overrides: tuple[str, ...],
    device: str,
    configs: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Repeat an experiment of the N-EM and R-NEM papers: train or go on, test, and write report.html.

    Without --shipped, --quick or --short it trains by the papers' protocol, for many hours. `all`: every experiment, and index.html.
    """
    if recipe == "shipped" and minutes is not None:
        raise click.UsageError("--minutes is for training, and --shipped trains nothing; leave one out")
    from tracker.inference import check_torch

    check_torch("tracker paper", "papers")
    from tracker.learning.group import started
    from tracker.papers.command import run_paper
    from tracker.papers.index import run_all
    from tracker.recipes import PAPERS as RECIPES

    group = started()
    if name == "all" and group.size > 1:
        raise OptionError("tracker paper all: torchrun trains one experiment at a time; give its name")
    first = group.first
    tell: Callable[[str], None] = note if first and not quiet else (lambda text: None)
    carry_out = partial(
        run_paper, recipe=recipe or "papers", minutes=minutes, clips=clips, device=device, configs=configs or RECIPES, say=tell,
        overrides=[*overrides, *([f"world.digits.path={digits}"] if digits else [])],
    )  # fmt: skip
    base = Path("runs") / "papers"
    page = run_all(out or base, carry_out, say=tell) if name == "all" else carry_out(name, out or base / name)
    if first:
        say(page)


@cli.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, options and files.

    \b
    bash   tracker completion bash > ~/.local/share/bash-completion/completions/tracker
    zsh    tracker completion zsh > ~/.zfunc/_tracker      (a folder of $fpath)
    fish   tracker completion fish > ~/.config/fish/completions/tracker.fish
    """
    say(completion_script(cli, shell), only=True)


def _record_plan(record: Path | None, how: dict[str, Any]) -> RecordPlan | None:
    """How a folder is recorded into; None for a file, or for none. Raises UsageError for options without their folder."""
    given = next((f"--{name.replace('_', '-')}" for name in RECORDING if how[name] not in (None, (), False)), None)
    if record is None or record.suffix.lower() == ".mp4":
        if given is not None:
            raise click.UsageError(f"{given} is for a recording in segments; give a folder: --record DIR")
        return None
    if record.suffix.lower() in OTHER_VIDEOS:
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


OTHER_VIDEOS = {".avi", ".mkv", ".mov", ".m4v", ".webm", ".ts", ".mpg", ".mpeg"}
"""a name that ends so is hardly meant for a folder"""


def _output(source: str, output: Path | None) -> Path:
    """Where the overlay goes: the file named, or a default name in the folder named, or here."""
    if output is not None and output.suffix and not output.is_dir():
        return output
    from tracker.naming import default_name

    return (output or Path()) / f"{default_name(source)}.tracked.mp4"


def _comparison_folder(source: str, folder: Path | None) -> Path:
    """Where a comparison goes: the folder named, or one of a default name here."""
    if folder is None:
        from tracker.naming import default_name

        return Path(f"{default_name(source)}.compare")
    if folder.suffix.lower() in {".mp4", *OTHER_VIDEOS} and not folder.is_dir():
        raise click.UsageError(f"-o {folder}: compare writes many files; give it a folder, such as -o {folder.stem}")
    return folder


def _settings(common: dict[str, Any]) -> RunSettings:
    """Take the settings' options out of the common ones."""
    from tracker.settings import load_settings

    overrides = list(common.pop("overrides"))
    device, lanes = common.pop("device"), common.pop("lanes")
    if common.pop("online", False):
        overrides.append("online=true")
    if device:
        overrides.append(f"device={device}")
    if lanes:
        overrides.append(f"lanes=[{','.join(lanes)}]")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", FutureWarning)
        settings = load_settings(common.pop("files"), overrides)
    for line in dict.fromkeys(str(each.message) for each in said):
        note(f"tracker: warning: {line}")
    if device and not any(settings.of_lane(lane)[0] in ("slots", "blobs") for lane in settings.lanes):
        raise click.UsageError(
            f"--device is for the networks of lanes slots and blobs; {', '.join(settings.lanes)} has none"
        )
    return settings


def _carry_out(common: dict[str, Any], live: Live | None = None, **job: Any) -> None:
    """Do the job, say how it went, and raise KeyboardInterrupt if it was interrupted."""
    spans, trace = _spans(), common.pop("profile")
    with _imports():
        from tracker.jobs import Job, process, profile_table
        from tracker.opencv_threads import one_opencv_thread
        from tracker.progress import shown_progress

    quiet, verbose = common.pop("quiet"), common.pop("verbose")
    reads = tuple(map(Path, common["files"]))
    settings = _settings(common)
    with one_opencv_thread(), shown_progress(quiet=quiet) as progress:
        asked = Job(
            **job, **common, reads=reads, profile=spans is not None, trace=trace if trace and trace.name else None
        )
        result = process(asked, settings, progress=progress, notify=note, spans=spans, live=live)
    if result.report.problem:
        note(f"tracker: warning: {result.report.problem}")
    for line in () if quiet else result.warnings:
        note(f"tracker: {line}")
    if verbose:
        for change in result.chosen:
            note(f"tracker: {change.line}")
        for stage, ms in result.report.mean_ms.items():
            note(f"{stage:>24}  {ms:8.2f} ms a frame")
    if spans is not None:
        note(profile_table(spans))
    if not quiet:
        # where events are on stdout nothing else is
        tell = note if any(each.kind == "stdout" for each in asked.events_to) else say
        recorded = [] if asked.record is None else [asked.record.folder]
        tell(_closing_words(result, table=job.get("compare", False), also=recorded))
    if result.report.outcome == "interrupted":
        raise KeyboardInterrupt


def _closing_words(result: Result, *, table: bool, also: Sequence[Path]) -> str:
    from tracker.jobs import comparison_table

    report = result.report
    dropped = f", {report.dropped} dropped" if result.summary["source"]["live"] else ""
    lines = [f"{report.frames} frames, {report.fps:.1f} fps{dropped}"]
    if table:
        lines.append(comparison_table(result.summary))
    else:
        for name, lane in result.summary["lanes"].items():
            off = f", given up for lack of time in {lane['frames_off']} frames" if lane["frames_off"] else ""
            lines.append(f"  {name}: {lane['identities']} identities, {lane['ms_per_frame']:.1f} ms a frame{off}")
    return "\n".join([*lines, *(f"  {path}" for path in (*result.files, *also))])
