"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tracker.words import one_line

NAME_WIDTH = 12
"""characters of the column of names"""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    found: str
    """what is there; of a problem, what is wrong, and after a semicolon its cure"""
    state: Literal["ok", "absent", "PROBLEM"] = "ok"
    """absent: not there, and nothing that every user needs; PROBLEM: the program does not work as it should"""

    def __str__(self) -> str:
        return f"{self.state:7}  {self.name:{NAME_WIDTH}}  {self.found}"


def problem(name: str, found: str) -> Check:
    """What is wrong, and after a semicolon its cure."""
    return Check(name, found, "PROBLEM")


def broken(name: str, error: BaseException) -> Check:
    """What an error makes of a check."""
    return problem(name, one_line(error))
