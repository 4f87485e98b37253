"""Inputs for the command: sound samples of every kind, and damage to them that a seed repeats."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import torch
from bounds import number_fields
from clips import draw, write_pictures, write_video
from made_run import write_run
from PIL import Image
from runner import OUTPUT
from sounds import write_flashes

from tracker.exports.command import FORMS
from tracker.foreground.net import ForegroundNet
from tracker.foreground.settings import ForegroundNetSettings
from tracker.foreground.weights import save_foreground
from tracker.settings import RunSettings, known_keys
from tracker.slots.cell import WindowCell
from tracker.slots.settings import CellSettings, NetworkSettings
from tracker.slots.weights import save_network

FRAMES = 12
KEYS = list(known_keys())
ENDS = [f"{name}={end}" for name, *ends in number_fields(RunSettings()) for end in ends]
CELLS = ("0", "-1", "-7", "0.5", "2", "4", "16", "1e5", "1e9", "1000000000", "1e15", str(2**53), "1e300", "nan", "")
TABLE = "".join(f"{t + 1},{n},{4 * t + 9 * n},{10 + n},12,20,1,1,1\n" for t in range(FRAMES) for n in (1, 2))
BASE = ("--set", "prescan_frames=4", "-q")
NUMBERS = ("0", "-1", "1e300", "nan", "inf", "9" * 40, "1e-300", "", "x", "1,2", "0x10", "٣", "1e5", "16", "3")

VIDEOS: dict[str, Callable[[Path], object]] = {
    "mp4": lambda path: write_video(path, draw(FRAMES)),
    "mov": lambda path: write_video(path, draw(FRAMES), movflags="frag_keyframe+empty_moov"),
    "mkv": lambda path: write_video(path, draw(FRAMES)),
    "avi": lambda path: write_video(path, draw(FRAMES), codec="mpeg4"),
    "ts": lambda path: write_video(path, draw(FRAMES)),
    "gif": lambda path: _animation(path),
    "webp": lambda path: _animation(path),
    "png": lambda path: _animation(path),
    "tiff": lambda path: _animation(path),
    "bmp": lambda path: Image.fromarray(draw(1)[0]).save(path),
    "jpg": lambda path: Image.fromarray(draw(1)[0]).save(path),
}
"""by suffix"""
KINDS = (
    *VIDEOS,
    "heard",
    "folder",
    "times",
    "yaml",
    "ends",
    "safetensors",
    "ground",
    "txt",
    "truth",
    "export",
    "arguments",
)
HEARD = {"mp4": "aac", "mkv": "libopus", "ts": "ac3", "avi": "pcm_s16le", "mov": "alac"}
"""clips with a sound track: its codec by suffix"""


def _animation(path: Path) -> None:
    first, *rest = [Image.fromarray(picture) for picture in draw(4)]
    first.save(path, save_all=True, append_images=rest)


def make_samples(folder: Path) -> None:
    """Write the sound files that cases are made from."""
    torch.manual_seed(0)
    for suffix, write in VIDEOS.items():
        write(folder / f"sample.{suffix}")
    for suffix, codec in HEARD.items():
        video = "mjpeg" if suffix == "avi" else "libx264"
        write_flashes(folder / f"heard.{suffix}", [0.2], seconds=0.5, codec=codec, video=video)
    write_run(folder / "run")
    (folder / "sample.txt").write_text(TABLE)
    (folder / "sample.yaml").write_text(
        "lanes: [gmm]\nseed: 3\ngmm: {mixture: {history_s: 8, shadows: yes}, min_area: 0.001, speck_px: 3}\n"
        "variants: {wide: {lane: gmm, changes: [gmm.working_width=32]}}\nlinker:\n  max_gap_s: &g 0.5\nevents: {grace_s: *g}\n"
    )
    cell = NetworkSettings(cell=CellSettings(grid_px=8, features=8, hidden=3, motion=6))
    save_network(WindowCell(cell.cell), cell, folder / "sample.safetensors", trained_steps=1)
    ground = ForegroundNetSettings(features=(4, 6, 8))
    save_foreground(ForegroundNet(ground), ground, folder / "sample.ground", trained_steps=1)


def damage(content: bytes, rng: random.Random) -> bytes:
    """The content with bytes changed, left out, doubled, swapped for extreme numbers, or cut off."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        size = len(changed)
        if not size:
            break
        place = rng.randrange(min(size, rng.choice((64, 1024, size, size))))
        length = rng.choice((1, 2, 4, 8, 32, 256))
        match rng.randrange(7):
            case 0:
                changed[place] = rng.randrange(256)
            case 1:
                changed[place] ^= 1 << rng.randrange(8)
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + length]
            case 4:
                number = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFF, 0xFFFF))
                changed[place : place + 4] = struct.pack(rng.choice(("<I", ">I")), number)
            case 5:
                changed[place : place + length] = bytes(length)
            case 6:
                other = rng.randrange(size)
                changed[place : place + length] = changed[other : other + length]
    if rng.random() < 0.2:
        del changed[rng.randrange(len(changed) + 1) :]
    return bytes(changed)


