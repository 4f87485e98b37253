"""One clip, one answer: on processors with other instructions, and where the last bits of a network's answer differ."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from tracker.build import build_lanes
from tracker.settings import RunSettings
from tracker.slots.state import SlotArrays
from tracker.sources import open_source
from tracker.synth import WorldOrder, save_world, stream_world
from tracker.types import Track, intersections

WITHOUT_AVX_512 = {
    "NPY_DISABLE_CPU_FEATURES": "AVX512_SKX X86_V4 AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
    "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX512-ICL",
}
LAST_BITS = 1e-6
"""relative: ten units in the last place of a float32"""
AGREED = 0.97
"""share of boxes that have the same identity in two runs that differ by last bits, on clips whose objects meet now and then"""

FOREGROUND = """
import hashlib, sys
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
features = np.random.default_rng(0).integers(0, 256, (1, 9, 48, 56), dtype=np.uint8)
print(hashlib.sha256(session.run(None, {"features": features})[0].tobytes()).hexdigest())
"""

SMALL_PICTURE = """
import ctypes, hashlib, sys
from tracker.sources import open_source
library, clip, instructions = sys.argv[1:]
if instructions == "plain":
    ctypes.CDLL(library).av_force_cpu_flags(0)
with open_source(clip) as source:
    print(*[hashlib.sha256(frame.small.tobytes()).hexdigest() for frame in source])
"""
FFMPEG = sorted((Path(av.__file__).parents[1] / "av.libs").glob("libavutil*"))
"""the library in PyAV's wheel that chooses FFmpeg's instructions"""


CELL = """
import hashlib, sys
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
rng = np.random.default_rng(0)
shapes = {put.name: (3, *put.shape[1:]) for put in session.get_inputs()}
feed = {name: rng.random(shape, np.float32) for name, shape in shapes.items()}
feed |= {"mask_logit": 12 * feed["mask_logit"] - 8, "pose": 10 + 40 * feed["pose"], "visible": np.ones(3, np.float32)}
feed["fit"] = feed["visible"]
for _ in range(2):
    made = session.run(None, feed)
    feed |= {put.name.removeprefix("next_"): value for put, value in zip(session.get_outputs(), made)}
print(hashlib.sha256(b"".join(value.tobytes() for value in made)).hexdigest())
"""


def draw(world: str, folder: Path, *, frames: int | None = None) -> Path:
    path = folder / f"{world}.mp4"
    save_world(stream_world(world, WorldOrder(seed=1, frames=frames, size=(320, 240))), video=path)
    return path


def test_tables_are_the_same_without_the_widest_instructions(tmp_path: Path) -> None:
    """numpy and OpenCV choose instructions by the processor; the tables do not follow."""
    clip = draw("street", tmp_path, frames=60)
    tables = []
    for name, environment in (("here", {}), ("narrow", WITHOUT_AVX_512)):
        out = tmp_path / name / "clip.mp4"
        asked = [sys.executable, "-m", "tracker", "process", str(clip), "-o", str(out), "-q", "--set", "device=cpu"]
        subprocess.run(asked, env=os.environ | environment, check=True)
        tables.append([path.read_text() for path in sorted(out.parent.glob("*.csv"))])
    assert len(tables[0]) == 2
    assert tables[0] == tables[1]


@pytest.mark.skipif(not FFMPEG, reason="no FFmpeg of a Linux wheel of PyAV")
def test_small_pictures_are_the_same_without_special_instructions(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    save_world(stream_world("street", WorldOrder(seed=1, frames=3, size=(960, 540))), video=clip)
    asked = [sys.executable, "-c", SMALL_PICTURE, str(FFMPEG[0]), str(clip)]
    here, plain = (
        subprocess.run([*asked, how], check=True, capture_output=True, text=True).stdout.split()
        for how in ("all", "plain")
    )
    assert len(here) == 3
    assert here == plain


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind stands for a processor without AVX-512 and VNNI")
@pytest.mark.parametrize(("name", "script"), [("foreground", FOREGROUND), ("street", CELL)])
def test_networks_answer_the_same_on_a_processor_without_avx_512(name: str, script: str) -> None:
    graph = Path(sys.modules["tracker"].__file__ or "").parent / "weights" / f"{name}.onnx"
    asked = [sys.executable, "-c", script, str(graph)]
    here, there = (
        subprocess.run([*emulator, *asked], check=True, capture_output=True, text=True).stdout.strip()
        for emulator in ([], ["valgrind", "--tool=none", "-q"])
    )
    assert here == there


class LastBits:
    """A cell whose answers differ from another's in the last bits."""

    def __init__(self, cell, seed: int) -> None:
        self.cell, self.settings, self.rng = cell, cell.settings, np.random.default_rng(seed)

    def __call__(self, state, seen, *, visible, fit):
        made = self.cell(state, seen, visible=visible, fit=fit)
        noise = (1 + LAST_BITS * self.rng.standard_normal(part.shape) for part in made)
        return SlotArrays._make((part * each).astype(np.float32) for part, each in zip(made, noise, strict=True))


def watched(clip: Path, seed: int | None) -> Iterator[tuple[Track, ...]]:
    (lane,) = build_lanes(RunSettings(lanes=("slots",), device="cpu"))
    if seed is not None:
        network = lane.segmenter.network
        lane.segmenter.network = network._replace(cell=LastBits(network.cell, seed))
    with open_source(str(clip)) as source:
        lane.segmenter.prepare(source.sample(40))
        for frame in source:
            yield lane.step(frame).tracks


def agreement(first: list[tuple[Track, ...]], second: list[tuple[Track, ...]]) -> float:
    """IDF1 of two runs on each other: boxes with the same identity, under the best pairing of identities."""
    pairs: dict[tuple[int, int], int] = {}
    for a, b in zip(first, second, strict=True):
        for one in a:
            for two in b:
                shared = float(intersections([one.box], [two.box])[0, 0])
                if 2 * shared > one.box.area + two.box.area - shared:
                    pairs[one.id, two.id] = pairs.get((one.id, two.id), 0) + 1
    table = np.zeros([1 + max((pair[n] for pair in pairs), default=0) for n in (0, 1)])
    for pair, count in pairs.items():
        table[pair] = count
    matched = table[linear_sum_assignment(-table)].sum()
    return float(2 * matched / sum(len(tracks) for run in (first, second) for tracks in run))


@pytest.mark.parametrize("world", ["crossing", pytest.param("group", marks=pytest.mark.slow)])
def test_last_bits_change_no_identity(world: str, tmp_path: Path) -> None:
    clip = draw(world, tmp_path)
    plain = list(watched(clip, None))
    assert sum(map(len, plain)) > 50
    assert agreement(plain, list(watched(clip, 0))) >= AGREED
