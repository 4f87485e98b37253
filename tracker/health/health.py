"""A sink that measures how far a run can be trusted, without any truth, and says it in plain sentences."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import median

import cv2
import numpy as np

from tracker.health.camera import CameraShift
from tracker.health.lanes import LaneAgreement, LifeLengths
from tracker.health.picture import Light, Noise
from tracker.health.presence import Presence
from tracker.health.warnings import MANY
from tracker.timing import FrameTimer, WarmUp
from tracker.types import Finding, Level, Moment, Outcome, same_size_foregrounds

GAP_S = 1.0
"""as the background has it"""
REMEMBERED = 10_000
"""first frame intervals, whose median is how long a frame lasts"""
MASKS_EVERY = 2
"""one in so many frames has its foregrounds compared"""

# Bounds (good below, bad above), set between what the clips of the data sets gave and what drawn trouble gave.
NOISE = (4.0, 8.0)
"""grey levels. PETS 0.1, CAVIAR 1.5, highway 1.7, canoe 3.9 (water)"""
SHAKE = (0.3, 1.0)
"""pixels a frame. Eight fixed cameras 0.003 to 0.09; a drawn jitter of 1 px gives 2"""
LIFE_S = (4.0, 1.5)
"""median life, good above, bad below. PETS 7 and 9, CAVIAR 2.1 and 3.8, highway 0.3 and 1.9"""
SHORT = (0.3, 0.6)
"""share of lives under a second. PETS 0.2, CAVIAR 0.4 and 0.75, highway 0.4 and 0.7, canoe (water) up to 1"""
DOUBT = (0.65, 0.9)
"""bits. Over all people of PETS the median is 0.49, most of it at their rims; in meetings highway 0.45,
CAVIAR 0.63, PETS 0.85"""
MASKS = (0.8, 0.6)
"""IoU, good above, bad below. PETS 0.93, vehicles 0.94, highway 0.87, CAVIAR 0.50"""
BOXES = (0.75, 0.5)
"""share, good above, bad below. PETS 0.82, highway 0.82, vehicles 0.74, CAVIAR 0.41"""
NOTHING = (
    "Nothing was found in the whole clip: look at the video whether there is anything to find. Small objects need a "
    "smaller gmm.min_area and slots.life.min_area, such as 0.00005; dark grey ones on plain ground are taken for shadow "
    "unless gmm.mixture.shadows=false; what hardly moves in the part looked at is taken for background: take a longer part."
)
"""Each found by its setting: fish of 0.0001 of the picture, dark on grey; flies that sat still for 12 s of 60"""
GIVEN_UP = "Use a smaller picture or a lower rate, a faster machine, or this lane alone (--lanes)."
MORE_SURE = "raise gmm.min_area and slots.life.min_area, or linker.confirm_s and slots.life.confirm_s"
ENOUGH = 10
"""identities that must have ended before their lengths are judged"""
UNSURE = 0.5
"""share of looks at the camera that must have told something"""
COVERED = 0.3
"""share of foreground in any lane above which the picture does not tell whether the camera moved"""
BLANK = 0.5
"""share of frames without the scene from which a run is in doubt"""
REPEATED = 0.2
"""share of repeated frames that is worth a word"""


class Health:
    """Measures of a run's health, taken while it runs; memory does not grow with the clip.

    lanes           names, in the order in which they are shown
    warm_up_s       seconds watched before the background is known; 0 after a prescan
    pairs           whether every two lanes are compared, which costs more than all the rest
    """

    def __init__(self, lanes: Sequence[str], *, warm_up_s: float = 0.0, pairs: bool = True) -> None:
        self._warm_up_s, self._warming = warm_up_s, WarmUp(warm_up_s)
        self._warm_up_frames = 0
        self._timer = FrameTimer(GAP_S)
        self._lives = {lane: LifeLengths() for lane in lanes}
        self._agreements = {pair: LaneAgreement() for pair in combinations(lanes if pairs else (), 2)}
        self._noise, self._light, self._presence = Noise(), Light(), Presence()
        self._camera: CameraShift | None = None
        self._frames = 0
        self._first_s, self._last_s = 0.0, 0.0
        self._intervals_s = array("d")
        self._added: list[Finding] = []

    def write(self, moment: Moment) -> None:
        """Look at one moment."""
        frame = moment.frame
        if self._warm_up_s and not self._warming.done:
            self._warm_up_frames += 1
            self._warming.add(self._timer.step(frame.time_s).dt_s)
        if not self._frames:
            self._first_s = frame.time_s
        self._presence.add(frame.scene, frame.time_s)
        self._look_at(moment)
        for lane, lives in self._lives.items():
            lives.add(moment.view(lane), frame.time_s)
        for (a, b), agreement in self._agreements.items():
            views = moment.view(a), moment.view(b)
            agreement.add_boxes(*([track.box for track in view.tracks if not track.hidden] for view in views))
            if self._frames % MASKS_EVERY == 0:
                found = same_size_foregrounds([view.segmentation for view in views])
                agreement.add_masks(*(foreground[::2, ::2] for foreground in found))
        if self._frames and len(self._intervals_s) < REMEMBERED:
            self._intervals_s.append(frame.time_s - self._last_s)
        self._frames += 1
        self._last_s = frame.time_s

    def _look_at(self, moment: Moment) -> None:
        """What the picture tells of noise, light and camera; a blank one, or another scene, tells nothing."""
        frame = moment.frame
        small = np.asarray(cv2.cvtColor(frame.tiny, cv2.COLOR_RGB2GRAY), np.uint8)
        if self._camera is None:
            self._camera = CameraShift((frame.size[0] / small.shape[1], frame.size[1] / small.shape[0]))
        if frame.scene != 0:
            for watch in (self._noise, self._light, self._camera):
                watch.interrupt()
            return
        self._noise.add(frame.picture)
        self._light.add(small, frame.time_s)
        if max((float(view.segmentation.foreground[::4, ::4].mean()) for view in moment.views), default=0.0) > COVERED:
            self._camera.interrupt()
        else:
            self._camera.add(small, frame.time_s)

    def close(self, outcome: Outcome) -> None:
        """Nothing to finish."""

    def findings(self) -> tuple[Finding, ...]:
        """What was found so far: of the clip first, then of each lane, then of each pair of lanes."""
        clip = (
            self._warm_up(),
            self._scene_lost(),
            self._light_switched(),
            self._camera_moved(),
            self._camera_shakes(),
            self._noisy(),
        )
        lanes = (finding for lane, lives in self._lives.items() for finding in self._of_lane(lane, lives))
        pairs = (f for (a, b), each in self._agreements.items() for f in _of_pair(f"{a} / {b}", each))
        return (*clip, *lanes, *pairs, *self._added)

    def add(self, finding: Finding) -> None:
        """Something that was measured elsewhere."""
        self._added.append(finding)

    def _warm_up(self) -> Finding:
        count = self._warm_up_frames
        level: Level = "good" if not count else "bad" if count >= self._frames else "look"
        advice = {
            "good": "The background was known before the first frame was judged.",
            "look": f"The first {count} frames were taken for the empty scene: nothing is found in them, and who stood "
            "in them may leave a ghost. Use a file rather than a camera, or leave the prescan on, to avoid this.",
            "bad": "The clip ended before the background was known, so its results mean nothing. Use a longer clip or "
            "leave the prescan on.",
        }[level]
        return Finding("warm_up", "Warm-up", None, float(count), "frames", level, advice)

    def _scene_lost(self) -> Finding:
        presence = self._presence
        count = presence.blank + presence.others
        said = []
        if presence.blank:
            said.append(
                f"{presence.blank} frames are blank (no signal, black, covered), first {presence.lost_s}: nothing is "
                "found in them and nothing is learned from them. Look at the camera, its cable and the recorder."
            )
        if presence.others:
            said.append(
                f"{presence.others} frames show another scene for seconds on end, which is learned as one of its own: "
                "nothing is found in its first frames. If the camera was turned or the clip was cut, run the parts by themselves."
            )
        level: Level = "good" if not count else "bad" if count > BLANK * self._frames else "look"
        advice = " ".join(said) or "Every frame shows the scene."
        return Finding("scene_lost", "Scene lost", None, float(count), "frames", level, advice, presence.lost_s.first)

    def _light_switched(self) -> Finding:
        times = self._light.switched_s
        advice = "The light did not jump." if self._frames > 1 else "It takes two frames to see the light jump."
        if times.count:
            advice = (
                f"The light jumped by up to {100 * self._light.largest:.0f} % {times}. Foreground found within "
                "seconds of a jump may be light: look at those moments before you count on births there."
            )
        level: Level = "unknown" if self._frames < 2 else "look" if times.count else "good"
        return Finding(
            "light_switched", "Light switched", None, float(times.count), "times", level, advice, times.first
        )

    def _camera_moved(self) -> Finding:
        name, title = "camera_moved", "Camera moved"
        camera = self._camera
        if camera is None or not camera.checks or camera.unsure > (1 - UNSURE) * camera.checks:
            advice = "The picture has too few lasting edges to tell; look at the video to see whether the camera moved."
            return Finding(name, title, None, None, "px", "unknown", advice)
        times, far = camera.moved_s, camera.farthest_px
        if not times.count:
            return Finding(name, title, None, 0.0, "px", "good", "The camera stood where it was.")
        advice = (
            f"The picture shifted by up to {far:.1f} pixels and stayed so {times}. The background had to be learned "
            "anew: cut the clip there and run the parts by themselves, or fix the camera."
        )
        return Finding(name, title, None, far, "px", "bad", advice, times.first)

    def _camera_shakes(self) -> Finding:
        shake = self._camera.shake_px if self._camera else None
        level = _rising(shake, SHAKE)
        advice = {
            "good": "The picture is steady.",
            "look": "The picture trembles a little: edges of the scene may show up as foreground. Steady the camera if "
            "you can.",
            "bad": "The picture shakes by a pixel or more from frame to frame: edges of the scene show up as foreground "
            "and identities break. Fix the camera. A file's frames are steadied for the lanes unless steady is no.",
            "unknown": "The picture has too few lasting edges to tell whether it shakes.",
        }[level]
        return Finding("camera_shakes", "Camera shakes", None, shake, "px", level, advice)

    def _noisy(self) -> Finding:
        sigma = self._noise.sigma
        level = _rising(sigma, NOISE)
        advice = {
            "good": "The picture has little noise.",
            "look": "The picture is noisy: dull objects may be missed. More light or a larger aperture helps.",
            "bad": "The picture is very noisy: objects that differ little from the scene are lost, and specks are found. "
            "Give more light, or raise gmm.mixture.var_threshold.",
            "unknown": "No two different frames came, so the noise is not known.",
        }[level]
        if self._noise.pairs and self._noise.repeated >= REPEATED * self._noise.pairs:
            share = 100 * self._noise.repeated / self._noise.pairs
            advice += f" {share:.0f} % of the frames repeat the one before: the clip's frame rate is not the camera's."
        return Finding("noise", "Noise", None, sigma, "grey levels", level, advice)

    def _of_lane(self, lane: str, lives: LifeLengths) -> Iterator[Finding]:
        minutes = (self._last_s - self._first_s) / 60
        # the usual interval, not the mean one: a gap of hours is no frame's length
        lengths = lives.lengths_s(median(self._intervals_s) if self._intervals_s else 0.0)
        rate = lives.identities / minutes if minutes > 0 else None
        life_s = float(np.median(lengths)) if len(lengths) else None
        # a clip may be too short for any life to be long
        level = _falling(life_s, (min(LIFE_S[0], 20 * minutes), min(LIFE_S[1], 8 * minutes)))
        advice = {
            "good": "Most identities last.",
            "look": "Identities are rather short: see in the timeline whether objects are that quick or their tracks broken.",
            "bad": "Most identities live a moment only: objects pass in no time, tracks are broken, or specks are tracked. "
            f"Look at the video; against specks, {MORE_SURE}.",
            "unknown": "No frame was judged with the background known.",
        }
        often = {
            "good": "Compare this with how many objects you see pass in a minute: more means broken tracks, or specks.",
            "unknown": advice["unknown"],
        }
        name, title = "identities_per_minute", "Identities a minute"
        flooded = rate is not None and rate > MANY and lives.ended >= ENOUGH and (lives.short or 0) > SHORT[1]
        if not lives.identities and lives.off:
            yield Finding(name, title, lane, rate, "per min", "look", _given_up(lives, self._frames))
        elif not lives.identities and self._frames > self._warm_up_frames:
            yield Finding(name, title, lane, rate, "per min", "look", NOTHING)
        elif flooded:
            yield Finding(name, title, lane, rate, "per min", "bad", _flood(lives))
        else:
            yield Finding(name, title, lane, rate, "per min", level, often.get(level, often["good"]))
        advice["unknown"] = "No identity was found, so there are no lives to measure."
        yield Finding("median_life_s", "Median life", lane, life_s, "s", level, advice[level])
        # in a short clip only the short ones have ended
        short = lives.short if lives.ended >= ENOUGH else None
        level = _rising(short, SHORT)
        advice = {
            "good": "Few identities end within a second.",
            "look": "Some identities end within a second: look whether they are fragments of others, leaves or shadows.",
            "bad": "Many identities end within a second: quick objects, or fragments, leaves, water or light tracked as "
            f"objects. Against those, {MORE_SURE}.",
            "unknown": f"Only {lives.ended} of {lives.identities} identities have ended: too few to tell.",
        }
        yield Finding("short_lives", "Lives under a second", lane, short, "share", level, advice[level])
        yield _jumps(lane, lives)
        level = _rising(lives.mean_entropy, DOUBT)
        advice = {
            "good": "Where objects meet it is clear whose the pixels are.",
            "look": "Where objects meet it is not always clear whose the pixels are: look at the splits for switches.",
            "bad": "Where objects meet it is a guess whose the pixels are: do not trust identities across a meeting without "
            "a look.",
            "unknown": "No two objects met."
            if lives.weighs or not lives.identities
            else "This method gives every pixel to one owner and has no doubts to show.",
        }
        yield Finding("ownership_doubt", "Doubt in meetings", lane, lives.mean_entropy, "bits", level, advice[level])


def _given_up(lives: LifeLengths, frames: int) -> str:
    looked = frames - lives.off
    found = f"Nothing was found in the {looked} frames that were looked at" if looked else "Nothing was looked at"
    return f"{found}: the lane was given up for lack of time in {lives.off} of {frames} frames. {GIVEN_UP}"


def _jumps(lane: str, lives: LifeLengths) -> Finding:
    """How often an identity went over to something else."""
    times = lives.jumped_s
    advice = "No identity made a step longer than its object and than its speed explains."
    if times.count:
        advice = (
            f"Identities jumped {times}: to somewhere no object can have moved in that time. From there on the identity is "
            "another object's."
        )
    elif not lives.identities:
        advice = "No identity was found, so none can have jumped."
    level: Level = "unknown" if not lives.identities else "look" if times.count else "good"
    return Finding("identity_jumps", "Identity jumps", lane, float(times.count), "times", level, advice, times.first)


def _flood(lives: LifeLengths) -> str:
    return (
        f"{lives.identities} identities, {100 * (lives.short or 0):.0f} % of them shorter than a second: rain, snow, water, leaves or "
        f"noise tracked as objects, or quick objects in pieces. Look at the video; against specks, {MORE_SURE}."
    )


def _of_pair(pair: str, agreement: LaneAgreement) -> Iterator[Finding]:
    level = _falling(agreement.masks, MASKS)
    advice = {
        "good": "Both find the same foreground.",
        "look": "They differ about some of the foreground: see the map of disagreement for where.",
        "bad": "They differ about what is foreground: at least one is wrong. See the map of disagreement, and look for "
        "shadows, holes in objects, or things that stopped.",
        "unknown": "Neither found any foreground, so there is nothing to compare.",
    }
    yield Finding("agreement_masks", "Agreement of foregrounds", pair, agreement.masks, "IoU", level, advice[level])
    level = _falling(agreement.boxes, BOXES)
    advice = {
        "good": "Most objects found by one are found by the other.",
        "look": "Some objects are found by one only, or in other pieces: look at the frames where they disagree most.",
        "bad": "They cut the scene into different objects: look at the frames where they disagree most before you trust "
        "either's counts.",
        "unknown": "Neither found any object, so there is nothing to compare.",
    }
    yield Finding("agreement_boxes", "Agreement of objects", pair, agreement.boxes, "share", level, advice[level])


def _rising(value: float | None, bounds: tuple[float, float]) -> Level:
    """The level of a measure that is better small."""
    if value is None:
        return "unknown"
    return "good" if value <= bounds[0] else "look" if value <= bounds[1] else "bad"


def _falling(value: float | None, bounds: tuple[float, float]) -> Level:
    """The level of a measure that is better large."""
    return _rising(None if value is None else -value, (-bounds[0], -bounds[1]))
