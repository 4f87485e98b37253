"""Situations: one scripted scene each for what makes trackers fail, on a street whose looks, sizes and timing a seed draws.

Lengths are in frames, places and sizes in shares of the picture, so a situation is the same one at another size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np

from tracker.errors import SettingsError
from tracker.worlds.actors import Sprite
from tracker.worlds.arena import arena
from tracker.worlds.clip import DrawnClip, DrawnFrame
from tracker.worlds.shaking import ShakingCamera
from tracker.worlds.stage import OUTSIDE_PX, Path, ScriptedStreet, mean_colour, way
from tracker.worlds.standing import BIG, big, parked, stands, stood
from tracker.worlds.street import StreetSettings
from tracker.worlds.walking import TRAVERSE, comes_from_left, ends, passers, through, walker_size
from tracker.worlds.weather import Bushes, Cloud, Water

SIZE = (480, 360)
LEAST_SIZE, MOST_SIZE = (120, 90), (4096, 4096)
"""(width, height) between which a situation can be drawn: smaller, and its walkers are specks"""
MOST_OBJECTS = 200

STOP_FRAMES = 300
"""how long `stop` stops, at least"""
PILLAR_FRAMES = 40
"""how long `pillar` stops behind the pillar, about"""
SWITCH, SWITCHED = 0.35, (0.36, 0.52)
"""by which share the light jumps, and in which part of the clip"""
FAINT = (12.0, 20.0)
"""grey levels between somebody's mean colour and the ground's in `low-contrast`"""

SHAKE, FLUTTER = 0.0035, 0.003
"""standard deviations in `shake`: of the shift in widths of the picture (2.5 pixels of 720), and of the zoom as a share"""

PLAIN: Mapping[str, Any] = {
    "pairs": 0.0, "stop_rate": 0.0, "contrast": (1.0, 1.0), "shadow": (0.0, 0.35), "light_drift": 0.03, "noise": (1.5, 4.0),
    "compression": (60, 92), "pillars": (0, 0),
}  # fmt: skip
"""what a situation's street is like, but for what the situation is about"""


@dataclass(frozen=True)
class Situation:
    """One scripted scene."""

    says: str
    """what happens, in a line"""
    script: Callable[[ScriptedStreet], None]
    frames: int
    """its own length"""
    least: int
    """frames by which all of it has happened"""
    size: tuple[int, int] = SIZE
    settings: Mapping[str, Any] = field(default_factory=dict)
    """what of the street differs from PLAIN"""
    objects: int | None = None
    """how many at a time, where that can be chosen; 0: the script draws a number unless it is chosen"""


def draw_situation(
    name: str, *, seed: int, frames: int | None = None, size: tuple[int, int] | None = None, objects: int | None = None,
    fps: float = 25.0,
) -> DrawnClip:  # fmt: skip
    """Draw one of SITUATIONS whole; see `stream_situation`."""
    stage = _stage(name, seed=seed, frames=frames, size=size, objects=objects, fps=fps)
    drawn = list(_play(stage))
    images, labels = np.stack([d.image for d in drawn]), np.stack([d.labels for d in drawn])
    return DrawnClip(images, labels, tuple(d.boxes for d in drawn), stage.backdrop(), fps)


def stream_situation(
    name: str, *, seed: int, frames: int | None = None, size: tuple[int, int] | None = None, objects: int | None = None,
    fps: float = 25.0,
) -> Iterator[DrawnFrame]:  # fmt: skip
    """Draw one of SITUATIONS frame by frame; the same arguments give the same frames.

    frames   None: its own; more, and passers-by go on coming where there are any
    size     (width, height); None: its own
    objects  how many at a time, where that can be chosen

    Raises SettingsError, before anything is drawn, for a name, length, size or number that cannot be.
    """
    return _play(_stage(name, seed=seed, frames=frames, size=size, objects=objects, fps=fps))


def _play(stage: ScriptedStreet) -> Iterator[DrawnFrame]:
    for _ in range(stage.frames):
        yield DrawnFrame(*stage.step())


