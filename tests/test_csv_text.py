"""No cell that this program writes is run by a spreadsheet, and every cell is read as it was."""

import csv
import doctest
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracker.csv_text
from tracker.csv_text import csv_line, guarded, read_csv_rows
from tracker.evaluation.result import Evaluation, SequenceScores, csv_text
from tracker.scores import ClipScores
from tracker.sinks.tables import ZoneRows
from tracker.zone_counts import Passage

FORMULAS = [
    "=1+1",
    "+A1",
    "-A1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "=cmd|' /C calc'!A0",
    "\uff1d1",
    "-1+1",
    "--1",
]


def test_the_examples():
    assert doctest.testmod(tracker.csv_text).failed == 0


@pytest.mark.parametrize("text", FORMULAS)
def test_what_begins_like_a_formula_begins_with_an_apostrophe(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+3", "-1.5", "1e-5", "door", "a=b", "", "'tis", "north-west", "Tür 2"])
def test_numbers_and_names_stay_as_they_are(text):
    assert guarded(text) == text


@given(st.lists(st.text(st.sampled_from("=+-@\t\r\n '\",;1.ea\uff1d"), max_size=6), min_size=2, max_size=4))
def test_every_text_is_read_as_it_was_written(texts):
    assert read_csv_rows(io.StringIO(csv_line(texts), newline="")) == [texts]
    for cell in next(csv.reader(io.StringIO(csv_line(texts), newline=""))):
        assert not cell.startswith(("=", "@", "\t", "\r", "\n"))
        assert not cell.startswith(("+", "-")) or tracker.csv_text.NUMBER.fullmatch(cell)


class Told:
    """A finder that found this."""

    def __init__(self, *found):
        self.found = found

    def __call__(self, moment):
        return self.found

    def finish(self):
        return ()


def test_the_table_of_zones_is_guarded():
    passage = Passage("crossing", "gmm", "=HYPERLINK(1)", "+out", 3, 7, 1.5)
    assert ZoneRows(Told(passage)).rows(None) == "7,1.500000,crossing,'=HYPERLINK(1),'+out,3,\n"


def test_the_table_of_scores_is_guarded():
    scores = SequenceScores("=a", "@b", "-c", ClipScores())
    row = csv_text(Evaluation((scores,))).splitlines()[1]
    assert row.startswith("sequence,'@b,'=a,'-c,1,")


def test_no_other_module_writes_or_reads_a_csv_of_text():
    package = Path(tracker.__file__).parent
    users = [path for path in package.rglob("*.py") if re.search(r"^\s*(import csv|from csv )", path.read_text(), re.M)]
    assert [path.name for path in users] == ["csv_text.py"]
