"""The window on a real X server (Xvfb), fed by a live stream; skipped where there is no Xvfb."""

import ast
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av  # noqa: F401  # before cv2, which is what once made the window hang
import cv2
import numpy as np
import pytest
import yaml

import tracker
from tracker.cli import cli
from tracker.sinks import window_process
from tracker.sinks.window import _command
from tracker.sinks.window_text import RED, SKETCH
from tracker.words import one_line

PACKAGE = Path(tracker.__file__).parent
SIZE = (240, 160)
COLOUR = (200, 40, 90)
"""what the stream shows, RGB"""
LIMIT_S = 60
"""far more than any of these takes; a window that hangs ends here and not with the suite's patience"""


@pytest.fixture(scope="module")
def screen(tmp_path_factory) -> Iterator["Screen"]:
    """An X server of its own, 640 x 480, whose picture lies in a file."""
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        pytest.skip("needs Xvfb and xdotool")
    folder = tmp_path_factory.mktemp("screen")
    reading, writing = os.pipe()
    arguments = ["-displayfd", str(writing), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]
    arguments += ["-fbdir", str(folder)]
    with subprocess.Popen(["Xvfb", *arguments], pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        yield Screen(f":{number}", folder / "Xvfb_screen0")
        server.terminate()


class Screen:
    """What is on the X server's screen, and a user's hands."""

    def __init__(self, display: str, picture: Path) -> None:
        self.environment = {key: value for key, value in os.environ.items() if key != "WAYLAND_DISPLAY"}
        self.environment["DISPLAY"] = display
        self._picture = picture

    def look(self):
        """(480, 640, 3) uint8 RGB. The file is an X window dump: a head of big-endian numbers, a palette, pixels."""
        data = self._picture.read_bytes()
        head = struct.unpack(">25I", data[:100])
        start, width, height, line, palette = head[0], head[4], head[5], head[12], head[19]
        pixels = np.frombuffer(data, np.uint8, line * height, start + 12 * palette)
        return pixels.reshape(height, -1, 4)[:, :width, 2::-1]

    def find(self, title: str) -> str | None:
        found = self._xdotool("search", "--onlyvisible", "--name", f"^{title}$")
        return found[-1] if found else None

    def press(self, window: str, key: str) -> None:
        self._xdotool("windowfocus", "--sync", window, "key", key)

    def move(self, window: str, x: int, y: int) -> None:
        self._xdotool("mousemove", "--window", window, str(x), str(y))

    def click(self) -> None:
        self._xdotool("click", "1")

    def press_close_button(self, window: str) -> None:
        """What a window manager does when the cross is clicked: the message WM_DELETE_WINDOW."""
        code = f"""
import ctypes
x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype = ctypes.c_void_p
x.XInternAtom.restype = ctypes.c_ulong
x.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
class Message(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int),
                ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong),
                ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 24)]
display = x.XOpenDisplay(None)
message = Message(33, 0, 1, display, {window}, x.XInternAtom(display, b"WM_PROTOCOLS", 0), 32)
message.data[0] = x.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
x.XSendEvent.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
x.XSendEvent(display, {window}, 0, 0, ctypes.byref(message))
x.XSync(ctypes.c_void_p(display), 0)
"""
        subprocess.run([sys.executable, "-c", code], env=self.environment, check=True, timeout=LIMIT_S)

    def _xdotool(self, *words: str) -> list[str]:
        done = subprocess.run(
            ["xdotool", *words], env=self.environment, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
        return done.stdout.split()


silent = threading.Event()
"""while it is set, the camera sends nothing"""


@pytest.fixture(scope="module")
def stream() -> Iterator[str]:
    """The address of a camera that sends ten JPEGs a second over HTTP, all of one colour."""
    picture = np.full((SIZE[1], SIZE[0], 3), COLOUR[::-1], np.uint8)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    part = b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(data), data)

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.end_headers()
            try:
                while True:
                    if not silent.is_set():
                        self.wfile.write(part)
                        self.wfile.flush()
                    time.sleep(0.1)
            except OSError:
                pass

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def webcam(*words, environment, folder):
    """`tracker webcam` as a process of its own, which does not outlive the test."""
    command = [sys.executable, "-m", "tracker", "webcam", *map(str, words), "--lanes", "gmm"]
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        command,
        env={**environment, "PYTHONPATH": path},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(asked, what):
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if (found := asked()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no {what} in {LIMIT_S} s")


def shown_share(screen):
    """The share of the window's picture that has the stream's colour, of the screen's pixels; JPEG is off by little."""
    near = (np.abs(screen.look().astype(int) - COLOUR) < 12).all(axis=2)
    return near.sum() / (SIZE[0] * SIZE[1])


def wait_for_picture(screen):
    wait_for(lambda: True if shown_share(screen) > 0.7 else None, "picture in the window")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["q", "Escape", "close button"])
def test_the_window_shows_the_stream_and_the_user_ends_it(screen, stream, tmp_path, way):
    with webcam(stream, "--record", "live.mp4", environment=screen.environment, folder=tmp_path) as process:
        window = wait_for(lambda: screen.find("tracker"), "window")
        wait_for_picture(screen)
        if way == "close button":
            screen.press_close_button(window)
        else:
            screen.press(window, way)
        _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    assert "Qt" not in errors  # the window library's own words stay with it
    assert (tmp_path / "live.mp4").exists()
    assert screen.find("tracker") is None
    assert shown_share(screen) < 0.01


@pytest.mark.slow
def test_other_keys_do_not_end_it_and_ctrl_c_does(screen, stream, tmp_path):
    with webcam(stream, environment=screen.environment, folder=tmp_path) as process:
        window = wait_for(lambda: screen.find("tracker"), "window")
        wait_for_picture(screen)
        screen.press(window, "x")
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert screen.find("tracker") is None


@pytest.mark.slow
def test_the_window_of_a_killed_run_goes_away(screen, stream, tmp_path):
    with webcam(stream, environment=screen.environment, folder=tmp_path) as process:
        wait_for_picture(screen)
        process.kill()
    wait_for(lambda: True if screen.find("tracker") is None else None, "end of the window")


@pytest.mark.slow
def test_a_recording_outlives_its_window(screen, stream, tmp_path):
    with webcam(stream, "--record", "live.mp4", environment=screen.environment, folder=tmp_path) as process:
        wait_for_picture(screen)
        kill_children(process.pid)
        for line in process.stderr:
            if "the window is gone" in line:
                break
        else:
            raise AssertionError("not a word about the window")
        assert "the recording goes on" in line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert (tmp_path / "live.mp4").exists()


@pytest.mark.slow
def test_a_run_without_recording_ends_with_its_window(screen, stream, tmp_path):
    with webcam(stream, environment=screen.environment, folder=tmp_path) as process:
        wait_for_picture(screen)
        kill_children(process.pid)
        _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert "the window is gone" in errors.splitlines()[-1]


def kill_children(parent):
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    assert children
    for child in children:
        os.kill(int(child), signal.SIGKILL)


def status(page):
    with urllib.request.urlopen(f"{page}status", timeout=LIMIT_S) as answer:
        return json.load(answer)


def set_corner(screen, window, x, y):
    """Click there until a corner is drawn: the toolkit may hand a click on before a key that was pressed earlier."""
    for _ in range(20):
        screen.move(window, x, y)
        screen.click()
        screen.move(window, 60, 60)  # the pointer would hide it
        end = time.monotonic() + 2
        while time.monotonic() < end:
            if is_corner(screen, x, y):
                return
            time.sleep(0.05)
    raise AssertionError(f"no corner is drawn at {x}, {y}")


def is_corner(screen, x, y):
    """Whether the window, which without a window manager is at the screen's corner, shows a disc there."""
    part = screen.look()[y - 2 : y + 3, x - 2 : x + 3].astype(int)
    return (np.abs(part - SKETCH[::-1]) < 12).all()


@pytest.mark.slow
def test_keys_and_mouse_control_the_run(screen, stream, tmp_path):
    pytest.importorskip("uvicorn")
    words = ("--serve", "127.0.0.1:0", "--snapshots", "kept", "--save-zones", "zones.yaml")
    with webcam(stream, *words, environment=screen.environment, folder=tmp_path) as process:
        page = next(line.split()[-1] for line in process.stderr if "the page is at" in line)
        window = wait_for(lambda: screen.find("tracker"), "window")
        wait_for_picture(screen)
        screen.press(window, "s")
        wait_for(lambda: next(tmp_path.glob("kept/snapshot-*.png"), None), "snapshot")
        screen.press(window, "f")
        wait_for(lambda: status(page)["frozen"] or None, "frozen background")
        screen.press(window, "z")
        for corner in ((24, 16), (216, 16), (216, 144), (120, 80)):
            set_corner(screen, window, *corner)
        screen.press(window, "BackSpace")
        screen.move(window, 60, 60)
        wait_for(lambda: None if is_corner(screen, 120, 80) else True, "corner less")
        set_corner(screen, window, 24, 144)
        screen.press(window, "Return")
        saved = tmp_path / "zones.yaml"
        wait_for(lambda: saved.exists() or None, "zone")
        corners = yaml.safe_load(saved.read_text())["zones"]["areas"]["zone-1"]
        assert np.allclose(corners, [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]], atol=0.01)
        screen.press(window, "space")
        wait_for(lambda: status(page)["state"] == "paused" or None, "pause")
        screen.press(window, "space")
        wait_for(lambda: status(page)["state"] == "live" or None, "end of the pause")
        screen.press(window, "space")
        wait_for(lambda: status(page)["state"] == "paused" or None, "pause")
        screen.press(window, "q")
        _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors


