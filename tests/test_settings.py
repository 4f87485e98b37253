"""Settings: what wins over what, and what is said of a mistake."""

import os
import re
import runpy
import time
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from tracker.build import LANES as BUILT
from tracker.errors import SettingsError
from tracker.settings import LaneKind, RunSettings, known_keys, load_settings


@pytest.fixture
def file(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def complaint(*arguments, **more):
    with pytest.raises(SettingsError) as caught:
        load_settings(*arguments, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_given_means_the_defaults():
    assert load_settings() == RunSettings()


def test_a_later_file_wins_and_the_command_line_over_both(file):
    one = file("one.yaml", "gmm: {working_width: 100, speck_px: 5}\nseed: 1\nprescan_frames: 7\n")
    two = file("two.yaml", "gmm: {working_width: 200}\nseed: 2\n")
    settings = load_settings([one, two], ["seed=3"])
    assert (settings.gmm.working_width, settings.gmm.speck_px) == (200, 5)
    assert (settings.seed, settings.prescan_frames) == (3, 7)


def test_a_value_on_the_command_line_is_read_as_yaml():
    settings = load_settings(overrides=["lanes=[gmm]", "gmm.mixture.shadows=no", "gmm.working_width=full"])
    assert settings.lanes == ("gmm",)
    assert settings.gmm.mixture.shadows is False
    assert settings.gmm.working_width == "full"


def test_an_empty_file_changes_nothing(file):
    assert load_settings([file("empty.yaml", "# nothing\n")]) == RunSettings()


def test_an_unknown_key_is_refused_with_the_nearest_one(file):
    path = file("my.yaml", "gmm:\n  mixture:\n    histroy_s: 3\n")
    assert complaint([path]) == f"{path}: unknown setting gmm.mixture.histroy_s; did you mean gmm.mixture.history_s?"


def test_an_unknown_flag_names_the_flag():
    assert complaint(overrides=["prescan_frame=3"]) == (
        "--set prescan_frame=3: unknown setting prescan_frame; did you mean prescan_frames?"
    )


def test_a_known_key_in_the_wrong_place_is_found_elsewhere(file):
    dotted, unlike = file("a.yaml", "gmm.working_width: 300\n"), file("b.yaml", "zones: {foo: 1}\n")
    assert complaint([dotted]).endswith("write one level in another: gmm: {working_width: ...}")
    assert "unknown setting zones.foo; known here: " in complaint([unlike])
    assert complaint(overrides=["working_width=300"]).endswith("did you mean gmm.working_width?")


def test_the_file_that_said_it_is_named_even_when_another_was_read_later(file):
    wrong, right = file("wrong.yaml", "sed: 3\n"), file("right.yaml", "seed: 3\n")
    assert complaint([wrong, right]).startswith(f"{wrong}: unknown setting sed")


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("seed=-1", "greater than or equal to 0"),
        ("seed=three", "valid integer"),
        ("gmm=3", "wanted a group of settings below it"),
        ("gmm.working_width=wide", "valid integer or wanted 'full'"),
        ("lanes=[gmm, Yo/lo]", "wanted small letters, digits, - and _"),
        ("device=gpu", "wanted 'auto', 'cpu', 'cuda' or 'mps'"),
    ],
)
def test_a_wrong_value_names_key_value_and_what_is_wanted(override, wanted):
    key, value = override.split("=")
    line = complaint(overrides=[override])
    assert line.startswith(f"--set {override}: {key}")
    assert wanted in line
    assert value.strip("[]").split(", ")[-1] in line.removeprefix(f"--set {override}")


def test_broken_yaml_names_file_and_line(file):
    path = file("broken.yaml", "seed: 1\ngmm: [1, 2\n")
    assert re.match(rf"{re.escape(str(path))}, line [23]: not YAML: ", complaint([path]))


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n"])
def test_a_file_that_holds_no_keys_is_refused(file, text):
    assert "wanted settings as `key: value`" in complaint([file("list.yaml", text)])


def test_a_missing_file_is_named(tmp_path):
    assert complaint([tmp_path / "no.yaml"]).startswith(f"{tmp_path / 'no.yaml'}: no such file; check the path")


@pytest.mark.parametrize("text", ["seed", "=3", "gmm..history_s=3"])
def test_an_override_without_key_or_value_says_what_is_wanted(text):
    assert "wanted path.to.key=value" in complaint(overrides=[text])


def test_the_documented_defaults_are_the_defaults():
    configs = Path(__file__).parents[1] / "configs"
    document = runpy.run_path(str(configs / "document.py"))["document"]
    written = (configs / "default.yaml").read_text(encoding="utf-8")
    assert written == document(), "a setting has changed; run `make defaults`"
    assert load_settings([configs / "default.yaml"]) == RunSettings()
    keys = {line.split(":")[0].strip() for line in written.splitlines() if ":" in line and "#" not in line}
    assert keys == {key[-1] for key in known_keys()}


# YAML that is damaged, hostile or means something else than it seems to


