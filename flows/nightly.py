"""The nightly flow: every configured workload over the last partitions, each model loaded once."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import cast

from prefect import Flow, State, flow, runtime, tags

from flows.dates import choose_partition, last_partitions, run_name
from flows.environment import read_settings
from flows.final_state import final_state, show_and_end
from flows.workloads import WorkloadFlow, workload_flow
from models import workloads as registry
from models.engines.loads import group_by_model
from models.errors import BreakevenError, UsageError
from models.nearest import unknown_name
from models.run import RunResult
from models.settings import Settings
from tasks.planning.adapter_in_force import expect_adapters
from tasks.run.each_partition import run_each
from tasks.runtime.shared_engine import shared_engine
from tasks.setup.prefect_checks import TAG

NightlyFlow = Flow[..., list[RunResult] | State[BreakevenError]]


def choose_workloads(settings: Settings, asked: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Return the workloads of a night: those asked for, else all that have an input or a query.

    Raises `UsageError` for an unknown name and if there is nothing to run.
    """
    named = list(asked) if asked else sorted(settings.workloads)
    if unknown := sorted(set(named) - set(known)):
        raise UsageError(unknown_name("workload", unknown[0], known))
    if asked:
        return named
    ready = [name for name in named if settings.workload(name).input or settings.workload(name).query]
    if not ready:
        msg = "no workload has an input: set BREAKEVEN_WORKLOADS__<NAME>__INPUT or [workloads.<name>] in breakeven.toml"
        raise UsageError(msg)
    return ready


def build(flow_of: Callable[[str], WorkloadFlow] = workload_flow) -> NightlyFlow:
    """Make the nightly flow over the flows that `flow_of` gives for workload names."""

    def name_of_run() -> str:
        return run_name("nightly", runtime.flow_run.parameters)

    def run_one(workload: str, partition: date) -> RunResult | Exception:
        run = flow_of(workload)
        state = cast("State[RunResult]", run(partition=partition, return_state=True))
        outcome: RunResult | Exception = state.result(raise_on_failure=False)
        return outcome

    @flow(
        name="nightly",
        flow_run_name=name_of_run,
        description="Every configured workload over the last partitions, each model loaded once.",
    )
    def nightly(
        partition: date | None = None, days: int = 1, workloads: list[str] | None = None
    ) -> list[RunResult] | State[BreakevenError]:
        """Run the workloads over the last `days` partitions; those published already are skipped.

        Args:
            partition: The last UTC date to run, YYYY-MM-DD. Default: yesterday, as of when the run was due.
            days: How many partitions, the last of them `partition`. More than 1 catches up missed nights.
            workloads: Names of the workloads to run. Default: all that have an input or a query in the settings.
        """
        try:
            settings = read_settings()
            names = choose_workloads(settings, workloads, registry.names(settings))
            nights = last_partitions(choose_partition(partition), days)
            jobs = group_by_model([(name, day) for day in nights for name in names], settings)
            with shared_engine(expect_adapters(settings, names), workloads=names), tags(TAG):
                results, failures = run_each(jobs, run_one)
        except BreakevenError as error:
            return final_state(error)
        return show_and_end(
            "nightly-cost",
            f"Tokens and cost of the {len(jobs)} runs of this night",
            results,
            failures,
            len(jobs),
        )

    return nightly


nightly = build()