def _stage(
    name: str, *, seed: int, frames: int | None, size: tuple[int, int] | None, objects: int | None, fps: float
) -> ScriptedStreet:
    """The stage with the cast of a script on it."""
    situation = _checked(name, frames, size, objects)
    width, height = size or situation.size
    given = {**PLAIN, **situation.settings}
    settings = StreetSettings(width=width, height=height, frames=frames or situation.frames, fps=fps, **given)
    rng = np.random.default_rng((seed, crc32(name.encode())))  # situations of one seed are not on one street
    stage = ScriptedStreet(settings, rng, count=objects or situation.objects or 0)
    situation.script(stage)
    return stage


def _checked(name: str, frames: int | None, size: tuple[int, int] | None, objects: int | None) -> Situation:
    if name not in SITUATIONS:
        raise SettingsError(f"{name}: no such situation; there are {', '.join(SITUATIONS)}")
    situation = SITUATIONS[name]
    if frames is not None and frames < situation.least:
        raise SettingsError(
            f"{name}: {frames} frames end before it has happened; ask for at least {situation.least}, or leave --frames out"
        )
    if size is not None and not all(low <= v <= high for low, v, high in zip(LEAST_SIZE, size, MOST_SIZE, strict=True)):
        low, high = (f"{w}x{h}" for w, h in (LEAST_SIZE, MOST_SIZE))
        raise SettingsError(f"{name}: a size of {size[0]}x{size[1]} cannot hold it; choose {low} to {high}")
    if objects is not None and situation.objects is None:
        raise SettingsError(f"{name}: its script says who is in it; leave --objects out")
    if objects is not None and not 1 <= objects <= MOST_OBJECTS:
        raise SettingsError(f"{name}: {objects} objects are no crowd that can be drawn; choose 1 to {MOST_OBJECTS}")
    return situation


# --- who meets whom -------------------------------------------------------------------------------------------------


def _crossing(stage: ScriptedStreet) -> None:
    rng = stage.rng
    y, frames = rng.uniform(0.5, 0.9) * stage.height, rng.uniform(*TRAVERSE)
    first = walker_size(stage)
    second = (first[0] * rng.uniform(0.9, 1.1), first[1] * rng.uniform(0.92, 1.08))
    near = rng.choice([-0.01, 0.01]) * stage.height
    for size, at, from_left in ((first, y, True), (second, y + near, False)):
        start, own = rng.uniform(3, 18), frames * rng.uniform(0.95, 1.05)
        coming, going = ends(stage, size[0], from_left)
        path, enters = way([(start, coming, at), (start + own, going, at)], rng=rng)
        stage.add("walker", size, path, enters=enters)


def _company(
    stage: ScriptedStreet,
    *,
    together: float,
    beside: list[float],
    spread: list[tuple[float, float]],
    frames: float,
    y: float,
) -> None:
    """Walkers who come as one and part.

    together  share of the way after which they part
    beside    of each, how far it walks behind the first, in widths of the first
    spread    of each, share of the remaining way it goes in the time left, and its way aside in heights of the picture
    """
    rng, from_left = stage.rng, comes_from_left(stage)
    size, back = walker_size(stage), -1 if from_left else 1
    start, coming = rng.uniform(3, 12), ends(stage, size[0], from_left)
    state = rng.bit_generator.state
    for n, (behind, (pace, aside)) in enumerate(zip(beside, spread, strict=True)):
        shift, own = back * behind * size[0], (size[0], size[1] * (1 - 0.05 * n))
        parting = coming[0] + (coming[1] - coming[0]) * together
        end = parting + (coming[1] - parting) * pace
        part_at, last = start + together * frames, start + frames
        low = y + 0.012 * n * stage.height
        marks = [
            (start, coming[0] + shift, low),
            (part_at, parting + shift, low),
            (last, end + shift, low + aside * stage.height),
        ]
        beyond = coming[1] + 3 * (coming[1] - coming[0]) / abs(coming[1] - coming[0]) * size[0]
        speed = (end - parting) / (last - part_at)
        marks.append((last + (beyond - end - shift) / speed, beyond, low + aside * stage.height))
        later = rng.bit_generator.state
        rng.bit_generator.state = state  # one rhythm for all of them
        path, enters = way(marks, rng=rng)
        rng.bit_generator.state = later
        stage.add("walker", own, path, enters=enters)


