"""How the commands are listed and completed, where results go, and what is said of several sources."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import call, refused

from tracker.cli import cli
from tracker.cli import run as run_commands
from tracker.cli.sections import OTHER, SECTIONS


def usage(*arguments):
    """The last line of a call that is refused as wrong usage."""
    done = call(*arguments)
    assert done.exit_code == 2, done.output
    return done.stderr.strip().splitlines()[-1].removeprefix("Error: ")


def test_every_command_stands_in_a_section_of_the_help_and_no_sentence_is_cut():
    text = call("--help").stdout
    assert {name for names in SECTIONS.values() for name in names} == set(cli.commands)
    assert f"{OTHER}:" not in text
    assert "..." not in text.replace("[ARGS]...", "")
    assert all(f"\n{title}:\n" in text for title in SECTIONS)


def test_a_second_name_that_is_no_file_is_taken_for_a_forgotten_o(tmp_path):
    clip = tmp_path / "a.mp4"
    clip.touch()
    assert usage("process", clip, tmp_path / "out.mp4").endswith(f"tracker process {clip} -o {tmp_path / 'out.mp4'}")


def test_several_pictures_or_videos_are_answered_with_the_call_that_was_meant():
    assert usage("process", "f/1.png", "f/2.png", "-o", "x").endswith(
        "put the pattern in quotes: tracker process 'f/*.png'"
    )
    assert usage("process", "a.mp4", "b.mp4").endswith("all of them: tracker batch '*.mp4' -o results")
    assert usage("compare", "a.mp4", "b.mp4").endswith('for clip in *.mp4; do tracker compare "$clip"; done')
    assert usage("webcam", "a.mp4", "x") == "There is an extra argument: 'x'"
    assert "secret" not in usage("process", "a", "rtsp://me:secret@host/main")


@pytest.mark.parametrize("address", ["clips", "clips/*.mp4"])
def test_a_folder_or_pattern_of_videos_is_answered_with_a_loop(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "clips" / name).write_bytes(b"x")
    line = refused("process", address, "-o", "o.mp4")
    assert "2 videos; give one by its name" in line
    assert f"tracker batch '{Path('clips') / '*.mp4'}' -o results" in line


def test_without_o_results_go_here_and_with_it_into_that_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f").mkdir()
    for n in (1, 2):
        cv2.imwrite(str(tmp_path / "f" / f"{n}.png"), np.full((48, 64, 3), 90, np.uint8))
    common = ["f", "--lanes", "gmm", "-q", "--set", "prescan_frames=0"]
    for command in (["process"], ["process", "-o", "out"], ["compare"], ["compare", "-o", "out"]):
        done = call(*command[:1], *common, *command[1:])
        assert done.exit_code == 0, done.output
    for name in ("f.frames.tracked.mp4", "out/f.frames.tracked.mp4", "f.frames.compare/report.html", "out/report.html"):
        assert (tmp_path / name).is_file(), name


def test_compare_asks_for_a_folder_where_a_video_is_named():
    assert usage("compare", "a.mp4", "-o", "out.mp4").endswith("give it a folder, such as -o out")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell):
    done = call("completion", shell)
    assert done.exit_code == 0
    assert "_TRACKER_COMPLETE" in done.stdout
    assert "tracker" in done.stdout


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("tracker pro", "plain,process"), ("tracker process --onl", "plain,--online"), ("tracker process cl", "file,cl")],
)
def test_what_is_typed_is_completed(line, wanted):
    words = line.split()
    environment = {
        **os.environ,
        "_TRACKER_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tracker"], env=environment, capture_output=True, text=True, check=False
    )
    assert wanted in done.stdout.splitlines()


def test_a_start_of_hours_minutes_and_seconds_reaches_the_job(monkeypatch):
    asked = {}
    monkeypatch.setattr(run_commands, "carry_out", lambda common, **job: asked.update(common, **job))
    assert call("process", "a.mp4", "--start", "1:02:03", "--duration", "0:01.5").exit_code == 0
    assert (asked["start_s"], asked["duration_s"]) == (3723, 1.5)
