"""Every number, text and list of the settings and of the command line is bounded, and refused where it is given."""

import importlib
import math
import pkgutil

import click
import pytest
from bounds import number_fields
from commands import call

import tracker
from tracker.background import GmmSegmenter, GmmSettings
from tracker.cli import cli
from tracker.errors import SettingsError, SourceError
from tracker.options import DURATION, FPS, GIVE_UP, SEED, START, Bytes, Limit, Period, Real, Whole
from tracker.picture import Picture
from tracker.scores.tables import read_info, read_rows
from tracker.settings import load_settings
from tracker.sources.span import LONGEST_S, Span
from tracker.types import MOST_SEED, Frame, Settings
from tracker.worlds import StreetSettings, draw_street

SMALL = StreetSettings(width=64, height=48, frames=6, objects=(2, 2), object_px=(12, 16))


def every_settings_class():
    for module in pkgutil.walk_packages(tracker.__path__, "tracker."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting, found = [Settings], {}
    while waiting:
        for made in waiting.pop().__subclasses__():
            if made.__module__.startswith("tracker."):
                found[f"{made.__module__}.{made.__qualname__}"] = made
            waiting.append(made)
    return [found[name] for name in sorted(found)]


def unbounded(schema, place=""):
    """The places in a JSON schema at which a number, a text, a list or a mapping has no end."""
    kind = schema.get("type")
    if kind in ("integer", "number") and "enum" not in schema and "const" not in schema:
        low, high = (
            schema.keys() & names for names in ({"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"})
        )
        if not (low and high):
            yield place
    if kind == "array" and "maxItems" not in schema:
        yield f"{place} (list)"
    if kind == "object" and "properties" not in schema and "maxProperties" not in schema:
        yield f"{place} (mapping)"
    for name, inner in schema.get("properties", {}).items():
        yield from unbounded(inner, f"{place}.{name}")
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in schema.get(key, ()):
            yield from unbounded(inner, place)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from unbounded(schema[key], place)


CLASSES = every_settings_class()


def test_all_settings_classes_are_found():
    names = {made.__name__ for made in CLASSES}
    assert {
        "RunSettings",
        "MixtureSettings",
        "LifeSettings",
        "StreetSettings",
        "ExperimentSettings",
        "SlotsRecipe",
    } <= names


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: f"{made.__module__}.{made.__qualname__}")
def test_every_number_list_and_mapping_has_an_end(made):
    assert list(unbounded(made.model_json_schema())) == []


def test_a_field_without_a_bound_would_be_caught():
    class Open(Settings):
        many: int = 1
        shares: tuple[float, ...] = ()

    assert list(unbounded(Open.model_json_schema())) == [".many", ".shares (list)", ".shares"]


