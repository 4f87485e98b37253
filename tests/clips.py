"""Clips for tests, drawn and written in a few milliseconds each: sound ones, and every kind of broken one."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Picture = NDArray[np.uint8]
FPS = 25


def draw(count: int, size: tuple[int, int] = (64, 48)) -> list[Picture]:
    """`count` pictures (H, W, 3) that all differ: a red corner at the top left, and a white bar that walks right."""
    width, height = size
    pictures = []
    for index in range(count):
        picture = np.full((height, width, 3), 60, np.uint8)
        x = (4 * index) % width
        picture[height // 2 :, x : x + 6] = 240
        picture[: height // 3, : width // 3] = (220, 20, 20)
        pictures.append(picture)
    return pictures


def draw_noise(count: int, size: tuple[int, int] = (64, 48)) -> list[Picture]:
    """Pictures that do not compress, so that the place where a file is cut says which frames are lost."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8) for _ in range(count)]


def write_video(
    path: Path,
    pictures: Sequence[Picture],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times_ms: Sequence[int] | None = None,
    movflags: str = "",
    options: dict[str, str] | None = None,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """Encode the pictures, at 25 a second or at the times given."""
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream(codec, rate=FPS, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        stream.codec_context.time_base = Fraction(1, FPS if times_ms is None else 1000)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index if times_ms is None else times_ms[index]
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_raw_avi(path: Path, pictures: Sequence[Picture]) -> Path:
    """Uncompressed BGR in AVI; some builds of cv2.VideoCapture abort the process on the 48x48 kind."""
    return write_video(path, pictures, codec="rawvideo", pix_fmt="bgr24")


def write_pictures(folder: Path, pictures: Sequence[Picture], *, name: str = "frame{}.png") -> Path:
    """frame0.png, frame1.png, ... frame10.png: not padded with zeros, so that their order by letters is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(pictures):
        Pillow.fromarray(picture).save(folder / name.format(index))
    return folder


def as_jpeg(picture: Picture) -> bytes:
    """The picture as a JPEG file."""
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "JPEG", quality=95)
    return file.getvalue()


def turn(path: Path, *, a: int, b: int, c: int, d: int) -> Path:
    """Give an MP4 the display matrix (a b, c d), as phones do: 12 bytes before the width in its track header."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    for place, value in ((0, a), (1, b), (3, c), (4, d)):
        struct.pack_into(">i", content, matrix + 4 * place, value << 16)
    path.write_bytes(content)
    return path


def cut(path: Path, *, keep: float) -> Path:
    """Keep the first part of a file only."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def pieces(path: Path) -> list[tuple[int, int]]:
    """(position, size) in bytes of every coded frame, in the order of the file."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


def spoil(path: Path, *, piece: int) -> Path:
    """Overwrite one coded frame with zeros."""
    position, size = pieces(path)[piece]
    content = bytearray(path.read_bytes())
    content[position : position + size] = bytes(size)
    path.write_bytes(content)
    return path


def join(path: Path, parts: Sequence[Path]) -> Path:
    """One file after the other, which elementary and transport streams allow."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def write_sound(path: Path) -> Path:
    """A second of silence, without a picture."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    return path