def _parallel(stage: ScriptedStreet) -> None:
    rng = stage.rng
    up = rng.uniform(0.2, 0.26)
    _company(
        stage, together=rng.uniform(0.5, 0.6), beside=[0.0, rng.uniform(0.6, 0.75)], spread=[(1.0, -up), (0.85, up)],
        frames=rng.uniform(190, 215), y=rng.uniform(0.62, 0.7) * stage.height,
    )  # fmt: skip


def _group(stage: ScriptedStreet) -> None:
    rng = stage.rng
    gap, up = rng.uniform(0.6, 0.75), rng.uniform(0.27, 0.31)
    _company(
        stage, together=rng.uniform(0.35, 0.45), beside=[0.0, gap, 2 * gap],
        spread=[(1.0, -up), (0.9, 0.0), (0.75, up)], frames=rng.uniform(185, 210), y=rng.uniform(0.6, 0.68) * stage.height,
    )  # fmt: skip


def _stop(stage: ScriptedStreet) -> None:
    rng = stage.rng
    size, from_left = walker_size(stage), comes_from_left(stage)
    coming, going = ends(stage, size[0], from_left)
    y, frames, start = rng.uniform(0.72, 0.92) * stage.height, rng.uniform(*TRAVERSE), rng.uniform(2, 6)
    share = rng.uniform(0.22, 0.3)
    at, arrives = coming + share * (going - coming), start + share * frames
    goes = arrives + STOP_FRAMES + 8  # the rhythm of the steps may take a few
    marks = [(start, coming, y), (arrives, at, y), (goes, at, y), (goes + (1 - share) * frames, going, y)]
    path, enters = way(marks, rng=rng)
    stage.add("walker", size, path, enters=enters)
    passers(stage, 1, ground=(0.25, 0.4), start=(60, 120))


def _pillar(stage: ScriptedStreet) -> None:
    rng = stage.rng
    size, from_left = walker_size(stage), comes_from_left(stage)
    coming, going = ends(stage, size[0], from_left)
    y, frames, start = rng.uniform(0.68, 0.92) * stage.height, rng.uniform(*TRAVERSE), rng.uniform(3, 12)
    share = rng.uniform(0.42, 0.58)
    at, arrives = coming + share * (going - coming), start + share * frames
    stage.add_pillar(at, size[0] * rng.uniform(1.15, 1.3) + 2)
    goes = arrives + PILLAR_FRAMES
    marks = [(start, coming, y), (arrives, at, y), (goes, at, y), (goes + (1 - share) * frames, going, y)]
    path, enters = way(marks, rng=rng)
    stage.add("walker", size, path, enters=enters)
    passers(stage, 1, ground=(0.25, 0.4), start=(20, 60))


def _inside(stage: ScriptedStreet) -> None:
    """A vehicle as long as two fifths of the picture creeps through; a dog overtakes it on the viewer's side."""
    rng, from_left = stage.rng, comes_from_left(stage)
    width = rng.uniform(0.36, 0.42) * stage.width
    vehicle, y = (width, rng.uniform(0.34, 0.42) * stage.height), rng.uniform(0.7, 0.85) * stage.height
    dog = (rng.uniform(0.09, 0.12) * stage.width, rng.uniform(0.085, 0.11) * stage.height)
    coming, going = ends(stage, vehicle[0], from_left)
    start, frames = rng.uniform(2, 8), rng.uniform(340, 360)
    path, enters = way([(start, coming, y), (start + frames, going, y)])
    stage.add("vehicle", vehicle, path, enters=enters)
    # the dog sets out once the whole vehicle can be seen, and is past it before the vehicle leaves
    speed = (going - coming) / frames
    clear = start + (vehicle[0] + 2 * OUTSIDE_PX) / abs(speed) + rng.uniform(5, 12)
    x0, x1 = ends(stage, dog[0], from_left)
    path, enters = way([(clear, x0, y + 0.01), (clear + rng.uniform(140, 150), x1, y + 0.01)])
    stage.add("animal", dog, path, enters=enters, strip=_apart(stage, stage.cast[0].strip, dog, path))


