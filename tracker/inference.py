"""Networks that ship, run on the CPU by ONNX Runtime: it starts in a tenth of the time that torch takes, and is faster."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import MissingExtraError, WeightsError


def is_torch_installed() -> bool:
    """Whether torch is there; it is not imported."""
    return importlib.util.find_spec("torch") is not None


def check_torch(what: str, extra: str) -> None:
    """Raises MissingExtraError, with `what` asks for it and the extra to install, where torch is not installed."""
    if not is_torch_installed():
        raise MissingExtraError(f"{what} needs torch; install it: pip install 'rnnem-tracker[{extra}]'")


def check_graphs_can_be_written() -> None:
    """Raises MissingExtraError where the library is missing with which a training writes graphs."""
    if importlib.util.find_spec("onnx") is None:
        raise MissingExtraError("training writes its network with onnx; install it: pip install 'rnnem-tracker[train]'")


def find_graph(weights: Path, digest: str, form: str) -> Session | None:
    """The graph beside a weights file, if it was made of weights with that sha256 and format; else None."""
    path = weights.with_suffix(".onnx")
    session = Session(path) if path.is_file() else None
    if session is None or (session.about.get("source"), session.about.get("format")) != (digest, form):
        return None
    return session


class Session:
    """A network in an ONNX file.

    Runs in the thread that asks: several threads wait for each other's parts of a small picture longer than they take.
    Raises WeightsError if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        # official builds tell Microsoft of the machine, unless this is set when they are imported
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own classes are not public
            reason = str(error).splitlines()[0][:200]
            raise WeightsError(
                f"{path}: not a network that can be run ({reason}); give a file that a training wrote"
            ) from None
        self.about: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        """what the file says of itself"""

    def run(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """The outputs, in order, for inputs by name."""
        return self._session.run(None, {name: np.ascontiguousarray(value) for name, value in inputs.items()})  # type: ignore[no-any-return]
