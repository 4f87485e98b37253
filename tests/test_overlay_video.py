"""From a decoded clip through the overlay to a video and back."""

import av
import cv2
import numpy as np
import pytest
from outputs import Alone

from tracker.draw import Overlay, OverlaySettings, colour_of
from tracker.sinks import OverlayVideo, VideoSettings
from tracker.sources import open_source
from tracker.types import Box, Moment, Segmentation, Track, View

GREY = 120


def clip(path, **tags):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10", **tags})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(4):
            image = np.full((240, 320, 3), GREY, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("tags", [{}, {"colorspace": "bt709"}, {"colorspace": "bt709", "color_range": "pc"}])
@pytest.mark.parametrize("identity", [1, 2, 3, 7])
def test_an_outline_has_its_colour_in_the_file(tmp_path, tags, identity):
    clip(tmp_path / "clip.mp4", **tags)
    labels = np.zeros((240, 320), np.int32)
    cv2.circle(labels, (161, 121), 50, 1, -1)
    view = View("slots", Segmentation(labels, (), labels > 0), (Track(identity, Box(111, 71, 212, 172), 1.0, 1),))
    overlay = Overlay(OverlaySettings(tint=0, ids=False, banner=False), lanes=["slots"])
    sink = Alone(
        lambda out: OverlayVideo(out, render=overlay.for_video, fps=10.0, settings=VideoSettings()), tmp_path / "a.mp4"
    )
    with open_source(str(tmp_path / "clip.mp4")) as source:
        for frame in source:
            moment = Moment(frame, (view,))
            sink.write(moment)
        assert not isinstance(overlay.for_video(moment), np.ndarray)  # it took the way without RGB
    sink.close("complete")
    with av.open(str(sink.path)) as container:
        *_, last = container.decode(video=0)
    image = last.to_ndarray(format="rgb24").astype(int)
    wanted = np.array(colour_of(identity))
    angles = np.linspace(0, 2 * np.pi, 90)
    ring = image[(121 + 50 * np.sin(angles)).round().astype(int), (161 + 50 * np.cos(angles)).round().astype(int)]
    towards = (ring - GREY) @ (wanted - GREY) / ((wanted - GREY) @ (wanted - GREY))
    assert towards.mean() > 0.45  # a line of one pixel, in a format that stores one colour for four
    box = image[71, 130:190].mean(0)
    assert np.abs(box - wanted).max() < 60
    assert np.abs(image[20:60] - GREY).max() <= 6
