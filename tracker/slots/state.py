"""The recurrent state of the slots at work, in numpy, and who brings it to the next frame. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.batched import Batched
from tracker.slots.settings import CellSettings

if TYPE_CHECKING:
    from tracker.inference import Session
    from tracker.slots.cell import WindowCell

Array = NDArray[np.float32]

PAD = 1.5
"""window over object size: room for limbs, for a frame's motion and for a scale that is a third wrong"""
KNOWN_RANGE = (0.02, 0.95)
"""probabilities of a new slot's mask where its silhouette is known: outside, and inside"""


class SlotArrays(NamedTuple):
    """theta of K slots: what is carried from frame to frame. The same as `cell.SlotState`, in numpy."""

    mask_logit: Array
    """(K, 1, P, P) the object's silhouette, hidden parts included, as logits"""
    colour: Array
    """(K, 3, P, P) its colour, RGB in [0, 1]"""
    hidden: Array
    """(K, hidden, P, P)"""
    motion: Array
    """(K, motion)"""
    pose: Array
    """(K, 4) centre x, y, width, height in pixels, predicted for the next frame"""
    velocity: Array
    """(K, 2) the last predicted displacement x, y in pixels a frame"""


class SlotCell(Protocol):
    """A trained cell that is ready for use."""

    settings: CellSettings

    def __call__(self, state: SlotArrays, seen: Array, *, visible: Array, fit: Array) -> SlotArrays:
        """The M-step of K slots: the state predicted for the next frame.

        seen          (K, 6, P, P) as `e_step.crop_frame` gives it
        visible, fit  (K,) 0 or 1, as for `cell.WindowCell`
        """
        ...


class GraphCell:
    """The cell by ONNX Runtime, from the graph that `graph.write_cell_graph` writes."""

    def __init__(self, session: Session, settings: CellSettings) -> None:
        self._session, self.settings = session, settings

    def __call__(self, state: SlotArrays, seen: Array, *, visible: Array, fit: Array) -> SlotArrays:
        """See `SlotCell`."""
        return SlotArrays(*self._session.run(seen=seen, visible=visible, fit=fit, **state._asdict()))


class TorchCell:
    """The cell by torch, on any device: as trained on one without float64 (mps), otherwise rounded as the graph is."""

    def __init__(self, cell: WindowCell, *, device: str = "cpu") -> None:
        import torch

        used = cell if device.startswith("mps") else cell.exact()
        self._cell, self._device, self.settings = used.to(device).eval(), device, cell.settings
        # windows are too small to be shared out, and torch's waiting threads spin against the decoder and the encoder
        torch.set_num_threads(1)

    def __call__(self, state: SlotArrays, seen: Array, *, visible: Array, fit: Array) -> SlotArrays:
        """See `SlotCell`."""
        import torch

        from tracker.slots.cell import CellInput, SlotState

        entering, free, follow, *parts = (
            torch.from_numpy(part).to(self._device) for part in (seen, visible, fit, *state)
        )
        with torch.inference_mode():
            made = self._cell(SlotState(*parts), CellInput.of(entering), free, follow)
        return SlotArrays(*(part.cpu().numpy() for part in made))


class BatchedCell:
    """A cell for several clips: the slots of those that wait at one time are computed together.

    clips, wait_s  how many there are and how long one waits for the others: `Batched`
    """

    def __init__(self, cell: SlotCell, *, clips: int = 1, wait_s: float = 0.0) -> None:
        self._cell, self.settings = cell, cell.settings
        self.calls = Batched(self._many, lambda rows: None, callers=clips, wait_s=wait_s)

    def __call__(self, state: SlotArrays, seen: Array, *, visible: Array, fit: Array) -> SlotArrays:
        """See `SlotCell`."""
        return self.calls(_Rows(state, seen, visible, fit))

    def _many(self, given: Sequence[_Rows]) -> list[SlotArrays]:
        if len(given) == 1:
            rows = given[0]
            return [self._cell(rows.state, rows.seen, visible=rows.visible, fit=rows.fit)]
        state = SlotArrays(*map(np.concatenate, zip(*(rows.state for rows in given), strict=True)))
        seen, visible, fit = (
            np.concatenate(parts) for parts in zip(*((r.seen, r.visible, r.fit) for r in given), strict=True)
        )
        made = self._cell(state, seen, visible=visible, fit=fit)
        ends = np.cumsum([len(rows.seen) for rows in given])[:-1]
        return [SlotArrays(*parts) for parts in zip(*(np.split(part, ends) for part in made), strict=True)]


class _Rows(NamedTuple):
    """What a cell is given."""

    state: SlotArrays
    seen: Array
    visible: Array
    fit: Array


def no_slots(settings: CellSettings) -> SlotArrays:
    """The state of no slots."""
    size = settings.grid_px
    grids = (1, 3, settings.hidden)
    vectors = (settings.motion, 4, 2)
    return SlotArrays._make(
        [np.zeros((0, n, size, size), np.float32) for n in grids] + [np.zeros((0, n), np.float32) for n in vectors]
    )


def new_slot(settings: CellSettings, *, pose: Array, colour: Array, mask: Array) -> SlotArrays:
    """The state of one slot that begins: pose (4,), colour (1, 3, P, P) seen there, its silhouette (1, 1, P, P) in [0, 1]."""
    probability = np.clip(mask, *KNOWN_RANGE)
    blank = [np.zeros((1, *part.shape[1:]), np.float32) for part in no_slots(settings)]
    return SlotArrays._make(blank)._replace(
        mask_logit=np.log(probability / (1 - probability)).astype(np.float32),
        colour=np.asarray(colour, np.float32),
        pose=np.asarray(pose, np.float32)[None],
    )
