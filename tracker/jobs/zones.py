"""The zones of a run: who is reported, what each lane counts, and zones that are changed and saved while it goes on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from tracker.controls import Controls
from tracker.errors import SettingsError, SinkError
from tracker.settings import settings_of
from tracker.sinks import check_writable, encoded
from tracker.sinks.outputs import beside
from tracker.types import Moment, View
from tracker.yaml_text import read_yaml_file, read_yaml_value
from tracker.zone_counts import AreaCount, Passage, Shape, ZoneCounts
from tracker.zones import ZoneCounter, Zones, place

KEY = "zones"
"""in a settings file"""


class ZoneWatch:
    """Zones on the pictures of one run; all lanes and sinks ask the same one.

    zones  those in use
    size   (width, height) of the pictures for which pixels are given

    Raises SettingsError if a polygon or line lies outside the picture.
    """

    def __init__(self, zones: Zones, lanes: Sequence[str], size: tuple[int, int]) -> None:
        self.zones, self.size = zones, size
        self.changing = threading.RLock()
        """held by whoever makes other zones out of `asked` until they are asked for, or a change in between would be lost"""
        self._asked: Zones | None = None
        self._drawn = self._placed = place(zones, size)
        self._counters = {lane: ZoneCounter(self._drawn, lane) for lane in lanes}
        self._told = self._counted()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "changing"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.changing = threading.RLock()

    def check(self, zones: Zones) -> None:
        """Raises SettingsError if these zones cannot be used in this run; any thread may ask."""
        place(zones, self.size)

    @property
    def asked(self) -> Zones:
        """Those of the next frame."""
        return self._asked or self.zones

    def ask(self, zones: Zones, controls: Controls) -> None:
        """Have the run use other zones from the next frame on; any thread may. Raises SettingsError as `check`."""
        with self.changing:
            self.check(zones)
            controls.ask("zones", zones)
            self._asked = zones

    def use(self, zones: Zones) -> None:
        """Other zones from the next frame on; counts of names that are still there go on. Raises SettingsError as `check`."""
        self._drawn = self._placed = place(zones, self.size)
        self.zones = zones
        if self._asked is zones:
            self._asked = None
        for counter in self._counters.values():
            counter.use(self._drawn)
        self._told = self._counted()

    def step(self, moment: Moment) -> Moment:
        """Count a moment, without the tracks that are not to be reported; labels, regions and foreground stay as they are."""
        self._placed = self._placed if self._placed.size == moment.frame.size else self._drawn.at(moment.frame.size)
        if self.zones.limit:
            moment = replace(moment, views=tuple(map(self._reported, moment.views)))
        self.passages(moment)
        self._told = self._counted()
        return moment

    def _reported(self, view: View) -> View:
        return replace(view, tracks=tuple(track for track in view.tracks if self._placed.reports(track.box)))

    def passages(self, moment: Moment) -> tuple[Passage, ...]:
        """What became certain with this moment, of all lanes; every sink that asks gets the same."""
        return tuple(passage for counter in self._counters.values() for passage in counter(moment))

    def counter(self, lane: str) -> ZoneCounter:
        """The lane's counter."""
        return self._counters[lane]

    def finish(self) -> None:
        """Count what the run's end makes certain; asked again, nothing more."""
        for counter in self._counters.values():
            counter.finish()
        self._told = self._counted()

    def reset(self) -> None:
        """Nobody who was seen is seen again, and the clock may begin anew; totals go on."""
        for counter in self._counters.values():
            counter.reset()
        self._told = self._counted()

    def counts(self) -> Mapping[str, ZoneCounts]:
        """The totals by lane, up to the latest moment; any thread may ask."""
        return self._told

    def _counted(self) -> Mapping[str, ZoneCounts]:
        return {lane: counter.counts for lane, counter in self._counters.items()}

    def saved(self) -> dict[str, Any]:
        """The totals as plain values, for a run that goes on after this one; `jobs.state` saves them."""
        return {
            lane: {
                "areas": {name: asdict(count) for name, count in counts.areas.items()},
                "lines": counts.as_dict()["lines"],
            }
            for lane, counts in self.counts().items()
        }

    def restore(self, value: Any) -> None:
        """Go on from what `saved` gave. Raises TypeError or ValueError if it is none."""
        try:
            read = {lane: _read_counts(value[lane]) for lane in self._counters.keys() & value.keys()}
        except (AttributeError, KeyError) as error:
            raise TypeError(f"no totals of zones: {error}") from None
        for lane, counts in read.items():
            self._counters[lane].go_on_from(counts)
        self._told = self._counted()

    def add_to(self, summary: dict[str, Any]) -> None:
        """What each lane counted, beside its other numbers; and the zones at the end, if others than at the start."""
        self.finish()
        if self.zones.count:
            for lane, counts in self.counts().items():
                summary["lanes"][lane]["zones"] = counts.as_dict()
        if self.zones.model_dump(mode="json") != summary["settings"]["zones"]:
            summary["zones_at_end"] = self.zones.model_dump(mode="json")

    def drawn(self, moment: Moment) -> dict[str, tuple[Shape, ...]]:
        """`shapes` of every lane, by lane."""
        return {lane: self.shapes(lane, moment) for lane in self._counters}

    def shapes(self, lane: str, moment: Moment) -> tuple[Shape, ...]:
        """What is drawn over the lane's picture, with the counts up to this moment."""
        counter, placed = self._counters[lane], self._placed
        counter(moment)
        counts = counter.counts
        return (
            *(Shape("exclude", points) for points in placed.exclude),
            *(Shape("include", points) for points in placed.include),
            *(
                Shape("area", points, f"{name}  {count.inside} inside  {count.entries} in  {count.exits} out")
                for (name, points), count in zip(placed.areas.items(), counts.areas.values(), strict=True)
            ),
            *(
                Shape("line", points, "  ".join([name, *(f"{n} {way}" for way, n in ways.items())]))
                for (name, points), ways in zip(placed.lines.items(), counts.lines.values(), strict=True)
            ),
        )


