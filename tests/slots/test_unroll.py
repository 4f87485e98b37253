"""The windowed cell over time: stepping is unrolling, numbering is arbitrary, the hidden learn nothing."""

import math

import numpy as np
import pytest
import torch

from tracker.slots.cell import LARGEST_STEP, LOGIT_RANGE, CellInput, SlotState, WindowCell
from tracker.slots.settings import CellSettings, CellTrainSettings, MixtureModelSettings, NetworkSettings
from tracker.slots.training import Batch, UnrolledBatch, batch_loss, unroll
from tracker.slots.unroll import Prediction, StepRecord, predict, step

TINY = CellSettings(grid_px=8, features=8, hidden=3, motion=6)
PIXELS = MixtureModelSettings()
FRAMES, CLIPS, SLOTS, HEIGHT, WIDTH = 7, 2, 3, 40, 48


def lively_cell(seed=0, *, strength=1.0):
    """An untrained cell whose slots move and change: a new one stands still."""
    torch.manual_seed(seed)
    cell = WindowCell(TINY)
    with torch.no_grad():
        for weights in cell.parameters():
            weights += 0.1 * strength * torch.randn_like(weights)
    return cell


def draw_batch(births=((0, 0, 0), (0, 0, 0)), *, frames=FRAMES):
    """Three squares a clip that walk to the right, each in its own colour, over grey noise; faultless verdicts."""
    rng = np.random.default_rng(3)
    images = rng.integers(90, 130, (frames, CLIPS, HEIGHT, WIDTH, 3), np.uint8)
    owners = np.zeros((frames, CLIPS, HEIGHT, WIDTH), np.int64)
    boxes = np.empty((frames, CLIPS, SLOTS, 4), np.float32)
    for t in range(frames):
        for clip in range(CLIPS):
            for k in range(SLOTS):
                x, y = 3 + 13 * k + (1 + clip) * t, 4 + 9 * k
                images[t, clip, y : y + 12, x : x + 9] = (40 + 90 * k, 220 - 80 * k, 30 + 60 * clip)
                owners[t, clip, y : y + 12, x : x + 9] = k + 1
                boxes[t, clip, k] = (x + 4.5, y + 6, 9, 12)
    return Batch(images, (owners > 0).astype(np.uint8) * 255, boxes, np.array(births, np.int64), owners)


def as_tensors(batch):
    """Frames (T, B, 3, H, W) and verdicts (T, B, 1, H, W) as `step` wants them."""
    frames = torch.from_numpy(batch.images).permute(0, 1, 4, 2, 3).float() / 255
    return frames, (torch.from_numpy(batch.verdicts)[:, :, None] / 255).float()


def run(cell, batch):
    with torch.no_grad():
        return unroll(cell, batch, PIXELS, generator=torch.Generator().manual_seed(5))


def parts(record):
    return {"mask": record.psi.mask, "colour": record.psi.colour, "gamma": record.gamma, "visible": record.visible}


