"""Settings that are `auto`: chosen by what the prescan measured. A number that the user gives stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from tracker.background import USUAL_THRESHOLD
from tracker.build import build_prescan
from tracker.foreground.settings import USUAL_SIDE_PX
from tracker.measuring import Measured, measure, without_movers
from tracker.prescan import PrescanSource, TakenPictures
from tracker.settings import RunSettings, read_settings
from tracker.shake import Shake, measure_shake
from tracker.steadying import Steadying
from tracker.types import SMALL_PX, USUAL_AREA, USUAL_GAP, Image, Source
from tracker.unseen import without_dwellers

WORKED_PX = 10.0
"""root of an object's area at the working width, from which its blob survives the filters that remove specks"""
SHOWN_PX = 10.0
"""the same in the picture that the foreground network is shown"""
ROUND_PX = 32
"""widths and sides are rounded up to a multiple"""
GAP_PART = 0.25
"""highest gap that is closed, as a share of an object's height: a higher one joins two that are one above the other"""
CONTRAST_PART = 0.3
"""of the contrast, from which a pixel is an object's: above images in a glass wall and what a codec left, below thin legs"""
CHANNELS = 3
"""over which the mixture sums squared distances: on a grey thing all three differ alike"""
CALM = 2.0
"""grey levels: the least standard deviation that the mixture gives a pixel"""
AREA_PART = 1 / 3
"""smallest object as a share of the usual one: half as long, and a little of its rim is lost"""

SETTINGS: Mapping[str, frozenset[str]] = {
    "steady": frozenset({"gmm", "slots", "blobs", "rigid"}),
    "gmm.working_width": frozenset({"gmm"}),
    "slots.working_width": frozenset({"slots", "blobs"}),
    "gmm.min_area": frozenset({"gmm"}),
    "gmm.close_height": frozenset({"gmm"}),
    "slots.life.close_height": frozenset({"slots"}),
    "blobs.close_height": frozenset({"blobs"}),
    "slots.life.min_area": frozenset({"slots"}),
    "blobs.min_area": frozenset({"blobs"}),
    "foreground.network": frozenset({"slots", "blobs"}),
    "foreground.side_px": frozenset({"slots", "blobs"}),
    "gmm.mixture.var_threshold": frozenset({"gmm", "slots", "blobs"}),
    "gmm.mixture.shadows": frozenset({"gmm", "slots", "blobs"}),
}
"""Settings that may be `auto`, and the methods that read them."""


@dataclass(frozen=True)
class ChosenSetting:
    """A setting that got another value than the usual one, and why."""

    name: str
    value: int | float | bool | str
    usual: int | float | bool
    reason: str

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.name} {_text(self.value)} instead of {_text(self.usual)}: {self.reason}"


class Chosen(NamedTuple):
    """The settings of a run whose clip was measured."""

    settings: RunSettings
    """`auto` where the usual value holds"""
    changes: tuple[ChosenSetting, ...]


class Suited(NamedTuple):
    """What a run needs to know of its clip before its lanes are built."""

    chosen: Chosen
    prescan: PrescanSource
    """at the width that the chosen settings ask for"""
    steadying: Steadying | None = None
    """of the clip's frames; None: they are looked at as they are"""


def suit(settings: RunSettings, source: Source, prescan: PrescanSource) -> Suited:
    """The settings that suit a source. The prescan's pictures are taken again where they have to be wider.

    Live sources are not measured: every `auto` is the usual value.
    """
    if source.info.live or not (settings.steady is True or any(_is_auto(settings))):
        return Suited(Chosen(settings, ()), prescan)
    images = prescan.pictures(source)
    shake = None if settings.steady is False else measure_shake(images, always=settings.steady is True)
    steadying = None if shake is None else Steadying(shake)
    images = _steadied(images, steadying)
    measured = measure(images)
    chosen = choose(settings, measured, width=source.info.size[0])
    wider = build_prescan(chosen.settings)
    if wider.width != build_prescan(settings).width:
        images = _steadied(wider.pictures(source), steadying)
    if shake is not None and settings.steady == "auto":
        chosen = Chosen(chosen.settings, (_steady(shake), *chosen.changes))
    return Suited(chosen, TakenPictures(images, partial(_cleared, measured=measured)), steadying)


