"""Every setting of a run, composed from the parts' own, and read from YAML files and the command line.

Precedence: defaults < file < later file < command line. What is unknown is refused, with the nearest known name.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from tracker.background import BlobSettings, GmmSettings
from tracker.draw import OverlaySettings
from tracker.errors import SettingsError
from tracker.events import EventSettings
from tracker.foreground.settings import ForegroundSettings
from tracker.recipes import find_recipe
from tracker.rigid.settings import RigidSettings
from tracker.sinks.settings import VideoSettings
from tracker.slots.settings import SlotsSettings
from tracker.tracks import LinkerSettings
from tracker.types import MOST_SEED, Auto, Settings
from tracker.yaml_text import read_yaml_file, read_yaml_value
from tracker.zones import Zones

LaneKind = Literal["gmm", "slots", "blobs", "rigid"]
LaneName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]*$", max_length=40)]
"""Lanes give their names to files."""
DeviceName = Literal["auto", "cpu", "cuda", "mps"]

S = TypeVar("S", bound=Settings)

LONGEST_SHOWN = 100
"""characters of a value in an error"""
MOST_KEYS = 16
"""parts of a dotted path"""

Key = tuple[str, ...]
"""Where a setting stands: ("gmm", "mixture", "history_s")."""


VARIED = ("gmm", "linker", "slots", "foreground", "blobs", "rigid", "device")
"""Settings that belong to a lane; the others are the whole run's."""


RENAMED = {
    "gmm.mixture.history": "history_s",
    "gmm.mixture.warm_up_frames": "warm_up_s",
    "linker.confirm_frames": "confirm_s",
    "slots.life.crowded_frames": "crowded_s",
    "slots.life.grow_frames": "grow_s",
    "slots.life.found_frames": "found_s",
    "slots.life.confirm_frames": "confirm_s",
    "slots.life.young_frames": "young_s",
    "slots.life.hidden_frames": "hidden_s",
    "slots.life.part_frames": "part_s",
    "slots.life.inside_frames": "inside_s",
    "slots.life.still_frames": "still_s",
}
"""Settings that counted frames, and their names in seconds. The old names work until the release after the next, with a warning."""
MOVED = {"slots.ground": "foreground"}
"""Groups that stood in another place, and where they stand now; taken there for as long, with a warning."""
REMOVED = {
    "slots.rigid": "a lane of its own: --lanes rigid, and its settings are rigid.*",
    "slots.ground.object_verdicts": "part of the cell's weights file (network.pixels of its recipe)",
    "slots.ground.background_verdicts": "part of the cell's weights file (network.pixels of its recipe)",
}
"""What is no setting any more, and what it is now."""
EXTENDS = "extends"
"""The key of a settings file that names the file it is laid over."""
USUAL_FPS = 25
"""frames a second that a number of frames is taken for: that of the clips on which the settings were chosen"""


class Variant(Settings):
    """A lane under a name of its own, with some settings changed."""

    lane: LaneKind
    """whose method it is"""
    changes: tuple[str, ...] = Field((), max_length=1000)
    """as --set takes them: gmm.mixture.history_s=12"""


