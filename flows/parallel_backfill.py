"""Spreads a backfill over the workers of a pool: one run of the workload's deployment for each partition."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound

from flows.deploy import api_url
from flows.flow_requests import (
    POLL_SECONDS,
    TRIES,
    ask_server,
    find_deployment,
    flow_parameters,
    request_run,
    wait_or_stop,
)
from models.backfill import PartitionOutcome, Step
from models.run import Progress
from models.settings import Settings
from tasks.backfill.request import BackfillRequest
from tasks.backfill.survey import KnownRun, newest_run
from tasks.runtime.progress import report
from tasks.runtime.stop_signals import StopRequest, stop_on_signals
from tasks.setup.prefect_checks import TAG


@dataclass(frozen=True, slots=True)
class _Out:
    """A partition that a worker has, or will have. `key` is what its next try is asked for under."""

    step: Step
    flow_run_id: UUID
    key: str
    tries: int
    since: float


class ParallelBackfill:
    """Hands out partitions, `parallel` at a time, and waits for their runs.

    Two backfills of the same range share their runs: one that is running a partition is waited for, and
    each run is asked for under an idempotency key, see `idempotency_key`. A run that crashed (its process or
    its machine is gone) is asked for again; one that failed is tried again by the next backfill.
    """

    def __init__(self, settings: Settings, parallel: int, poll_seconds: float = POLL_SECONDS) -> None:
        self._settings = settings
        self._parallel = parallel
        self._poll_seconds = poll_seconds

    def __call__(self, ask: BackfillRequest, steps: Sequence[Step]) -> Iterator[PartitionOutcome]:
        """Yield the outcome of each step as its run ends.

        Raises `UsageError` where nothing is deployed, `Interrupted` when it is asked to stop, `DatabaseUnavailable`,
        and `BreakevenError` for a server that stays away; what was handed out by then is run all the same.
        """
        url = api_url()
        waiting, out = list(reversed(steps)), list[_Out]()
        with get_client(sync_client=True) as client, stop_on_signals() as stop:
            deployment = find_deployment(client, ask.workload, url)
            while waiting or out:
                while waiting and len(out) < self._parallel:
                    out.append(self._hand_out(client, deployment, ask, waiting.pop(), stop))
                for place, one in reversed(list(enumerate(out))):
                    state = self._state(client, one.flow_run_id, stop)
                    if state is not None and not state.is_final():
                        self._report(ask, one)
                    elif state is not None and state.is_crashed() and one.tries < TRIES:
                        out[place] = self._again(client, deployment, ask, one, stop)
                    else:
                        del out[place]
                        yield self._outcome(ask, one, state)
                if out:
                    wait_or_stop(self._poll_seconds, stop)

    def _hand_out(
        self, client: SyncPrefectClient, deployment: UUID, ask: BackfillRequest, step: Step, stop: StopRequest
    ) -> _Out:
        """Find the run that is running a partition, or ask for one."""
        key, now = idempotency_key(ask.workload, step), time.monotonic()
        known = self._known(ask, step)
        if known is not None and known.flow_run_id is not None and not known.over:
            flow_run_id = UUID(known.flow_run_id)
            state = self._state(client, flow_run_id, stop)
            if state is not None and not state.is_final():
                return _Out(step, flow_run_id, key, 1, now)
        run, key = self._ask_for(client, deployment, ask, step, key, stop)
        return _Out(step, run.id, key, 1, now)

    def _again(
        self, client: SyncPrefectClient, deployment: UUID, ask: BackfillRequest, one: _Out, stop: StopRequest
    ) -> _Out:
        run, key = self._ask_for(client, deployment, ask, one.step, f"{one.key}/{one.flow_run_id}", stop)
        return _Out(one.step, run.id, key, one.tries + 1, time.monotonic())

    def _ask_for(
        self,
        client: SyncPrefectClient,
        deployment: UUID,
        ask: BackfillRequest,
        step: Step,
        key: str,
        stop: StopRequest,
    ) -> tuple[FlowRun, str]:
        return request_run(client, deployment, run_parameters(ask, step), key, stop, [TAG, "backfill"])

    def _state(self, client: SyncPrefectClient, flow_run_id: UUID, stop: StopRequest) -> State[object] | None:
        """Read the state of a flow run; None where the server does not know it (any more)."""
        try:
            return ask_server(lambda: client.read_flow_run(flow_run_id), stop).state
        except ObjectNotFound:
            return None

    def _known(self, ask: BackfillRequest, step: Step, flow_run_id: UUID | None = None) -> KnownRun | None:
        named = None if flow_run_id is None else str(flow_run_id)
        return newest_run(self._settings, ask.workload, step.partition, named)

    def _outcome(self, ask: BackfillRequest, one: _Out, state: State[object] | None) -> PartitionOutcome:
        """Say how a run ended, by the ledger; one that left no trace there had nothing to do, or failed before."""
        partition, known = one.step.partition, self._known(ask, one.step, one.flow_run_id)
        if state is not None and state.is_completed():
            return PartitionOutcome(ask.workload, partition, "skipped") if known is None else known.outcome
        error = (
            "its flow run was deleted" if state is None else state.message or state.name or state.type.value
        )
        error = error.partition("\n")[0]
        return PartitionOutcome(
            ask.workload, partition, "failed", None if known is None else known.outcome.result, error
        )

    def _report(self, ask: BackfillRequest, one: _Out) -> None:
        """Report what a run that is at work has committed so far."""
        known = self._known(ask, one.step, one.flow_run_id)
        if known is None or known.outcome.result is None:
            return
        result, elapsed = known.outcome.result, time.monotonic() - one.since
        report(
            Progress(ask.workload, one.step.partition, result.records, None, result.output_tokens, elapsed)
        )


def run_parameters(ask: BackfillRequest, step: Step) -> dict[str, object]:
    """Return what a worker's flow run of a step is given."""
    return flow_parameters(ask.of_step(step))


def idempotency_key(workload: str, step: Step) -> str:
    """Name what is asked for: the same for everybody who found the same to be done after as many runs.

    The number of runs is that of the survey: it does not move while the backfill goes on.
    """
    return f"breakeven/{workload}/{step.partition}/{step.fingerprint}/{step.action}/{step.runs}"
