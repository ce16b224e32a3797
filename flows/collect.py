"""The flow that takes up what waits: answers of batches, and records that a budget or the API had held back."""

from datetime import date
from typing import Protocol

from prefect import Flow, State, flow, get_run_logger

from flows.ending import ended
from flows.surroundings import read_settings
from models.errors import BreakevenError, Interrupted, PartitionLocked
from models.run import RunResult
from models.settings import Settings
from tasks.artifacts import cost_row, publish_cost_table
from tasks.collect import waiting_partitions
from tasks.partition import collect_partition

CollectFlow = Flow[[], list[RunResult] | State[BreakevenError]]


class CollectPartition(Protocol):
    """What the flow calls for the work itself: `tasks.partition.collect_partition`."""

    def __call__(self, workload: str, partition: date, *, settings: Settings) -> RunResult: ...  # noqa: D102


def build(collect: CollectPartition = collect_partition) -> CollectFlow:
    """Make the flow over a function that collects one partition."""

    @flow(
        name="collect_batches",
        description="Collect what is ready of batches, and what else waits for the API.",
    )
    def collect_batches() -> list[RunResult] | State[BreakevenError]:
        results: list[RunResult] = []
        failures: list[str] = []
        try:
            settings = read_settings()
            for workload, partition in waiting_partitions(settings):
                try:
                    results.append(collect(workload, partition, settings=settings))
                except Interrupted:
                    raise
                except PartitionLocked as error:  # its own run is at work, and does it
                    get_run_logger().info("%s", error)
                except BreakevenError as error:  # one partition's failure is not the next one's
                    failures.append(f"{workload} {partition} ({error})")
        except BreakevenError as error:
            return ended(error)
        if results:
            rows = [cost_row(result) for result in results]
            publish_cost_table("collect-cost", rows, f"What {len(results)} waiting partitions came to")
        if failures:
            return ended(BreakevenError(f"{len(failures)} partitions failed: {'; '.join(failures)}"))
        return results

    return collect_batches


collect_batches = build()
