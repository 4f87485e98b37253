"""How long does scoring take? Clips of 100,000 boxes in several shapes, ours beside TrackEval on the same overlaps.

python benchmarks/scoring.py
python benchmarks/scoring.py --boxes 1000000 --without-trackeval
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from trackeval.metrics import CLEAR, HOTA, Identity

from tracker.scores import score_identities
from tracker.scores.identity import IdentityCounts
from tracker.scores.overlap import iou_matrix
from tracker.scores.truth import Identified
from tracker.types import Box

TRACKEVAL_LIMIT_GB = 3.0
SHAPES = {  # boxes a frame, frames an identity lives, width of the square in which they walk
    "1 a frame": (1, None, 500),
    "2 a frame, overlapping": (2, None, 40),
    "100 a frame": (100, None, 1000),
    "100 a frame, overlapping": (100, None, 250),
    "1000 a frame": (1000, None, 3000),
    "20 a frame, thousands of identities": (20, 20, 500),
}
Frames = dict[int, list[Identified]]


def walkers(boxes: int, a_frame: int, life: int | None, width: float, *, seed: int = 0) -> tuple[Frames, Frames]:
    """Truth, and tracks that shake, miss a tenth and change their number now and then."""
    rng = np.random.default_rng(seed)
    place, size, names = rng.uniform(0, width, (a_frame, 2)), rng.uniform(20, 60, (a_frame, 2)), np.arange(a_frame)
    truth: Frames = {}
    tracks: Frames = {}
    for t in range(boxes // a_frame):
        place = np.clip(place + rng.normal(0, 1, place.shape), 0, width)
        if life is not None:
            gone = rng.random(a_frame) < 1 / life
            names = np.where(gone, names.max() + np.cumsum(gone), names)
        corners = np.concatenate([place, place + size], axis=1)
        shaken = corners + rng.normal(0, 3, corners.shape)
        found = rng.random(a_frame) < 0.9
        truth[t] = [(name, Box(*box)) for name, box in zip(names.tolist(), corners.tolist(), strict=True)]
        numbers = (3 * names + t // 57 % 2)[found].tolist()
        tracks[t] = [(name, Box(*box)) for name, box in zip(numbers, shaken[found].tolist(), strict=True)]
    return truth, tracks


def by_trackeval(truth: Frames, tracks: Frames) -> tuple[float, float, float]:
    """HOTA, IDF1, MOTA."""
    ids, counts = [], []
    for side in (truth, tracks):
        number = {name: n for n, name in enumerate(sorted({name for rows in side.values() for name, _ in rows}))}
        ids.append([np.array([number[name] for name, _ in rows], int) for rows in side.values()])
        counts.append(len(number))
    data = {
        "gt_ids": ids[0],
        "tracker_ids": ids[1],
        "similarity_scores": [iou_matrix([b for _, b in truth[t]], [b for _, b in tracks[t]]) for t in truth],
        "num_timesteps": len(truth),
        "num_gt_ids": counts[0],
        "num_tracker_ids": counts[1],
        "num_gt_dets": sum(map(len, ids[0])),
        "num_tracker_dets": sum(map(len, ids[1])),
    }
    quiet = {"PRINT_CONFIG": False}
    hota, identity, clear = (m.eval_sequence(data) for m in (HOTA(), Identity(quiet), CLEAR(quiet)))
    return float(np.mean(hota["HOTA"])), identity["IDF1"], clear["MOTA"]


def trackeval_gb(counts: IdentityCounts) -> float:
    """What its matrices need: HOTA counts all pairs of identities at 19 thresholds and thrice more; then the pairing."""
    pairs, both = counts.truth_ids * counts.track_ids, counts.truth_ids + counts.track_ids
    return 8 * max(22 * pairs, 3 * both**2) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=100_000)
    parser.add_argument("--without-trackeval", action="store_true")
    asked = parser.parse_args()
    print(f"{'boxes of the truth':<36} {'identities':>14} {'ours s':>8} {'TrackEval s':>12} {'ratio':>6}")
    for name, (a_frame, life, width) in SHAPES.items():
        truth, tracks = walkers(asked.boxes, a_frame, life, width)
        began = time.perf_counter()
        counts = score_identities(truth, tracks, frames=(0, len(truth) - 1)).counts
        ours = time.perf_counter() - began
        row = f"{name:<36} {f'{counts.truth_ids} / {counts.track_ids}':>14} {ours:8.2f}"
        if asked.without_trackeval:
            print(row, flush=True)
            continue
        if trackeval_gb(counts) > TRACKEVAL_LIMIT_GB:
            print(f"{row} {'skipped: ' + format(trackeval_gb(counts), '.0f') + ' GB':>12}", flush=True)
            continue
        began = time.perf_counter()
        theirs = by_trackeval(truth, tracks)
        took = time.perf_counter() - began
        assert np.allclose(theirs, (counts.hota, counts.idf1, counts.mota), rtol=0, atol=1e-9)
        print(f"{row} {took:12.2f} {took / ours:6.1f}", flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB, TrackEval's included")


if __name__ == "__main__":
    main()
