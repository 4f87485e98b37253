"""Component 0: what the empty scene says of every pixel, read by a small network.

The Gaussian mixture judges pixels one by one: a grey coat before a grey road is background to it, a deep shadow an object. The
network sees what the mixture sees, for a whole neighbourhood, and answers with the probability that a pixel belongs to an object.
It learned this on drawn scenes through a real mixture (`ground_train`), and has never seen a real picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracker.foreground.settings import ForegroundNetSettings, ForegroundSettings
from tracker.foreground.streaks import Streaks
from tracker.labels import find_windows
from tracker.timing import REFERENCE_S, lasts, rate_over
from tracker.types import Image, Labels, Mask

Array = NDArray[np.float32]

SENSES = 9
"""channels: mean colour 3, difference 3, foreground verdict, shadow verdict, restlessness"""
REFRESH_S = 0.2
"""seconds between two pictures of the background: it changes slowly, and asking the mixture costs"""
LEARN_EVERY_S = 0.08
"""seconds between two frames that the mixture learns from in tracking"""
IS_FOREGROUND = np.where(np.arange(256) == 255, np.float32(1), np.float32(0))
IS_SHADOW = np.where(np.arange(256) == 127, np.float32(1), np.float32(0))
LIGHT_CELLS = 12
"""cells across the picture in which the light is compared with the background's"""
UNSURE_WEIGHT = 0.02
"""weight of foreground pixels in that comparison: they count only where there is nothing else, as when the light is switched"""
LIGHT_WEIGHT = np.where(np.arange(256) == 0, np.float32(1), np.float32(UNSURE_WEIGHT))
"""of a pixel, by the mixture's verdict"""
COVERED_WEIGHT = np.where(np.arange(256) == 255, np.float32(0), LIGHT_WEIGHT)
"""the same where a large object hides the scene: its colour is no light"""
LIGHT_SHARE, COVERED_SHARE = 0.1, 0.3
"""share of the picture that is different, above which it may be the light, and above which an object covers the scene"""
OTHER_LIGHT = 0.1
"""logarithm of the factor from which a picture of the prescan is in another light"""
LIGHT_RANGE = (0.4, 2.5)
"""factors of light that are believed"""
USUAL = np.float32(4)
"""difference in grey levels where nothing is known of a pixel yet"""
CALMEST = np.float32(1)
"""no camera is calmer; without it a drawn picture that never flickers would be nothing the network has ever seen"""
QUIET_SHARE = 0.35
"""of the background's pixels that hold nothing but noise, for sure: half of them may be in a light they were in before"""
NOISIEST = np.float32(8)
"""more than this is no noise but a change of the whole picture"""
GROWN = np.float32(0.9)
"""probability of a pixel that only the mixture found to be different, on an object that the network found"""
CLOUD = 0.01
"""share of the picture from which a piece of foreground may be a change of the light"""
EVEN = 0.8
"""share of its pixels that are the scene's colour, only darker or lighter"""
RIM_PX, SOFT = 4, 0.5
"""width of its rim on either side, and the difference outside as a share of that inside from which it is soft"""
CORE = 0.1
"""share of a piece of foreground that the mixture finds different, from which it is somebody however faint the rest is"""
FAINT = np.float32(6)
"""grey levels from the scene, on average, below which a piece without a core is a codec's residue"""
MOST_GROWN = 1.0
"""such pixels for every one of the network's, at most"""
DARKEST = np.float32(8)
"""grey levels added to both sides of a ratio of colours: in the dark it is all noise"""
SAME_TINT = 0.25
"""largest difference between the ratios of the three colours in a shadow"""
RESTLESS_RATE = 0.02
"""in a frame at 25 frames a second, how fast the usual difference of a pixel from its background is learned"""


