"""The backfill flow: every partition of a range that is not published as it would be now."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import cast

import httpx
from prefect import Flow, State, flow, runtime, tags
from prefect.exceptions import PrefectException

from flows.environment import read_settings
from flows.final_state import final_state
from flows.parallel_backfill import ParallelBackfill
from flows.workloads import WorkloadFlow, workload_flow
from models.backfill import BACKFILL, PartitionOutcome, Range, Step, failed, to_do
from models.economics.quote import Quote
from models.errors import BreakevenError, Interrupted, UsageError
from models.run import RunResult
from models.settings import Settings
from tasks.backfill.against_quote import compare_with_quote
from tasks.backfill.request import BackfillRequest
from tasks.backfill.run_steps import failure_line, one_by_one, outcome_of_failure, run_all
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


def run_by_flow(
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


def build(
    flow_of: Callable[[str], WorkloadFlow] = workload_flow,
    find: FindSteps = survey,
    quoting: QuoteSteps = quote,
    ended_with: Callable[[Sequence[PartitionOutcome]], None] = ignore_outcomes,
) -> BackfillFlow:
    """Make the backfill flow over the flows that `flow_of` gives for workload names.

    `ended_with` gets all outcomes that there are, also where the flow fails or is stopped.
    """

    def name_of_run() -> str:
        given = runtime.flow_run.parameters
        return f"backfill {given.get('workload')} {given.get('from_date')}..{given.get('to_date')}"

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
        """
        failure, outcomes, quoted = None, list[PartitionOutcome](), Quote(())
        try:
            settings = read_settings()
            ask = BackfillRequest(
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
                one_by_one(run_by_flow(flow_of, settings), settings)
                if parallel is None
                else ParallelBackfill(settings, parallel)
            )
            with progress_artifact("backfill-progress", only=BACKFILL):
                loads = 1 if parallel is None else len(steps)
                quoted = quoting(ask, steps, settings, loads)
                run_all(ask, steps, run, quoted, outcomes)
        except BreakevenError as error:
            failure = error
        ended_with(outcomes)
        rows = [outcome_row(outcome) for outcome in outcomes]
        if rows:
            about = [
                f"Partitions of {workload}, {from_date} to {to_date}",
                *compare_with_quote(outcomes, quoted),
            ]
            publish_cost_table("backfill-cost", rows, "; ".join(about))
        if failure is None and failed(outcomes):
            failure = BreakevenError(failure_line(outcomes))
        return outcomes if failure is None else final_state(failure)

    return backfill


backfill = build()