class RunSettings(Settings):
    """All that decides a run's result, beside the source; saved with every result."""

    lanes: tuple[LaneName, ...] = Field(("gmm", "slots"), min_length=1, max_length=32)
    """methods that watch the clip, in the order in which they are shown: gmm, slots, blobs, rigid, or names of variants"""
    variants: dict[LaneName, Variant] = Field(
        {
            "mog2": Variant(lane="gmm", changes=("gmm.mixture.method=mog2",)),
            "knn": Variant(lane="gmm", changes=("gmm.mixture.method=knn",)),
        },
        max_length=1000,
    )
    """lanes with settings of their own, by name: {lane: gmm, slots, blobs or rigid, changes: [gmm.mixture.history_s=12]}"""
    device: DeviceName = "auto"
    """where networks run; auto: the processor, since no GPU was measured to be faster"""
    seed: int = Field(0, ge=0, le=MOST_SEED)
    """for whatever is drawn at random"""
    prescan_frames: int = Field(80, ge=0, le=10_000)
    """pictures spread over a file from which the background is learned before the first frame is judged; 0 = none"""
    prescan_span: Literal["whole", "part"] = "whole"
    """where they are taken: over the whole file, or over the part that is run, for a file whose scene changes"""
    steady: bool | Auto = "auto"
    """undo the movement of a camera that shakes before the lanes see a frame, in files that the prescan saw; auto: where it was measured
    to shake"""
    online: bool = False
    """lane slots decides about each frame of a file without the ones after it, as it does of a camera; false: both directions"""
    queue_frames: int = Field(8, ge=1, le=256)
    """frames decoded ahead"""
    gmm: GmmSettings = GmmSettings()
    linker: LinkerSettings = LinkerSettings()
    slots: SlotsSettings = SlotsSettings()
    foreground: ForegroundSettings | None = ForegroundSettings()
    """null: lanes slots and blobs take the mixture's verdict on each pixel as it is"""
    blobs: BlobSettings = BlobSettings()
    """of lane blobs: the foreground of lane slots, in connected blobs that the linker names"""
    rigid: RigidSettings = RigidSettings()
    events: EventSettings = EventSettings()
    zones: Zones = Zones()
    overlay: OverlaySettings = OverlaySettings()
    video: VideoSettings = VideoSettings()

    @field_validator("variants")
    @classmethod
    def _names_of_their_own(cls, variants: dict[str, Variant]) -> dict[str, Variant]:
        taken = [name for name in variants if name in get_args(LaneKind)]
        if taken:
            raise ValueError(f"{taken[0]} is a method's own name; call the variant something else")
        return variants

    def of_lane(self, name: str) -> tuple[LaneKind, RunSettings]:
        """The method behind a lane's name, and the settings with that lane's own changes made.

        Raises SettingsError if no lane has that name, or a change is not one that a lane can have.
        """
        kinds = get_args(LaneKind)
        if name in kinds:
            return name, self  # type: ignore[return-value]
        if name not in self.variants:
            raise SettingsError(f"lanes: {name}: wanted {', '.join(kinds)} or a variant: {', '.join(self.variants)}")
        variant, place = self.variants[name], f"variants.{name}"
        for change in variant.changes:
            if change.split("=")[0].split(".")[0].strip() not in VARIED:
                raise SettingsError(f"{place}: {change}: a variant changes {', '.join(VARIED)}; the rest is the run's")
        return variant.lane, read_settings(RunSettings, overrides=variant.changes, base=self, flag=f"{place}:")


def load_settings(files: Sequence[str | Path] = (), overrides: Sequence[str] = ()) -> RunSettings:
    """The settings of a run, each lane's own changes checked; see `read_settings`. files: also names of those that ship."""
    settings = read_settings(RunSettings, [find_recipe(file) for file in files], overrides)
    for name in settings.lanes:
        settings.of_lane(name)
    return settings


def read_settings(
    model: type[S],
    files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    *,
    base: S | None = None,
    flag: str = "--set",
) -> S:
    """Settings of any class.

    files       YAML files, a later one wins; keys left out keep their values. One that says `extends: FILE` is laid over that
                file, whose path is taken from the folder of the file that says it
    overrides   "path.to.key=value", the value read as YAML: `gmm.mixture.history_s=12`, `lanes=[gmm]`
    base        what they change; the defaults if None
    flag        where the overrides were given, for the words of an error

    Raises SettingsError, one line that names the file or flag, the key, and what is wanted. A setting under an old name is taken,
    with a FutureWarning that names the new one.
    """
    merged = (base or model()).model_dump()  # so that a group given in part keeps its other defaults
    origins: dict[Key, str] = {}
    for file in files:
        for path, content in read_chain(Path(file)):
            _merge(merged, _moved(content, str(path)), str(path), origins)
    for override in overrides:
        origin = f"{flag} {_cut(override)}"
        _merge(merged, _moved(_read_override(override, origin), origin), origin, origins)
    return _validated(model, merged, origins)