@pytest.mark.parametrize(
    "override",
    [
        "gmm.mixture.history_s=1000000000000000000",
        "gmm.mixture.history_s=0",
        "gmm.mixture.var_threshold=1e300",
        "gmm.mixture.var_threshold=.nan",
        "gmm.speck_px=4",
        "gmm.working_width=1",
        "slots.working_width=1000000000",
        "slots.max_slots=1000000000",
        "slots.life.growth=.inf",
        "foreground.sure=[0.5, 0.2]",
        "rigid={box_px: [0, 28]}",
        "queue_frames=1e9",
        "prescan_frames=-1",
        "seed=99999999999999999999999999999999999999999",
        "seed=true",
        "events.grace_s=-.inf",
        "overlay.panels_width=1e6",
        "video.keyframe_s=1e-300",
        "linker.confirm_s=yes",
        "lanes=[" + "gmm, " * 100 + "gmm]",
        "variants={" + "x" * 100 + ": {lane: gmm}}",
    ],
)
def test_a_setting_out_of_bounds_is_refused_in_one_line(override):
    with pytest.raises(SettingsError) as caught:
        load_settings(overrides=[override])
    assert str(caught.value).startswith("--set ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["mog2", "knn"])
def test_the_baseline_lane_runs_at_both_ends_of_every_number(method):
    frames = [Frame(t, t / 25, Picture.of(image)) for t, image in enumerate(draw_street(SMALL, seed=0).images)]
    for name, *ends in number_fields(GmmSettings()):
        for end in ends:
            settings = load_settings(overrides=[f"gmm.{name}={end}", f"gmm.mixture.method={method}"]).gmm
            segmenter = GmmSegmenter(settings)
            segmenter.prepare([frame.image for frame in frames[:3]])
            for frame in frames:
                segmenter.step(frame)


@pytest.mark.parametrize(
    "line", ["frameRate=1e-300", "frameRate=nan", "frameRate=0", "seqLength=-1", "seqLength=1" + "0" * 30]
)
def test_a_data_set_whose_rate_or_length_cannot_be_is_refused(line, tmp_path):
    (tmp_path / "seqinfo.ini").write_text(f"[Sequence]\n{line}\n")
    with pytest.raises(SourceError, match="frameRate and seqLength as numbers"):
        read_info(tmp_path / "seqinfo.ini")


@pytest.mark.parametrize("row", ["1,1,1e300,0,5,5", "1e18,1,0,0,5,5", "1,1e300,0,0,5,5", "1,1,0,0,1.7e308,1.7e308"])
def test_a_table_with_numbers_beyond_all_pictures_is_refused_by_its_line(row, tmp_path):
    (tmp_path / "gt.txt").write_text(f"1,1,0,0,5,5\n{row}\n")
    with pytest.raises(SourceError, match="line 2"):
        read_rows(tmp_path / "gt.txt")


# The command line


def every_option():
    for command in cli.commands.values():
        for option in command.params:
            yield pytest.param(option, id=f"{command.name} {option.opts[-1]}")


@pytest.mark.parametrize("option", list(every_option()))
def test_every_number_of_the_command_line_is_of_a_type_with_both_bounds(option):
    assert not isinstance(option.type, type(click.INT) | type(click.FLOAT)), "click's own numbers take nan and inf"
    if isinstance(option.type, Whole | Real | Bytes):
        assert -math.inf < option.type.least < option.type.most < math.inf
    for period in (option.type, getattr(option.type, "period", None)):
        if isinstance(period, Period):
            assert -math.inf < period.least_s < period.most_s < math.inf


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90s", ("s", 90)),
        ("10m", ("s", 600)),
        ("1.5h", ("s", 5400)),
        ("1d", ("s", 86_400)),
        ("1:00:00", ("s", 3600)),
        ("500MB", ("bytes", 500_000_000)),
        ("20gb", ("bytes", 20_000_000_000)),
        ("1 TB", ("bytes", 10**12)),
    ],
)
def test_times_and_sizes_have_units(text, value):
    assert Limit(Period(1, 86_400), Bytes(1, 10**12)).convert(text, None, None) == value


