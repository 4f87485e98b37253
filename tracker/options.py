"""Values on the command line: every number has both bounds, and whatever is refused is said in a short line."""

from __future__ import annotations

import difflib
import math
import re
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from tracker.hooks.address import Destination, read_destination
from tracker.passwords import without_passwords
from tracker.splitting import MOST_PARTS, Split
from tracker.timing import LEAST_FPS, MOST_FPS

LONGEST_SHOWN = 60
"""characters of a refused value in an error"""

DIGITS = re.compile(r"[0-9]{1,18}")
"""a whole number; what has more digits is beyond every bound, and Python itself refuses to read 5000 of them"""

MOST_SECONDS = 1e8
"""three years, the longest time that can be asked for"""
MOST_FRAMES = 1_000_000_000
MOST_SEED = 2**32 - 1
LEAST_SIDE, MOST_SIDE = 16, 16_384
"""pixels; H.264 has no larger pictures"""
MOST_NUMBERS = 1000
MOST_GROUND_PX, MOST_GROUND_M = 65_536, 1e6
"""of a point of the ground: pixels beyond any picture, a thousand kilometres"""
NEAR = 0.4
"""of two names: how like each other they must be for one to be meant by the other, by difflib's ratio"""
MOST_PORT = 65_535
MOST_SHARDS = 100_000
HOST = r"[A-Za-z0-9.:%_-]{0,253}"
"""a name, or an address in numbers"""
UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
"""seconds in a unit of time"""


class Whole(click.ParamType):
    """A whole number from `least` to `most`."""

    name = "N"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if isinstance(value, int):
            return value
        number = int(value) if re.fullmatch(r"[+-]?[0-9]{1,18}", value) else None
        if number is None or not self.least <= number <= self.most:
            self.fail(f"{_short(value)}: wanted a whole number from {self.least} to {self.most}", param, ctx)
        return number


class Real(click.ParamType):
    """A number from `least` to `most`, or above `least` where that is open; never nan."""

    name = "N"

    def __init__(self, least: float, most: float, *, least_open: bool = False) -> None:
        self.least, self.most, self.least_open = least, most, least_open

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not self.least <= number <= self.most or (self.least_open and number == self.least):
            first = f"above {self.least:g}" if self.least_open else f"from {self.least:g}"
            self.fail(f"{_short(value)}: wanted a number {first} to {self.most:g}", param, ctx)
        return number


LENGTH = re.compile(r"([0-9]{1,9}(?:[.][0-9]{0,9})?|[.][0-9]{1,9})([smhd]?)")
"""90, 90.5, 90s, 10m, 2h, 7d"""
CLOCK = re.compile(r"(?:([0-9]{1,6}):)?([0-5]?[0-9]):([0-5]?[0-9](?:[.][0-9]{0,9})?)")
"""1:30, 1:02:03.5"""


class Period(click.ParamType):
    """A time in a video or a length of time: `1:02:03`, `1:30`, `90s`, `10m`, `2h`, `7d`; a number alone is seconds.

    From `least_s` to `most_s`, or above `least_s` where that is open.
    """

    name = "time"

    def __init__(self, least_s: float, most_s: float, *, least_open: bool = False) -> None:
        self.least_s, self.most_s, self.least_open = least_s, most_s, least_open

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if not isinstance(value, str):
            return float(value)
        seconds = _seconds(value.strip())
        if not self.least_s <= seconds <= self.most_s or (self.least_open and seconds == self.least_s):
            first = f"above {_time(self.least_s)}" if self.least_open else f"from {_time(self.least_s)}"
            ends = f"{first} to {_time(self.most_s)}"
            self.fail(f"{_short(value)}: wanted a time {ends}, such as 1:02:03, 90s, 10m, 2h or 7d", param, ctx)
        return seconds


def _seconds(text: str) -> float:
    """Seconds of a time; nan if it is none."""
    if found := LENGTH.fullmatch(text):
        return float(found[1]) * UNITS_S[found[2]]
    if (found := CLOCK.fullmatch(text)) and len(found[3].partition(".")[0]) == 2:
        return 3600 * int(found[1] or 0) + 60 * int(found[2]) + float(found[3])
    return math.nan


class TraceFile(click.ParamType):
    """The name of a trace, .json; `BESIDE` where none is given."""

    name = "file"
    BESIDE = "beside"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; without a name if the trace goes beside the other results."""
        if isinstance(value, Path) or value == self.BESIDE:
            return Path() if value == self.BESIDE else value
        path = Path(value)
        if path.suffix.lower() != ".json":
            # the word behind an option without a value is taken for it
            self.fail(
                f"{_short(value)}: wanted a name that ends in .json; without one, --profile comes last", param, ctx
            )
        return path


class ServeAddress(click.ParamType):
    """`0.0.0.0:8765`: where a page is served; `USUAL` where none is given."""

    name = "address"
    USUAL = "usual"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int | None]:
        """(host, port); None for the usual port or the next free one."""
        if value == self.USUAL or not isinstance(value, str):
            return ("127.0.0.1", None) if value == self.USUAL else value
        host, colon, port = value.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not (colon and DIGITS.fullmatch(port) and int(port) <= MOST_PORT and re.fullmatch(HOST, bare)):
            # the word behind an option without a value is taken for it
            self.fail(
                f"{_short(value)}: wanted HOST:PORT, for example 127.0.0.1:8765; without one, --serve comes last",
                param,
                ctx,
            )
        return bare or "127.0.0.1", int(port)


class FileName(click.ParamType):
    """A text that a shell completes as a path: an address or a name may stand there too."""

    name = "file"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Whatever the shell finds."""
        return [CompletionItem(incomplete, type="file")]


