"""`tracker evaluate`, `tracker export`, `tracker doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracker.cli.carry import chosen_settings
from tracker.cli.group import EXIT_ERROR, cli, note, say
from tracker.cli.shared import causal, configured, overwriting, table_rows, talking
from tracker.options import (
    CELL,
    EVERY,
    IOU,
    MM_PER_PX,
    OUTPUT,
    PROCESSES,
    GroundPoint,
    LaneList,
    NumberRange,
    NumbersParam,
    OneOf,
)

FORMS = ("xlsx", "parquet", "coco", "mots", "crops", "clips", "gif", "trails", "heatmap", "counts", "speed")
LAYOUTS = ("auto", "cdnet", "masks", "mot", "identities")


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
    "--classes", type=NumbersParam(), default=(), metavar="N,...", help="Only rows of these classes of a table.  [all]"
)
@click.option(
    "--ignore-classes",
    type=NumbersParam(),
    default=(),
    metavar="N,...",
    help="Finding these is neither right nor wrong.",
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
    from tracker.evaluation import ScoreTask, evaluate_to_files
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
    task = ScoreTask(
        common.pop("datasets"),
        truth=common.pop("truth"),
        results=results,
        run_lanes=bool(common["lanes"]) or not results,
        choice=Choice(**{key: common.pop(key) for key in ("layout", "classes", "ignore_classes", "frames", "rows")}),
        iou=iou,
        processes=jobs,
    )
    reads = tuple(map(Path, common["files"]))
    settings = chosen_settings(common)
    evaluation = evaluate_to_files(
        task, settings, json=output, csv=csv, overwrite=overwrite, reads=reads, quiet=quiet, note=note, say=say
    )
    if evaluation.failures:
        ctx.exit(EXIT_ERROR)


@cli.command()
@click.argument("result", type=click.Path(path_type=Path), metavar="RESULT")
@click.option("--to", "form", type=OneOf(FORMS), required=True, metavar="FORM", help=f"{', '.join(FORMS)}.")
@click.option("-o", "--output", type=OUTPUT, metavar="PATH", help="File or folder.  [NAME.LANE.FORM here]")
@click.option(
    "--source", metavar="CLIP", help="The run's pictures, for coco, crops, clips, trails, heatmap.  [looked for]"
)
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
    from tracker.exports.command import ExportOrder, export

    path = export(ExportOrder(**order), notify=(lambda line: None) if quiet else note)
    if not quiet:
        say(path)
