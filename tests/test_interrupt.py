"""Signals that ask for an end: who hears them, inside one another and beside what the caller ignores."""

import os
import signal

import pytest

from tracker.interrupt import Interrupts, end_asked

unix = pytest.mark.skipif(os.name != "posix", reason="sends SIGTERM")


@unix
@pytest.mark.parametrize("ignored", [None, signal.SIGINT, signal.SIGTERM])
def test_within_another_it_is_that_one_whatever_the_caller_ignores(ignored):
    before = None if ignored is None else signal.signal(ignored, signal.SIG_IGN)
    try:
        with Interrupts() as outer, outer.held(), Interrupts() as inner:
            assert inner is outer
            assert not end_asked()
            os.kill(os.getpid(), signal.SIGINT if ignored == signal.SIGTERM else signal.SIGTERM)
            assert outer.asked
            assert end_asked()
        assert not end_asked()
    finally:
        if ignored is not None:
            signal.signal(ignored, before)


def test_which_signal_came_is_known_once_it_is_answered():
    with Interrupts() as interrupts, interrupts.held():
        signal.raise_signal(signal.SIGTERM)
        interrupts.answered()
        assert (interrupts.asked, interrupts.came) == (False, signal.SIGTERM)
