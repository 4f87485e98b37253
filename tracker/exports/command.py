"""`tracker export`: what a run wrote, in another form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tracker.errors import OptionError, SinkError, SourceError
from tracker.exports.annotations import coco_document, mots_lines, read_masks
from tracker.exports.columns import ENDINGS, check_parquet, objects_of, write_columns
from tracker.exports.counts import counts_by_minute, known_zones, read_passings, span_of, zone_columns
from tracker.exports.crops import ClipFolder, CropFolder, best_rows, rows_every
from tracker.exports.ground import Ground, Pair, ground_of_points, ground_of_scale
from tracker.exports.heat import draw_heat, seconds_by_cell, usual_cell_px
from tracker.exports.run_files import RunFiles, find_run
from tracker.exports.scene import find_pictures, frames_of, open_pictures, scene_picture
from tracker.exports.speed import speeds_of
from tracker.exports.trails import draw_trails, svg_of
from tracker.sinks import Output, Results, encoded, json_text, write_output
from tracker.sinks.ours import marked_png
from tracker.sinks.outputs import PartText
from tracker.types import Image
from tracker.words import counted


@dataclass(frozen=True)
class ExportOrder:
    """What is to be exported."""

    result: Path
    """a lane's table, or another file of its run"""
    form: str
    """a name in FORMS"""
    output: Path | None = None
    """None: NAME.LANE and the form's usual ending, in the working folder"""
    source: str | None = None
    """address of the run's pictures; None: looked for beside the result"""
    every_s: float | None = None
    """of crops: seconds from one of a track to the next; None: one a track"""
    cell_px: int | None = None
    """of a heat map: side of a cell; None: a 64th of the picture's width"""
    mm_per_px: float | None = None
    """of speeds: millimetres on the ground in a pixel"""
    ground: tuple[tuple[Pair, Pair], ...] = ()
    """of speeds: four points, each as (x, y) in pixels and (east, north) in metres"""
    overwrite: bool = False


class ExportTask(NamedTuple):
    """One export in work."""

    order: ExportOrder
    run: RunFiles
    output: Output
    notify: Callable[[str], None]


class Form(NamedTuple):
    """A form of export."""

    endings: tuple[str, ...]
    """that its file may have, the usual one first; of a folder, what its usual name ends in"""
    write: Callable[[ExportTask], None]
    folder: bool = False
    options: tuple[str, ...] = ()
    """of `ExportOrder`, that not every form has"""


def export(order: ExportOrder, *, notify: Callable[[str], None] = lambda line: None) -> Path:
    """Write one export, whole or not at all; returns where it is. `notify` is told in a line what was guessed or left out.

    Raises OptionError for an option that the form does not have or lacks, SourceError for what cannot be read, SinkError for what
    cannot be written, MissingExtraError without the library that a form needs.
    """
    form = FORMS[order.form]
    _check_options(order, form)
    run = find_run(order.result)
    path = order.output or Path(f"{run.stem}{form.endings[0]}")
    ending, known = path.suffix.lower(), [Path(f"x{usual}").suffix for usual in form.endings]
    if not form.folder and ending not in known:
        raise SinkError(f"{path}: wanted a name that ends in {' or '.join(known)}")
    if ending == ".parquet":
        check_parquet()
    source = run.find_source() if order.source is None else Path(order.source)
    results = Results(
        [] if form.folder else [path],
        folders=[path] if form.folder else [],
        inputs=[order.result, *run.files, *([] if source is None else [source])],
        overwrite=order.overwrite,
    )
    results.check()
    with results:
        results.claim()
        if results.recovered:
            notify(results.recovered_line)
        try:
            form.write(ExportTask(order, run, results.output(path), lambda line: notify(f"tracker: {line}")))
            results.commit()
        except BaseException:
            results.discard()
            raise
    return path


def _check_options(order: ExportOrder, form: Form) -> None:
    for name, option in (
        ("source", "--source"),
        ("every_s", "--every"),
        ("cell_px", "--cell"),
        ("mm_per_px", "--mm-per-px"),
        ("ground", "--ground"),
    ):
        if getattr(order, name) not in (None, ()) and name not in form.options:
            of = [each for each, other in FORMS.items() if name in other.options]
            forms = " or ".join([*filter(None, [", ".join(of[:-1])]), of[-1]])
            raise OptionError(f"{option} is for --to {forms}; leave it out")
    if "ground" in form.options and (order.mm_per_px is None) == (not order.ground):
        raise OptionError(
            f"--to {order.form}: metres are told by --mm-per-px N, or by --ground X,Y:EAST,NORTH four times; give one of the two"
        )
    if order.ground:
        ground_of_points(order.ground)  # refused before anything is read


def _timed(task: ExportTask) -> None:
    """Raises SourceError for a table without times."""
    if np.isnan(task.run.table.time_s).any():
        raise SourceError(
            f"{task.run.table_path}: MOT text has no times, which --to {task.order.form} needs; give the CSV"
        )


def _tracks(task: ExportTask) -> None:
    table, zones = task.run.table, task.run.beside(".zones.csv")
    sheets = {"tracks": table.columns(), "objects": objects_of(table)}
    if zones is not None and task.output.path.suffix.lower() == ".xlsx":
        sheets["zones"] = zone_columns(zones)
    write_columns(task.output, sheets)


def _masks(task: ExportTask) -> Path | None:
    return task.run.beside(".masks.json")


