"""Workers of a pool are asked to take part in shards; whatever Prefect does, the run goes on (docs/decisions/0023-shards.md)."""

from contextlib import contextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Crashed, Running, Scheduled

from flows import shard_helpers
from flows.shard_helpers import ShardHelpers, ask_workers, count_takers
from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.planning.workers import WorkersNotCounted
from tasks.workers import pools

REQUEST = RunRequest("sentiment", date(2026, 11, 1), shards=8, rerun=True)


class PoolOfFlowRuns:
    """Stands for a Prefect server: flow runs by key, and their states."""

    def __init__(self) -> None:
        self.keys: dict[str, UUID] = {}
        self.given: list[dict[str, Any]] = []
        self.states: dict[UUID, State[Any]] = {}
        self.away = False
        self.deployed = True
        self.most: int | None = None

    def read_deployment_by_name(self, _name: str) -> SimpleNamespace:
        """Find the deployment, if there is one."""
        if not self.deployed:
            raise ObjectNotFound(http_exc=Exception("404"))
        return SimpleNamespace(id=uuid4())

    def create_flow_run_from_deployment(
        self, _deployment: UUID, *, parameters: dict[str, Any], idempotency_key: str, tags: list[str]
    ) -> SimpleNamespace:
        """Make a flow run, or find that of the key."""
        assert "shard" in tags
        if len(self.keys) == self.most:
            raise ObjectNotFound(http_exc=Exception("404"))
        if idempotency_key not in self.keys:
            self.keys[idempotency_key] = new = uuid4()
            self.given.append(parameters)
            self.states[new] = Scheduled()
        found = self.keys[idempotency_key]
        return SimpleNamespace(id=found, state=self.states[found])

    def read_flow_run(self, flow_run_id: UUID) -> SimpleNamespace:
        """Read a flow run, unless the server is away."""
        if self.away:
            msg = "away"
            raise httpx.ConnectError(msg)
        return SimpleNamespace(state=self.states[flow_run_id])

    def set_flow_run_state(self, flow_run_id: UUID, state: State[Any]) -> None:
        """Take a state."""
        self.states[flow_run_id] = state


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> PoolOfFlowRuns:
    """Let `get_client` give the pool, and looking be due at once."""
    pool = PoolOfFlowRuns()

    @contextmanager
    def client(**_: object) -> Any:  # noqa: ANN401  what a generator of a context manager is
        yield pool

    monkeypatch.setattr(shard_helpers, "get_client", client)
    monkeypatch.setattr(pools, "get_client", client)
    monkeypatch.setattr(shard_helpers, "LOOK_SECONDS", 0.0)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    return pool


def test_as_many_are_asked_as_there_are_workers_and_told_off_at_the_end(pool: PoolOfFlowRuns) -> None:
    """They get the input and a shard to begin with, and nothing of what the whole run alone decides."""
    with ask_workers(Settings(gpu_workers=3))(REQUEST, uuid4(), 8) as look:
        assert [given["shard"] for given in pool.given] == [2, 3, 4]
        assert {(given["shards"], given["rerun"]) for given in pool.given} == {(None, False)}
        first, second, third = pool.states
        pool.states[first], pool.states[second] = Running(), Completed()
        assert look()  # the third is yet to come
    kinds = [pool.states[one].type.value for one in (first, second, third)]
    assert kinds == ["RUNNING", "COMPLETED", "CANCELLED"]


def test_a_crashed_one_is_asked_again_twice(pool: PoolOfFlowRuns) -> None:
    """Its process or machine is gone; whoever crashes each time is left alone."""
    helpers = ShardHelpers(cast("SyncPrefectClient", pool), uuid4(), REQUEST, "key")
    helpers.ask(1)
    for _ in range(5):
        newest = list(pool.states)[-1]
        pool.states[newest] = Crashed()
        helpers.look()
    assert len(pool.given) == 3


def test_a_run_needs_no_prefect(pool: PoolOfFlowRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a deployment, with a server that goes away, and without one, the shards are answered all the same."""
    ask = ask_workers(Settings(gpu_workers=3))
    pool.deployed = False
    with ask(REQUEST, uuid4(), 8) as look:
        look()
    pool.deployed = True
    with ask(REQUEST, uuid4(), 8) as look:
        pool.away = True
        look()
    assert len(pool.given) == 3
    monkeypatch.setattr(shard_helpers, "prefect_api_is_set", lambda: False)
    with ask(REQUEST, uuid4(), 8) as look:
        look()
    assert len(pool.given) == 3


def test_nobody_is_counted_who_could_not_be_asked(
    pool: PoolOfFlowRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers of the pool, as many as are online or are set; this process alone without a deployment, a server, or anybody online."""
    online = 4
    monkeypatch.setattr(pools, "_count_online", lambda: online)
    assert count_takers("sentiment", Settings()) == 4
    assert count_takers("sentiment", Settings(gpu_workers=2)) == 2
    online = 0
    assert count_takers("sentiment", Settings(gpu_workers=2)) == 1
    online, pool.deployed = 4, False
    with pytest.raises(WorkersNotCounted, match=r"not deployed|deploy.*: counted as one worker"):
        count_takers("sentiment", Settings())
    pool.deployed = True

    def too_slow() -> int:
        msg = "slow"
        raise httpx.ReadTimeout(msg)

    monkeypatch.setattr(pools, "_count_online", too_slow)
    with pytest.raises(WorkersNotCounted, match="did not answer in 5 s: counted as one worker"):
        count_takers("sentiment", Settings())
    monkeypatch.setattr(shard_helpers, "prefect_api_is_set", lambda: False)
    assert count_takers("sentiment", Settings()) == 1


def test_those_that_were_asked_before_the_deployment_went_are_told_off(pool: PoolOfFlowRuns) -> None:
    """It was deleted between two of them: the run goes on alone, and leaves nobody behind who waits for a worker."""
    pool.most = 2
    with ask_workers(Settings(gpu_workers=3))(REQUEST, uuid4(), 8) as look:
        look()
        assert [state.type.value for state in pool.states.values()] == ["CANCELLED"] * 2
