"""The backfill flow: every partition of a range that is not published as it would be now."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Protocol, cast
from uuid import UUID

import httpx
from prefect import Flow, State, flow, runtime, tags
from prefect.exceptions import PrefectException

from flows.deploy import TAG
from flows.ending import ended
from flows.spread import Spread
from flows.surroundings import read_settings
from flows.workloads import WorkloadFlow, workload_flow
from models.backfill import BACKFILL, Meter, Outcome, Range, Step, failed, to_do
from models.economics.quote import Quote
from models.errors import BreakevenError, Interrupted, UsageError
from models.run import Progress, RunResult
from models.settings import Settings
from tasks.artifacts import outcome_row, progress_artifact, publish_cost_table
from tasks.backfill import Ask, look_again, newest_run, parameters_of, quote, survey
from tasks.engine import shared_engine
from tasks.plan import EngineChoice
from tasks.progress import listening, report

BackfillFlow = Flow[..., list[Outcome] | State[BreakevenError]]
Runner = Callable[[Ask, Sequence[Step]], Iterator[Outcome]]

log = logging.getLogger(__name__)


class Survey(Protocol):
    """What the flow asks for what is to be done: `tasks.backfill.survey`."""

    def __call__(self, ask: Ask, settings: Settings) -> list[Step]: ...  # noqa: D102


class Quoting(Protocol):
    """What the flow asks for what it will take: `tasks.backfill.quote`."""

    def __call__(self, ask: Ask, steps: Sequence[Step], settings: Settings, loads: int) -> Quote: ...  # noqa: D102


def here(run: Callable[[Ask, Step], Outcome], settings: Settings) -> Runner:
    """Run partitions one after the other in this process, under one engine load."""

    def run_each(ask: Ask, steps: Sequence[Step]) -> Iterator[Outcome]:
        with shared_engine(settings):
            for step in steps:
                yield _one(run, ask, step, settings)

    return run_each


def _one(run: Callable[[Ask, Step], Outcome], ask: Ask, step: Step, settings: Settings) -> Outcome:
    """Run one partition; whatever becomes of it, the others have their turn, unless a stop was asked for.

    Raises `DatabaseUnavailable` where the database is away for longer than patience before it begins.
    """
    now = look_again(ask, step, settings)
    try:
        return Outcome(ask.workload, step.partition, "skipped") if now is None else run(ask, now)
    except Interrupted:
        raise
    except BreakevenError as error:
        return Outcome(ask.workload, step.partition, "failed", error=str(error))


def by_flow(flow_of: Callable[[str], WorkloadFlow], settings: Settings) -> Callable[[Ask, Step], Outcome]:
    """Return what runs a partition by its workload's flow."""

    def run(ask: Ask, step: Step) -> Outcome:
        try:
            with tags(TAG):
                state = cast(
                    "State[RunResult]", flow_of(ask.workload)(**parameters_of(ask, step), return_state=True)
                )
        except (httpx.HTTPError, PrefectException) as error:  # its client has tried for a minute
            return Outcome(
                ask.workload,
                step.partition,
                "failed",
                error=f"the Prefect API is away: {type(error).__name__}",
            )
        ended: RunResult | Exception = state.result(raise_on_failure=False)
        if isinstance(ended, Interrupted):
            raise ended
        if isinstance(ended, Exception):
            return _failed(ask, step, ended, state.state_details.flow_run_id, settings)
        return Outcome.of(ended)

    return run


def _failed(ask: Ask, step: Step, error: Exception, flow_run_id: UUID | None, settings: Settings) -> Outcome:
    """Say why a partition failed, and what its run had done by then, if the ledger tells."""
    words = " ".join(str(error).split()) or type(error).__name__
    result = None
    try:
        known = newest_run(settings, ask.workload, step.partition, str(flow_run_id))
        result = None if known is None else known.outcome.result
    except BreakevenError as failure:
        log.warning("the ledger does not tell what %s %s cost: %s", ask.workload, step.partition, failure)
    return Outcome(ask.workload, step.partition, "failed", result, words)


