"""A run that was killed goes on mid-file: its tables are those of a run that was not, byte by byte."""

import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
from clips import write_pictures, write_video
from commands import call, refused
from killed_run import BACKWARDS, FORWARDS, WRITING, differing, left, picture_times, run
from sounds import onsets, write_flashes

from tracker.checkpoint.store import STATE, CheckpointFolder
from tracker.jobs import Job, versions
from tracker.settings import load_settings
from tracker.worlds import StreetSettings, draw_street

FRAMES = 40
ZONES = ["zones.lines.middle.points=[[32,0],[32,48]]", "zones.areas.left=[[0,0],[32,0],[32,48],[0,48]]"]


def settings_of(lanes, *more, zones=ZONES):
    return load_settings([], [f"lanes=[{lanes}]", "prescan_frames=8", *zones, *more])


BOTH = settings_of("gmm,slots")
GMM = settings_of("gmm")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    world = draw_street(StreetSettings(width=64, height=48, frames=FRAMES, objects=(3, 3), object_px=(12, 16)), seed=1)
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", list(world.images))


@pytest.fixture(scope="module")
def whole(clip, tmp_path_factory):
    """Folders of runs that were not killed, by what they ran."""
    done = {}

    def folder(settings, **asked):
        key = (settings.model_dump_json(), str(asked))
        if key not in done:
            done[key] = tmp_path_factory.mktemp("whole")
            assert run(Job(str(clip), done[key] / "o.mp4", **asked), settings) == 0
        return done[key]

    return folder


def job(clip, folder, **asked):
    return Job(str(clip), folder / "o.mp4", **{"checkpoint_s": 0.5, "resume": True, **asked})


@pytest.mark.parametrize(
    "kill",
    [(FORWARDS, 30), (BACKWARDS, 20), (WRITING, 2), (WRITING, 30)],
    ids=["forwards", "backwards", "begun", "writing"],
)
def test_killed_in_each_pass_it_goes_on_with_the_same_tables(clip, whole, tmp_path, kill):
    asked = job(clip, tmp_path, masks="rle")
    assert run(asked, BOTH, kill=kill) == -signal.SIGKILL
    assert not list(tmp_path.glob("*.csv.json"))
    assert not (tmp_path / "o.mp4").exists()
    assert run(asked, BOTH) == 0
    assert differing(whole(BOTH, masks="rle"), tmp_path) == []
    assert left(tmp_path) == []


@pytest.mark.slow
def test_killed_again_and_again_it_comes_to_the_same_end(clip, whole, tmp_path):
    asked = job(clip, tmp_path, masks="rle")
    for kill in ((FORWARDS, 20), (FORWARDS, 5), (FORWARDS, 20), (WRITING, 20), (WRITING, 2), (WRITING, 20)):
        assert run(asked, BOTH, kill=kill) == -signal.SIGKILL
    assert run(asked, BOTH) == 0
    assert differing(whole(BOTH, masks="rle"), tmp_path) == []


@pytest.mark.slow
def test_windows_of_the_second_pass_that_were_done_are_not_done_again(clip, tmp_path):
    folders = tmp_path / "whole", tmp_path / "killed"
    for folder in folders:
        folder.mkdir()
    small = {"window_bytes": 20_000, "overlap_s": 0.2}
    settings = settings_of("slots")
    assert run(job(clip, folders[0], video=False), settings, **small) == 0
    assert run(job(clip, folders[1], video=False), settings, kill=(FORWARDS, 30), **small) == -signal.SIGKILL
    # the windows that were done have more frames together than are looked at again
    assert run(job(clip, folders[1], video=False), settings, kill=(BACKWARDS, 60), **small) == 0
    assert differing(*folders) == []


@pytest.mark.parametrize("masks", ["rle", "png"])
def test_a_run_that_sees_each_frame_once_goes_on(clip, whole, tmp_path, masks):
    settings = settings_of("gmm,blobs", "online=true")
    asked = {"masks": masks, "start_s": 0.24, "duration_s": 1.3}
    assert run(job(clip, tmp_path, **asked), settings, kill=(WRITING, 30)) == -signal.SIGKILL
    assert run(job(clip, tmp_path, **asked), settings) == 0
    assert differing(whole(settings, **asked), tmp_path) == []


