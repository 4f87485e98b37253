"""`tracker batch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.carry import chosen_settings
from tracker.cli.group import EXIT_ERROR, cli, note, say
from tracker.cli.shared import causal, configured, heard, lanes_run, masked, part_run, talking, without_video
from tracker.options import BATCH_JOBS, CORES, GPUS, MEMORY, PACK, FileName, OutputFolder, ShardOf

if TYPE_CHECKING:
    from tracker.engines import Engine, Needs


@cli.command()
@click.argument("sources", nargs=-1, type=FileName(), metavar="SOURCE...")
@click.option(
    "-o", "--output", "folder", type=OutputFolder(), required=True, metavar="DIR", help="Results; or s3://..."
)
@click.option("--manifest", metavar="FILE", help="Also its clips, each with settings: .csv, .jsonl or .parquet.")
@click.option("--jobs", type=BATCH_JOBS, metavar="N", help="Clips at a time.  [one a core; ray: as there is room]")
@click.option(
    "--shard", type=ShardOf(), default="1/1", metavar="K/N", help="Only shard K of the N into which clips are divided."
)
@click.option("--retry-failed", is_flag=True, help="Only the clips that failed before.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="What runs the clips.  [local: processes here]",
)
@click.option("--address", metavar="ADDRESS", help="ray: auto, or ray://HOST:PORT.  [one of its own here]")
@click.option("--cores", type=CORES, default=1.0, show_default=True, metavar="N", help="Cores that a clip takes.")
@click.option("--memory", type=MEMORY, metavar="SIZE", help="ray: memory that a clip takes: 2GB.")
@click.option("--gpus", type=GPUS, default=0.0, metavar="N", help="ray: cards that a clip takes, or a share: 0.25.")
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
    if any(each.lower().startswith("memory://") for each in (folder, manifest or "", *sources)):
        raise click.UsageError(
            "memory://: lies in one process, and a batch has several; name a folder or a store (s3://)"
        )
    from tracker.batch import BatchOrder, Options, Shard, clips_together, needs_of_pack, run_batch
    from tracker.engines import Needs
    from tracker.progress import clip_lines

    common.pop("verbose")
    asked = Options(
        video=not common.pop("no_video"),
        sound=not common.pop("no_audio"),
        parquet=not common.pop("no_parquet"),
        **{name: common.pop(name) for name in ("masks", "start_s", "duration_s", "max_frames")},
    )
    settings = chosen_settings(common)
    needs = Needs(cores, 0.0 if memory is None else memory / 1e6, gpus)
    local = engine == "local"
    most = jobs or _engine("local", None, None, needs).workers
    pack = clips_together(pack, device=settings.device if local else "cpu", most=most)
    order = BatchOrder(sources, folder, manifest, asked, Shard(*shard), retry_failed, pack)
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
        if quiet and not totals.failed:  # nothing was said of those yet
            note(f"tracker: error: {totals.line}")
        ctx.exit(EXIT_ERROR)


def _engine(name: str, address: str | None, jobs: int | None, needs: Needs) -> Engine:
    """What a batch runs on."""
    if name == "local":
        from tracker.engines import LocalEngine

        return LocalEngine(jobs, needs)
    from tracker.engines.ray import RayEngine

    return RayEngine(address, needs, workers=jobs, notify=lambda line: note(f"tracker: {line}"))
