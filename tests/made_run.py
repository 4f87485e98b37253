"""A run on disk, written by hand, whose answers can be told on paper: a square that goes right, and one that stands."""

import json
import shutil

import numpy as np
from clips import write_video
from pycocotools import mask as coco

from tracker.exports.run_files import find_run
from tracker.sinks.tables import CsvRows, ZoneRows

WIDTH, HEIGHT, FRAMES, FPS = 96, 64, 50, 25
SIDE, STEP = 12, 1
"""pixels: of both squares, and how far the first goes in a frame: 25 a second"""
HIDDEN = range(20, 30)
"""frames, from 0, in which the first is hidden"""
BROWN = (180, 90, 40)


def walker(index):
    """Box of track 1: its foot goes along y = 32."""
    x0 = 4 + STEP * index
    return x0, 20, x0 + SIDE, 20 + SIDE


STANDER = (70, 44, 70 + SIDE, 44 + SIDE)
"""box of track 2, from the 10th frame on"""


def pictures():
    made = []
    for index in range(FRAMES):
        picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        for (x0, y0, x1, y1), colour in ((walker(index), BROWN), (STANDER, (240, 240, 240))):
            picture[y0:y1, x0:x1] = colour
        made.append(picture)
    return made


def rows():
    """(frame, time_s, id, x0, y0, x1, y1, confidence, hidden, area_px)"""
    for index in range(FRAMES):
        hidden = index in HIDDEN
        yield (index + 1, index / FPS, 1, *walker(index), 0.5 if hidden else 0.9, int(hidden), 0 if hidden else SIDE**2)
        if index >= 10:
            yield (index + 1, index / FPS, 2, *STANDER, 0.8, 0, SIDE**2)


def write_run(folder, *, video=True, masks=True, zones=True):
    """Files of lane slots; returns its table's path."""
    folder.mkdir(parents=True, exist_ok=True)
    if video:
        write_video(folder / "clip.mp4", pictures(), options={"crf": "1"})
        shutil.copy(folder / "clip.mp4", folder / "out.mp4")  # stands for the overlay
    lines = ["{},{:.6f},{},{:.2f},{:.2f},{:.2f},{:.2f},{:.4f},{},{:.0f}\n".format(*row) for row in rows()]
    (folder / "out.slots.csv").write_text(CsvRows.head + "".join(lines))
    mot = [
        f"{r[0]},{r[2]},{r[3]:.2f},{r[4]:.2f},{SIDE:.2f},{SIDE:.2f},{r[7]:.4f},-1,-1,-1\n" for r in rows() if not r[8]
    ]
    (folder / "out.slots.mot.txt").write_text("".join(mot))
    if masks:
        (folder / "out.slots.masks.json").write_text("[\n" + ",\n".join(map(json.dumps, rle_masks())) + "\n]\n")
    if zones:
        passed = [(26, 1.0, "crossing", "mid", "east", 1, ""), (11, 70.5, "entry", "bench", "appeared", 2, "")]
        text = "".join(",".join(map(str, row)) + "\n" for row in passed)
        (folder / "out.slots.zones.csv").write_text(ZoneRows.head + text)
    source = {"name": "clip.mp4", "width": WIDTH, "height": HEIGHT, "pixel_aspect": 1.0}
    counted = {"areas": {"bench": {}}, "lines": {"mid": {"east": 1, "west": 0}}}
    summary = {
        "schema_version": 2,
        "source": source,
        "lanes": {"slots": {"zones": counted}},
        "settings": {},
        "versions": {},
    }
    (folder / "out.summary.json").write_text(json.dumps(summary))
    return folder / "out.slots.csv"


def rle_masks():
    for frame, _, identity, x0, y0, x1, y1, _, hidden, _ in rows():
        if not hidden:
            owned = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
            owned[y0:y1, x0:x1] = 1
            rle = coco.encode(owned)
            yield {"frame": frame, "id": identity, "rle": {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()}}


def table(folder):
    return find_run(write_run(folder, video=False)).table