@pytest.mark.slow
def test_a_camera_that_shakes_is_steadied_on(tmp_path):
    world = draw_street(StreetSettings(width=64, height=48, frames=FRAMES, objects=(2, 2), object_px=(12, 16)), seed=2)
    moved = [np.roll(each, (index % 5 - 2, index % 3 - 1), (0, 1)) for index, each in enumerate(world.images)]
    clip = write_video(tmp_path / "clip.mp4", moved)
    settings = settings_of("gmm,slots", "steady=true")
    folders = tmp_path / "whole", tmp_path / "killed"
    for folder in folders:
        folder.mkdir()
    assert run(Job(str(clip), folders[0] / "o.mp4"), settings) == 0
    assert run(job(clip, folders[1]), settings, kill=(FORWARDS, 30)) == -signal.SIGKILL
    assert run(job(clip, folders[1]), settings, kill=(WRITING, 30)) == -signal.SIGKILL
    assert run(job(clip, folders[1]), settings) == 0
    assert differing(*folders) == []


def test_pictures_in_a_folder_go_on(clip, tmp_path):
    world = draw_street(StreetSettings(width=64, height=48, frames=FRAMES, objects=(2, 2), object_px=(12, 16)), seed=3)
    pictures = write_pictures(tmp_path / "pictures", list(world.images))
    folders = tmp_path / "whole", tmp_path / "killed"
    for folder in folders:
        folder.mkdir()
    assert run(Job(str(pictures), folders[0] / "o.mp4"), GMM) == 0
    assert run(job(pictures, folders[1]), GMM, kill=(WRITING, 30)) == -signal.SIGKILL
    assert run(job(pictures, folders[1]), GMM) == 0
    assert differing(*folders) == []


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_the_video_has_all_its_sound(tmp_path, codec):
    at_s = [0.52, 1.0, 1.72]
    clip = write_flashes(tmp_path / ("clip.mp4" if codec == "aac" else "clip.mkv"), at_s, seconds=2, codec=codec)
    asked, settings = job(clip, tmp_path), settings_of("gmm", zones=[])
    assert run(asked, settings, kill=(WRITING, 35)) == -signal.SIGKILL
    assert run(asked, settings) == 0
    flashes, beeps = onsets(tmp_path / "o.mp4")
    assert flashes == pytest.approx(at_s, abs=0.02)
    assert beeps == pytest.approx(at_s, abs=0.1)
    assert len(picture_times(tmp_path / "o.mp4")) == 50


def test_sigterm_leaves_a_saved_run_to_go_on_with(clip, whole, tmp_path):
    asked = job(clip, tmp_path, masks="rle")
    assert run(asked, BOTH, kill=(FORWARDS, 30), number=signal.SIGTERM) == 130
    assert run(asked, BOTH, kill=(WRITING, 30), number=signal.SIGTERM) == 130
    assert not (tmp_path / "o.summary.json").exists()
    assert run(asked, BOTH) == 0
    assert differing(whole(BOTH, masks="rle"), tmp_path) == []


def test_sigterm_before_the_first_checkpoint_leaves_results_as_ever(clip, tmp_path):
    assert run(job(clip, tmp_path), GMM, kill=(WRITING, 5), number=signal.SIGTERM) == 0
    assert (tmp_path / "o.summary.json").exists()
    assert left(tmp_path) == []


@pytest.fixture(scope="module")
def killed(clip, tmp_path_factory):
    """What a killed run left: tests take copies."""
    folder = tmp_path_factory.mktemp("killed")
    assert run(job(clip, folder), GMM, kill=(WRITING, 30)) == -signal.SIGKILL
    return folder


@pytest.fixture
def copy(killed, tmp_path):
    shutil.copytree(killed, tmp_path / "killed")
    return tmp_path / "killed"


def command(clip, folder, *more):
    zones = [word for each in ZONES for word in ("--set", each)]
    return ["process", clip, "-o", folder / "o.mp4", "--lanes", "gmm", "--set", "prescan_frames=8", *zones, *more]


def test_the_command_goes_on_with_its_own_interval(clip, whole, copy):
    done = call(*command(clip, copy, "--resume"))
    assert done.exit_code == 0, done.output
    assert "going on from" in done.stderr
    assert "online, at 0:01.0" in done.stderr
    assert differing(whole(GMM), copy) == []


