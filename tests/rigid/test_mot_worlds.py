"""MNIST-MOT and Sprites-MOT: drawn as described, one stream; and the lane that tracks them."""

import gzip
import itertools

import numpy as np
import pytest
from click.testing import CliRunner

from tracker.build import build_lanes
from tracker.cli import cli
from tracker.errors import MissingExtraError, SourceError
from tracker.picture import Picture
from tracker.rigid.segmenter import RigidSegmenter
from tracker.rigid.settings import RigidSettings
from tracker.settings import load_settings
from tracker.synth import WorldOrder, stream_world
from tracker.types import Frame
from tracker.worlds import MotSettings, draw_mot, read_digits, stream_mot
from tracker.worlds.mot import MARGIN, SPEED

BLOCK = np.zeros((1, 28, 28), np.uint8)
BLOCK[:, 6:22, 8:20] = 150
WORLDS = ["digits", "sprites"]


def draw(world, seed=0, frames=120, **changes):
    digits = BLOCK if world == "digits" else None
    return draw_mot(MotSettings(world=world, frames=frames, **changes), seed=seed, digits=digits)


def lives(clip):
    """Identity -> [(frame, box), ...]."""
    found = {}
    for t, boxes in enumerate(clip.boxes):
        for truth in boxes:
            found.setdefault(truth.id, []).append((t, truth.box))
    return found


