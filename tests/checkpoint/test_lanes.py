"""Every method of `build.LANES` is saved and goes on with the same answers, or is refused; as is every file of a job."""

import numpy as np
import pytest

from tracker.build import LANES, build_lanes
from tracker.checkpoint.values import from_bytes, to_bytes
from tracker.errors import SinkError
from tracker.jobs import Job, planned_files
from tracker.jobs.saving import IN_PROCESS, _part, plan_saving
from tracker.lanes import prepare
from tracker.picture import Picture
from tracker.settings import load_settings
from tracker.types import Frame
from tracker.worlds import StreetSettings, draw_street

WORLD = draw_street(StreetSettings(width=64, height=48, frames=30, objects=(3, 3), object_px=(12, 16)), seed=1)
KILLED_WITH = {"video", "mot", "csv", "events", "zones", "masks", "summary"}
"""roles of the files in tests/checkpoint/test_resume.py"""


def frames():
    return [Frame(index, index / 25, Picture.of(image)) for index, image in enumerate(WORLD.images)]


@pytest.mark.parametrize("method", LANES)
def test_each_lane_goes_on_with_the_same_answers_or_is_refused(tmp_path, method):
    settings = load_settings([], [f"lanes=[{method}]"])
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"any")
    saved = Job(str(clip), tmp_path / "o.mp4", checkpoint_s=1.0)
    if method == "rigid":
        with pytest.raises(SinkError, match="lane rigid"):
            plan_saving(saved, settings, print, plain=True)
        return
    assert plan_saving(saved, settings, print, plain=True) is not None
    (whole,) = build_lanes(settings)
    prepare([whole], list(WORLD.images[::6]))
    for frame in frames()[:15]:
        whole.step(frame)
    known = {name: part for name in IN_PROCESS if (part := _part(whole, name)) is not None}
    other = from_bytes(to_bytes(whole, known), known)
    for frame in frames()[15:]:
        one, two = whole.step(frame), other.step(frame)
        assert one.tracks == two.tracks
        assert np.array_equal(one.segmentation.labels, two.segmentation.labels)
        assert np.array_equal(one.segmentation.foreground, two.segmentation.foreground)


def test_every_file_of_a_job_that_can_be_saved_is_one_of_those_that_are_tested(tmp_path):
    settings = load_settings([], ["lanes=[gmm]", "zones.areas.all=[[0,0],[1,0],[1,1],[0,1]]"])
    planned = planned_files(Job("clip.mp4", tmp_path / "o.mp4", masks="rle", checkpoint_s=1.0), settings)
    assert {role.partition(" ")[0] for role in planned} == KILLED_WITH