def damage_text(content: str, rng: random.Random) -> str:
    """The text with numbers, words and signs exchanged for odd ones."""
    parts = list(content)
    odd = (
        *NUMBERS,
        "\n",
        "\0",
        "[",
        "{",
        "&g ",
        "*g",
        "<<: ",
        "!!python/none ",
        ": ",
        ",",
        "- ",
        "'",
        '"',
        "\t",
        "\ufeff",
        "é",
        "~",
    )
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(len(parts) + 1)
        if rng.random() < 0.5:
            parts[place : place + rng.choice((1, 1, 3, 10))] = rng.choice(odd)
        else:
            parts.insert(place, rng.choice(odd) * rng.choice((1, 1, 1, 50)))
    return "".join(parts)


def damage_cell(table: str, rng: random.Random) -> str:
    """A table of which some cells are other numbers."""
    rows = [line.split(",") for line in table.splitlines()]
    for _ in range(rng.choice((1, 1, 3, 10))):
        row = rng.choice(rows)
        row[rng.randrange(len(row))] = rng.choice(CELLS)
    return "\n".join(map(",".join, rows))


def damage_picture(content: bytes, rng: random.Random) -> bytes:
    """A PNG with damaged chunks whose check sums are right, so that a reader looks at what is in them."""
    changed, place = bytearray(content), 8
    while place + 12 <= len(changed):
        (length,) = struct.unpack_from(">I", changed, place)
        end = place + 8 + length
        if rng.random() < 0.4 and length:
            changed[place + 8 : end] = (damage(bytes(changed[place + 8 : end]), rng) + bytes(length))[:length]
        struct.pack_into(">I", changed, end, zlib.crc32(changed[place + 4 : end]))
        place = end + 4
    return bytes(changed)


def damage_weights(content: bytes, rng: random.Random) -> bytes:
    """A safetensors file with other settings or numbers, whose header has the right length."""
    (length,) = struct.unpack_from("<Q", content)
    header, numbers = content[8 : 8 + length].decode(), content[8 + length :]
    if rng.random() < 0.4:
        return content[: 8 + length] + (damage(numbers, rng) + bytes(len(numbers)))[: len(numbers)]
    if rng.random() < 0.7:
        tree = json.loads(header)
        name = next(iter(tree["__metadata__"]))
        tree["__metadata__"][name] = damage_text(tree["__metadata__"][name], rng)
        header = json.dumps(tree)
    else:
        header = damage_text(header, rng)
    return struct.pack("<Q", len(header.encode())) + header.encode() + numbers


def odd_settings(rng: random.Random) -> str:
    """Settings of which most are known and have an odd value, or one that is hardly allowed."""
    lines = {}
    for _ in range(rng.randint(1, 4)):
        *above, name = key = rng.choice(KEYS)
        value = rng.choice(
            (
                *NUMBERS,
                "1",
                "7",
                "0.5",
                "100",
                "yes",
                "null",
                "[]",
                "{}",
                "[1, 2]",
                "[0.1, 0.9]",
                "full",
                "knn",
                "[gmm]",
            )
        )
        lines[key[0]] = "".join(f"{outer}: {{" for outer in above) + f"{name}: {value}" + "}" * len(above)
    return "\n".join(lines.values()) + "\n"


def make_case(kind: str, seed: int, *, samples: Path, folder: Path) -> list[str]:
    """Write the input of a case into `folder`, and return the command's arguments."""
    rng = random.Random(f"{kind} {seed}")
    clip = samples / "sample.mp4"
    if kind in VIDEOS:
        given = folder / f"given.{kind}"
        change = damage_picture if kind == "png" and rng.random() < 0.7 else damage
        given.write_bytes(change((samples / f"sample.{kind}").read_bytes(), rng))
        return _track(given, rng)
    if kind == "heard":
        suffix = rng.choice(tuple(HEARD))
        given = folder / f"given.{suffix}"
        given.write_bytes(damage((samples / f"heard.{suffix}").read_bytes(), rng))
        return _track(given, rng)
    if kind == "export":
        return _export(samples / "run", folder / "run", rng)
    if kind == "folder":
        given = write_pictures(folder / "given", draw(5))
        for path in rng.sample(sorted(given.iterdir()), rng.randint(1, 5)):
            path.write_bytes(rng.choice((damage, damage_picture))(path.read_bytes(), rng))
        return _track(given, rng)
    if kind == "times":
        return _track(write_times(folder / f"given.{rng.choice(('mkv', 'mp4', 'avi', 'ts'))}", rng), rng)
    if kind == "yaml":
        given = folder / "given.yaml"
        text = odd_settings(rng) if rng.random() < 0.6 else damage_text((samples / "sample.yaml").read_text(), rng)
        given.write_bytes(text.encode() if rng.random() < 0.8 else damage(text.encode(), rng))
        return ["process", str(clip), "-o", OUTPUT, "-c", str(given), "--lanes", "gmm", *BASE]
    if kind == "ends":
        return ["process", str(clip), "-o", OUTPUT, *BASE, "--set", ENDS[seed % len(ENDS)]]
    if kind in ("safetensors", "ground"):
        given = folder / "given.safetensors"
        change = damage_weights if rng.random() < 0.7 else damage
        given.write_bytes(change((samples / f"sample.{kind}").read_bytes(), rng))
        key = "slots.weights" if kind == "safetensors" else "foreground.weights"
        return [
            "process",
            str(clip),
            "-o",
            OUTPUT,
            "--lanes",
            "slots",
            "--set",
            f"{key}={given}",
            "--max-frames",
            "4",
            *BASE,
        ]
    if kind in ("txt", "truth"):
        given = folder / "given.txt"
        text = rng.choice((damage_cell, damage_text))((samples / "sample.txt").read_text(), rng)
        given.write_bytes(text.encode() if rng.random() < 0.9 else damage(text.encode(), rng))
        truth, result = (given, samples / "sample.txt") if kind == "truth" else (samples / "sample.txt", given)
        if kind == "truth" and rng.random() < 0.3:
            return ["compare", str(clip), "--truth", str(given), "-o", OUTPUT, "--lanes", "gmm", *BASE]
        return ["evaluate", str(clip), "--truth", str(truth), "--results", str(result), "-q"]
    return _arguments(clip, rng)


