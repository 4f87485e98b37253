"""The findings that a user should hear of without opening the page: one line each."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.types import Finding

OF_THE_CLIP = ("scene_lost", "light_switched", "camera_moved", "camera_shakes")
"""findings that are said if there is anything in them to look at"""
MANY = 60.0
"""identities a minute from which it is said that most do not last"""


def warnings(findings: Sequence[Finding]) -> tuple[str, ...]:
    """A line for each finding that is worth one, as `slots: ...` where it concerns a lane."""
    short = {finding.lane for finding in findings if finding.name == "short_lives" and finding.level == "bad"}
    return tuple(
        (f"{finding.lane}: " if finding.lane else "") + finding.advice
        for finding in findings
        if _is_worth_a_line(finding, short_lives=finding.lane in short)
    )


def _is_worth_a_line(finding: Finding, *, short_lives: bool) -> bool:
    if finding.name in OF_THE_CLIP:
        return finding.level in ("look", "bad")
    if finding.name == "split_seams":
        return finding.level == "bad"
    if finding.name != "identities_per_minute" or finding.value is None:
        return False
    return finding.value == 0 or (finding.value > MANY and short_lives)