@pytest.mark.parametrize("world", WORLDS)
def test_an_object_goes_straight_at_its_speed_and_ends_at_the_margin(world):
    clip, margin = draw(world, frames=200), MARGIN[world]
    ended = [life for life in lives(clip).values() if life[-1][0] < 199]
    assert len(ended) > 10
    for life in ended:
        frames = [t for t, _ in life]
        assert frames == list(range(frames[0], frames[-1] + 1))
        sizes = {(box.width, box.height) for _, box in life}
        assert len(sizes) == 1
        width, height = sizes.pop()
        centres = np.array([(box.x0 + width // 2, box.y0 + height // 2) for _, box in life])
        assert centres.min() >= margin
        assert centres.max() <= 127 - margin
        steps = np.arange(len(life))[:, None]
        straight = centres[0] + steps * (centres[-1] - centres[0]) / max(1, len(life) - 1)
        assert np.abs(centres - straight).max() <= 1.5  # places are whole pixels
        if len(life) > 1:
            assert np.hypot(*(centres[-1] - centres[0])) / (len(life) - 1) == pytest.approx(
                SPEED, abs=1.5 / (len(life) - 1)
            )


@pytest.mark.parametrize("world", WORLDS)
def test_a_place_waits_before_it_is_filled_again(world):
    clip = draw(world, frames=400, objects=1)
    spans = sorted((life[0][0], life[-1][0]) for life in lives(clip).values())
    gaps = [later[0] - earlier[1] - 1 for earlier, later in itertools.pairwise(spans)]
    # the frame in which it has gone and five of waiting; then the frame of birth, in which nothing is drawn
    assert min(gaps) == 7
    assert 7.5 < np.mean(gaps) < 8.8
    assert max(len(boxes) for boxes in draw(world).boxes) == 3


def test_the_light_of_digits_adds_up_and_is_cut_at_white():
    clip, met = draw("digits", frames=300), 0
    for image, boxes in zip(clip.images, clip.boxes, strict=True):
        light = np.zeros((160, 160), int)
        for truth in boxes:
            x, y = int(truth.box.x0) + 16, int(truth.box.y0) + 16
            light[y : y + 28, x : x + 28] += BLOCK[0]
            assert truth.visible == 1
        np.testing.assert_array_equal(image, np.minimum(light, 255)[16:144, 16:144, None].repeat(3, 2))
        met += light.max() > 255
    assert met > 10


@pytest.mark.slow
def test_sprites_have_six_colours_hide_each_other_and_fill_their_boxes():
    clip, hidden = draw("sprites", frames=400), 0
    colours = {tuple(colour) for colour in np.unique(clip.images.reshape(-1, 3), axis=0).tolist()} - {(0, 0, 0)}
    assert colours == {(255 * (n >> 2), 255 * (n >> 1 & 1), 255 * (n & 1)) for n in range(1, 7)}
    of = {}
    for image, labels, boxes in zip(clip.images, clip.labels, clip.boxes, strict=True):
        np.testing.assert_array_equal(labels > 0, image.any(-1))
        for truth in boxes:
            own = labels == truth.id
            hidden += truth.visible < 1
            if own.any():
                of.setdefault(truth.id, set()).add(tuple(image[own][0].tolist()))
                assert len(np.unique(image[own], axis=0)) == 1
            inside = truth.box.x0 >= 0 and truth.box.y0 >= 0 and truth.box.x1 <= 128 and truth.box.y1 <= 128
            if truth.visible == 1 and inside:
                ys, xs = np.nonzero(own)
                assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == truth.box
    assert hidden > 20
    assert all(len(seen) == 1 for seen in of.values())
    sizes = {(box.width, box.height) for life in lives(clip).values() for _, box in life}
    assert min(min(size) for size in sizes) >= 16
    assert max(max(size) for size in sizes) <= 26


@pytest.mark.parametrize("world", WORLDS)
def test_one_seed_is_one_stream_and_a_longer_one_begins_as_the_shorter(world):
    short, long, other = draw(world, 5, 40), draw(world, 5, 60), draw(world, 6, 40)
    np.testing.assert_array_equal(long.images[:40], short.images)
    assert long.boxes[:40] == short.boxes
    assert other.boxes != short.boxes


def test_a_stream_is_drawn_as_it_is_asked_for():
    frames = stream_mot(MotSettings(world="sprites", frames=10**9), seed=0)
    assert next(frames).image.shape == (128, 128, 3)


def test_digits_come_from_idx_files_in_a_folder_or_one_by_one(tmp_path):
    data = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(range(196)) * 8
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(data)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(data))
    assert read_digits(tmp_path).shape == (4, 28, 28)
    one = read_digits(tmp_path / "train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(one.ravel(), np.tile(np.arange(196), 8))


@pytest.mark.parametrize(
    "spoilt", [b"", b"\0\0\x08\x01" + bytes(12), bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28])]
)
def test_a_file_that_holds_no_digits_is_refused(spoilt, tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(spoilt)
    for wrong in (path, tmp_path / "none", tmp_path / "x.gz"):
        with pytest.raises(SourceError, match=str(tmp_path)):
            read_digits(wrong)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no MNIST pictures"):
        read_digits(tmp_path / "empty")


def test_without_files_digits_are_scikit_learns_laid_out_as_mnists():
    pytest.importorskip("sklearn")
    digits = read_digits()
    assert digits.shape[1:] == (28, 28)
    y, x = (float((digits * place).sum(dtype=float) / digits.sum(dtype=float)) for place in np.indices((28, 28)))
    assert (y, x) == pytest.approx((13.5, 13.5), abs=0.6)


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match="pip install scikit-learn"):
        read_digits()


def call(*arguments):
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def test_synth_writes_a_mot_world_whose_truth_asks_for_hidden_objects_too(tmp_path):
    done = call("synth", "sprites-mot", "-o", tmp_path / "s.mp4", "--truth", tmp_path / "s.truth", "--frames", 60)
    assert done.exit_code == 0, done.output
    rows = [line.split(",") for line in (tmp_path / "s.truth/gt.txt").read_text().splitlines()]
    drawn = list(stream_world("sprites-mot", WorldOrder(frames=60)).frames)
    assert [(int(r[0]), int(r[1]), float(r[2])) for r in rows] == [
        (t + 1, item.id, item.box.x0) for t, one in enumerate(drawn) for item in one.boxes
    ]
    assert {row[6] for row in rows} == {"1"}
    assert len(list((tmp_path / "s.truth/masks").iterdir())) == 60
    refused = call("synth", "sprites-mot", "-o", tmp_path / "t.mp4", "--size", "64x64")
    assert refused.exit_code == 1
    assert "128x128" in refused.stderr
    assert not (tmp_path / "t.mp4").exists()


# --- rigid slots -----------------------------------------------------------------------------------------------------


def square(image, x, y, colour, side=16):
    image[y : y + side, x : x + side] = colour


def ids_by_frame(pictures, **settings):
    lane = RigidSegmenter(RigidSettings(**settings))
    return [
        {region.label: region.box for region in lane.step(Frame(t, t / 25, Picture.of(picture))).regions}
        for t, picture in enumerate(pictures)
    ]


def crossing(*, share):
    """Two squares that meet in the middle and go on; their places by frame."""
    pictures, places = [], []
    for t in range(20):
        picture = np.zeros((64, 128, 3), np.uint16)
        one, two = (4 + 5 * t, 20), (104 - 5 * t, 24)
        other = np.zeros_like(picture)
        square(picture, *one, (200, 60, 0))
        square(other, *two, (0, 60, 200))
        both = picture + other if share == "sum" else np.where(other.any(-1, keepdims=True), other, picture)
        pictures.append(np.minimum(both, 255).astype(np.uint8))
        places.append((one, two))
    return pictures, places


@pytest.mark.parametrize("share", ["sum", "over"])
def test_two_that_pass_through_or_over_each_other_keep_their_names_and_places(share):
    pictures, places = crossing(share=share)
    for found, (one, two) in zip(ids_by_frame(pictures, share=share, amodal=True), places, strict=True):
        assert set(found) == {1, 2}
        for identity, (x, y) in ((1, one), (2, two)):
            assert found[identity] == pytest.approx((x, y, x + 16, y + 16), abs=1.0)


def test_what_vanishes_is_gone_at_once_and_what_appears_is_found_at_once():
    pictures = [np.zeros((64, 96, 3), np.uint8) for _ in range(8)]
    for t in range(2, 6):
        square(pictures[t], 10 + 5 * t, 20, (255, 255, 255))
    assert [len(found) for found in ids_by_frame(pictures)] == [0, 0, 1, 1, 1, 1, 0, 0]


def test_the_size_of_the_boxes_can_be_told():
    picture = np.zeros((64, 96, 3), np.uint8)
    square(picture, 40, 20, (255, 255, 255), side=10)
    (found,) = ids_by_frame([picture], box_px=(28, 28))
    assert found[1] == pytest.approx((31, 11, 59, 39))


def test_a_lane_of_rigid_slots_is_asked_for_by_its_name_and_forgets_on_reset():
    settings = load_settings(overrides=["lanes=[rigid]"])
    segmenter = build_lanes(settings)[0].segmenter
    picture = np.zeros((64, 96, 3), np.uint8)
    square(picture, 40, 20, (255, 0, 0))
    for _ in range(2):
        segmenter.prepare([])
        assert [region.label for region in segmenter.step(Frame(0, 0.0, Picture.of(picture))).regions] == [1]
        segmenter.reset()
