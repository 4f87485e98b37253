"""The scene model: every pixel keeps a few colours it has been, and what fits none of them is foreground.

Zivkovic 2004, Zivkovic and van der Heijden 2006, by OpenCV. Both lanes use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from pydantic import Field

from tracker.background.light import light_between, relight
from tracker.background.mixture_state import Learned, read, write
from tracker.background.scene import DIFFERS, without_visitors
from tracker.background.structure import explain_change
from tracker.errors import SettingsError, ShapeError
from tracker.left_scenes import keep_left
from tracker.timing import REFERENCE_S, WarmUp
from tracker.types import Auto, Change, Image, Mask, Seconds, Settings, Verdicts

ADAPT_RATE = 0.15
"""OpenCV counts the strongest colours up to 0.9 of the weight as background. One frame at a rate above 0.1 leaves an
old colour less than that, so the new one is background at once, and the old one stays so too (a flash is forgiven)."""

UNCOVER_RATE = 0.9
"""at which little is left of what was there before"""

_TAKES_KNOWN_FOREGROUND = "knownForegroundMask" in (cv2.BackgroundSubtractorMOG2.apply.__doc__ or "")


USUAL_THRESHOLD = 16
"""variances: the usual squared distance to a colour, beyond which a pixel does not fit it"""


class MixtureSettings(Settings):
    """The scene model."""

    method: Literal["mog2", "knn"] = "mog2"
    """mog2: Gaussians per pixel. knn: nearest remembered samples; it cannot judge without learning"""
    history_s: float = Field(50.0, ge=0.04, le=1e6)
    """seconds it remembers; something that stands still is background after about a tenth of them"""
    var_threshold: Annotated[float, Field(ge=0.01, le=1e6)] | Auto = "auto"
    """mog2: squared distance to a colour, in variances, beyond which a pixel does not fit it; auto: 16, or more where all that moves
    is of one size and differs by more"""
    dist2_threshold: float = Field(400.0, ge=0.01, le=1e6)
    """knn: squared distance to a sample, in grey levels, beyond which a pixel does not fit it"""
    shadows: bool | Auto = "auto"
    """tell shadows (the background's colour, darker) from foreground; auto: unless all that moves is dark, then yes"""
    warm_up_s: Seconds = 2.0
    """without a prescan (a camera): seconds watched before the first verdict; everything in them counts as background.
    0: the first frame only"""

    @property
    def threshold(self) -> float:
        """`var_threshold`, where nothing was measured: the usual one for auto."""
        return USUAL_THRESHOLD if self.var_threshold == "auto" else self.var_threshold

    @property
    def tells_shadows(self) -> bool:
        """`shadows`, where nothing was measured: yes for auto."""
        return self.shadows is not False


class Mixture:
    """What every pixel of a static scene has looked like. Images are (H, W, 3) uint8 of one size.

    A file's scene is learned by `prepare` before its first frame; a camera's during the first `warm_up_s` seconds of
    `learn` or `step`, when every verdict is background. Raises ShapeError if an image differs in size from the first.
    """

    def __init__(self, settings: MixtureSettings):
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget every scene, `prepare` included."""
        self._shape: tuple[int, ...] | None = None
        self._scene = 0
        self._model: cv2.BackgroundSubtractor
        self._left: dict[int, tuple[cv2.BackgroundSubtractor, int, WarmUp, bool]] = {}
        """scenes that the clip has left: model, frames learned, warm-up, whether it was prepared"""
        self._begin()

    def _begin(self) -> None:
        self._model = self._new_model()
        self._learned_frames = 0
        self._warm_up = WarmUp(self.settings.warm_up_s)
        self._prepared = False

    def _new_model(self) -> cv2.BackgroundSubtractor:
        s = self.settings
        frames = max(1, round(s.history_s / REFERENCE_S))  # no rate follows from it here: every call gives its own
        if s.method == "mog2":
            return cv2.createBackgroundSubtractorMOG2(frames, s.threshold, s.tells_shadows)
        return cv2.createBackgroundSubtractorKNN(frames, s.dist2_threshold, s.tells_shadows)

    def __getstate__(self) -> dict[str, Any]:
        """All of it as plain values and arrays, for a run that goes on later. Raises SettingsError for knn."""
        if self.settings.method == "knn":
            raise SettingsError("background method knn cannot be saved; use mog2")
        left = {
            number: (self._learned(model, frames), frames, *rest)
            for number, (model, frames, *rest) in self._left.items()
        }
        return vars(self) | {"_model": self._learned(self._model, self._learned_frames), "_left": left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._model = self._gone_on(state["_model"])
        self._left = {number: (self._gone_on(learned), *rest) for number, (learned, *rest) in state["_left"].items()}

    def _learned(self, model: cv2.BackgroundSubtractor, frames: int) -> Learned | None:
        return None if not frames or self._shape is None else read(model, (self._shape[0], self._shape[1]))

    def _gone_on(self, learned: Learned | None) -> cv2.BackgroundSubtractor:
        model = self._new_model()
        if learned is not None:
            write(model, learned)
        return model

    def enter(self, scene: int) -> None:
        """Judge and learn the scene of that number from now on; a new one warms up first, one known before goes on."""
        if scene == self._scene:
            return
        known = self._left.pop(scene, None)
        left = self._model, self._learned_frames, self._warm_up, self._prepared
        keep_left(self._left, self._scene, left)
        self._scene = scene
        if known is not None:
            self._model, self._learned_frames, self._warm_up, self._prepared = known
        else:
            self._begin()

    @property
    def ready(self) -> bool:
        """Whether verdicts mean something yet: prepared, or warmed up."""
        return self._prepared or self._warm_up.done

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none, the warm-up stands.

        Whatever is not scene in them is painted over first (see `scene`), so an object that stands still for part of
        the clip is not learned.
        """
        if not images:
            return
        for image in images:
            self._check(image)
        for image in without_visitors(images):
            self.learn(image)
        self._prepared = True

    def judge(self, image: Image) -> Verdicts:
        """(H, W) uint8: BACKGROUND, UNSURE (a shadow) or FOREGROUND. Learns nothing, so a frame may be judged often.

        Raises SettingsError for knn, which OpenCV cannot run without learning (its rate 0 still takes samples in).
        """
        if self.settings.method == "knn":
            raise SettingsError("background method knn cannot judge without learning; use mog2")
        self._check(image)
        if not self.ready:
            return np.zeros(image.shape[:2], np.uint8)
        return self._model.apply(image, learningRate=0.0)  # type: ignore[return-value]

    def learn(self, image: Image, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None:
        """Take one frame into the scene, except where `known_foreground` (H, W) bool is true.

        dt_s  seconds since the last one that was learned
        """
        self._apply(image, known_foreground, self._next_rate(dt_s), dt_s)

    def step(self, image: Image, *, dt_s: float = REFERENCE_S) -> Verdicts:
        """Judge and learn in one pass, at half the cost; see `judge` for what it returns and `learn` for `dt_s`."""
        ready = self.ready
        verdict = self._apply(image, None, self._next_rate(dt_s), dt_s)
        return verdict if ready else np.zeros_like(verdict)

    def explain_change(self, image: Image, changed: Mask) -> Change:
        """Whether the light or an object makes a picture differ from the scene where `changed` (H, W) bool is true."""
        return explain_change(self.picture(), image, changed)

    def is_light(self, image: Image, changed: Mask) -> bool:
        """Whether the light changed where a picture differs from the scene, `changed` (H, W) bool, rather than an object came."""
        return self.explain_change(image, changed).is_light

    def adapt(self, image: Image) -> None:
        """Take the scene in this picture's light for background from now on, beside what was; objects in it are left out."""
        picture = self.picture()
        expected = relight(picture, light_between(picture, image))
        objects: Mask = np.asarray((cv2.absdiff(image, expected) > DIFFERS).any(axis=2))
        self._apply(np.where(objects[..., None], expected, image), None, ADAPT_RATE, REFERENCE_S)

    def uncover(self, image: Image, place: Mask) -> None:
        """Take what the picture shows in `place` (H, W) bool for background from now on, and forget what was there."""
        # an older OpenCV is shown the scene's own picture elsewhere, which at such a rate would lose its noise
        self._apply(image, ~place, UNCOVER_RATE if _TAKES_KNOWN_FOREGROUND else ADAPT_RATE, 0.0)

    def picture(self) -> Image:
        """(H, W, 3) uint8, the most likely empty scene. Raises ShapeError before the first image."""
        if self._shape is None:
            raise ShapeError("the background has no picture yet; prepare it or learn a frame first")
        return self._model.getBackgroundImage()  # type: ignore[return-value]

    def empty_scene(self) -> Image | None:
        """(H, W, 3) `picture`, once verdicts mean something; None before."""
        return self.picture() if self.ready and self._shape is not None else None

    def _next_rate(self, dt_s: float) -> float:
        # OpenCV's own rule, counted here: OpenCV also counts the frames that were only judged. Its first frame of all
        # ignores the rate. After a prescan the scene is known, and single frames weigh what they do in the long run.
        rate = min(1.0, dt_s / self.settings.history_s)
        return rate if self._prepared else max(rate, 1.0 / (2 * (self._learned_frames + 1)))

    def _apply(self, image: Image, known_foreground: Mask | None, rate: float, dt_s: float) -> Verdicts:
        self._check(image)
        self._learned_frames += 1
        self._warm_up.add(dt_s)
        if known_foreground is None or not known_foreground.any():
            return self._model.apply(image, learningRate=rate)  # type: ignore[return-value]
        if known_foreground.shape != image.shape[:2]:
            raise ShapeError(f"known foreground is {known_foreground.shape}, wanted {image.shape[:2]}")
        if _TAKES_KNOWN_FOREGROUND and self.settings.method == "mog2":
            # by keyword: given by position OpenCV takes the mask for its output buffer
            mask = known_foreground.astype(np.uint8) * 255
            return self._model.apply(image, knownForegroundMask=mask, learningRate=rate)  # type: ignore
        kept = np.where(known_foreground[..., None], self.picture(), image) if self._learned_frames > 1 else image
        return self._model.apply(kept, learningRate=rate)  # type: ignore[return-value]

    def _check(self, image: Image) -> None:
        if self._shape is None:
            self._shape = image.shape
        if image.shape != self._shape:
            raise ShapeError(f"image is {image.shape}, the background {self._shape}; reset it when the size changes")
