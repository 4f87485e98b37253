"""The neural lane: frame in, segmentation with lasting identities out. Holds the recurrent state and little else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tracker.foreground.ground import Ground, Scene
from tracker.labels import find_windows
from tracker.slots.blobs import Settled, find_blobs, settle
from tracker.slots.cell import Sight, SlotState
from tracker.slots.confidence import Witness
from tracker.slots.e_step import FOREGROUND, Shares, look, look_at, share_out
from tracker.slots.entropy import doubts
from tracker.slots.identity import body_of, exchange_names, find_usurper, meet, part_colours, see
from tracker.slots.lifecycle import Birth, Life, doubles, find_known, find_returning, is_dead
from tracker.slots.pose import (
    HIDDEN_SIZE_RATE,
    WHOLE,
    anchor_alone,
    anchor_unsure,
    box_about,
    clipped,
    mask_box,
    touches_border,
)
from tracker.slots.settings import SlotsSettings
from tracker.slots.weights import Network
from tracker.timing import REFERENCE_S, FrameTimer, Interval, lasts, rate_over
from tracker.types import Box, Frame, Image, Mask, Region, Segmentation

Array = NDArray[np.float32]

AREA_RATE = 0.2
"""share of the way to a newly measured area in a frame at 25 frames a second"""
COLOUR_RATE = 0.1
"""the same to a newly measured mean colour"""
MOVED_SIZES = 0.5
"""a slot that went this many of its sizes from its birthplace is no piece of scenery"""


class SlotsSegmenter:
    """Windowed RNN-EM over a video.

    settings  the lane's; network  a trained cell; scene  component 0, used by this lane alone
    device    where the cell runs; the E-step stays on the CPU
    """

    def __init__(self, settings: SlotsSettings, *, network: Network, scene: Scene, device: str = "cpu") -> None:
        self.settings, self.network, self.scene, self.device = settings, network, scene, device
        self.weights_digest = network.digest
        # windows are too small to be shared out: on two idle cores one thread took 15.3 ms a frame, two 16.5 to 19.8; and
        # on busy ones torch's waiting threads spin against the decoder and the encoder
        torch.set_num_threads(1)
        self._prepared = False
        self._forget()

    def _forget(self) -> None:
        self._end_all()
        self._next_id = 1
        self._timer = FrameTimer(self.settings.life.hidden_s)
        self._interval = Interval()
        self._trodden: Mask | None = None  # (H, W) where objects were seen in earlier frames
        self.witness = Witness()

    def _end_all(self) -> None:
        size = self.network.settings.cell.grid_px
        self._state = self.network.cell.birth(torch.zeros(0, 4), torch.zeros(0, 3, size, size))
        self._lives: list[Life] = []

    def reset(self) -> None:
        """Forget the scene and every object."""
        self.scene.reset()
        self._prepared = False
        self._forget()

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none the scene warms up on the first frames."""
        self.scene.prepare([self._shrink(image) for image in images])
        self._prepared = len(images) > 0

    def step(self, frame: Frame) -> Segmentation:
        """E-step with this frame, M-step towards the next; labels are identities."""
        life = self.settings.life
        self._pass_time(frame.time_s)
        image = self._shrink(frame.image)
        # a blank picture says nothing: every slot is hidden, and nothing is learned
        blank = frame.scene is None
        if frame.scene is not None:
            self.scene.enter(frame.scene)
        verdict = np.zeros(image.shape[:2], np.uint8) if blank else self.scene.judge(image)
        if not blank and self._is_light(image, verdict):
            self.scene.adapt(image)
            verdict = self.scene.judge(image)
        poses = self._state.pose.numpy().copy()
        shares = share_out(image, verdict, self._canvases(), poses, self.network.settings.pixels)
        blobs = find_blobs(verdict, life)
        if self._trodden is None or self._trodden.shape != verdict.shape:
            self._trodden = np.zeros(verdict.shape, bool)
        settled = settle(blobs, shares, image, poses, self._lives, life, self._trodden, look_s=self._interval.look_s)
        # its rims left out: a blob laps over the post it goes behind
        self._trodden |= cv2.erode((verdict == FOREGROUND).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        size = (image.shape[1], image.shape[0])
        self._count_seen(image, verdict, shares, settled)
        self._confirm(size, poses, settled)
        self._recall(image, shares, settled)
        fitted = self._advance(image, verdict, shares, settled)
        boxes = self._anchor(settled, poses, fitted, size)
        regions = self._regions(shares, boxes, settled, verdict == FOREGROUND)
        labels = self._labels(shares)
        self._bury(size, settled)
        for birth in settled.births:
            self._bear(birth, image)
        if not blank:
            self._feed_back(image, labels)
        if not blank and isinstance(self.scene, Ground):
            labels = self.scene.complete(labels)
        if self.settings.boxes == "visible":
            regions = _visible(regions, labels)
        large = blobs.areas >= life.min_area * blobs.labels.size
        large[0] = False  # the background's own row
        foreground = (labels > 0) | large[blobs.labels]
        return _at_frame_size(labels, foreground, regions, frame.image.shape[:2])

    def _pass_time(self, time_s: float) -> None:
        """Bring what was foretold for the usual interval to the time of this frame; over a gap nobody lives on."""
        before, now = self._interval, self._timer.step(time_s)
        self._interval = now
        if now.gap:
            self._end_all()
        elif self._lives:
            # a pose was foretold one usual interval after the last frame, and a velocity is the way in one such interval
            late, scale = now.dt_s / before.usual_s - 1, now.usual_s / before.usual_s
            pose, velocity = self._state.pose, self._state.velocity
            pose[:, :2] += late * velocity
            velocity *= scale
            for life in self._lives:
                life.velocity = (scale * life.velocity[0], scale * life.velocity[1])

    def _shrink(self, image: Image) -> Image:
        height, width = image.shape[:2]
        wanted = self.settings.working_width
        if wanted == "full" or width <= wanted:
            return image
        size = (wanted, max(1, round(height * wanted / width)))
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

    def _is_light(self, image: Image, verdict: NDArray[np.uint8]) -> bool:
        foreground = verdict == FOREGROUND
        return float(foreground.mean()) > self.settings.life.flood and self.scene.is_light(image, foreground)

    def _canvases(self) -> Array:
        """(K, P, P, 4) colour and mask as foretold."""
        state = self._state
        canvas = torch.cat([state.colour, torch.sigmoid(state.mask_logit)], 1)
        return np.ascontiguousarray(canvas.numpy().transpose(0, 2, 3, 1))

    def _count_seen(self, image: Image, verdict: NDArray[np.uint8], shares: Shares, settled: Settled) -> None:
        """Bring every life up to date with what its slot owns in this frame. Only foreground pixels support a slot."""
        low, confirm_s, look_s = self.settings.life.hidden_below, self.settings.life.confirm_s, self._interval.look_s
        colour_rate = rate_over(COLOUR_RATE, look_s)
        self._support = np.ones(len(self._lives), np.float32)
        self._shown = np.ones(len(self._lives), np.float32)
        for k, (life, window) in enumerate(zip(self._lives, shares.windows, strict=True)):
            life.age_s += self._interval.dt_s
            visible = 0.0
            if window is not None:
                mine = shares.owned[k] * (verdict[window] == FOREGROUND)
                visible = float(mine.sum())
                if visible > 1:
                    colour = np.einsum("yx,yxc->c", mine, image[window]) / (255 * visible)
                    rate = colour_rate if life.hidden_s == 0 and visible > low * life.area_px else 0.0
                    life.colour = (life.colour + rate * (colour - life.colour)).astype(np.float32)
            usual = max(life.area_px, 0.5 * float(shares.expected[k]))
            self._shown[k] = visible / max(1.0, life.area_px)
            if k not in settled.alone:
                self._support[k] = self._shown[k]
            if k in settled.covered or (k not in settled.alone and visible < max(low * usual, 4.0)):
                life.hidden_s += self._interval.dt_s
                continue
            life.hidden_s, life.seen_s = 0.0, life.seen_s + look_s
            # in company others may hide a part of it: it can turn out larger there, not smaller
            known = lasts(life.alone_s, confirm_s)
            if k in settled.alone or not known:
                hidden = known and self._shown[k] < WHOLE
                life.area_px += rate_over(HIDDEN_SIZE_RATE if hidden else AREA_RATE, look_s) * (visible - life.area_px)
            elif visible > life.area_px:
                life.area_px += rate_over(AREA_RATE, look_s) * (visible - life.area_px)

    def _confirm(self, size: tuple[int, int], poses: Array, settled: Settled) -> None:
        """Give an identity to slots that have been seen for long enough: their own, or that of somebody who was lost in a group."""
        settings = self.settings.life
        for k, life in enumerate(self._lives):
            wanted_s = settings.confirm_s * (5 if lasts(REFERENCE_S, life.alone_s) else 1)
            if life.id is not None or life.hidden_s or not lasts(life.seen_s, wanted_s):
                continue
            usurper = find_usurper(life, self._lives) if k in settled.alone and life.look is not None else None
            if usurper is not None:
                other = self._lives[usurper]
                life.id, life.look, life.moved, life.alone_s = other.id, other.look, True, other.alone_s
                # whose name it is nobody knows yet; it is asked in the next frame
                other.id, other.look, other.born_at = (
                    None,
                    other.fresh,
                    (float(poses[usurper, 0]), float(poses[usurper, 1])),
                )
                continue
            known = find_known(k, poses, self._lives, self._support, size, settings) if k in settled.alone else None
            if known is None:
                life.id, self._next_id = self._next_id, self._next_id + 1
                continue
            other = self._lives[known]
            life.id, other.id = other.id, None
            life.moved, life.alone_s, life.size, life.area_px = True, other.alone_s, other.size, other.area_px
            life.window, life.age_s = other.window, other.age_s
            settled.absorbed.add(known)

    def _recall(self, image: Image, shares: Shares, settled: Settled) -> None:
        """Remember how those look who stand alone; after a meeting, who is who."""
        rooms = {**settled.company, **settled.covered}
        for k, life in enumerate(self._lives):
            if k in settled.alone and life.hidden_s == 0:
                box = settled.alone[k]
                if self._shown[k] >= WHOLE and not touches_border(box, (image.shape[1], image.shape[0])):
                    see(life, part_colours(image, *body_of(shares.labels, k + 1, box)), look_s=self._interval.look_s)
            elif k in rooms:
                mates = {self._lives[j].id for j, room in rooms.items() if room == rooms[k] and j != k}
                meet(life, {name for name in mates if name is not None})
        exchange_names(self._lives)

    def _advance(self, image: Image, verdict: NDArray[np.uint8], shares: Shares, settled: Settled) -> Array:
        """M-step of every slot; returns the poses (K, 4) that fit this frame, while the state's are for the next."""
        if not self._lives:
            return np.zeros((0, 4), np.float32)
        size = self.network.settings.cell.grid_px
        poses = self._state.pose.numpy()
        seen = torch.from_numpy(look(image, verdict, shares, poses, size)).to(self.device)
        free = torch.tensor([float(life.hidden_s == 0) for life in self._lives], device=self.device)
        fit = torch.tensor([0.0 if k in settled.company else 1.0 for k in range(len(self._lives))], device=self.device)
        with torch.no_grad():
            state = SlotState(*(part.to(self.device) for part in self._state))
            state = self.network.cell(state, Sight(seen[:, :1], seen[:, 1:2], seen[:, 2:3], seen[:, 3:]), free, fit)
            state = SlotState(*(part.cpu() for part in state))
        self._state = state
        fitted = state.pose.numpy().copy()
        fitted[:, :2] -= state.velocity.numpy()
        return fitted

    def _anchor(self, settled: Settled, foretold: Array, fitted: Array, size: tuple[int, int]) -> list[Box]:
        """Hold the windows by what is certain: a slot that stands alone is where its blob is, in company it keeps its size.

        Returns the slots' boxes in this frame, hidden parts included.
        """
        masks = torch.sigmoid(self._state.mask_logit)[:, 0].numpy()
        pose, velocity = self._state.pose.numpy(), self._state.velocity.numpy()
        boxes = []
        for k, life in enumerate(self._lives):
            box = mask_box(masks[k], fitted[k])
            if k in settled.alone and life.hidden_s == 0:
                seen, life_settings = settled.alone[k], self.settings.life
                boxes.append(
                    anchor_alone(
                        life, seen, box, foretold[k], fitted[k], pose[k], velocity[k], size, float(self._shown[k]),
                        life_settings, self._interval,
                    )
                )  # fmt: skip
            else:
                room = settled.company.get(k) or settled.covered.get(k)
                centre = anchor_unsure(life, room, box, pose[k], velocity[k], self.settings.life, self._interval)
                boxes.append(clipped(box_about(centre, life.size), size))
        return boxes

    def _regions(self, shares: Shares, boxes: list[Box], settled: Settled, foreground: Mask) -> list[Region]:
        """Confirmed slots, at working size."""
        counts = np.bincount(shares.labels.ravel(), minlength=len(self._lives) + 1)
        doubt = doubts(shares)
        sure = self.witness.judge(
            self._lives, shares, boxes, settled, doubt=doubt, foreground=foreground, dt_s=self._interval.dt_s
        )
        regions = []
        for k, life in enumerate(self._lives):
            if life.id is None:
                continue
            visible = float(counts[k + 1])
            confidence = sure[life.id]
            hidden = life.hidden_s > 0
            area = 0.0 if hidden else visible
            unsure = None if hidden or np.isnan(doubt[k]) else float(doubt[k])
            regions.append(Region(life.id, boxes[k], area, confidence, hidden, unsure))
        return regions

    def _labels(self, shares: Shares) -> NDArray[np.int32]:
        """Slot numbers to identities; what is not confirmed stays background for the reader."""
        names = np.array([0, *(life.id or 0 if life.hidden_s == 0 else 0 for life in self._lives)], np.int32)
        return names[shares.labels]

    def _bury(self, size: tuple[int, int], settled: Settled) -> None:
        poses = self._state.pose.numpy()
        for k, life in enumerate(self._lives):
            span = MOVED_SIZES * float(np.sqrt(poses[k, 2] * poses[k, 3]))
            life.moved |= float(np.hypot(poses[k, 0] - life.born_at[0], poses[k, 1] - life.born_at[1])) > span
        doubled = doubles(poses, self._lives, self.settings.life, look_s=self._interval.look_s)
        doubled |= {k for k in settled.covered if self._lives[k].id is None} | settled.absorbed
        stay = [
            k for k, life in enumerate(self._lives)
            if k not in doubled and not is_dead(poses[k], life, size, self.settings.life)
        ]  # fmt: skip
        if len(stay) < len(self._lives):
            self._lives = [self._lives[k] for k in stay]
            self._state = SlotState(*(part[stay] for part in self._state))

    def _bear(self, birth: Birth, image: Image) -> None:
        """A new slot, or a hidden one that has come back."""
        box, cell = birth.box, self.network.cell
        pose = np.array([*box.centre, max(4.0, box.width), max(4.0, box.height)], np.float32)
        back = find_returning(birth, self._state.pose.numpy(), self._lives, self.settings.life)
        if back is None and len(self._lives) >= self.settings.max_slots:
            return
        silhouette = np.zeros(image.shape[:2], np.float32)
        silhouette[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = birth.mask
        seen = look_at(image, silhouette, pose, cell.settings.grid_px)
        if seen is None:
            return
        mask, colour = (torch.from_numpy(part) for part in seen)
        newborn = cell.birth(torch.from_numpy(pose)[None], colour, mask)
        if back is not None:
            self._bring_back(back, newborn, box)
            return
        self._state = SlotState(*(torch.cat([part, value]) for part, value in zip(self._state, newborn, strict=True)))
        extent = (float(pose[2]), float(pose[3]))
        self._lives.append(Life((float(pose[0]), float(pose[1])), birth.area_px, extent, extent, colour=birth.colour))

    def _bring_back(self, k: int, newborn: SlotState, box: Box) -> None:
        """Slot k is seen again at `box`: it looks and stands as the newborn does, from rest, and keeps what it had learned."""
        newborn = newborn._replace(hidden=self._state.hidden[k : k + 1], motion=self._state.motion[k : k + 1])
        for part, value in zip(self._state, newborn, strict=True):
            part[k] = value[0]
        life = self._lives[k]
        life.velocity, life.hidden_s, life.place = (0.0, 0.0), 0.0, box.centre

    def _feed_back(self, image: Image, labels: NDArray[np.int32]) -> None:
        """Tell the mixture what is known to be object, so that what stops neither fades nor leaves a ghost.

        Without a prescan a thing that has never moved may be scenery that the mixture got wrong: after a while it is given up.
        """
        still_s = self.settings.life.still_s
        kept = [
            life.id for life in self._lives
            if life.id and (self._prepared or life.moved or not lasts(life.age_s, still_s))
        ]  # fmt: skip
        self.scene.learn(image, np.isin(labels, kept) if kept else None, dt_s=self._interval.dt_s)


def _visible(regions: list[Region], labels: NDArray[np.int32]) -> list[Region]:
    """The regions with boxes round their pixels; who has none keeps the box where it should be."""
    places = find_windows(labels)
    seen = []
    for region in regions:
        where = places.get(region.label)
        if where is not None:
            rows, columns = where
            region = replace(region, box=Box(columns.start, rows.start, columns.stop, rows.stop))
        seen.append(region)
    return seen


def _at_frame_size(
    labels: NDArray[np.int32], foreground: Mask, regions: list[Region], shape: tuple[int, ...]
) -> Segmentation:
    """Labels, foreground and boxes of the working picture in pixels of a frame of that shape."""
    height, width = shape[:2]
    fx, fy = width / labels.shape[1], height / labels.shape[0]
    if (fx, fy) != (1, 1):
        size = (width, height)
        labels = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
        foreground = cv2.resize(foreground.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    placed = []
    for region in regions:
        box = Box(region.box.x0 * fx, region.box.y0 * fy, region.box.x1 * fx, region.box.y1 * fy)
        placed.append(replace(region, box=box, area_px=region.area_px * fx * fy))
    return Segmentation(labels, tuple(placed), persistent=True, foreground=foreground)
