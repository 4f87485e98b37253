"""The sound of live sources in recordings: all of it, with its pictures, whatever happens to the frames."""

import contextlib
import time
from dataclasses import replace
from types import SimpleNamespace

import av
import numpy as np
import pytest
from commands import call
from sounds import FPS, onsets, write_flashes
from streams import BEEP_EVERY, LoopbackCamera, number_of

from tracker.sinks import OverlayVideo, Recorder, RecordPlan, VideoSettings
from tracker.sinks.outputs import Output
from tracker.sound import MOST_BYTES, Sound, SoundFormat, SoundPacket, carried, newest
from tracker.sources import Patience, Watching, open_live, open_source, read_ahead
from tracker.sources.sound import COPIED, SoundTap
from tracker.types import Box, Moment, Segmentation, Track, View

AT_S = [0.52, 1.48, 2.6, 3.32]
SECONDS = 4
APART_S = 0.1
"""from a flash to its beep, at most"""
KINDS = {
    "aac.mp4": ("aac", 48000, "libx264"),
    "aac.ts": ("aac", 44100, "libx264"),
    "mp3.mkv": ("libmp3lame", 44100, "libx264"),
    "opus.mkv": ("libopus", 48000, "libx264"),
    "alac.mov": ("alac", 44100, "libx264"),
    "flac.mkv": ("flac", 48000, "libx264"),
    "ac3.ts": ("ac3", 48000, "libx264"),
    "alaw.avi": ("pcm_alaw", 8000, "mjpeg"),
    "mulaw.avi": ("pcm_mulaw", 8000, "mjpeg"),
    "pcm.avi": ("pcm_s16le", 22050, "mjpeg"),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A clip of each kind, made once."""
    folder = tmp_path_factory.mktemp("sounds")
    made = {}

    def clip(kind, **how):
        codec, rate, video = KINDS.get(kind, (None, 0, "libx264"))
        key = kind, str(how)
        if key not in made:
            path = folder / f"{len(made)}{kind}"
            made[key] = write_flashes(
                path, AT_S, **{"seconds": SECONDS, "codec": codec, "rate": rate, "video": video, **how}
            )
        return made[key]

    return clip


def frames_of(path, **part):
    with contextlib.closing(open_source(str(path), sound=True, **part)) as source:
        yield from source


def moment(frame, *, moves=True):
    labels = np.zeros((48, 64), np.int32)
    x = 2 + frame.index % 20 * 2 * moves
    tracks = (Track(1, Box(x, 3, x + 10, 12), 0.9, 0),) if moves else ()
    return Moment(frame, (View("gmm", Segmentation(labels, (), labels > 0), tracks),))


def recorded(folder, frames, *, moves=lambda frame: True, said=None, **plan):
    """The segments that these frames make, by their names."""
    notify = (lambda line: None) if said is None else said.append
    began = time.time()
    recorder = Recorder(
        RecordPlan(folder, min_free_bytes=0, **plan), tables={}, render=lambda moment: moment.frame.image, fps=FPS,
        settings=VideoSettings(), about={"settings": {}, "versions": {}}, notify=notify,
        now=lambda: began,
    )  # fmt: skip
    recorder.claim()
    for frame in frames:
        recorder.write(moment(frame, moves=moves(frame)))
    recorder.close("complete")
    return sorted(folder.glob("*.mp4"), key=lambda path: (len(path.stem), path.stem))


def together(path):
    """The flashes of a file, each of which has its beep."""
    flashes, beeps = onsets(path)
    assert len(beeps) == len(flashes)
    assert np.abs(np.subtract(beeps, flashes)).max(initial=0) < APART_S
    return flashes


def sound_of(path):
    with av.open(str(path)) as clip:
        return [stream.codec_context.codec.canonical_name for stream in clip.streams.audio]


@pytest.mark.parametrize("kind", KINDS)
def test_beeps_stay_with_their_flashes_over_segments_and_in_one_file(clips, tmp_path, kind):
    found = recorded(tmp_path / "rec", frames_of(clips(kind)), segment_s=1.0)
    assert len(found) == 4
    begins = np.cumsum([0, *map(length_s, found[:-1])])
    at = [begin + flash for begin, path in zip(begins, found, strict=True) for flash in together(path)]
    assert at == pytest.approx(AT_S, abs=0.02)
    wanted = kind.split(".")[0]
    wanted = wanted if wanted in COPIED else "aac"
    assert {name for path in found for name in sound_of(path)} == {wanted}
    whole = one_file(tmp_path / "one.mp4", frames_of(clips(kind)))
    assert together(whole) == pytest.approx(AT_S, abs=0.02)
    assert sound_of(whole) == [wanted]


def length_s(path):
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        return float(stream.duration * stream.time_base)


def one_file(path, frames, said=None):
    notify = (lambda line: None) if said is None else said.append
    output = Output(path, path)
    video = OverlayVideo(
        output, render=lambda moment: moment.frame.image, fps=FPS, settings=VideoSettings(), notify=notify
    )
    for frame in frames:
        video.write(moment(frame))
    video.close("complete")
    return path


def test_copied_packets_are_those_of_the_source_to_the_bit(clips, tmp_path):
    def packets(path):
        with av.open(str(path)) as clip:
            return [bytes(packet) for packet in clip.demux(audio=0) if packet.size]

    found = recorded(tmp_path, frames_of(clips("aac.mp4")), segment_s=1.0)
    source = packets(clips("aac.mp4"))
    joined = [packet for path in found for packet in packets(path)]
    first = source.index(joined[0], 1)  # the first is before the first picture
    assert joined == source[first : first + len(joined)]
    assert first + len(joined) >= len(source) - 30  # what comes behind the last picture is not asked for


def test_an_event_has_the_sound_of_the_seconds_before_it(clips, tmp_path):
    found = recorded(
        tmp_path, frames_of(clips("aac.mp4")), moves=lambda frame: 2.7 <= frame.time_s <= 2.9,
        events=True, before_s=0.9, after_s=0.3,
    )  # fmt: skip
    assert len(found) == 1
    first, second = together(found[0])
    assert second - first == pytest.approx(AT_S[2] - AT_S[1], abs=0.02)
    assert 0.9 <= second + 0.1 <= 2.0  # so long before the event it begins


@pytest.mark.parametrize("kind", ["aac.ts", "alaw.avi"])
def test_no_sound_is_lost_with_frames_that_are_dropped(clips, kind):
    def heard(frames):
        return [packet.data for frame in frames for packet in frame.sound.packets]

    whole = heard(frames_of(clips(kind)))
    with open_live(str(clips(kind)), Watching(sound=True), duration_s=1.0) as source, read_ahead(source) as ahead:
        slow = []
        for frame in ahead:
            slow.append(frame)
            time.sleep(0.2)
    assert ahead.dropped > 10
    assert len(slow) < 12
    some = heard(slow)
    assert some == whole[: len(some)]
    assert len(some) > 0.15 * len(whole)
    # told from another frame, it is at the same time
    starts = [frame.time_s + packet.after_s for frame in slow for packet in frame.sound.packets]
    assert np.diff(starts) == pytest.approx(np.median(np.diff(starts)), abs=0.005)


def test_sound_that_nobody_takes_is_bounded():
    form = SoundFormat("pcm_s16le", 48000, 2)
    later = Sound(form, (SoundPacket(bytes(1000), 0.0, 0.02),))
    left = Sound(form, tuple(SoundPacket(bytes(4000), 0.02 * n, 0.02) for n in range(5000)))
    kept = carried(later, left, 100.0)
    assert sum(len(packet.data) for packet in kept.packets) <= MOST_BYTES
    assert kept.packets[-1] is later.packets[0]
    assert kept.packets[-1].after_s - kept.packets[0].after_s <= 10.0
    assert newest(()) == ()


def test_without_sound_or_with_no_audio_it_is_a_film_without_sound(clips, tmp_path):
    assert [frame.sound for frame in frames_of(clips("silent.mp4", codec=None))] == [None] * SECONDS * FPS
    found = recorded(tmp_path / "a", frames_of(clips("silent.mp4", codec=None)))
    assert [sound_of(path) for path in found] == [[]]
    clip = str(clips("aac.mp4"))
    for option, wanted in (([], ["aac"]), (["--no-audio"], [])):
        out = tmp_path / f"out{len(option)}.mp4"
        asked = ["webcam", clip, "--no-show", "--lanes", "gmm", "--duration", "0.6", "--record", out, "-q", *option]
        assert call(*asked).exit_code == 0
        assert sound_of(out) == wanted


def test_what_is_not_recorded_is_not_read(clips):
    with open_live(str(clips("aac.mp4")), Watching(), duration_s=0.2) as source:
        assert {frame.sound for frame in source} == {None}


def test_a_sound_that_stops_holds_nothing_up(clips, tmp_path):
    clip = clips("aac.ts", sound_until_s=1.2)
    found = recorded(tmp_path, frames_of(clip), segment_s=2.0)
    assert [round(length_s(path)) for path in found] == [2, 2]
    flashes, beeps = onsets(found[0])
    assert len(flashes) == 2
    assert len(beeps) == 1
    assert onsets(found[1])[1] == []


def shifted(frames, by_s):
    for frame in frames:
        yield replace(frame, time_s=frame.time_s + by_s, index=frame.index + round(by_s * FPS))


def test_a_stream_that_comes_back_with_another_sound_begins_another_segment(clips, tmp_path):
    def frames():
        yield from frames_of(clips("aac.mp4"))
        yield from shifted(frames_of(clips("silent.mp4", codec=None)), 6.0)
        yield from shifted(frames_of(clips("aac.mp4")), 12.0)
        yield from shifted(frames_of(clips("alaw.avi")), 18.0)

    found = recorded(tmp_path / "rec", frames())
    assert [sound_of(path) for path in found] == [["aac"], ["aac"]]
    flashes, beeps = onsets(found[0])
    assert flashes == pytest.approx([at + begin for begin in (0, 6, 12) for at in AT_S], abs=0.02)
    assert beeps == pytest.approx([at + begin for begin in (0, 12) for at in AT_S], abs=APART_S)
    assert len(together(found[1])) == 4
    said = []
    one_file(tmp_path / "one.mp4", frames(), said)
    assert said == [
        f"tracker: {tmp_path / 'one.mp4'}: the sound is not recorded: it became another one; record into a folder"
    ]
    assert onsets(tmp_path / "one.mp4")[1] == pytest.approx(beeps, abs=0.03)


def test_why_there_is_no_sound_is_said_once(clips, tmp_path):
    def frames():
        for frame in frames_of(clips("aac.mp4"), duration_s=1.0):
            yield replace(frame, sound=Sound(None, (), "its codec is not known"))

    said = []
    recorded(tmp_path / "rec", frames(), said=said)
    assert said == [f"tracker: {tmp_path / 'rec'}: the sound is not recorded: its codec is not known"]
    one_file(tmp_path / "one.mp4", frames(), said)
    assert said[1:] == [f"tracker: {tmp_path / 'one.mp4'}: the sound is not recorded: its codec is not known"]


def test_damaged_sound_ends_nothing(clips, tmp_path):
    random = np.random.default_rng(0)

    def frames():
        for frame in frames_of(clips("aac.ts")):
            packets = tuple(replace(p, data=random.bytes(len(p.data))) for p in frame.sound.packets)
            yield replace(frame, sound=replace(frame.sound, packets=packets))

    (path,) = recorded(tmp_path, frames())
    assert length_s(path) == pytest.approx(SECONDS, abs=0.1)


def test_sound_and_pictures_are_together_before_and_after_a_stream_was_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.sources.reconnect.FIRST_WAIT_S", 0.1)
    frames, gaps = [], 0
    with (
        LoopbackCamera("ts", sound=True) as camera,
        open_live(camera.address, Watching(Patience(timeout_s=5), sound=True)) as source,
    ):
        for frame in source:
            frames.append(replace(frame, index=len(frames)))
            gaps += frame.gap is not None
            if len(frames) == 40:
                camera.drop()
            if gaps and len(frames) >= 85:
                break
    assert gaps == 1
    (path,) = recorded(tmp_path, frames)
    with av.open(str(path)) as film:
        seen = [
            picture.time
            for picture in film.decode(video=0)
            if number_of(picture.to_ndarray(format="rgb24")) % BEEP_EVERY == 0
        ]
    heard = np.array(onsets(path)[1])
    assert len(seen) >= 3
    inside = [at for at in seen if 0.2 < at < frames[-1].time_s - 0.6]
    assert len(inside) >= 2
    assert max(np.abs(heard - at).min() for at in inside) < APART_S


class Decoded:
    """A packet that holds these frames."""

    size, pts, dts = 1, 0, 0

    def __init__(self, *frames):
        self.frames = frames

    def decode(self):
        return self.frames


def samples(layout, rate, count=800):
    frame = av.AudioFrame.from_ndarray(
        np.full((1, count * (2 if layout == "stereo" else 1)), 99, np.int16), "s16", layout
    )
    frame.sample_rate = rate
    return frame


def test_a_sound_that_was_announced_and_comes_later_in_changing_formats_is_decoded(clips):
    with av.open(str(clips("alaw.avi"))) as clip:
        stream = clip.streams.audio[0]
        silent = SimpleNamespace(index=1, time_base=stream.time_base, codec_context=SimpleNamespace(sample_rate=0))
        tap = SoundTap(silent)
        assert tap.take(0.0) == Sound(None)
        tap.keep(Decoded(samples("mono", 8000), samples("stereo", 16000, 1600), samples("mono", 8000)))
        sound = tap.take(0.0)
        assert sound.format == SoundFormat("pcm_s16le", 8000, 1)
        assert sum(packet.lasts_s for packet in sound.packets) == pytest.approx(0.3, abs=0.01)
        assert tap.take(1.0).packets == ()
        assert tap.take(None).problem == "the pictures have no times"


def test_a_codec_that_is_not_known_is_told():
    tap = SoundTap(SimpleNamespace(index=1, time_base=1, codec_context=None))
    tap.keep(Decoded())
    assert tap.take(0.0) == Sound(None, (), "its codec is not known")
