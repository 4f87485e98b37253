"""Can the confidence of lane slots be believed? Every row of its track table on drawn clips, held to the truth.

    python benchmarks/calibration.py                       clips held apart: the table, and docs/confidence.png
    python benchmarks/calibration.py --fit                 first fits tracker/slots/confidence.py anew, on other clips
    python benchmarks/calibration.py --worlds street       streets alone; any names of `tracker synth`, with commas

Clips are streets of the seeds (700-709 to fit, 800-805 held apart) and every situation, of the first of them. A row is right if
its box overlaps, by an IoU of 0.5 or more, the object that its identity overlaps so in most frames of the clip. Objects of which
nothing can be seen count too: hidden rows foretell where these are.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tracker.build import build_lanes
from tracker.picture import Picture
from tracker.scores.overlap import iou_matrix
from tracker.settings import load_settings
from tracker.slots import confidence as fitted
from tracker.slots.confidence import FITTED, NAMES, Calibration, Evidence, Logistic, Term, measures
from tracker.slots.segmenter import SlotsSegmenter
from tracker.synth import WorldOrder, stream_world
from tracker.types import Frame, Segmentation
from tracker.worlds import DrawnFrame
from tracker.worlds.situations import SITUATIONS, stream_situation

ROOT = Path(__file__).parents[1]
FIT_SEEDS, APART_SEEDS = "700-709", "800-805"
IOU = 0.5
FPS = 25.0
BINS = 10
FEWEST = 20
"""rows of which the diagram shows a share"""
SEEN = ("age", "unmeasured", "share", "entropy", "change", "border", "foreground", "agreement", "merged", "moved")
HIDDEN = ("age", "unmeasured", "hidden", "share", "change", "border", "foreground", "merged", "moved")
SIGN = {
    "unmeasured": -1,
    "hidden": -1,
    "share": 1,
    "entropy": -1,
    "change": -1,
    "foreground": 1,
    "agreement": 1,
    "moved": 1,
}
"""what can only mean this: a weight of the other sign is an accident of the clips, and left out"""
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
"""scikit-learn's C, chosen by clips left out in turn"""
FOLDS = 5
BEGIN, END = "# fitted: begin\n", "# fitted: end\n"
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Rows of track tables."""

    measured: Floats
    """(N, F) as `measures` gives them"""
    right: Bools
    """(N,)"""
    clip: NDArray[np.int64]
    identity: NDArray[np.int64]
    scripted: Bools
    """(N,) of a situation"""

    @property
    def hidden(self) -> Bools:
        return np.asarray(self.measured[:, NAMES.index("hidden")] > 0)

    def where(self, wanted: Bools) -> Rows:
        return Rows(*(getattr(self, f.name)[wanted] for f in fields(self)))

    def column(self, name: str) -> Floats:
        return np.asarray(self.measured[:, NAMES.index(name)])


def watch(world: str, seed: int, frames: int) -> Iterator[tuple[DrawnFrame, Segmentation, dict[int, Evidence]]]:
    """The lane over a drawn clip, frame by frame: the truth, what the lane saw, and the evidence by identity."""
    settings = load_settings(overrides=["lanes=[slots]"])
    segmenter = build_lanes(settings)[0].segmenter
    assert isinstance(segmenter, SlotsSegmenter)
    clip = list(
        stream_situation(world, seed=seed)
        if world in SITUATIONS
        else stream_world(world, WorldOrder(seed, frames)).frames
    )
    shown = np.unique(np.linspace(0, len(clip) - 1, settings.prescan_frames).round().astype(int))
    segmenter.prepare([clip[t].image for t in shown])
    for t, truth in enumerate(clip):
        yield truth, segmenter.step(Frame(t, t / FPS, Picture.of(truth.image))), segmenter.estimator.evidence


def clips(worlds: Sequence[str], seeds: str) -> list[tuple[str, int]]:
    """(world, seed) of every clip: all seeds of a world; every situation once, of the first."""
    first, last = (int(v) for v in seeds.split("-"))
    return [
        (name, seed)
        for world in worlds
        for name in (SITUATIONS if world == "situations" else (world,))
        for seed in range(first, (first if name in SITUATIONS else last) + 1)
    ]


def gather(wanted: Iterable[tuple[str, int]], frames: int) -> Rows:
    """All rows of the lane's tables over clips of (world, seed)."""
    evidence: list[Evidence] = []
    right, names = [], []
    for number, (world, seed) in enumerate(wanted):
        began, hits = time.perf_counter(), []
        for truth, seen, by_identity in watch(world, seed, frames):
            iou = iou_matrix([item.box for item in truth.boxes], [region.box for region in seen.regions])
            for column, region in zip(iou.T, seen.regions, strict=True):
                evidence.append(by_identity[region.label])
                hits.append((region.label, [truth.boxes[i].id for i in np.flatnonzero(column >= IOU)]))
        right += _right(hits)
        names += [(number, identity, world in SITUATIONS) for identity, _ in hits]
        print(f"{world} {seed}: {len(hits)} rows, {time.perf_counter() - began:.0f} s", flush=True)
    clip, identity, scripted = np.array(names, np.int64).reshape(-1, 3).T
    return Rows(measures(evidence), np.array(right, bool), clip, identity, scripted > 0)


