"""A training run: its folder with settings and checkpoint, the refusal to mix two runs, and its learning rate."""

from __future__ import annotations

import io
import json
import math
import multiprocessing
import os
import pickle
import re
import secrets
import shutil
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from tracker.children import deaf_children
from tracker.errors import SettingsError, SinkError, WeightsError

Drawn = TypeVar("Drawn")

RUN_FILES = ("settings.json", "curve.jsonl", "checkpoint.pt", "weights.safetensors")
PART = re.compile(r".+[.]part-[0-9a-f]{8}[.][a-z]+")
"""what may lie in a folder before its run has settings: files of a killed run, and the lock of this one"""

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
        if _read_json(written) != recipe:
            raise SettingsError(f"{out}: holds a run with other settings; choose another folder or remove it")
        return
    foreign = sorted(path.name for path in out.iterdir() if not PART.fullmatch(path.name))
    if foreign:
        raise SettingsError(f"{out}: holds {foreign[0]}, which is no run's; choose another folder")
    _write_whole(written, json.dumps(recipe, indent=2) + "\n")


def rows_until(out: Path, done: int) -> list[dict[str, Any]]:
    """The curve up to the checkpoint; what a killed run wrote beyond it, whole or in part, is cut off."""
    path = out / "curve.jsonl"
    rows: list[dict[str, Any]] = []
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
    """A name of this run's own to write to; what stands there takes the name `path` at the end of the block, or goes.

    Raises SinkError if it cannot be written.
    """
    part = path.with_name(f"{path.stem}.part-{secrets.token_hex(4)}{path.suffix}")
    with _writing(path):
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(path.parent).free / 1e6
        raise SinkError(
            f"{path}: cannot be written ({error.strerror or error}); {free:,.0f} MB are free; make room, and the same command goes on"
        ) from error


def read_checkpoint(out: Path, net: nn.Module, optimiser: torch.optim.Optimizer, *, device: str) -> int:
    """Load what `write_checkpoint` left, and return the steps done; 0 where there is none yet.

    Raises WeightsError if it is damaged.
    """
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0
    try:
        saved = torch.load(path, weights_only=True, map_location=device)  # nothing but tensors and plain values
        done = saved["done"] if isinstance(saved, dict) else None
        if not isinstance(done, int) or done < 0:
            raise ValueError("wanted a number of steps")
        if not all(bool(torch.isfinite(value).all()) for value in saved["cell"].values()):
            raise ValueError("wanted finite numbers")
        net.load_state_dict(saved["cell"])
        optimiser.load_state_dict(saved["optimiser"])
        return done
    except DAMAGED:
        raise WeightsError(f"{path}: not a checkpoint of this run; remove it to begin anew") from None


def write_checkpoint(out: Path, net: nn.Module, optimiser: torch.optim.Optimizer, done: int) -> None:
    """Write the checkpoint, whole or not at all."""
    content = io.BytesIO()  # torch tells of a full disk in words that name neither
    torch.save({"cell": net.state_dict(), "optimiser": optimiser.state_dict(), "done": done}, content)
    with written_whole(out / "checkpoint.pt") as part:
        part.write_bytes(content.getbuffer())


def write_row(out: Path, row: dict[str, Any]) -> None:
    """Add a row to the run's curve."""
    path = out / "curve.jsonl"
    with _writing(path), path.open("a") as curve:
        curve.write(json.dumps(row) + "\n")


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def descend(loss: Tensor, net: nn.Module, optimiser: torch.optim.Optimizer, *, clip_norm: float) -> None:
    """One step down the loss, along a gradient no longer than `clip_norm`."""
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), clip_norm)
    optimiser.step()


def drawn_ahead(
    draw: Callable[..., Drawn], questions: Iterable[tuple[Any, ...]], *, workers: int = 1
) -> Generator[Drawn, None, None]:
    """What `draw` answers to each question in turn, drawn by other processes before it is asked for.

    Processes, not threads: drawing holds the interpreter's lock, and its threads would fight the network's for the cores.
    The answers do not depend on `workers`, only the waiting does.
    """
    with deaf_children():
        made = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _keep_to_one_core)
    with made as pool:
        coming: deque[Future[Drawn]] = deque()
        try:
            for question in questions:
                with deaf_children():  # the first call starts the processes
                    coming.append(pool.submit(draw, *question))
                if len(coming) > workers:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for unasked in coming:
                unasked.cancel()


def _keep_to_one_core() -> None:
    """Lessons are drawn side by side; the networks in them must not fight for the cores."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A parent that was killed cannot end its pool, whose processes would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def scheduled_rate(peak: float, done: int, *, steps: int, warm_up_steps: int, cycles: int = 1) -> float:
    """The learning rate after `done` of `steps`: a straight warm-up, and a half cosine to a hundredth of the peak.

    cycles  the half cosine is run so many times, each from half the last one's peak (warm restarts: Loshchilov and Hutter, 2017)
    """
    length = steps / cycles
    cycle = min(cycles - 1, int(done / length))
    warm = min(1.0, (done + 1) / warm_up_steps)
    way = (done - cycle * length) / length
    return peak * 0.5**cycle * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * way)))


def _read_json(path: Path) -> Any:
    """What a JSON file holds, or None where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
