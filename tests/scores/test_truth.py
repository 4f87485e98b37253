"""What a truth on disk says: tables, labels, identities, and by which number they find their frame."""

import cv2
import numpy as np
import pytest
from PIL import Image

from tracker.errors import ShapeError, SourceError
from tracker.scores import Choice, read_truth
from tracker.scores.pictures import FRAME_SUFFIXES, boxes_round, frame_numbers, numbered
from tracker.sources.pictures import SUFFIXES
from tracker.types import Box

A = Box(10, 20, 15, 28)


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.asarray(values))


def labels(*rows):
    return np.array(rows, np.uint8)


def asked(truth, frame):
    return truth.asked(frame, truth.identities(frame))


def save_palette(path, values, palette):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(values, np.uint8), mode="P")
    picture.putpalette(palette)
    picture.save(path)


# Tables


def test_a_mot_table_counts_frames_from_one_and_flag_zero_is_not_scored(tmp_path):
    table = tmp_path / "gt.txt"
    table.write_text("1,4,10,20,5,8,1,-1,-1,-1\n\n3,4,11,20,5,8\n3,5,0,0,5,8,0,-1,-1,-1\n")
    truth = read_truth(table)
    assert truth.boxes == {0: ((4, A),), 2: ((4, Box(11, 20, 16, 28)),)}
    assert truth.span == (0, 2)
    assert read_truth(tmp_path).boxes == truth.boxes


def test_a_table_may_use_blanks(tmp_path):
    (tmp_path / "gt.txt").write_text("1 4 10 20 5 8 1\n")
    assert read_truth(tmp_path).boxes == {0: ((4, A),)}


def test_a_comma_at_the_end_of_a_row_is_no_cell(tmp_path):
    (tmp_path / "gt.txt").write_text("1, 4, 10, 20, 5, 8,\r\n,\r\n")
    assert read_truth(tmp_path).boxes == {0: ((4, A),)}


def test_frames_asked_for_beyond_the_pictures_are_left_out(tmp_path):
    (tmp_path / "gt.txt").write_text("3,4,10,20,5,8,1\n5,4,10,20,5,8,1\n")
    truth = read_truth(tmp_path, numbers=range(1, 9), choice=Choice(frames=(4, 400)))
    assert (truth.span, list(truth.boxes)) == ((3, 7), [4])
    with pytest.raises(SourceError, match="no frame among 20 to 30; check --frames"):
        read_truth(tmp_path, numbers=range(1, 9), choice=Choice(frames=(20, 30)))


def test_only_the_classes_named_are_scored_and_others_can_be_claims(tmp_path):
    (tmp_path / "gt.txt").write_text("1,1,10,20,5,8,1,1,1\n1,2,0,0,5,8,0,8,1\n1,3,0,0,5,8,1,3,1\n")
    truth = read_truth(tmp_path, choice=Choice(classes=(1,), ignore_classes=(2, 7, 8, 12)))
    assert truth.boxes == {0: ((1, A),)}
    assert truth.claims == {0: ((A, False), (Box(0, 0, 5, 8), True), (Box(0, 0, 5, 8), False))}
    assert len(read_truth(tmp_path).boxes[0]) == 2
    with pytest.raises(SourceError, match="no row of class 5; its classes are 1, 3, 8"):
        read_truth(tmp_path, choice=Choice(classes=(5,)))


def test_the_span_is_seqinfos_length_unless_frames_are_named(tmp_path):
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "gt.txt").write_text("3,4,10,20,5,8,1\n5,4,10,20,5,8,1\n")
    assert read_truth(tmp_path).span == (2, 4)
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=9\nframeRate=30\n")
    assert read_truth(tmp_path).span == (0, 8)
    truth = read_truth(tmp_path, choice=Choice(frames=(4, 6)))
    assert (truth.span, truth.boxes) == ((3, 5), {4: ((4, A),)})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1,2,three,4,5,6\n", "line 1: wanted frame,id"),
        ("1,2,3,4,5,6\n1,2\n", "line 2: wanted"),
        ("1,2,3,4,nan,6\n", "line 1: wanted"),
        ("0,2,3,4,5,6\n", "count from 1"),
        ("1,-1,3,4,5,6\n", "a detection"),
        ("1,2,,4,5,6,7\n", "line 1: wanted"),
        ("1,2,3,4,5,6,1,nan\n", "line 1: wanted"),
        ("1,1e30,3,4,5,6\n", "line 1: wanted"),
        ("1.5,2,3,4,5,6\n", "frame 1.5, identity 2; both are whole numbers"),
        ("1,2.5,3,4,5,6\n", "identity 2.5; both are whole"),
        ("7,2,3,4,5,6\n7,2,8,8,5,6\n", "gt.txt: identity 2 twice in frame 7"),
        ("", "no box to score"),
        (b"\xff\xfe\x00", "not a readable"),
    ],
)
def test_a_damaged_table_is_one_line_that_says_where(tmp_path, content, says):
    table = tmp_path / "gt.txt"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceError, match=says) as raised:
        read_truth(table)
    assert "\n" not in str(raised.value)


