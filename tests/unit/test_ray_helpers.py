"""A Ray cluster is asked to take part in shards: what it is told, how often, and what is said where it cannot be (docs/ray.md)."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import cloudpickle  # type: ignore[import-untyped]
import pytest
from prefect.context import serialize_context
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed

from flows import ray_helpers
from flows.ray_helpers import count_tasks
from flows.shard_helpers import ask_workers, count_takers
from models.errors import UsageError
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run import helpers
from tasks.runtime.stop_signals import stop_on_signals
from tasks.setup import ray_cluster
from tasks.setup.ray_cluster import check_ray, refuse_without_ray

REQUEST = RunRequest("sentiment", date(2026, 11, 1), "in.jsonl", shards=8, rerun=True)
ON_RAY = Settings(executor="ray", ray_address="127.0.0.1:6379")
SECRET = "breakeven:nobody-may-read-this"  # noqa: S105  a test's own
KIBIBYTES_OF_A_TASK = 16


class StandInCluster:
    """Stands for Ray and for Prefect's task runner: what was submitted, as it would be sent, and how it ended."""

    exceptions = SimpleNamespace(TaskCancelledError=KeyboardInterrupt)

    def __init__(self, **resources: float) -> None:
        self.resources = {"CPU": 4.0, **resources}
        self.sent: list[bytes] = []
        self.given: list[dict[str, Any]] = []
        self.options: dict[str, Any] = {}
        self.init: dict[str, Any] = {}
        self.ended: dict[int, object] = {}
        self.cancelled: list[int] = []

    @contextmanager
    def runner(self, address: str, init_kwargs: dict[str, Any]) -> Iterator["StandInCluster"]:
        """Connect, and take the stop signal, as Ray does."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.init = init_kwargs | {"address": address}
        yield self

    @contextmanager
    def remote_options(self, **options: object) -> Iterator[None]:
        """Take the options of the tasks that are submitted inside."""
        self.options = options
        yield

    def submit(self, task: object, parameters: dict[str, Any]) -> SimpleNamespace:
        """Keep what would be sent."""
        self.sent.append(cloudpickle.dumps((task, parameters, serialize_context())))
        self.given.append(parameters["given"])
        return SimpleNamespace(wrapped_future=len(self.sent))

    def nodes(self) -> list[dict[str, Any]]:
        """List two nodes, and one that has gone."""
        alive = {"Alive": True, "Resources": self.resources}
        return [alive, alive, {"Alive": False, "Resources": self.resources}]

    def wait(self, refs: list[int], **_: object) -> tuple[list[int], list[int]]:
        """Say which have ended."""
        ended = [one for one in refs if one in self.ended or one in self.cancelled]
        return ended, [one for one in refs if one not in ended]

    def get(self, ref: int) -> object:
        """Return how one has ended, or raise it."""
        if ref in self.cancelled:
            raise KeyboardInterrupt
        if isinstance(found := self.ended[ref], Exception):
            raise found
        return found

    def cancel(self, ref: int) -> None:
        """Cancel one."""
        self.cancelled.append(ref)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInCluster]:
    """Let Ray be installed and answer, and Prefect be set up."""
    cluster, before = StandInCluster(), signal.getsignal(signal.SIGTERM)
    package, context = ModuleType("prefect_ray"), ModuleType("prefect_ray.context")
    vars(package)["RayTaskRunner"] = cluster.runner
    vars(context)["remote_options"] = cluster.remote_options
    for name, module in (("prefect_ray", package), ("prefect_ray.context", context), ("ray", cluster)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(ray_cluster, "PACKAGES", ())
    monkeypatch.setattr(ray_helpers, "answers", lambda _: True)
    monkeypatch.setattr(ray_helpers, "LOOK_SECONDS", 0.0)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    yield cluster
    signal.signal(signal.SIGTERM, before)


def test_a_task_is_a_few_names_and_no_secret(cluster: StandInCluster) -> None:
    """It gets the input's place and a shard to begin with; neither settings nor the auth string go to Ray."""
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api", PREFECT_API_AUTH_STRING: SECRET}),
        ask_workers(ON_RAY)(REQUEST, uuid4(), 8) as look,
    ):
        assert look()
    assert [one["shard"] for one in cluster.given] == [2, 3]
    assert {(one["workload"], one["partition"]) for one in cluster.given} == {("sentiment", "2026-11-01")}
    assert all(len(one) < KIBIBYTES_OF_A_TASK * 1024 for one in cluster.sent)
    assert SECRET.encode() not in b"".join(cluster.sent)
    assert SECRET not in repr(cluster.init)
    assert cluster.init["address"] == "127.0.0.1:6379"


def test_a_stop_signal_stays_ours(cluster: StandInCluster) -> None:
    """Ray puts its own answer to SIGTERM in its place, which would end the process between two commits."""
    with stop_on_signals() as stop, ask_workers(ON_RAY)(REQUEST, uuid4(), 8):
        assert cluster.given
        signal.raise_signal(signal.SIGTERM)
        assert stop()


