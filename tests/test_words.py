"""What is said of an error: one line, the cause by its name, the cure, and never a password."""

import doctest
import errno
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from commands import call

import tracker.passwords
from tracker import words
from tracker.errors import SourceError
from tracker.passwords import without_passwords
from tracker.sources.address import shown
from tracker.words import OUT_OF_MEMORY, one_line

MISTYPED = [
    "rtsp://user:secret@host/main",
    "rtsp:/user:secret@host/main",
    "rtsp//user:secret@host/main",
    "rtsp:user:secret@host",
    "rtsp;//user:secret@host",
    "rtsp:\\\\user:secret@host",
    "htp://user:secret@host",
    "RTSP://user:secret@host",
    " rtsp://user:secret@host",
    "rtsp ://user:secret@host",
    "rtsp:// user:secret@host",
    "://user:secret@host",
    "//user:secret@host",
    "user:secret@host/path",
    "rtsp://user:a secret@host",
    "https://user:p@secret@host",
    "rtsp://user:p/secret@host",
    "rtsp://user:p#secret@host",
    "rtsp://user:p%40secret@host",
    "rtsp://user:secret%40host/main",
    "user:secret%40host",
    "rtsp%3A//user:secret@host",
    "rtsp://user:secret host/main",
    "http://host/main?password=secret",
    "http:/host/main?password=secret",
    "host/main?password=secret",
    "http://host/main#secret",
]


@pytest.mark.parametrize(
    "address",
    ["rtsp://me:8675309", "rtsp:/me:8675309/h/x", "rtsp://h@me:8675309/x", "rtsp://h/x@me:8675309", "rtsp:me:8675309"],
)
def test_a_password_of_digits_alone_is_hidden_and_a_port_is_shown(address):
    assert "8675309" not in without_passwords(f"{address}: no such file")
    assert without_passwords("rtsp://cam:8554/main: closed") == "rtsp://cam:8554/main: closed"


@pytest.mark.parametrize("address", MISTYPED)
def test_a_password_is_hidden_however_the_address_is_mistyped(address):
    line = f"{address}: no such file; check the path"
    for text in (shown(address), without_passwords(line), str(SourceError(line)), one_line(ValueError(line))):
        assert "secret" not in text
    assert "check the path" in without_passwords(line)


@pytest.mark.parametrize(
    "line",
    [
        "rtsp://cam-3/main: no picture for 10 s; check the address",
        "http://127.0.0.1:8080/x: cannot be opened",
        "http://[::1]:8080/x: cannot be opened",
        "udp://:1234: cannot be opened",
        "12:30.mp4: no such file; did you mean 12:31.mp4?",
        "frames/a?b*.png: no file matches this pattern",
        "gt.txt, line 3: 1,2,3: wanted 6 numbers",
        r"C:\clips\a.mp4: no such file",
    ],
)
def test_what_is_no_password_is_left_alone(line):
    assert without_passwords(line) == line


@pytest.mark.parametrize("text", ["rtsp://" * 20_000, "a:" * 50_000, "?user=" * 20_000, "http:@" * 20_000])
def test_a_text_without_end_is_no_work_without_end(text):
    assert len(without_passwords(text)) < 3000


def test_the_examples_are_true():
    assert doctest.testmod(tracker.passwords).failed == doctest.testmod(words).failed == 0


@pytest.mark.parametrize("address", MISTYPED[:3])
@pytest.mark.parametrize(
    "command",
    ["process {}", "webcam {} --no-show", "compare clip.mp4 -o out --truth {}", "compare {} -o out", "evaluate {}",
     "evaluate frames --truth {}", "evaluate frames --results {}", "process x -c {}", "process x -v {}", "{}",
     "synth street -o x.mp4 --digits {}", "train {}", "process {} -v"],
)  # fmt: skip
def test_no_command_shows_the_password_of_a_mistyped_address(command, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    result = call(*(part.format(address.replace("host", "127.0.0.1:9")) for part in command.split()))
    assert result.exit_code in (1, 2)
    assert "secret" not in result.output
    assert "unexpected" not in result.output
    assert not [path for path in tmp_path.rglob("*") if "secret" in path.name]


# Memory, libraries, files


def raised(act):
    with pytest.raises(BaseException) as caught:  # noqa: PT011 (whatever the library makes of it)
        act()
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        raised(lambda: np.empty(2**60, np.uint8)),
        raised(lambda: torch.empty(2**60, dtype=torch.uint8)),
        raised(lambda: cv2.resize(np.zeros((2, 2), np.uint8), (2**31 - 1, 2**31 - 1))),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object", name="_C"),
        ImportError("libopenblas.so: failed to map segment from shared object", name="cv2"),
        SystemError("<function _find_and_load at 0x7f> returned NULL without setting an exception"),
    ],
    ids=["Python", "numpy", "torch", "OpenCV", "GPU", "system", "thread", "codec", "torch's", "OpenCV's", "C"],
)
def test_out_of_memory_is_called_that(error):
    assert one_line(error) == OUT_OF_MEMORY


def test_a_name_with_line_ends_and_control_characters_stays_on_its_line():
    for text in (str(SourceError("a\nb\x1b[2J: no such file")), one_line(SourceError("a\nb\x1b[2J: no such file"))):
        assert text == "a\\nb\\x1b[2J: no such file"
    assert str(SourceError("b\udcffd.mp4: no such file")) == "b\\udcffd.mp4: no such file"


def test_what_is_no_lack_of_memory_is_not_called_that():
    assert "memory" not in one_line(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    noexec = "x.so: failed to map segment from shared object: Operation not permitted"
    assert "memory" not in one_line(ImportError(noexec, name="x"))
    assert "memory" not in one_line(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable", "a.mp4"))
    assert one_line(ValueError("two\nlines")).startswith("unexpected ValueError: two lines")


def test_a_file_that_may_not_be_read_and_a_full_disk_are_named():
    assert one_line(PermissionError(errno.EACCES, "Permission denied", "a.mp4")).startswith("a.mp4: Permission denied")
    assert one_line(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))).startswith("disk: No space left on device")


def test_a_missing_system_library_of_opencv_is_named_with_its_cure(tmp_path):
    """A process whose `cv2` fails as OpenCV does on a server without a screen."""
    fake = tmp_path / "cv2"
    fake.mkdir()
    failure = "libGL.so.1: cannot open shared object file: No such file or directory"
    (fake / "__init__.py").write_text(f"raise ImportError({failure!r})\n")
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"x")
    path = os.pathsep.join([str(tmp_path), str(Path(tracker.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "process", str(clip)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert "libGL.so.1" in lines[0]
    assert "opencv-python-headless" in lines[0]


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libGL.so.1: cannot open shared object file", name="cv2"),
        raised(lambda: cv2.createNothing),
        ImportError("cannot import name 'gapi' from partially initialized module 'cv2'"),
    ],
)
def test_two_opencvs_in_one_environment_are_found(error, monkeypatch):
    monkeypatch.setattr(words, "_is_installed", lambda name: name in ("opencv-python", "opencv-python-headless"))
    line = one_line(error)
    assert "2 OpenCVs in one environment" in line
    assert "pip uninstall -y opencv-python opencv-python-headless && pip install opencv-python" in line