NUMBERS = {
    "process clip.mp4 --start": (
        "1:60",
        "1:2",
        "60:00:00:00",
        "1:",
        ":30",
        "1:-2",
        "1:02:03s",
        "1e18",
        "nan",
        "inf",
        "-1",
        "-inf",
        "1e300",
        "",
        "x",
    ),
    "process clip.mp4 --duration": ("inf", "nan", "0", "-1", "1e18"),
    "process clip.mp4 --max-frames": ("0", "1e3", "9" * 30, "9" * 5000, "1_0", "٣"),
    "webcam 0 --timeout": ("0", "nan", "inf", "2d", "-1", "1e3", "10 m", "m", "9" * 5000),
    "webcam 0 --give-up": ("0", "nan", "400d", "1x"),
    "process frames --fps": ("1e-300", "nan", "inf", "0", "1e9"),
    "webcam 0 --record r --segment": (
        "0s",
        "-1m",
        "nan",
        "2d",
        "1e9d",
        "9" * 5000 + "d",
        "1kB",
        "10 000MB",
        "٣m",
        "",
    ),
    "webcam 0 --record r --keep": ("1s", "1e3d", "99999999d", "7", "1MBs", "7 days", "9999999TB", "infd"),
    "webcam 0 --record r --min-free": ("-1GB", "2", "7d", "9999999TB", "nanGB"),
    "webcam 0 --record r --record-events --before": ("-1s", "1h"),
    "evaluate d --iou": ("nan", "0", "1.1", "inf"),
    "evaluate d --jobs": ("0", "1000000000000"),
    "batch d -o o --jobs": ("0", "1000000000000", "x"),
    "batch d -o o --cores": ("0", "nan", "inf", "1e9"),
    "batch d -o o --memory": ("1", "1kB", "9999999TB", "nanGB"),
    "batch d -o o --gpus": ("-1", "nan", "1e3"),
    "batch d -o o --shard": ("0/2", "3/2", "1", "1/1000000", "a/b", "1/2/3"),
    "evaluate d --frames": ("1-" + "9" * 30, "5-1", "1-2-3"),
    "evaluate d --classes": ("9" * 30, "1,,2", ",".join(["1"] * 2000)),
    "webcam --serve": ("localhost:65536", "localhost:-1", ":" + "9" * 30, "x" * 300 + ":80"),
    "synth street -o x.mp4 --frames": ("1000000000000", "0", "nan"),
    "synth street -o x.mp4 --size": ("100000x100000", "0x0", "480", "9x" + "9" * 5000, "²x³"),
    "synth street -o x.mp4 --seed": (str(10**40), "-1"),
    "synth street -o x.mp4 --objects": ("1000000000", "-1"),
    "synth street -o x.mp4 --crf": ("0", "52", "nan"),
    "export x.csv --to crops --every": ("0", "2d", "nan", "-1s"),
    "export x.csv --to heatmap --cell": ("0", "5000", "1.5"),
    "export x.csv --to speed --mm-per-px": ("0", "-1", "nan", "inf", "1e9"),
    "export x.csv --to speed --ground": (
        "1,2",
        "1,2:3",
        "nan,2:3,4",
        "1,2:inf,4",
        "1e9,2:3,4",
        "1,2:3,4:5,6",
        "a,b:c,d",
        "1,2:1e7,4",
    ),
    "train x.yaml --minutes": ("nan", "inf", "0"),
    "train x.yaml --workers": ("1000000", "0"),
    "paper shapes --minutes": ("nan", "inf"),
    "paper shapes --clips": ("1000000000000", "0"),
}


@pytest.mark.parametrize(("before", "value"), [(before, value) for before in NUMBERS for value in NUMBERS[before]])
def test_a_number_out_of_bounds_is_refused_before_anything_is_opened(before, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    *command, option = before.split()
    result = call(*command, f"{option}={value}")
    assert result.exit_code == 2
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(f"Error: Invalid value for '{option}'")
    assert len(last) < 250
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("1.5h", 5400),
        ("7d", 604_800),
        (10, 10),
        (".5", 0.5),
        ("1:30", 90),
        ("01:02:03", 3723),
        ("1:02:03.5", 3723.5),
        ("100:00:00", 360_000),
    ],
)
def test_a_length_of_time_has_its_unit_or_is_in_seconds(text, seconds):
    assert (START if seconds < 1 else GIVE_UP).convert(text, None, None) == seconds


def test_the_ends_of_the_command_line_are_those_of_what_it_calls():
    assert START.most_s == DURATION.most_s == LONGEST_S
    assert SEED.most == MOST_SEED
    fps = StreetSettings.model_json_schema()["properties"]["fps"]
    assert (FPS.least, FPS.most) == (fps["minimum"], fps["maximum"])


@pytest.mark.parametrize(
    "span", [{"start_s": math.nan}, {"start_s": 1e18}, {"duration_s": math.inf}, {"duration_s": 1e18}]
)
def test_a_span_without_end_is_refused(span):
    with pytest.raises(SourceError):
        Span(**span)
