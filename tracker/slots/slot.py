"""One slot, the identity it has, and all slots of a lane in one container."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.slots.settings import CellSettings
from tracker.slots.state import SlotArrays, no_slots
from tracker.steps import LastSeen
from tracker.types import Box

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Pair = tuple[float, float]
UNKNOWN = (np.nan, np.nan)


@dataclass
class SlotIdentity:
    """Who a slot is. Two slots exchange identities by exchanging these."""

    number: int | None = None
    """as it is reported; None until it is confirmed"""
    appearance: Array | None = None
    """(PARTS, 3) mean colours of its parts while it was isolated, as `identity.part_colours`"""
    met: set[int] = field(default_factory=set)
    """numbers of identities it was merged with since its appearance was last certain"""
    place: LastSeen | None = None
    """where it was seen last, in the working picture"""

    def reaches(self, other: SlotIdentity) -> bool:
        """Whether it can be where the other one was seen last."""
        return self.place is None or other.place is None or self.place.reaches(other.place.box)


@dataclass(frozen=True)
class Geometry:
    """Where a slot is and how large, in pixels of the working picture; measured while it is isolated."""

    size: Pair
    """(width, height) of the object, running mean"""
    window: Pair
    """(width, height) of the slot's pose, running mean"""
    velocity: Pair = (0.0, 0.0)
    """(x, y) in a usual frame interval"""
    centre: Pair | None = None
    """(x, y) in the last frame, if it was isolated there"""
    complete: bool = False
    """whether it was ever seen away from the border, so that its size is known"""
    isolated_s: float = 0.0
    """seconds of evidence in which it was isolated: `timing.Interval.look_s`"""

    def scaled(self, factor: float) -> Geometry:
        """The same of an object so many times as large."""
        (width, height), (window_width, window_height) = self.size, self.window
        window = factor * window_width, factor * window_height
        return replace(self, size=(factor * width, factor * height), window=window)


class Geometries(NamedTuple):
    """`Geometry` of K slots, as arrays."""

    size: Floats
    """(K, 2)"""
    window: Floats
    """(K, 2)"""
    velocity: Floats
    """(K, 2)"""
    centre: Floats
    """(K, 2), NaN for None"""
    complete: NDArray[np.bool_]
    """(K,)"""
    isolated_s: Floats
    """(K,)"""

    @classmethod
    def of(cls, slots: Sequence[Geometry]) -> Geometries:
        """Those of each slot."""
        pairs = [(*g.size, *g.window, *g.velocity, *(g.centre or UNKNOWN)) for g in slots]
        size, window, velocity, centre = np.array(pairs, float).reshape(-1, 4, 2).transpose(1, 0, 2)
        complete, isolated_s = (
            np.array([g.complete for g in slots], bool),
            np.array([g.isolated_s for g in slots], float),
        )
        return cls(size, window, velocity, centre, complete, isolated_s)

    def at(self, rows: Sequence[int]) -> Geometries:
        """Of the slots of those rows."""
        return Geometries._make(part[rows] for part in self)

    def each(self) -> list[Geometry]:
        """One by one."""
        pairs = np.hstack([self.size, self.window, self.velocity, self.centre]).tolist()
        return [
            Geometry((w, h), (window_w, window_h), (vx, vy), None if x != x else (x, y), complete, isolated_s)
            for (w, h, window_w, window_h, vx, vy, x, y), complete, isolated_s in zip(
                pairs, self.complete.tolist(), self.isolated_s.tolist(), strict=True
            )
        ]


