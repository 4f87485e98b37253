"""Networks in weights files: safetensors with the network's settings in the header. Nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from tracker.errors import WeightsError
from tracker.learning.run import written_whole
from tracker.learning.weights import check_size, digest_of, find_weights
from tracker.types import Settings

HEADER = "rnnem-tracker"

MOST_HEADER_BYTES = 2**20
"""the longest header of a network that ships has 7 kB"""
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

N = TypeVar("N", bound=torch.nn.Module)
S = TypeVar("S", bound=Settings)


def save_net(net: torch.nn.Module, form: str, settings: Settings, path: Path, *, trained_steps: int) -> None:
    """Write a network and the settings from which it is rebuilt, whole or not at all."""
    about = {"format": form, "network": settings.model_dump(mode="json"), "trained_steps": trained_steps}
    write_weights(net.state_dict(), about, path)


def write_weights(tensors: Mapping[str, torch.Tensor], about: dict[str, Any], path: Path) -> None:
    """Write tensors and what is known `about` them, whole or not at all. about["format"] is what `read_weights` asks for."""
    # one key: safetensors writes several in random order, and equal weights should have equal digests
    header = {HEADER: json.dumps(about, sort_keys=True)}
    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, header)
    with written_whole(path) as part:
        part.write_bytes(content)


def load_net(
    name: str,
    form: str,
    model: type[S],
    build: Callable[[S], N],
    *,
    mended: Callable[[Path, dict[str, Any]], dict[str, Any]] | None = None,
) -> tuple[N, S, str]:
    """The network that `save_net` wrote, the settings from which `build` makes it, and the sha256 of its file.

    name    of a network that ships, or a path
    mended  what an older file's header has that the settings have no more, taken out
    Raises WeightsError if the file is missing, is no safetensors file, or is of another version.
    """
    path = find_weights(name)
    header, tensors = read_weights(path, form)
    settings = settings_of(path, model, header if mended is None else mended(path, header), "network")
    return filled(path, lambda: build(settings), tensors), settings, digest_of(path)


def read_weights(path: Path, form: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What is known about the tensors, and the tensors. Raises WeightsError if the file is missing, damaged or of another format."""
    try:
        check_size(path)
        _check_header_size(path)
        with safe_open(path, framework="pt", device="cpu") as file:
            about = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise WeightsError(
            f"{path}: not a whole safetensors file ({reason}); give a file that a training wrote"
        ) from None
    if not isinstance(about, dict):
        raise WeightsError(
            f"{path}: its header is a {type(about).__name__}, wanted a table; the file is damaged, take another"
        )
    if about.get("format") != form:
        came = str(about.get("format", "no format name"))[:60]
        raise WeightsError(
            f"{path}: weights of another version ({came}, wanted {form}); train again or take the shipped ones"
        )
    return about, tensors


def _check_header_size(path: Path) -> None:
    """Raises OSError, and ValueError where the header would be read for long."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > MOST_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes, wanted at most {MOST_HEADER_BYTES}")


def settings_of(path: Path, model: type[S], about: Mapping[str, Any], key: str) -> S:
    """The settings in a file's header. Raises WeightsError if there are none or they cannot be."""
    try:
        return model.model_validate(about[key])
    except (KeyError, ValidationError):
        raise _not_fitting(path) from None


def filled(path: Path, make: Callable[[], N], tensors: Mapping[str, torch.Tensor]) -> N:
    """The network that `make` builds, with the tensors of the file at `path`.

    Raises WeightsError if they have other names or shapes, are no floats, or hold a number that is not finite.
    """
    with torch.device("meta"):  # shapes without memory: the header may describe a network of any size
        wanted = {name: value.shape for name, value in make().state_dict().items()}
    if wanted != {name: value.shape for name, value in tensors.items()}:
        raise _not_fitting(path)
    for name, value in tensors.items():
        if value.dtype not in FLOATS:
            raise WeightsError(f"{path}: {name} is {value.dtype}, wanted floats; the file is damaged, take another")
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{path}: {name} has numbers that are not finite; the file is damaged, take another")
    net = make()
    net.load_state_dict(dict(tensors))
    return net


def _not_fitting(path: Path) -> WeightsError:
    return WeightsError(f"{path}: header and numbers do not fit together; the file is damaged, take another")
