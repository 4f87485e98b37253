"""Draw a street as a clip of full size: drawn small, scaled up, with a camera's noise on every pixel.

python benchmarks/others/clip.py 1920x1080 200 out.mp4

A drawing at full size takes minutes. Without noise the picture would be smoother than any camera's, and cheap to encode.
"""

from __future__ import annotations

import sys
from fractions import Fraction

import av
import cv2
import numpy as np

from tracker.synth import WorldOrder, stream_world

SEED = 1
DRAWN_HEIGHT = 360
NOISE, PICTURES_OF_NOISE = 2.0, 8
"""grey levels, standard deviation; and how many pictures of it there are, of which each frame has one, shifted at random"""
CRF = "20"
FPS = 25


def main(size: tuple[int, int], frames: int, output: str) -> None:
    width, height = size
    small = (round(DRAWN_HEIGHT * width / height / 2) * 2, DRAWN_HEIGHT) if height > DRAWN_HEIGHT else size
    rng = np.random.default_rng(SEED)
    noise = [rng.normal(0, NOISE, (height, width, 3)).round().astype(np.int8) for _ in range(PICTURES_OF_NOISE)]
    with av.open(output, "w") as target:
        stream = target.add_stream("libx264", rate=FPS, options={"crf": CRF, "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for drawn in stream_world("street", WorldOrder(SEED, frames, small, fps=FPS)).frames:
            image = cv2.resize(drawn.image, size, interpolation=cv2.INTER_CUBIC)
            index = int(rng.integers(PICTURES_OF_NOISE))
            shifted = np.roll(noise[index], tuple(rng.integers(0, (height, width))), axis=(0, 1))
            noisy = cv2.add(image, shifted, dtype=cv2.CV_8U)
            picture = av.VideoFrame.from_ndarray(noisy, format="rgb24")
            picture.time_base = Fraction(1, FPS)
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))


if __name__ == "__main__":
    wide, high = sys.argv[1].split("x")
    main((int(wide), int(high)), int(sys.argv[2]), sys.argv[3])
