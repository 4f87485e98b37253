"""Clips with flashes and beeps at the same times, and where both are in a file."""

from fractions import Fraction

import av
import numpy as np

FPS = 25
FLASH_S = 0.08
BEEP_HZ = 1000


def write_flashes(
    path, at_s, *, seconds, codec="aac", rate=48000, fmt=None, size=(64, 48), video="libx264", sound_until_s=None,
    shown_s=None, apart=False
):  # fmt: skip
    """A dark clip that is white for FLASH_S at each of the times, and beeps there; without sound if `codec` is None.

    shown_s  times of the pictures; FPS a second
    apart    all pictures stand in the file, an MP4, before all sound: it is one fragment
    """
    tick = Fraction(1, FPS if shown_s is None else 1000)
    shown_s = [number / FPS for number in range(round(seconds * FPS))] if shown_s is None else shown_s
    with av.open(str(path), "w", format=fmt, options={"movflags": "frag_custom+empty_moov"} if apart else {}) as clip:
        pictures = clip.add_stream(video, rate=FPS, options={"g": "10"})
        pictures.width, pictures.height = size
        pictures.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
        pictures.codec_context.time_base = tick
        heard = None
        if codec is not None:
            heard = clip.add_stream(codec, rate=rate)
            heard.layout = "mono"
        given, step = 0, 0 if heard is None else heard.codec_context.frame_size or rate // 50
        for time_s in shown_s:
            light = any(0 <= time_s - at < FLASH_S - 1e-6 for at in at_s)
            picture = av.VideoFrame.from_ndarray(
                np.full((size[1], size[0], 3), 235 * light + 20 * (not light), np.uint8)
            )
            picture.pts = round(1000 * time_s)
            picture.time_base = Fraction(1, 1000)
            clip.mux(pictures.encode(picture))
            end_s = time_s + 1 / FPS if sound_until_s is None else min(sound_until_s, time_s + 1 / FPS)
            while heard is not None and given < end_s * rate:
                clip.mux(heard.encode(_beeps(given, step, rate, at_s)))
                given += step
        clip.mux(pictures.encode(None))
        if heard is not None:
            clip.mux(heard.encode(None))
    return path


def _beeps(first, count, rate, at_s):
    times = (first + np.arange(count)) / rate
    on = np.any([(times >= at) & (times < at + FLASH_S) for at in at_s], axis=0)
    values = (on * 12000 * np.sin(2 * np.pi * BEEP_HZ * times)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(values[None], format="s16", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), first
    return frame


def onsets(path):
    """(times of flashes, times of beeps) of a file, in seconds of its own time; None for beeps without a sound track."""
    flashes, last = [], 0.0
    with av.open(str(path)) as clip:
        for picture in clip.decode(video=0):
            level = picture.to_ndarray(format="gray").mean()
            if level > 128 >= last:
                flashes.append(picture.time)
            last = level
    with av.open(str(path)) as clip:
        if not clip.streams.audio:
            return flashes, None
        levels, times = [], []
        for frame in clip.decode(audio=0):
            values = np.abs(frame.to_ndarray().astype(float)).reshape(-1)
            values = values / (32768 if frame.format.name.startswith("s16") else 1)
            for at in range(0, len(values), 200):
                levels.append(values[at : at + 200].max())
                times.append(frame.time + at / frame.sample_rate / frame.layout.nb_channels)
    loud = np.array(levels) > 0.1
    beeps = []
    for time_s, on in zip(times, loud, strict=True):
        if on and (not beeps or time_s - beeps[-1][1] > 0.15):
            beeps.append([time_s, time_s])
        elif on:
            beeps[-1][1] = time_s
    return flashes, [begin for begin, _ in beeps]
