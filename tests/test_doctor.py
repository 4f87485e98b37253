"""`tracker doctor`: a line a thing, a cure for each problem, and an exit code."""

import shutil
from collections import namedtuple

import pytest
from commands import call

from tracker import doctor
from tracker.doctor import libraries, machine, trial
from tracker.doctor.check import Check
from tracker.sources import cameras
from tracker.sources.cameras import CameraFound

SCORES = {"identity": {"idf1": 0.7}, "foreground": {"f_measure": 0.84}}


def lines(check):
    return [str(each) for each in check()]


def test_a_check_that_fails_is_a_problem_and_the_others_go_on():
    def broken_library():
        raise ModuleNotFoundError("No module named 'av'", name="av")

    found = list(doctor.examine([broken_library, lambda: [Check("next", "there")]]))
    assert [each.state for each in found] == ["PROBLEM", "ok"]
    assert str(found[0]).startswith("PROBLEM  broken library  the package av is not installed; install")


def test_exit_codes_and_quiet(monkeypatch):
    monkeypatch.setattr(
        doctor.examine, "__defaults__", ([lambda: [Check("a", "there"), Check("b", "none", "absent")]],)
    )
    done = call("doctor")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 2)
    monkeypatch.setattr(
        doctor.examine, "__defaults__", ([lambda: [Check("a", "there"), Check("b", "gone; cure", "PROBLEM")]],)
    )
    done = call("doctor", "-q")
    assert (done.exit_code, done.stdout) == (1, "PROBLEM  b             gone; cure\n")


def test_what_is_installed_is_found():
    assert all(line.startswith("ok") for check in (libraries.versions, libraries.opencv) for line in lines(check))
    assert all(line.startswith("ok") for check in (machine.video, machine.text) for line in lines(check))


def test_two_opencvs_and_an_absent_library_are_problems_with_their_cure(monkeypatch):
    known = {"opencv-python": "5.0", "opencv-python-headless": "5.0"}
    monkeypatch.setattr(libraries, "version_of", known.get)
    (line,) = lines(libraries.opencv)
    assert line.startswith("PROBLEM  OpenCV")
    assert "pip uninstall -y opencv-python opencv-python-headless && pip install opencv-python" in line
    assert "absent: av, numpy" in lines(libraries.versions)[-1]
    absent = lines(libraries.extras)
    assert all(line.startswith("absent") and "pip install 'rnnem-tracker[" in line for line in absent)


@pytest.mark.parametrize(("free", "state"), [(10**8, "PROBLEM"), (10**11, "ok")])
def test_a_disk_that_is_nearly_full_is_a_problem(free, state, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(free))
    assert {each.state for each in machine.disk()} == {state}


def test_a_card_is_recommended_only_where_it_is_faster(monkeypatch):
    monkeypatch.setattr(machine, "cards", lambda: ["cuda"])
    for card_ms, wanted in ((2.0, "faster: use --device cuda"), (20.0, "no faster: leave --device as it is")):
        monkeypatch.setattr(machine, "milliseconds", {"cpu": 10.0, "cuda": card_ms}.get)
        assert lines(machine.device)[1].endswith(wanted)


def test_no_camera_and_no_display_are_absent_and_a_camera_that_fails_is_a_problem(monkeypatch):
    monkeypatch.setattr(cameras, "list_cameras", list)
    assert machine.cameras()[0].state == "absent"
    monkeypatch.setattr(cameras, "list_cameras", lambda: [CameraFound(0, "USB", problem="in use by 7; close it")])
    assert lines(machine.cameras) == ["PROBLEM  camera 0      0  USB: in use by 7; close it"]
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert machine.display()[0].state == "absent"


def test_scores_that_are_too_low_are_a_problem():
    good = trial.judged({"gmm": SCORES, "slots": SCORES}, took_s=3.0)
    assert str(good).startswith("ok       self-test")
    assert "slots IDF1 0.70, F 0.84" in good.found
    bad = trial.judged({"gmm": SCORES, "slots": {**SCORES, "foreground": {"f_measure": 0.3}}}, took_s=3.0)
    assert (bad.state, "too low for lane slots" in bad.found) == ("PROBLEM", True)


@pytest.mark.slow
def test_the_self_test_passes_here():
    (found,) = trial.self_test()
    assert found.state == "ok", found
