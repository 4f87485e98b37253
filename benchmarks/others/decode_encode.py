"""The limit: decode a clip to YUV and encode it as H.264 with the overlay's settings, and nothing else; no RGB, no picture copied.

python benchmarks/others/decode_encode.py clip.mp4 out.mp4 [FRAMES]

Imports PyAV alone, so that its start is that of decoding and encoding. A test holds OPTIONS and FLAGS to those of the overlay.
"""

import sys
from fractions import Fraction

import av
from av.video.frame import PictureType

FLAGS = {"movflags": "frag_every_frame+default_base_moof+hybrid_fragmented", "flush_packets": "1"}
OPTIONS = {
    "preset": "veryfast", "tune": "zerolatency", "threads": "4", "crf": "23", "profile": "high", "g": str(1 << 30),
    "forced-idr": "1", "bf": "0", "sc_threshold": "0",
}  # fmt: skip
"""all that the overlay sets but the names of its colours, which cost nothing"""
KEYFRAME_S = 1.5


def main(clip: str, output: str, most: int) -> None:
    with av.open(clip) as source, av.open(output, "w", format="mp4", options=FLAGS) as target:
        seen = source.streams.video[0]
        seen.thread_type = "AUTO"
        rate = seen.average_rate or Fraction(25)
        stream = target.add_stream("libx264", rate=rate, options=OPTIONS)
        stream.width, stream.height, stream.pix_fmt = seen.width, seen.height, "yuv420p"
        key_every = round(KEYFRAME_S * rate)
        for index, frame in enumerate(source.decode(seen)):
            if index == most:
                break
            frame.pict_type = PictureType.NONE if index % key_every else PictureType.I
            frame.pts, frame.time_base = index, 1 / rate
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else -1)
