"""Does the steps of a backfill in this process, one after the other, and reports how far the whole is."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from models.backfill import BACKFILL, Meter, PartitionOutcome, Step, select_failed
from models.economics.quote import Quote
from models.errors import BreakevenError, Interrupted, defect
from models.run import Progress
from models.settings import Settings
from tasks.backfill.request import BackfillRequest
from tasks.backfill.survey import KnownRun, look_again, newest_run
from tasks.run.each_partition import cause_of
from tasks.run.run_partition import run_request
from tasks.runtime.progress import listen, report
from tasks.runtime.shared_engine import shared_engine

Runner = Callable[[BackfillRequest, Sequence[Step]], Iterator[PartitionOutcome]]

log = logging.getLogger(__name__)


def one_by_one(run: Callable[[BackfillRequest, Step], PartitionOutcome], settings: Settings) -> Runner:
    """Run partitions one after the other in this process, under one engine load."""

    def run_each(ask: BackfillRequest, steps: Sequence[Step]) -> Iterator[PartitionOutcome]:
        with shared_engine(settings, workloads=[ask.workload]):
            for step in steps:
                yield _one(run, ask, step, settings)

    return run_each


def _one(
    run: Callable[[BackfillRequest, Step], PartitionOutcome],
    ask: BackfillRequest,
    step: Step,
    settings: Settings,
) -> PartitionOutcome:
    """Run one partition; whatever becomes of it, the others have their turn, unless a stop was asked for.

    Raises `DatabaseUnavailable` where the database is away for longer than patience before it begins.
    """
    now = look_again(ask, step, settings)
    try:
        return PartitionOutcome(ask.workload, step.partition, "skipped") if now is None else run(ask, now)
    except Interrupted:
        raise
    except BreakevenError as error:
        return PartitionOutcome(ask.workload, step.partition, "failed", error=str(error))


def make_direct_runner(settings: Settings) -> Callable[[BackfillRequest, Step], PartitionOutcome]:
    """Return what runs a partition without Prefect."""

    def run(ask: BackfillRequest, step: Step) -> PartitionOutcome:
        def newest() -> KnownRun | None:
            return newest_run(settings, ask.workload, step.partition)

        before = newest()
        try:
            return PartitionOutcome.of(run_request(ask.of_step(step), settings))
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001  one partition's defect is not the next one's failure
            return outcome_of_failure(ask, step, error, lambda: newer_run(newest(), before))

    return run


def newer_run(known: KnownRun | None, before: KnownRun | None) -> KnownRun | None:
    """Return the newest run of a partition, None if it was there before."""
    return None if before is not None and known is not None and known.run_id == before.run_id else known


def outcome_of_failure(
    ask: BackfillRequest, step: Step, error: Exception, find: Callable[[], KnownRun | None]
) -> PartitionOutcome:
    """Say why a partition failed, and what its run, which `find` looks up, had done by then, if the ledger tells."""
    told = isinstance(error, BreakevenError) or type(error).__module__.startswith("prefect.")
    words = " ".join(str(error).split()) if told else defect(error)
    result = None
    try:
        known = find()
        result = None if known is None else known.outcome.result
    except BreakevenError as failure:
        log.warning("the ledger does not tell what %s %s cost: %s", ask.workload, step.partition, failure)
    return PartitionOutcome(ask.workload, step.partition, "failed", result, words)


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

    def ended(self, outcome: PartitionOutcome) -> None:
        """Take note of a partition's end."""
        self._meter.ended(outcome)
        self._say(outcome.partition)

    def _say(self, day: date) -> None:
        report(self._meter.overall(day, time.monotonic() - self._since))


def run_all(
    ask: BackfillRequest, steps: Sequence[Step], run: Runner, quote: Quote, outcomes: list[PartitionOutcome]
) -> list[PartitionOutcome]:
    """Do every step and report progress; one that fails stops no other. Returns `outcomes`.

    Each outcome is put into `outcomes` at once, so that it is known also where the backfill is stopped.
    """
    reporter = Reporter(Meter(len(steps), quote.records, quote.cost_nano))
    with listen(reporter):
        for outcome in run(ask, steps):
            outcomes.append(outcome)
            reporter.ended(outcome)
    return outcomes


def failure_line(outcomes: Sequence[PartitionOutcome]) -> str:
    """Say in one line which partitions failed and why."""
    lost = select_failed(outcomes)
    by_cause: dict[str, list[PartitionOutcome]] = {}
    for one in lost:
        by_cause.setdefault(cause_of((one.workload, one.partition), one.error or ""), []).append(one)
    causes = "; ".join(
        f"{alike[0].workload} {', '.join(str(one.partition) for one in alike)} ({cause})"
        for cause, alike in by_cause.items()
    )
    return f"{len(lost)} of {len(outcomes)} partitions failed: {causes}; the same command does what is left"
