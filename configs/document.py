"""Write configs/default.yaml from the settings classes: every key, its default, and the sentence that documents it.

Run it (`make defaults`) after a setting was added or changed; a test says when it was forgotten.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import yaml

from tracker.settings import RunSettings
from tracker.types import Settings

HEAD = """\
# Every setting of a run at its default. Copy what you change into a file of your own and give it with -c;
# single ones are given with --set, for example --set gmm.working_width=480. Written by configs/document.py.
"""


def sentences(model: type[Settings]) -> dict[str, str]:
    """Field name -> the string literal under it in the class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0].body  # type: ignore[attr-defined]
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def lines(settings: Settings, indent: str = "") -> Iterator[str]:
    """The settings as YAML, a comment above each."""
    said = sentences(type(settings))
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        group = isinstance(value, Settings)
        about = inspect.getdoc(type(value)) if group else said.get(name)
        for line in textwrap.wrap(" ".join((about or "").split("\n\n")[0].split()), 110 - len(indent)):
            yield f"{indent}# {line}"
        if group:
            yield f"{indent}{name}:"
            yield from lines(value, indent + "  ")
        else:
            plain = settings.model_dump(mode="json", include={name})[name]
            text = yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("...\n").strip()
            yield f"{indent}{name}: {text}"


def document() -> str:
    """The whole file."""
    return HEAD + "\n" + "\n".join(lines(RunSettings())) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "default.yaml").write_text(document(), encoding="utf-8")