def write_times(path: Path, rng: random.Random) -> Path:
    """A sound clip whose frames have times that no camera would give them, as far as the container can hold them."""
    step = partial(rng.choice, (0, 1, 1, 2, 40, 40, 40, 1000, 3_600_000, 10**9))
    times = [rng.choice((0, 0, 1, -40, 10**7))]
    for _ in range(FRAMES - 1):
        times.append(times[-1] + step())
    if rng.random() < 0.3:
        rng.shuffle(times)
    # what a container cannot hold: the file so far is the case
    with contextlib.suppress(OSError, ValueError, OverflowError, av.FFmpegError):
        write_video(path, draw(FRAMES), times_ms=times)
    return path


def _track(given: Path, rng: random.Random) -> list[str]:
    lanes = rng.choice(("gmm", "gmm", "gmm", "mog2,knn", "gmm,slots"))
    more = rng.choice(((), (), ("--start", "0.1"), ("--max-frames", "3"), ("--masks", "png"), ("--duration", "0.2")))
    return ["process", str(given), "-o", OUTPUT, "--lanes", lanes, *more, *BASE]


def _export(sound: Path, run: Path, rng: random.Random) -> list[str]:
    """Of a run with one of whose files something is wrong."""
    shutil.copytree(sound, run)
    given = rng.choice([path for path in sorted(run.iterdir()) if path.suffix != ".mp4"])
    text = rng.choice((damage_cell, damage_text))(given.read_text(), rng)
    given.write_bytes(text.encode() if rng.random() < 0.9 else damage(text.encode(), rng))
    form = rng.choice([form for form in FORMS if form != "parquet"])
    table = rng.choice(("out.slots.csv", "out.slots.csv", "out.slots.mot.txt"))
    more = {"speed": ["--mm-per-px", "40"], "crops": rng.choice(([], ["--every", "1s"]))}.get(form, [])
    ending = {"xlsx": "xlsx", "coco": "json", "mots": "txt", "trails": rng.choice(("svg", "png")), "heatmap": "png"}
    name = str(Path(OUTPUT).with_suffix("." + ending.get(form, "csv")))
    return ["export", str(run / table), "--to", form, "-o", name, *more, "-q"]


def _arguments(clip: Path, rng: random.Random) -> list[str]:
    number = rng.choice(NUMBERS)
    option = rng.choice(("--start", "--duration", "--max-frames", "--fps", "--lanes", "--masks", "--device"))
    key = rng.choice(
        (
            "gmm.mixture.history_s",
            "seed",
            "gmm.speck_px",
            "queue_frames",
            "lanes",
            "variants",
            "foreground",
            "gmm",
            "x.y",
        )
    )
    return rng.choice(
        (
            ["process", str(clip), "-o", OUTPUT, "--lanes", "gmm", f"{option}={number}", *BASE],
            ["process", str(clip), "-o", OUTPUT, "--lanes", "gmm", "--set", f"{key}={number}", *BASE],
            [
                "process",
                rng.choice(
                    ("", ".", "/", "-", "9999999999999999999", "no.mp4", "*", "[", "http://", "a\nb", "rtsp:/u:p@h")
                ),
                "-q",
            ],
            [
                "synth",
                "street",
                "-o",
                OUTPUT,
                "--frames",
                "3",
                f"--{rng.choice(('size', 'objects', 'seed', 'crf'))}={number}",
                "-q",
            ],
            ["evaluate", str(clip), f"--{rng.choice(('iou', 'jobs', 'frames', 'classes', 'layout'))}={number}", "-q"],
        )
    )
