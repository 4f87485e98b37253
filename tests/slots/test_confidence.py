"""How sure the slots lane is of a box, and how that is fitted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tracker.slots.association import Association
from tracker.slots.confidence import (
    FITTED,
    NAMES,
    Calibration,
    ConfidenceEstimator,
    Evidence,
    Logistic,
    Term,
    confidence,
    confidences,
    measures,
)
from tracker.slots.e_step import Responsibilities
from tracker.slots.patches import Patches
from tracker.slots.slot import Geometry, Slot, SlotIdentity
from tracker.timing import REFERENCE_S
from tracker.types import Box

ROOT = Path(__file__).parents[2]
CLEAR = Evidence(
    age=80, unmeasured=0, hidden=0, share=0.9, entropy=0.4, change=0.05, border=0, foreground=0.5, agreement=0.85,
    merged=0, moved=1,
)  # fmt: skip
MEETING = replace(CLEAR, unmeasured=15, merged=1, share=0.6, entropy=0.8, agreement=0.6)
UNSEEN = replace(CLEAR, hidden=4, unmeasured=6, share=0.05, entropy=np.nan, agreement=np.nan, foreground=0.2)
NOTHING = Evidence(**dict.fromkeys(NAMES, np.nan))


@pytest.fixture
def calibration(monkeypatch):
    """The benchmark that fits the numbers."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import calibration

    return calibration


def random_evidence(count, seed=0):
    """Anything at all, also what is unknown or out of range."""
    rng = np.random.default_rng(seed)
    values = rng.choice([np.nan, 0.0, 1.0, -1.0, 0.3, 1e9], (count, len(NAMES)))
    return [Evidence(*row) for row in values.tolist()]


def test_confidence_is_a_probability_whatever_the_evidence():
    found = confidences(random_evidence(300))
    assert ((found > 0) & (found < 1)).all()


def test_a_clear_lone_object_is_surer_than_one_in_a_crowd_and_that_than_an_unseen_one():
    assert confidence(CLEAR) > 0.8
    assert confidence(CLEAR) > confidence(MEETING) > confidence(UNSEEN)


@pytest.mark.parametrize("start", [CLEAR, MEETING, UNSEEN], ids=["clear", "meeting", "unseen"])
@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("share", 1), ("foreground", 1), ("agreement", 1), ("moved", 1),
        ("entropy", -1), ("change", -1), ("unmeasured", -1), ("hidden", -1),
    ],
)  # fmt: skip
def test_what_can_only_speak_for_or_against_does(start, name, sign):
    at_least = 1 if start.hidden and name == "hidden" else 0
    reach = {"unmeasured": 200, "hidden": 30}.get(name, 1)
    if name == "hidden" and not start.hidden:
        reach = 0  # seen and hidden boxes are judged by regressions of their own
    steps = [replace(start, **{name: value}) for value in np.linspace(at_least, max(at_least, reach), 20)]
    assert (sign * np.diff(confidences(steps)) >= 0).all()


def test_unknown_evidence_counts_as_the_usual():
    usual = Logistic(0.4, {"entropy": Term(0.0, 0.6, 2.0, -1.5), "share": Term(0.0, 0.8, 1.0, 2.0)})
    table = Calibration(usual, usual)
    assert confidence(NOTHING, table) == pytest.approx(1 / (1 + np.exp(-0.4)))
    assert confidence(replace(NOTHING, entropy=0.6), table) == confidence(NOTHING, table)
    assert confidence(replace(NOTHING, entropy=0.2), table) > confidence(NOTHING, table)


def test_beyond_what_was_fitted_nothing_grows_further():
    bounded = Logistic(0.0, {"entropy": Term(0.2, 0.6, 1.0, -1.0)})
    found = confidences(
        [replace(CLEAR, entropy=value) for value in (-5.0, 0.2, 1.0, 50.0)], Calibration(bounded, bounded)
    )
    assert found[0] == found[1] == pytest.approx(1 / (1 + np.exp(-0.4)))
    assert found[2] == found[3] == pytest.approx(1 / (1 + np.exp(0.4)))