def settings_of(model: type[S], content: Mapping[str, Any], origin: str, *, base: S | None = None) -> S:
    """Settings of any class from plain values that came another way, laid over `base`; None: the defaults.

    Raises SettingsError, which begins with `origin`.
    """
    merged = (base or model()).model_dump()
    origins: dict[Key, str] = {}
    _merge(merged, _moved(content, origin), origin, origins)
    return _validated(model, merged, origins)


def _validated(model: type[S], merged: Mapping[str, Any], origins: Mapping[Key, str]) -> S:
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(_explain(error, model, origins)) from None


def known_keys(model: type[Settings] = RunSettings, above: Key = ()) -> Iterator[Key]:
    """Every key below a settings class, groups included."""
    for name, field in model.model_fields.items():
        key = (*above, name)
        yield key
        # a group that may be null has keys where it is not by default
        group = type(field.default) if isinstance(field.default, Settings) else field.annotation
        if isinstance(group, type) and issubclass(group, Settings):
            yield from known_keys(group, key)


def read_chain(path: Path) -> list[tuple[Path, Mapping[str, Any]]]:
    """A settings file and those it extends, the most basic first, each with what it says beside `extends`.

    Raises SettingsError for a file that cannot be read, is extended by itself, or says something else than a path there.
    """
    chain: list[tuple[Path, Mapping[str, Any]]] = []
    read: set[Path] = set()
    following: Path | None = path
    while following is not None:
        if following.resolve() in read:
            raise SettingsError(f"{chain[-1][0]}: extends {following}, which extends it in turn; leave one of them out")
        read.add(following.resolve())
        content = _read_file(following)
        chain.append((following, {key: value for key, value in content.items() if key != EXTENDS}))
        following = _extended(following, content)
    return chain[::-1]


def _extended(path: Path, content: Mapping[str, Any]) -> Path | None:
    """The file that the one at `path` extends."""
    if EXTENDS not in content:
        return None
    name = content[EXTENDS]
    if not isinstance(name, str) or not name:
        raise SettingsError(f"{path}: {EXTENDS} = {_short(name)}: wanted the path of a file, from this one's folder")
    found = path.parent / name
    if not found.exists():
        raise SettingsError(f"{path}: {EXTENDS} {name}: {found} is not there; check the path")
    return found


def _read_file(path: Path) -> Mapping[str, Any]:
    content = read_yaml_file(path)
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise SettingsError(f"{path}: wanted settings as `key: value`, got a {type(content).__name__}")
    return content


def _read_override(text: str, origin: str) -> Mapping[str, Any]:
    path, equals, value = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys) or len(keys) > MOST_KEYS:
        raise SettingsError(f"{origin}: wanted path.to.key=value, for example gmm.working_width=480")
    content = read_yaml_value(value, origin)
    for key in reversed(keys):
        content = {key: content}
    return content


def _moved(content: Mapping[str, Any], origin: str) -> Mapping[str, Any]:
    """The content with every group where it stands now. Raises SettingsError for what is no setting any more."""
    for old, now in REMOVED.items():
        *above, name = old.split(".")
        if isinstance(group := _found(content, above), Mapping) and name in group:
            raise SettingsError(f"{origin}: {old} is now {now}")
    for old, now in MOVED.items():
        *above, name = old.split(".")
        group = _found(content, above)
        if isinstance(group, Mapping) and name in group:
            warnings.warn(f"{origin}: {old} is now {now}", FutureWarning, stacklevel=3)
            rest = {key: value for key, value in group.items() if key != name}
            for key in reversed(above):
                rest = {key: rest}
            content = {**content, **rest, now: group[name]}
    return content