@dataclass
class Slot:
    """What is remembered of one slot beside its network state."""

    birthplace: Pair
    """(x, y) of its first pose"""
    area_px: float
    """visible pixels when nothing hides it, running mean"""
    geometry: Geometry
    colour: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    """(3,) mean colour of its pixels, RGB in [0, 1]"""
    identity: SlotIdentity = field(default_factory=SlotIdentity)
    age_s: float = 0.0
    seen_s: float = 0.0
    """seconds of evidence in which it was seen"""
    hidden_s: float = 0.0
    """seconds since it was last seen; 0: it is seen now"""
    moved: bool = False
    """whether it ever left its birthplace"""
    recent: Array | None = None
    """(PARTS, 3) its appearance since it was last merged, over `recent_s` seconds in which it was isolated"""
    recent_s: float = 0.0
    parted_s: float = 0.0
    """seconds without a break in which its foreground was in two pieces that may be two objects"""
    crowded_s: float = 0.0
    """seconds in which its blob was far too large for it and no other slot was in it, since it last was not"""
    hole_s: float = 0.0
    """seconds of evidence without a break in which it was the place of an object that had left, and no object"""
    inside_s: float = 0.0
    """seconds without a break in which it was inside an older slot"""
    sized_at: float | None = None
    """y in the picture for which its size holds (`perspective`), in pixels; None: it has just begun"""
    reference: Pair | None = None
    """where and how large it was when it was first measured since it is isolated, as `Perspective.after` is told"""

    @property
    def number(self) -> int | None:
        """Its identity's, as it is reported."""
        return self.identity.number

    @property
    def hidden(self) -> bool:
        """Whether it is not seen in this frame."""
        return self.hidden_s > 0

    def measure_anew(self, box: Box | None, *, found_s: float) -> None:
        """Its size and speed are not known any more, only that it is an object: it has been isolated for `found_s` seconds.

        It is as large as `box`, if there is one, until more was seen of it.
        """
        width, height = self.geometry.size if box is None else (box.width, box.height)
        before = max(1.0, self.geometry.size[0] * self.geometry.size[1])
        self.area_px *= min(1.0, width * height / before)
        # the middle of the whole is no place from which the piece came
        self.geometry = replace(self.geometry, size=(width, height), isolated_s=found_s, centre=None)


class Slots:
    """The slots of a lane. Entry k of the records and row k of the network state are of one slot."""

    def __init__(self, cell: CellSettings) -> None:
        self.cell = cell
        self.clear()

    def clear(self) -> None:
        """End all slots."""
        self._records: list[Slot] = []
        self.state = no_slots(self.cell)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._records)

    def __getitem__(self, k: int) -> Slot:
        return self._records[k]

    @property
    def records(self) -> Sequence[Slot]:
        """All slots, in order."""
        return self._records

    @property
    def poses(self) -> Array:
        """(K, 4) centre x, y, width, height in pixels, predicted for the next frame; a view of the state."""
        return self.state.pose

    def predictions(self) -> Array:
        """(K, P, P, 4) float32 psi: colour RGB in [0, 1] and mask probability, predicted for the next frame."""
        psi = np.concatenate([self.state.colour, _sigmoid(self.state.mask_logit)], 1)
        return np.ascontiguousarray(psi.transpose(0, 2, 3, 1))

    def masks(self) -> Array:
        """(K, P, P) mask probabilities of the state."""
        return _sigmoid(self.state.mask_logit[:, 0])

    def shift(self, late: float, scale: float) -> None:
        """Bring the prediction to another time: `late` usual intervals on, with velocities in intervals `scale` times as long."""
        pose, velocity = self.state.pose, self.state.velocity
        pose[:, :2] += late * velocity
        velocity *= scale
        if scale == 1:
            return
        for slot in self:
            vx, vy = slot.geometry.velocity
            slot.geometry = replace(slot.geometry, velocity=(scale * vx, scale * vy))

    def correct(self, rows: Sequence[int], geometry: Geometries, poses: Array, velocities: Array) -> None:
        """The slots of those N rows have that geometry in this frame, and poses (N, 4), velocities (N, 2) are predicted for the next."""
        for k, one in zip(rows, geometry.each(), strict=True):
            self[k].geometry = one
        self.state.pose[rows], self.state.velocity[rows] = poses, velocities

    def spawn(self, begun: Sequence[tuple[Slot, SlotArrays]]) -> None:
        """Add slots, each with its state, whose arrays have one row."""
        if begun:
            self._records += [slot for slot, _ in begun]
            parts = zip(self.state, *(state for _, state in begun), strict=True)
            self.state = SlotArrays(*(np.concatenate(rows) for rows in parts))

    def revive(self, k: int, state: SlotArrays, centre: Pair) -> None:
        """Slot k is seen again at `centre`, at rest, as in `state` (one row); its recurrent state it keeps."""
        state = state._replace(hidden=self.state.hidden[k : k + 1], motion=self.state.motion[k : k + 1])
        for part, value in zip(self.state, state, strict=True):
            part[k] = value[0]
        self[k].hidden_s = 0.0
        self[k].geometry = replace(self[k].geometry, velocity=(0.0, 0.0), centre=centre)

    def terminate(self, rows: set[int]) -> None:
        """Remove the slots of those rows."""
        stay = [k for k in range(len(self)) if k not in rows]
        if len(stay) < len(self):
            self._records = [self._records[k] for k in stay]
            self.state = SlotArrays(*(part[stay] for part in self.state))


def _sigmoid(logit: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-logit)), np.float32)
