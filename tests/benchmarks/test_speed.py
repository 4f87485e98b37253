"""The benchmark's scripts: they run on tiny clips, and what they compare is comparable."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
from clips import draw, write_video

from tracker.sinks import h264
from tracker.sinks.settings import VideoSettings
from tracker.sinks.sound import mp4_options
from tracker.yuv import BT601

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FRAMES = 12


def script(*arguments):
    """What a benchmark says on stdout."""
    ran = [sys.executable, *(str(each) for each in arguments)]
    done = subprocess.run(ran, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def limit(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS / "others"))
    import decode_encode

    return decode_encode


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", draw(FRAMES))


def frames_of(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_the_limit_encodes_as_the_overlay_does(limit):
    settings = VideoSettings()
    overlays = h264.options(settings, BT601)
    assert {key: value for key, value in overlays.items() if not key.startswith("color")} == limit.OPTIONS
    assert settings.keyframe_s == limit.KEYFRAME_S
    assert mp4_options(sound=False) == limit.FLAGS


def test_the_limit_imports_nothing_but_pyav(limit, clip, tmp_path):
    loaded = "; print([n for n in ('numpy', 'cv2', 'torch', 'tracker') if n in sys.modules])"
    asked = f"import sys; sys.path.insert(0, {str(BENCHMARKS / 'others')!r}); import decode_encode" + loaded
    alone = script("-c", "import sys, av" + loaded)
    assert script("-c", asked) == alone  # what PyAV itself imports is part of the limit


@pytest.mark.parametrize("most", [5, 100])
@pytest.mark.parametrize("name", ["decode_encode.py", "opencv_script.py"])
def test_a_script_writes_a_video_of_so_many_frames(name, most, clip, tmp_path):
    script(BENCHMARKS / "others" / name, clip, tmp_path / "out.mp4", most)
    assert frames_of(tmp_path / "out.mp4") == min(most, FRAMES)


def test_the_table_has_a_row_for_each_command_and_ratios_within_a_round(clip, tmp_path):
    told = script(
        BENCHMARKS / "speed.py", clip, "--rounds", 1, "--frames", 4, "--only", "limit,gmm", "-o", tmp_path / "s.json"
    )
    (found,) = json.loads((tmp_path / "s.json").read_text())
    limit, gmm = found["rows"]
    assert (found["frames"], limit["key"], gmm["key"]) == (4, "limit", "gmm")
    (one,), (other,) = found["runs"]["limit"], found["runs"]["gmm"]
    assert gmm["x limit"] == pytest.approx(other["wall_s"] / one["wall_s"])
    assert gmm["x script"] is None
    assert gmm["CPU ms a frame"] == pytest.approx(1000 * other["cpu_s"] / 4)
    assert 10 < limit["peak MB"] < gmm["peak MB"] < 1000
    assert len([line for line in told.splitlines() if "decode + encode alone" in line]) == 1


def test_a_row_that_is_not_known_is_refused(clip):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "speed.py", clip, "--only", "yolo"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "no row yolo" in done.stderr


def test_movers_are_as_many_as_asked_and_stay_apart(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from movers import Movers

    for objects in (0, 1, 10, 200):
        movers = Movers(objects, (160, 120))
        (frame,) = movers.frames(1)
        assert frame.size == (160, 120)
        assert len(set(movers._cells)) == objects


def test_the_model_of_costs_is_found_where_there_is_one(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from lane_cost import Model, Point, fit

    true = Model(base=5.0, mega=20.0, each=0.2)
    sizes, found = ((320, 240), (640, 360), (1280, 720)), (0.0, 10.0, 64.0)
    points = [
        Point("slots", "cpu", size, 0, n, 0.0, 5 + 20 * size[0] * size[1] / 1e6 + 0.2 * n)
        for size in sizes
        for n in found
    ]
    model = fit(points)
    assert (model.base, model.mega, model.each) == pytest.approx((true.base, true.mega, true.each))
    assert model.ms(points[-1]) == pytest.approx(points[-1].mean_ms)
    assert fit(points[:3]).mega == 0  # one size
    assert fit(points[:1]) is None


@pytest.mark.slow
def test_the_cost_of_a_lane_is_measured_on_the_objects_that_it_has(tmp_path):
    script(
        BENCHMARKS / "lane_cost.py",
        "--lane",
        "gmm",
        "--sizes",
        "320x240",
        "--objects",
        "4,12",
        "--frames",
        50,
        "-o",
        tmp_path / "c.json",
    )
    few, many = json.loads((tmp_path / "c.json").read_text())["points"]
    assert few["found"] < many["found"]
    assert few["median_ms"] > 0


@pytest.mark.slow
def test_the_start_is_told_for_the_help_and_for_the_first_frame(clip):
    lines = script(BENCHMARKS / "start.py", clip, "--rounds", 1).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "tracker --help",
        "first frame, --lanes gmm",
        "first frame, --lanes gmm,slots",
    ]


@pytest.mark.slow
def test_the_gpu_script_runs_on_a_cpu(tmp_path):
    out = tmp_path / "out"
    where = {"OUT": str(out), "DEVICE": "cpu", "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    subprocess.run(["bash", BENCHMARKS / "gpu.sh", "--quick"], check=True, env=os.environ | where)
    parts = {part["part"] for part in json.loads((out / "gpu.json").read_text())}
    assert parts >= {"machine", "lane slots", "foreground network", "cell", "clips at once, start included"}
    assert (out / "gpu.txt").read_text().count("\n") >= len(parts)
    packed = json.loads((out / "packing.json").read_text())
    assert [row["together"] for row in packed] == [1, 2, 2]
    assert all(row["same"] for row in packed)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "package"), [("norfair", "norfair"), ("sort", "trackers"), ("bytetrack", "trackers")])
def test_another_linker_gives_the_blobs_identities(name, package, tmp_path):
    pytest.importorskip(package)
    script("-m", "tracker", "synth", "street", "-o", tmp_path / "street.mp4", "--frames", 40, "--size", "320x240", "-q")
    script(BENCHMARKS / "others" / "linkers.py", name, tmp_path / "street.mp4", tmp_path / "out.mp4", 40)
    rows = (tmp_path / "out.gmm.mot.txt").read_text().splitlines()
    assert len({row.split(",")[1] for row in rows}) > 1
