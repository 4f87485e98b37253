"""The Gaussian mixture as a Scene of its own, for lane `slots` without the foreground network (`foreground=null`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracker.background.mixture import Mixture
from tracker.timing import REFERENCE_S
from tracker.types import FOREGROUND, Image, Labels, Mask, Verdicts


@dataclass(frozen=True)
class MixtureJudgement:
    """A picture and the mixture's verdict on it."""

    image: Image
    verdicts: Verdicts

    def complete(self, labels: Labels) -> Labels:
        """`labels` as they are: what the mixture judges background stays background."""
        return labels

    def uncovers(self, place: Mask) -> bool:
        """False: the mixture's verdict tells nothing of outlines."""
        return False


class MixtureScene:
    """A Scene (tracker.types); the mixture must be mog2, since knn cannot judge without learning."""

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none, it warms up."""
        self.mixture.prepare(images)

    def judge(self, image: Image) -> MixtureJudgement:
        """The mixture's verdict; nothing is learned."""
        return MixtureJudgement(image, self.mixture.judge(image))

    def follow(self, judgement: MixtureJudgement) -> None:
        """Nothing: all that the mixture learns depends on where objects are."""

    def learn(
        self, judgement: MixtureJudgement, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S
    ) -> None:
        """Take the picture into the mixture, except where `known_foreground` (H, W) bool is true."""
        self.mixture.learn(judgement.image, known_foreground, dt_s=dt_s)

    def is_light(self, judgement: MixtureJudgement) -> bool:
        """Whether the light changed, where the picture differs from the scene."""
        return self.mixture.is_light(judgement.image, judgement.verdicts == FOREGROUND)

    def adapt(self, judgement: MixtureJudgement) -> None:
        """Take the scene in the picture's light for background from now on."""
        self.mixture.adapt(judgement.image)

    def uncover(self, judgement: MixtureJudgement, place: Mask) -> None:
        """Take what the picture shows in `place` (H, W) bool for background from now on."""
        self.mixture.uncover(judgement.image, place)

    def enter(self, scene: int) -> None:
        """Judge and learn the scene of that number from now on."""
        self.mixture.enter(scene)

    def empty_scene(self) -> Image | None:
        """(H, W, 3) the present scene without objects; None as long as it is not known."""
        return self.mixture.empty_scene()

    def reset(self) -> None:
        """Forget every scene."""
        self.mixture.reset()