HOSTILE = {
    "aliases that double": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopqrstuvwxyz")),
    "aliases that double by merging": "a: &a {x: 1}\n"
    + "".join(f"{b}: &{b} {{<<: [*{a}, *{a}]}}\n" for a, b in pairwise("abcdefghijklmnopqrstuvwxyz")),
    "a list in itself": "a: &a [*a]\n",
    "a group in itself": "a: &a {b: *a}\n",
    "a merge with itself": "a: &a {<<: *a}\n",
    "deep lists": "a: " + "[" * 10_000 + "]" * 10_000,
    "deep groups": "a: " + "{a: " * 10_000 + "}" * 10_000,
    "deep blocks": "".join(" " * n + "a:\n" for n in range(300)),
    "deep by aliases": "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 1000)),
    "many values": "a: [" + "1, " * 60_000 + "1]\n",
    "larger than any settings": "# " + "x" * 300_000 + "\n",
    "a number of a million digits": "seed: " + "9" * 200_000 + "\n",
    "a hexadecimal number": "seed: 0x1F\n",
    "a sexagesimal number": "seed: 1:30\n",
    "a date": "seed: 2024-12-31\n",
    "an impossible date": "seed: 2024-13-45\n",
    "an impossible time": "seed: 2001-01-01 99:99:99\n",
    "an endless number": "events: {grace_s: 1e99999}\n",
    "not a number": "events: {grace_s: .nan}\n",
    "a Python tag": "seed: !!python/object/apply:os.system ['true']\n",
    "a tag that does not fit": "gmm: {mixture: {shadows: !!bool maybe}}\n",
    "a date's tag": "seed: !!timestamp maybe\n",
    "a key twice": "seed: 1\nseed: 2\n",
    "a key that is a list": "? [1, 2]\n: 3\n",
    "two documents": "seed: 1\n---\nseed: 2\n",
    "an alias of nothing": "seed: *here\n",
    "NUL in a text": 'slots: {weights: "a\\0b"}\n',
    "NUL in the file": "seed: 1\0\n",
    "a long text": f"slots: {{weights: {'x' * 10_000}}}\n",
    "yes for a number": "seed: yes\n",
    "yes in a list of numbers": "foreground: {sure: [yes, 1]}\n",
    "nothing for a number": "seed: ~\n",
    "a number as a key": "1: 2\n",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_yaml_is_refused_in_one_short_line_and_at_once(file, what):
    path = file("hostile.yaml", HOSTILE[what])
    began = time.process_time()
    line = complaint([path])
    assert time.process_time() - began < 3
    assert line.startswith(str(path))
    assert len(line) < 500


@pytest.mark.parametrize(
    "value", ["[" * 10_000, "{a: " * 5_000, "&a [*a]", "9" * 100_000, "!!python/none x", "2024-13-45"]
)
def test_a_hostile_value_on_the_command_line_is_refused_in_one_short_line(value):
    line = complaint(overrides=[f"seed={value}"])
    assert line.startswith("--set seed=")
    assert len(line) < 500


def test_a_path_of_a_thousand_keys_is_refused():
    assert "wanted path.to.key=value" in complaint(overrides=[".".join("a" * 1000) + "=1"])


def test_a_key_without_end_is_cut_in_the_error():
    assert len(complaint(overrides=["x" * 100_000 + "=1"])) < 500


def test_numbers_are_decimal_and_a_place_may_be_named_and_used_again(file):
    plain = file("plain.yaml", "seed: 010\nevents: {grace_s: &s 1e-1, apart_s: *s}\nlinker: &l {reach: 1}\n")
    settings = load_settings([plain])
    assert settings.seed == 10
    assert (settings.events.grace_s, settings.events.apart_s, settings.linker.reach) == (0.1, 0.1, 1.0)


def test_bytes_that_are_no_text_a_folder_and_a_pipe_are_refused_without_waiting(tmp_path):
    (tmp_path / "bytes.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "not a text file" in complaint([tmp_path / "bytes.yaml"])
    for name in ("folder.yaml", "pipe.yaml"):
        assert complaint([tmp_path / name]) == f"{tmp_path / name}: not a file; wanted settings as YAML"


def test_a_variant_cannot_take_the_name_of_a_method():
    assert "a method's own name" in complaint(overrides=["variants.gmm={lane: slots}"])


# Lanes with settings of their own


def test_a_variant_is_a_lane_with_some_settings_changed_and_the_run_keeps_its_own(file):
    wide = file("wide.yaml", "variants: {wide: {lane: slots, changes: [slots.working_width=960]}}\n")
    settings = load_settings([wide], ["lanes=[knn, slots, wide]", "gmm.mixture.history_s=70"])
    kind, own = settings.of_lane("wide")
    assert (kind, own.slots.working_width, settings.slots.working_width) == ("slots", 960, "auto")
    kind, own = settings.of_lane("knn")
    assert (kind, own.gmm.mixture.method, own.gmm.mixture.history_s) == ("gmm", "knn", 70)
    assert settings.of_lane("slots") == ("slots", settings)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["lanes=[gmm, yolo]"], "lanes: yolo: wanted gmm, slots, blobs, rigid or a variant: mog2, knn"),
        (["variants.a={lane: slot}"], "variants.a.lane = 'slot': wanted 'gmm', 'slots', 'blobs' or 'rigid'"),
        (
            ["lanes=[a]", "variants.a={lane: gmm, changes: [gmm.mixture.methd=knn]}"],
            "variants.a: gmm.mixture.methd=knn",
        ),
        (["lanes=[a]", "variants.a={lane: gmm, changes: [prescan_frames=0]}"], "a variant changes gmm, linker, slots"),
        (["lanes=[a]", "variants.a={lane: gmm, changes: [gmm.speck_px]}"], "wanted path.to.key=value"),
    ],
)
def test_a_lane_that_cannot_be_is_refused_before_the_run(overrides, says):
    assert says in complaint(overrides=overrides)


def test_the_methods_behind_lanes_are_those_that_can_be_built():
    assert set(get_args(LaneKind)) == set(BUILT)
    assert set(RunSettings().lanes) <= set(BUILT)
