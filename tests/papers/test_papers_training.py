"""Training of the papers' networks: it learns, and a killed run goes on to the same curve, bit for bit."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from tracker.errors import DivergedError, SettingsError, WeightsError
from tracker.papers import evaluation
from tracker.papers import train as training
from tracker.papers import update as updating
from tracker.papers.cells import build_cell
from tracker.papers.evaluation import evaluate, information, rand_indices, scores, tables, watch
from tracker.papers.settings import ExperimentSettings, PaperTrainSettings, TestSettings, TrainingStage, WorldSettings
from tracker.papers.train import clip_number, learning_rate, stage_at, train
from tracker.papers.unroll import make_inputs
from tracker.papers.update import EagerUpdate, _restore, make_update
from tracker.papers.weights import load_cell, save_cell
from tracker.papers.worlds import draw
from tracker.scores.clusters import adjusted_information

CPU = torch.device("cpu")


def small(**changes):
    """Static shapes that take hundredths of a second an update."""
    options = {"batch": 4, "updates": 6, "row_every": 2, "validation_clips": 4, "patience_rows": None} | changes
    return ExperimentSettings.model_validate({
        "net": {"hidden": 16}, "em": {"components": 2, "steps": 2},
        "train": options,
    })  # fmt: skip


def staged(**changes):
    stages = (TrainingStage(until=0.5, learning_rate=1e-3), TrainingStage(learning_rate=5e-4, steps=3))
    return small(stages=stages, schedule="cosine", warm_up_updates=2, clips=8, **changes)


class Killed(BaseException):
    """As a signal would."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run of `staged()` that nothing stopped."""
    out = tmp_path_factory.mktemp("whole")
    train(staged(), out)
    return out