class Reporter:
    """Reports how far the whole backfill is, each time that one of its partitions says how far it is."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._since = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Take note of a partition's progress."""
        if progress.workload != BACKFILL:
            self._meter.progress(progress)
            self._say(progress.partition)

    def ended(self, outcome: Outcome) -> None:
        """Take note of a partition's end."""
        self._meter.ended(outcome)
        self._say(outcome.partition)

    def _say(self, day: date) -> None:
        report(self._meter.overall(day, time.monotonic() - self._since))


def run_all(ask: Ask, steps: Sequence[Step], run: Runner, quote: Quote, kept: list[Outcome]) -> list[Outcome]:
    """Do every step, whatever became of the others; report how far the backfill is. Returns `kept`.

    Each outcome is put into `kept` at once, so that it is known also where the backfill is stopped.
    """
    reporter = Reporter(Meter(len(steps), quote.records, quote.gpu_nano))
    with listening(reporter):
        for outcome in run(ask, steps):
            kept.append(outcome)
            reporter.ended(outcome)
    return kept


def failure_line(outcomes: Sequence[Outcome]) -> str:
    """Say in one line which partitions failed and why."""
    lost = failed(outcomes)
    causes = "; ".join(f"{one.workload} {one.partition} ({one.error})" for one in lost)
    return f"{len(lost)} of {len(outcomes)} partitions failed: {causes}; the same command does what is left"


def nobody(outcomes: Sequence[Outcome]) -> None:
    """Take no notice: the flow's own table and result are enough."""


def build(
    flow_of: Callable[[str], WorkloadFlow] = workload_flow,
    find: Survey = survey,
    quoting: Quoting = quote,
    ended_with: Callable[[Sequence[Outcome]], None] = nobody,
) -> BackfillFlow:
    """Make the backfill flow over the flows that `flow_of` gives for workload names.

    `ended_with` gets all outcomes that there are, also where the flow fails or is stopped.
    """

    def name_of_run() -> str:
        given = runtime.flow_run.parameters
        return f"backfill {given.get('workload')} {given.get('from_date')}..{given.get('to_date')}"

    @flow(name="backfill", flow_run_name=name_of_run)
    def backfill(
        workload: str,
        from_date: date,
        to_date: date,
        input: str | None = None,  # noqa: A002  the word that users know it by
        where: str | None = None,
        limit: int | None = None,
        engine: EngineChoice = "vllm",
        rerun: bool = False,
        parallel: int | None = None,
    ) -> list[Outcome] | State[BreakevenError]:
        """Run every partition from `from_date` to `to_date` that is not published as it would be now.

        With `parallel`, each partition is a run of the workload's own deployment, so many at a time, on
        whichever workers the pool has; without, they run here, under one engine load.
        """
        failure, outcomes = None, list[Outcome]()
        try:
            settings = read_settings()
            ask = Ask(
                workload,
                Range(from_date, to_date).checked(datetime.now(UTC)),
                input,
                where,
                limit,
                rerun,
                engine,
            )
            if parallel is not None and parallel < 1:
                msg = f"parallel must be at least 1, not {parallel}"
                raise UsageError(msg)
            steps = to_do(find(ask, settings))
            run = (
                here(by_flow(flow_of, settings), settings) if parallel is None else Spread(settings, parallel)
            )
            with progress_artifact("backfill-progress", only=BACKFILL):
                loads = 1 if parallel is None else len(steps)
                run_all(ask, steps, run, quoting(ask, steps, settings, loads), outcomes)
        except BreakevenError as error:
            failure = error
        ended_with(outcomes)
        rows = [outcome_row(outcome) for outcome in outcomes]
        if rows:
            publish_cost_table("backfill-cost", rows, f"Partitions of {workload}, {from_date} to {to_date}")
        if failure is None and failed(outcomes):
            failure = BreakevenError(failure_line(outcomes))
        return outcomes if failure is None else ended(failure)

    return backfill


backfill = build()
