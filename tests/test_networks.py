"""Which weights a run's lanes use, told by their files."""

import pytest

from tracker.build import build_lanes
from tracker.learning.weights import digest_of, find_weights
from tracker.networks import weights_digests
from tracker.settings import load_settings


def digests(*overrides):
    return weights_digests(load_settings(overrides=list(overrides)))


def test_shipped_weights_and_files_are_told_by_their_content(tmp_path):
    shipped = {name: digest_of(find_weights(name)) for name in ("street", "foreground")}
    assert digests("lanes=[gmm,slots]") == shipped
    assert digests("lanes=[blobs]") == {"foreground": shipped["foreground"]}
    assert digests("lanes=[gmm]") == digests("lanes=[blobs]", "foreground.network=false") == {}
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"1")
    asked = ("lanes=[slots]", "foreground=null", f"slots.weights={own}")
    before = digests(*asked)
    own.write_bytes(b"2")
    assert list(before) == [str(own)]
    assert digests(*asked) != before
    own.unlink()
    assert digests(*asked) == {str(own): ""}


@pytest.mark.parametrize(
    ("lane", "networks"), [("gmm", ()), ("blobs", ("foreground",)), ("slots", ("street", "foreground"))]
)
def test_a_lane_knows_the_digests_of_its_networks(lane, networks):
    (built,) = build_lanes(load_settings(overrides=[f"lanes=[{lane}]", "device=cpu"]))
    assert built.weights_digest == ("+".join(digest_of(find_weights(name)) for name in networks) or None)
