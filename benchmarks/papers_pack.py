"""What a training machine sends home: weights in half precision, curves and scores, in few files of bounded size. Called by papers_gpu.sh.

    python benchmarks/papers_pack.py OUT RUN...     # OUT/part-N.tar; the runs named first are packed first

Each part is a tar of RUN/best.safetensors, RUN/curve.jsonl, RUN/settings.json and RUN/scores.json. What does not fit is named.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

import torch

from tracker.papers.weights import load_cell, save_cell

PARTS = 8
PART_BYTES = 16 * 2**20
TAR_BYTES = 2**14
"""kept free in a part for the tar's own headers and padding"""
TEXTS = ("curve.jsonl", "settings.json", "scores.json")


def files_of(run: Path, folder: Path) -> list[tuple[Path, str]]:
    """The files of a run that are sent, and their names in the tar; weights are halved into `folder`."""
    files = [(run / name, f"{run.name}/{name}") for name in TEXTS if (run / name).is_file()]
    if (run / "best.safetensors").is_file():
        cell, settings, updates = load_cell(run / "best.safetensors", device=torch.device("cpu"))
        save_cell(cell, settings, folder / f"{run.name}.safetensors", updates=updates, half=True)
        files.append((folder / f"{run.name}.safetensors", f"{run.name}/best.safetensors"))
    return files


def share_out(sizes: list[int], *, parts: int = PARTS, room: int = PART_BYTES - TAR_BYTES) -> list[int | None]:
    """Which part each size goes to, in the order given: the first with room; None where none has."""
    free, chosen = [room] * parts, []
    for size in sizes:
        part = next((n for n in range(parts) if free[n] >= size), None)
        if part is not None:
            free[part] -= size
        chosen.append(part)
    return chosen


def main() -> None:
    out, runs = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as folder:
        files = [file for run in runs for file in files_of(run, Path(folder))]
        texts = [file for file in files if not file[1].endswith(".safetensors")]
        files = [*texts, *(file for file in files if file not in texts)]  # curves and scores come home in any case
        parts = share_out([path.stat().st_size for path, _ in files])
        for part in sorted({n for n in parts if n is not None}):
            with tarfile.open(out / f"part-{part + 1}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
                for (path, name), mine in zip(files, parts, strict=True):
                    if mine == part:
                        tar.add(path, name)
        for (_, name), part in zip(files, parts, strict=True):
            if part is None:
                print(f"left out, no room: {name}", file=sys.stderr)
    for path in sorted(out.glob("part-*.tar")):
        print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