def _read_counts(value: Any) -> ZoneCounts:
    """Of one lane, from plain values."""
    areas = {name: AreaCount(**count) for name, count in value["areas"].items()}
    lines = {name: {way: int(n) for way, n in ways.items()} for name, ways in value["lines"].items()}
    return ZoneCounts(areas, lines)


def read_zones(content: Mapping[str, Any], origin: str) -> Zones:
    """Zones as a page sends them, the `zones:` of a settings file. Raises SettingsError: one line that begins with `origin`."""
    return settings_of(Zones, content, origin)


def write_zones(path: Path, zones: Zones) -> None:
    """Save zones in a settings file that `-c` reads, whole or not at all; all else in that file stays, comments too.

    Raises SettingsError if what stands there is no settings file, SinkError if it cannot be written.
    """
    plain = zones.model_dump(mode="json", exclude_defaults=True)
    block = yaml.safe_dump({KEY: plain}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
    before = _settings_in(path)
    wanted = {**(before or {}), KEY: plain}
    text = block if before is None else _replaced(path.read_text(encoding="utf-8"), block)
    if _value(text) != wanted:  # the file is one value in braces, or its zones are an alias: written anew
        text = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
    _write_whole(path.resolve(), text)  # a link goes on being one


def check_zones_file(path: Path) -> None:
    """Raise now what `write_zones` would raise later of this name, as far as can be told."""
    if not path.parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.parent}; make it first")
    check_writable(path)
    _settings_in(path)


def _settings_in(path: Path) -> Mapping[str, Any] | None:
    """What stands in a settings file; None if it does not exist or is empty."""
    before = read_yaml_file(path) if path.exists() else None
    if not isinstance(before, Mapping | None):
        raise SettingsError(f"{path}: wanted settings as `key: value`, got a {type(before).__name__}")
    return before


def _replaced(text: str, block: str) -> str:
    """A settings file's text with another `zones:`, or with one at its end."""
    node = yaml.compose(text, yaml.SafeLoader)
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == KEY:
            end = _end(value)
            return text[: key.start_mark.index] + block + text[end:].removeprefix("\n")
    return text + ("" if text.endswith("\n") else "\n") + block


def _end(node: yaml.Node) -> int:
    """Where the text of a value ends. The mark of a block stands at what follows, behind comments that are not its own."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, yaml.MappingNode) else last)
    return int(node.end_mark.index)


def _write_whole(path: Path, text: str) -> None:
    """Replace a file that this program need not have written; its permissions stay."""
    with beside(path) as part:
        part.write_bytes(encoded(text))
        if path.exists():
            shutil.copymode(path, part)


def _value(text: str) -> Any:
    try:
        return read_yaml_value(text, KEY)
    except SettingsError:
        return None
