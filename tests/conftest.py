"""What every test can ask for."""

import os
from pathlib import Path

import cv2
import pytest

cv2.setNumThreads(1)  # tests fork, and OpenCV's threads do not survive that


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The shared clips with truth: $TRACKER_DATA, or shared/data beside the repository; absent, the test is skipped."""
    folder = Path(os.environ.get("TRACKER_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no shared clips; set TRACKER_DATA to their folder")
    return folder
