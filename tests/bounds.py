"""The two ends of every number in a settings value."""

import math

from tracker.types import Settings


def number_fields(settings, above=""):
    """(dotted name, lowest, highest) of the plain numbers below a settings value."""
    schema = type(settings).model_json_schema()
    for name, about in schema["properties"].items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield from number_fields(value, f"{above}{name}.")
            continue
        for kind in about.get("anyOf", [about]):
            if kind.get("enum"):
                yield f"{above}{name}", kind["enum"][0], kind["enum"][-1]
            elif kind.get("type") in ("integer", "number"):
                low, high = kind.get("minimum", kind.get("exclusiveMinimum")), kind["maximum"]
                yield f"{above}{name}", low if "minimum" in kind else math.nextafter(low, high), high
