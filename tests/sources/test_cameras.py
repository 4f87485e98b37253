"""`tracker cameras`: what is listed, and what is said of a camera that cannot be used. The devices are files, the probe is fake."""

import os
import time

import cv2
import pytest
from commands import call, refused

from tracker.sources import cameras
from tracker.sources.camera_probe import modes
from tracker.sources.cameras import list_cameras, probe_in_process, users_of

MODES = [(640, 480, 30.0), (1280, 720, None)]


@pytest.fixture
def machine(tmp_path):
    """Folders as Linux has them; `add` plugs a camera in."""

    class Machine:
        folders = {  # noqa: RUF012
            "devices": tmp_path / "dev",
            "listing": tmp_path / "sys",
            "processes": tmp_path / "proc",
            "system": "linux",
        }

        def __init__(self):
            for name in ("dev", "sys", "proc"):
                (tmp_path / name).mkdir()

        def add(self, number, name, *, index=0, node=True):
            entry = tmp_path / "sys" / f"video{number}"
            entry.mkdir()
            (entry / "name").write_text(name + "\n")
            (entry / "index").write_text(f"{index}\n")
            if node:
                (tmp_path / "dev" / f"video{number}").write_text("")
            return tmp_path / "dev" / f"video{number}"

        def open_by(self, pid, name, device):
            handles = tmp_path / "proc" / str(pid) / "fd"
            handles.mkdir(parents=True)
            (handles / "3").symlink_to(device)
            (handles.parent / "comm").write_text(name + "\n")

        def cameras(self, probe):
            return [str(camera) for camera in list_cameras(probe=probe, **self.folders)]

    return Machine()


def test_cameras_are_listed_by_number_with_name_sizes_and_rates(machine):
    machine.add(10, "Far")
    machine.add(2, "Near")
    assert machine.cameras(lambda number: MODES) == [
        "2  Near: 640x480 at 30, 1280x720",
        "10  Far: 640x480 at 30, 1280x720",
    ]


def test_a_device_beside_a_camera_is_left_out(machine):
    machine.add(0, "Cam")
    machine.add(1, "Cam", index=1)
    assert machine.cameras(lambda number: [] if number else MODES) == ["0  Cam: 640x480 at 30, 1280x720"]


def test_a_busy_camera_names_the_program_that_holds_it(machine):
    device = machine.add(0, "Cam")
    machine.open_by(812, "firefox", device)
    machine.open_by(9, "other", device.with_name("video7"))
    assert users_of(device, machine.folders["processes"]) == ["firefox (process 812)"]
    assert machine.cameras(lambda number: []) == ["0  Cam: in use by firefox (process 812); close it"]


def test_a_driver_that_hangs_and_one_that_gives_nothing(machine):
    machine.add(0, "Hangs")
    machine.add(1, "Dark")

    def probe(number):
        if number == 0:
            raise TimeoutError
        return []

    hanging, dark = machine.cameras(probe)
    assert "has not answered for 15 s; unplug it" in hanging
    assert "gives no picture" in dark


def test_a_container_without_the_device(machine):
    machine.add(0, "Cam", node=False)
    assert "--device" in machine.cameras(lambda number: MODES)[0]


def test_permission_is_told_with_the_group_that_has_it(machine, monkeypatch):
    machine.add(0, "Cam")
    monkeypatch.setattr(cameras.os, "access", lambda *_: False)
    monkeypatch.setattr(cameras, "_group", lambda device: "video")
    (line,) = machine.cameras(lambda number: pytest.fail("it may not be asked"))
    assert "permission denied" in line
    assert "usermod -aG video $USER" in line


def test_elsewhere_numbers_are_tried():
    found = list_cameras(probe=lambda number: MODES if number == 1 else [], system="darwin")
    assert [(camera.number, camera.name) for camera in found] == [(1, "camera 1")]


class Capture:
    """A driver that has two sizes, 30 a second, and takes the nearest."""

    def __init__(self, opens=True):
        self.size, self.asked, self.opens = (1280, 720), {}, opens

    def read(self):
        return self.opens, None

    def set(self, key, value):
        self.asked[key] = value
        self.size = (640, 480) if self.asked.get(cv2.CAP_PROP_FRAME_WIDTH, 9999) < 1000 else (1280, 720)

    def get(self, key):
        return {cv2.CAP_PROP_FRAME_WIDTH: self.size[0], cv2.CAP_PROP_FRAME_HEIGHT: self.size[1]}.get(key, 30.0)


def test_every_size_of_a_driver_comes_once_its_own_choice_first():
    assert modes(Capture()) == [(1280, 720, 30.0), (640, 480, 30.0)]
    ticks = iter(range(100))
    assert modes(Capture(opens=False), clock=lambda: next(ticks)) == []


def test_a_number_without_a_camera_is_asked_in_a_process():
    assert probe_in_process(97) == []


def test_a_probe_that_hangs_is_killed_in_time(tmp_path, monkeypatch):
    program = tmp_path / "hangs.py"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(cameras, "PROGRAM", program)
    monkeypatch.setattr(cameras, "PROBE_S", 0.5)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        probe_in_process(0)
    assert time.monotonic() - began < 10


def test_a_probe_that_cannot_be_killed_is_left(tmp_path, monkeypatch):
    program = tmp_path / "hangs.py"
    program.write_text("import time; time.sleep(30)")
    monkeypatch.setattr(cameras, "PROGRAM", program)
    monkeypatch.setattr(cameras, "PROBE_S", 0.5)
    monkeypatch.setattr(cameras, "KILLED_S", 0.2)
    left = []
    monkeypatch.setattr(cameras.subprocess.Popen, "kill", lambda asked: left.append(asked))  # it waits inside a driver
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        probe_in_process(0)
    assert time.monotonic() - began < 10
    left[0].terminate()
    left[0].wait(10)


def test_the_command_lists_them_and_tells_by_its_exit_code_whether_one_can_be_used(machine, monkeypatch):
    def of(probe):
        monkeypatch.setattr(cameras, "list_cameras", lambda: list_cameras(probe=probe, **machine.folders))

    of(lambda number: MODES)
    assert "no camera found; plug one in" in refused("cameras")
    device = machine.add(0, "Cam")
    done = call("cameras")
    assert (done.exit_code, done.stdout) == (0, "0  Cam: 640x480 at 30, 1280x720\n")
    machine.open_by(os.getpid(), "python", device)
    of(lambda number: [])
    done = call("cameras")
    assert done.exit_code == 1
    assert "in use by python" in done.stdout
    assert "no camera can be used" in done.stderr
