"""What is installed: a small wheel of the tracker, and the papers' networks in a package of their own."""

import shutil
import subprocess
import sys
import tarfile
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


BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


@pytest.fixture
def source(tmp_path, request):
    """A copy of what a package is built from: not in place, where what an earlier build left would be packed too."""
    folder, *parts = request.param
    made = tmp_path / "source"
    for name in ("pyproject.toml", "README.md", "LICENSE", *parts):
        path = folder / name
        made.mkdir(exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, made / name, ignore=shutil.ignore_patterns("__pycache__", "out"))
        elif path.is_file():
            shutil.copy(path, made)
    return made


def built(what, source, to):
    """What a build backend makes: a wheel or an sdist."""
    pytest.importorskip("setuptools", minversion="77")
    subprocess.run([sys.executable, "-c", BUILD, f"build_{what}", to], cwd=source, check=True, capture_output=True)
    (file,) = to.glob("*.whl" if what == "wheel" else "*.tar.gz")
    return file


OURS = (ROOT, "tracker", "configs", "docs", "samples", "setup.py", "MANIFEST.in", "CHANGELOG.md", "Makefile", "Dockerfile",
        "SECURITY.md", "constraints.txt")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "folder", "most_bytes"),
    [(OURS, ROOT, WHEEL_BYTES), ((ROOT / "networks", weights.PACKAGE), ROOT / "networks", 60_000_000)],
    indirect=["source"],
)
def test_a_wheel_is_built_and_holds_every_file(source, folder, most_bytes, tmp_path):
    wheel = built("wheel", source, tmp_path)
    assert wheel.stat().st_size < most_bytes
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    assert {str(path.relative_to(folder)) for path in data_files(folder)} <= names
    if folder == ROOT:
        recipes = {f"tracker/{path.relative_to(ROOT)}" for path in (ROOT / "configs").rglob("*.yaml")}
        assert recipes == {name for name in names if name.startswith("tracker/configs/")} != set()
        assert {name.partition("/")[0].partition("-")[0] for name in names} == {"tracker", "rnnem_tracker"}


@pytest.mark.slow
@pytest.mark.parametrize("source", [OURS], indirect=True)
def test_an_sdist_holds_documents_recipes_and_what_they_name(source, tmp_path):
    with tarfile.open(built("sdist", source, tmp_path)) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    for folder in ("docs", "configs", "samples"):
        wanted = {str(path.relative_to(source)) for path in (source / folder).rglob("*") if path.is_file()}
        assert wanted <= names, folder
    assert {"CHANGELOG.md", "README.md", "LICENSE", "Makefile", "Dockerfile", "constraints.txt", "setup.py"} <= names
