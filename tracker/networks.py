"""Where lanes get their networks: each reads its own, or all clips that run together in this process have one of each."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tracker.errors import WeightsError

if TYPE_CHECKING:
    from tracker.foreground.predictor import Predictor
    from tracker.settings import RunSettings
    from tracker.slots.weights import Network

# imports are inside: they bring ONNX Runtime, and only some lanes have networks


class Networks:
    """Every lane reads its own network from the file."""

    def cell(self, weights: str, device: str) -> Network:
        """The cell of lane slots; see `slots.weights.load_network`."""
        from tracker.slots.weights import load_network

        return load_network(weights, device=device)

    def foreground(self, weights: str, device: str) -> tuple[Predictor, str]:
        """The network that reads the scene, and its digest; see `foreground.weights.load_foreground`."""
        from tracker.foreground.weights import load_foreground

        return load_foreground(weights, device=device)


class SharedNetworks(Networks):
    """One network of each file and device for all lanes, whose calls are answered in batches: `batched.Batched`.

    clips, wait_s  how many there are, and how long a call waits for those of the others; 0 s: it takes those that wait anyway
    """

    def __init__(self, *, clips: int = 1, wait_s: float = 0.0) -> None:
        self._clips, self._wait_s = clips, wait_s
        self._lock = threading.Lock()
        self._cells: dict[tuple[str, str], Network] = {}
        self._foregrounds: dict[tuple[str, str], tuple[Predictor, str]] = {}

    def cell(self, weights: str, device: str) -> Network:
        """See `Networks`."""
        from tracker.slots.state import BatchedCell

        with self._lock:
            if (weights, device) not in self._cells:
                network = super().cell(weights, device)
                self._cells[weights, device] = network._replace(
                    cell=BatchedCell(network.cell, clips=self._clips, wait_s=self._wait_s)
                )
            return self._cells[weights, device]

    def foreground(self, weights: str, device: str) -> tuple[Predictor, str]:
        """See `Networks`."""
        from tracker.foreground.predictor import BatchedPredictor

        with self._lock:
            if (weights, device) not in self._foregrounds:
                predictor, digest = super().foreground(weights, device)
                self._foregrounds[weights, device] = (
                    BatchedPredictor(predictor, clips=self._clips, wait_s=self._wait_s),
                    digest,
                )
            return self._foregrounds[weights, device]


def weights_digests(settings: RunSettings) -> dict[str, str]:
    """sha256 of the weights file of every network that the lanes use, by its name or path in the settings.

    Empty where there is no such file, which is an error of the run that builds the lane.
    """
    from tracker.learning.weights import digest_of, find_weights

    found: dict[str, str] = {}
    for lane in settings.lanes:
        kind, own = settings.of_lane(lane)
        names = [own.slots.weights] if kind == "slots" else []
        if kind in ("slots", "blobs") and own.foreground is not None and own.foreground.network:
            names.append(own.foreground.weights)
        for name in names:
            try:
                found[name] = digest_of(find_weights(name))
            except WeightsError:
                found[name] = ""
    return found
