"""Nothing of anybody's is lost, whatever is asked for and however a run ends: real commands, processes and signals."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import av
import pytest
from clips import draw, draw_noise, write_pictures, write_video
from commands import call, refused

from tracker.events import EventFinder

unix = pytest.mark.skipif(os.name != "posix", reason="signals and limits of Unix")
QUICK = ("--lanes", "gmm", "--set", "prescan_frames=8")


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_video(tmp_path / "clip.mp4", draw(12))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def frames_in(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


# Inputs


def test_a_clip_whose_name_was_once_a_part_name_is_read_and_stays(clip, tmp_path):
    clip.rename("rec.part.mp4")
    before = contents(tmp_path)
    assert call("process", "rec.part.mp4", "-o", "rec.mp4", *QUICK).exit_code == 0
    assert contents(tmp_path).items() >= before.items()


def test_a_truth_that_is_an_earlier_result_is_refused(clip, tmp_path):
    assert call("compare", clip, "-o", "c", *QUICK).exit_code == 0
    before = contents(tmp_path)
    asked = ("compare", clip, "--truth", "c/compare.gmm.mot.txt", "-o", "c", "--overwrite")
    assert "is the input" in refused(*asked, *QUICK)
    assert "is the input" in refused(*asked, "--lanes", "knn")  # which would remove it as a rest of the former run
    assert contents(tmp_path) == before


def test_a_sheet_that_would_be_a_picture_of_the_source_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "f", draw(4), name="{}.png")
    (tmp_path / "f" / "3.png").rename(tmp_path / "f" / "compare.png")
    before = contents(tmp_path)
    for source in ("f/*.png", "f"):
        line = refused("compare", source, "-o", "f", "--overwrite", *QUICK)
        assert "would be one of the pictures" in line or "is the input" in line
    assert contents(tmp_path) == before


@pytest.mark.parametrize("pattern", ["{here}/f/*.png", "./f/../f/*.png", "**/*.png", "link/*.png", "f/[0-9c]*.png"])
def test_a_sheet_that_a_pattern_would_find_is_refused_however_it_is_written(pattern, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "f", draw(3), name="{}.png")
    (tmp_path / "link").symlink_to("f")
    before = contents(tmp_path)
    line = refused("compare", pattern.format(here=tmp_path), "-o", "f", *QUICK)
    assert "f/compare.png: would be one of the pictures of" in line
    assert contents(tmp_path) == before
    assert call("compare", "f/[0-9].png", "-o", "f", *QUICK).exit_code == 0  # does not find compare.png


def test_masks_that_a_pattern_would_find_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "f", draw(3), name="{}.png")
    line = refused("process", "f/**/*.png", "-o", "f/o.mp4", "--masks", "png", *QUICK)
    assert "f/o.gmm.masks/000001.png: would be one of the pictures of" in line


def test_a_summary_that_process_left_goes_with_what_compare_replaces(clip, tmp_path):
    assert call("process", clip, "-o", "c/compare.mp4", *QUICK).exit_code == 0
    assert call("compare", clip, "-o", "c", *QUICK, "--overwrite").exit_code == 0
    assert "compare.summary.json" not in names_in(tmp_path / "c")


def test_settings_and_weights_are_inputs_too(clip, tmp_path):
    (tmp_path / "o.gmm.csv").write_text("")  # an empty file: YAML without a setting
    assert "is the input" in refused("process", clip, "-c", "o.gmm.csv", "-o", "o.mp4", "--overwrite", *QUICK)
    weights = ("--lanes", "slots", "--set", "slots.weights=o.slots.csv")
    (tmp_path / "o.slots.csv").write_text("")
    assert "is the input" in refused("process", clip, "-o", "o.mp4", "--overwrite", *weights)


# Files of others


def test_a_drawn_worlds_truth_replaces_only_a_drawn_worlds_truth(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("years of work")
    tiny = ("--frames", 3, "--size", "96x72", "--objects", 1)
    line = refused("synth", "street", "-o", "data/clip.mp4", "--truth", "data", "--overwrite", *tiny)
    assert "tracker did not write" in line
    assert names_in(tmp_path / "data") == ["thesis.txt"]
    for again in ((), ("--overwrite",)):
        done = call("synth", "street", "-o", "data/clip.mp4", "--truth", "data/truth", *again, *tiny)
        assert done.exit_code == 0, done.output
    (tmp_path / "data" / "truth" / "notes.txt").write_text("mine")
    refused("synth", "street", "-o", "data/clip.mp4", "--truth", "data/truth", "--overwrite", *tiny)
    assert (tmp_path / "data" / "truth" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("video", ["t/clip.mp4", "t/a/clip.mp4", "t"])
def test_a_clip_in_the_folder_of_its_own_truth_is_refused(tmp_path, monkeypatch, video):
    monkeypatch.chdir(tmp_path)
    line = refused("synth", "street", "-o", video, "--truth", "t", "--frames", 2)
    assert f"t: is written whole, and {video} would lie in it" in line
    assert names_in(tmp_path) == []


def test_a_folder_that_has_a_part_name_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.part").mkdir()
    (tmp_path / "t.part" / "mine").write_text("mine")
    tiny = ("--frames", 3, "--size", "96x72", "--objects", 1)
    assert call("synth", "street", "-o", "c.mp4", "--truth", "t", *tiny).exit_code == 0
    assert (tmp_path / "t.part" / "mine").read_text() == "mine"


def test_overwrite_leaves_nothing_of_the_run_before_and_nothing_of_others_goes(clip, tmp_path):
    first = ("--lanes", "gmm,knn", "--masks", "png", "--set", "prescan_frames=8")
    assert call("process", clip, "-o", "o.mp4", *first).exit_code == 0
    for name in ("o.notes.txt", "o.gmm.notes.csv", "other.gmm.csv", "o.gmm.mot.txt.bak"):
        (tmp_path / name).write_text("mine")
    assert call("process", clip, "-o", "o.mp4", "--overwrite", *QUICK).exit_code == 0
    assert names_in(tmp_path) == sorted(
        ["clip.mp4", "o.mp4", "o.summary.json", "o.gmm.csv", "o.gmm.mot.txt", "o.gmm.events.jsonl"]
        + ["o.notes.txt", "o.gmm.notes.csv", "other.gmm.csv", "o.gmm.mot.txt.bak"]
    )


@unix
def test_an_output_that_is_no_file_is_refused(clip, tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "link.mp4").symlink_to("elsewhere")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "folder.mp4" / "x").write_text("mine")
    before = contents(tmp_path)
    for name in ("pipe.mp4", "link.mp4"):
        assert "cannot be replaced" in refused("process", clip, "-o", name, "--overwrite", *QUICK)
    assert "folder" in refused("webcam", clip, "--no-show", "--record", "folder.mp4", *QUICK)
    assert ".mp4" in refused("webcam", clip, "--no-show", "--record", "out.avi", *QUICK)
    assert contents(tmp_path) == before


# Failures


def test_an_unforeseen_error_late_in_a_run_leaves_results_together_with_a_summary(clip, tmp_path, monkeypatch):
    def broken(self, moment):
        if moment.frame.index == 5:
            raise ZeroDivisionError("late")
        return ()

    monkeypatch.setattr(EventFinder, "__call__", broken)
    refused("process", clip, "-o", "o.mp4", *QUICK)
    assert json.loads((tmp_path / "o.summary.json").read_text())["outcome"] == "failed"
    assert {"o.mp4", "o.gmm.csv"} <= set(names_in(tmp_path))


def test_a_run_that_fails_replaces_nothing_and_what_it_had_is_kept(clip, tmp_path, monkeypatch):
    assert call("process", clip, "-o", "o.mp4", *QUICK).exit_code == 0
    before = contents(tmp_path)

    def broken(*_, **__):
        raise ZeroDivisionError("in the summary")

    monkeypatch.setattr("tracker.jobs.result.summarize", broken)
    result = call("process", clip, "-o", "o.mp4", "--overwrite", *QUICK)
    assert result.exit_code == 1
    assert "kept as o.recovered-1.mp4 and 3 more" in result.stderr
    assert contents(tmp_path).items() >= before.items()
    assert frames_in(tmp_path / "o.recovered-1.mp4") == 12
    assert not list(tmp_path.glob("*.part*"))


def start(*arguments, **options):
    asked = [sys.executable, "-m", "tracker", *map(str, arguments)]
    return subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def wait_for(folder, pattern, process):
    """Until a file is there, or the process has ended."""
    until = time.monotonic() + 60
    while not any(folder.glob(pattern)) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)


@unix
def test_a_disk_that_is_full_gives_no_final_name_and_tells_the_first_failure_and_the_room(tmp_path):
    import resource

    clip = write_video(tmp_path / "clip.mp4", draw_noise(15, (320, 240)))
    limit = 100_000  # no file may be larger, as on a full disk

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    running = start("process", clip, "-o", tmp_path / "o.mp4", *QUICK, preexec_fn=small)
    _, stderr = running.communicate(timeout=120)
    assert running.returncode == 1
    kept, line = stderr.strip().splitlines()
    assert "o.mp4: cannot be written (File too large)" in line
    assert "MB are free" in line
    assert "kept as" in kept
    left = names_in(tmp_path)
    assert left[0] == "clip.mp4"
    assert all(name.startswith("o.recovered-1.") for name in left[1:])


@unix
def test_a_disk_that_is_full_from_the_first_byte_is_left_as_it_was(clip, tmp_path):
    import resource

    (tmp_path / "out").mkdir()
    running = start(
        "process", clip, "-o", tmp_path / "out" / "o.mp4", *QUICK,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )  # fmt: skip
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "cannot be written (File too large)" in stderr
    assert names_in(tmp_path / "out") == []


# Ends


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """Too long to end before it is asked to."""
    quick = {"preset": "ultrafast", "g": "1000"}
    return write_video(tmp_path_factory.mktemp("long") / "long.mp4", draw_noise(1) * 20_000, options=quick)


@unix
@pytest.mark.parametrize(("name", "times"), [("SIGINT", 1), ("SIGINT", 20), ("SIGTERM", 1), ("SIGHUP", 2)])
def test_whatever_signal_comes_however_often_there_is_one_orderly_end(long_clip, tmp_path, name, times):
    number = getattr(signal, name)
    running = start("compare", long_clip, "-o", tmp_path, *QUICK)
    wait_for(tmp_path, "compare.gmm.part*", running)
    for _ in range(times):
        running.send_signal(number)
        time.sleep(0.005)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 128 + number, stderr
    assert stderr.strip().splitlines() == ["tracker: interrupted"]
    summary = json.loads((tmp_path / "compare.json").read_text())
    assert summary["outcome"] == "interrupted"
    assert frames_in(tmp_path / "compare.mp4") == summary["frames"] > 0
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert not list(tmp_path.glob("*.part*"))


@unix
@pytest.mark.parametrize("after_s", [0.1, 0.3, 0.8])
def test_ctrl_c_while_it_starts_is_one_line_and_leaves_nothing(long_clip, tmp_path, after_s):
    running = start("process", long_clip, "-o", tmp_path / "o.mp4")
    time.sleep(after_s)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    started = f"{os.sep}__main__.py" in stderr  # `-m` reads the package before that
    if "Fatal Python error" not in stderr and (started or "Traceback" not in stderr):
        assert "Traceback" not in stderr
        assert running.returncode in (130, -signal.SIGINT), stderr
    assert names_in(tmp_path) == []


@unix
@pytest.mark.slow  # it waits two seconds
def test_a_folder_that_a_script_has_locked_does_not_hold_up_the_run(clip, tmp_path):
    import fcntl

    (tmp_path / "out").mkdir()
    descriptor = os.open(tmp_path / "out", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # as `flock out tracker process ...` does
    try:
        assert call("process", clip, "-o", "out/o.mp4", *QUICK).exit_code == 0
    finally:
        os.close(descriptor)


@unix
@pytest.mark.parametrize("closed", [(0,), (2,), (0, 1, 2)])
def test_a_run_whose_standard_streams_are_closed_writes_whole_files(clip, tmp_path, closed):
    def close():
        for number in closed:
            os.close(number)

    asked = [sys.executable, "-m", "tracker", "process", str(clip), "-o", "o.mp4", *QUICK]
    assert subprocess.run(asked, preexec_fn=close, timeout=60).returncode == 0
    assert frames_in(tmp_path / "o.mp4") == 12
    assert json.loads((tmp_path / "o.summary.json").read_text())["frames"] == 12


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("options", [("--help",), ("--version",), ("process", "--help")], ids=" ".join)
def test_a_help_that_finds_no_room_is_one_line(options):
    with open("/dev/full", "w") as full:
        asked = [sys.executable, "-m", "tracker", *options]
        ended = subprocess.run(asked, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == "tracker: error: stdout cannot be written (No space left on device)\n"


@unix
def test_a_help_whose_reader_has_gone_says_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe:
        ended = subprocess.run(
            [sys.executable, "-m", "tracker", "process", "--help"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert ended.stderr == ""


@unix
def test_a_signal_that_the_caller_ignores_stays_ignored(long_clip, tmp_path):
    running = start(
        "process", long_clip, "-o", tmp_path / "o.mp4", *QUICK, "--max-frames", 400,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    wait_for(tmp_path, "o.gmm.part*", running)
    running.send_signal(signal.SIGHUP)
    running.communicate(timeout=60)
    assert running.returncode == 0
    assert json.loads((tmp_path / "o.summary.json").read_text())["frames"] == 400


@unix
def test_a_killed_run_is_found_by_the_next_and_a_living_one_is_not_disturbed(long_clip, tmp_path):
    running = start("process", long_clip, "-o", tmp_path / "o.mp4", *QUICK)
    wait_for(tmp_path, "o.gmm.part*csv", running)
    assert "is being written by another run" in refused("process", long_clip, "-o", tmp_path / "o.mp4", *QUICK)
    for pattern in ("o.part*mp4", "o.gmm.part*csv"):
        (part,) = tmp_path.glob(pattern)
        end = time.monotonic() + 60
        while not part.stat().st_size:
            assert time.monotonic() < end, f"nothing comes into {part}"
            time.sleep(0.02)
    running.kill()
    running.communicate(timeout=60)
    result = call("process", long_clip, "-o", tmp_path / "o.mp4", *QUICK, "--max-frames", 5)
    assert result.exit_code == 0, result.output
    assert "what a run that was killed had written is kept as" in result.stderr
    rows = (tmp_path / "o.recovered-1.gmm.csv").read_text()
    assert rows.startswith("frame,")
    assert rows.endswith("\n")
    assert (tmp_path / "o.recovered-1.mp4").exists()
    assert not list(tmp_path.glob("*.part*"))
    assert frames_in(tmp_path / "o.mp4") == 5


@unix
def test_the_processes_of_an_evaluation_end_with_it(long_clip, tmp_path):
    (tmp_path / "gt.txt").write_text("".join(f"{n},1,1,1,10,10,1,1,1\n" for n in range(1, 19_000)))
    running = start("evaluate", long_clip, "--truth", tmp_path / "gt.txt", "--lanes", "gmm,knn", "--jobs", 2)
    until = time.monotonic() + 60
    while len(children(running.pid)) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    started = children(running.pid)
    assert len(started) >= 2
    time.sleep(0.5)
    running.send_signal(signal.SIGTERM)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in stderr
    until = time.monotonic() + 10  # multiprocessing's own helper ends a moment after the others
    while any(alive(pid) for pid in started) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in started)


def evaluation(clip, folder):
    """A running evaluation of two lanes, and the processes that it has just started."""
    (folder / "gt.txt").write_text("".join(f"{n},1,1,1,10,10,1,1,1\n" for n in range(1, 19_000)))
    asked = ("evaluate", clip, "--truth", folder / "gt.txt", "--lanes", "gmm,knn", "--jobs", 2, "-o", folder / "o.json")
    running = start(*asked, start_new_session=True)
    until = time.monotonic() + 60
    while not (lanes := spawned(running.pid)) and time.monotonic() < until:
        time.sleep(0.002)
    return running, lanes


@unix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_signal_to_the_whole_group_while_the_processes_of_an_evaluation_start_is_heard_once(
    long_clip, tmp_path, number
):
    running, _ = evaluation(long_clip, tmp_path)
    os.killpg(running.pid, number)  # as a terminal does
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 128 + number, stderr
    assert stderr.strip().splitlines()[-1] == "tracker: interrupted"
    assert "rror" not in stderr  # no process that ended by itself, no traceback
    assert names_in(tmp_path) == ["gt.txt"]


@unix
def test_a_process_of_an_evaluation_that_is_killed_while_it_starts_is_a_failure_and_holds_up_nothing(
    long_clip, tmp_path
):
    running, lanes = evaluation(long_clip, tmp_path)
    os.kill(lanes[0], signal.SIGKILL)
    until = time.monotonic() + 60
    while len(lanes := {*lanes, *spawned(running.pid)}) < 2 and time.monotonic() < until:
        time.sleep(0.002)
    for pid in lanes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 1
    assert stderr.count("its process ended with code -9") == 2


@unix
def test_a_library_that_makes_an_error_of_an_interruption_does_not_hide_it(clip, monkeypatch):
    def imported(*_, **__):
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        raise RuntimeError("SchemaError: KeyboardInterrupt")

    monkeypatch.setattr("tracker.jobs.process", imported)
    result = call("process", clip, "-o", "o.mp4", *QUICK)
    assert (result.exit_code, result.stderr) == (128 + signal.SIGTERM, "tracker: interrupted\n")


@unix
def test_a_signal_keeps_its_exit_code_whatever_it_interrupted():
    # Python ends by SIGINT if a KeyboardInterrupt ever left an `exec` of text, as imports make one
    program = """
