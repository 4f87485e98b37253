"""What a training of the papers' networks sends home and leaves in the repository."""

import csv
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import papers_curves  # noqa: E402
import papers_pack  # noqa: E402

from tracker.papers.settings import ExperimentSettings  # noqa: E402
from tracker.papers.train import train  # noqa: E402


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny training: one object with one component, then three."""
    out = tmp_path_factory.mktemp("run") / "shapes-nem"
    first, then = {"until": 0.5, "objects": [1, 1], "components": 1}, {}
    options = {"batch": 2, "updates": 4, "row_every": 1, "validation_clips": 2, "stages": [first, then]}
    net, em = {"cell": "nem", "hidden": 8}, {"steps": 2, "components": 3}
    train(ExperimentSettings.model_validate({"net": net, "em": em, "train": options}), out)
    return out


def test_parts_are_filled_in_order_and_what_has_no_room_is_known():
    assert papers_pack.share_out([5, 5, 5, 11, 1], parts=2, room=10) == [0, 0, 1, None, 1]


def test_a_run_comes_home_in_parts_below_their_bound(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["papers_pack.py", str(tmp_path), str(run)])
    papers_pack.main()
    with tarfile.open(tmp_path / "part-1.tar") as tar:
        assert sorted(tar.getnames()) == [
            "shapes-nem/best.safetensors", "shapes-nem/curve.jsonl", "shapes-nem/settings.json"
        ]  # fmt: skip
    assert (tmp_path / "part-1.tar").stat().st_size < papers_pack.PART_BYTES


def test_a_curve_is_a_small_table(run):
    rows = papers_curves.table(run)
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert [row[1] for row in rows] == ["0", "0", "1", "1"]
    assert all(-1 < float(row[4]) < 1 for row in rows)


def test_a_long_curve_keeps_few_rows_and_its_last(run, tmp_path, monkeypatch):
    (tmp_path / "settings.json").write_text((run / "settings.json").read_text())
    line = json.loads((run / "curve.jsonl").read_text().splitlines()[-1])
    (tmp_path / "curve.jsonl").write_text("".join(json.dumps(line | {"step": n}) + "\n" for n in range(1, 1002)))
    rows = papers_curves.table(tmp_path)
    assert len(rows) <= papers_curves.MOST_ROWS + 1
    assert rows[-1][0] == "1001"


def test_the_curves_that_are_kept_are_small_and_drawn():
    tables = sorted(papers_curves.CURVES.glob("*.csv"))
    assert tables
    for path in tables:
        with path.open(newline="") as text:
            rows = list(csv.DictReader(text))
        assert tuple(rows[0]) == papers_curves.COLUMNS
        assert len(rows) <= papers_curves.MOST_ROWS + 1
    assert papers_curves.CURVES.with_suffix(".png").stat().st_size < 100_000


@pytest.mark.slow
def test_the_gpu_script_runs_on_a_cpu(tmp_path):
    where = {"OUT": str(tmp_path), "PYTHON": sys.executable}
    subprocess.run(["bash", BENCHMARKS / "papers_gpu.sh", "--dry"], check=True, env=os.environ | where)
    with tarfile.open(tmp_path / "part-1.tar") as tar:
        assert {name.split("/")[0] for name in tar.getnames()} == {"flying-mnist", "shapes-nem", "balls-rnn-equal"}
        assert "shapes-nem/scores.json" in tar.getnames()
