"""Live mode as a viewer sees it, by the benchmark: a camera, `tracker webcam` as a process, and its page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "live.py"


def measured(*parts):
    """What the benchmark says of a small picture and a few seconds."""
    asked = [sys.executable, str(SCRIPT), "--short", "--parts", ",".join(parts)]
    root = str(SCRIPT.parents[1])
    done = subprocess.run(asked, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root}, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_picture_that_was_sent_is_looked_at_or_counted_as_dropped():
    said = measured("steady")
    assert re.search(r"^all: median [0-9]+ ms, .* numbers not read: [0-9]+ of [1-9]", said, re.MULTILINE), said
    sent, frames, dropped, told = map(
        int, re.search(r"sent (\d+), looked at (\d+), so dropped (-?\d+); the run says (\d+)", said).groups()
    )
    assert sent - frames == dropped
    # those on their way when it was ended, and looked at before the viewer had its first picture, on a busy machine
    assert abs(dropped - told) <= 15, said


@pytest.mark.slow
def test_the_picture_is_back_and_no_viewer_holds_up_the_others():
    said = measured("cuts", "viewers")
    back_s = float(re.search(r"away 0.5 s and more: back after ([0-9.]+) s", said)[1])
    assert back_s < 30, said  # 1 s and the opening, on a machine that has nothing else to do
    assert len(re.findall("^19 viewers: ", said, re.MULTILINE)) == 2
