"""`tracker process` and `tracker compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracker.cli.carry import carry_out, import_stage
from tracker.cli.group import cli
from tracker.cli.sections import OneSource
from tracker.cli.shared import causal, heard, masked, options, pictures_rate, shared, table_rows, without_video
from tracker.options import CHECKPOINT, OUTPUT, PROCESSES, SPLIT, FileName
from tracker.suffixes import FILM_SUFFIXES, OVERLAY

in_parts = options(
    click.option(
        "--split",
        type=SPLIT,
        metavar="4|10m",
        help="Watch a file in so many parts, or parts of such a length, several at once.  [as a whole]",
    ),
    click.option("--jobs", type=PROCESSES, metavar="N", help="Parts at once.  [as many as cores]"),
)


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
    with import_stage():
        output = overlay_path(source, output)
    carry_out(
        common, source=source, output=output, video=not no_video, sound=not no_audio, masks=masks, fps=fps,
        checkpoint_s=checkpoint, resume=resume,
    )  # fmt: skip


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
    with import_stage():
        output = _comparison_folder(source, folder) / "compare.mp4"
    carry_out(
        common, source=source, output=output, compare=True, sound=not no_audio, truth=truth, truth_rows=rows, fps=fps
    )


def overlay_path(source: str, output: Path | None) -> Path:
    """Where the overlay goes: the file named, or a default name in the folder named, or here."""
    if output is not None and output.suffix and not output.is_dir():
        return output
    from tracker.naming import default_name

    return (output or Path()) / f"{default_name(source)}{OVERLAY}"


def _comparison_folder(source: str, folder: Path | None) -> Path:
    """Where a comparison goes: the folder named, or one of a default name here."""
    if folder is None:
        from tracker.naming import default_name

        return Path(f"{default_name(source)}.compare")
    if folder.suffix.lower() in FILM_SUFFIXES and not folder.is_dir():
        raise click.UsageError(f"-o {folder}: compare writes many files; give it a folder, such as -o {folder.stem}")
    return folder