def _found(content: Any, keys: Sequence[str]) -> Any:
    """What stands at a dotted path of nested groups; None if nothing does."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def _merge(into: dict[str, Any], new: Mapping[str, Any], origin: str, origins: dict[Key, str], above: Key = ()) -> None:
    for name, value in new.items():
        key = (*above, str(name))
        origins[key] = origin
        if isinstance(value, Mapping):
            group = into.get(str(name))
            into[str(name)] = group = dict(group) if isinstance(group, Mapping) else {}
            _merge(group, value, origin, origins, key)
        elif (now := _renamed(key)) is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = float(value) / USUAL_FPS
            was = f"{origin}: {'.'.join(key)} is now {'.'.join(now)}, in seconds"
            warnings.warn(f"{was}; {_cut(str(value))} frames are taken for {seconds:g} s", FutureWarning, stacklevel=2)
            origins[now] = origin
            into[now[-1]] = seconds
        else:
            into[str(name)] = value


def _explain(error: ValidationError, model: type[Settings], origins: Mapping[Key, str]) -> str:
    """The first complaint as one line."""
    first = error.errors()[0]
    place = tuple(str(part) for part in first["loc"])
    key = next((place[:n] for n in range(len(place), 0, -1) if place[:n] in origins), place)
    origin, dotted = origins.get(key, "settings"), _cut(".".join(key))
    if first["type"] == "extra_forbidden" and (now := _renamed(key)) is not None:
        return f"{origin}: {dotted} is now {'.'.join(now)}, in seconds"
    if first["type"] == "extra_forbidden":
        return f"{origin}: unknown setting {dotted}; {_nearest(key, model)}"
    if first["type"] in ("model_type", "dict_type"):
        return f"{origin}: {dotted} = {_short(first['input'])}: wanted a group of settings below it"
    # settings that do not go together; which is in the text
    if isinstance(first["input"], Mapping) and first["type"] == "value_error":
        wish = _wish(first)
        named = tuple(wish.partition(":")[0].split("."))
        origin = next((origins[k] for k in ((*key, *named), named) if k in origins), origin)
        return f"{origin}: {dotted}{': ' if dotted else ''}{wish}"
    here = [e for e in error.errors() if tuple(str(part) for part in e["loc"])[: len(key)] == key]
    here = [e for e in here if e["type"] != "too_short"] or here  # what was refused in a list is missing in it too
    return f"{origin}: {dotted} = {_short(first['input'])}: {' or '.join(dict.fromkeys(map(_wish, here)))}"


def _renamed(key: Key) -> Key | None:
    """The new name of a setting that counted frames; None if there was none of that name."""
    # a training's recipe holds the same groups in another place
    now = next((now for old, now in RENAMED.items() if key[-2:] == tuple(old.split("."))[-2:]), None)
    return None if now is None else (*key[:-1], now)


def _wish(complaint: ErrorDetails) -> str:
    """What pydantic wanted, without its preamble."""
    if complaint["type"] == "string_pattern_mismatch":
        return "wanted small letters, digits, - and _"  # the one pattern there is: a lane's name
    message = complaint["msg"].removeprefix("Value error, ").split(", unable to parse")[0]
    if message.startswith("Input should be "):
        return "wanted " + message.removeprefix("Input should be ")
    return message[:1].lower() + message[1:]


def _nearest(key: Key, model: type[Settings]) -> str:
    """The known setting that was likely meant: a sibling first, then the same name elsewhere."""
    known = list(known_keys(model))
    nested = (*key[:-1], *key[-1].split("."))
    if nested != key and nested in known:
        return f"write one level in another: {': {'.join(nested)}: ...{'}' * (len(nested) - 1)}"
    siblings = {k[-1]: k for k in known if k[:-1] == key[:-1]}
    anywhere = {".".join(k): k for k in known} | {k[-1]: k for k in reversed(known)}
    for names, wanted, cutoff in ((siblings, key[-1], 0.6), (anywhere, key[-1], 0.8), (anywhere, ".".join(key), 0.8)):
        close = difflib.get_close_matches(wanted, names, n=1, cutoff=cutoff)
        if close:
            return f"did you mean {'.'.join(names[close[0]])}?"
    return f"known here: {', '.join(siblings)}" if siblings else "see configs/default.yaml"


def _short(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    """What was given, as far as a line has room for it."""
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."
