"""Every number, text and list of the settings and of the command line is bounded, and refused where it is given."""

import importlib
import pkgutil

import pytest

import tracker
from tracker.types import Settings

LEAVES = {"integer": "number", "number": "number", "string": "text", "array": "list"}


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
    assert {"RunSettings", "MixtureSettings", "LifeSettings", "StreetSettings", "ExperimentSettings", "Recipe"} <= names


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: f"{made.__module__}.{made.__qualname__}")
def test_every_number_list_and_mapping_has_an_end(made):
    assert list(unbounded(made.model_json_schema())) == []


def test_a_field_without_a_bound_would_be_caught():
    class Open(Settings):
        many: int = 1
        shares: tuple[float, ...] = ()

    assert list(unbounded(Open.model_json_schema())) == [".many", ".shares (list)", ".shares"]