def test_ray_does_not_try_for_ever(cluster: StandInCluster) -> None:
    """A task whose process or node is gone is begun twice more; its process, and what it has of a GPU, ends with it."""
    cluster.resources["GPU"] = 4.0
    with ask_workers(ON_RAY.model_copy(update={"tensor_parallel_size": 2}))(REQUEST, uuid4(), 8):
        assert len(cluster.given) == 4
    assert cluster.options["num_gpus"] == 2
    assert (cluster.options["max_retries"], cluster.options["retry_exceptions"]) == (2, False)
    assert cluster.options["max_calls"] == 1


def test_what_failed_is_said_and_the_rest_is_stopped_at_the_end(
    cluster: StandInCluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that ended is looked at once; one that is still there when all is done is cancelled."""
    monkeypatch.setattr(cluster, "resources", {"GPU": 2.0})
    with ask_workers(ON_RAY)(REQUEST, uuid4(), 8) as look:
        cluster.ended = {1: Completed(), 2: Failed(message="another prompt"), 3: RuntimeError("node\ngone")}
        assert look()
        assert look()
    assert caplog.text.count("another prompt") == 1
    assert caplog.text.count("RuntimeError (node)") == 1
    assert cluster.cancelled == [4]


def test_a_cluster_that_is_away_is_not_waited_for(
    cluster: StandInCluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All shards are answered here then, and a line says why."""
    monkeypatch.setattr(ray_helpers, "answers", lambda _: False)
    with ask_workers(ON_RAY)(REQUEST, uuid4(), 8) as look:
        assert not look()
    assert "127.0.0.1:6379 is not asked, all shards are answered here" in caplog.text
    assert cluster.given == []


def test_a_cluster_without_room_is_said_to_have_none(
    cluster: StandInCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Each node has fewer GPUs than an engine takes: nobody waits for a task that no node can have."""
    cluster.resources["GPU"] = 1.0
    with ask_workers(ON_RAY.model_copy(update={"tensor_parallel_size": 2}))(REQUEST, uuid4(), 8) as look:
        assert not look()
    assert "has room for a task (2 GPUs each), all shards are answered here" in caplog.text


def test_auto_counts_what_the_cluster_is_set_to(
    cluster: StandInCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers of the pool take no part: the tasks that are set, and this process, where a cluster answers."""
    on_ray = ON_RAY.model_copy(update={"gpu_workers": 6})
    assert count_takers("sentiment", on_ray) == 7
    assert count_takers("sentiment", ON_RAY) == 1
    monkeypatch.setattr(ray_helpers, "answers", lambda _: False)
    assert count_takers("sentiment", on_ray) == 1
    assert cluster.given == []


@pytest.mark.parametrize(
    ("settings", "installed", "server", "said"),
    [
        (ON_RAY, False, True, "run `make ray`"),
        (Settings(executor="ray"), True, True, "needs ray_address"),
        (ON_RAY, True, False, "set PREFECT_API_URL"),
    ],
)
def test_what_is_missing_is_said_in_a_line(
    settings: Settings, installed: bool, server: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line says what to do; doctor says the same."""
    monkeypatch.setattr(ray_cluster, "PACKAGES", () if installed else ("no_such_package_here",))
    with pytest.raises(UsageError, match=said) as caught:
        refuse_without_ray(settings, server=server)
    assert "\n" not in str(caught.value)
    (check,) = check_ray(settings, server=server)
    assert (check.state, check.advice) == ("fail", str(caught.value))


def test_doctor_asks_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said where no cluster is set; one that does not answer is a warning, since runs go on without it."""
    monkeypatch.setattr(ray_cluster, "PACKAGES", ())
    assert check_ray(Settings(), server=True) == []
    monkeypatch.setattr(ray_cluster, "answers", lambda _: False)
    assert [one.state for one in check_ray(ON_RAY, server=True)] == ["warn"]


def test_a_run_without_a_flow_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command without a Prefect server has nobody who could hand tasks to Ray."""
    monkeypatch.setattr(ray_cluster, "PACKAGES", ())
    with pytest.raises(UsageError, match="set PREFECT_API_URL"):
        helpers.ask_helpers(REQUEST, uuid4(), 8, ON_RAY)


@pytest.mark.parametrize("address", ["auto", "local", "10.0.0.5", "http://10.0.0.5:6379", "10.0.0.5:6379/x"])
def test_an_address_is_that_of_a_running_cluster(address: str) -> None:
    """For some other words Ray would start a cluster of its own."""
    with pytest.raises(ValueError, match="HOST:PORT"):
        Settings(ray_address=address)


def test_as_many_tasks_as_there_is_room() -> None:
    """By the GPUs of each node, since no engine spans two; without GPUs one a node; a number that is set goes before."""
    nodes: list[dict[str, Any]] = [
        {"Resources": {"CPU": 8.0, "GPU": 3.0}},
        {"Resources": {"CPU": 8.0}},
        {"Resources": {}},
    ]
    assert [count_tasks(Settings(), gpus, nodes) for gpus in (0, 1, 2, 4)] == [2, 3, 1, 0]
    assert count_tasks(Settings(gpu_workers=9), 1, nodes) == 9