def _apart(stage: ScriptedStreet, from_whom: list[Sprite], size: tuple[float, float], path: Path) -> list[Sprite]:
    """An animal that can be told from what it walks before, and from the ground."""
    for _ in range(20):
        strip = stage.plain_look("animal", size, path)
        if np.abs(mean_colour(strip) - mean_colour(from_whom)).mean() >= 40:
            break
    return strip


def _crowd(stage: ScriptedStreet) -> None:
    """A clip that begins with them inside, each in a lane of its own."""
    passers(stage, stage.count, height=(0.075, 0.11), ground=(0.12, 0.99), start=(-150, 0), gap=0, traverse=(160, 260))


SIZES_AT = (0.2, 0.33, 0.5, 0.72, 0.98)
"""where the walkers of `sizes` have their feet, in heights of the picture, the smallest first"""


def _sizes(stage: ScriptedStreet) -> None:
    rng = stage.rng
    widths = np.geomspace(8, max(12, 0.09 * stage.width), len(SIZES_AT))
    for n, (width, ground) in enumerate(zip(widths, SIZES_AT, strict=True)):
        size = (float(width), float(width) * rng.uniform(2.4, 2.7))
        marks = through(stage, size, ground * stage.height, rng.uniform(2, 40), rng.uniform(170, 210), n % 2 == 0)
        path, enters = way(marks, rng=rng)
        stage.add("walker", size, path, enters=enters)
    half = (0.5 * stage.width, 0.5 * stage.height)
    marks = through(
        stage, half, 0.97 * stage.height, rng.uniform(150, 165), rng.uniform(150, 170), comes_from_left(stage)
    )
    path, enters = way(marks)
    stage.add("vehicle", half, path, enters=enters)


# --- what befalls the picture ---------------------------------------------------------------------------------------


def _light_switch(stage: ScriptedStreet) -> None:
    passers(stage, 4)
    factor = 1 - SWITCH if stage.background.mean() > 125 else 1 + SWITCH
    first, last = (round(share * stage.frames) + int(stage.rng.integers(-8, 9)) for share in SWITCHED)
    stage.light_at = lambda frame: factor if first <= frame < last else 1.0


def _drift(stage: ScriptedStreet) -> None:
    passers(stage, 4)
    stage.clock = 0.0
    stage.light_speed = np.full(3, stage.rng.choice([-1.0, 1.0])) * (1.0, 0.9, 0.8)


def _shadow(stage: ScriptedStreet) -> None:
    rng, size = stage.rng, (stage.width, stage.height)
    stage.cloud = Cloud.gather(rng, size, strength=rng.uniform(0.35, 0.45), speed_px=0.004 * stage.width)
    stage.body_shadow = {
        "lean": rng.choice([-1, 1]) * rng.uniform(0.7, 1.2), "length": rng.choice([-1, 1]) * rng.uniform(0.35, 0.6),
        "strength": rng.uniform(0.4, 0.6), "blur_px": rng.uniform(0.8, 1.6) * stage.height / SIZE[1],
    }  # fmt: skip
    passers(stage, 4)


def _jitter(stage: ScriptedStreet) -> None:
    passers(stage, 4)


def _shake(stage: ScriptedStreet) -> None:
    stage.camera = ShakingCamera((stage.width, stage.height), shift_px=SHAKE * stage.width, zoom=FLUTTER)
    passers(stage, 4)


