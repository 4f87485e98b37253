"""Who imports whom: a station knows the waist and itself, the line joins stations, help is quick."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import tracker

PACKAGE = Path(tracker.__file__).parent
WAIST = {
    "types",
    "errors",
    "passwords",
    "seen",
    "stopwatch",
    "timing",
    "steps",
    "children",
    "interrupt",
    "labels",
    "resize",
    "picture",
    "inference",
    "components",
    "ranks",
    "channels",
    "controls",
    "judging",
    "measuring",
    "shake",
    "unseen",
    "outlines",
    "effort",
    "numbering",
    "yuv",
    "em",
    "zone_counts",
    "sound",
    "csv_text",
    "learning",
    "batched",
    "left_scenes",
    "mot_text",
    "suffixes",
    "differing",
}
STATIONS = {
    "sources",
    "worlds",
    "background",
    "foreground",
    "slots",
    "smoothing",
    "rigid",
    "tracks",
    "draw",
    "sinks",
    "scores",
    "events",
    "zones",
    "health",
    "report",
    "web",
    "hooks",
}
LINE = {
    "addresses",
    "api",
    "batch",
    "settings",
    "yaml_text",
    "recipes",
    "doctor",
    "words",
    "options",
    "build",
    "networks",
    "checkpoint",
    "pipeline",
    "lanes",
    "prescan",
    "choosing",
    "engines",
    "evaluation",
    "exports",
    "jobs",
    "synth",
    "lessons",
    "naming",
    "papers",
    "progress",
    "smoothed",
    "splitting",
    "steadying",
    "watching",
    "opencv_threads",
    "cli",
    "__main__",
    "__init__",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """tracker/slots/cell.py -> slots, tracker/build.py -> build."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this test can read them"
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names} if module == "tracker" else {module}
    return names


def all_imports(path: Path) -> set[str]:
    return imported(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def parts_used(path: Path) -> set[str]:
    return {name.split(".")[1] for name in all_imports(path) if name.startswith("tracker.")} - {"__version__"}


def test_every_module_has_its_place():
    assert {part(path) for path in MODULES} <= WAIST | STATIONS | LINE


def test_no_two_classes_have_one_name():
    places = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_methods_that_tests_name_by_text_are_there():
    text = Path(__file__).with_name("killed_run.py").read_text(encoding="utf-8")
    named = re.findall(r'"(tracker[.a-z_]*):(\w+):(\w+)"', text)
    assert named
    for module, kind, method in named:
        assert hasattr(getattr(importlib.import_module(module), kind), method)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may(path):
    here = part(path)
    if here in WAIST:
        assert parts_used(path) <= WAIST
    elif here in STATIONS:
        assert parts_used(path) <= WAIST | {here}
    else:
        assert parts_used(path) <= WAIST | STATIONS | LINE


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_torch_is_the_business_of_networks_alone(path):
    may = part(path) in ("em", "learning", "foreground", "slots", "papers") and path.name != "settings.py"
    assert may or not any(name.split(".")[0] == "torch" for name in all_imports(path))


def test_a_module_that_breaks_the_rule_would_be_caught(tmp_path):
    sneaky = tmp_path / "sneaky.py"
    sneaky.write_text(
        "def f():\n    from tracker.sinks import Window\n    from tracker import draw\n    import torch\n"
    )
    assert parts_used(sneaky) == {"sinks", "draw"}
    assert "torch" in all_imports(sneaky)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *([c, "--help"] for c in ("process", "batch", "compare", "evaluate", "export", "train")),
    ],
)
def test_help_loads_nothing_heavy(arguments):
    asked = (
        "import sys\n"
        "from tracker.cli import cli\n"
        f"cli({arguments!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'cv2', 'av', 'numpy', 'scipy', 'trackeval', 'pydantic', 'rich',\n"
        "         'multiprocessing', 'importlib.metadata'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize(("lanes", "runtime"), [("gmm", False), ("gmm,slots", True)])
def test_lanes_are_built_without_torch_and_onnx_runtime_is_loaded_only_for_networks(lanes, runtime):
    asked = (
        "import sys\n"
        "from tracker.build import build_lanes\n"
        "from tracker.settings import load_settings\n"
        f"build_lanes(load_settings(overrides=['lanes=[{lanes}]', 'device=cpu']))\n"
        "print('torch' in sys.modules, 'onnxruntime' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"False {runtime}"


NOT_AT_THE_START = (
    "torch", "scipy", "jinja2", "matplotlib", "pycocotools", "sklearn", "trackeval", "rich",
    "tracker.report", "tracker.scores", "tracker.worlds", "tracker.evaluation", "tracker.learning.loop",
)  # fmt: skip
"""What lane gmm and its overlay do without: each would keep the first frame waiting."""


def test_lane_gmm_loads_nothing_heavy_up_to_its_first_frame(tmp_path):
    picture = np.full((48, 64, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "1.png"), picture)
    cv2.imwrite(str(tmp_path / "2.png"), picture)
    asked = (
        "import sys\n"
        "from tracker.cli import cli\n"
        f"cli(['process', {str(tmp_path)!r}, '-o', {str(tmp_path / 'o.mp4')!r}, '--lanes', 'gmm', '-q'], standalone_mode=False)\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"cv2", "tracker.draw.overlay", "tracker.sinks.video"} <= loaded
    assert [name for name in NOT_AT_THE_START if name in loaded] == []