def _right(hits: Sequence[tuple[int, list[int]]]) -> list[bool]:
    """Of one clip's rows, (identity, objects overlapped): whether the identity's own object is among them."""
    met: dict[int, Counter[int]] = defaultdict(Counter)
    for identity, objects in hits:
        met[identity].update(objects)
    own = {identity: counts.most_common(1)[0][0] for identity, counts in met.items() if counts}
    return [own.get(identity) in objects for identity, objects in hits]


def fit(rows: Rows, names: Sequence[str]) -> Logistic:
    """A logistic regression in raw units on the measures named, without weights of the wrong sign."""
    names = [name for name in names if np.nanstd(rows.column(name)) > 0]
    while True:
        low, usual, high, weights, bias = _regress(rows, names)
        kept = [name for name, w in zip(names, weights, strict=True) if w * SIGN.get(name, 0) >= 0]
        if kept == names:
            terms = zip(low, usual, high, weights, strict=True)
            return Logistic(
                round(bias, 4),
                {n: Term(*(float(f"{v:.4g}") for v in term)) for n, term in zip(names, terms, strict=True)},
            )
        names = kept


def _regress(rows: Rows, names: Sequence[str]) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Low, usual and high value and weight of each measure, and the bias."""
    table = np.stack([rows.column(name) for name in names], axis=1)
    low, high = np.nanpercentile(table, (0.5, 99.5), axis=0)
    table = np.clip(table, low, high)
    usual, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0) + 1e-9
    standard = np.nan_to_num((table - usual) / spread)
    fold = np.unique(rows.clip, return_inverse=True)[1] % FOLDS

    def loss(strength: float) -> float:
        total = 0.0
        for left_out in np.unique(fold):
            apart = fold == left_out
            if apart.all() or len(np.unique(rows.right[~apart])) < 2:
                continue
            model = LogisticRegression(C=strength, max_iter=1000).fit(standard[~apart], rows.right[~apart])
            total += float(np.square(model.predict_proba(standard[apart])[:, 1] - rows.right[apart]).sum())
        return total

    model = LogisticRegression(C=min(STRENGTHS, key=loss), max_iter=1000).fit(standard, rows.right)
    return low, usual, high, model.coef_[0] / spread, float(model.intercept_[0])


def calibrate(rows: Rows) -> Calibration:
    return Calibration(fit(rows.where(~rows.hidden), SEEN), fit(rows.where(rows.hidden), HIDDEN))


def as_code(calibration: Calibration, source: str) -> str:
    """What stands between the markers: a line a measure."""
    lines = [f"# by `python benchmarks/calibration.py --fit`, on {source}", "FITTED = Calibration("]
    for name, logistic in (("seen", calibration.seen), ("hidden", calibration.hidden)):
        lines += [f"    {name}=Logistic(", f"        {logistic.bias!r},", "        {"]
        lines += [
            f'            "{n}": Term({t.low!r}, {t.usual!r}, {t.high!r}, {t.weight!r}),'
            for n, t in logistic.terms.items()
        ]
        lines += ["        },", "    ),"]
    return "\n".join([*lines, ")", ""])


def write(calibration: Calibration, source: str, path: Path) -> None:
    """Put the numbers between the markers of a file."""
    text = path.read_text(encoding="utf-8")
    block = BEGIN + as_code(calibration, source) + END
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    path.write_text(re.sub(pattern, lambda _: block, text, flags=re.DOTALL), encoding="utf-8")


@dataclass(frozen=True)
class Bin:
    """Rows of about the same confidence."""

    rows: int
    told: float
    """mean confidence"""
    right: float
    """share of them that are right"""
    low: float
    """95 % interval of that share, identities drawn anew"""
    high: float


def reliability(sure: Floats, rows: Rows, *, seed: int = 0) -> list[Bin]:
    """Rows in ten equal steps of confidence, empty ones left out."""
    rng = np.random.default_rng(seed)
    bins = []
    step = np.minimum((sure * BINS).astype(int), BINS - 1)
    for b in np.unique(step):
        there = step == b
        _, whose = np.unique(np.stack([rows.clip[there], rows.identity[there]]), axis=1, return_inverse=True)
        whose = whose.ravel()
        each, right = np.bincount(whose), np.bincount(whose, rows.right[there])
        drawn = rng.integers(0, len(each), (1000, len(each)))
        low, high = np.percentile(right[drawn].sum(1) / each[drawn].sum(1), (2.5, 97.5))
        bins.append(Bin(int(there.sum()), float(sure[there].mean()), float(right.sum() / each.sum()), low, high))
    return bins


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: |told - right|, mean over rows."""
    return sum(b.rows * abs(b.told - b.right) for b in bins) / max(1, sum(b.rows for b in bins))