def assert_close(came, wanted, tolerance=1e-6):
    """SlotStates or StepRecords, part by part."""
    came, wanted = (x._asdict() if isinstance(x, SlotState) else parts(x) for x in (came, wanted))
    for name in wanted:
        torch.testing.assert_close(
            came[name], wanted[name], rtol=tolerance, atol=tolerance, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.fixture
def cell():
    return lively_cell()


# --- one frame at a time, and many at once --------------------------------------------------------------------------


def test_stepping_frame_by_frame_gives_what_unrolling_the_clip_gives(cell):
    batch = draw_batch()
    records, lives, states = run(cell, batch)
    frames, verdicts = as_tensors(batch)
    state = states[1]  # as born after frame 0
    for t in range(1, FRAMES):
        with torch.no_grad():
            state, record = step(cell, state, frames[t], verdicts[t], torch.ones(CLIPS, SLOTS), PIXELS)
        assert_close(record, records[t])
        if t + 1 < FRAMES:
            assert_close(state, states[t + 1])
    assert all(bool(alive.all()) for alive in lives[1:])
    # and there was something to get wrong
    assert float((states[-1].pose - states[1].pose)[:, :2].abs().min()) > 0.1
    assert any(0 < float(record.gamma[:, 1:].max()) < 1 for record in records)


def test_slots_born_later_step_as_they_unroll(cell):
    batch = draw_batch(births=((0, 2, 5), (4, 0, FRAMES)))
    records, lives, states = run(cell, batch)
    frames, verdicts = as_tensors(batch)
    for t in range(FRAMES):
        with torch.no_grad():
            _, record = step(cell, states[t], frames[t], verdicts[t], lives[t], PIXELS)
        assert_close(record, records[t])
    # a slot lives from the frame after its birth
    first = [[next((t for t in range(FRAMES) if lives[t][b, k]), None) for k in range(SLOTS)] for b in range(CLIPS)]
    assert first == [[1, 3, 6], [5, 1, None]]


def test_a_run_that_was_put_aside_goes_on_as_if_it_had_not_been(cell, tmp_path):
    batch = draw_batch()
    _, lives, states = run(cell, batch)
    frames, verdicts = as_tensors(batch)
    torch.save({"cell": cell.state_dict(), "state": states[4]._asdict()}, tmp_path / "aside.pt")
    saved = torch.load(tmp_path / "aside.pt", weights_only=True)
    other = WindowCell(TINY)
    other.load_state_dict(saved["cell"])
    with torch.no_grad():
        again, _ = step(other, SlotState(**saved["state"]), frames[4], verdicts[4], lives[4], PIXELS)
    assert_close(again, states[5], tolerance=0)


def test_a_frame_changes_its_own_responsibilities_and_nothing_before(cell):
    batch = draw_batch()
    other = draw_batch()
    other.images[4:] = 255 - other.images[4:]
    here, there = run(cell, batch), run(cell, other)
    for t in range(4):
        assert_close(there[0][t], here[0][t], tolerance=0)
    # psi at t is foretold from frames before t, gamma at t has seen frame t
    torch.testing.assert_close(there[0][4].psi.mask, here[0][4].psi.mask, rtol=0, atol=0)
    assert float((there[0][4].gamma - here[0][4].gamma).abs().max()) > 0.1
    assert float((there[0][5].psi.colour - here[0][5].psi.colour).abs().max()) > 0.01


def test_a_part_of_a_clip_unrolls_as_in_the_whole(cell):
    batch, short = draw_batch(), draw_batch(frames=3)
    for whole, part in zip(run(cell, batch)[0][:3], run(cell, short)[0], strict=True):
        # the noise behind the squares is drawn a frame at a time, in order
        assert_close(part, whole)


# --- numbering ------------------------------------------------------------------------------------------------------


def test_slots_in_another_order_see_and_learn_the_same(cell):
    batch = draw_batch()
    _, _, states = run(cell, batch)
    frames, verdicts = as_tensors(batch)
    order = torch.tensor([2, 0, 1])
    whole = torch.cat([order, SLOTS + order])  # of the B * K slots of a state
    alive = torch.tensor([[1.0, 1, 1], [1, 0, 1]])
    one, two = states[1], SlotState(*(part[whole] for part in states[1]))
    for t in range(1, FRAMES):
        with torch.no_grad():
            one, first = step(cell, one, frames[t], verdicts[t], alive, PIXELS)
            two, second = step(cell, two, frames[t], verdicts[t], alive[:, order], PIXELS)
        assert_close(two, SlotState(*(part[whole] for part in one)), tolerance=1e-4)
        rows = torch.cat([torch.zeros(1, dtype=torch.long), 1 + order])
        psi = Prediction(first.psi.mask[:, order], first.psi.colour[:, order])
        assert_close(second, StepRecord(psi, first.gamma[:, rows], first.visible[:, order]), tolerance=1e-4)


def test_the_clips_of_a_batch_know_nothing_of_each_other(cell):
    batch = draw_batch()
    records, lives, states = run(cell, batch)
    frames, verdicts = as_tensors(batch)
    alone = SlotState(*(part[SLOTS:] for part in states[3]))
    with torch.no_grad():
        _, record = step(cell, alone, frames[3, 1:], verdicts[3, 1:], lives[3][1:], PIXELS)
    torch.testing.assert_close(record.gamma, records[3].gamma[1:])


def test_a_dead_slot_owns_nothing_and_disturbs_nobody(cell):
    batch = draw_batch()
    _, _, states = run(cell, batch)
    frames, verdicts = as_tensors(batch)
    two = SlotState(*(part.view(CLIPS, SLOTS, *part.shape[1:])[:, :2].flatten(0, 1) for part in states[2]))
    with torch.no_grad():
        _, three = step(cell, states[2], frames[2], verdicts[2], torch.tensor([[1.0, 1, 0]] * CLIPS), PIXELS)
        _, pair = step(cell, two, frames[2], verdicts[2], torch.ones(CLIPS, 2), PIXELS)
    assert not three.gamma[:, 3].any()
    assert not three.visible[:, 2].any()
    torch.testing.assert_close(three.gamma[:, :3], pair.gamma)


# --- hidden and seen ------------------------------------------------------------------------------------------------


def state_of(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    size = TINY.grid_px
    pose = torch.tensor([[20.0, 18.0, 10.0, 14.0]]).expand(count, 4) + torch.rand(count, 4, generator=rng)
    random = [torch.randn(count, c, size, size, generator=rng) for c in (1, 3, TINY.hidden)]
    motion, velocity = torch.randn(count, TINY.motion, generator=rng), torch.randn(count, 2, generator=rng)
    return SlotState(random[0], random[1].sigmoid(), random[2], motion, pose, velocity)


def sight_of(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return CellInput(*(torch.rand(count, c, TINY.grid_px, TINY.grid_px, generator=rng) for c in (1, 1, 1, 3)))


def test_a_hidden_slot_goes_on_at_a_tiring_speed_and_keeps_all_else(cell):
    state, hidden = state_of(4), torch.zeros(4)
    with torch.no_grad():
        after = cell(state, sight_of(4), hidden)
        again = cell(after, sight_of(4, seed=1), hidden)
    for name in ("mask_logit", "colour", "hidden", "motion"):
        torch.testing.assert_close(getattr(after, name), getattr(state, name), rtol=0, atol=1e-4)
    torch.testing.assert_close(after.velocity, 0.97 * state.velocity)
    torch.testing.assert_close(after.pose[:, :2], state.pose[:, :2] + 0.97 * state.velocity)
    torch.testing.assert_close(again.pose[:, :2], state.pose[:, :2] + (0.97 + 0.97**2) * state.velocity)
    torch.testing.assert_close(again.pose[:, 2:], state.pose[:, 2:])


def test_one_hidden_slot_does_not_hold_the_others_back(cell):
    state, sight = state_of(3), sight_of(3)
    with torch.no_grad():
        mixed = cell(state, sight, torch.tensor([1.0, 0.0, 1.0]))
        seen = cell(state, sight, torch.ones(3))
    for came, wanted in zip(mixed, seen, strict=True):
        torch.testing.assert_close(came[[0, 2]], wanted[[0, 2]])
    assert not torch.allclose(mixed.mask_logit[1], seen.mask_logit[1])


def test_a_window_that_is_told_not_to_fit_still_learns_and_moves(cell):
    state, sight = state_of(2), sight_of(2)
    with torch.no_grad():
        held = cell(state, sight, torch.ones(2), torch.zeros(2))
        followed = cell(state, sight, torch.ones(2), torch.ones(2))
        default = cell(state, sight, torch.ones(2))
    assert_close(default, followed, tolerance=0)
    torch.testing.assert_close(held.pose, torch.cat([state.pose[:, :2] + held.velocity, state.pose[:, 2:]], 1))
    assert not torch.allclose(held.colour, state.colour)
    assert not torch.allclose(held.pose, followed.pose)


@pytest.mark.parametrize(("verdict", "free"), [(1.0, 1.0), (0.5, 1.0), (0.0, 0.0)])
def test_a_slot_is_seen_where_foreground_supports_it(verdict, free):
    """A slot of the colour that is there: only the verdict says if that is the object or bare ground."""
    cell = WindowCell(TINY)
    pose = torch.tensor([[24.0, 20.0, 12.0, 12.0]])
    state = cell.birth(pose, torch.full((1, 3, 8, 8), 0.4))
    frame, judged = torch.full((1, 3, HEIGHT, WIDTH), 0.4), torch.full((1, 1, HEIGHT, WIDTH), verdict)
    with torch.no_grad():
        _, record = step(cell, state, frame, judged, torch.ones(1, 1), PIXELS)
    assert record.visible.tolist() == [[free]]


def test_a_slot_behind_another_of_the_right_colour_is_hidden():
    cell = WindowCell(TINY)
    pose = torch.tensor([[24.0, 20.0, 12.0, 12.0]] * 2)
    colour = torch.tensor([0.9, 0.1]).view(2, 1, 1, 1).expand(2, 3, 8, 8)
    state = cell.birth(pose, colour)
    frame, judged = torch.full((1, 3, HEIGHT, WIDTH), 0.9), torch.ones(1, 1, HEIGHT, WIDTH)
    with torch.no_grad():
        _, record = step(cell, state, frame, judged, torch.ones(1, 2), PIXELS)
    assert record.visible.tolist() == [[1.0, 0.0]]
    assert float(record.gamma[0, 1, 0, 20, 24]) > 0.9


def test_a_slot_sees_what_it_owns_what_others_own_and_what_is_there():
    """In its window, wholly inside the frame, the three kinds of owner share out every pixel."""
    seen = []

    class Watched(WindowCell):
        def forward(self, state, sight, visible, fit=None):
            seen.append(sight)
            return super().forward(state, sight, visible, fit)

    cell = Watched(TINY)
    # 16 / 1.5: windows of 16 pixels, two to a grid pixel; the second slot is half over the first
    size = 16 / 1.5
    state = cell.birth(
        torch.tensor([[16.0, 20.0, size, size], [24.0, 20.0, size, size]]), torch.full((2, 3, 8, 8), 0.5)
    )
    frame, verdict = torch.full((1, 3, HEIGHT, WIDTH), 0.5), torch.full((1, 1, HEIGHT, WIDTH), 0.5)
    frame[:, 0, :, :16] = 0.6
    verdict[..., 20:, :] = 1.0
    with torch.no_grad():
        _, record = step(cell, state, frame, verdict, torch.ones(1, 2), PIXELS)
    (sight,) = seen
    for k, left in enumerate((8, 16)):
        gamma = record.gamma[0, :, 0, 12:28, left : left + 16]
        by_grid = gamma.unflatten(1, (8, 2)).unflatten(-1, (8, 2)).mean((2, -1))  # grid pixels look at four
        torch.testing.assert_close(sight.responsibility[k, 0], by_grid[k + 1])
        torch.testing.assert_close(sight.others[k, 0], by_grid[2 - k])
        assert sight.verdict[k, 0, :, 0].tolist() == pytest.approx([0.5] * 4 + [1.0] * 4, abs=1e-5)
    assert sight.colour[0, 0, 0].tolist() == pytest.approx([0.6] * 4 + [0.5] * 4, abs=1e-5)
    assert sight.colour[0, 1, 0].tolist() == pytest.approx([0.5] * 8, abs=1e-5)
    assert float(sight.others[0].max()) > 0.3


# --- states ---------------------------------------------------------------------------------------------------------


def test_a_newborn_has_the_silhouette_it_was_given_or_a_soft_rectangle():
    cell, colour = WindowCell(TINY), torch.rand(2, 3, 8, 8)
    pose = torch.tensor([[20.0, 18.0, 10.0, 14.0]] * 2)
    mask = (torch.rand(2, 1, 8, 8) > 0.5).float()
    given, soft = cell.birth(pose, colour, mask), cell.birth(pose, colour)
    np.testing.assert_array_equal(given.mask_logit > 0, mask > 0)
    # the object is two thirds of the window: 5 of 8 across
    assert (soft.mask_logit[0, 0] > 0).sum(1).tolist() == [0, *[4] * 6, 0]
    for state in (given, soft):
        torch.testing.assert_close(state.colour, colour)
        torch.testing.assert_close(state.pose, pose)
        assert not torch.cat([state.hidden.flatten(), state.motion.flatten(), state.velocity.flatten()]).any()


def test_a_new_cell_foretells_that_all_stands_still():
    state = WindowCell(TINY).birth(torch.tensor([[20.0, 18.0, 10.0, 14.0]]), torch.rand(1, 3, 8, 8))
    after = WindowCell(TINY)(state, sight_of(1), torch.ones(1))
    assert not after.velocity.any()


def test_masks_and_steps_stay_in_bounds_whatever_the_network_says():
    cell, state = lively_cell(strength=30.0), state_of(5)
    for t in range(12):
        before = state.pose[:, 2:]
        with torch.no_grad():
            state = cell(state, sight_of(5, seed=t), torch.ones(5))
        assert all(bool(torch.isfinite(part).all()) for part in state)
        assert float(state.mask_logit.abs().max()) <= LOGIT_RANGE + 1e-4
        assert bool((state.velocity.abs() <= LARGEST_STEP * before + 1e-4).all())
        assert float(state.colour.min()) >= -1e-4
        assert float(state.colour.max()) <= 1 + 1e-4


def test_a_prediction_lies_where_the_pose_says():
    state = WindowCell(TINY).birth(
        torch.tensor([[12.0, 30.0, 8.0, 8.0], [40.0, 10.0, 8.0, 8.0]]), torch.full((2, 3, 8, 8), 0.5)
    )
    psi = predict(state, 1, HEIGHT, WIDTH)
    for k, (x, y) in enumerate([(12, 30), (40, 10)]):
        assert float(psi.mask[0, k, 0, y - 2 : y + 2, x - 2 : x + 2].min()) > 0.8
        inside = psi.mask[0, k, 0, y - 7 : y + 7, x - 7 : x + 7]
        assert float(psi.mask[0, k].sum()) == pytest.approx(float(inside.sum()))


# --- the loss of a batch, and its gradient --------------------------------------------------------------------------


def test_the_loss_of_a_batch_of_two_pixels_by_hand():
    # one frame of 1 x 2 pixels, two slots of 4 x 8 pixels; colours exactly right but for slot 0 in pixel 0
    gamma = torch.tensor([[0.1, 0.5], [0.6, 0.2], [0.3, 0.3]]).view(1, 3, 1, 1, 2)
    mask = torch.tensor([[0.8, 0.4], [0.5, 0.1]]).view(1, 2, 1, 1, 2)
    images = np.full((1, 1, 1, 2, 3), 51, np.uint8)  # .2
    colour = torch.full((1, 2, 3, 1, 2), 0.2)
    colour[0, 0, :, 0, 0] = 0.3
    settings = CellTrainSettings(
        behind_weight=0.25, network=NetworkSettings(pixels=MixtureModelSettings(colour_sigma=0.1))
    )
    pose = torch.tensor([[0.0, 0.0, 4.0, 8.0]] * 2)
    state = SlotState(*[torch.zeros(0)] * 4, pose, torch.zeros(0))
    batch = Batch(images, *[np.zeros(0)] * 4)
    record = StepRecord(Prediction(mask, colour), gamma, torch.ones(1, 2))
    loss = batch_loss(UnrolledBatch([record], [torch.ones(1, 2)], [state]), batch, settings)
    first = (
        0.6 * (-math.log(0.8) + 3 * 0.1**2 / (2 * 0.1**2)) - (0.1 + 0.25 * 0.3) * math.log(0.2)
        - 0.2 * math.log(0.4) - (0.5 + 0.25 * 0.3) * math.log(0.6)
    )  # fmt: skip
    second = (
        -0.3 * math.log(0.5) - (0.1 + 0.25 * 0.6) * math.log(0.5)
        - 0.3 * math.log(0.1) - (0.5 + 0.25 * 0.2) * math.log(0.9)
    )  # fmt: skip
    assert float(loss) == pytest.approx((first + second) / 32 / 2, rel=1e-4)
    # a slot that was not seen does not count
    hidden = record._replace(visible=torch.tensor([[1.0, 0.0]]))
    loss = batch_loss(UnrolledBatch([hidden], [torch.ones(1, 2)], [state]), batch, settings)
    assert float(loss) == pytest.approx(first / 32, rel=1e-4)


def test_the_gradient_reaches_the_whole_cell_and_never_through_the_responsibilities(cell):
    batch, settings = draw_batch(), CellTrainSettings(network=NetworkSettings(cell=TINY))
    made = unroll(cell, batch, PIXELS, generator=torch.Generator().manual_seed(5))
    assert not any(record.gamma.requires_grad or record.visible.requires_grad for record in made.records)
    assert made.records[2].psi.mask.requires_grad
    batch_loss(made, batch, settings).backward()
    for name, weights in cell.named_parameters():
        assert weights.grad is not None, name
        assert bool(torch.isfinite(weights.grad).all()), name
        assert float(weights.grad.abs().max()) > 0, name
    assert float(cell.step_out.weight.grad.abs().max()) > 1e-4  # the predicted displacement is learned


def test_without_gradient_through_the_pose_step_the_displacement_has_its_own():
    """The window of the next frame moves with the predicted step, one pixel for one."""
    cell, state = lively_cell(), state_of(1)
    after = cell(state, sight_of(1), torch.ones(1))
    after.pose[0, 0].backward()
    by_pose = cell.step_out.bias.grad.clone()
    cell.zero_grad()
    cell(state, sight_of(1), torch.ones(1)).velocity[0, 0].backward()
    torch.testing.assert_close(by_pose, cell.step_out.bias.grad)
    assert by_pose[1] == 0
