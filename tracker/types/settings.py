"""What every settings class is made of, and numbers that several of them share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

LONGEST_TEXT = 4096
"""characters in a setting that is text: the longest path that Linux opens"""
MOST_SEED = 2**32 - 1
"""what every random generator in use takes"""

Share = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(ge=1e-6, le=1)]
"""never 0: its logarithm is taken"""
Seconds = Annotated[float, Field(ge=0, le=1e6)]
Working = Annotated[int, Field(ge=16, le=16_384)] | Literal["full"]
"""width in pixels at which a lane works; full: that of the frame"""
Auto = Literal["auto"]
"""a setting that the prescan chooses by what it measured; without a prescan the usual value, which a constant beside it holds"""
AutoWorking = Annotated[int, Field(ge=16, le=16_384)] | Literal["full", "auto"]
USUAL_AREA = 0.0004
"""share of the picture: the usual smallest object"""
USUAL_GAP = 0.015
"""of the picture's height: the usual highest gap in an object that is closed"""


class Settings(BaseModel):
    """Base of every settings value: frozen, checked when made.

    Refused are an unknown key, a number that is not finite, true or false for a number, and text with a NUL or longer than
    LONGEST_TEXT. Every number has both bounds, every list a greatest length: `tests/test_bounds.py` reads the classes.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, str_max_length=LONGEST_TEXT
    )

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """What pydantic would take without a word: true for 1, and text that no file can be called."""
        parts = list(_parts(value))
        wanted = cls.model_fields[str(info.field_name)].annotation
        if any(isinstance(part, bool) for part in parts) and not _mentions(wanted, bool):
            raise ValueError("wanted a number or text, got yes or no")
        if any(isinstance(part, str) and "\0" in part for part in parts):
            raise ValueError("wanted text without NUL characters")
        return value


def _parts(value: Any) -> Iterator[Any]:
    """The plain values in nested lists."""
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _parts(inner)
    else:
        yield value


def _mentions(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_mentions(inner, kind) for inner in get_args(annotation))