class LaneList(click.ParamType):
    """`gmm,slots`: one or more lanes, by comma."""

    name = "lanes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names, each once, in the order given; whether there are such lanes the settings know."""
        names = tuple(dict.fromkeys(part.strip() for part in value.split(","))) if isinstance(value, str) else value
        if not all(re.fullmatch("[A-Za-z0-9_-]+", name) for name in names):
            self.fail(f"{_short(value)}: wanted names with commas between them, for example gmm,slots", param, ctx)
        return names


class EventsTo(click.ParamType):
    """A place to which events go; see `read_destination`."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Destination:
        """The place; what is refused is refused without its password."""
        if isinstance(value, Destination):
            return value
        try:
            return read_destination(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SizeParam(click.ParamType):
    """`480x360`: width and height in pixels."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(width, height)."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        width, cross, height = value.partition("x")
        if not (cross and DIGITS.fullmatch(width) and DIGITS.fullmatch(height)):
            self.fail(f"{_short(value)}: wanted WIDTHxHEIGHT, for example 480x360", param, ctx)
        size = int(width), int(height)
        if not all(LEAST_SIDE <= side <= MOST_SIDE for side in size):
            self.fail(f"{_short(value)}: wanted sides from {LEAST_SIDE} to {MOST_SIDE} pixels", param, ctx)
        return size


class NumbersParam(click.ParamType):
    """`2,7,8,12`: whole numbers, by comma."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers in the order given."""
        if not isinstance(value, str):
            return tuple(value)
        parts = [part.strip() for part in value.split(",")]
        if not all(DIGITS.fullmatch(part) for part in parts):
            self.fail(
                f"{_short(value)}: wanted whole numbers with commas between them, for example 2,7,8,12", param, ctx
            )
        if len(parts) > MOST_NUMBERS:
            self.fail(f"{_short(value)}: wanted at most {MOST_NUMBERS} numbers", param, ctx)
        return tuple(map(int, parts))


class NumberRange(click.ParamType):
    """`1-400`: the first and the last of a range."""

    name = "A-B"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(first, last), both included."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        first, dash, last = value.partition("-")
        if not (dash and DIGITS.fullmatch(first) and DIGITS.fullmatch(last) and int(first) <= int(last) <= MOST_FRAMES):
            self.fail(f"{_short(value)}: wanted FIRST-LAST, for example 1-400", param, ctx)
        return int(first), int(last)


class OneOf(click.ParamType):
    """One of some names; another is refused with the one that is most like it."""

    name = "name"

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name."""
        if value not in self.names:
            near = difflib.get_close_matches(str(value).lower(), self.names, n=1, cutoff=NEAR)
            advice = f"did you mean {near[0]}?" if near else f"wanted one of {', '.join(self.names)}"
            self.fail(f"{_short(value)}: {advice}", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin so."""
        return [CompletionItem(name) for name in self.names if name.startswith(incomplete)]


class GroundPoint(click.ParamType):
    """`412,305:0,12.5`: a point of the picture in pixels, and where it lies on the ground in metres."""

    name = "X,Y:EAST,NORTH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """((x, y), (east, north))."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        sides = [side.split(",") for side in value.split(":")]
        try:
            (x, y), (east, north) = (tuple(map(float, side)) for side in sides)
        except ValueError:
            self.fail(
                f"{_short(value)}: wanted X,Y:EAST,NORTH in pixels and metres, such as 412,305:0,12.5", param, ctx
            )
        if not (all(abs(n) <= MOST_GROUND_PX for n in (x, y)) and all(abs(n) <= MOST_GROUND_M for n in (east, north))):
            ends = f"pixels within {MOST_GROUND_PX:g} and metres within {MOST_GROUND_M:g} of 0"
            self.fail(f"{_short(value)}: wanted {ends}", param, ctx)
        return (x, y), (east, north)


SIZE_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
SIZE = re.compile(r"([0-9]{1,9}(?:[.][0-9]{1,6})?) ?([kMGT]B)", re.IGNORECASE)