import sys, tracker.cli
def cli(prog_name):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        sys.exit(143)
tracker.cli.cli = cli
from tracker.__main__ import main
main()
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 143


def spawned(pid):
    """The processes that multiprocessing has started, without its own."""
    psutil = pytest.importorskip("psutil")
    found = []
    for child in children(pid):
        with contextlib.suppress(psutil.Error):
            if "spawn_main" in " ".join(psutil.Process(child).cmdline()):
                found.append(child)
    return found


def children(pid):
    psutil = pytest.importorskip("psutil")
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def alive(pid):
    psutil = pytest.importorskip("psutil")
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@unix
@pytest.mark.parametrize("where", ["closed", "full"])
def test_a_stdout_that_takes_nothing_is_no_error_after_success(clip, tmp_path, where):
    if where == "full" and not os.path.exists("/dev/full"):
        pytest.skip("needs a device that is always full")
    command = f'"{sys.executable}" -m tracker process clip.mp4 -o o.mp4 --lanes gmm ' + (
        ">&-" if where == "closed" else "> /dev/full"
    )
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr
    assert (tmp_path / "o.summary.json").exists()


@unix
def test_a_name_that_is_no_text_and_a_plain_locale(clip, tmp_path):
    odd = os.path.join(os.fsencode(tmp_path), "caf\xe9-über.mp4".encode("latin-1"))
    os.rename(clip, odd)
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "compare", odd, "-o", "c", *QUICK],
        cwd=tmp_path, env=os.environ | {"LC_ALL": "C"}, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "c" / "compare.json").read_text())["outcome"] == "complete"
    assert (tmp_path / "c" / "report.html").exists()
