"""The backfill flow: every partition of a range that is not published as it would be now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import cast

import httpx
from prefect import Flow, State, flow, runtime, tags
from prefect.exceptions import PrefectException

from flows.environment import read_settings
from flows.final_state import final_state
from flows.parallel_backfill import ParallelBackfill
from flows.workloads import WorkloadFlow, workload_flow
from models.backfill import BACKFILL, PartitionOutcome, Range, Step, select_failed, to_do
from models.economics.quote import Quote
from models.errors import BreakevenError, Interrupted, UsageError
from models.records import EngineReason
from models.run import RunResult
from models.settings import Settings
from models.settings.worker_number import ShardNumber
from tasks.audit.after_run import audit_left
from tasks.backfill.against_quote import compare_with_quote
from tasks.backfill.request import BackfillRequest
from tasks.backfill.run_steps import Runner, failure_line, one_by_one, outcome_of_failure, run_all
from tasks.backfill.survey import newest_run, quote, survey
from tasks.display.prefect_artifacts import progress_artifact, publish_cost_table
from tasks.display.run_rows import outcome_row
from tasks.planning.request import EngineChoice
from tasks.setup.prefect_checks import TAG

BackfillFlow = Flow[..., list[PartitionOutcome] | State[BreakevenError]]


FindSteps = Callable[[BackfillRequest, Settings], list[Step]]
"""What the flow asks for what is to be done: `tasks.backfill.survey.survey`."""
QuoteSteps = Callable[[BackfillRequest, Sequence[Step], Settings, int], Quote]
"""What the flow asks for what it will take: `tasks.backfill.survey.quote`."""


def make_flow_runner(
    flow_of: Callable[[str], WorkloadFlow], settings: Settings
) -> Callable[[BackfillRequest, Step], PartitionOutcome]:
    """Return what runs a partition by its workload's flow."""

    def run(ask: BackfillRequest, step: Step) -> PartitionOutcome:
        try:
            with tags(TAG):
                state = cast(
                    "State[RunResult]",
                    flow_of(ask.workload)(**ask.of_step(step).flow_parameters(), return_state=True),
                )
        except (httpx.HTTPError, PrefectException) as error:  # its client has tried for a minute
            return PartitionOutcome(
                ask.workload,
                step.partition,
                "failed",
                error=f"the Prefect API is away: {type(error).__name__}",
            )
        result: RunResult | Exception = state.result(raise_on_failure=False)
        if isinstance(result, Interrupted):
            raise result
        if isinstance(result, Exception):
            flow_run_id = str(state.state_details.flow_run_id)
            return outcome_of_failure(
                ask,
                step,
                result,
                lambda: newest_run(settings, ask.workload, step.partition, flow_run_id),
            )
        return PartitionOutcome.of(result)

    return run


def ignore_outcomes(outcomes: Sequence[PartitionOutcome]) -> None:
    """Take no notice: the flow's own table and result are enough."""


@dataclass(frozen=True, slots=True)
class BackfillSteps:
    """What the flow calls: what finds what is to be done, what quotes it, the flows that do it, and who gets all outcomes."""

    find: FindSteps = survey
    quote: QuoteSteps = quote
    flow_of: Callable[[str], WorkloadFlow] = workload_flow
    ended_with: Callable[[Sequence[PartitionOutcome]], None] = ignore_outcomes

    def run(self, ask: BackfillRequest, settings: Settings, parallel: int | None) -> list[PartitionOutcome]:
        """Do what is to be done and show what it came to, also where it is stopped.

        Raises what stopped it, and `BreakevenError` that names the partitions which failed, and why.
        """
        if parallel is not None:
            ask = ask.spread(settings)
        steps = to_do(self.find(ask, settings))
        failure, outcomes = None, list[PartitionOutcome]()
        quoted = Quote(())
        try:
            with progress_artifact("backfill-progress", only=BACKFILL):
                quoted = self.quote(ask, steps, settings, 1 if parallel is None else len(steps))
                run_all(ask, steps, self._runner(settings, parallel), quoted, outcomes)
                audit_left(ask, settings)
        except BreakevenError as error:
            failure = error
        self.ended_with(outcomes)
        show_costs(ask, outcomes, quoted)
        if failure is None and select_failed(outcomes):
            failure = BreakevenError(failure_line(outcomes))
        if failure is not None:
            raise failure
        return outcomes

    def _runner(self, settings: Settings, parallel: int | None) -> Runner:
        if parallel is not None:
            return ParallelBackfill(settings, parallel)
        return one_by_one(make_flow_runner(self.flow_of, settings), settings)


def show_costs(ask: BackfillRequest, outcomes: Sequence[PartitionOutcome], quoted: Quote) -> None:
    """Show what each partition came to as a table in Prefect."""
    if rows := [outcome_row(outcome) for outcome in outcomes]:
        days = ask.range
        about = f"Partitions of {ask.workload}, {days.first} to {days.last}"
        publish_cost_table("backfill-cost", rows, "; ".join([about, *compare_with_quote(outcomes, quoted)]))


def name_of_run() -> str:
    """Name a run by its workload and range: `backfill sentiment 2026-11-01..2026-11-03`."""
    given = runtime.flow_run.parameters
    return f"backfill {given.get('workload')} {given.get('from_date')}..{given.get('to_date')}"


def build(steps: BackfillSteps = BackfillSteps()) -> BackfillFlow:
    """Make the backfill flow over its steps."""

    @flow(
        name="backfill",
        flow_run_name=name_of_run,
        description="Every partition of a range that is not published as it would be now.",
    )
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
        retry_quarantined: bool = False,
        reasons: list[EngineReason] | None = None,
        shards: ShardNumber | None = None,
    ) -> list[PartitionOutcome] | State[BreakevenError]:
        """Run every partition from `from_date` to `to_date` that is not published as it would be now.

        Args:
            workload: Name of the workload, such as sentiment.
            from_date: First partition of the range, a UTC date, YYYY-MM-DD.
            to_date: Last partition of the range, inclusive.
            input: File, folder with date=YYYY-MM-DD, glob or object-store URL. Default: the workload's setting.
            where: SQL condition on the input's columns.
            limit: Take only so many records, the first of each partition.
            engine: vllm: the local model, and the API where the policy says so. openai: the API answers every record.
            rerun: Replace what is published, also where nothing has changed.
            parallel: So many partitions at a time, each as a run of the workload's own deployment, on all workers
                of the pool. Default: one after the other in this run, under one engine load.
            retry_quarantined: Of published partitions, ask again for the records that were set aside, where that can help.
            reasons: With retry_quarantined, ask for the records that were set aside for these reasons.
            shards: Cut each partition into so many shards, which several workers answer at once; auto: where that is clearly faster,
                not with parallel. Default: the workload's setting.
        """
        try:
            settings = read_settings()
            days = Range(from_date, to_date).checked(datetime.now(UTC))
            if parallel is not None and parallel < 1:
                msg = f"parallel must be at least 1, not {parallel}"
                raise UsageError(msg)
            ask = BackfillRequest(
                workload, days, input, where, limit, rerun, engine, retry_quarantined, reasons or (), shards
            )
            return steps.run(ask, settings, parallel)
        except BreakevenError as error:
            return final_state(error)

    return backfill


backfill = build()
