"""The flow that takes up what waits: answers of batches, and records that a budget or the API had held back."""

from datetime import date
from typing import Protocol

from prefect import Flow, State, flow, get_run_logger

from flows.environment import read_settings
from flows.final_state import final_state
from models.errors import BreakevenError
from models.run import RunResult
from models.settings import Settings
from tasks.display.prefect_artifacts import publish_cost_table
from tasks.display.quarantine_text import quarantine_lines
from tasks.display.run_rows import cost_row
from tasks.run.collect import waiting_partitions
from tasks.run.each_partition import collect_each, failure_line, failure_row
from tasks.run.run_partition import collect_partition

CollectFlow = Flow[[], list[RunResult] | State[BreakevenError]]


class CollectPartition(Protocol):
    """What the flow calls for the work itself: `tasks.run.run_partition.collect_partition`."""

    def __call__(self, workload: str, partition: date, *, settings: Settings) -> RunResult: ...  # noqa: D102


def build(collect: CollectPartition = collect_partition) -> CollectFlow:
    """Make the flow over a function that collects one partition."""

    @flow(
        name="collect_batches",
        description="Collect what is ready of batches, and what else waits for the API.",
    )
    def collect_batches() -> list[RunResult] | State[BreakevenError]:
        try:
            settings = read_settings()
            waiting = waiting_partitions(settings)
            results, failures = collect_each(
                waiting,
                lambda workload, partition: collect(workload, partition, settings=settings),
                get_run_logger().info,
            )
        except BreakevenError as error:
            return final_state(error)
        for line in quarantine_lines(results):
            get_run_logger().info(line)
        rows = [cost_row(result) for result in results]
        rows += [failure_row(job, error) for job, error in failures.items()]
        if rows:
            publish_cost_table("collect-cost", rows, f"What {len(rows)} waiting partitions came to")
        return final_state(BreakevenError(failure_line(failures, len(waiting)))) if failures else results

    return collect_batches


collect_batches = build()
