"""The engine of Ray on a Ray: nodes and workers that die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray")
HERE = Path(__file__).parent
pytestmark = pytest.mark.slow
"""a Ray takes seconds to start"""


def driver(body, *arguments, **environment):
    """A process of its own, as a Ray stays in the process that started it."""
    path = os.pathsep.join([str(HERE), *sys.path])
    text = "import sys, ray_work\nfrom tracker.engines import Needs\nfrom tracker.engines.ray import RayEngine\n" + body
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        env={**{k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_ray_of_this_machine_is_quiet_and_ends_with_its_tasks(tmp_path):
    """In one go, as each start takes seconds: outcomes, a worker that is killed once and always, threads, the end."""
    process = driver(
        "engine = RayEngine(workers=2, needs=Needs(cores=2))\n"
        "tasks = [('square', 1), ('square', -2), ('die_once', sys.argv[1]), ('die', 0), ('threads', 0), ('square', lambda: 0)]\n"
        "for done in sorted(engine.map(ray_work.do, tasks), key=lambda done: str(done.task)):\n"
        "    print(done.value, '|', done.problem, '|', done.attempts)\n",
        tmp_path,
    )
    out, err = process.communicate(timeout=120)
    assert err == ""
    lines = out.splitlines()
    assert lines[:4] == [
        "None | its worker or node died, 3 times; out of memory? | 3",
        "done | None | 2",
        "None | -2: below nought | 1",
        "1 | None | 1",
    ]
    assert lines[4].startswith("None | unexpected TypeError")
    assert lines[5:] == ["2 | None | 1"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads its memory in /proc")
def test_the_driver_takes_no_memory_for_20_000_clips_that_wait():
    process = driver(
        "def used_mb():\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * 4096 / 1e6\n"
        "tasks = (('length', str(number).zfill(1000)) for number in range(20_000))\n"
        "for count, _ in enumerate(RayEngine(workers=2).map(ray_work.do, tasks), 1):\n"
        "    if count in (2_000, 20_000):\n"
        "        print(used_mb())\n"
    )
    out, err = process.communicate(timeout=300)
    assert err == ""
    early, late = map(float, out.splitlines())
    assert late - early < 25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_driver(tmp_path, number):
    process = driver("list(RayEngine(workers=2).map(ray_work.wait_and_tell, sys.argv[1:] * 2))\n", tmp_path)
    until(lambda: len(list(tmp_path.iterdir())) == 2)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    if number == signal.SIGINT:
        assert err.splitlines()[-1] == "KeyboardInterrupt"
    until(lambda: all(gone(int(path.name)) for path in tmp_path.iterdir()))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="tells by /proc which processes live")
def test_a_task_whose_node_dies_is_begun_again_on_another(tmp_path):
    process = driver(
        "import threading, time\n"
        "from pathlib import Path\n"
        "from ray.cluster_utils import Cluster\n"
        "folder = Path(sys.argv[1])\n"
        "cluster = Cluster(initialize_head=True, head_node_args={'num_cpus': 1, 'include_dashboard': False})\n"
        "node = cluster.add_node(num_cpus=1)\n"
        "def end_one():\n"
        "    while len(list(folder.iterdir())) < 2:\n"
        "        time.sleep(0.02)\n"
        "    cluster.remove_node(node, allow_graceful=False)\n"
        "    while all(Path('/proc', path.suffix[1:]).exists() for path in folder.iterdir()):\n"
        "        time.sleep(0.02)\n"  # a worker lives on for a moment and could end its task
        "    (folder / 'go').touch()\n"
        "engine = RayEngine(cluster.address)\n"
        "assert engine.workers == 2\n"
        "threading.Thread(target=end_one).start()\n"
        "outcomes = list(engine.map(ray_work.wait_for_go, [(sys.argv[1], number) for number in range(4)]))\n"
        "print(sorted(done.value for done in outcomes), sorted(done.attempts for done in outcomes))\n"
        "cluster.shutdown()\n",
        tmp_path,
    )
    out, err = process.communicate(timeout=180)
    assert err == ""
    assert out.splitlines()[-1] == "[0, 1, 2, 3] [1, 1, 1, 2]"
    begun = [path.name.split(".")[0] for path in tmp_path.iterdir() if path.name != "go"]
    assert len(begun) == 5


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def until(true, *, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
