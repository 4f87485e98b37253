"""How right is each lane on copies of a clip that look the same to people? Their mean and range: one run of one clip is luck.

    python benchmarks/perturbed.py clip.mp4 --truth gt.txt
    python benchmarks/perturbed.py clip.mp4 --truth gt.txt --frames 1-400 -- --lanes slots

The clip as it is, mirrored, and both shifted by a pixel or two. What follows -- goes to `tracker evaluate`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from tracker.cli import cli

CRF = "10"
"""of the copies: what the codec changes is below what a shift does"""
SCORES = ("hota", "idf1", "mota", "switches")


class Copy(NamedTuple):
    """What is done to each picture: mirrored from left to right, then rolled by whole pixels."""

    name: str
    mirrored: bool = False
    right: int = 0
    down: int = 0


COPIES = (
    Copy("as it is"),
    Copy("shifted 1, 0", right=1),
    Copy("shifted 2, 1", right=2, down=1),
    Copy("mirrored", mirrored=True),
    Copy("mirrored, shifted 1, 1", mirrored=True, right=1, down=1),
    Copy("mirrored, shifted 0, 2", mirrored=True, down=2),
)


def write_copy(clip: Path, copy: Copy, out: Path, *, frames: int | None) -> int:
    """Write the copy; returns the width of its pictures."""
    with av.open(str(clip)) as source, av.open(str(out), "w") as made:
        (video,) = source.streams.video[:1]
        stream = made.add_stream("libx264", rate=video.average_rate, options={"crf": CRF})
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for number, frame in enumerate(source.decode(video)):
            if frames is not None and number == frames:
                break
            image = frame.to_ndarray(format="rgb24")
            image = np.roll(image[:, ::-1] if copy.mirrored else image, (copy.down, copy.right), (0, 1))
            made.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        made.mux(stream.encode(None))
        return int(video.width)


def write_truth(table: Path, copy: Copy, out: Path, *, width: int) -> None:
    """Write the MOT table (frame, id, left, top, width, height, ...) of the copy."""
    lines = []
    for line in table.read_text().split():
        frame, identity, left, top, across, down, *rest = line.split(",")
        x = width - float(left) - float(across) if copy.mirrored else float(left)
        placed = f"{x + copy.right:.2f}", f"{float(top) + copy.down:.2f}"
        lines.append(",".join([frame, identity, *placed, across, down, *rest]))
    out.write_text("\n".join(lines) + "\n")


def _split_at_dashes(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What stands before -- and what stands behind it; argparse loses the latter where options come before."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:place], arguments[place + 1 :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--truth", type=Path, required=True, help="MOT table")
    parser.add_argument("--frames", help="those to be scored: 1-400")
    here, more = _split_at_dashes(sys.argv[1:])
    asked = parser.parse_args(here)
    span = ["--frames", asked.frames] if asked.frames else []
    last = int(asked.frames.split("-")[1]) if asked.frames else None
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for copy in COPIES:
            clip, truth, scores = (Path(folder) / name for name in ("clip.mp4", "truth.txt", "scores.json"))
            width = write_copy(asked.clip, copy, clip, frames=last)
            write_truth(asked.truth, copy, truth, width=width)
            options = ["--truth", str(truth), *span, "-q", "-o", str(scores), "--overwrite", *more]
            cli(["evaluate", str(clip), *options], standalone_mode=False)
            for row in json.loads(scores.read_text())["sequences"]:
                found.setdefault(row["method"], []).append(row["identity"])
    for lane, rows in found.items():
        for name in SCORES:
            values = [row[name] for row in rows]
            print(f"{lane:8} {name:9} {statistics.mean(values):7.3f}  ({min(values):.3f} to {max(values):.3f})")


if __name__ == "__main__":
    main()
