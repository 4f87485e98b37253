"""The engine of Ray, before a Ray of the test's own making: how far ahead it reads, what it asks for, what it says."""

import socket
import sys
from types import SimpleNamespace

import pytest

from tracker import __version__
from tracker.engines import Done, Needs
from tracker.engines import ray as engine
from tracker.engines.ray import RayEngine
from tracker.errors import MissingExtraError, SettingsError, SourceError, TrackerError


class CrashError(Exception):
    pass


class FullError(CrashError):
    pass


class FakeRay:
    """Nodes that do one task after another, when they are waited for."""

    def __init__(self, *nodes):
        self.alive = list(nodes)
        self.pending, self.most_pending, self.cancelled, self.asked, self.inits = {}, 0, [], {}, []
        self.joined = True
        kinds = dict.fromkeys(("RayError", "WorkerCrashedError", "NodeDiedError", "LocalRayletDiedError"), CrashError)
        self.exceptions = SimpleNamespace(OutOfMemoryError=FullError, **kinds)

    def is_initialized(self):
        return self.joined

    def init(self, address, **named):
        self.inits.append((address, named))
        if isinstance(self.alive, Exception):
            raise self.alive
        self.joined = True

    def shutdown(self):
        self.joined = False

    def nodes(self):
        return [{"Alive": True, "Resources": resources} for resources in self.alive]

    def remote(self, work):
        def submit(*arguments):
            ref = object()
            self.pending[ref] = (work, arguments)
            self.most_pending = max(self.most_pending, len(self.pending))
            return ref

        def options(**named):
            self.asked = named
            return SimpleNamespace(remote=submit)

        return SimpleNamespace(options=options)

    def wait(self, refs, *, num_returns, timeout):
        return (refs[:1], refs[1:]) if num_returns == 1 else (refs[:2], refs[2:])

    def get(self, ref):
        work, arguments = self.pending.pop(ref)
        return work(*arguments)

    def cancel(self, ref, *, force):
        assert force  # a run that hears Ctrl+C writes what it has so far
        self.cancelled.append(ref)


@pytest.fixture(autouse=True)
def _attempt_one(monkeypatch):
    monkeypatch.setattr(engine, "_attempts_so_far", lambda: 1)


def made(monkeypatch, *nodes, **named):
    fake = FakeRay(*nodes)
    monkeypatch.setattr(engine, "_ray", lambda: fake)
    return fake, RayEngine(**named)


def square(number):
    if number < 0:
        raise SourceError(f"{number}: below nought")
    return number * number


def test_every_task_has_its_outcome_and_an_error_is_one_line_of_its_task_alone(monkeypatch):
    _, cluster = made(monkeypatch, {"CPU": 2.0})
    outcomes = {done.task: done for done in cluster.map(square, [1, -2, 3])}
    assert outcomes == {1: Done(1, 1), -2: Done(-2, None, "-2: below nought"), 3: Done(3, 9)}


def test_20_000_clips_do_not_become_20_000_pending_tasks(monkeypatch):
    fake, cluster = made(monkeypatch, {"CPU": 4.0}, {"CPU": 1.0})
    read = []

    def tasks():
        for number in range(20_000):
            read.append(number)
            yield number

    for count, _ in enumerate(cluster.map(square, tasks()), 1):
        assert len(read) <= count + 10
    assert count == 20_000
    assert fake.most_pending == 10


def test_no_more_run_at_a_time_than_were_asked_for(monkeypatch):
    for joined, address in ((True, None), (True, "auto"), (False, "auto")):
        fake = FakeRay({"CPU": 8.0})
        fake.joined = joined
        monkeypatch.setattr(engine, "_ray", lambda fake=fake: fake)
        list(RayEngine(address, workers=3).map(square, range(50)))
        assert fake.most_pending == 3