def test_a_truth_that_is_not_there_or_empty_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no such truth"):
        read_truth(tmp_path / "none")
    with pytest.raises(SourceError, match="neither gt"):
        read_truth(tmp_path)
    (tmp_path / "gt_a.txt").write_text("1,4,10,20,5,8\n")
    (tmp_path / "gt_b.txt").write_text("1,4,10,20,5,8\n")
    with pytest.raises(SourceError, match=r"gt_a.txt, gt_b.txt: which is the truth"):
        read_truth(tmp_path)


# Masks


def test_sixteen_bit_masks_are_identities_and_give_their_boxes(tmp_path):
    mask = np.zeros((30, 40), np.uint16)
    mask[5:10, 6:16] = 3
    mask[20:30, 30:40] = 300
    save(tmp_path / "masks" / "000002.png", mask)
    truth = read_truth(tmp_path)
    assert truth.boxes is None
    assert (truth.mask_kind, truth.span) == ("identities", (1, 1))
    np.testing.assert_array_equal(truth.identities(1), mask)
    assert boxes_round(truth.identities(1)) == ((3, Box(6, 5, 16, 10)), (300, Box(30, 20, 40, 30)))
    assert asked(truth, 1).foreground.sum() == 150
    assert asked(truth, 0) is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [([0, 255], "labels"), ([0, 1], "labels"), ([0, 50, 85, 170, 255], "labels"), ([0, 1, 2], "identities")],
)
def test_masks_of_labels_and_of_identities_are_told_apart_by_their_values(tmp_path, values, kind):
    save(tmp_path / "masks" / "000001.png", labels(values))
    truth = read_truth(tmp_path)
    assert truth.mask_kind == kind
    assert asked(truth, 0).foreground.sum() == (2 if kind == "identities" else 1)
    forced = read_truth(tmp_path, choice=Choice(layout="identities"))
    assert forced.has_identities


def test_a_single_identity_beside_a_table_stays_one(tmp_path):
    save(tmp_path / "masks" / "000001.png", labels([0, 1]))
    (tmp_path / "gt.txt").write_text("1,1,1,0,1,1,1\n")
    assert read_truth(tmp_path).has_identities


def test_a_palette_of_colours_stands_for_its_indices_and_one_of_greys_for_the_greys(tmp_path):
    values = labels([0, 1, 2])
    save_palette(tmp_path / "davis/masks/00001.png", values, [0, 0, 0, 128, 0, 0, 0, 128, 0])
    np.testing.assert_array_equal(read_truth(tmp_path / "davis").identities(0), values)
    save_palette(tmp_path / "cdnet/groundtruth/gt000001.png", values, [0, 0, 0, 170, 170, 170, 255, 255, 255])
    found = asked(read_truth(tmp_path / "cdnet"), 0)
    assert (found.foreground.tolist(), found.ignore.tolist()) == ([[False, False, True]], [[False, True, False]])


def test_cdnets_labels_region_and_times(tmp_path):
    """Shadow is background; 85 and 170 and what lies outside the ROI are ignored; temporalROI is in file numbers."""
    for number in range(5, 9):
        save(tmp_path / "groundtruth" / f"gt{number:06d}.png", labels([0, 50, 85], [170, 255, 255]))
    save(tmp_path / "ROI.bmp", labels([255, 255, 255], [255, 255, 0]))
    (tmp_path / "temporalROI.txt").write_text("6 7")
    truth = read_truth(tmp_path, numbers=range(3, 10))
    assert truth.span == (3, 4)
    assert truth.mask_files[3].name == "gt000006.png"
    found = asked(truth, 3)
    assert found.foreground.tolist() == [[False, False, False], [False, True, True]]
    assert found.ignore.tolist() == [[False, False, True], [True, False, True]]
    assert found.shadow.tolist() == [[False, True, False], [False, False, False]]
    assert asked(truth, 2) is None
    # the folder of masks named by itself finds the same beside it
    assert read_truth(tmp_path / "groundtruth", numbers=range(3, 10)).span == (3, 4)