def test_many_at_once_are_judged_as_one_by_one():
    everything = [CLEAR, MEETING, UNSEEN, NOTHING, *random_evidence(40)]
    assert confidences(everything) == pytest.approx([confidence(one) for one in everything], abs=1e-12)
    assert confidences([]).shape == (0,)


def test_frames_count_by_their_logarithm_and_shares_up_to_where_they_are_full():
    row = dict(zip(NAMES, measures([replace(CLEAR, age=np.e - 1, share=3.0, foreground=0.9)])[0], strict=True))
    assert row["age"] == pytest.approx(1)
    assert (row["share"], row["foreground"], row["entropy"]) == (1, 0.5, 0.4)


def test_only_measures_that_exist_are_weighed():
    assert set(FITTED.seen.terms) | set(FITTED.hidden.terms) <= set(NAMES)
    for term in [*FITTED.seen.terms.values(), *FITTED.hidden.terms.values()]:
        assert term.low <= term.usual <= term.high


def square_slot(x, number):
    """A slot that owns the 4 x 4 pixels from (x, 2) on, foretold as a box of 4 x 4."""
    window = (slice(0, 8), slice(x - 2, x + 6))
    geometry = Geometry((4.0, 4.0), (4.0, 4.0), isolated_s=0.2)
    slot = Slot((x + 2.0, 4.0), 16.0, geometry, identity=SlotIdentity(number), age_s=0.4, moved=True)
    return window, slot, Box(x, 2, x + 4, 6)


def witnessed(witness, *, association, hidden=0):
    """One frame of 8 x 20 with an identity 7 whose slot is in the middle, and a slot without identity at the left."""
    first, second = square_slot(2, None), square_slot(10, 7)
    second[1].hidden_s = hidden * REFERENCE_S
    labels = np.zeros((8, 20), np.int32)
    labels[2:6, 2:6], labels[2:6, 10:12] = 1, 2
    foreground = np.zeros((8, 20), bool)
    foreground[2:6, 2:6] = foreground[2:6, 10:12] = True
    responsibilities = Responsibilities(
        Patches([first[0], second[0]]),
        np.zeros(128, np.float32),
        np.zeros((8, 20), np.float32),
        labels,
        np.array([16.0, 16.0]),
    )
    sure = witness.judge(
        [first[1], second[1]],
        responsibilities,
        [first[2], second[2]],
        association,
        entropy=[0.1, 0.3],
        foreground=foreground,
    )
    return sure, witness.evidence


def associated(isolated=(), merged=()):
    return Association(isolated=dict.fromkeys(isolated, Box(0, 0, 20, 8)), merged=dict.fromkeys(merged, 1))


def test_evidence_of_a_half_covered_square_is_counted_by_hand():
    sure, evidence = witnessed(ConfidenceEstimator(), association=associated(merged=(0, 1)))
    assert list(sure) == list(evidence) == [7]
    wanted = Evidence(
        age=10, unmeasured=0, hidden=0, share=0.5, entropy=0.3, change=0, border=0, foreground=0.5, agreement=0.5, merged=1,
        moved=1,
    )  # fmt: skip
    assert evidence[7] == wanted
    assert sure[7] == confidence(wanted)


def test_frames_since_it_was_isolated_are_counted_on_and_begin_anew():
    witness = ConfidenceEstimator()
    frames = [
        associated(isolated=(1,)),
        associated(merged=(1,)),
        associated(),
        associated(isolated=(1,)),
        associated(merged=(1,)),
    ]
    assert [witnessed(witness, association=frame)[1][7].unmeasured for frame in frames] == [0, 1, 2, 0, 1]
    assert witnessed(witness, association=associated(isolated=(1,)), hidden=3)[1][7].unmeasured == 2


