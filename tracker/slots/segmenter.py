"""Lane `slots`: frame in, segmentation with lasting identities out. RNN-EM on video, slot by slot in a window of its own.

Greff, van Steenkiste and Schmidhuber, Neural Expectation Maximization, NIPS 2017. In every frame the slots predict (psi), the E-step
shares the pixels among them (gamma), the M-step lets each learn from its share (theta). Slots are associated with connected
foreground in between, which the paper's small pictures do not need. The loss (N-EM, equation 5) is that of the training:
`em.likelihoods.two_term_loss`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.judging import judge_frame
from tracker.resize import to_working_width
from tracker.slots.association import Association, Observation, apply, associate
from tracker.slots.blobs import Blobs, find_blobs
from tracker.slots.confidence import ConfidenceEstimator, entropies
from tracker.slots.e_step import OwnedPixels, Responsibilities, crop_frame, e_step
from tracker.slots.identity import update_identities
from tracker.slots.lifecycle import (
    Visibility,
    confirm,
    find_uncovered,
    part_jumps,
    spawn,
    terminate,
    update_visibility,
    visibility,
)
from tracker.slots.passing import find_place
from tracker.slots.perspective import Perspectives, learn_from, scale
from tracker.slots.pose import NOWHERE, PoseFit, coast, follow, mask_boxes, measure
from tracker.slots.report import at_frame_size, regions_of, reported_numbers, visible_boxes
from tracker.slots.settings import SlotsSettings
from tracker.slots.slot import Geometries, Slots
from tracker.slots.weights import Network
from tracker.timing import FrameTimer, Interval, lasts
from tracker.types import (
    BACKGROUND,
    FOREGROUND,
    RIM,
    UNSURE,
    Box,
    Frame,
    Image,
    Judgement,
    Mask,
    Region,
    Scene,
    Segmentation,
    Verdicts,
    Working,
)

Array = NDArray[np.float32]
Size = tuple[int, int]
"""(width, height) of the working picture"""

LESSON_FRAMES = 2
"""what was found to be object in frame t is known to the scene from frame t + 2 on: the frame between may be judged meanwhile"""

ASK_EVERY_S = 0.2
"""seconds of evidence between two frames in which slots are asked whether something has left there: in each it is a tenth of all work"""


@dataclass(frozen=True)
class Judged:
    """A frame after the first stage."""

    image: Image
    """(H, W, 3) the working picture"""
    verdict: Verdicts
    """(H, W)"""
    judgement: Judgement | None
    """the scene's; None for a blank picture, which says nothing, and in a later pass, which teaches nothing"""
    time_s: float
    scene: int | None
    """see `Frame.scene`"""
    frame_size: Size
    """(width, height)"""


@dataclass(frozen=True)
class Lesson:
    """What the scene is to learn from one frame; see `Scene.learn`."""

    number: int
    """of the frame, counted since the start"""
    scene: int
    judgement: Judgement
    objects: Mask | None
    uncovered: Mask | None
    """where what was learned as the scene has left; None for nowhere"""
    dt_s: float


