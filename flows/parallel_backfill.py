"""Spreads a backfill over the workers of a pool: one run of the workload's deployment for each partition."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound, PrefectException

from flows.deploy import api_url
from models.backfill import PartitionOutcome, Step
from models.errors import BreakevenError, Interrupted, UsageError
from models.run import Progress
from models.settings import Settings
from tasks.backfill.request import BackfillRequest
from tasks.backfill.survey import KnownRun, newest_run
from tasks.reading.files.address import is_remote
from tasks.runtime.progress import report
from tasks.runtime.stop_signals import StopRequest, stop_on_signals
from tasks.setup.prefect_checks import TAG

Answer = TypeVar("Answer")

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 600.0
"""How long a Prefect server may be away, while it is restarted, before the backfill gives up waiting for it."""
TRIES = 3
"""How often a partition is handed out in one backfill; again only after a crash, which says nothing about it."""


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
        """Ask for a run; where the one of this key has ended badly, for the one that follows it."""
        given = run_parameters(ask, step)
        while True:
            run = ask_server(
                lambda key=key: client.create_flow_run_from_deployment(  # type: ignore[misc]
                    deployment, parameters=given, idempotency_key=key, tags=[TAG, "backfill"]
                ),
                stop,
            )
            state = run.state
            if state is None or not state.is_final() or state.is_completed():
                return run, key
            key = f"{key}/{run.id}"

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


def find_deployment(client: SyncPrefectClient, workload: str, url: str) -> UUID:
    """Return the workload's deployment. Raises `UsageError` where there is none, or no server."""
    try:
        return client.read_deployment_by_name(f"{workload}/{workload}").id
    except ObjectNotFound as error:
        msg = f"{workload} is not deployed at {url}: run `make deploy`"
        raise UsageError(msg) from error
    except (httpx.HTTPError, PrefectException) as error:
        msg = f"no Prefect API answers at {url} ({type(error).__name__}): start one with `make server`"
        raise UsageError(msg) from error


def ask_server(ask: Callable[[], Answer], stop: StopRequest, patience: float | None = None) -> Answer:
    """Ask the Prefect server, again while it is away, as when it is restarted.

    Raises `BreakevenError` when it refuses and when patience ends, `Interrupted`, and `ObjectNotFound` for what it does not have.
    """
    until = time.monotonic() + (PATIENCE_SECONDS if patience is None else patience)
    while True:
        try:
            return ask()
        except ObjectNotFound:
            raise
        except (httpx.HTTPError, PrefectException) as error:
            if not is_away(error):
                msg = f"the Prefect API refused: {' '.join(str(error).split())}"
                raise BreakevenError(msg) from error
            if time.monotonic() >= until:
                msg = f"the Prefect API stays away ({type(error).__name__}); what was handed out goes on without"
                raise BreakevenError(msg) from error
        wait_or_stop(POLL_SECONDS, stop)


def is_away(error: Exception) -> bool:
    """Whether a server may answer later: it could not be reached, or failed itself."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_server_error
    return isinstance(error, httpx.TransportError)


def wait_or_stop(seconds: float, stop: StopRequest) -> None:
    """Wait a little. Raises `Interrupted` when the backfill was asked to stop."""
    until = time.monotonic() + seconds
    while True:
        if stop.signal_number is not None:
            msg = (
                f"stopped by signal {stop.signal_number}; runs that were handed out go on (cancel them in "
                "Prefect), the same command does what is left"
            )
            raise Interrupted(msg, stop.signal_number)
        if time.monotonic() >= until:
            return
        time.sleep(min(0.1, seconds))


def run_parameters(ask: BackfillRequest, step: Step) -> dict[str, object]:
    """Return what a worker's flow run is given: plain values, and a path that is the same in every folder."""
    given = ask.of_step(step).flow_parameters() | {"partition": str(step.partition)}
    if ask.input is not None and not is_remote(ask.input):
        given["input"] = str(Path(ask.input).absolute())
    return given


def idempotency_key(workload: str, step: Step) -> str:
    """Name what is asked for: the same for everybody who found the same to be done after as many runs.

    The number of runs is that of the survey: it does not move while the backfill goes on.
    """
    return f"breakeven/{workload}/{step.partition}/{step.fingerprint}/{step.action}/{step.runs}"
