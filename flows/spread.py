"""Spreads a backfill over the workers of a pool: one run of the workload's deployment for each partition."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectException

from flows.deploy import api_url
from models.backfill import Outcome, Step
from models.errors import BreakevenError, UsageError
from models.settings import Settings
from tasks.backfill import Ask, last_result

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 600.0
"""How long a Prefect server may be away, while it is restarted, before the backfill gives up waiting for it."""


@dataclass(frozen=True, slots=True)
class _Out:
    """A partition that a worker has, or will have."""

    step: Step
    flow_run_id: UUID


class Spread:
    """Hands out partitions, `parallel` at a time, and waits for their runs.

    Each run has an idempotency key made of partition, fingerprint and the runs that the ledger knows of it: a
    second backfill of the same range finds the runs of the first one instead of making more, and a
    partition that failed is tried again by the next backfill.
    """

    def __init__(self, settings: Settings, parallel: int) -> None:
        self._settings = settings
        self._parallel = parallel
        self._away_since: float | None = None

    def __call__(self, ask: Ask, steps: Sequence[Step]) -> Iterator[Outcome]:
        """Yield the outcome of each step as its run ends. Raises `UsageError` where nothing is deployed."""
        url = api_url()
        waiting, out = list(reversed(steps)), list[_Out]()
        with get_client(sync_client=True) as client:
            deployment = self._deployment(client, ask.workload, url)
            while waiting or out:
                while waiting and len(out) < self._parallel:
                    step = waiting.pop()
                    out.append(_Out(step, self._start(client, deployment, ask, step)))
                for one in list(out):
                    if (outcome := self._outcome(client, ask, one)) is not None:
                        out.remove(one)
                        yield outcome
                if out:
                    time.sleep(POLL_SECONDS)

    def _deployment(self, client: SyncPrefectClient, workload: str, url: str) -> UUID:
        try:
            return client.read_deployment_by_name(f"{workload}/{workload}").id
        except ObjectNotFound as error:
            msg = f"{workload} is not deployed at {url}: run `make deploy`"
            raise UsageError(msg) from error
        except httpx.HTTPError as error:
            msg = f"no Prefect API answers at {url} ({type(error).__name__}): start one with `make server`"
            raise UsageError(msg) from error

    def _start(self, client: SyncPrefectClient, deployment: UUID, ask: Ask, step: Step) -> UUID:
        """Ask for a run; one that has the same key and ended badly without a trace in the ledger is followed by another."""
        from flows.backfill import parameters_of  # noqa: PLC0415  it imports us

        given = {
            name: str(value) if name == "partition" else value
            for name, value in parameters_of(ask, step).items()
        }
        key = idempotency_key(ask.workload, step, last_result(self._settings, ask.workload, step).runs)
        while True:
            run = client.create_flow_run_from_deployment(
                deployment, parameters=given, idempotency_key=key, tags=["breakeven", "backfill"]
            )
            state = run.state
            if state is None or not state.is_final() or state.is_completed():
                return run.id
            key = f"{key}/{run.id}"

    def _outcome(self, client: SyncPrefectClient, ask: Ask, one: _Out) -> Outcome | None:
        """Say how a run ended, from the ledger; None while it has not, or while the server is away."""
        run = self._read(client, one.flow_run_id)
        if run is None or run.state is None or not run.state.is_final():
            return None
        partition = one.step.partition
        if run.state.is_completed():
            return last_result(self._settings, ask.workload, one.step).outcome
        error = str(run.state.message or run.state.name).partition("\n")[0]
        return Outcome(ask.workload, partition, "failed", error=error)

    def _read(self, client: SyncPrefectClient, flow_run: UUID) -> FlowRun | None:
        try:
            run = client.read_flow_run(flow_run)
        except (httpx.HTTPError, PrefectException) as error:
            now = time.monotonic()
            self._away_since = self._away_since or now
            if now - self._away_since > PATIENCE_SECONDS:
                msg = f"the Prefect API does not answer for {PATIENCE_SECONDS:.0f} s ({type(error).__name__}); the runs go on without"
                raise BreakevenError(msg) from error
            return None
        self._away_since = None
        return run


def idempotency_key(workload: str, step: Step, runs: int) -> str:
    """Name what is asked for: the same for everybody who asks for the same thing before it was tried again."""
    return f"breakeven/{workload}/{step.partition}/{step.fingerprint}/{step.action}/{runs}"
