"""Names to objects: the one place that knows which class serves which lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracker.lanes import Lane
from tracker.networks import Networks
from tracker.prescan import Prescan
from tracker.settings import RunSettings
from tracker.types import SMALL_PX, Scene, Working

EACH_ITS_OWN = Networks()


def build_lanes(settings: RunSettings, networks: Networks = EACH_ITS_OWN) -> tuple[Lane, ...]:
    """The lanes a run asks for, in its order. Raises WeightsError or SettingsError as a part cannot be built."""
    return tuple(_build_lane(name, settings, networks) for name in dict.fromkeys(settings.lanes))


def build_prescan(settings: RunSettings) -> Prescan:
    """The prescan of a run: its pictures are as wide as the widest working picture of its lanes."""
    widths = [WIDTHS[kind](own) for kind, own in map(settings.of_lane, settings.lanes)]
    # scenes are recognised by pictures of SMALL_PX, in a run as in its prescan
    width: Working = "full" if "full" in widths else max(SMALL_PX, *(width for width in widths if width != "full"))
    return Prescan(settings.prescan_frames, settings.prescan_span == "whole", width)


def _build_lane(name: str, settings: RunSettings, networks: Networks) -> Lane:
    kind, own = settings.of_lane(name)
    return LANES[kind](name, own, networks)


def _gmm(name: str, settings: RunSettings, networks: Networks) -> Lane:
    from tracker.background import GmmSegmenter
    from tracker.tracks import Linker

    return Lane(name, GmmSegmenter(settings.gmm), Linker(settings.linker))


def _slots(name: str, settings: RunSettings, networks: Networks) -> Lane:
    from tracker.slots.segmenter import SlotsSegmenter

    network = networks.cell(settings.slots.weights, _device(settings))
    scene, digest = _scene(settings, networks)
    digests = "+".join(filter(None, (network.digest, digest)))
    return Lane(name, SlotsSegmenter(settings.slots, network=network, scene=scene), weights_digest=digests)


def _blobs(name: str, settings: RunSettings, networks: Networks) -> Lane:
    from tracker.background import SceneBlobs
    from tracker.tracks import Linker

    scene, digest = _scene(settings, networks)
    own = settings.slots
    blobs = SceneBlobs(scene, settings.blobs, width=own.width, flood=own.life.flood)
    return Lane(name, blobs, Linker(settings.linker), weights_digest=digest)


def _scene(settings: RunSettings, networks: Networks) -> tuple[Scene[Any], str | None]:
    """Component 0 of lane slots, and the digest of the network that reads it."""
    # these bring ONNX Runtime: only where such a lane is asked for
    from tracker.background import Mixture, MixtureScene
    from tracker.foreground.scene import ForegroundScene

    # A mixture of its own, since objects are kept out of it, which the baseline's does not know; and always mog2: a frame
    # is judged before the mixture learns from it, and knn cannot judge without learning.
    mixture = Mixture(settings.gmm.mixture.model_copy(update={"method": "mog2"}))
    if settings.foreground is None or settings.foreground.network is False:
        return MixtureScene(mixture), None
    predict, digest = networks.foreground(settings.foreground.weights, _device(settings))
    return ForegroundScene(mixture, predict, settings.foreground), digest


def _device(settings: RunSettings) -> str:
    from tracker.learning.device import choose_device

    return choose_device(settings.device)


def _rigid(name: str, settings: RunSettings, networks: Networks) -> Lane:
    from tracker.rigid.segmenter import RigidSegmenter

    return Lane(name, RigidSegmenter(settings.rigid))


LANES: dict[str, Callable[[str, RunSettings, Networks], Lane]] = {
    "gmm": _gmm, "slots": _slots, "blobs": _blobs, "rigid": _rigid,
}  # fmt: skip
"""Every method by its name; a lane is a method under its own or a variant's name."""

WIDTHS: dict[str, Callable[[RunSettings], Working]] = {
    "gmm": lambda settings: settings.gmm.width,
    "slots": lambda settings: settings.slots.width,
    "blobs": lambda settings: settings.slots.width,
    "rigid": lambda settings: "full",
}
"""The width at which a method works, by its name."""