def _sway(stage: ScriptedStreet) -> None:
    rng, size = stage.rng, (stage.width, stage.height)
    stage.bushes = Bushes.grow(
        rng, size, share=rng.uniform(0.15, 0.25), amplitude_px=rng.uniform(1.5, 3.5), period_frames=rng.uniform(12, 30)
    )
    stage.water = Water.flood(rng, size, share=rng.uniform(0.25, 0.35), strength=rng.uniform(8, 14))
    passers(stage, 4)


def _low_contrast(stage: ScriptedStreet) -> None:
    middle = stage.background.mean((0, 1))
    # an even ground: where it changes by more than that, somebody of one colour would not be faint all the way
    stage.background = np.asarray(np.clip(middle + (stage.background - middle) * 0.3, 30, 225), np.float32)
    passers(stage, 4, look=_faint)


def _faint(stage: ScriptedStreet, size: tuple[float, float], path: Path) -> list[Sprite]:
    """Somebody in nearly the ground's colour, the parts of the body hinted at."""
    strip, ground = stage.plain_look("walker", size, path), stage.ground(size, path)
    wanted = ground + stage.rng.choice([-1, 1]) * stage.rng.uniform(*FAINT)
    middle = mean_colour(strip)
    faded = []
    for sprite in strip:
        colours = wanted + (sprite[..., :3] - middle) * 0.05
        faded.append(np.dstack([np.clip(np.round(colours), 0, 255).astype(np.uint8), sprite[..., 3]]))
    return faded


SITUATIONS: dict[str, Situation] = {
    "crossing": Situation("two walkers come from both sides and cover each other in full", _crossing, 220, 140),
    "parallel": Situation("two walk side by side, touching, and part", _parallel, 240, 190),
    "group": Situation("three enter as a group, touching, and spread", _group, 240, 170),
    "stop": Situation(f"one stops for {STOP_FRAMES} frames and goes on", _stop, 420, 400),
    "pillar": Situation(f"one stops behind a pillar for {PILLAR_FRAMES} frames and goes on", _pillar, 250, 190),
    "inside": Situation("a dog overtakes a large slow vehicle, inside its box", _inside, 370, 290),
    "sizes": Situation("walkers from 8 pixels of width up, and a vehicle of half the frame", _sizes, 340, 260),
    "crowd": Situation("forty small walkers at 640x480", _crowd, 240, 60, (640, 480), objects=40),
    "light-switch": Situation(f"the light jumps by {SWITCH:.0%} while four walk, and back", _light_switch, 260, 200),
    "drift": Situation(
        "strong slow drift of the light while four walk", _drift, 320, 160, settings={"light_drift": 0.35}
    ),
    "shadow": Situation("shadows of clouds drift over the scene, walkers cast long ones", _shadow, 260, 120),
    "jitter": Situation("the camera shakes, sd 1.5 pixels", _jitter, 220, 100, settings={"jitter_px": 1.5}),
    "sway": Situation("bushes sway and water ripples while four walk", _sway, 260, 100),
    "low-contrast": Situation(
        f"walkers {FAINT[0]:.0f} to {FAINT[1]:.0f} grey levels from the ground", _low_contrast, 240, 120,
        settings={"shadow": (0.0, 0.0), "light_drift": 0.0, "noise": (1.5, 2.5), "compression": (80, 92)},
    ),
    "stands": Situation("one comes in at 10 % of the clip and stands to its end", stands, 500, 400),
    "stood": Situation("one stands from the first frame and leaves at 90 % of the clip", stood, 500, 400),
    "parked": Situation("a vehicle comes and parks, another was parked and leaves", parked, 500, 400),
    "arena": Situation(
        "animals from above in an arena, with long stops, seen in infrared", arena, 450, 300, (640, 480),
        settings={"shadow": (0.0, 0.0), "noise": (4.0, 14.0)}, objects=0,
    ),
    "shake": Situation("the camera shakes and its zoom flutters", _shake, 260, 120, (720, 480)),
    "big": Situation(f"people {BIG[0]:.0%} to {BIG[1]:.0%} of the picture's height", big, 300, 160),
}  # fmt: skip
"""Every situation by its name."""
