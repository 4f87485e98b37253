"""Objects of a run to bytes and back: shared ones once, nothing of the process, and nothing foreign."""

import os
import pickle
import subprocess
from collections import deque

import numpy as np
import pytest

from tracker.checkpoint.values import from_bytes, to_bytes
from tracker.errors import SinkError
from tracker.seen import SeenTimes
from tracker.sources import cameras
from tracker.types import Moment


class Runs:
    """What a damaged or foreign pickle could do."""

    def __reduce__(self):
        return os.system, ("true",)


def borrowed():
    """A pickle that calls what a module of this package has imported from elsewhere."""
    return b"\x80\x04\x8c\x17tracker.sources.cameras\x8c\x10subprocess.Popen\x93\x8c\x04true\x85R."


class OfATest:
    """A class that is not of the package."""


def test_what_is_shared_is_shared_again():
    seen = SeenTimes()
    seen.add(3, 1.0)
    first, second, rows = from_bytes(to_bytes([seen, seen, deque([np.arange(3)])], {}), {})
    assert first is second
    assert first.identities == 1
    assert rows[0].tolist() == [0, 1, 2]


def test_what_belongs_to_the_process_is_named_and_found_again():
    before, after = OfATest(), OfATest()
    data = to_bytes({"network": before}, {"the network": before})
    assert from_bytes(data, {"the network": after})["network"] is after


def test_methods_of_this_package_are_found_again_and_no_others():
    seen = SeenTimes()
    seen.add(3, 1.0)
    add, again = from_bytes(to_bytes([seen.add, seen], {}), {})
    add(4, 1.0)
    assert again.identities == 2
    with pytest.raises(SinkError):
        from_bytes(to_bytes([].__len__, {}), {})
    with pytest.raises(SinkError):
        from_bytes(to_bytes(OfATest().__init__, {}), {})


def test_a_moment_that_is_remembered_is_forgotten():
    assert from_bytes(to_bytes({"latest": Moment(None, ())}, {}), {}) == {"latest": None}


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", pickle.dumps(Runs()), pickle.dumps(OfATest()), pickle.dumps(os.remove), borrowed()]
)
def test_nothing_foreign_is_read(data):
    assert cameras.subprocess.Popen is subprocess.Popen  # what the last one reaches for
    with pytest.raises(SinkError, match="cannot be read"):
        from_bytes(data, {})


def test_a_file_is_refused_at_the_saving(tmp_path):
    with open(tmp_path / "file", "w") as file, pytest.raises(TypeError):
        to_bytes(file, {})