def _coco(task: ExportTask) -> None:
    found = _masks(task)
    masks = None if found is None else {(mask.frame, mask.id): mask for mask in read_masks(found)}
    if masks is None:
        task.notify("annotations have boxes only; process with --masks rle for pixels")
    size = next(((mask.size[1], mask.size[0]) for mask in (masks or {}).values()), None) or task.run.size
    if size is None:
        address = find_pictures(task.run, task.order.source, task.notify)
        with closing(open_pictures(task.run, address)) as source:
            size = source.info.size
    write_output(task.output, encoded(json_text(coco_document(task.run.table, size=size, masks=masks))))


def _mots(task: ExportTask) -> None:
    found = _masks(task)
    if found is None:
        raise SourceError(f"{task.run.stem}.masks.json: not beside the table; process the source with --masks rle")
    text = PartText(task.output)
    text.write("")
    for lines in _chunks(mots_lines(read_masks(found))):
        text.write("".join(lines))
    text.close()


MANY = 1000
"""lines that are written at a time"""


def _chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    some: list[str] = []
    for line in lines:
        some.append(line)
        if len(some) == MANY:
            yield some
            some = []
    yield some


def _crops(task: ExportTask) -> None:
    table, every_s = task.run.table, task.order.every_s
    if every_s is not None:
        _timed(task)
    address = find_pictures(task.run, task.order.source, task.notify)
    with closing(open_pictures(task.run, address, table)) as source:
        rows = best_rows(table, source.info.size) if every_s is None else rows_every(table, every_s)
        chosen = table.rows(rows)
        folder = CropFolder(task.output, by_frame=every_s is not None)
        for frame, places in frames_of(source, chosen, task.notify):
            folder.add(frame, chosen, places)
    folder.finish()
    task.notify(f"{counted(folder.count, 'picture')} of {counted(len(set(chosen.id.tolist())), 'track')}")


def _clips(task: ExportTask) -> None:
    table = task.run.table
    address = find_pictures(task.run, task.order.source, task.notify)
    with closing(open_pictures(task.run, address, table)) as source:
        folder = ClipFolder(task.output, source.info.fps, source.info.pixel_aspect)
        folder.begin(table)
        with closing(folder):
            for frame, places in frames_of(source, table, task.notify):
                folder.add(frame, table, places)
            folder.finish()
    task.notify(counted(folder.count, "video"))


def _trails(task: ExportTask) -> None:
    scene = scene_picture(task.run, task.order.source, task.notify)
    if task.output.path.suffix.lower() == ".svg":
        write_output(task.output, encoded(svg_of(task.run.table, scene)))
    else:
        _write_png(task.output, draw_trails(task.run.table, scene))


def _gif(task: ExportTask) -> None:
    from tracker.exports.film import gif_of, spaced_pictures  # brings imageio

    video = task.run.video
    if video is None:
        raise SourceError(
            f"{task.run.table_path}: the run's overlay does not lie beside it; process without --no-video"
        )
    write_output(task.output, gif_of(spaced_pictures(str(video), notify=task.notify)))


def _heatmap(task: ExportTask) -> None:
    _timed(task)
    scene = scene_picture(task.run, task.order.source, task.notify)
    size = scene.shape[1], scene.shape[0]
    cell_px = task.order.cell_px or usual_cell_px(size)
    seconds = seconds_by_cell(task.run.table, size=size, cell_px=cell_px)
    _write_png(task.output, draw_heat(seconds, scene, cell_px=cell_px))
    task.notify(f"cells of {cell_px} pixels; the longest time in one is {seconds.max():.1f} s")


def _write_png(output: Output, picture: Image) -> None:
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_output(output, marked_png(data.tobytes()))


def _counts(task: ExportTask) -> None:
    found = task.run.beside(".zones.csv")
    if found is None:
        raise SourceError(
            f"{task.run.stem}.zones.csv: not beside the table; process with areas or lines (docs/live.md, Zones)"
        )
    lane = task.run.summary.get("lanes", {}).get(task.run.lane, {})
    times, (begin_s, end_s) = task.run.table.time_s, span_of(task.run.summary)
    if np.isfinite(times).any():
        end_s = max(end_s, float(np.nanmax(times)))
    counts = counts_by_minute(read_passings(found), known=known_zones(lane), begin_s=begin_s, end_s=end_s)
    write_columns(task.output, {"counts": counts})


def _speed(task: ExportTask) -> None:
    _timed(task)
    found = speeds_of(task.run.table, _ground(task.order, task.run), size=task.run.size)
    if found.cut:
        task.notify(f"{found.cut} rows were left out, since the picture's border cuts their boxes")
    if found.beyond:
        task.notify(f"{found.beyond} rows were left out, since they lie at the horizon of the ground or above it")
    write_columns(task.output, {"speed": found.columns})


def _ground(order: ExportOrder, run: RunFiles) -> Ground:
    if order.mm_per_px is not None:
        return ground_of_scale(order.mm_per_px, pixel_aspect=run.pixel_aspect)
    return ground_of_points(order.ground)


FORMS: dict[str, Form] = {
    "xlsx": Form((".xlsx",), _tracks),
    "parquet": Form((".parquet",), _tracks),
    "coco": Form((".coco.json",), _coco, options=("source",)),
    "mots": Form((".mots.txt",), _mots),
    "crops": Form((".crops",), _crops, folder=True, options=("source", "every_s")),
    "clips": Form((".clips",), _clips, folder=True, options=("source",)),
    "gif": Form((".gif",), _gif),
    "trails": Form((".trails.svg", ".trails.png"), _trails, options=("source",)),
    "heatmap": Form((".heatmap.png",), _heatmap, options=("source", "cell_px")),
    "counts": Form(tuple(f".counts{ending}" for ending in ENDINGS), _counts),
    "speed": Form(tuple(f".speed{ending}" for ending in ENDINGS), _speed, options=("mm_per_px", "ground")),
}
"""what `--to` knows"""
