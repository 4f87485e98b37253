"""YAML as settings need it: plain values only, in bounded time and memory, whatever the text holds.

Numbers are decimal, as in YAML 1.2; what YAML 1.1 alone takes for a number or a date (1:30, 0x1F, 010, 2024-12-31) is not
converted without a word: 010 is ten and the others are text, which a setting that wants a number refuses.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tracker.errors import SettingsError

MOST_BYTES = 256 * 1024
"""of a text: configs/default.yaml has 12 kB, and PyYAML reads about 200 kB a second"""
MOST_DEPTH = 32
MOST_VALUES = 20_000
"""of a text with every alias written out"""
MOST_DIGITS = 400
"""of a number: no float has more before its point"""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's numbers, without tags, and no deeper than MOST_DEPTH."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own form)
    depth = 0
    values = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem=f"tag {event.tag}: tags are not read", problem_mark=event.start_mark)
        self.values += 1
        if self.values > MOST_VALUES:
            raise yaml.MarkedYAMLError(problem=f"more than {MOST_VALUES} values", problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"more than {MOST_DEPTH} levels deep", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _integer(loader: _Loader, node: ScalarNode) -> int:
    digits = loader.construct_scalar(node)
    if len(digits) > MOST_DIGITS:
        raise yaml.MarkedYAMLError(problem=f"a number of {len(digits)} digits", problem_mark=node.start_mark)
    return int(digits)


def _float(loader: _Loader, node: ScalarNode) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
for _tag, _pattern, _first in (
    ("bool", r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+\.?[0-9]*)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})\Z"), list(_first))


def read_yaml_file(path: Path) -> Any:
    """What a settings file holds. Raises SettingsError: one line that names the file, and the line in it where that is known."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a FIFO would be waited for
            raise SettingsError(f"{path}: not a file; wanted settings as YAML")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"{path}: cannot be read ({reason}); check the path") from None
    if len(content) > MOST_BYTES:
        raise SettingsError(f"{path}: larger than {MOST_BYTES // 1024} kB; wanted settings as YAML")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not a text file; wanted settings as YAML") from None
    try:
        return _load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise SettingsError(f"{path}{line}: not YAML: {_problem(error)}") from None


def read_yaml_value(text: str, origin: str) -> Any:
    """What was given on the command line, or in another text. Raises SettingsError, which begins with `origin`."""
    try:
        return _load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{origin}: the value is not YAML: {_problem(error)}") from None


def _load(text: str) -> Any:
    if len(text) > MOST_BYTES:
        raise yaml.YAMLError(f"longer than {MOST_BYTES // 1024} kB")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, (), {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check(node: Node, above: tuple[Node, ...], sizes: dict[Node, int]) -> int:
    """How many values a node stands for, aliases written out. Refuses recursion, key twice, and more than MOST_VALUES."""
    if any(node is outer for outer in above):
        raise yaml.MarkedYAMLError(problem="it contains itself", problem_mark=node.start_mark)
    if len(above) > MOST_DEPTH:
        raise yaml.MarkedYAMLError(problem=f"more than {MOST_DEPTH} levels deep", problem_mark=node.start_mark)
    if node not in sizes:
        if isinstance(node, MappingNode):
            _refuse_key_twice(node)
        sizes[node] = 1 + sum(_check(inner, (*above, node), sizes) for inner in _children(node))
    if sizes[node] > MOST_VALUES:
        raise yaml.MarkedYAMLError(problem=f"more than {MOST_VALUES} values", problem_mark=node.start_mark)
    return sizes[node]


def _children(node: Node) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.value
    elif isinstance(node, MappingNode):
        for pair in node.value:
            yield from pair


def _refuse_key_twice(node: MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if not _is_text_or_number(key):
            raise yaml.MarkedYAMLError(problem="a key is a list or a group", problem_mark=key.start_mark)
        if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
            raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
        seen.add(key.value)


def _is_text_or_number(node: Node) -> TypeGuard[ScalarNode]:
    return isinstance(node, ScalarNode)


def _problem(error: yaml.YAMLError) -> str:
    # PyYAML's "unexpected" is about its grammar; here the word is kept for defects
    return str(getattr(error, "problem", None) or error).splitlines()[0].replace("unexpected ", "")