@pytest.mark.parametrize("last_update", [1, 2, 3, 4, 5])
def test_a_run_that_was_killed_goes_on_to_the_same_curve(tmp_path, monkeypatch, whole, last_update):
    draw, drawn = training.draw, []

    def mortal(*arguments, **more):
        if more["split"] == "train":
            drawn.append(more)
            if len(drawn) > last_update:
                raise Killed
        return draw(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(training, "draw", mortal)
        with pytest.raises(Killed):
            train(staged(), tmp_path)
    train(staged(), tmp_path)
    for name in ("curve.jsonl", "best.safetensors", "last.safetensors"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("row_every", [2, 5])
@pytest.mark.parametrize("parts", [(1,), (1, 1, 1), (3, 1), (3, 2), (4,), (5,), (2, 2)])
def test_a_stop_that_is_asked_for_changes_nothing(tmp_path, row_every, parts):
    settings, whole, tmp_path = staged(row_every=row_every), tmp_path / "whole", tmp_path / "parts"
    train(settings, whole)
    for updates in parts:
        asked = iter([False] * (updates - 1) + [True])
        train(settings, tmp_path, asked_to_end=lambda asked=asked: next(asked))
    train(settings, tmp_path)
    for name in ("curve.jsonl", "best.safetensors", "last.safetensors"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_kill_between_the_row_and_the_checkpoint_repeats_the_row(tmp_path, monkeypatch, whole):
    write, calls = training.write_checkpoint, []

    def mortal(out, *more):
        if out == tmp_path:
            calls.append(out)
            if len(calls) == 3:
                raise Killed
        write(out, *more)

    with monkeypatch.context() as patch:
        patch.setattr(training, "write_checkpoint", mortal)
        with pytest.raises(Killed):
            train(staged(), tmp_path)
    with (tmp_path / "curve.jsonl").open("a") as curve:
        curve.write('{"step": 8, "st')  # half a row
    train(staged(), tmp_path)
    assert (tmp_path / "curve.jsonl").read_bytes() == (whole / "curve.jsonl").read_bytes()


def test_stopping_by_the_clock_goes_on_later(tmp_path, whole):
    for done in range(1, rows(whole)[-1]["step"] + 1):
        train(staged(), tmp_path, minutes=0.0)  # after an update, not at the next row
        assert rows(tmp_path) == [row for row in rows(whole) if row["step"] <= done]
    assert same_weights(tmp_path, whole)


def rows(out):
    return [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]


def test_another_experiments_folder_is_refused(tmp_path):
    train(small(), tmp_path)
    with pytest.raises(SettingsError, match=r"other settings \(train\.seed\); choose"):
        train(small(seed=1), tmp_path)


def test_static_shapes_are_learned_a_little(tmp_path):
    settings = ExperimentSettings.model_validate({
        "net": {"hidden": 64}, "em": {"components": 3, "steps": 6},
        "train": {
            "batch": 16, "updates": 60, "row_every": 20, "validation_clips": 16, "clips": None, "patience_rows": None,
            "stages": [{"learning_rate": 0.003}],
        },
    })  # fmt: skip
    train(settings, tmp_path)
    curve = [row["validation_loss"] for row in rows(tmp_path)]
    cell = build_cell(settings)
    before = watch(cell, settings, TestSettings(), clips=16, seed=0, split="validation", device=CPU)
    assert curve[-1] < 0.5 * float(before.loss)
    assert curve[-1] < curve[0]


def test_the_ami_of_a_row_is_the_experiments_whatever_the_stage(tmp_path):
    alone = {"until": 0.5, "objects": [1, 1], "components": 1}
    train(small(stages=[alone, {}], updates=2, row_every=1), tmp_path)
    cell, settings, _ = load_cell(tmp_path / "last.safetensors", device=CPU)
    counted = watch(cell, settings, TestSettings(), clips=4, seed=0, split="validation", device=CPU)
    first, last = rows(tmp_path)
    assert last["ami"] == pytest.approx(scores(counted, static=True)["ami"])
    assert first["validation_ari"] == 0  # one object in one component
    assert first["ami"] < 0.9  # where the AMI of one object in one component is 1


def test_a_training_may_begin_from_weights_and_counts_their_updates(tmp_path):
    before = train(small(), tmp_path / "before")
    still = small(seed=1, updates=2, stages=[{"learning_rate": 1e-12}])
    after = train(still, tmp_path / "after", begin=before)
    cells = [load_cell(path, device=CPU) for path in (before, after)]
    assert all(
        torch.allclose(a, b, atol=1e-8) for a, b in zip(cells[0][0].parameters(), cells[1][0].parameters(), strict=True)
    )
    assert [updates for _, _, updates in cells] == [6, 8]
    elsewhere = train(small(seed=2), tmp_path / "elsewhere")
    for out, begin in (("after", elsewhere), ("elsewhere", before)):
        with pytest.raises(SettingsError, match="its run did not begin from"):
            train(still if out == "after" else small(seed=2), tmp_path / out, begin=begin)
    before.unlink()
    assert load_cell(train(still, tmp_path / "after"), device=CPU)[2] == 8  # a copy is kept


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_from_the_same_weights(tmp_path):
    before = train(small(), tmp_path / "before")
    still = small(seed=1, updates=2, stages=[{"learning_rate": 1e-12}])
    train(still, tmp_path / "whole", begin=before)
    train(still, tmp_path / "killed", begin=before)
    for name in ("checkpoint.pt", "curve.jsonl", "last.safetensors", "best.safetensors"):
        (tmp_path / "killed" / name).unlink()
    train(still, tmp_path / "killed")
    assert same_weights(tmp_path / "killed", tmp_path / "whole")


def same_weights(one, other):
    return (one / "last.safetensors").read_bytes() == (other / "last.safetensors").read_bytes()


def test_weights_of_another_network_are_no_beginning(tmp_path):
    other = small().model_copy(update={"net": small().net.model_copy(update={"hidden": 8})})
    path = train(other, tmp_path / "other")
    with pytest.raises(WeightsError, match="weights of another network"):
        train(small(), tmp_path / "out", begin=path)


def test_training_stops_when_the_best_is_old(tmp_path):
    settings = small(updates=100, row_every=1, patience_rows=2, stages=[{"learning_rate": 1e-9}])
    train(settings, tmp_path)
    losses = [row["validation_loss"] for row in rows(tmp_path)]
    assert len(losses) < 100
    assert len(losses) - 1 - int(np.argmin(losses)) == 2


@pytest.mark.parametrize("before", [0, 2])
def test_warming_up_for_a_capture_leaves_no_trace(before):
    settings = small()
    curves = []
    for warm_ups in (0, 3):
        torch.manual_seed(0)
        cell = build_cell(settings)
        optimiser = torch.optim.Adam(cell.parameters())
        update = EagerUpdate(cell, optimiser, settings.em, settings.train)
        clips = draw(settings.world, batch=4, frames=3, seed=0, number=0, split="train", device=CPU)
        inputs = make_inputs(clips.frames, settings.em, seed=0)
        for _ in range(before):
            update(inputs)
        weights = copy.deepcopy(cell.state_dict())
        state = copy.deepcopy(optimiser.state_dict())["state"]
        for _ in range(warm_ups):
            update(inputs)
        _restore(update, weights, state)
        curves.append([float(update(inputs)) for _ in range(3)])
    assert curves[0] == curves[1]
    assert curves[0][2] < curves[0][0]


def test_without_a_gpu_there_is_no_graph_and_it_is_said(capsys):
    settings = small()
    cell = build_cell(settings)
    clips = draw(settings.world, batch=4, frames=3, seed=0, number=0, split="train", device=CPU)
    inputs = make_inputs(clips.frames, settings.em, seed=0)
    optimiser = torch.optim.Adam(cell.parameters())
    update = make_update(cell, optimiser, settings.em, settings.train, inputs, graph=True, fused=False)
    if not torch.cuda.is_available():
        assert isinstance(update, EagerUpdate)
        assert "no CUDA graph" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_is_named_with_its_update(tmp_path, monkeypatch):
    real = training.drawn_inputs

    def broken(frames, *arguments, **more):
        inputs = real(frames, *arguments, **more)
        return inputs._replace(noisy=inputs.noisy * float("nan"))

    monkeypatch.setattr(training, "drawn_inputs", broken)
    with pytest.raises(DivergedError, match="update 0"):
        train(small(), tmp_path)


def test_a_gradient_that_is_not_finite_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    real, updates = updating.unrolled_loss, []

    def torn(run, frames, em):
        updates.append(1)
        loss = real(run, frames, em)
        slope = (0 * loss.total).abs().sqrt() if len(updates) == 4 else 0.0  # 0, and its gradient is not a number
        return loss._replace(total=loss.total + slope)

    with monkeypatch.context() as patch:
        patch.setattr(updating, "unrolled_loss", torn)
        with pytest.raises(DivergedError, match=r"^step 4: "):
            train(small(), tmp_path)
    assert [json.loads(line)["step"] for line in (tmp_path / "curve.jsonl").read_text().splitlines()] == [2]
    train(small(), tmp_path)


def test_each_stage_has_its_part_of_the_training():
    stages = (TrainingStage(until=0.25), TrainingStage(until=0.75), TrainingStage())
    assert [stage_at(stages, share) for share in (0.0, 0.24, 0.25, 0.5, 0.75, 1.0)] == [0, 0, 1, 1, 2, 2]


def test_the_rate_is_constant_as_in_the_papers_or_warms_up_and_falls():
    stages = (TrainingStage(learning_rate=0.1),)
    assert learning_rate(PaperTrainSettings(stages=stages), stage=0, done=7, progress=0.7) == 0.1
    cosine = PaperTrainSettings(stages=stages, schedule="cosine", warm_up_updates=10)
    assert learning_rate(cosine, stage=0, done=0, progress=0.0) == pytest.approx(0.01)
    assert learning_rate(cosine, stage=0, done=500, progress=0.5) == pytest.approx(0.1 * 0.505)
    assert learning_rate(cosine, stage=0, done=1000, progress=1.0) == pytest.approx(0.001)


def test_a_restart_warms_up_and_falls_anew_and_leaves_the_rates_before_it_as_they_were():
    once = PaperTrainSettings(
        stages=(TrainingStage(until=0.5, learning_rate=0.1), TrainingStage(learning_rate=0.2)),
        schedule="cosine",
        warm_up_updates=10,
    )
    more = (
        TrainingStage(until=0.25, learning_rate=0.1),
        TrainingStage(until=0.5, learning_rate=0.2),
        TrainingStage(learning_rate=0.1, restart=True),
    )
    twice = once.model_copy(update={"stages": more})
    for done, stage in ((0, 0), (499, 0), (500, 1), (999, 1)):
        whole, half = (
            learning_rate(train, stage=stage, done=done, progress=done / updates)
            for train, updates in ((once, 1000), (twice, 2000))
        )
        assert whole == pytest.approx(half)
    rates = [learning_rate(twice, stage=2, done=done, progress=done / 2000) for done in (1000, 1009, 1500, 2000)]
    assert rates == pytest.approx([0.01, 0.1, 0.1 * 0.505, 0.001], rel=1e-3)


def test_a_stage_changes_world_and_iteration_and_never_adds_components():
    first = {"until": 0.5, "objects": (1, 1), "steps": 7, "components": 4, "noise": 0.3, "every_step": True}
    settings = small(stages=[first, {"components": 1}])
    world, em = training.staged(settings, 0)
    assert (world.objects, em.steps, em.components, em.noise, em.all_steps) == ((1, 1), 7, 2, 0.3, True)
    world, em = training.staged(settings, 1)
    assert (world.objects, em.steps, em.components, em.noise, em.all_steps) == ((3, 3), 2, 1, 0.1, False)


@pytest.mark.parametrize("components", [1, 2])
def test_a_frozen_part_stays_as_it_was_but_where_there_is_one_component(tmp_path, components):
    stages = [{"until": 0.5}, {"frozen": ("decoder",)}]
    settings = small(updates=4, stages=stages)
    train(settings.model_copy(update={"em": settings.em.model_copy(update={"components": components})}), tmp_path)
    before = torch.load(tmp_path / "best-0" / "checkpoint.pt", weights_only=True)["cell"]
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["cell"]
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == ({"core"} if components > 1 else {"core", "decoder"})


def test_the_clock_does_not_count_what_an_update_takes_to_compile(monkeypatch):
    now = 0.0
    monkeypatch.setattr(training.time, "monotonic", lambda: now)
    clock = training._Clock(PaperTrainSettings(clock_minutes=1.0), [])
    now = 15.0
    with clock.stopped():
        now = 75.0
    now = 90.0
    assert (clock.minutes(), clock.progress(1)) == (0.5, 0.5)


def test_n_em_has_no_decoder_to_freeze():
    with pytest.raises(ValueError, match="N-EM is one matrix"):
        ExperimentSettings.model_validate({"net": {"cell": "nem"}, "train": {"stages": [{"frozen": ["decoder"]}]}})


def test_an_epoch_sees_every_batch_once_in_an_order_of_its_own():
    options = PaperTrainSettings(batch=10, clips=100)
    epochs = [[clip_number(options, 10 * epoch + n) for n in range(10)] for epoch in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]
    assert clip_number(PaperTrainSettings(clips=None), 12345) == 12345


def test_scores_are_scikit_learns_on_the_pixels_that_count():
    generator = torch.Generator().manual_seed(0)
    gamma = torch.rand(2, 3, 4, 1, 8, 8, generator=generator)
    groups = torch.randint(0, 4, (3, 2, 8, 8), generator=generator, dtype=torch.uint8)
    gamma[0, 0] = torch.nn.functional.one_hot(groups[0, 0].long(), 4).permute(2, 0, 1)[:, None]  # perfect
    counts = tables(gamma, groups, objects=3)
    ari, ami = rand_indices(counts), information(counts)
    for step in range(2):
        for clip in range(3):
            truth, found = groups[clip, step].flatten(), gamma[step, clip, :, 0].argmax(0).flatten()
            truth, found = truth[groups[clip, step].flatten() > 0], found[groups[clip, step].flatten() > 0]
            assert float(ari[step, clip]) == pytest.approx(adjusted_rand_score(truth, found))
            assert float(ami[step, clip]) == pytest.approx(
                adjusted_mutual_info_score(truth, found, average_method="max")
            )
    assert float(ari[0, 0]) == 1


def test_information_of_many_tables_is_that_of_each():
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.choice([0.3, 5, 60], (40, 1, 1)), (40, 5, 3)) * (rng.random((40, 5, 3)) < 0.7)
    expected = [adjusted_information(table, average="max") if table.any() else np.nan for table in counts]
    assert information(torch.from_numpy(counts)).numpy() == pytest.approx(np.array(expected), nan_ok=True, abs=1e-9)


def test_a_frame_without_scored_pixels_counts_for_nothing_and_one_group_in_one_component_for_zero():
    counts = torch.tensor([[[[0, 0], [0, 0]]], [[[9, 0], [0, 0]]]])
    ari = rand_indices(counts)
    assert ari[0].isnan().all()
    assert float(ari[1]) == 0  # as the authors' code has it
    assert information(counts)[0].isnan().all()
    assert float(information(counts)[1]) == 1


def test_every_test_of_an_experiment_is_scored():
    settings = ExperimentSettings.model_validate({
        "world": {"kind": "balls", "objects": (2, 2), "side_px": 64},
        "net": {"cell": "relational", "trunk": "balls", "norm_output": True},
        "em": {"components": 2, "steps": 2, "sequential": True},
        "tests": {"same": {}, "more": {"objects": (3, 3), "components": 3, "steps": 3}, "dream": {"watched": 1},
                  "clean": {"clean": True}, "static": {"static": True}},
    })  # fmt: skip
    found = evaluate(build_cell(settings), settings, clips=3, seed=0, device=CPU)
    assert list(found) == list(settings.tests)
    assert found["more"]["steps"] == 3
    assert found["clean"]["mse_input"] == 0
    assert found["same"]["mse_input"] == pytest.approx(0.1, abs=0.02)
    assert all(np.isfinite(row["bce"]) and np.isfinite(row["ami"]) for row in found.values())


def test_frames_in_which_objects_cover_each_other_are_scored_apart():
    settings = small()
    cell = build_cell(settings)
    alone = watch(cell, settings, TestSettings(objects=(1, 1)), clips=6, seed=0, split="test", device=CPU)
    assert not alone.overlap.any()
    assert np.isnan(scores(alone, static=True)["ami_overlap"])
    crowd = watch(cell, settings, TestSettings(objects=(4, 4)), clips=6, seed=0, split="test", device=CPU)
    assert crowd.overlap.any()
    assert not crowd.overlap.all()
    found = scores(crowd, static=True)
    share = float(crowd.overlap[-1].double().mean())
    assert share * found["ami_overlap"] + (1 - share) * found["ami_apart"] == pytest.approx(found["ami"])


def test_a_perfect_grouping_scores_one_and_its_error_is_none():
    settings = small()
    run = watch(build_cell(settings), settings, TestSettings(), clips=4, seed=0, split="test", device=CPU)
    perfect = run._replace(tables=torch.tensor([[[[5, 0], [0, 7]]] * 4] * 2))
    assert scores(perfect, static=False)["ami"] == scores(perfect, static=False)["ari"] == 1


def test_batches_of_a_test_do_not_change_with_their_number():
    settings = small()
    cell = build_cell(settings)
    few, many = (
        watch(cell, settings, TestSettings(), clips=n, seed=0, split="test", device=CPU, batch=2) for n in (2, 4)
    )
    assert torch.equal(few.tables, many.tables[:, :2])
    assert float(few.loss) != float(many.loss)


def test_weights_come_back_with_their_experiment(tmp_path):
    settings = small()
    cell = build_cell(settings)
    save_cell(cell, settings, tmp_path / "w.safetensors", updates=7)
    again, same, updates = load_cell(tmp_path / "w.safetensors", device=CPU)
    assert (same, updates) == (settings, 7)
    assert all(torch.equal(a, b) for a, b in zip(cell.parameters(), again.parameters(), strict=True))
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        load_cell(tmp_path / "w.safetensors", device=CPU)


def test_balls_of_a_dream_are_counted_by_who_shows_one():
    world = WorldSettings(kind="balls", objects=(2, 2), side_px=64)
    ball_px = evaluation.smallest_ball(world)
    assert evaluation.smallest_ball(WorldSettings()) == 0
    owner = torch.zeros(1, 1, 64, 64, dtype=torch.long)
    owner[..., 32:, :] = 1
    seen = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    side = math.ceil(ball_px**0.5)
    seen[..., :side, :side] = True  # a whole ball of component 0
    seen[..., 40:42, :3] = True  # crumbs of component 1
    assert evaluation._balls(owner, seen, ball_px).tolist() == [[1]]
    seen[..., 40 : 40 + side, :side] = True
    assert evaluation._balls(owner, seen, ball_px).tolist() == [[2]]


def test_a_roll_out_is_scored_from_where_it_dreams():
    shown = torch.tensor([[0.0]] * 3 + [[2.0]] * 5 + [[1.0]] * 15)  # (T, B): a ball is lost after five frames
    wrong, right = [[3, 3], [3, 3]], [[6, 0], [0, 6]]  # watched in vain, dreamt well
    counts = torch.tensor([[wrong]] * 3 + [[right]] * 20)  # (T, B, G, K)
    there = torch.tensor([[0.0]] * 3 + [[2.0]] * 20)
    step = torch.zeros(23, 1)
    tally = evaluation.ScoreTally(
        counts, step.bool(), counts.cumsum(0), step, torch.zeros(()), step, step, step, step, step,
        shown, there,
    )  # fmt: skip
    found = scores(tally, static=False, watched=3)
    assert found["balls_right"] == {10: 0.5, 20: 0.25}
    assert found["balls_dreamt"][20] == 1.25
    assert found["balls_there"][20] == 2
    assert found["ari_dreamt"] == {10: 1, 20: 1}
    assert "ari_dreamt" not in scores(tally, static=False)
