"""A drawn clip whose answer is known, watched by both lanes as `tracker compare` does it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracker.doctor.check import Check, problem

WORLD, SEED, FRAMES, SIZE = "street", 7, 50, (240, 180)
"""two seconds: a few of a processor's, and enough for both lanes to find what moves"""
LEAST_F = {"gmm": 0.6, "slots": 0.7}
"""of the foreground, by lane; what this clip gives is more by .1 and over, on every processor"""


def self_test() -> list[Check]:
    """Draw, encode, decode, both lanes, scores and the page."""
    from tracker.jobs import Job, process
    from tracker.settings import load_settings
    from tracker.synth import WorldOrder, save_world, stream_world

    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tracker-doctor-") as name:
        folder = Path(name)
        clip, truth = folder / "clip.mp4", folder / "truth"
        save_world(stream_world(WORLD, WorldOrder(SEED, FRAMES, SIZE)), video=clip, truth=truth)
        job = Job(str(clip), folder / "out" / "compare.mp4", compare=True, truth=truth)
        result = process(job, load_settings(overrides=["device=cpu"]))
    scores = {lane: about["scores"] for lane, about in result.summary["lanes"].items()}
    return [judged(scores, took_s=time.monotonic() - begin)]


def judged(scores: Mapping[str, Any], *, took_s: float) -> Check:
    """What the lanes' scores, as `jobs.Result.summary` has them, say of the installation."""
    told = "; ".join(
        f"{lane} IDF1 {of['identity']['idf1']:.2f}, F {of['foreground']['f_measure']:.2f}"
        for lane, of in scores.items()
    )
    low = [lane for lane, of in scores.items() if of["foreground"]["f_measure"] < LEAST_F[lane]]
    if low:
        said = (
            f"{told}: too low for lane {' and '.join(low)}; install with -c constraints.txt, else report it as a defect"
        )
        return problem("self-test", said)
    return Check("self-test", f"a drawn clip of {FRAMES} frames in {took_s:.1f} s: {told}")
