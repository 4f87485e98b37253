"""What the seams of a split run say of its health."""

import pytest

from tracker.health import warnings
from tracker.jobs.parts import seams_finding
from tracker.splitting import Seam


def seam(time_s, idf1, *, carried=4, cut=0):
    return Seam("slots", time_s, carried, cut, idf1, idf1)


@pytest.mark.parametrize(("idf1", "level"), [(0.95, "good"), (0.7, "look"), (0.3, "bad"), (None, "unknown")])
def test_parts_that_agree_little_are_worth_a_look_and_a_line(idf1, level):
    finding = seams_finding("slots", [seam(600.0, idf1), seam(1200.0, idf1)])
    assert (finding.name, finding.lane, finding.value, finding.unit, finding.level) == (
        "split_seams", "slots", idf1, "IDF1", level,
    )  # fmt: skip
    assert finding.advice.startswith(
        "The clip was watched in 3 parts: identities carried over their seams: 8, that end there: 0."
    )
    assert len(warnings([finding])) == (level == "bad")


def test_the_seams_at_which_identities_end_are_named():
    finding = seams_finding("slots", [seam(600.0, 0.9), seam(1200.0, 0.9, cut=2), seam(1800.0, 0.5)])
    assert finding.times_s == (1200.0, 1800.0)
    assert "Look at 20:00.0, 30:00.0, or run the clip without --split." in finding.advice
    many = seams_finding("slots", [seam(60.0 * k, 0.9, cut=1) for k in range(1, 10)])
    assert "5:00.0 and 4 more, or" in many.advice
