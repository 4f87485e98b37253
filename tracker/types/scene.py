"""What a scene is asked about a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from tracker.timing import REFERENCE_S
from tracker.types.arrays import Image, Labels, Mask, Verdicts


class Change(NamedTuple):
    """Why a picture differs from a scene; both are false where there is too little to tell."""

    is_light: bool
    """the light changed: the scene's edges are still there"""
    hides_edges: bool
    """the scene's edges are gone, as behind an object"""


class Judgement(Protocol):
    """What a scene found in one picture."""

    @property
    def verdicts(self) -> Verdicts:
        """(H, W) uint8: BACKGROUND, RIM, UNSURE or FOREGROUND."""
        ...

    def complete(self, labels: Labels) -> Labels:
        """A copy of `labels` (H, W) of that picture, with pixels of objects that were missed and without those beside them."""
        ...

    def uncovers(self, place: Mask) -> bool:
        """Whether `place` (H, W) bool shows the empty scene, where what was learned as the scene is an object that has left."""
        ...


J = TypeVar("J", bound=Judgement)


class Scene(Protocol[J]):
    """What a static scene looks like, and which pixels of a frame do not belong to it. Images are (H, W, 3) uint8 of one size.

    A frame is judged and followed; it is learned from later, once somebody knows which objects are in it.
    """

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none it is learned from the first frames."""
        ...

    def judge(self, image: Image) -> J:
        """Which pixels differ. Learns nothing, so a frame may be judged again."""
        ...

    def follow(self, judgement: J) -> None:
        """Go on from the latest frame, before the next is judged: what holds whichever objects are in it."""
        ...

    def learn(self, judgement: J, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None:
        """Update the scene from a frame that was judged, except where `known_foreground` (H, W) bool is true.

        dt_s  seconds since the frame before
        """
        ...

    def is_light(self, judgement: J) -> bool:
        """Whether that picture differs from the scene because the light changed, rather than because an object came."""
        ...

    def adapt(self, judgement: J) -> None:
        """Take the scene in that picture's light for background from now on."""
        ...

    def uncover(self, judgement: J, place: Mask) -> None:
        """Take what that picture shows in `place` (H, W) bool for background from now on."""
        ...

    def enter(self, scene: int) -> None:
        """Judge and learn the scene of that number from now on; see `Frame.scene`."""
        ...

    def empty_scene(self) -> Image | None:
        """(h, w, 3) the present scene without objects, at the size at which it is kept; None as long as it is not known."""
        ...

    def reset(self) -> None:
        """Forget every scene."""
        ...
