"""Does a command's work in this process: as a flow run where a Prefect API is set up to record it, else without Prefect.

Both ways call the same functions of `tasks`; see docs/decisions/0013-commands-without-prefect.md.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TypeVar

from commands.quiet_libraries import keep_prefect_here
from flows.dates import last_partitions
from flows.environment import prefect_api_is_set, read_settings
from models.backfill import PartitionOutcome, Step, select_failed
from models.economics.quote import Quote
from models.engines.loads import group_by_model
from models.errors import BreakevenError, UsageError, hide_secrets
from models.run import RunResult
from models.settings import Settings
from models.settings.places import as_variable
from models.training.trained import TrainedModel
from tasks.audit.after_run import audit_collected, audit_left, audit_published
from tasks.audit.request import AuditResult
from tasks.audit.words import describe_audit
from tasks.backfill import run_steps
from tasks.backfill.request import BackfillRequest
from tasks.display.messages import message_console
from tasks.planning.adapter_in_force import expect_adapters
from tasks.planning.request import RunRequest
from tasks.run import each_partition
from tasks.run.collect import waiting_partitions
from tasks.run.run_partition import collect_partition, run_request
from tasks.runtime.shared_engine import after_engine, shared_engine
from tasks.training.request import TrainingRequest
from tasks.training.train import train

Result = TypeVar("Result")


def run_one(request: RunRequest) -> RunResult:
    """Run one partition. Raises the errors of `models.errors`."""
    if prefect_api_is_set():
        keep_prefect_here()
        from flows.workloads import workload_flow

        request = replace(request, input=withhold_secrets(request.workload, request.input))
        return check_result(workload_flow(request.workload)(**request.flow_parameters()), RunResult)
    settings = read_settings()
    with shared_engine(settings, workloads=[request.workload]):
        result = run_request(request, settings)
    _audit(result, request, settings)
    return result


def _audit(result: RunResult, request: RunRequest, settings: Settings) -> None:
    """Audit what a run has just published, where its workload is audited, and say what it came to."""
    found = audit_published(result, request, settings)
    _tell([] if found is None else [found])


def _tell(audits: Iterable[AuditResult]) -> None:
    for one in audits:
        message_console().print(describe_audit(one), markup=False)


def run_night(last: date, days: int, workloads: list[str]) -> list[RunResult]:
    """Run several workloads over the partitions up to `last`. Raises `BreakevenError` that names those which failed, and why."""
    if prefect_api_is_set():
        keep_prefect_here()
        from flows.nightly import nightly

        return check_result(nightly(partition=last, days=days, workloads=workloads), list)
    settings = read_settings()
    night = group_by_model(
        [(name, day) for day in last_partitions(last, days) for name in workloads], settings
    )

    def run(workload: str, day: date) -> RunResult | Exception:
        try:
            result = run_request(request := RunRequest(workload, day), settings)
        except BreakevenError as error:
            return error
        after_engine(lambda: _audit(result, request, settings))
        return result

    with shared_engine(expect_adapters(settings, workloads), workloads=workloads):
        results, failures = each_partition.run_each(night, run)
    if failures:
        raise BreakevenError(each_partition.failure_line(failures, len(night)))
    return results


def collect_all(tell_locked: Callable[[str], None]) -> list[RunResult]:
    """Collect the pending records of every partition; `tell_locked` is told of each that another run holds, and what audits came to.

    Raises `BreakevenError` that names those which failed, and why.
    """
    if prefect_api_is_set():
        keep_prefect_here()
        from flows.collect import collect_batches

        return check_result(collect_batches(), list)
    settings = read_settings()
    waiting = waiting_partitions(settings)
    results, failures = each_partition.collect_each(
        waiting, partial(collect_partition, settings=settings), locked=tell_locked
    )
    for found in audit_collected(results, settings):
        tell_locked(describe_audit(found))
    if failures:
        raise BreakevenError(each_partition.failure_line(failures, len(waiting)))
    return results


def train_one(ask: TrainingRequest, say: Callable[[str], None]) -> TrainedModel:
    """Train one model; `say` is told in a line what comes next. Raises the errors of `models.errors`."""
    if prefect_api_is_set():
        keep_prefect_here()
        from flows.training import training

        ask = replace(ask, labels=withhold_secrets(ask.workload, ask.labels, "labelled_file"))
        return check_result(training(**ask.flow_parameters()), TrainedModel)
    return train(ask, read_settings(), say)


def backfill_all(
    ask: BackfillRequest,
    todo: Sequence[Step],
    quoted: Quote,
    *,
    parallel: int | None,
    outcomes: list[PartitionOutcome],
) -> None:
    """Do what was found to be done; each outcome is put into `outcomes` at once.

    With `parallel`, workers do it, so many partitions at a time. Raises what stopped it, and `BreakevenError`
    that names the partitions which failed, and why.
    """
    if parallel is not None or prefect_api_is_set():
        _backfill_flow(ask, todo, quoted, parallel=parallel, outcomes=outcomes)
        return
    settings = read_settings()
    run = run_steps.one_by_one(run_steps.make_direct_runner(settings), settings)
    run_steps.run_all(ask, todo, run, quoted, outcomes)
    for one in outcomes:
        if one.result is not None:
            _audit(one.result, ask.of_partition(one.partition), settings)
    _tell(audit_left(ask, settings))
    if select_failed(outcomes):
        raise BreakevenError(run_steps.failure_line(outcomes))


def _backfill_flow(
    ask: BackfillRequest,
    todo: Sequence[Step],
    quoted: Quote,
    *,
    parallel: int | None,
    outcomes: list[PartitionOutcome],
) -> None:
    keep_prefect_here()
    from flows.backfill import BackfillSteps, build
    from flows.deploy import api_url

    if parallel is not None:
        if ask.input is not None and hide_secrets(ask.input) != ask.input:
            msg = (
                "an --input with a password or a signature would be kept by Prefect and shown to all who see its runs: "
                "set it as the workload's input where the workers run, and leave --input out"
            )
            raise UsageError(msg)
        api_url()  # without one, before a server is started here for nothing

    ask = replace(ask, input=withhold_secrets(ask.workload, ask.input))
    flow = build(BackfillSteps(lambda *_: list(todo), lambda *_: quoted, ended_with=outcomes.extend))
    flow(**ask.flow_parameters(), parallel=parallel)


def withhold_secrets(workload: str, address: str | None, setting: str = "input") -> str | None:
    """Return the address that Prefect is told of, since it keeps and shows the parameters of flow runs.

    One with a password or a signature becomes the workload's setting in this process instead; as an input it
    replaces a query, as the option does.
    """
    if address is None or hide_secrets(address) == address:
        return address
    os.environ[as_variable(("workloads", workload, setting))] = address
    if setting == "input":
        os.environ[as_variable(("workloads", workload, "query"))] = ""
    return None


def check_result(result: object, kind: type[Result]) -> Result:
    """Return what a flow gave back. Raises `BreakevenError` where it is not of that kind.

    That is a defect: a flow that is called as a function raises the error it failed with.
    """
    if not isinstance(result, kind):
        msg = f"the flow ended without a result: {result}"
        raise BreakevenError(msg)
    return result