@pytest.mark.slow
def test_while_the_stream_is_away_the_window_says_so_and_hears_keys(screen, stream, tmp_path):
    with webcam(stream, "--timeout", 1, environment=screen.environment, folder=tmp_path) as process:
        try:
            window = wait_for(lambda: screen.find("tracker"), "window")
            wait_for_picture(screen)
            assert not banner_px(screen)
            silent.set()
            wait_for(lambda: banner_px(screen) > 2000 or None, "banner")
            assert shown_share(screen) > 0.5  # the last picture is still there
            screen.press(window, "q")
            _, errors = process.communicate(timeout=LIMIT_S)
        finally:
            silent.clear()
    assert process.returncode == 0, errors
    assert "no picture" in errors


def banner_px(screen):
    return (np.abs(screen.look().astype(int) - RED[::-1]) < 3).all(axis=2).sum()


@pytest.mark.slow
def test_oblong_pixels_are_shown_square(screen):
    code = (
        "import av, time, numpy as np; from tracker.sinks import Window\n"
        f"picture = np.full((100, 90, 3), {COLOUR}, np.uint8)\n"
        "window = Window('oblong', render=lambda moment: picture, pixel_aspect=16 / 9)\n"
        "window.write(None); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=screen.environment, cwd=PACKAGE.parent) as process:
        try:
            wait_for(lambda: True if shown_share(screen) > 0.35 else None, "picture in the window")
            near = (np.abs(screen.look().astype(int) - COLOUR) < 3).all(axis=2)
            rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        finally:
            process.kill()
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (160, 100)
    wait_for(lambda: True if screen.find("oblong") is None else None, "end of the window")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only here a display is announced by a variable")
@pytest.mark.parametrize("display", [None, ":987"])
def test_without_a_display_a_recording_is_made_all_the_same(stream, tmp_path, display):
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment.pop("QT_QPA_PLATFORM", None)
    if display is not None:
        environment["DISPLAY"] = display
    words = (stream, "--record", "live.mp4", "--max-frames", 5)
    with webcam(*words, environment=environment, folder=tmp_path) as process:
        _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    assert (tmp_path / "live.mp4").exists()
    assert sum("no window, only the recording" in line for line in errors.splitlines()) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only here a display is announced by a variable")
def test_a_camera_that_cannot_be_opened_is_said_before_the_display(monkeypatch, tmp_path):
    from click.testing import CliRunner

    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    result = CliRunner().invoke(cli, ["webcam", "99"])
    assert result.exit_code == 1
    assert "camera 99: cannot be opened" in result.stderr
    assert "display" not in result.stderr


def test_webcam_with_nothing_to_do_is_refused():
    from click.testing import CliRunner

    result = CliRunner().invoke(cli, ["webcam", "99", "--no-show"])
    assert result.exit_code == 1
    assert "--record" in result.stderr
    assert len(result.stderr.splitlines()) == 1


# The rule that keeps PyAV out of the window's process


def foreign_imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # what only a type checker reads is not imported
    read = [node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")]
    nodes = [inner for node in read for inner in ast.walk(node)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}


def test_the_window_process_imports_nothing_that_could_bring_pyav():
    left, seen = ["tracker.sinks.window_process"], set()
    while left:
        module = left.pop()
        seen.add(module)
        if module.startswith("tracker.sinks.window_"):
            left += foreign_imports(PACKAGE / f"{module.removeprefix('tracker.').replace('.', '/')}.py") - seen
    assert {name for name in seen if not name.startswith("tracker.sinks.window_")} == {"cv2", "numpy", "numpy.typing"}
    assert foreign_imports(PACKAGE / "__init__.py") == set()


HIGHGUI = {
    "namedWindow",
    "imshow",
    "waitKey",
    "waitKeyEx",
    "pollKey",
    "destroyWindow",
    "destroyAllWindows",
    "startWindowThread",
}


def test_no_other_module_opens_a_window():
    users = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & HIGHGUI:
            users.add(path)
    assert users == {Path(window_process.__file__)}


def test_what_the_window_process_is_started_with_does_not_load_pyav():
    code = _command("x")[2].replace("window_process.main()", "print('av' in sys.modules, 'cv2' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert done.stdout.split() == ["False", "True"]


# An OpenCV that lacks something


@pytest.mark.parametrize(
    ("opencv", "advice"),
    [
        ('raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")', "libgl1"),
        ('raise ImportError("libgthread-2.0.so.0: cannot open shared object file: No such file")', "libglib2.0-0"),
        ("", "opencv-python"),
    ],
)
def test_an_opencv_that_lacks_something_is_answered_with_the_cure(tmp_path, opencv, advice):
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2/__init__.py").write_text(opencv)
    path = os.pathsep.join([str(tmp_path), str(PACKAGE.parent)])
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "process", "clip.mp4", "-q"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert advice in line
    assert "unexpected" not in line


def test_other_errors_are_not_blamed_on_opencv():
    for error in (ImportError("No module named 'yaml'"), AttributeError("no attribute 'shape'"), ValueError("cv2")):
        assert "OpenCV" not in one_line(error)
