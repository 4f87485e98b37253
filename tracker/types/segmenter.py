"""Methods: a frame becomes a segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from tracker.types.arrays import Image, Verdicts
from tracker.types.frame import Frame
from tracker.types.segmentation import Segmentation
from tracker.types.settings import Working


class Segmenter(Protocol):
    """Frame in, segmentation out; holds its recurrent state."""

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip (the prescan). No pictures: a stated warm-up instead."""
        ...

    def step(self, frame: Frame) -> Segmentation: ...

    def freeze(self, frozen: bool) -> None:
        """While frozen, judge, and learn nothing of the scene. Called between two frames."""
        ...

    def reset(self) -> None:
        """Forget the scene and every object."""
        ...


@runtime_checkable
class TwoStageSegmenter(Segmenter, Protocol):
    """A segmenter whose frame t + 1 may be judged while frame t is assigned; `step` is one stage after the other.

    Frame t is judged after frame t - 2 was assigned, and nothing that a later frame taught changes the answer.
    """

    def judge(self, frame: Frame) -> Any:
        """The first stage; called for every frame in order."""
        ...

    def assign(self, frame: Frame, judged: Any) -> Segmentation:
        """The second stage, given what the first made of this frame; called for every frame in order."""
        ...


@runtime_checkable
class SmoothedSegmenter(TwoStageSegmenter, Protocol):
    """One that can look at a clip from its end, at what it judged before.

    Its segmentations have verdicts, and their regions say who is isolated.
    """

    @property
    def working_width(self) -> Working:
        """At which it asks for a frame's picture."""
        ...

    def expect_more_passes(self) -> None:
        """Said before the first frame: there will be more passes."""
        ...

    def later_pass(self, learned: object) -> LaterPass:
        """One for another pass, without objects, over frames that have been judged. learned: that of the last of these frames

        This one may be judging later frames in another thread meanwhile, and have learned more: how far it is depends on chance.
        """
        ...


class LaterPass(Protocol):
    """Another pass over frames that were judged, from the first to the last or from the last to the first."""

    def step_judged(
        self, image: Image, verdicts: Verdicts, *, time_s: float, scene: int | None, size: tuple[int, int]
    ) -> Segmentation:
        """One iteration with the next frame.

        image     (h, w, 3) the working picture; verdicts  (h, w) what the scene said of it in the first pass
        time_s    a clock that goes on: seconds from the clip's begin, or before its end
        size      (width, height) of the frame
        """
        ...