def brier(sure: Floats | float, right: Bools) -> float:
    return float(np.square(sure - right).mean())


def report(rows: Rows, calibration: Calibration) -> dict[str, list[Bin]]:
    """Print how far the confidence can be believed; returns the reliability of each group of rows."""
    drawn: dict[str, list[Bin]] = {}
    print(
        f"\n{'rows':10} {'number':>7} {'right':>6} | ECE: {'fitted':>6} {'old':>6} | Brier: {'fitted':>6} {'old':>6} const"
    )
    for name, those in (
        ("all", rows),
        ("seen", rows.where(~rows.hidden)),
        ("hidden", rows.where(rows.hidden)),
        ("streets", rows.where(~rows.scripted)),
        ("situations", rows.where(rows.scripted)),
    ):
        if not len(those.right):
            continue
        sure, old = calibration(those.measured), those.column("share")
        drawn[name] = reliability(sure, those)
        errors = calibration_error(drawn[name]), calibration_error(reliability(old, those))
        scores = brier(sure, those.right), brier(old, those.right), brier(float(those.right.mean()), those.right)
        print(
            f"{name:10} {len(those.right):7} {those.right.mean():6.3f} |      {errors[0]:6.3f} {errors[1]:6.3f} |"
            f"        {scores[0]:6.4f} {scores[1]:6.4f} {scores[2]:.4f}"
        )
    for name, bins in drawn.items():
        print(f"\n{name}: rows, confidence, share that is right (95 %)")
        for b in bins:
            print(f"{b.rows:8} {b.told:6.2f} {b.right:6.2f} ({b.low:.2f} to {b.high:.2f})")
    return drawn


def draw(drawn: dict[str, list[Bin]], path: Path, *, title: str) -> None:
    """The reliability diagram, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(5, 5.6), height_ratios=(3, 1), sharex=True, layout="constrained"
    )
    above.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
    for offset, (name, colour, mark) in zip(
        (-0.02, 0.02), (("seen", "#1f6fb4", "o"), ("hidden", "#c4501b", "s")), strict=True
    ):
        bins = [b for b in drawn.get(name, []) if b.rows >= FEWEST]
        if not bins:
            continue
        told, right = [b.told for b in bins], [b.right for b in bins]
        reach = [[b.right - b.low for b in bins], [b.high - b.right for b in bins]]
        above.errorbar(
            told, right, np.maximum(0, reach), color=colour, marker=mark, markersize=5, linewidth=1, label=name
        )
        place = [(min(int(b.told * BINS), BINS - 1) + 0.5) / BINS + offset for b in bins]
        below.bar(place, [b.rows for b in bins], width=0.036, color=colour)
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of rows that are right", title=title)
    above.legend(frameon=False, loc="upper left")
    below.set(xlabel="confidence", ylabel="rows", yscale="log")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="write the numbers into tracker/slots/confidence.py first")
    parser.add_argument("--fit-seeds", default=FIT_SEEDS)
    parser.add_argument("--seeds", default=APART_SEEDS)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--worlds", default="street,situations", help="names, separated by commas")
    parser.add_argument("--plot", type=Path, default=ROOT / "docs" / "confidence.png")
    asked = parser.parse_args()
    worlds = asked.worlds.split(",")

    def rows(seeds: str) -> Rows:
        return gather(clips(worlds, seeds), asked.frames)

    calibration = FITTED
    if asked.fit:
        calibration = calibrate(rows(asked.fit_seeds))
        write(calibration, f"{' and '.join(worlds)}, seeds {asked.fit_seeds}", Path(fitted.__file__))
    drawn = report(rows(asked.seeds), calibration)
    draw(drawn, asked.plot, title=f"Lane slots: {' and '.join(worlds)}, seeds {asked.seeds}")


if __name__ == "__main__":
    main()
