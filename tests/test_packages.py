"""What is installed: a small wheel of the tracker, and the papers' networks in a package of their own."""

import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from tracker.papers import weights

tomllib = pytest.importorskip("tomllib")  # of Python 3.11

ROOT = Path(__file__).parents[1]
WHEEL_BYTES = 4_000_000
"""the tracker's wheel at most"""


def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def data_files(folder):
    """Every file that a project's package-data lists."""
    packages = project(folder)["tool"]["setuptools"]["package-data"]
    return {path for name, patterns in packages.items() for each in patterns for path in (folder / name).glob(each)}


def test_the_wheel_of_the_tracker_stays_small():
    code = set((ROOT / "tracker").rglob("*.py"))
    assert sum(len(zlib.compress(path.read_bytes())) for path in code | data_files(ROOT)) < WHEEL_BYTES
    assert set((ROOT / "tracker").rglob("*.safetensors")) <= data_files(ROOT)


def test_the_package_of_networks_lists_every_file_of_its_folder():
    files = {path for path in weights.CHECKOUT.iterdir() if path.is_file() and path.suffix != ".py"}
    assert files == data_files(ROOT / "networks") != set()


def test_the_extra_names_the_package_in_the_version_of_its_format():
    networks, extras = project(ROOT / "networks")["project"], project(ROOT)["project"]["optional-dependencies"]
    number = int(weights.FORMAT.rpartition("-")[2])
    assert networks["version"].partition(".")[0] == str(number)
    assert networks["name"].replace("-", "_") == weights.PACKAGE
    assert f"{networks['name']}>={number},<{number + 1}" in extras["papers"]


BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "package", "most_bytes"),
    [(ROOT, "tracker", WHEEL_BYTES), (ROOT / "networks", weights.PACKAGE, 60_000_000)],
)
def test_a_wheel_is_built_and_holds_every_file(folder, package, most_bytes, tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"  # not in place: what an earlier build left in `build` would be packed too
    shutil.copytree(folder / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(folder / name, source)
    subprocess.run([sys.executable, "-c", BUILD, tmp_path], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < most_bytes
    with zipfile.ZipFile(wheel) as packed:
        assert {str(path.relative_to(folder)) for path in data_files(folder)} <= set(packed.namelist())
