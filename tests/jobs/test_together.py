"""Several clips in one process, with shared networks: the results of each are those of a run alone."""

import _thread
from pathlib import Path

import numpy as np
import pytest
from clips import draw, write_video

from tracker.errors import SettingsError, SourceError
from tracker.foreground.features import CHANNELS
from tracker.foreground.predictor import BatchedPredictor, TorchPredictor
from tracker.foreground.weights import load_foreground, load_foreground_net
from tracker.jobs import Job, process, process_together, together
from tracker.networks import SharedNetworks
from tracker.settings import RunSettings
from tracker.slots.state import BatchedCell, SlotArrays, TorchCell, no_slots
from tracker.slots.weights import load_cell, load_network

SETTINGS = RunSettings(lanes=("gmm", "slots"), prescan_frames=4)
TABLES = ("clip.gmm.csv", "clip.slots.csv", "clip.slots.mot.txt", "clip.slots.events.jsonl")
BY_TORCH = 1
"""of 255: what probabilities may differ by where torch computes several pictures at once"""


def job(clip: Path, folder: Path, **more) -> Job:
    return Job(str(clip), folder / "clip.mp4", video=False, **more)


def tables(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in TABLES]


@pytest.mark.parametrize("online", [True, False])
def test_clips_together_have_the_results_of_each_alone(tmp_path, online):
    settings = SETTINGS.model_copy(update={"online": online})
    clips = [
        write_video(tmp_path / f"{n}.mp4", draw(14 + n, size)) for n, size in enumerate([(96, 64), (96, 64), (64, 48)])
    ]
    bad = tmp_path / "none.mp4"
    networks = SharedNetworks(clips=3, wait_s=0.05)  # so that there are batches
    jobs = [job(clip, tmp_path / "together" / clip.name) for clip in (*clips, bad)]
    found = process_together(jobs, settings, networks=networks)
    assert isinstance(found[3], SourceError)
    for clip, result in zip(clips, found, strict=False):
        alone = process(job(clip, tmp_path / "alone" / clip.name), settings)
        assert not isinstance(result, Exception), result
        assert (result.report.frames, result.report.outcome) == (alone.report.frames, "complete")
        assert tables(tmp_path / "together" / clip.name) == tables(tmp_path / "alone" / clip.name)
        assert len(tables(tmp_path / "alone" / clip.name)[1].splitlines()) > 5  # there was something to find
    ((predict, _),), (network,) = networks._foregrounds.values(), networks._cells.values()
    assert max(predict.calls.sizes) == 2  # one clip has another size
    assert max(network.cell.calls.sizes) > 1


def test_ctrl_c_ends_all_with_the_frames_so_far(tmp_path, monkeypatch):
    def interrupted(*arguments, progress, **more):
        _thread.interrupt_main()
        assert progress._ending.wait(10)
        return process(*arguments, progress=progress, **more)

    monkeypatch.setattr(together, "process", interrupted)
    clips = [write_video(tmp_path / f"{n}.mp4", draw(10)) for n in range(2)]
    settings = SETTINGS.model_copy(update={"lanes": ("gmm",)})
    jobs = [job(clip, tmp_path / "o" / clip.name) for clip in clips]
    found = process_together(jobs, settings)
    for result in found:
        assert not isinstance(result, Exception), result
        assert (result.report.outcome, result.report.frames) == ("interrupted", 1)


def test_two_jobs_of_one_name_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SettingsError, match=r"clip.mp4: the output of two jobs"):
        process_together([job(tmp_path / "a", tmp_path / "o"), job(tmp_path / "b", tmp_path / "o")], SETTINGS)
    with pytest.raises(SettingsError, match="1 jobs with 2 settings"):
        process_together([job(tmp_path / "a", tmp_path / "o")], [SETTINGS, SETTINGS])
    assert not list(tmp_path.iterdir())


def rows_of(cell, slots: int, seed: int):
    rng, settings = np.random.default_rng(seed), cell.settings
    state = SlotArrays(*(rng.random((slots, *part.shape[1:]), np.float32) for part in no_slots(settings)))
    state = state._replace(mask_logit=12 * state.mask_logit - 8, pose=10 + 40 * state.pose)
    seen = rng.random((slots, 6, settings.grid_px, settings.grid_px), np.float32)
    free = (rng.random(slots) < 0.8).astype(np.float32)
    return state, seen, free, free


@pytest.mark.parametrize("by", ["onnx", "torch"])
def test_a_batch_of_slots_changes_no_bit_of_any_of_them(by):
    cell = load_network("street").cell if by == "onnx" else TorchCell(load_cell("street")[0])
    given = [rows_of(cell, slots, seed) for seed, slots in enumerate((1, 5, 3, 9))]
    batched = BatchedCell(cell)._many([_rows(*each) for each in given])
    for (state, seen, visible, fit), came in zip(given, batched, strict=True):
        for one, other in zip(cell(state, seen, visible=visible, fit=fit), came, strict=True):
            assert np.array_equal(one, other)


def _rows(state, seen, visible, fit):
    from tracker.slots.state import _Rows

    return _Rows(state, seen, visible, fit)


@pytest.mark.parametrize(("by", "within"), [("onnx", 0), ("torch", BY_TORCH)])
def test_a_batch_of_pictures_is_each_of_them(by, within):
    predict = load_foreground("foreground")[0] if by == "onnx" else TorchPredictor(load_foreground_net("foreground")[0])
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (CHANNELS, 44, 60), dtype=np.uint8) for _ in range(4)]
    batched = BatchedPredictor(predict)
    for picture, came in zip(pictures, predict.many(pictures), strict=True):
        away = np.abs(came.astype(int) - predict(picture).astype(int))
        assert away.max() <= within
        assert np.array_equal(batched(picture), predict(picture))