class SlotsSegmenter:
    """Windowed RNN-EM over a video, a `TwoStageSegmenter`: the scene is the first stage's, the slots are the second's.

    settings  the lane's; network  a trained cell; scene  component 0, used by this lane alone
    """

    def __init__(self, settings: SlotsSettings, *, network: Network, scene: Scene[Any]) -> None:
        self.settings, self.network, self.scene = settings, network, scene
        self._slots = Slots(network.cell.settings)
        self._prepared = self._frozen = False
        self._causal = True
        self._forget()

    def _forget(self) -> None:
        self._slots.clear()
        self._last_number = 0
        self._timer = FrameTimer(self.settings.life.hidden_s)
        self._interval = Interval()
        self._visited: Mask = np.zeros((0, 0), bool)
        self._visited_scene: int | None = 0
        self._judged = self._assigned = 0
        self._scene_judged: int | None = None
        self._lessons: deque[Lesson] = deque()
        self._unasked_s = 0.0
        self._perspectives = Perspectives()
        self.estimator = ConfidenceEstimator()

    def freeze(self, frozen: bool) -> None:
        """While frozen, judge, and learn nothing of the scene."""
        self._frozen = frozen

    def reset(self) -> None:
        """Forget the scene and every object."""
        self.scene.reset()
        self._prepared = False
        self._forget()

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none the scene warms up on the first frames."""
        self.scene.prepare([to_working_width(image, self.settings.width) for image in images])
        self._prepared = len(images) > 0

    def empty_scene(self) -> Image | None:
        """(h, w, 3) the present scene without objects; None as long as it is not known."""
        return self.scene.empty_scene()

    def step(self, frame: Frame) -> Segmentation:
        """One iteration of RNN-EM with this frame; labels are identities."""
        return self.assign(frame, self.judge(frame))

    def judge(self, frame: Frame) -> Judged:
        """The scene's verdict on every pixel. A blank picture says nothing: every slot is hidden in it."""
        number, self._judged = self._judged, self._judged + 1
        self._learn(number)
        image = frame.picture.at(self.settings.width)
        place = frame.time_s, frame.scene, frame.size
        if frame.scene is None:
            return Judged(image, np.full(image.shape[:2], BACKGROUND, np.uint8), None, *place)
        self.scene.enter(frame.scene)
        self._scene_judged = frame.scene
        judgement = judge_frame(self.scene, image, flood=self.settings.life.flood, frozen=self._frozen)
        return Judged(image, judgement.verdicts, judgement, *place)

    def assign(self, frame: Frame, judged: Judged) -> Segmentation:
        """Every pixel to a slot, by what the scene says of the frame."""
        return self._assign(judged)

    @property
    def working_width(self) -> Working:
        """At which it asks for a frame's picture."""
        return self.settings.width

    def expect_more_passes(self) -> None:
        """Said before the first frame: there will be more passes, which tell better who falls into two and who has two pieces."""
        self._causal = False

    def later_pass(self, learned: object) -> SlotsSegmenter:
        """One without slots for another pass over the frames that this one judged."""
        assert isinstance(learned, Perspectives)
        other = SlotsSegmenter(self.settings, network=self.network, scene=self.scene)
        other.expect_more_passes()
        other._perspectives = learned
        return other

    def step_judged(
        self, image: Image, verdicts: Verdicts, *, time_s: float, scene: int | None, size: Size
    ) -> Segmentation:
        """A frame that was judged before: see `types.LaterPass`."""
        return self._assign(Judged(image, verdicts, None, time_s, scene, size))

    def _assign(self, judged: Judged) -> Segmentation:
        slots, life = self._slots, self.settings.life
        interval = self._predict(judged.time_s)
        image, rim = judged.image, judged.verdict == RIM
        verdict = np.where(rim, np.uint8(UNSURE), judged.verdict)
        size = image.shape[1], image.shape[0]
        perspective = self._perspectives.of(judged.scene)
        scale(slots, size[1], perspective)
        # E-step (N-EM, equation 3): who is responsible for which pixel, by psi predicted for this frame
        predicted = slots.poses.copy()
        psi = slots.predictions()
        responsibilities = e_step(image, verdict, psi, predicted, self.network.settings.pixels)
        # associate: which slots are isolated, merged, occluded; what is new
        blobs = find_blobs(verdict, life)
        seen = Observation(
            image, blobs, responsibilities.labels, self._visit(judged.scene, verdict), interval.look_s, self._causal
        )
        association = associate(seen, slots.records, predicted, life)
        apply(association, blobs, responsibilities, slots, life)
        owned = responsibilities.owned()
        # identify: who is seen, and who is who
        shown = visibility(slots.records, responsibilities, association, image, verdict, life)
        update_visibility(slots.records, shown, association, life, interval)
        support = shown.support(association.isolated)
        superseded = confirm(slots.records, predicted, association, support, size, life, self._next_number)
        colours = update_identities(
            slots.records, image, responsibilities.labels, association, shown.shown, look_s=interval.look_s
        )
        # M-step (RNN-EM): theta of the next frame from what each slot is responsible for in this one
        fitted = self._m_step(image, verdict, responsibilities, association)
        # measure: positions by the blobs where they are certain
        found = {k: find_place(image, psi[k], predicted[k]) for k in association.passing if not slots[k].hidden}
        boxes = self._measure(association, blobs, shown, predicted, fitted, size, interval, found)
        grown = learn_from(
            slots, association.isolated, shown.shown, size, perspective, known_s=life.grow_s, look_s=interval.look_s
        )
        self._perspectives = self._perspectives.after(judged.scene, grown)
        part_jumps(slots.records, boxes, interval.dt_s, self._next_number)
        # report
        regions = self._regions(responsibilities, boxes, association, verdict, interval, colours)
        numbers = reported_numbers(slots.records)
        labels = owned.without(rim).painted(numbers)
        # slots end, and begin
        terminate(slots, association, superseded, size, life, look_s=interval.look_s, causal=self._causal)
        spawn(slots, association.births, image, self.settings)
        if judged.judgement is not None and judged.scene is not None:
            self._lessons.append(self._lesson(judged.scene, judged.judgement, owned, numbers, interval))
            labels = judged.judgement.complete(labels)
        self._assigned += 1
        if self.settings.boxes == "visible":
            regions = visible_boxes(regions, labels)
        large = blobs.painted(blobs.areas >= life.least_area * blobs.labels.size)
        foreground = (labels > 0) | (large & ~rim)
        made = at_frame_size(labels, foreground, regions, judged.frame_size, judged.verdict)
        return replace(made, learned=self._perspectives)

    def _predict(self, time_s: float) -> Interval:
        """Bring what was predicted for the usual interval to the time of this frame; over a gap no slot goes on."""
        before, now = self._interval, self._timer.step(time_s)
        self._interval = now
        if now.gap:
            self._slots.clear()
        elif len(self._slots):
            # a pose was predicted one usual interval after the last frame, and a velocity is the way in one such interval
            self._slots.shift(now.dt_s / before.usual_s - 1, now.usual_s / before.usual_s)
        return now

    def _learn(self, number: int) -> None:
        """Tell the scene what was found in frames up to LESSON_FRAMES before that one, and in no later one."""
        if self._assigned <= number - LESSON_FRAMES:
            raise RuntimeError(f"frame {number} is judged before frame {number - LESSON_FRAMES} was assigned")
        while self._lessons and self._lessons[0].number <= number - LESSON_FRAMES:
            lesson = self._lessons.popleft()
            # where the scene has changed since, what it was is kept, less two frames
            if lesson.scene == self._scene_judged and not self._frozen:
                self.scene.learn(lesson.judgement, lesson.objects, dt_s=lesson.dt_s)
                if lesson.uncovered is not None:
                    self.scene.uncover(lesson.judgement, lesson.uncovered)

    def _lesson(
        self, scene: int, judgement: Judgement, owned: OwnedPixels, numbers: NDArray[np.int32], interval: Interval
    ) -> Lesson:
        """What the scene is to learn from this frame, whose slots own pixels under those numbers."""
        objects, uncovered = self._known_objects(owned, numbers), None
        self._unasked_s += interval.look_s
        if lasts(self._unasked_s, ASK_EVERY_S):
            uncovered = find_uncovered(
                self._slots.records, owned.painted(numbers), judgement,
                usual_s=interval.usual_s, look_s=self._unasked_s,
            )  # fmt: skip
            self._unasked_s = 0.0
        return Lesson(self._assigned, scene, judgement, objects, uncovered, interval.dt_s)

    def _visit(self, scene: int | None, verdict: NDArray[np.uint8]) -> Mask:
        """(H, W) where objects of that scene were seen before this frame, whose objects are added for the next."""
        other = scene is not None and scene != self._visited_scene
        if other or self._visited.shape != verdict.shape:
            self._visited = np.zeros(verdict.shape, bool)
        if scene is not None:
            self._visited_scene = scene
        visited = self._visited
        # its rims left out: a blob laps over the post it goes behind
        self._visited = visited | (cv2.erode((verdict == FOREGROUND).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
        return visited

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _m_step(
        self, image: Image, verdict: NDArray[np.uint8], responsibilities: Responsibilities, association: Association
    ) -> Array:
        """theta_k <- RNN(gamma_k, x, psi_k, theta_k); returns the poses (K, 4) that fit this frame, the state's are for the next."""
        slots = self._slots
        if not len(slots):
            return np.zeros((0, 4), np.float32)
        seen = crop_frame(image, verdict, responsibilities, slots.poses, self.network.settings.cell.grid_px)
        visible = np.array(
            [not slot.hidden and k not in association.passing for k, slot in enumerate(slots)], np.float32
        )
        fit = np.array([k not in association.merged for k in range(len(slots))], np.float32)
        slots.state = state = self.network.cell(slots.state, seen, visible=visible, fit=fit)
        fitted = state.pose.copy()
        fitted[:, :2] -= state.velocity
        return fitted

    def _measure(
        self,
        association: Association,
        blobs: Blobs,
        shown: Visibility,
        predicted: Array,
        fitted: Array,
        size: Size,
        interval: Interval,
        found: Mapping[int, tuple[float, float]],
    ) -> list[Box]:
        """Hold the slots by what is certain: one that is isolated is where its blob is, a merged one keeps its size.

        Returns the slots' boxes in this frame, hidden parts included.
        """
        slots, life = self._slots, self.settings.life
        geometry = Geometries.of([slot.geometry for slot in slots])
        fit = PoseFit(predicted, fitted, slots.poses, slots.state.velocity, mask_boxes(slots.masks(), fitted))
        boxes = np.zeros((len(slots), 4))
        certain = [k for k, slot in enumerate(slots) if k in association.isolated and not slot.hidden]
        seen = np.array([association.isolated[k] for k in certain], float).reshape(-1, 4)
        visible = shown.shown[certain].astype(float)
        passing = list(found)
        others = sorted(set(range(len(slots))) - {*certain, *passing})
        shared = [blobs.boxes[b] if (b := association.blob_of(k)) else NOWHERE for k in others]
        inside, hidden = np.array(shared, float).reshape(-1, 4), np.array([slots[k].hidden for k in others], bool)
        measured = measure(
            geometry.at(certain), seen, fit.at(certain), visible, size, life, interval, causal=self._causal
        )
        places = np.array([found[k] for k in passing], float).reshape(-1, 2)
        followed = follow(geometry.at(passing), places, fit.at(passing), size, interval)
        coasting = coast(
            geometry.at(others), inside, fit.at(others), size, life, interval, hidden=hidden, causal=self._causal
        )
        for rows, placed in ((certain, measured), (passing, followed), (others, coasting)):
            slots.correct(rows, placed.geometry, placed.pose, placed.velocity)
            boxes[rows] = placed.box
        return [Box(*box) for box in boxes.tolist()]

    def _regions(
        self,
        responsibilities: Responsibilities,
        boxes: list[Box],
        association: Association,
        verdict: NDArray[np.uint8],
        interval: Interval,
        colours: Mapping[int, Array],
    ) -> list[Region]:
        """Confirmed slots, at working size."""
        slots, entropy = self._slots.records, entropies(responsibilities)
        confidence = self.estimator.judge(
            slots, responsibilities, boxes, association,
            entropy=entropy, foreground=verdict == FOREGROUND, dt_s=interval.dt_s,
        )  # fmt: skip
        return regions_of(slots, boxes, confidence, entropy, association.isolated, colours)

    def _known_objects(self, owned: OwnedPixels, numbers: NDArray[np.int32]) -> Mask | None:
        """(H, W) what the scene must not learn, so that what stops neither fades nor leaves a ghost.

        Without a prescan a thing that has never moved may be scenery that the scene got wrong: after a while it is given up.
        """
        still_s = self.settings.life.still_s
        kept = [
            slot.number for slot in self._slots
            if slot.number and (self._prepared or slot.moved or not lasts(slot.age_s, still_s))
        ]  # fmt: skip
        return owned.painted(np.isin(numbers, kept)) if kept else None
