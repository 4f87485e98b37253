"""The overlay of a file has its sound, in step with its pictures, or says why it has none."""

import av
import numpy as np
import pytest
from clips import join
from commands import call
from sounds import FPS, onsets, write_flashes

AT_S = [0.52, 1.0, 1.72]
SECONDS = 2
APART_S = 0.1
"""from a flash to its beep, at most"""
LANES = ["--lanes", "gmm", "--set", "prescan_frames=0", "-q"]


def processed(clip, *options, command="process"):
    """The overlay of a clip, and what was said on stderr."""
    out = clip.with_name(f"{clip.name}.out" + (".mp4" if command == "process" else ""))
    done = call(command, clip, "-o", out, *LANES, *options)
    assert done.exit_code == 0, done.output
    return (out if command == "process" else out / "compare.mp4"), done.stderr


def together(path):
    """The flashes of a file, each of which has its beep."""
    flashes, beeps = onsets(path)
    assert len(beeps) == len(flashes)
    assert np.abs(np.subtract(beeps, flashes)).max() < APART_S
    return flashes


def streams(path):
    with av.open(str(path)) as film:
        return [stream.codec_context.codec.canonical_name for stream in film.streams.audio]


def ends_s(path):
    """(end of the pictures, end of the sound), in seconds."""
    with av.open(str(path)) as film:
        ends = []
        for stream in (film.streams.video[0], film.streams.audio[0]):
            film.seek(0)
            packets = [packet for packet in film.demux(stream) if packet.size]
            ends.append(max(float((packet.pts + packet.duration) * packet.time_base) for packet in packets))
    return ends


def packets(path):
    with av.open(str(path)) as clip:
        return [bytes(packet) for packet in clip.demux(audio=0) if packet.size]


@pytest.mark.parametrize("command", ["process", "compare"])
def test_the_overlay_has_the_sound_to_its_end_packet_by_packet(tmp_path, command):
    clip = write_flashes(tmp_path / "clip.mp4", AT_S, seconds=SECONDS)
    film, said = processed(clip, command=command)
    assert together(film) == pytest.approx(AT_S, abs=0.02)
    source, kept = packets(clip), packets(film)
    begin = source.index(kept[0], 1)
    assert begin <= 2
    assert kept == source[begin : begin + len(kept)]
    pictures_s, sound_s = ends_s(film)
    assert sound_s == pytest.approx(pictures_s, abs=0.05)
    assert "sound" not in said


def test_both_passes_of_a_lane_that_looks_back_leave_the_sound_in_step(tmp_path):
    clip = write_flashes(tmp_path / "clip.mkv", AT_S[:1], seconds=1, codec="libopus")
    film, _ = processed(clip, "--lanes", "slots")
    assert together(film) == pytest.approx(AT_S[:1], abs=0.02)
    assert streams(film) == ["opus"]


def test_what_an_mp4_does_not_hold_becomes_aac(tmp_path):
    film, _ = processed(write_flashes(tmp_path / "clip.avi", AT_S, seconds=SECONDS, codec="pcm_s16le", video="mjpeg"))
    assert together(film) == pytest.approx(AT_S, abs=0.02)
    assert streams(film) == ["aac"]


def test_no_audio_and_clips_without_sound(tmp_path):
    clip = write_flashes(tmp_path / "clip.mp4", AT_S, seconds=1)
    assert streams(processed(clip, "--no-audio")[0]) == []
    silent = write_flashes(tmp_path / "silent.mp4", AT_S, seconds=1, codec=None)
    assert streams(processed(silent)[0]) == []


@pytest.mark.parametrize("kind", ["clip.mp4", "clip.ts"])
def test_a_part_has_the_sound_of_that_part(tmp_path, kind):
    clip = write_flashes(tmp_path / kind, [0.52, 2.0, 2.8, 3.6], seconds=4)
    film, _ = processed(clip, "--start", "1.6", "--duration", "1.6")
    assert together(film) == pytest.approx([0.4, 1.2], abs=0.02)
    pictures_s, sound_s = ends_s(film)
    assert pictures_s == pytest.approx(1.6, abs=0.05)
    assert sound_s == pytest.approx(pictures_s, abs=0.05)


def test_sound_that_lies_far_from_its_pictures_in_the_file(tmp_path):
    clip = write_flashes(tmp_path / "clip.mp4", AT_S, seconds=SECONDS, apart=True)
    with av.open(str(clip)) as file:
        places = {
            stream.type: [p.pos for p in file.demux(stream) if p.size] for stream in file.streams if not file.seek(0)
        }
    assert min(places["audio"]) > max(places["video"])
    film, _ = processed(clip, "--max-frames", "40")
    assert together(film) == pytest.approx(AT_S[:2], abs=0.02)


def test_pictures_that_begin_later_than_the_sound_and_come_unevenly(tmp_path):
    shown_s = (
        [0.6 + n / FPS for n in range(10)] + [1.0 + n / 10 for n in range(20)] + [4.0 + n / FPS for n in range(10)]
    )
    clip = write_flashes(tmp_path / "clip.mkv", [0.8, 1.6, 2.3, 4.2], seconds=4.4, shown_s=shown_s)
    film, _ = processed(clip)
    assert together(film) == pytest.approx([0.2, 1.0, 1.7, 3.6], abs=0.02)


def test_a_time_lapse_keeps_its_sound_in_step(tmp_path):
    clip = write_flashes(tmp_path / "clip.mkv", [2.0, 5.0], seconds=8, shown_s=[float(n) for n in range(8)])
    film, _ = processed(clip)
    assert together(film) == pytest.approx([2.0, 5.0], abs=0.02)


@pytest.mark.parametrize("kind", ["equal", "1 ms", "start over"])
def test_pictures_whose_times_are_not_the_files_have_no_sound_and_it_is_said(tmp_path, kind):
    path = tmp_path / "bad.mkv"
    if kind == "start over":
        part = write_flashes(tmp_path / "part.ts", AT_S, seconds=SECONDS)
        path = join(tmp_path / "bad.ts", [part, part])
    else:
        clip = write_flashes(tmp_path / "clip.mkv", AT_S, seconds=SECONDS)
        retime(clip, path, [0] * 50 if kind == "equal" else range(50))
    film, said = processed(path)
    assert streams(film) == []
    assert said.count("the sound is not recorded: the times of its pictures are not the file's") == 1


def retime(clip, path, said_ms):
    """Copy a clip, its pictures in the order of the file with these times."""
    with av.open(str(clip)) as source, av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as copy:
        tracks = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        number = 0
        for packet in source.demux():
            if not packet.size:
                continue
            if packet.stream.type == "video":
                packet.pts = packet.dts = said_ms[number]
                number += 1
            packet.stream = tracks[packet.stream_index]
            copy.mux(packet)


def test_damaged_sound_does_not_end_a_run(tmp_path):
    clip = write_flashes(tmp_path / "clip.ts", AT_S, seconds=SECONDS, codec="ac3")
    content = bytearray(clip.read_bytes())
    for at in range(len(content) // 2, len(content), 188):
        if content[at + 1] & 0x1F == 1 and content[at + 2] == 1:  # the second stream, PID 0x101
            content[at + 30 : at + 150] = bytes(120)
    clip.write_bytes(content)
    film, _ = processed(clip)
    flashes, beeps = onsets(film)
    assert flashes == pytest.approx(AT_S, abs=0.02)
    assert beeps[0] == pytest.approx(AT_S[0], abs=APART_S)