def test_what_is_pending_follows_the_nodes(monkeypatch):
    monkeypatch.setattr(engine, "COUNTED_EVERY_S", 0)
    fake, cluster = made(monkeypatch, {"CPU": 2.0})
    outcomes = cluster.map(square, iter(range(1000)))
    seen = []
    for nodes in ([{"CPU": 2.0}], [{"CPU": 2.0}, {"CPU": 3.0}], [{"CPU": 1.0}], []):
        fake.alive = nodes
        for _ in range(20):
            next(outcomes)
        seen.append(len(fake.pending))
    outcomes.close()
    assert seen == pytest.approx([4, 10, 2, 1], abs=2)


def test_a_share_of_the_nodes_is_counted_by_what_is_scarcest_on_each(monkeypatch):
    nodes = (
        {"CPU": 8.0, "GPU": 1.0, "memory": 16e9},
        {"CPU": 8.0, "memory": 16e9},
        {"CPU": 1.0, "GPU": 4.0, "memory": 4e9},
    )
    for needs, room in (
        (Needs(), 17),
        (Needs(cores=0.5), 34),
        (Needs(cores=3), 4),
        (Needs(cores=1, memory_mb=5000), 6),
        (Needs(cores=0.25, gpus=0.25), 8),
    ):
        _, cluster = made(monkeypatch, *nodes, needs=needs)
        assert cluster.workers == room
    assert made(monkeypatch, *nodes, workers=3)[1].workers == 3


def test_ray_is_asked_for_what_a_task_needs_and_to_begin_it_again(monkeypatch):
    fake, cluster = made(monkeypatch, {"CPU": 8.0, "GPU": 1.0, "memory": 9e9}, needs=Needs(2, 3000, 0.5))
    list(cluster.map(square, [1]))
    asked = {"num_cpus": 2, "num_gpus": 0.5, "memory": 3_000_000_000, "max_retries": 2, "retry_exceptions": False}
    assert fake.asked == asked | {"name": "tracker"}


def test_closing_the_iteration_cancels_what_is_pending(monkeypatch):
    fake, cluster = made(monkeypatch, {"CPU": 4.0})
    outcomes = cluster.map(square, range(100))
    next(outcomes)
    pending = set(fake.pending)
    outcomes.close()
    assert set(fake.cancelled) == pending
    assert fake.joined  # it was there before


def test_ctrl_c_while_it_waits_cancels_and_is_passed_on(monkeypatch):
    fake, cluster = made(monkeypatch, {"CPU": 4.0})

    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    fake.wait = interrupted
    with pytest.raises(KeyboardInterrupt):
        list(cluster.map(square, range(100)))
    assert len(fake.cancelled) == 8


@pytest.mark.parametrize("kind", [CrashError, FullError])
def test_a_task_whose_worker_dies_every_time_is_a_problem_in_one_line(monkeypatch, kind):
    fake, cluster = made(monkeypatch, {"CPU": 4.0})

    def crashed(ref):
        fake.pending.pop(ref)
        raise kind("The worker\ndied")

    fake.get = crashed
    (done,) = cluster.map(square, [1])
    assert (done.value, done.attempts) == (None, 3)
    assert "\n" not in done.problem
    assert "3 times" in done.problem


def test_a_cluster_that_has_gone_is_no_problem_of_a_task(monkeypatch):
    fake, cluster = made(monkeypatch, {"CPU": 4.0})

    def crashed(ref):
        fake.alive = []
        raise CrashError("The node died")

    fake.get = crashed
    with pytest.raises(TrackerError, match="the cluster of Ray has gone; start it and run this again"):
        list(cluster.map(square, range(100)))


def test_a_node_with_another_version_does_no_task(monkeypatch):
    _, cluster = made(monkeypatch, {"CPU": 4.0})
    monkeypatch.setattr(engine, "__version__", "0.0")
    (done,) = cluster.map(square, [1])
    assert done.value == 1  # driver and node have the same
    _, problem, _ = engine._attempt(square, 1, __version__)
    assert problem == f"a node has tracker 0.0, and the driver {__version__}; install the same everywhere"


