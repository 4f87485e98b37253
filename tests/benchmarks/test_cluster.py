"""The scripts about clusters: what they leave out of a comparison, and (slow) the cluster whose node and driver are killed."""

import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import cluster

    return cluster


def summary(**changes):
    plain = {
        "source": {"name": "a.mp4", "width": 96, "fps": 25.0},
        "frames": 20,
        "fps": 31.0,
        "ms_per_frame": {"decode": 1.0},
        "lanes": {"gmm": {"identities": 3, "ms_per_frame": 2.0}},
        "once_s": {"prescan": 0.1},
    }
    return json.dumps(plain | changes)


def written(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_times_do_not_make_a_summary_another_one_and_everything_else_does(cluster, tmp_path):
    texts = {
        "a": summary(),
        "slower": summary(fps=3.0, ms_per_frame={"decode": 9.0}, once_s={}),
        "rate": summary(source={"name": "a.mp4", "width": 96, "fps": 24.0}),
        "identities": summary(lanes={"gmm": {"identities": 4, "ms_per_frame": 2.0}}),
    }
    for name, text in texts.items():
        written(tmp_path / name, "cam/a.tracked.summary.json", text)
    found = {name: cluster.checksums(tmp_path / name) for name in texts}
    assert found["a"] == found["slower"]
    assert found["a"] != found["rate"]
    assert found["a"] != found["identities"]


def test_files_of_clips_are_compared_byte_by_byte_and_those_of_the_batch_are_not(cluster, tmp_path):
    for folder, text in (("a", "1"), ("b", "2")):
        written(tmp_path / folder, "cam/a.tracked.gmm.csv", text)
        written(tmp_path / folder, ".batch/cam/a.json", text)
        written(tmp_path / folder, "report.html", text)
    a, b = (cluster.checksums(tmp_path / folder) for folder in ("a", "b"))
    assert list(a) == list(b) == ["cam/a.tracked.gmm.csv"]
    assert a != b


@pytest.mark.slow
def test_60_clips_on_three_nodes_of_which_one_is_killed_and_the_driver_too(cluster, tmp_path):
    pytest.importorskip("ray")
    cluster.draw(tmp_path / "clips", 60, 12)
    told = cluster.show(tmp_path, "gmm")
    assert told["clips"] == 60
    assert 30 <= told["done_before_the_driver_died"] < 60
    assert told["files"] >= 60 * 5
    assert {name: told[name] for name in ("done_twice", "missing", "too_many", "different")} == {
        "done_twice": [],
        "missing": [],
        "too_many": [],
        "different": [],
    }
