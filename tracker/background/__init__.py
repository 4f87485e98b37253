"""What stands out from a static scene: the Gaussian mixture both lanes use, and the baseline lane's blobs."""

from tracker.background.blobs import BlobSettings, GmmSegmenter, GmmSettings
from tracker.background.mixture import USUAL_THRESHOLD, Mixture, MixtureSettings
from tracker.background.mixture_scene import MixtureScene
from tracker.background.scene_blobs import SceneBlobs
from tracker.background.scenes import KnownScenes

__all__ = [
    "USUAL_THRESHOLD",
    "BlobSettings",
    "GmmSegmenter",
    "GmmSettings",
    "KnownScenes",
    "Mixture",
    "MixtureScene",
    "MixtureSettings",
    "SceneBlobs",
]
