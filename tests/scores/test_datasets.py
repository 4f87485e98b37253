"""Data sets as they lie on disk, found from whatever is named, and results as others leave them."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from tracker.errors import SourceError
from tracker.scores import Choice, find_sequences, read_results, score_results
from tracker.types import Box

MASK = np.array([[0, 0, 255], [0, 255, 255]], np.uint8)
OWNED = np.array([[0, 0, 1], [0, 2, 2]], np.uint8)
ROWS = "1,7,1,0,2,2,1,1,1\n2,7,1,0,2,2,1,1,1\n"


def save(path, values=MASK):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), values)
    return path


def write(path, text=ROWS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def cdnet(folder, numbers=(5, 6), *, roi=True):
    for number in numbers:
        save(folder / "input" / f"in{number:06d}.jpg")
        save(folder / "groundtruth" / f"gt{number:06d}.png")
    if roi:
        save(folder / "ROI.bmp", np.full(MASK.shape, 255, np.uint8))
        write(folder / "temporalROI.txt", f"{numbers[0]} {numbers[-1]}")
    return folder


def mot(folder):
    for number in (1, 2):
        save(folder / "img1" / f"{number:06d}.jpg")
    write(folder / "gt" / "gt.txt")
    write(folder / "seqinfo.ini", "[Sequence]\nimDir=img1\nframeRate=14\nseqLength=2\n")
    return folder


def own_world(folder, name):
    """What synth leaves, but for a video that can be played."""
    write(folder / f"{name}.mp4", "no video")
    write(folder / f"{name}.truth" / "gt.txt")
    for number in (1, 2):
        save(folder / f"{name}.truth" / "masks" / f"{number:06d}.png", OWNED)


def names(path, **options):
    return [(s.category, s.name) for s in find_sequences(path, **options).sequences]


def only(path, **options):
    (sequence,) = find_sequences(path, **options).sequences
    return sequence


# Finding sequences


def test_cdnet_is_found_from_the_root_the_category_and_the_sequence(tmp_path):
    for place in ("baseline/highway", "baseline/office", "shadow/cubicle"):
        cdnet(tmp_path / place)
    everything = [("baseline", "highway"), ("baseline", "office"), ("shadow", "cubicle")]
    assert names(tmp_path) == everything
    assert names(tmp_path / "baseline") == everything[:2]
    assert names(tmp_path / "shadow" / "cubicle") == everything[2:]
    truth = only(tmp_path / "shadow").read_truth(Choice())
    assert (truth.span, truth.mask_kind) == ((0, 1), "labels")
    assert only(tmp_path / "shadow").source.name == "input"


@pytest.mark.parametrize("frames", ["input", "img", "images", "frames"])
@pytest.mark.parametrize("masks", ["groundtruth", "gt", "masks"])
def test_mask_folders_by_their_usual_names(tmp_path, frames, masks):
    for number in (0, 1):  # SBI counts from 0
        save(tmp_path / "Board" / frames / f"in{number:06d}.png")
        save(tmp_path / "Board" / masks / f"gt{number:06d}.png")
    truth = only(tmp_path).read_truth(Choice())
    assert sorted(truth.mask_files) == [0, 1]
    assert truth.mask_kind == "labels"


def test_motchallenge_is_found_and_brings_its_rate(tmp_path):
    mot(tmp_path / "train" / "MOT17-02")
    sequence = only(tmp_path)
    assert (sequence.name, sequence.fps, sequence.numbers) == ("MOT17-02", 14, (1, 2))
    truth = sequence.read_truth(Choice())
    assert truth.boxes == {t: ((7, Box(1, 0, 3, 2)),) for t in (0, 1)}


def test_a_video_with_the_one_table_beside_it(tmp_path):
    video = write(tmp_path / "flies" / "clip.mp4", "no video")
    write(tmp_path / "flies" / "gt_boxes_mot.txt")
    write(tmp_path / "flies" / "det.txt")
    sequence = only(tmp_path)
    assert (sequence.name, sequence.also, sequence.source, sequence.numbers) == ("flies", "clip", video, None)
    assert only(video).truth.name == "gt_boxes_mot.txt"


@pytest.mark.parametrize("name", ["a.MTS", "a.flv", "a.3gp"])
def test_every_video_that_is_read_is_one(tmp_path, name):
    write(tmp_path / "gt.txt")
    (tmp_path / name).touch()
    assert only(tmp_path).source == tmp_path / name


def test_two_tables_beside_a_video_are_listed_and_truth_is_asked_for(tmp_path):
    write(tmp_path / "clip.mp4", "no video")
    write(tmp_path / "gt_1.txt")
    write(tmp_path / "gt_2.txt")
    with pytest.raises(SourceError, match=r"clip.mp4 with gt_1.txt, gt_2.txt: which belongs to which.*--truth"):
        find_sequences(tmp_path)
    assert only(tmp_path, truth=tmp_path / "gt_2.txt").truth.name == "gt_2.txt"


def test_a_folder_of_drawn_worlds_is_many_sequences(tmp_path):
    own_world(tmp_path / "worlds", "a")
    own_world(tmp_path / "worlds", "b")
    assert names(tmp_path) == [("worlds", "a"), ("worlds", "b")]
    truth = only(tmp_path / "worlds" / "a.mp4").read_truth(Choice())
    assert truth.boxes is not None
    assert truth.has_identities


def test_frames_with_masks_of_identities(tmp_path):
    save(tmp_path / "s" / "frames" / "000001.png")
    save(tmp_path / "s" / "instances" / "000001.png", OWNED)
    assert only(tmp_path).read_truth(Choice()).has_identities


def test_nothing_found_says_what_was_expected_and_what_is_there(tmp_path):
    save(tmp_path / "a.png")
    write(tmp_path / "notes.md")
    (tmp_path / "sub").mkdir()
    with pytest.raises(
        SourceError, match=r"no sequence found; expected .*SEQ/img1 .*; found 1 x .png .*sub/; notes.md"
    ):
        find_sequences(tmp_path)
    with pytest.raises(SourceError, match="no such data set"):
        find_sequences(tmp_path / "none")


def test_another_layout_than_the_one_named_is_answered_with_both(tmp_path):
    cdnet(tmp_path / "highway")
    with pytest.raises(SourceError, match=r"wanted SEQ/img1 with SEQ/gt/gt.txt.*found.*groundtruth/, input/"):
        find_sequences(tmp_path / "highway", layout="mot")


def test_half_a_sequence_is_an_error_alone_and_left_out_among_others(tmp_path):
    save(tmp_path / "half" / "groundtruth" / "gt000001.png")
    with pytest.raises(SourceError, match="masks without frames; wanted input"):
        find_sequences(tmp_path)
    save(tmp_path / "test" / "img1" / "000001.jpg")
    with pytest.raises(SourceError, match=r"img1/ without a truth"):
        find_sequences(tmp_path / "test")
    cdnet(tmp_path / "whole")
    found = find_sequences(tmp_path)
    assert [s.name for s in found.sequences] == ["whole"]
    assert len(found.left_out) == 2


def test_a_broken_sequence_is_left_out_among_others(tmp_path):
    cdnet(tmp_path / "whole")
    write(mot(tmp_path / "info") / "seqinfo.ini", "frameRate=14")
    save(mot(tmp_path / "twice") / "img1" / "1.png")
    found = find_sequences(tmp_path)
    assert [s.name for s in found.sequences] == ["whole"]
    assert ["seqinfo.ini" in line or "same number" in line for line in found.left_out] == [True, True]


def test_a_folder_that_may_not_be_read_is_left_out_and_it_is_said(tmp_path, monkeypatch):
    cdnet(tmp_path / "open")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_sequences(tmp_path)
    assert [s.name for s in found.sequences] == ["open"]
    assert found.left_out == (f"{tmp_path / 'closed'}: Permission denied; check its rights",)


def test_a_link_keeps_its_own_name(tmp_path):
    cdnet(tmp_path / "store" / "0001")
    (tmp_path / "set" / "baseline").mkdir(parents=True)
    (tmp_path / "set" / "baseline" / "highway").symlink_to(tmp_path / "store" / "0001")
    assert names(tmp_path / "set") == [("baseline", "highway")]


def test_davis_is_two_trees_of_one_shape(tmp_path):
    for name in ("bear", "dog"):
        for number in (0, 1):
            save(tmp_path / "JPEGImages" / "480p" / name / f"{number:05d}.jpg")
            save(tmp_path / "Annotations" / "480p" / name / f"{number:05d}.png", OWNED)
    assert names(tmp_path) == [("480p", "bear"), ("480p", "dog")]
    bear = find_sequences(tmp_path).sequences[0]
    assert (bear.read_truth(Choice()).mask_kind, bear.read_truth(Choice()).span) == ("identities", (0, 1))
    assert "clusters" in scored(tmp_path / "Annotations" / "480p", bear, alone=False)


def test_a_cell_tracking_challenge_is_told_how_to_name_its_sequences(tmp_path):
    save(tmp_path / "01" / "t000.tif", OWNED)
    save(tmp_path / "01_GT" / "TRA" / "man_track000.tif", OWNED.astype(np.uint16))
    with pytest.raises(SourceError, match=r"name one sequence: .*01 --truth .*01_GT.TRA"):
        find_sequences(tmp_path)
    sequence = only(tmp_path / "01", truth=tmp_path / "01_GT" / "TRA")
    assert perfect(scored(tmp_path / "01_GT" / "TRA", sequence)) == {"identity", "foreground", "clusters"}


def test_masks_as_jpeg_are_told_to_be_none(tmp_path):
    cdnet(tmp_path / "highway")
    for path in (tmp_path / "highway" / "groundtruth").iterdir():
        path.rename(path.with_suffix(".jpg"))
    with pytest.raises(SourceError, match="not jpg"):
        find_sequences(tmp_path)


def test_masks_and_frames_whose_numbers_do_not_meet(tmp_path):
    cdnet(tmp_path, roi=False)
    save(tmp_path / "groundtruth" / "gt000009.png")
    with pytest.raises(SourceError, match="speak of frame 9, but frames are 5 to 6"):
        only(tmp_path).read_truth(Choice())


# Results


def scored(results, sequence, *, alone=True, choice=None):
    choice = choice or Choice()
    truth = sequence.read_truth(choice)
    return score_results(read_results(results, sequence, truth, choice=choice, alone=alone), truth).as_dict()


def perfect(scores):
    for group in scores.values():
        for name in ("fpr", "fnr", "pwc", "fpr_shadow"):
            assert group.get(name, 0) == 0
        for name in ("hota", "idf1", "mota", "motp", "recall", "precision", "f_measure", "fg_ari", "ami"):
            assert group.get(name, 1) == 1
    return set(scores)


@pytest.mark.parametrize("place", ["SEQ.txt", "data/SEQ.txt", "SEQ/anything.txt", "SEQ.gmm.mot.txt", "SEQ/gt/gt.txt"])
def test_a_table_of_results_wherever_programs_leave_it(tmp_path, place):
    sequence = only(mot(tmp_path / "set" / "MOT17-02"))
    write(tmp_path / "results" / place.replace("SEQ", "MOT17-02"), ROWS.replace(",1,1,1\n", ",0.9,-1,-1,-1\n"))
    assert perfect(scored(tmp_path / "results", sequence, alone=False)) == {"identity"}


@pytest.mark.parametrize("place", ["baseline/highway", "highway", ".", "highway.gmm.masks"])
@pytest.mark.parametrize("name", ["bin{:06d}.png", "bin{:06d}.jpg"])
def test_masks_of_results_wherever_programs_leave_them(tmp_path, place, name):
    sequence = only(cdnet(tmp_path / "baseline" / "highway"))
    for number in (5, 6, 7):
        save(tmp_path / "results" / place / name.format(number), MASK // 255 * 140 + 20)
    scores = scored(tmp_path / "results", sequence)["foreground"]
    # 140 + 20 is light, 20 is dark; a JPEG's noise changes neither
    assert (scores["f_measure"], scores["frames"]) == (1, 2)


def test_results_of_zero_and_one(tmp_path):
    sequence = only(cdnet(tmp_path / "highway"))
    for number in (5, 6):
        save(tmp_path / "results" / f"{number}.png", MASK // 255)
    assert perfect(scored(tmp_path / "results", sequence)) == {"foreground"}


def test_a_lone_one_among_masks_of_255_is_noise(tmp_path):
    sequence = only(cdnet(tmp_path / "highway"))
    save(tmp_path / "results" / "5.png", MASK // 255)
    save(tmp_path / "results" / "6.png")
    scores = scored(tmp_path / "results", sequence)["foreground"]
    assert (scores["tp"], scores["fn"]) == (3, 3)


@pytest.mark.parametrize("name", ["bin{}.gif", "opacity{}.png"])
def test_masks_of_results_in_other_pictures(tmp_path, name):
    sequence = only(cdnet(tmp_path / "highway"))
    picture = Pillow.fromarray(MASK)
    (tmp_path / "results").mkdir()
    for number in (5, 6):
        (picture.convert("LA") if "opacity" in name else picture).save(tmp_path / "results" / name.format(number))
    assert perfect(scored(tmp_path / "results", sequence)) == {"foreground"}


def test_notes_beside_masks_are_no_table(tmp_path):
    own_world(tmp_path / "worlds", "a")
    (tmp_path / "worlds" / "a.truth" / "gt.txt").unlink()
    for number in (1, 2):
        save(tmp_path / "results" / "a" / f"{number}.png", OWNED)
    write(tmp_path / "results" / "a" / "readme.txt", "made on a Sunday")
    perfect(scored(tmp_path / "results", only(tmp_path / "worlds")))


def test_an_identity_twice_in_a_frame_names_the_table_and_the_frame_in_it(tmp_path):
    sequence = only(mot(tmp_path / "MOT17-02"))
    table = write(tmp_path / "r.txt", ROWS + "2,7,1,0,2,3,1,1,1\n")
    with pytest.raises(SourceError, match=r"r.txt: identity 7 twice in frame 2"):
        scored(table, sequence)


def test_the_truth_as_its_own_result_is_perfect(tmp_path):
    sequence = only(cdnet(tmp_path / "set" / "highway"))
    for results in (tmp_path / "set", tmp_path / "set" / "highway", tmp_path / "set" / "highway" / "groundtruth"):
        assert perfect(scored(results, sequence)) == {"foreground"}
    own_world(tmp_path / "worlds", "a")
    with (tmp_path / "worlds" / "a.truth" / "gt.txt").open("a") as table:
        table.write("2,8,0,0,1,1,0,1,0.05\n")  # hardly visible: nobody is asked to find it
    world = only(tmp_path / "worlds")
    for results in (tmp_path / "worlds", tmp_path / "worlds" / "a.truth"):
        assert perfect(scored(results, world)) == {"identity", "foreground", "clusters"}
    assert perfect(scored(tmp_path / "worlds" / "a.truth" / "gt.txt", world)) == {"identity"}
    (tmp_path / "worlds" / "a.truth" / "gt.txt").unlink()  # boxes are then those round the masks
    assert perfect(scored(tmp_path / "worlds" / "a.truth" / "masks", world)) == {"identity", "foreground", "clusters"}


def test_a_table_without_rows_is_zero_and_no_crash(tmp_path):
    scores = scored(write(tmp_path / "empty.txt", ""), only(mot(tmp_path / "MOT17-02")))["identity"]
    assert (scores["hota"], scores["idf1"], scores["mota"], scores["misses"]) == (0, 0, 0, 2)


def test_black_masks_are_zero_and_no_crash(tmp_path):
    sequence = only(cdnet(tmp_path / "highway"))
    for number in (5, 6):
        save(tmp_path / "results" / f"{number}.png", MASK * 0)
    scores = scored(tmp_path / "results", sequence)["foreground"]
    assert (scores["recall"], scores["precision"], scores["f_measure"], scores["fnr"]) == (0, 0, 0, 1)


def test_missing_masks_are_counted_and_the_first_is_named(tmp_path):
    sequence = only(cdnet(tmp_path / "highway", (5, 6, 7)))
    save(tmp_path / "results" / "bin000006.png")
    with pytest.raises(SourceError, match="2 of 3 scored frames have no mask, first 5"):
        scored(tmp_path / "results", sequence)


def test_masks_of_another_size_are_refused(tmp_path):
    sequence = only(cdnet(tmp_path / "highway"))
    for number in (5, 6):
        save(tmp_path / "results" / f"{number}.png", MASK[:, :2])
    with pytest.raises(SourceError, match=r"truth's mask is 3 x 2 pixels, what is scored 2 x 2"):
        scored(tmp_path / "results", sequence)


def test_results_that_are_missing_many_or_of_another_kind_are_refused(tmp_path):
    sequence = only(mot(tmp_path / "MOT17-02"))
    results = tmp_path / "results"
    with pytest.raises(SourceError, match="no such results"):
        scored(results, sequence)
    results.mkdir()
    with pytest.raises(SourceError, match=r"no results for MOT17-02; wanted MOT17-02.txt"):
        scored(results, sequence)
    write(results / "MOT17-02.gmm.mot.txt")
    write(results / "MOT17-02.slots.mot.txt")
    with pytest.raises(SourceError, match="which is meant"):
        scored(results, sequence)
    with pytest.raises(SourceError, match="several sequences are scored"):
        scored(results / "MOT17-02.gmm.mot.txt", sequence, alone=False)
    for number in (1, 2):
        save(tmp_path / "black and white" / f"{number}.png")
    with pytest.raises(SourceError, match="results hold masks of foreground, the truth only boxes"):
        scored(tmp_path / "black and white", sequence)


def test_classes_of_results_are_kept_where_they_are_named(tmp_path):
    sequence = only(mot(tmp_path / "MOT17-02"))
    table = write(tmp_path / "r.txt", ROWS + "1,9,0,0,1,1,1,3,1\n")
    assert scored(table, sequence)["identity"]["false_boxes"] == 1
    assert scored(table, sequence, choice=Choice(classes=(1,)))["identity"]["false_boxes"] == 0
