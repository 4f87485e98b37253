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


@pytest.fixture(scope="session")
def s3():
    """The address of a bucket of a server in this process. One for all tests: fsspec keeps the first one's address."""
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "tests")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not+to/be-shown")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3", use_listings_cache=False).mkdir("clips")
        yield "s3://clips"
    server.stop()
