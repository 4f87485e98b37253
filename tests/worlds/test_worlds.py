"""Drawn streets: the truth is what was drawn, and one seed is one clip."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.errors import SettingsError
from tracker.synth import World, save_world
from tracker.worlds import (
    MotSettings,
    StreetSettings,
    clip,
    draw_street,
    stream_mot,
    stream_situation,
    stream_street,
    street,
)  # fmt: skip
from tracker.worlds.actors import ASPECT, CELL, PHASES, draw_strip
from tracker.worlds.weather import Cloud

PLAIN = {
    "width": 64, "height": 48, "frames": 6, "objects": (1, 1), "object_px": (16, 16), "kinds": (0, 0, 0, 1), "pairs": 0,
    "stop_rate": 0, "contrast": (1, 1), "shadow": (0, 0), "light_drift": 0, "noise": (0, 0), "compression": (100, 100),
    "pillars": (0, 0),
}  # fmt: skip
"""one blob in an empty street that the camera sees as it is"""
CORNER = 1 / 100
"""share of a 16 x 16 tile that two pixels are: one may be missing at a corner"""


def draw(seed=0, **changes):
    return draw_street(StreetSettings(**{**PLAIN, **changes}), seed=seed)


@pytest.fixture
def tiles(monkeypatch):
    """Every actor is a full rectangle in a colour of its own, darker than anything in the scene."""
    count = itertools.count()

    def tile(kind, rng, chroma):
        n = next(count) % 49
        return [np.full((CELL, CELL, 4), (n // 7, 0, n % 7, 255), np.uint8)]

    monkeypatch.setattr(street, "draw_strip", tile)


def tile_pixels(image):
    """(H, W) bool: where a tile was drawn, by colour; the scene is nowhere darker than 8."""
    return (image < 8).all(-1)


def extent(mask):
    ys, xs = np.nonzero(mask)
    return (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


def same(one, two):
    return one.boxes == two.boxes and all(
        np.array_equal(getattr(one, name), getattr(two, name)) for name in ("images", "labels", "background")
    )


# --- the truth ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_truth_of_a_rectangle_is_its_pixels_and_nothing_else(tiles, seed):
    clip = draw(seed)
    for image, labels, boxes in zip(clip.images, clip.labels, clip.boxes, strict=True):
        (truth,) = boxes
        drawn = tile_pixels(image)
        changed = (image != clip.background).any(-1)
        assert truth.id == 1
        assert truth.visible == 1.0
        assert truth.box == extent(labels)
        x0, y0, x1, y1 = (int(v) for v in truth.box)
        # a rectangle fills its box, but for the corner pixel of which it covers less than half
        assert (labels[y0:y1, x0:x1] == 1).sum() in ((x1 - x0) * (y1 - y0), (x1 - x0) * (y1 - y0) - 1)
        assert (labels[y0 : y1 - 1, x0 : x1 - 1] == 1).all()
        assert not (drawn & (labels == 0)).any()
        assert not ((labels > 0) & ~changed).any()
        # green is 0 in a tile: what is left of the street's says how much of the pixel the tile covers
        cover = 1 - image[..., 1] / clip.background[..., 1]
        plain = np.abs(cover - 0.5) > 0.05
        np.testing.assert_array_equal(labels[plain] > 0, cover[plain] > 0.5)
        # the row and column that it half covers are mixed: at most one of each
        assert (changed & (labels == 0)).sum() <= (x1 - x0) + (y1 - y0) + 1
        assert ((labels > 0) & ~drawn).sum() <= (x1 - x0) + (y1 - y0) + 1


@pytest.mark.parametrize("kind", range(4))
def test_the_truth_of_an_actor_is_where_the_picture_differs_from_the_empty_street(kind):
    clip = draw(seed=kind, kinds=[float(k == kind) for k in range(4)])
    for image, labels, boxes in zip(clip.images, clip.labels, clip.boxes, strict=True):
        changed = (image != clip.background).any(-1)
        rim = cv2.dilate((labels > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert not ((labels > 0) & ~changed).any()
        assert (changed & ~rim).sum() <= 0.1 * (labels > 0).sum()  # thin limbs of less than half a pixel
        assert [truth.box for truth in boxes] == [extent(labels > 0)]
        assert [truth.visible for truth in boxes] == [1.0]


def test_what_leaves_the_street_is_cut_at_its_edge_and_then_gone(tiles):
    clip = draw(seed=1, speed=(0.5, 0.5), frames=30)
    cut = 0
    for labels, boxes in zip(clip.labels, clip.boxes, strict=True):
        assert set(np.unique(labels)) - {0} == {truth.id for truth in boxes}
        for truth in boxes:
            assert truth.box == extent(labels == truth.id)
            assert truth.box.x0 >= 0
            assert truth.box.y0 >= 0
            assert truth.box.x1 <= 64
            assert truth.box.y1 <= 48
            cut += truth.box.width < 14 or truth.box.height < 14
    assert cut > 0
    assert 1 not in np.unique(clip.labels[-1])


def test_a_post_hides_what_is_behind_it_and_the_box_stays_whole(tiles):
    partly = wholly = 0
    for seed in range(12):
        clip = draw(seed, pillars=(1, 1), speed=(0.12, 0.12), frames=12)
        for image, labels, boxes in zip(clip.images, clip.labels, clip.boxes, strict=True):
            for truth in boxes:
                x0, y0, x1, y1 = (int(v) for v in truth.box)
                post = ~(image != clip.background).any(-1)[y0:y1, x0:x1].any(0)  # its columns show the empty scene
                share = 1 - post.sum() / (x1 - x0)
                assert truth.visible == pytest.approx(share, abs=CORNER)
                assert (labels == truth.id).sum() == pytest.approx(share * (x1 - x0) * (y1 - y0), abs=2)
                partly += 0 < truth.visible < 1
                wholly += truth.visible == 1
    assert partly > 5
    assert wholly > 5


def test_who_stands_nearer_hides_who_stands_farther(tiles):
    hidden = 0
    for seed in range(6):
        clip = draw(seed, objects=(4, 4), frames=8)
        for labels, boxes in zip(clip.labels, clip.boxes, strict=True):
            owner = np.zeros(labels.shape, np.uint16)
            feet = sorted(boxes, key=lambda truth: truth.box.y1)
            if any(truth.box.y1 >= 48 for truth in boxes) or len({truth.box.y1 for truth in boxes}) < len(boxes):
                continue  # feet out of sight or level: the boxes do not say who is nearer
            for truth in feet:
                x0, y0, x1, y1 = (int(v) for v in truth.box)
                owner[y0:y1, x0:x1] = truth.id
            assert (labels != owner).sum() <= len(boxes)  # corners
            for truth in boxes:
                area = truth.box.width * truth.box.height
                assert truth.visible == pytest.approx((owner == truth.id).sum() / area, abs=CORNER)
                hidden += truth.visible < 1
    assert hidden > 10


def test_an_identity_is_one_actor_for_the_whole_clip(tiles):
    clip = draw(seed=2, objects=(2, 3), speed=(0.4, 0.6), frames=160)
    colours = {}
    for image, labels in zip(clip.images, clip.labels, strict=True):
        for identity in np.unique(labels[labels > 0]):
            inner = cv2.erode((labels == identity).astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
            for colour in np.unique(image[inner], axis=0):
                colours.setdefault(int(identity), set()).add(tuple(colour.tolist()))
    assert len(colours) > 10
    assert all(len(seen) == 1 for seen in colours.values())
    assert len({seen.copy().pop() for seen in colours.values()}) == len(colours)
    first = [min(t for t, boxes in enumerate(clip.boxes) if any(b.id == i for b in boxes)) for i in sorted(colours)]
    assert first[0] == 0
    assert first[-1] > 100


def test_a_shadow_is_background():
    lit, shaded = draw(seed=3, kinds=(1, 0, 0, 0)), draw(seed=3, kinds=(1, 0, 0, 0), shadow=(0.5, 0.5))
    np.testing.assert_array_equal(shaded.labels, lit.labels)
    assert shaded.boxes == lit.boxes
    ground = shaded.labels == 0
    darker = ground & (shaded.images.astype(int).sum(-1) < 0.7 * lit.images.astype(int).sum(-1))
    assert darker.sum() > 6 * 10
    assert (shaded.images[ground] <= lit.images[ground]).all()


def test_what_the_camera_does_to_the_picture_does_not_change_the_truth():
    plain = draw(seed=4, objects=(3, 3))
    rough = draw(seed=4, objects=(3, 3), noise=(6, 6), compression=(40, 40), light_drift=0.1)
    np.testing.assert_array_equal(rough.labels, plain.labels)
    assert rough.boxes == plain.boxes
    assert np.abs(rough.images.astype(int) - plain.images).mean() > 2
    np.testing.assert_array_equal(rough.background, plain.background)


def test_a_shaking_camera_moves_the_boxes_with_the_pixels(tiles):
    clip = draw(seed=7, jitter_px=2.0, speed=(0.0, 0.001))
    places = set()
    for image, labels, boxes in zip(clip.images, clip.labels, clip.boxes, strict=True):
        (truth,) = boxes
        # labels move by whole pixels, boxes do not
        np.testing.assert_allclose(truth.box, extent(labels > 0), atol=0.6)
        assert not (tile_pixels(image) & (labels == 0)).any()
        places.add(truth.box)
    assert len(places) == 6


def test_a_street_without_anybody_is_its_background():
    clip = draw(objects=(0, 0))
    assert not clip.labels.any()
    assert clip.boxes == ((),) * 6
    np.testing.assert_array_equal(clip.images, np.broadcast_to(clip.background, clip.images.shape))


# --- seeds and settings ---------------------------------------------------------------------------------------------

BUSY = {
    "objects": (2, 4), "kinds": (1, 1, 1, 1), "noise": (1, 6), "compression": (40, 95), "pillars": (0, 2), "pairs": 0.5,
    "contrast": (0.4, 1), "shadow": (0, 0.5), "light_drift": 0.06, "stop_rate": 0.1, "jitter_px": 0.5, "switch_rate": 0.1,
}  # fmt: skip


def test_one_seed_is_one_clip_and_another_is_another():
    first = draw(seed=7, **BUSY)
    np.random.default_rng().random()
    assert same(first, draw(seed=7, **BUSY))
    other = draw(seed=8, **BUSY)
    assert not np.array_equal(first.background, other.background)
    assert not np.array_equal(first.labels, other.labels)


def test_a_longer_clip_begins_as_the_shorter_one():
    short, long = draw(seed=9, **BUSY), draw(seed=9, **BUSY, frames=9)
    np.testing.assert_array_equal(long.images[:6], short.images)
    np.testing.assert_array_equal(long.labels[:6], short.labels)
    assert long.boxes[:6] == short.boxes


def test_shapes_and_kinds_of_numbers():
    clip = draw(width=50, height=37, frames=3, fps=12.5)
    assert (clip.images.shape, clip.images.dtype) == ((3, 37, 50, 3), np.uint8)
    assert (clip.labels.shape, clip.labels.dtype) == ((3, 37, 50), np.uint16)
    assert (clip.background.shape, clip.background.dtype) == ((37, 50, 3), np.uint8)
    assert len(clip.boxes) == 3
    assert clip.fps == 12.5


def test_objects_are_as_many_and_as_large_as_asked(tiles):
    counts = set()
    for seed in range(8):
        clip = draw(seed, objects=(2, 3), frames=1, width=160, height=120)
        counts.add(len(clip.boxes[0]))
        for truth in clip.boxes[0]:
            inside = truth.box.x0 > 0 and truth.box.y0 > 0 and truth.box.x1 < 160 and truth.box.y1 < 120
            if inside:  # rounded, and up to a pixel wider where it stands between two
                assert 15 <= (truth.box.width * truth.box.height) ** 0.5 <= 17.5
    assert counts == {2, 3}


def test_an_object_walks_at_the_speed_asked_for(tiles):
    clip = draw(seed=0, kinds=(0, 1, 0, 0), speed=(0.05, 0.05), frames=12, width=200, height=150)
    centres = np.array([boxes[0].box.centre for boxes in clip.boxes])
    way = np.hypot(*(centres[-1] - centres[0])) / 11
    # a vehicle: 1.6 * .05 * 16 = 1.28 pixels a frame, .7 of it upwards or downwards
    assert 0.7 * 1.28 * 0.9 < way < 1.28 * 1.1


@pytest.mark.parametrize("kind", list(ASPECT))
def test_a_strip_is_tight_round_its_actor_and_beats(kind):
    strip = draw_strip(kind, np.random.default_rng(0), (15, 50, 90))
    assert len(strip) == (PHASES if kind in ("walker", "animal", "insect") else 1)
    assert len({sprite.shape for sprite in strip}) == 1
    solid = np.maximum.reduce([sprite[..., 3] for sprite in strip]) > 127
    assert extent(solid) == (0, 0, solid.shape[1], solid.shape[0])
    assert len(strip) == 1 or not np.array_equal(strip[0], strip[2])


def test_more_identities_than_labels_have_room_for_are_refused_with_the_frame(monkeypatch):
    monkeypatch.setattr(clip, "MOST_IDENTITIES", 3)
    many = StreetSettings(**{**PLAIN, "frames": 400, "speed": (0.5, 0.5)})
    drawn = []
    with pytest.raises(SettingsError, match=r"^frame [\d,]+: one more than 3 identities, .* draw fewer") as refusal:
        drawn.extend(stream_street(many, seed=0))
    came = int(str(refusal.value).split(":")[0].removeprefix("frame "))
    fewer = list(stream_street(many.model_copy(update={"frames": came - 1}), seed=0))
    assert len(fewer) == len(drawn) > 0
    with pytest.raises(SettingsError, match="one more than 3 identities"):
        list(stream_mot(MotSettings(world="sprites"), seed=0))
    with pytest.raises(SettingsError, match="one more than 3 identities"):
        stream_situation("crowd", seed=0)


def test_an_identity_is_a_label_up_to_the_last():
    assert clip.next_identity(clip.MOST_IDENTITIES - 1, 0) == np.iinfo(np.uint16).max
    with pytest.raises(SettingsError, match=r"frame 1,001: one more than 65,535"):
        clip.next_identity(clip.MOST_IDENTITIES, 1000)


def test_the_truth_is_written_as_the_frames_come(tmp_path):
    written = []

    def watched():
        for frame in stream_street(StreetSettings(**PLAIN), seed=0):
            yield frame
            (table,) = tmp_path.glob("*/gt.txt")
            written.append(table.read_text())

    save_world(World(watched(), 25.0), video=tmp_path / "a.mp4", truth=tmp_path / "a.truth")
    assert [text.count("\n") for text in written] == [1, 2, 3, 4, 5, 6]
    assert (tmp_path / "a.truth/gt.txt").read_text() == written[-1]


def test_a_world_reads_nothing_and_writes_nothing():
    assert not any(word in Path(street.__file__).read_text() for word in ("open(", "Path(", "imread", "imwrite"))


def test_a_street_drawn_frame_by_frame_is_the_one_drawn_whole():
    settings = StreetSettings(**{**PLAIN, "frames": 5})
    whole, frames = draw_street(settings, seed=4), list(stream_street(settings, seed=4))
    assert np.array_equal(whole.images, np.stack([frame.image for frame in frames]))
    assert np.array_equal(whole.labels, np.stack([frame.labels for frame in frames]))
    assert whole.boxes == tuple(frame.boxes for frame in frames)


def test_bushes_belong_to_the_empty_street():
    clip = draw(bushes=1, objects=(0, 0), frames=40)
    differ = np.abs(np.median(clip.images, 0) - clip.background).max(-1)
    # they swing about the place where they are drawn: with none there the share is .1 and more
    assert (differ > 60).mean() < 0.02 < (np.abs(np.diff(clip.images.astype(int), axis=0)).max((0, 3)) > 8).mean()


@pytest.mark.parametrize("seed", range(3))
def test_clouds_never_jump(seed):
    cloud = Cloud.gather(np.random.default_rng(seed), (120, 80))
    light = [cloud.light(frame).astype(np.float64) for frame in range(6 * 120 // 2 + 2)]
    change = [np.abs(b - a).mean() for a, b in itertools.pairwise(light)]
    assert max(change) < 5 * np.median(change) > 0
    assert np.array_equal(light[0], light[360])
