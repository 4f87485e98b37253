"""How right is each lane? Drawn streets that nothing was chosen on, and any clip with its truth.

    python benchmarks/accuracy.py                                       held-apart streets, seeds 900 to 905
    python benchmarks/accuracy.py clip.mp4 gt.txt --frames 400 --parts 200
    python benchmarks/accuracy.py --set linker.merge_growth=1e9         the same with other settings

Boxes at IoU 0.5 by TrackEval, hidden tracks left out. --parts also scores each piece of so many frames by itself.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tracker.build import build_lanes
from tracker.pipeline import run
from tracker.scores import identity_scores, read_truth
from tracker.settings import RunSettings, load_settings
from tracker.sources import open_source
from tracker.synth import draw_world, save_clip
from tracker.tally import Tally

COLUMNS = ("HOTA", "IDF1", "MOTA", "switches", "F")


def score(clip: str, truth_path: Path, frames: int | None, parts: int | None, settings: RunSettings) -> dict[str, list]:
    """Rows by lane: (first frame, last frame, scores, foreground F or None)."""
    truth = read_truth(truth_path)
    source = open_source(clip, max_frames=frames)
    tally = Tally(settings.lanes, truth=truth)
    run(source, build_lanes(settings), [tally], prescan_frames=settings.prescan_frames)
    source.close()
    last = min(tally.frames - 1, truth.frames[1])
    spans = [(0, last)] + [(at, min(at + parts - 1, last)) for at in range(0, last, parts or last + 1) if parts]
    rows = {}
    for lane, seen in tally.lanes.items():
        f = seen.pixels.f_measure if seen.pixels is not None else None
        rows[lane] = [
            (*span, identity_scores(truth, seen.boxes, frames=span), f if span == spans[0] else None) for span in spans
        ]
    return rows


def show(name: str, rows: dict[str, list]) -> None:
    for lane, spans in rows.items():
        for first, last, s, f in spans:
            values = f"{s.hota:7.3f} {s.idf1:7.3f} {s.mota:7.3f} {s.switches:9d}  {'' if f is None else f'{f:.3f}'}"
            print(f"{name:<16} {lane:<6} {f'{first + 1}-{last + 1}':<9} {values}", flush=True)


def streets(seeds: list[int], frames: int, settings: RunSettings) -> None:
    totals: dict[str, list] = {}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            clip, truth = Path(folder) / "street.mp4", Path(folder) / "truth"
            save_clip(
                draw_world("street", seed=seed, frames=frames, size=(480, 360), objects=None), video=clip, truth=truth
            )
            rows = score(str(clip), truth, None, None, settings)
        show(f"street {seed}", rows)
        for lane, spans in rows.items():
            totals.setdefault(lane, []).append(spans[0])
    for lane, each in totals.items():
        mean = [sum(getattr(s, key) for _, _, s, _ in each) / len(each) for key in ("hota", "idf1", "mota", "switches")]
        f = sum(f for *_, f in each) / len(each)
        print(f"{'mean':<16} {lane:<6} {'':<9} {mean[0]:7.3f} {mean[1]:7.3f} {mean[2]:7.3f} {mean[3]:9.1f}  {f:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?")
    parser.add_argument("truth", nargs="?", type=Path)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--parts", type=int)
    parser.add_argument("--seeds", default="900-905")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    asked = parser.parse_args()
    settings = load_settings(overrides=asked.overrides)
    print(f"{'':<16} {'lane':<6} {'frames':<9} " + " ".join(f"{c:>7}" for c in COLUMNS))
    if asked.clip:
        show(Path(asked.clip).stem[:16], score(asked.clip, asked.truth, asked.frames, asked.parts, settings))
    else:
        first, last = (int(v) for v in asked.seeds.split("-"))
        streets(list(range(first, last + 1)), asked.frames or 300, settings)


if __name__ == "__main__":
    main()