def test_a_region_as_jpeg_has_noise_and_times_may_begin_with_a_mark(tmp_path):
    region = np.full((32, 32), 255, np.uint8)
    region[:16] = 0
    save(tmp_path / "groundtruth" / "gt000001.png", np.zeros((32, 32), np.uint8))
    cv2.imwrite(str(tmp_path / "ROI.jpg"), region + np.uint8(3) * (region == 0), [cv2.IMWRITE_JPEG_QUALITY, 80])
    (tmp_path / "temporalROI.txt").write_bytes(b"\xef\xbb\xbf1 1 \r\n\r\n")
    np.testing.assert_array_equal(asked(read_truth(tmp_path), 0).ignore, region == 0)


def test_labels_that_were_resized_are_not_taken_for_identities(tmp_path):
    save(tmp_path / "masks" / "000001.png", labels([0, 19, 255]))
    with pytest.raises(SourceError, match="masks of 255 and 19: resized labels, or identities"):
        read_truth(tmp_path)
    assert read_truth(tmp_path, choice=Choice(layout="identities")).has_identities


def test_classes_of_masks_are_refused(tmp_path):
    save(tmp_path / "masks" / "000001.png", labels([0, 255]))
    with pytest.raises(SourceError, match="masks know no classes"):
        read_truth(tmp_path, choice=Choice(classes=(1,)))


def test_a_value_that_is_no_label_names_file_and_value(tmp_path):
    save(tmp_path / "groundtruth" / "gt000001.png", labels([0, 255, 128]))
    with pytest.raises(SourceError, match=r"gt000001.png: value 128 is no label; wanted 0, 50, 85, 170, 255"):
        asked(read_truth(tmp_path), 0)


def test_a_picture_in_colours_is_no_mask(tmp_path):
    save(tmp_path / "groundtruth" / "gt000001.png", np.full((2, 2, 3), (1, 2, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"gt000001.png: a picture in colours"):
        asked(read_truth(tmp_path), 0)


def test_a_region_of_another_size_is_refused(tmp_path):
    save(tmp_path / "groundtruth" / "gt000001.png", labels([0, 255]))
    save(tmp_path / "ROI.bmp", labels([255, 255, 255]))
    with pytest.raises(ShapeError, match=r"mask is \(1, 2\), the ROI \(1, 3\)"):
        asked(read_truth(tmp_path), 0)


def test_masks_find_their_frame_by_number_and_never_by_place(tmp_path):
    for number in (0, 2):
        save(tmp_path / "groundtruth" / f"gt{number:06d}.png", labels([0, 255]))
    assert sorted(read_truth(tmp_path, numbers=(0, 1, 2)).mask_files) == [0, 2]
    with pytest.raises(SourceError, match=r"speak of frame 0, but frames are 1 to 3 \(3 pictures\)"):
        read_truth(tmp_path, numbers=(1, 2, 3))
    assert sorted(read_truth(tmp_path, numbers=(1, 2, 3), choice=Choice(frames=(1, 3))).mask_files) == [1]
    with pytest.raises(SourceError, match="a video's frames count from 1"):
        read_truth(tmp_path)


def test_names_of_frames_decide_their_numbers(tmp_path):
    for name in ("in000009.jpg", "in000010.jpg", "in11.jpg"):
        save(tmp_path / name, labels([0]))
    assert frame_numbers(tmp_path) == (9, 10, 11)
    save(tmp_path / "b000012.jpg", labels([0]))
    with pytest.raises(SourceError, match="begin with 'b' and 'in'"):
        frame_numbers(tmp_path)
    (tmp_path / "b000012.jpg").rename(tmp_path / "cover.jpg")
    with pytest.raises(SourceError, match=r"cover.jpg: a frame without a number"):
        frame_numbers(tmp_path)


def test_two_pictures_of_one_number_are_refused(tmp_path):
    save(tmp_path / "gt1.png", labels([0]))
    save(tmp_path / "gt01.png", labels([0]))
    with pytest.raises(SourceError, match=r"gt01.png and gt1.png have the same number"):
        numbered(tmp_path)


def test_frames_are_the_pictures_that_sources_read():
    assert set(FRAME_SUFFIXES) == set(SUFFIXES)
