"""What an hour of video costs: the arithmetic of the table and of the plan; and (slow) the script on a tiny clip."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def scaling(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import scaling

    return scaling


def found(scaling, **cpu_s):
    costs = [
        scaling.HourCost("street-1280x720-300", row, row, each, 36.0, 500.0).__dict__ for row, each in cpu_s.items()
    ]
    return {"costs": costs, "tables_mb_an_hour": 1000.0, "video_mb_an_hour": 2000.0}


def test_an_hour_that_takes_an_hour_is_a_core_for_each_camera(scaling):
    plan = scaling.Plan(camera_mbit_s=8, file_s=3600, cores=10, busy=0.5, machine_failures_a_year=365, bad_clips=0.5)
    values = scaling.planned(found(scaling, decode=360.0, gmm=3564.0, both=3564.0), 100, "gmm", plan)
    assert values == pytest.approx({
        "clips a day": 2400,
        "clips a second": 2400 / 86_400,
        "cores at work": 100,  # 3564 s of work and 36 s of start
        "of these for decoding": 10,
        "machines of 10 cores": 20,
        "memory a machine, GB": 5,
        "network in, Mbit/s": 800,
        "recordings a day, TB": 8.64,  # 1 MB/s of each
        "tables a day, TB": 2.4,
        "overlay videos a day, TB": 0,
        "machines that fail a day": 20,
        "work that is lost with them, core hours a day": 20 * 10 * 0.5 * 0.5,
        "damaged clips a day": 1200,
    })  # fmt: skip
    assert scaling.planned(found(scaling, decode=360.0, both=3564.0), 100, "both", plan)["of these for decoding"] == 20


def test_the_shares_are_of_decoding_and_of_what_encoding_adds(scaling):
    costs = [scaling.HourCost("a", row, row, cpu_s, 0, 0) for row, cpu_s in (
        ("decode", 100.0), ("limit", 300.0), ("gmm", 400.0), ("gmm-video", 1000.0), ("both-video", 2000.0),
    )]  # fmt: skip
    shares = [line.split("|")[5:7] for line in scaling.told(costs)]
    assert [[cell.strip() for cell in each] for each in shares] == [
        ["100%", "0%"], ["33%", "67%"], ["25%", "0%"], ["10%", "20%"], ["10%", "10%"],
    ]  # fmt: skip


@pytest.mark.slow
def test_the_script_measures_every_row(tmp_path):
    words = ["scaling.py", "--sizes", "128x96", "--frames", "24", "-o", str(tmp_path / "out.json")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words], cwd=BENCHMARKS, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (measured,) = json.loads((tmp_path / "out.json").read_text())
    assert len(measured["costs"]) == 7
    assert all(each["peak_mb"] > 0 for each in measured["costs"])
