"""Names to objects: the one place that knows which class serves which lane."""

from __future__ import annotations

from collections.abc import Callable

from tracker.errors import SettingsError
from tracker.pipeline import Lane
from tracker.settings import RunSettings


def build_lanes(settings: RunSettings) -> tuple[Lane, ...]:
    """The lanes a run asks for, in its order. Raises WeightsError or SettingsError as a part cannot be built."""
    return tuple(LANES[name](settings) for name in dict.fromkeys(settings.lanes))


def _gmm(settings: RunSettings) -> Lane:
    from tracker.background import GmmSegmenter
    from tracker.tracks import Linker

    return Lane("gmm", GmmSegmenter(settings.gmm), Linker(settings.linker))


def _slots(settings: RunSettings) -> Lane:
    # these bring torch: only where the lane is asked for
    from tracker.background import Mixture
    from tracker.slots.checkpoint import load_network
    from tracker.slots.segmenter import SlotsSegmenter

    device = "cpu" if settings.device == "auto" else settings.device
    try:
        network = load_network(settings.slots.weights, device=device)
    except (
        AssertionError,
        RuntimeError,
        NotImplementedError,
    ) as error:  # torch's ways to say that it has no such device
        why = str(error).splitlines()[0].rstrip(".")
        raise SettingsError(f"--device {device}: not usable here ({why}); use --device cpu") from error
    # a mixture of its own: objects are kept out of it, which the baseline's does not know
    mixture = Mixture(settings.gmm.mixture)
    return Lane("slots", SlotsSegmenter(settings.slots, network=network, mixture=mixture, device=device))


LANES: dict[str, Callable[[RunSettings], Lane]] = {"gmm": _gmm, "slots": _slots}
"""Every lane by its name."""