def test_a_cluster_without_room_is_said_once_and_asked_all_the_same(monkeypatch):
    monkeypatch.setattr(engine, "COUNTED_EVERY_S", 0)
    said = []
    fake, cluster = made(monkeypatch, {"CPU": 1.0}, needs=Needs(4, 2000, 1), notify=said.append)
    list(cluster.map(square, range(5)))
    assert said == ["no node of the cluster has room for a task (4 cores, 2,000 MB, 1 GPUs): waiting for one"]
    assert fake.most_pending == 1


def test_a_ray_of_our_own_is_quiet_and_refuses_a_task_without_room(monkeypatch):
    fake = FakeRay({"CPU": 2.0})
    fake.joined = False
    monkeypatch.setattr(engine, "_ray", lambda: fake)
    with pytest.raises(SettingsError, match="a task takes 4 cores, which this machine has not"):
        RayEngine(needs=Needs(4))
    ((address, named),) = fake.inits
    assert address == "local"
    assert (named["include_dashboard"], named["log_to_driver"]) == (False, False)
    assert not fake.joined
    cluster = RayEngine(workers=3, needs=Needs(0.5))
    assert fake.inits[-1][1]["num_cpus"] == 2
    list(cluster.map(square, range(5)))
    assert not fake.joined
    assert len(list(cluster.map(square, range(5)))) == 5


def test_an_address_without_a_cluster_is_said_in_one_line(monkeypatch):
    fake = FakeRay()
    fake.joined, fake.alive = False, ConnectionError("Could not find any running Ray instance.\nPlease start one")
    monkeypatch.setattr(engine, "_ray", lambda: fake)
    with pytest.raises(SettingsError) as caught:
        RayEngine("auto")
    assert str(caught.value) == (
        "auto: no cluster of Ray there (Could not find any running Ray instance); see that its head runs (docs/scaling.md)"
    )


def test_an_address_at_which_nothing_listens_is_said_at_once(monkeypatch):
    fake = FakeRay()
    fake.joined = False
    monkeypatch.setattr(engine, "_ray", lambda: fake)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        for address in (f"ray://127.0.0.1:{port}", f"127.0.0.1:{port}"):
            with pytest.raises(SettingsError, match=r"no cluster of Ray there .*refused.*; see that its head runs"):
                RayEngine(address)
    assert fake.inits == []


def test_an_address_of_a_client_needs_its_library(monkeypatch):
    fake = FakeRay()
    fake.joined, fake.alive = False, ValueError("Ray Client requires pip package `ray[client]`. If you")
    monkeypatch.setattr(engine, "_ray", lambda: fake)
    monkeypatch.setattr(engine, "_reach", lambda address: None)
    with pytest.raises(MissingExtraError, match=r"ray:// needs ray\[client\]"):
        RayEngine("ray://head:10001")


def test_a_cluster_that_asks_for_a_token_is_told_by_its_cause(monkeypatch):
    fake = FakeRay()
    fake.joined, fake.alive = False, ConnectionError("Failed to connect to Ray cluster at 192.0.2.2:6390")
    fake.alive.__cause__ = RuntimeError("RPC error: InvalidAuthToken: missing")
    monkeypatch.setattr(engine, "_ray", lambda: fake)
    with pytest.raises(SettingsError, match=r"it asks for a token.*; set RAY_AUTH_MODE=token"):
        RayEngine("auto")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            "Traceback\nModuleNotFoundError: No module named 'tracker'",
            f"a node has no tracker; install tracker {__version__} on all of them",
        ),
        (
            "Traceback\nModuleNotFoundError: No module named 'clips'",
            "Ray: ModuleNotFoundError: No module named 'clips'",
        ),
    ],
)
def test_what_a_node_lacks_is_said(monkeypatch, words, problem):
    fake, cluster = made(monkeypatch, {"CPU": 1.0})
    fake.exceptions.RayError = LookupError

    def failed(ref):
        fake.pending.pop(ref)
        raise LookupError(words)

    fake.get = failed
    assert list(cluster.map(square, [1])) == [Done(1, None, problem, 1)]


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"--engine ray needs ray; .*rnnem-tracker\[cluster\]"):
        RayEngine()