def test_an_identity_that_is_gone_is_forgotten():
    witness = ConfidenceEstimator()
    witnessed(witness, association=associated())
    nothing = Responsibilities(
        Patches([]),
        np.zeros(0, np.float32),
        np.zeros((8, 20), np.float32),
        np.zeros((8, 20), np.int32),
        np.zeros(0, np.float32),
    )
    assert witness.judge([], nothing, [], associated(), entropy=[], foreground=np.zeros((8, 20), bool)) == {}
    assert witness.evidence == {}


def known_rows(calibration, count=6000, seed=1):
    """Rows drawn from a logistic that is known: 1 + 2 (agreement - 0.5) - 1.5 (entropy - 0.6) when seen."""
    rng = np.random.default_rng(seed)
    table = np.full((count, len(NAMES)), np.nan)
    table[:, NAMES.index("hidden")] = 0
    for name in ("agreement", "entropy", "age"):
        table[:, NAMES.index(name)] = rng.uniform(0, 1.2 if name == "entropy" else 1, count)
    score = 1 + 2 * (table[:, NAMES.index("agreement")] - 0.5) - 1.5 * (table[:, NAMES.index("entropy")] - 0.6)
    right = rng.random(count) < 1 / (1 + np.exp(-score))
    return calibration.Rows(table, right, rng.integers(0, 10, count), np.arange(count), right), 1 / (1 + np.exp(-score))


def test_fitting_finds_the_logistic_that_drew_the_rows(calibration):
    rows, true = known_rows(calibration)
    fitted = calibration.fit(rows, ("agreement", "entropy", "age"))
    assert fitted.terms["agreement"].weight == pytest.approx(2, abs=0.35)
    assert fitted.terms["entropy"].weight == pytest.approx(-1.5, abs=0.35)
    assert fitted.terms["age"].weight == pytest.approx(0, abs=0.35)
    assert np.abs(fitted(rows.measured) - true).max() < 0.06


def test_a_weight_of_the_wrong_sign_is_left_out(calibration):
    rows, _ = known_rows(calibration, count=2000)
    wrong = calibration.Rows(rows.measured, ~rows.right, rows.clip, rows.identity, rows.right)
    assert set(calibration.fit(wrong, ("agreement", "entropy", "age")).terms) <= {"age"}


def test_what_was_fitted_is_written_between_the_markers_and_reads_back_the_same(calibration, tmp_path):
    rows, _ = known_rows(calibration, count=500)
    logistic = calibration.fit(rows, ("agreement", "entropy"))
    path = tmp_path / "numbers.py"
    path.write_text(f"before = 1\n{calibration.BEGIN}old\n{calibration.END}after = 2\n")
    for _ in range(2):  # a second time it replaces the first
        calibration.write(Calibration(logistic, logistic), "nothing", path)
    space = {"Calibration": Calibration, "Logistic": Logistic, "Term": Term}
    exec(path.read_text(), space)
    assert space["FITTED"] == Calibration(logistic, logistic)
    assert (space["before"], space["after"]) == (1, 2)


def test_calibration_error_and_brier_score_are_counted_by_hand(calibration):
    """Four rows told 0.8 of which two are right, four told 0.3 of which one is."""
    sure, right = np.repeat([0.8, 0.3], 4), np.array([1, 1, 0, 0, 1, 0, 0, 0], bool)
    rows = calibration.Rows(np.zeros((8, len(NAMES))), right, np.zeros(8, np.int64), np.arange(8), right)
    bins = calibration.reliability(sure, rows)
    assert [(b.rows, b.right) for b in bins] == [(4, 0.25), (4, 0.5)]
    assert calibration.calibration_error(bins) == pytest.approx((0.05 + 0.3) / 2)
    assert calibration.brier(sure, right) == pytest.approx((2 * 0.04 + 2 * 0.64 + 0.49 + 3 * 0.09) / 8)


def test_a_row_is_right_on_the_object_its_identity_mostly_overlaps(calibration):
    hits = [(1, [5]), (1, [5, 6]), (1, [6]), (1, [5]), (2, []), (2, []), (3, [6])]
    assert calibration._right(hits) == [True, True, False, True, False, False, True]
