"""When identities were seen, over a clip and over weeks."""

import numpy as np
import pytest

from tracker.health.times import MOST_TIMES, Occurrences
from tracker.seen import REMEMBERED, SeenTimes


def test_first_and_last_times_and_a_count():
    seen = SeenTimes()
    for identity, time_s in ((2, 0.5), (1, 1.0), (2, 3.0), (5, 4.0)):
        seen.add(identity, time_s, time_s + 0.1)
    assert seen.identities == 3
    np.testing.assert_array_equal(seen.first_s(), [1.0, 0.5, 4.0])
    np.testing.assert_array_equal(seen.last_s(), [1.1, 3.1, 4.1])


@pytest.mark.parametrize("first", [1, 3_000_000])
def test_over_weeks_all_are_counted_and_the_latest_are_known(first):
    seen, count = SeenTimes(), 5 * REMEMBERED
    for n in range(count):
        seen.add(first + n, n)
        assert len(seen._first_s) <= 2 * REMEMBERED + 1
    assert seen.identities == count
    known = seen.first_s()
    assert REMEMBERED <= len(known) < 2 * REMEMBERED
    np.testing.assert_array_equal(known, np.arange(count - len(known), count))


def test_an_identity_from_before_all_that_is_remembered_changes_nothing():
    seen = SeenTimes()
    for n in range(3 * REMEMBERED):
        seen.add(n, n)
    before = seen.identities, len(seen.first_s())
    seen.add(5, 1e6)
    assert (seen.identities, len(seen.first_s())) == before


def test_what_happens_thousands_of_times_is_counted():
    times = Occurrences()
    for n in range(1000):
        times.add(n + 3.2)
    assert (len(times.first), times.count, times.last) == (MOST_TIMES, 1000, 1002.2)
    assert str(times) == "at 0:03.2 and 999 more times"
