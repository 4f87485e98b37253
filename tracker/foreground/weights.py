"""The foreground network's files: weights, as they are trained, and their graph in whole numbers, which the CPU runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tracker.foreground.predictor import Predictor, TorchPredictor, WholeNumberPredictor
from tracker.foreground.settings import ForegroundNetSettings
from tracker.inference import check_torch, find_graph
from tracker.learning.weights import digest_of, find_weights

if TYPE_CHECKING:
    from tracker.foreground.net import ForegroundNet

FORMAT = "rnnem-foreground-2"
"""changes when an older program could not use the file"""


def save_foreground(net: ForegroundNet, settings: ForegroundNetSettings, path: Path, *, trained_steps: int) -> None:
    """Write a weights file and, of a network that is calibrated, its graph beside it, each whole or not at all."""
    from tracker.learning.nets import save_net

    save_net(net, FORMAT, settings, path, trained_steps=trained_steps)
    if net.calibrated:
        from tracker.foreground.graph import write_foreground_graph

        write_foreground_graph(net, path.with_suffix(".onnx"), about={"format": FORMAT, "source": digest_of(path)})


def load_foreground(name: str, *, device: str = "cpu") -> tuple[Predictor, str]:
    """The foreground network ready for use, and the sha256 of its weights file.

    name    of a shipped network, or a path. On the CPU its graph runs, if that lies beside the weights; else torch does.
    Raises WeightsError if the file is missing, damaged or of another version, MissingExtraError where torch is to run it and is
    not installed.
    """
    path = find_weights(name)
    digest = digest_of(path)
    session = find_graph(path, digest, FORMAT) if device == "cpu" else None
    if session is not None:
        about = session.about
        return WholeNumberPredictor(session, exponent=int(about["exponent"]), zero=int(about["zero"])), digest
    check_torch(f"{path}: a network without the graph {path.stem}.onnx that was made of it", "torch")
    return TorchPredictor(load_foreground_net(name)[0], device=device), digest


def load_foreground_net(name: str) -> tuple[ForegroundNet, str]:
    """The foreground network as it is trained, and the sha256 of its file; errors as in `load_foreground`."""
    from tracker.foreground.net import ForegroundNet
    from tracker.learning.nets import load_net

    net, _, digest = load_net(name, FORMAT, ForegroundNetSettings, ForegroundNet)
    return net.eval(), digest


def trained_steps_of(name: str) -> int:
    """The steps of training that a file says it had, those of the weights it began with included; errors as in `load_foreground`."""
    from tracker.learning.nets import read_weights

    steps = read_weights(find_weights(name), FORMAT)[0].get("trained_steps")
    return steps if isinstance(steps, int) else 0