class Bytes(click.ParamType):
    """A size with its unit: `500MB`, `20GB`; a GB is 10^9 bytes."""

    name = "size"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        if isinstance(value, int):
            return value
        found = SIZE.fullmatch(value)
        by_name = {name.lower(): size for name, size in SIZE_UNITS.items()}
        size = round(float(found[1]) * by_name[found[2].lower()]) if found else -1
        if not self.least <= size <= self.most:
            ends = f"from {_size(self.least)} to {_size(self.most)}"
            self.fail(f"{_short(value)}: wanted a size {ends}, such as 500MB or 20GB", param, ctx)
        return size


class Limit(click.ParamType):
    """A time or a size: `7d`, `20GB`."""

    name = "time or size"

    def __init__(self, period: Period, size: Bytes) -> None:
        self.period, self.size = period, size

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """("s", seconds) or ("bytes", bytes)."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        if not re.search("[A-Za-z:]", value):  # a number alone could be either
            self.fail(f"{_short(value)}: wanted a time or a size with its unit, such as 7d or 20GB", param, ctx)
        if value.lower().endswith("b"):
            return "bytes", self.size.convert(value, param, ctx)
        return "s", self.period.convert(value, param, ctx)


class SplitBy(click.ParamType):
    """Parts of a file: `4` parts, or parts of `10m`, `600s`, `1:30`."""

    name = "number or time"

    def __init__(self, parts: Whole, period: Period) -> None:
        self.parts, self.period = parts, period

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Split:
        """How the file is split."""
        if isinstance(value, Split):
            return value
        if re.search("[A-Za-z:]", value):
            return Split(self.period.convert(value, param, ctx), "s")
        return Split(self.parts.convert(value, param, ctx), "parts")


class OutputPath(click.Path):
    """Where results go; an address is refused, since its password would become the name of a folder."""

    name = "path"

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            self.fail("an empty path; a variable without a value?", param, ctx)
        if isinstance(value, str) and re.match("[A-Za-z][A-Za-z0-9+.-]+:/", value):
            self.fail(f"{without_passwords(value)} is an address; results are written to files", param, ctx)
        return super().convert(value, param, ctx)


class OutputFolder(OutputPath):
    """Where the results of many clips go: a folder, or an address of a store (s3://, gs://, memory://, file://)."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path or address."""
        if isinstance(value, str) and re.match("(s3|gs|abfs|az|memory|file)://.", value):
            return value
        return str(super().convert(value, param, ctx))


class ShardOf(click.ParamType):
    """`2/8`: the second of eight."""

    name = "K/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(number from 1, of how many)."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        number, slash, of = value.partition("/")
        if not (
            slash and DIGITS.fullmatch(number) and DIGITS.fullmatch(of) and 1 <= int(number) <= int(of) <= MOST_SHARDS
        ):
            self.fail(f"{_short(value)}: wanted K/N, for example 2/8, with at most {MOST_SHARDS} shards", param, ctx)
        return int(number), int(of)


def _size(size: float) -> str:
    unit = max((name for name in SIZE_UNITS if size >= SIZE_UNITS[name]), key=SIZE_UNITS.__getitem__, default="MB")
    return f"{size / SIZE_UNITS[unit]:g}{unit}"


def _time(seconds: float) -> str:
    unit = max((name for name in UNITS_S if seconds >= UNITS_S[name]), key=UNITS_S.__getitem__, default="s")
    return f"{seconds / UNITS_S[unit]:g}{unit or 's'}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


OUTPUT = OutputPath()
FPS = Real(LEAST_FPS, MOST_FPS)
START = Period(0, MOST_SECONDS)
DURATION = Period(0, MOST_SECONDS, least_open=True)
MINUTES = Real(0, 1e6, least_open=True)
IOU = Real(0, 1, least_open=True)
FRAMES = Whole(1, MOST_FRAMES)
SEED = Whole(0, MOST_SEED)
PROCESSES = Whole(1, 256)
SPLIT = SplitBy(Whole(2, MOST_PARTS), Period(10, MOST_SECONDS))
BATCH_JOBS = Whole(1, 100_000)
"""clips at a time, over all machines"""
PACK = Whole(1, 64)
"""clips in one process"""
CORES = Real(0.1, 1024)
MEMORY = Bytes(10**6, 10**14)
GPUS = Real(0, 64)
CLIPS = Whole(1, 1_000_000)
OBJECTS = Whole(0, 1000)
CRF = Whole(1, 51)
SEGMENT = Limit(Period(1, 86_400), Bytes(10**6, 10**12))
"""a second to a day; 1 MB to 1 TB"""
KEEP = Limit(Period(60, MOST_SECONDS), Bytes(10**6, 10**15))
FLOOR = Bytes(0, 10**15)
"""of the room that is left on a disk"""
AROUND = Period(0, 600)
"""before and after an event; what comes before is held in memory"""
EVERY = Period(0.01, 86_400)
CELL = Whole(1, 4096)
"""pixels"""
MM_PER_PX = Real(0, 1e6, least_open=True)
"""up to a kilometre in a pixel"""
TIMEOUT = Period(0.1, 3600)
CHECKPOINT = Period(1, 86400)
GIVE_UP = Period(1, 365 * 86400)
