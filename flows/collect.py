"""The flow that takes up what waits: answers of batches, and records that a budget or the API had held back."""

from datetime import date
from typing import Protocol

from prefect import Flow, State, flow, get_run_logger

from flows.environment import read_settings
from flows.final_state import final_state, show_and_end
from models.errors import BreakevenError
from models.run import RunResult
from models.settings import Settings
from tasks.audit.after_run import audit_collected
from tasks.display.quarantine_text import quarantine_lines
from tasks.run.collect import waiting_partitions
from tasks.run.each_partition import collect_each
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
            audit_collected(results, settings)
        except BreakevenError as error:
            return final_state(error)
        for line in quarantine_lines(results):
            get_run_logger().info(line)
        about = f"What {len(results) + len(failures)} waiting partitions came to"
        return show_and_end("collect-cost", about, results, failures, len(waiting))

    return collect_batches


collect_batches = build()
