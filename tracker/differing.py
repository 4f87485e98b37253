"""What differs between two plain values, such as settings as JSON has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def differing(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """Names of what differs, sorted; one inside the other by dots. name: of the whole.

    >>> list(differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}))
    ['a.c']
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted(before.keys() | now.keys()):
            yield from differing(before.get(key), now.get(key), f"{name}.{key}" if name else str(key))
    elif before != now:
        yield name
