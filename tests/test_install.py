"""What is installed: the base does without torch, and whatever needs an extra names it in one line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tracker
from tracker import words
from tracker.words import one_line

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tracker.__file__).parent
ABSENT = (
    "torch",
    "safetensors",
    "onnx",
    "onnxscript",
    "sklearn",
    "matplotlib",
    "starlette",
    "uvicorn",
    "paho",
    "pyarrow",
    "pandas",
    "supervision",
    "fsspec",
    "s3fs",
    "ray",
)
"""packages that only extras bring"""
WITHOUT_EXTRAS = f"""
import importlib.machinery, runpy, sys

class Base(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {ABSENT!r} else super().find_spec(name, path, target)

sys.meta_path[:] = [Base if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
import contextlib
for line in sys.argv[1:]:
    sys.argv = ["tracker", *line.split()]
    with contextlib.suppress(SystemExit):
        runpy.run_module("tracker", run_name="__main__")
"""


def without_extras(*lines, folder):
    """Command lines in one process in which nothing but the base is installed; returns stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, *lines], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout, done.stderr


def test_the_base_draws_compares_and_scores(tmp_path):
    out, err = without_extras(
        "synth street -o a.mp4 --truth a.truth --frames 8 --size 96x64",
        "compare a.mp4 --truth a.truth -o out -q --device auto",
        "evaluate a.mp4 --truth a.truth --results out/compare.slots.mot.txt",
        folder=tmp_path,
    )
    assert err.count("error") == 0, err
    assert "a.mp4: 8 frames" in out
    assert (tmp_path / "out/report.html").is_file()
    assert "IDF1" in out


def test_what_needs_an_extra_names_it(tmp_path):
    weights = PACKAGE / "weights" / "street.safetensors"
    (tmp_path / "own.safetensors").write_bytes(weights.read_bytes())
    out, err = without_extras(
        "synth street -o a.mp4 --frames 3 --size 64x48 -q",
        "train street",
        "paper shapes --quick",
        "process a.mp4 -o b.mp4 -q --device cuda",
        "process a.mp4 -o b.mp4 -q --set slots.weights=own.safetensors",
        "webcam a.mp4 --no-show --serve",
        "synth mnist-mot -o c.mp4",
        folder=tmp_path,
    )
    lines = err.splitlines()
    assert [re.search(r"\[(.*)\]'|pip install scikit-learn", line)[1] for line in lines] == [
        "train", "papers", "torch", "torch", "web", None,
    ], err  # fmt: skip
    assert all(line.startswith("tracker: error: ") for line in lines)
    assert lines[2] == "tracker: error: --device cuda needs torch; install it: pip install 'rnnem-tracker[torch]'"
    assert lines[3].startswith("tracker: error: own.safetensors: a network without the graph own.onnx")
    assert out == ""


def test_a_module_that_is_imported_without_a_check_names_its_extra_too():
    error = ModuleNotFoundError("No module named 'torch'", name="torch")
    assert one_line(error) == "torch is not installed; install it: pip install 'rnnem-tracker[torch]'"


MODULES = {"opencv-python": "cv2", "pillow": "PIL", "pyyaml": "yaml", "paho-mqtt": "paho", "scikit-learn": "sklearn"}
"""modules that are called otherwise than the distribution that brings them"""
COME_ALONG = {"h11", "markupsafe", "pydantic_core"}
"""with uvicorn, jinja2 and pydantic"""
RUN_BY_OTHERS = {"onnxscript", "trackers", "s3fs"}
"""torch.onnx imports the first; the second is for benchmarks; fsspec imports the third"""


def declared(requirements):
    names = (re.match("[A-Za-z0-9_-]+", each)[0].lower() for each in requirements)
    return {MODULES.get(name, name.replace("-", "_")) for name in names}


IMPORT = re.compile(r"^ *(?:import|from) ([A-Za-z]\w*)(?:[.]\w+)*(?: import| as|,|$)", re.MULTILINE)


def imported():
    """Top names of everything that the package imports."""
    found = {name for path in PACKAGE.rglob("*.py") for name in IMPORT.findall(path.read_text(encoding="utf-8"))}
    return found - set(sys.stdlib_module_names) - {"tracker", "rnnem_papers_networks"}


def test_every_dependency_is_imported_and_every_import_is_a_dependency():
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base, extras = declared(project["dependencies"]), project["optional-dependencies"]
    ours = set().union(*(declared(of) for name, of in extras.items() if name != "dev"))
    used = imported()
    assert base - used == set()
    assert used - base - ours - COME_ALONG == set()
    assert ours - used - RUN_BY_OTHERS - {"rnnem_papers_networks"} == set()
    assert base & set(ABSENT) == set()
    assert {"torch", "safetensors"} <= declared(extras["train"]) & declared(extras["papers"]) & declared(extras["dev"])


def test_an_opencv_that_another_one_left_broken_is_installed_again_under_its_own_name(monkeypatch):
    monkeypatch.setattr(words, "_is_installed", lambda name: name == "opencv-python-headless")
    error = ModuleNotFoundError("No module named 'cv2'", name="cv2")
    assert one_line(error).endswith("pip install --force-reinstall opencv-python-headless")
    monkeypatch.setattr(words, "_is_installed", lambda name: name in ("opencv-python", "opencv-python-headless"))
    assert one_line(error).endswith(
        "pip uninstall -y opencv-python opencv-python-headless && pip install opencv-python"
    )
