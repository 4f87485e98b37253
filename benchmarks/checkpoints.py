"""What it costs to save a run now and then, and to go on with it: processor time and bytes. One run without, one with checkpoints.

    python benchmarks/checkpoints.py --size 640x480 --frames 500 --every 5

CPU seconds of the process (`time.process_time`): they hold on a busy machine too. A minute of video between two checkpoints, which is
what is usual, costs less than here.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracker.checkpoint import Checkpoints
from tracker.jobs import Job, process
from tracker.opencv_threads import one_opencv_thread
from tracker.settings import load_settings
from tracker.synth import WorldOrder, save_world, stream_world


class Counted:
    """A method, and how often it was called, for how long and what it gave."""

    def __init__(self, owner: type, name: str) -> None:
        self.calls, self.cpu_s = 0, 0.0
        usual: Callable[..., Any] = getattr(owner, name)

        def counted(this: object, *given: Any, **named: Any) -> Any:
            begin = time.process_time()
            try:
                return usual(this, *given, **named)
            finally:
                self.calls += 1
                self.cpu_s += time.process_time() - begin

        setattr(owner, name, counted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--every", type=float, default=5.0, help="seconds of video")
    parser.add_argument("--lanes", default="gmm,slots")
    parser.add_argument("--online", action="store_true")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    settings = load_settings([], [f"lanes=[{asked.lanes}]", f"online={str(asked.online).lower()}"])
    with tempfile.TemporaryDirectory() as place, one_opencv_thread():
        clip = Path(place) / "clip.mp4"
        save_world(
            stream_world("street", WorldOrder(1, asked.frames, (width, height), None)),
            video=clip, truth=None, overwrite=True, notify=print,
        )  # fmt: skip
        sizes: list[int] = []
        used: dict[str, float] = {}
        process(Job(str(clip), Path(place) / "warm.mp4", max_frames=20), settings)
        for name, every_s in (("without", None), ("with", asked.every)):
            saving = Counted(Checkpoints, "save") if every_s else None
            if every_s:
                collect = Checkpoints.save

                def measured(this: Checkpoints, *given: Any, usual: Callable[..., None] = collect) -> None:
                    usual(this, *given)
                    sizes.append((this.store.folder / "state").stat().st_size)

                Checkpoints.save = measured  # type: ignore[method-assign]
            begin = time.process_time()
            process(Job(str(clip), Path(place) / f"{name}.mp4", checkpoint_s=every_s), settings)
            used[name] = time.process_time() - begin
            print(f"{name:8} {used[name]:7.2f} s of CPU time, {1000 * used[name] / asked.frames:.1f} ms a frame")
        assert saving is not None
        print(
            f"{saving.calls} checkpoints, {1000 * saving.cpu_s / saving.calls:.0f} ms each, "
            f"{sum(sizes) / len(sizes) / 1e6:.2f} MB on average, {max(sizes) / 1e6:.2f} MB at most"
        )


if __name__ == "__main__":
    main()