def _steadied(images: list[Image], steadying: Steadying | None) -> list[Image]:
    return images if steadying is None else [steadying.image(image) for image in images]


def _steady(shake: Shake) -> ChosenSetting:
    """That frames are steadied, and why."""
    width = shake.scene.shape[1]
    reason = f"the camera shakes by {shake.moved_px:.1f} pixels of a picture {width} wide"
    return ChosenSetting("steady", True, False, reason)


def _cleared(images: list[Image], measured: Measured | None) -> list[Image]:
    """The pictures without what moves, where that is known."""
    return without_dwellers(without_movers(images, measured))


def choose(settings: RunSettings, measured: Measured | None, *, width: int) -> Chosen:
    """The settings with every `auto` replaced that should have another value than the usual one.

    measured  None: nothing is known, and nothing replaced; as where pieces are of all sizes, since those may be noise
    width     of the clip's pictures, pixels
    """
    if measured is None or not measured.alike:
        return Chosen(settings, ())
    auto = tuple(_is_auto(settings))
    changes = tuple(change for change in _wanted(measured, width) if change.name in auto)
    overrides = [f"{change.name}={_text(change.value)}" for change in changes]
    return Chosen(read_settings(RunSettings, overrides=overrides, base=settings) if changes else settings, changes)


def _is_auto(settings: RunSettings) -> Iterator[str]:
    """The names of the settings that are `auto` and are read by a lane of the run."""
    kinds = {settings.of_lane(name)[0] for name in settings.lanes}
    for name, readers in SETTINGS.items():
        value: Any = settings
        for part in name.split("."):
            value = getattr(value, part, None)
        if value == "auto" and kinds & readers:
            yield name


def _wanted(measured: Measured, width: int) -> Iterator[ChosenSetting]:
    """What should differ from the usual values, for all settings."""
    side, (w, h) = measured.side_px, measured.size
    size = f"what moves is {side:.0f} pixels across in {w} x {h}"
    worked = min(width, _rounded(w * WORKED_PX / side))
    if worked > max(w, SMALL_PX):
        for name in ("gmm.working_width", "slots.working_width"):
            yield ChosenSetting(name, worked, SMALL_PX, size)
    shown = _rounded((w * h) ** 0.5 * SHOWN_PX / side)
    if shown > USUAL_SIDE_PX:
        yield ChosenSetting("foreground.side_px", shown, USUAL_SIDE_PX, size)
    area = float(f"{AREA_PART * measured.share:.1g}")
    if area < USUAL_AREA:
        for name in ("gmm.min_area", "slots.life.min_area", "blobs.min_area"):
            yield ChosenSetting(name, area, USUAL_AREA, f"what moves is {measured.share:.2g} of the picture")
    gap = float(f"{GAP_PART * measured.height_px / h:.1g}")
    if gap < USUAL_GAP:
        for name in ("gmm.close_height", "slots.life.close_height", "blobs.close_height"):
            yield ChosenSetting(name, gap, USUAL_GAP, f"what moves is {measured.height_px:.0f} of {h} pixels high")
    side_of = "darker" if measured.all_dark else "lighter"
    if measured.all_dark or measured.all_light:
        kind = f"all that moves is of one size and {side_of} than the ground, which the mixture finds"
        yield ChosenSetting("foreground.network", False, True, kind)
        threshold = round(CHANNELS * (CONTRAST_PART * measured.contrast / max(CALM, measured.noise)) ** 2)
        if threshold > USUAL_THRESHOLD:
            levels = f"what moves differs from the ground by {measured.contrast:.0f} grey levels"
            yield ChosenSetting("gmm.mixture.var_threshold", threshold, USUAL_THRESHOLD, levels)
    if measured.all_dark:
        kind = "all that moves is of one size and only darker than the ground, so that is no shadow"
        yield ChosenSetting("gmm.mixture.shadows", False, True, kind)


def _rounded(pixels: float) -> int:
    return ROUND_PX * -int(-pixels // ROUND_PX)


def _text(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
