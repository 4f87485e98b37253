"""The folder of a training run: settings and checkpoint are written whole or not at all, the curve row by row.

DIR/settings.json   the whole recipe; a folder with another one is refused
DIR/curve.jsonl     a row a checkpoint
DIR/checkpoint.pt   network, optimiser and number of steps
"""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from tracker.differing import differing
from tracker.errors import DivergedError, SettingsError, SinkError, WeightsError

Row = dict[str, Any]
"""of a curve: step, train_loss and the scores"""

MOST_NAMED = 3
"""settings in an error"""
RUN_FILES = ("settings.json", "curve.jsonl", "checkpoint.pt", "weights.safetensors")
PART = re.compile(r".+[.]part-[0-9a-f]{8}[.][a-z]+")
"""files that may be in a folder before its run has settings: those of a killed run, and the lock of this one"""

DAMAGED = (
    OSError, RuntimeError, LookupError, EOFError, ValueError, TypeError, AttributeError, ArithmeticError, pickle.UnpicklingError,
)  # fmt: skip
"""what reading a file of unknown bytes as a checkpoint raises"""


def open_run(out: Path, recipe: dict[str, Any]) -> None:
    """Make the folder and write `settings.json`.

    Raises SettingsError if it holds another recipe's run, files that are no run's, or something else than a file under the name
    of one.
    """
    out.mkdir(parents=True, exist_ok=True)
    for path in (out / name for name in RUN_FILES):
        if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
            raise SettingsError(
                f"{path}: a link, folder, pipe or device that cannot be replaced; choose another folder"
            )
    written = out / "settings.json"
    if written.exists():
        if (known := _read_json(written)) != recipe:
            what = ", ".join(islice(differing(known, recipe), MOST_NAMED)) or "all"
            raise SettingsError(f"{out}: holds a run with other settings ({what}); choose another folder or remove it")
        return
    foreign = sorted(path.name for path in out.iterdir() if not PART.fullmatch(path.name))
    if foreign:
        raise SettingsError(f"{out}: holds {foreign[0]}, which is no run's; choose another folder")
    _write_whole(written, json.dumps(recipe, indent=2) + "\n")


def rows_until(out: Path, done: int) -> list[Row]:
    """The rows of the curve up to the checkpoint; rows beyond it, whole or cut, which a killed run wrote, are deleted."""
    path = out / "curve.jsonl"
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
            if row["step"] > done:
                break
        except (ValueError, LookupError, TypeError, RecursionError):
            break
        rows.append(row)
    _write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
    return rows


def _write_whole(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A file name of this process alone to write to; at the end of the block the file is renamed to `path`, after an error deleted.

    Raises SinkError if it cannot be written.
    """
    part = path.with_name(f"{path.stem}.part-{secrets.token_hex(4)}{path.suffix}")
    with _writing(path):
        try:
            yield part
            with open(part, "rb+") as file:
                os.fsync(file.fileno())  # a power cut after the renaming leaves no empty file
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        try:
            room = f"; {shutil.disk_usage(path.parent).free / 1e6:,.0f} MB are free"
        except OSError:
            room = ""
        raise SinkError(
            f"{path}: cannot be written ({error.strerror or error}){room}; make room, and the same command goes on"
        ) from error


class Checkpoint(NamedTuple):
    """Where a training stands."""

    done: int
    """steps"""
    losses: tuple[float, ...] = ()
    """of the steps since the last row of the curve"""


def read_checkpoint(out: Path, net: nn.Module, optimiser: torch.optim.Optimizer, *, device: str) -> Checkpoint:
    """Load what `write_checkpoint` left, and return where the training stands; at 0 steps where there is none yet.

    Raises WeightsError if it is damaged.
    """
    path = out / "checkpoint.pt"
    if not path.exists():
        return Checkpoint(0)
    try:
        saved = torch.load(path, weights_only=True, map_location=device)  # nothing but tensors and plain values
        done = saved["done"] if isinstance(saved, dict) else None
        if not isinstance(done, int) or done < 0:
            raise ValueError("wanted a number of steps")
        if not all(bool(torch.isfinite(value).all()) for value in saved["cell"].values()):
            raise ValueError("wanted finite numbers")
        net.load_state_dict(saved["cell"])
        optimiser.load_state_dict(saved["optimiser"])
        return Checkpoint(done, tuple(map(float, saved.get("losses", ()))))
    except DAMAGED:
        raise WeightsError(f"{path}: not a checkpoint of this run; remove it to begin anew") from None


def check_finite(net: nn.Module, done: int) -> None:
    """Raises DivergedError where the network's numbers are no longer finite after `done` steps, as after a gradient that is not.

    To be called before anything is written: the loss of a step tells nothing of its own gradient.
    """
    if not all(bool(torch.isfinite(value).all()) for value in net.state_dict().values()):
        raise DivergedError(
            f"step {done}: the network's numbers are no longer finite, the gradient was not; lower the learning rate"
        )


def write_checkpoint(
    out: Path, net: nn.Module, optimiser: torch.optim.Optimizer, done: int, losses: Sequence[float] = ()
) -> None:
    """Write the checkpoint, whole or not at all. losses: of the steps since the last row of the curve"""
    content = io.BytesIO()  # torch's own error of a full disk names neither the file nor the cause
    torch.save(
        {"cell": net.state_dict(), "optimiser": optimiser.state_dict(), "done": done, "losses": list(losses)}, content
    )
    with written_whole(out / "checkpoint.pt") as part:
        part.write_bytes(content.getbuffer())


def write_row(out: Path, row: Row) -> None:
    """Add a row to the run's curve."""
    path = out / "curve.jsonl"
    with _writing(path), path.open("a") as curve:
        curve.write(json.dumps(row) + "\n")


def _read_json(path: Path) -> Any:
    """What a JSON file holds, or None where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