def test_without_resume_the_checkpoint_is_named_and_nothing_is_lost(clip, copy):
    before = sorted(path.name for path in copy.rglob("*"))
    for more in ([], ["--checkpoint", "1s"]):
        said = refused(*command(clip, copy, *more))
        assert "o.checkpoint" in said
        assert "--resume" in said
    assert sorted(path.name for path in copy.rglob("*")) == before
    assert call(*command(clip, copy, "--resume")).exit_code == 0


@pytest.mark.parametrize("more", [["--checkpoint", "10s"], []])
def test_overwrite_without_resume_begins_anew(clip, whole, copy, more):
    done = call(*command(clip, copy, *more, "--overwrite"))
    assert done.exit_code == 0, done.output
    assert (copy / "o.recovered-1.mp4").exists()
    for path in copy.glob("*.recovered-*"):
        path.unlink()
    assert differing(whole(GMM), copy) == []


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--set", "gmm.mixture.history_s=20"], "gmm.mixture.history_s"),
        (["--max-frames", "35"], "max_frames"),
        (["--no-video"], "video"),
    ],
)
def test_other_settings_are_refused(clip, copy, more, what):
    before = sorted(path.name for path in copy.rglob("*"))
    assert what in refused(*command(clip, copy, "--resume", *more))
    assert sorted(path.name for path in copy.rglob("*")) == before


def test_another_input_of_the_name_is_refused(clip, copy, tmp_path):
    changed = tmp_path / clip.name
    changed.write_bytes(clip.read_bytes()[:-1] + b"\0")
    assert "the input" in refused(*command(changed, copy, "--resume"))


def test_another_version_is_refused(clip, copy, monkeypatch):
    monkeypatch.setattr(versions.tracker, "__version__", "0.0.1")
    assert "version" in refused(*command(clip, copy, "--resume"))


def test_other_weights_of_any_network_are_refused(clip, tmp_path):
    from tracker.jobs import saving

    store = CheckpointFolder(tmp_path / "o.checkpoint")
    head = {"versions": {}, "input": "", "settings": {}, "job": {}}
    store.make()
    store.save({**head, "weights": {"street": "1", "foreground": "2"}}, b"")
    job = Job(str(clip), tmp_path / "o.mp4", resume=True)
    with pytest.raises(saving.SinkError, match="the weights foreground differs"):
        saving._fitting(store, job, {**head, "weights": {"street": "1", "foreground": "3"}}, print)


def test_a_damaged_checkpoint_is_refused_and_its_files_stay(clip, copy):
    state = copy / "o.checkpoint" / STATE
    content = bytearray(state.read_bytes())
    content[-20] ^= 1
    state.write_bytes(content)
    before = sorted(path.name for path in copy.rglob("*"))
    assert "damaged" in refused(*command(clip, copy, "--resume"))
    assert sorted(path.name for path in copy.rglob("*")) == before


def test_a_half_written_one_is_not_used(clip, whole, copy):
    (copy / "o.checkpoint" / f"{STATE}.part").write_bytes(b"tracker checkpoint 2\nhalf")
    assert call(*command(clip, copy, "--resume")).exit_code == 0
    assert differing(whole(GMM), copy) == []


def test_a_table_that_lost_lines_is_refused_and_stays(clip, copy):
    table = next(copy.glob("o.gmm.part-*.csv"))
    os.truncate(table, 10)
    assert "gone" in refused(*command(clip, copy, "--resume"))
    assert table.exists()
    assert (copy / "o.checkpoint" / STATE).exists()


@pytest.mark.parametrize("gone", ["o.part-*.mp4", "o.gmm.part-*.csv"])
def test_a_result_that_is_gone_is_named_and_resume_is_not_promised(clip, copy, gone):
    next(copy.glob(gone)).unlink()
    said = call(*command(clip, copy, "--resume"))
    assert said.exit_code == 1
    assert (
        "what a killed run had written of it is gone; begin anew with --overwrite and without --resume" in said.stderr
    )
    assert "goes on from here" not in said.stderr
    assert (copy / "o.checkpoint" / STATE).exists()


