"""The outputs of a run: checked and claimed before the work, named together after it, never in the place of somebody's file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tracker.errors import SinkError
from tracker.sinks import Results, replacing, write_output, write_text_whole, written_here
from tracker.sinks.claims import hold
from tracker.sinks.ours import marked_png
from tracker.sinks.outputs import PartText, json_text, part_name
from tracker.sinks.results import check_outputs

TABLE = "frame,time_s,id,x0,y0,x1,y1,confidence,hidden,area_px\n"


def plan_results(files, **options):
    """The results of a run, checked."""
    results = Results(files, **options)
    results.check()
    return results


def run(folder, *names, text=TABLE, overwrite=False, commit=True, **options):
    """A run that writes `text` into each of its files; returns its results, released."""
    results = plan_results([folder / name for name in names], overwrite=overwrite, **options)
    with results:
        results.claim()
        for name in names:
            write_output(results.output(folder / name), text.encode())
        if commit:
            results.commit()
    return results


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# Names


def test_files_take_their_names_together_and_not_before(tmp_path):
    results = plan_results([tmp_path / "o.gmm.csv", tmp_path / "o.slots.csv"], base="o")
    with results:
        results.claim()
        for path in (tmp_path / "o.gmm.csv", tmp_path / "o.slots.csv"):
            write_output(results.output(path), TABLE.encode())
            assert not path.exists()
        results.commit()
    assert names_in(tmp_path) == ["o.gmm.csv", "o.slots.csv"]


def test_a_file_that_was_not_finished_holds_back_all_of_them_and_nothing_is_lost(tmp_path):
    results = plan_results([tmp_path / "o.gmm.csv", tmp_path / "o.mp4"], base="o")
    with pytest.raises(SinkError, match=r"o\.mp4: was not finished"), results:  # noqa: PT012
        results.claim()
        write_output(results.output(tmp_path / "o.gmm.csv"), TABLE.encode())
        results.output(tmp_path / "o.mp4").part.write_bytes(b"half")
        assert not results.whole
        results.commit()
    assert names_in(tmp_path) == ["o.recovered-1.gmm.csv", "o.recovered-1.mp4"]
    assert sorted(path.name for path in results.kept) == names_in(tmp_path)


def test_a_part_name_that_is_somebodys_stays_his(tmp_path):
    for name in ("o.part.csv", "o.gmm.part.csv", "o.csv.part"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "o.part").mkdir()
    (tmp_path / "o.part" / "mine.txt").write_text("mine")
    run(tmp_path, "o.csv", "o.gmm.csv")
    for name in ("o.part.csv", "o.gmm.part.csv", "o.csv.part", "o.part/mine.txt"):
        assert (tmp_path / name).read_text() == "mine"


def test_the_summary_stands_beside_whole_results_only(tmp_path, monkeypatch):
    """A run that dies while it gives names leaves no summary that speaks of other files."""
    summary = json_text({"schema_version": 2, "settings": {}, "versions": {}, "of": "old"})
    run(tmp_path, "o.csv", "o.json", text=summary.replace("\n", ""), last=tmp_path / "o.json")
    (tmp_path / "o.csv").write_text(TABLE)

    def dies(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "o.csv", "o.json", overwrite=True, last=tmp_path / "o.json")
    assert not (tmp_path / "o.json").exists()
    assert (tmp_path / "o.csv").exists()
    assert (tmp_path / "o.recovered-1.json").exists()


def test_what_an_earlier_run_left_goes_when_the_new_one_is_whole_and_not_before(tmp_path):
    run(tmp_path, "o.gmm.csv", "o.knn.csv")
    stale = {"stale": [tmp_path / "o.knn.csv"], "overwrite": True}
    run(tmp_path, "o.gmm.csv", commit=False, **stale)
    assert {"o.gmm.csv", "o.knn.csv"} <= set(names_in(tmp_path))
    run(tmp_path, "o.gmm.csv", **stale)
    assert not (tmp_path / "o.knn.csv").exists()


def test_a_file_that_comes_into_being_during_the_run_is_not_replaced(tmp_path):
    results = plan_results([tmp_path / "o.csv"])
    with pytest.raises(SinkError, match="came into being during the run"), results:  # noqa: PT012
        results.claim()
        write_output(results.output(tmp_path / "o.csv"), TABLE.encode())
        (tmp_path / "o.csv").write_text("mine")
        results.commit()
    assert (tmp_path / "o.csv").read_text() == "mine"
    assert (tmp_path / "o.recovered-1.csv").read_text() == TABLE


# Refusals


def test_an_output_that_exists_is_refused_by_name_and_nothing_is_made(tmp_path):
    old = tmp_path / "old.csv"
    old.write_text("")
    with pytest.raises(SinkError, match=r"old\.csv: exists already; use --overwrite"):
        plan_results([tmp_path / "new" / "a.mp4", old])
    assert names_in(tmp_path) == ["old.csv"]


def test_several_that_exist_are_counted(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text("")
    with pytest.raises(SinkError, match=r"a: exists already \(and 2 more\)"):
        check_outputs(paths, overwrite=False)


@pytest.mark.parametrize("kind", ["folder", "link", "dangling link", "named pipe"])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.skipif(os.name != "posix", reason="links and pipes of Unix")
def test_what_is_no_file_is_never_replaced(tmp_path, kind, overwrite):
    output, target = tmp_path / "o.csv", tmp_path / "target.csv"
    if kind == "folder":
        output.mkdir()
    elif kind == "named pipe":
        os.mkfifo(output)
    else:
        if kind == "link":
            target.write_text(TABLE)
        output.symlink_to(target)
    with pytest.raises(SinkError, match=f"is a {kind.split()[-1]}|is a named pipe"):
        plan_results([output], overwrite=overwrite)
    assert os.path.lexists(output)
    assert not target.exists() or target.read_text() == TABLE


def test_a_file_in_the_place_of_a_folder_of_results_is_refused(tmp_path):
    (tmp_path / "o.masks").write_text("")
    with pytest.raises(SinkError, match="is a file"):
        check_outputs([], folders=[tmp_path / "o.masks"], overwrite=True)


@pytest.mark.parametrize("below", ["a.mp4", "deeper/a.mp4"])
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"cannot be written \(there is a file where the folder should be\)"):
        plan_results([tmp_path / "file" / below]).claim()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that refuses even root")
def test_a_folder_that_cannot_be_written_is_refused():
    with pytest.raises(SinkError, match="/proc: cannot be written"):
        plan_results([Path("/proc/out.mp4")]).claim()


def test_an_input_is_refused_by_whatever_name_it_has(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text(TABLE)
    os.link(mine, tmp_path / "hard.csv")
    (tmp_path / "soft.csv").symlink_to(mine)
    for output in (mine, tmp_path / "hard.csv", tmp_path / "." / "mine.csv", tmp_path / "x" / ".." / "mine.csv"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(SinkError, match="is the input"):
            plan_results([output], inputs=[mine], overwrite=True)
    with pytest.raises(SinkError, match="is the input"):
        plan_results([tmp_path / "o.csv"], inputs=[mine], stale=[mine], overwrite=True)
    with pytest.raises(SinkError, match="lies in it"):
        plan_results([], folders=[tmp_path], inputs=[mine], overwrite=True)


def test_a_name_that_is_known_only_once_a_folder_is_made_is_refused_and_makes_none(tmp_path):
    """`new/../mine.csv` is the input as soon as `new` is there."""
    (tmp_path / "mine.csv").write_text(TABLE)
    for output in (tmp_path / "new" / ".." / "mine.csv", tmp_path / "new" / "er" / ".." / ".." / "mine.csv"):
        with pytest.raises(SinkError, match=r"write it without \.\."):
            plan_results([output], inputs=[tmp_path / "mine.csv"], overwrite=True)
        with pytest.raises(SinkError, match=r"write it without \.\."):
            plan_results([], folders=[output], inputs=[tmp_path / "mine.csv"], overwrite=True)
    assert names_in(tmp_path) == ["mine.csv"]


@pytest.mark.parametrize("name", [".", "/", "..", "x/.."])
def test_a_name_of_a_folder_that_is_there_is_no_name_of_a_result(name):
    with pytest.raises(SinkError, match="write a name for the result"):
        plan_results([Path(name)])
    with pytest.raises(SinkError, match="write a name for the result"):
        plan_results([], folders=[Path(name)])


# Whose file it is


def test_files_of_others_are_never_replaced(tmp_path):
    (tmp_path / "notes.csv").write_text("years,of,work\n")
    (tmp_path / "gt.mot.txt").write_text("1,1,10,20,30,40,1,-1,-1,-1\n")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    (tmp_path / "page.html").write_text("<html></html>")
    (tmp_path / "numbers.json").write_text('{"a": 1}')
    Image.new("RGB", (8, 6)).save(tmp_path / "picture.png")
    for path in tmp_path.iterdir():
        before = path.read_bytes()
        with pytest.raises(SinkError, match="tracker did not write"):
            plan_results([path], overwrite=True)
        with pytest.raises(SinkError, match="tracker did not write"):
            write_text_whole(path, "new")
        assert path.read_bytes() == before


def test_a_folder_with_anything_else_in_it_is_not_ours(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    assert written_here(folder)  # empty: nothing is lost
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    (folder / "000001.png").write_bytes(marked_png((tmp_path / "x.png").read_bytes()))
    assert written_here(folder)
    assert Image.open(folder / "000001.png").text == {"Software": "tracker"}
    (folder / "notes.txt").write_text("mine")
    assert not written_here(folder)
    (folder / "notes.txt").unlink()
    (folder / "000002.png").write_bytes((tmp_path / "x.png").read_bytes())  # painted over, or put there by somebody
    assert not written_here(folder)
    (folder / "000002.png").unlink()
    (folder / "000001.png").write_bytes((tmp_path / "x.png").read_bytes())
    assert not written_here(folder)


def test_text_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "page.html"
    page = '<meta name="generator" content="tracker">'
    write_text_whole(path, page + "old \udcff")  # a file name may hold what is no UTF-8
    with pytest.raises(ZeroDivisionError), replacing(path) as output:  # noqa: PT012
        output.part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == page + "old \\udcff"
    assert names_in(tmp_path) == ["page.html"]


def test_a_list_of_a_killed_run_is_whole_at_any_time(tmp_path):
    results = plan_results([tmp_path / "o.masks.json"])
    with results:
        results.claim()
        output = results.output(tmp_path / "o.masks.json")
        text = PartText(output, head="[", tail="\n]\n")
        for number, separator in enumerate(["\n", ",\n", ",\n"]):
            text.write(f'{separator}{{"n": {number}}}')
            assert [entry["n"] for entry in json.loads(output.part.read_text())] == list(range(number + 1))
            text.write("")
        text.close()
        assert len(json.loads(output.part.read_text())) == 3


# Other runs


def test_a_second_run_with_one_of_the_names_is_refused_while_the_first_lives(tmp_path):
    first = plan_results([tmp_path / "o.mp4", tmp_path / "o.csv"])
    with first:
        first.claim()
        with pytest.raises(SinkError, match=rf"is being written by another run \(process {os.getpid()}\)"):
            plan_results([tmp_path / "x.mp4", tmp_path / "o.csv"]).claim()
        run(tmp_path, "other.csv")
    run(tmp_path, "o.csv")
    assert names_in(tmp_path) == ["o.csv", "other.csv"]


KILLED = """
import os, sys
from pathlib import Path
from tracker.sinks import Results, write_output
folder = Path(sys.argv[1])
results = Results([folder / "o.mp4", folder / "o.gmm.csv"], folders=[folder / "o.masks"], base="o")
results.claim()
results.output(folder / "o.mp4").part.write_bytes(b"film")
results.output(folder / "o.gmm.csv").part.write_text("rows")
results.output(folder / "o.masks").part.mkdir()
os.kill(os.getpid(), 9)
"""


def kill_one(folder):
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, timeout=60)


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_what_killed_runs_left_is_kept_by_the_next_and_told(tmp_path):
    for _ in range(2):
        kill_one(tmp_path)
        assert sum(".part-" in name for name in names_in(tmp_path)) == 4  # the three, and the lock
        results = plan_results([tmp_path / "o.gmm.csv"], base="o")
        with results:
            results.claim()
        assert len(results.recovered) == 3
    numbers = [f"o.recovered-{number}{ending}" for number in (1, 2) for ending in (".gmm.csv", ".masks", ".mp4")]
    assert names_in(tmp_path) == sorted(numbers)
    assert (tmp_path / "o.recovered-2.mp4").read_bytes() == b"film"


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_part_file_that_is_read_is_left_where_it_is(tmp_path):
    kill_one(tmp_path)
    (part,) = tmp_path.glob("o.part-*.mp4")
    results = plan_results([tmp_path / "o.mp4"], inputs=[part])
    with results:
        results.claim()
    assert part.read_bytes() == b"film"
    assert results.recovered == []


def test_a_lock_file_that_names_what_no_run_can_have_is_ignored(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    for number, files in enumerate(({"o.csv": "precious.txt"}, {"o.csv": "../x.part-0000000a"}, [], {"o.csv": 3})):
        content = json.dumps({"pid": 1, "files": files})
        (tmp_path / f"o.part-{number:08x}.lock").write_text(content)
    (tmp_path / "o.part-0000000e.lock").write_text("[" * 5000)
    results = run(tmp_path, "o.csv")
    assert results.recovered == []
    assert precious.read_text() == "mine"


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path):
    with (
        hold(tmp_path / "run", "curve.jsonl"),
        pytest.raises(SinkError, match="another run"),
        hold(tmp_path / "run", "curve.jsonl"),
    ):
        pass
    with hold(tmp_path / "run", "curve.jsonl"):
        pass
    assert names_in(tmp_path / "run") == []


def test_the_room_left_is_told(tmp_path):
    results = plan_results([tmp_path / "deep" / "o.csv"])
    with pytest.raises(
        SinkError, match=r"o\.csv: cannot be written \(No such file or directory\); [0-9,]+ MB are free"
    ):
        write_output(results.output(tmp_path / "deep" / "o.csv"), b"")


def test_part_names_keep_the_type():
    assert part_name("o.gmm.mot.txt", "1f9c03aa") == "o.gmm.mot.part-1f9c03aa.txt"
    assert part_name("truth", "1f9c03aa") == "truth.part-1f9c03aa"


@pytest.mark.parametrize("name", ["x" * 236, "\u00fc" * 118, "x" * 400])
def test_a_name_too_long_for_its_part_is_refused_before_the_work(tmp_path, name):
    with plan_results([tmp_path / name]) as results, pytest.raises(SinkError, match="wanted at most 235"):
        results.claim()
    run(tmp_path, "y" * 231 + ".csv")
    assert names_in(tmp_path) == ["y" * 231 + ".csv"]


def test_what_somebody_has_put_in_the_place_of_an_old_result_meanwhile_stays(tmp_path):
    old = tmp_path / "o.knn.csv"
    old.write_text(TABLE)
    results = plan_results([tmp_path / "o.gmm.csv"], stale=[old], overwrite=True)
    with results:
        results.claim()
        write_output(results.output(tmp_path / "o.gmm.csv"), TABLE.encode())
        old.write_text("notes of mine")
        results.commit()
    assert old.read_text() == "notes of mine"


def test_a_folder_that_was_moved_out_of_the_way_when_the_run_was_killed_is_kept_too(tmp_path, monkeypatch):
    folder = tmp_path / "o.gmm.masks"
    folder.mkdir()
    results = plan_results([], folders=[folder], base="o", overwrite=True)
    results.claim()
    part = results.output(folder).part
    os.rename(folder, f"{part}.old")
    results._held[0]._descriptor = os.close(results._held[0]._descriptor)  # as the system does when a run dies
    again = plan_results([], folders=[folder], base="o")
    with again:
        again.claim()
    assert again.recovered == [tmp_path / "o.recovered-1.gmm.masks.old"]


def test_an_empty_file_of_a_killed_run_is_not_kept(tmp_path):
    results = plan_results([tmp_path / "o.csv"])
    with results:
        results.claim()
        results.output(tmp_path / "o.csv").part.touch()
    assert results.kept == []
    assert names_in(tmp_path) == []


def test_a_run_that_was_planned_before_another_one_ended_is_refused_before_its_work(tmp_path):
    results = plan_results([tmp_path / "o.csv"])
    run(tmp_path, "o.csv")
    with results, pytest.raises(SinkError, match="exists already"):
        results.claim()
    assert names_in(tmp_path) == ["o.csv"]