class Scene(Protocol):
    """Component 0: the Gaussian mixture, or the network that reads it."""

    def prepare(self, images: Sequence[Image]) -> None: ...
    def judge(self, image: Image) -> NDArray[np.uint8]: ...
    def learn(self, image: Image, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None: ...
    def is_light(self, image: Image, changed: Mask) -> bool: ...
    def adapt(self, image: Image) -> None: ...
    def enter(self, scene: int) -> None: ...
    def reset(self) -> None: ...


class PicturedScene(Protocol):
    """The Gaussian mixture, which also knows what the empty scene looks like."""

    def prepare(self, images: Sequence[Image]) -> None: ...
    def judge(self, image: Image) -> NDArray[np.uint8]: ...
    def learn(self, image: Image, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None: ...
    def is_light(self, image: Image, changed: Mask) -> bool: ...
    def hides_edges(self, image: Image, changed: Mask) -> bool: ...
    def adapt(self, image: Image) -> None: ...
    def enter(self, scene: int) -> None: ...
    def reset(self) -> None: ...
    def picture(self) -> Image: ...
    @property
    def ready(self) -> bool: ...


class Backdrop:
    """What the mixture remembers of a scene, as the network is shown it. Images are (H, W, 3) uint8 of one size.

    learn_every_s  seconds between two frames that a known scene's mixture learns from
    """

    def __init__(self, mixture: PicturedScene, *, learn_every_s: float = 0.0) -> None:
        self.mixture, self.learn_every_s = mixture, learn_every_s
        self.different = self.tinted = np.zeros((0, 0), bool)
        """(H, W) where the mixture finds the frame sensed last different from the scene, and where not only darker"""
        self.colours = self.expected = np.zeros((0, 0, 3), np.float32)
        """(H, W, 3) that frame, and the scene in its light"""
        self.covered = False
        """whether an object, and not the light, is before much of the scene in that frame"""
        self.reset()

    def reset(self) -> None:
        """Forget the scene."""
        self.mixture.reset()
        self._scene = 0
        self._left: dict[int, Array | None] = {}  # how restless the pixels of earlier scenes are
        self._restless: Array | None = None
        self._begin()

    def _begin(self) -> None:
        self._picture: Array | None = None
        self._difference: Array | None = None
        self._light_changed = False
        self._age_s = self._untaught_s = 0.0

    def enter(self, scene: int) -> None:
        """Sense and learn the scene of that number from now on."""
        if scene == self._scene:
            return
        self.mixture.enter(scene)
        self._left[self._scene] = self._restless
        self._scene, self._restless = scene, self._left.pop(scene, None)
        self._begin()

    @property
    def ready(self) -> bool:
        """Whether the scene is known."""
        return self.mixture.ready

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene, and how restless each pixel is, from pictures spread over the clip."""
        self.mixture.prepare(images)
        if not images:
            return
        self._picture = None
        picture = self._background()
        verdicts = [self.mixture.judge(image) for image in images]
        away = np.stack([_away(image, picture, verdict) for image, verdict in zip(images, verdicts, strict=True)])
        calm = np.stack([verdict != 255 for verdict in verdicts])
        # Two ways to leave visitors out, since each fails where the other does not: the mixture takes for the scene what is like
        # restless water, and the lower half of the samples is no scene where somebody stood for most of the clip.
        middle = len(away) // 2
        lower = np.partition(away, middle, axis=0)[: middle + 1].mean(axis=0, dtype=np.float32)
        judged = ((away * calm).sum(axis=0, dtype=np.float32) + USUAL) / (calm.sum(axis=0, dtype=np.float32) + 1)
        self._restless = np.minimum(lower, judged)

    def sense(self, image: Image) -> Array:
        """(H, W, SENSES) float32: what the network is shown of a frame."""
        verdict = self.mixture.judge(image)
        colours = image.astype(np.float32)
        background = self._background()
        self.different = verdict == 255
        share = float(self.different.mean())
        self._light_changed = share > LIGHT_SHARE and self.mixture.is_light(image, self.different)
        self.covered = share > COVERED_SHARE and self.mixture.hides_edges(image, self.different)
        weight = COVERED_WEIGHT if share > COVERED_SHARE and not self._light_changed else LIGHT_WEIGHT
        background = np.asarray(cv2.multiply(background, _light(colours, background, verdict, weight)), np.float32)
        self.colours, self.expected = colours, background
        self.tinted = self.different.copy()
        self.tinted[self.different] = ~_is_dimmed(colours[self.different], background[self.different])
        # OpenCV on whole pictures, merged at the end: numpy's loops over the last axis of three take several times as long
        mean = cv2.addWeighted(colours, 1 / 128, background, 1 / 128, -2)
        difference = np.asarray(cv2.subtract(colours, background), np.float32)
        planes = cv2.split(cv2.absdiff(colours, background))
        self._difference = np.asarray(cv2.max(cv2.max(planes[0], planes[1]), planes[2]), np.float32)
        np.clip(difference, -64, 64, out=difference)
        difference *= 1 / 16
        if self._restless is None:
            self._restless = np.full(verdict.shape, USUAL, np.float32)
        # nor is any place much calmer than the picture is today, whatever the pictures were from which the scene was learned
        noise = self._difference[::4, ::4][verdict[::4, ::4] == 0]
        today = min(NOISIEST, np.float32(np.quantile(noise, QUIET_SHARE))) if noise.size else CALMEST
        restless = np.maximum(self._restless, max(CALMEST, today))
        restless *= 1 / 8
        verdicts = [cv2.LUT(verdict, table) for table in (IS_FOREGROUND, IS_SHADOW)]
        return np.asarray(cv2.merge([mean, difference, *verdicts, restless]), np.float32)

    def find_clouds(self, found: Mask) -> Mask:
        """(H, W) the pieces of `found`, in the frame sensed last, that are the light's: large, of the scene's tint, soft at the rim.

        An object ends within a pixel or two; the shadow of a cloud, and the sun between two, fade over many. What the network
        missed inside a piece is no rim.
        """
        clouds = np.zeros_like(found)
        if self._difference is None:
            return clouds
        _, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
        for b in np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= CLOUD * found.size) + 1:
            x, y, w, h = (int(v) for v in stats[b, :4])
            window = (
                slice(max(0, y - 2 * RIM_PX), y + h + 2 * RIM_PX),
                slice(max(0, x - 2 * RIM_PX), x + w + 2 * RIM_PX),
            )
            here = labels[window] == b
            ratio = _ratio(self.colours[window][here], self.expected[window][here])
            tinted = np.zeros(here.shape, np.uint8)
            tinted[here] = np.ptp(ratio, axis=1) >= SAME_TINT * ratio.max(axis=1)
            if tinted[here].mean() > 1 - EVEN:
                continue
            solid, ring = here.astype(np.uint8), np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
            inner = here & (cv2.erode(solid, ring, borderValue=1) == 0)
            outer = ~found[window] & (cv2.dilate(solid, ring) > 0) & ~_filled(solid)
            away = self._difference[window]
            soft = outer.any() and np.median(away[outer]) > SOFT * np.median(away[inner])
            if soft:
                clouds[window] |= here & (cv2.medianBlur(tinted, 5) == 0)  # who walks in its shade stays
        return clouds

    def find_residue(self, found: Mask) -> Mask:
        """(H, W) the pieces of `found`, in the frame sensed last, that a codec left behind somebody who moved on.

        An encoder spends few bits on what no later picture needs, so before a cut and near the end of a clip the ground behind an
        object keeps a little of it. Where the scene is calm the network sees an object in that, though fainter than any other.
        """
        if self._difference is None:
            return np.zeros_like(found)
        count, labels = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
        inside = labels[found]
        sizes = np.maximum(1, np.bincount(inside, minlength=count))
        faint = np.bincount(inside, self._difference[found], count) < FAINT * sizes
        faint &= np.bincount(inside, self.different[found], count) < CORE * sizes
        faint[0] = False
        return np.asarray(faint[labels])

    def learn(self, image: Image, objects: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None:
        """Take the frame that was sensed last, `dt_s` seconds after the one before, into the scene, except where `objects`
        (H, W) bool is true."""
        if self._light_changed:
            self.adapt(image)
            return
        self._age_s += dt_s
        self._untaught_s += dt_s
        # a known scene changes slowly, and the mixture's second pass costs as much as its first
        if not self.ready or lasts(self._untaught_s, self.learn_every_s):
            self.mixture.learn(image, objects, dt_s=self._untaught_s)
            self._untaught_s = 0.0
        if self._restless is not None and self._difference is not None:
            step = np.float32(rate_over(RESTLESS_RATE, min(dt_s, REFERENCE_S)))
            rate = step if objects is None else np.where(objects, 0, step)
            # bounded growth: an object that is not recognised must not become a restless place at once
            self._restless += rate * (np.minimum(self._difference, 1.5 * self._restless + 1) - self._restless)

    def adapt(self, image: Image) -> None:
        """Take the scene in this picture's light for background from now on."""
        self.mixture.adapt(image)
        self._picture = None

    def _background(self) -> Array:
        if self._picture is None or lasts(self._age_s, REFRESH_S):
            self._picture, self._age_s = self.mixture.picture().astype(np.float32), 0.0
        return self._picture


def _away(image: Image, picture: Array, verdict: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) grey levels between an image and the scene's picture; in the image's light, where that is clearly another."""
    light = _light(image.astype(np.float32), picture, verdict)
    if abs(float(np.log(np.median(light)))) > OTHER_LIGHT:
        picture = np.asarray(cv2.multiply(picture, light), np.float32)
    return np.asarray(cv2.absdiff(image, cv2.convertScaleAbs(picture)).max(axis=2), np.uint8)


def _ratio(colours: Array, background: Array) -> Array:
    """(N, 3) of pixels to the background's, both (N, 3)."""
    return (colours + DARKEST) / (background + DARKEST)


def _is_dimmed(colours: Array, background: Array) -> NDArray[np.bool_]:
    """(N,) whether pixels are the background's colour, only darker, as in a shadow; both (N, 3)."""
    ratio = _ratio(colours, background)
    brightest = ratio.max(axis=1)
    return np.asarray((brightest < 1) & (brightest - ratio.min(axis=1) < SAME_TINT))


def _light(image: Array, background: Array, verdict: NDArray[np.uint8], weights: Array = LIGHT_WEIGHT) -> Array:
    """(H, W, 3) smooth factor by which the light on the scene differs from the background's.

    weights (256,) of a pixel, by its verdict.
    """
    height, width = verdict.shape
    cells = (LIGHT_CELLS, max(2, round(LIGHT_CELLS * height / width)))
    weight = cv2.LUT(verdict, weights)
    weight = cv2.merge([weight, weight, weight])
    seen = cv2.resize(cv2.multiply(image, weight), cells, interpolation=cv2.INTER_AREA)
    known = cv2.resize(cv2.multiply(background, weight), cells, interpolation=cv2.INTER_AREA)
    seen, known = (cv2.GaussianBlur(part, (0, 0), 2.0) for part in (seen, known))
    factor = np.clip((seen + 0.02) / (known + 0.02), *LIGHT_RANGE).astype(np.float32)
    return np.asarray(cv2.resize(factor, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


class ForegroundNet(nn.Module):
    """Senses (B, SENSES, H, W) to logits (B, 1, H, W) of "belongs to an object"; H and W are multiples of 8.

    A small U-net that begins at half the size; its sums stand where others concatenate, which is faster and no worse here.
    """

    def __init__(self, settings: ForegroundNetSettings) -> None:
        super().__init__()
        self.settings = settings
        half, quarter, eighth = settings.features
        self.enter_half, self.enter_quarter, self.enter_eighth = (
            _conv(SENSES, half, 2),
            _conv(half, quarter, 2),
            _conv(quarter, eighth, 2),
        )
        self.mix_quarter, self.mix_eighth, self.join_eighth = (
            _conv(quarter, quarter), _conv(eighth, eighth), _conv(eighth, eighth),
        )  # fmt: skip
        self.whole = nn.Linear(eighth, eighth)
        self.to_quarter, self.join_quarter = nn.Conv2d(eighth, quarter, 1), _conv(quarter, quarter)
        self.to_half, self.join_half = nn.Conv2d(quarter, half, 1), _conv(half, half)
        self.answer = nn.Conv2d(half, 4, 1)

    def forward(self, senses: Tensor) -> Tensor:
        """See the class."""
        half = self.enter_half(senses)  # (B, C, H/2, W/2)
        quarter = self.mix_quarter(self.enter_quarter(half))
        eighth = self.mix_eighth(self.enter_eighth(quarter))
        # the mean of the picture: a flicker of the light is everywhere at once
        eighth = self.join_eighth(eighth + self.whole(eighth.mean((2, 3)))[..., None, None])
        quarter = self.join_quarter(quarter + _twice(self.to_quarter(eighth)))
        half = self.join_half(half + _twice(self.to_half(quarter)))
        return nn.functional.pixel_shuffle(self.answer(half), 2)


def _conv(entering: int, leaving: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(entering, leaving, 4 if stride == 2 else 3, stride, 1), nn.ReLU())


def _twice(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def object_probability(
    net: nn.Module, senses: Array, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Array:
    """(H, W) float32 probability that each pixel of `senses` (H, W, SENSES) belongs to an object."""
    height, width = senses.shape[:2]
    padded = senses
    if height % 8 or width % 8:
        padded = np.pad(senses, ((0, -height % 8), (0, -width % 8), (0, 0)), mode="edge")
    # numpy's (H, W, C) is torch's channels-last, which convolutions like best
    asked = torch.from_numpy(padded).permute(2, 0, 1)[None].to(device=device, dtype=dtype)
    with torch.inference_mode():
        answer = torch.sigmoid(net(asked)[0, 0].float())
    return np.asarray(answer.cpu().numpy()[:height, :width])


def _grown(seeds: Mask, different: Mask, *, most: float = MOST_GROWN) -> Mask:
    """What hangs together with an object's `seeds` and is `different` from the scene, beside them; all (H, W) bool.

    The network leaves holes in what it finds, on real pictures, and in the middle of what fills the picture. Where more than `most`
    would be added for every seed it is the light that differs.
    """
    solid = cv2.medianBlur(seeds.astype(np.uint8), 3)
    joined = cv2.bitwise_or(cv2.medianBlur(different.astype(np.uint8), 5), solid)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    seeded = np.bincount(labels[solid > 0], minlength=len(stats))
    trusted = (seeded > 0) & (stats[:, cv2.CC_STAT_AREA] <= (1 + most) * np.maximum(1, seeded))
    trusted[0] = False
    return np.asarray(trusted[labels] & (solid == 0))


def _between(mask: NDArray[np.uint8]) -> Mask:
    """What lies between the parts of a mask (h, w): its convex hull."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.fillConvexPoly(np.zeros_like(mask), cv2.convexHull(np.concatenate(outlines)), 1) > 0


def _filled(mask: NDArray[np.uint8]) -> Mask:
    """A mask (h, w) with its holes."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(mask), outlines, -1, 1, cv2.FILLED) > 0)


class Ground:
    """The scene as the slots ask it: a verdict on every pixel, read by the network from what the mixture knows.

    net  a trained ForegroundNet; device  where it runs
    """

    def __init__(
        self, mixture: PicturedScene, net: ForegroundNet, settings: ForegroundSettings, *, device: str = "cpu"
    ) -> None:
        self.backdrop = Backdrop(mixture, learn_every_s=LEARN_EVERY_S)
        self.net, self.settings, self.device = net, settings, device
        # no public way to ask yet; where bfloat16 has no instructions of its own it is slower, not faster
        multiplies = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        self._dtype = torch.bfloat16 if device == "cpu" and multiplies() else torch.float32
        self.net.to(self._dtype)
        self._shrunk: tuple[Image, Image] | None = None
        self._streaks = Streaks()
        self._perhaps: Mask = np.zeros((0, 0), bool)
        self.probability: Array = np.zeros((0, 0), np.float32)
        """(H, W) of an object, in the frame judged last"""

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none it warms up on the first frames."""
        self.backdrop.prepare([self._shrink(image) for image in images])
        self._streaks = Streaks()

    def reset(self) -> None:
        """Forget the scene."""
        self.backdrop.reset()
        self._streaks = Streaks()

    def judge(self, image: Image) -> NDArray[np.uint8]:
        """(H, W) uint8: 0 background, 127 unsure, 255 foreground. Learns nothing."""
        height, width = image.shape[:2]
        if not self.backdrop.ready:
            self._perhaps = np.zeros((height, width), bool)
            self._streaks = Streaks()  # of another scene, or another size
            return np.zeros((height, width), np.uint8)
        found = object_probability(
            self.net, self.backdrop.sense(self._shrink(image)), device=self.device, dtype=self._dtype
        )
        low, high = self.settings.sure
        found[self._streaks.find(self.backdrop.different)] = 0
        found[self.backdrop.find_clouds(found > high)] = 0
        found[self.backdrop.find_residue(found > high)] = 0
        if self.backdrop.covered:
            found[_grown(found > high, self.backdrop.different, most=np.inf)] = GROWN
        else:
            found[_grown(found > high, self.backdrop.tinted)] = GROWN
        different = self.backdrop.different
        if found.shape != (height, width):
            found = np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
            different = cv2.resize(different.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        self.probability = found
        self._perhaps = different | (found > low)
        return np.where(found > high, np.uint8(255), np.where(found > low, np.uint8(127), np.uint8(0)))

    def complete(self, labels: Labels) -> Labels:
        """`labels` (H, W) of the frame judged last, with what lies between an object's parts and may be different from the scene.

        There the object is likelier than a shadow: a dark bumper over the shadow of its car.
        """
        complete = labels.copy()
        loose = self._perhaps & (labels == 0)
        for label, where in find_windows(labels).items():
            complete[where][_between((labels[where] == label).astype(np.uint8)) & loose[where]] = label
        return complete

    def learn(self, image: Image, known_foreground: Mask | None = None, *, dt_s: float = REFERENCE_S) -> None:
        """Take the frame judged last, `dt_s` seconds after the one before, into the scene, except where `known_foreground`
        (H, W) bool is true."""
        small = self._shrink(image)
        if known_foreground is not None and small.shape[:2] != known_foreground.shape:
            size = (small.shape[1], small.shape[0])
            known_foreground = cv2.resize(known_foreground.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        if self.backdrop.different.size:  # not while the scene is learned
            self._streaks.add(self.backdrop.different)
        self.backdrop.learn(small, known_foreground, dt_s=dt_s)

    def is_light(self, image: Image, changed: Mask) -> bool:
        """Whether the light changed where a picture differs from the scene, `changed` (H, W) bool, rather than an object came."""
        small = self._shrink(image)
        size = (small.shape[1], small.shape[0])
        shrunk = cv2.resize(changed.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        return self.backdrop.mixture.is_light(small, shrunk)

    def adapt(self, image: Image) -> None:
        """Take the scene in this picture's light for background from now on."""
        self.backdrop.adapt(self._shrink(image))

    def enter(self, scene: int) -> None:
        """Judge and learn the scene of that number from now on."""
        self.backdrop.enter(scene)

    def _shrink(self, image: Image) -> Image:
        if self._shrunk is not None and self._shrunk[0] is image:  # a frame is judged, and then learned
            return self._shrunk[1]
        height, width = image.shape[:2]
        scale = self.settings.side_px / (height * width) ** 0.5
        small = image
        if scale < 1:
            size = (max(8, round(width * scale)), max(8, round(height * scale)))
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._shrunk = image, small
        return small