@pytest.mark.parametrize("damage", [os.unlink, lambda path: os.truncate(path, 0)])
def test_a_folder_of_masks_that_lost_pictures_is_refused_and_stays(clip, tmp_path, damage):
    assert run(job(clip, tmp_path, masks="png"), GMM, kill=(WRITING, 30)) == -signal.SIGKILL
    masks = next(tmp_path.glob("o.gmm.part-*.masks"))
    damage(masks / "000005.png")
    assert run(job(clip, tmp_path, masks="png"), GMM) == 1
    assert (tmp_path / "o.checkpoint" / STATE).exists()
    assert (masks / "000006.png").exists()


def test_what_is_no_checkpoint_is_refused_before_what_was_written_has_other_names(clip, copy):
    (copy / "o.checkpoint" / "kept-77").mkdir()
    before = sorted(path.name for path in copy.rglob("*"))
    assert "kept-77" in refused(*command(clip, copy, "--overwrite"))
    assert sorted(path.name for path in copy.rglob("*")) == before


def test_a_file_of_somebody_else_in_the_folder_of_a_checkpoint_stays_and_stops_nothing(clip, copy):
    note = copy / "o.checkpoint" / "notes.txt"
    note.write_text("mine")
    assert call(*command(clip, copy, "--overwrite")).exit_code == 0
    assert [path.name for path in note.parent.iterdir()] == ["notes.txt"]


def test_a_video_that_lost_pictures_is_refused_and_stays(clip, copy):
    film = next(copy.glob("o.part-*.mp4"))
    os.truncate(film, 100)
    refused_, kept = call(*command(clip, copy, "--resume")), copy / "o.checkpoint"
    assert refused_.exit_code == 1
    assert "pictures; begin anew" in refused_.stderr
    assert (kept / STATE).exists()
    assert list(copy.glob("o.gmm.part-*.csv"))


def test_a_batch_begins_anew_where_the_checkpoint_is_of_another_run(clip, whole, copy):
    other = replace(job(clip, copy, resume="auto"), max_frames=35)
    assert run(other, GMM) == 0
    summary = (copy / "o.summary.json").read_text()
    assert '"frames": 35,' in summary


def test_a_run_that_lives_is_not_gone_on_with(clip, copy):
    from tracker.sinks.claims import NameClaim, _lock, leftovers

    lock = next(copy.glob("*.lock"))
    descriptor = os.open(lock, os.O_RDWR)
    _lock(descriptor)
    assert "another run" in refused(*command(clip, copy, "--resume"))
    os.close(descriptor)
    assert isinstance(leftovers(copy, ["o.mp4"])[0], NameClaim)


@pytest.mark.parametrize(
    "asked",
    [
        ["process", "CLIP", "--checkpoint", "1s", "--events-to", "-"],
        ["process", "CLIP", "--checkpoint", "1s", "--profile"],
        ["process", "CLIP", "--checkpoint", "1s", "--lanes", "knn"],
        ["process", "rtsp://127.0.0.1:1/cam", "--checkpoint", "1s"],
        ["process", "rtsp://127.0.0.1:1/cam", "--resume"],
        ["process", "CLIP", "--checkpoint", "1s", "--split", "2"],
        ["process", "CLIP", "--resume", "--split", "2"],
    ],
)
def test_what_cannot_be_saved_is_refused_before_the_work(clip, tmp_path, asked):
    words = [str(clip) if word == "CLIP" else word for word in asked]
    assert "leave them out" in refused(*words, "-o", tmp_path / "o.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "what"),
    [("missing.mp4", "missing.mp4: no such file"), ("*.png", "give the folder of the pictures")],
)
def test_a_source_that_is_no_file_is_not_called_a_live_run(tmp_path, source, what):
    write_pictures(tmp_path / "pictures", [np.zeros((48, 64, 3), np.uint8)])
    said = refused("process", tmp_path / "pictures" / source, "--checkpoint", "1s", "-o", tmp_path / "o.mp4")
    assert what in said
    assert "live" not in said


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "live run" in refused("process", tmp_path / "pipe.mp4", "--checkpoint", "1s", "-o", tmp_path / "o.mp4")


def test_after_a_run_that_ended_well_resume_names_the_results_alone(clip, tmp_path):
    (tmp_path / "o.summary.json").touch()
    said = call(*command(clip, tmp_path, "--resume"))
    assert "exists already" in said.stderr
    assert "beginning" not in said.stderr
