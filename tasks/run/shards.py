"""A partition in shards: the whole run sees that all are answered, and everybody who takes part takes one after the other."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import run_parts, run_queries, runs, shards
from db.shards import Shard
from models.errors import (
    BreakevenError,
    DatabaseUnavailable,
    EngineError,
    Interrupted,
    LeaseLost,
    LedgerLost,
    OutputError,
)
from models.run import RunResult
from models.settings import Settings
from tasks.planning.checks import Checked, check
from tasks.planning.open_run import OpenRun
from tasks.planning.request import RunRequest
from tasks.planning.take_shard import ShardTaker
from tasks.reading.share import changed
from tasks.run.closing import close_on_failure
from tasks.run.collect import collect
from tasks.run.helpers import ask_helpers
from tasks.run.infer import Inferred, infer
from tasks.run.scratch import open_scratch
from tasks.run.wiring import make_committer
from tasks.runtime.flow_run import as_task
from tasks.runtime.leased_ledger import hold_lease
from tasks.runtime.ledger_access import with_patience
from tasks.runtime.shared_engine import SharedEngine, shared_engine
from tasks.runtime.stop_signals import stop_on_signals
from tasks.storage.commit_batch import CommittedTotals
from tasks.storage.set_aside_rows import count_set_aside

POLL_SECONDS = 1.0
"""How often the whole run looks whether the shards of others are done, or free again."""

log = logging.getLogger(__name__)


def answer_in_shards(run: OpenRun, request: RunRequest, settings: Settings, shared: SharedEngine) -> Inferred:
    """See that every shard of a partition is answered, by this process or by others; then ask the API for what is left to it.

    Raises `BreakevenError` where a shard failed for good: what is done of it and of the others is kept. Further as `infer`.
    """
    with hold_lease(run.version.ledger) as lost:
        checked = check(request, settings)
        if not isinstance(checked, Checked):
            msg = f"the input of {request.workload} {request.partition} was emptied after the run had begun"
            raise OutputError(msg)
        try:
            known = _work(run, request, ShardTaker(checked), shared, lost)
        except BaseException:
            _book_what_can_be(run, shared)
            raise
        _book_idle(run, shared)
        waiting: Mapping[str, int] = {}
        if any(one.waiting for one in known):
            with open_scratch(run) as scratch:
                waiting = as_task(collect)(replace(run, input=None), scratch, lost).waiting
    if not waiting:
        _check_rows(run)
    return _sum(run, waiting)


def take_part(request: RunRequest, settings: Settings) -> RunResult:
    """Answer shards of a partition that another run coordinates, as long as one is free; return what this came to.

    `skipped`: there was none. Raises what stopped it: `Interrupted`, or the error of a shard that failed here.
    """
    checked = check(request, settings)
    if isinstance(checked, RunResult):
        return checked
    taker, done = ShardTaker(checked, request.shard), list[Inferred]()
    with shared_engine(settings, workloads=[request.workload]) as shared:
        while (run := with_patience(settings.database_patience_seconds, taker.take)) is not None:
            try:
                done.append(_answer(run, shared))
            except LeaseLost as error:
                log.warning("%s", error)
    totals = CommittedTotals()
    for one in done:
        totals.add(one.totals)
    gpu_ns, cost_nano = sum(one.gpu_ns for one in done), sum(one.cost_nano for one in done)
    return RunResult(
        request.workload,
        request.partition,
        "completed" if done else "skipped",
        records=totals.published + totals.quarantined,
        published=totals.published,
        quarantined=totals.quarantined,
        reused=totals.reused,
        input_tokens=totals.input_tokens,
        cached_tokens=totals.cached_tokens,
        output_tokens=totals.output_tokens,
        gpu_ns=gpu_ns,
        cost_nano=cost_nano,
        counterfactual_nano=totals.counterfactual_nano,
        carried=totals.carried,
        reasons=dict(totals.reasons),
        requests=totals.requests,
    )


def _work(
    run: OpenRun,
    request: RunRequest,
    taker: ShardTaker,
    shared: SharedEngine,
    lost: Callable[[], LeaseLost | LedgerLost | None],
) -> Sequence[Shard]:
    """Take shards until all are done. Raises `BreakevenError` where no other is left than such as have failed.

    An engine that fails `MOST_TRIES` times in a row is tried no more: others answer what is left. Without others the run fails.
    """
    patience, alone = run.settings.database_patience_seconds, _Alone(run.settings.lease_seconds)
    failure: EngineError | None = None
    with stop_on_signals() as stop, ask_helpers(request, run.keys.run_id, run.shards, run.settings) as look:
        while True:
            coming = look()
            if (error := lost()) is not None:
                raise error
            if stop():
                left = "what is done is committed; workers that have a shard finish it, the same command does the rest"
                raise stop.interrupted(left)
            if (taken := with_patience(patience, taker.take)) is not None:
                failure = _try(taken, shared)
                taker.note(taken.shard, engine_failed=failure is not None)
                continue
            known = with_patience(patience, taker.look)
            if all(one.state == "done" for one in known):
                return known
            if all(one.state in ("done", "failed") for one in known):
                raise _failed(run, known)
            if taker.gives_up and alone.long_enough(known, coming=coming) and not taker.hand_over():
                raise _given_up(run, failure)
            stop.wait(POLL_SECONDS)


@dataclass(slots=True)
class _Alone:
    """How long a process whose engine fails has seen nobody at work on a shard."""

    lease_seconds: float
    _since: float | None = None

    def long_enough(self, known: Sequence[Shard], *, coming: bool) -> bool:
        """Whether nobody will answer the rest: seen twice, since others free a shard before they take the next.

        Workers that were asked and have not begun are waited for as long as a lease.
        """
        if any(one.state == "running" for one in known):
            self._since = None
            return False
        if self._since is None:
            self._since = time.monotonic()
            return False
        return not coming or time.monotonic() - self._since >= self.lease_seconds


def _try(run: OpenRun, shared: SharedEngine) -> EngineError | None:
    """Answer a shard in this process; that it failed is in the ledger, and no other one's failure. Returns what the engine failed with."""
    try:
        _answer(run, shared)
    except (Interrupted, LedgerLost, DatabaseUnavailable):
        raise
    except BreakevenError as error:
        log.warning("%s of %s %s: %s", run.version.share, run.version.workload, run.version.partition, error)
        return error if isinstance(error, EngineError) else None
    return None


def _answer(run: OpenRun, shared: SharedEngine) -> Inferred:
    """Answer the records of a shard, and note that it is done."""
    with close_on_failure(run):
        try:
            with hold_lease(run.version.ledger) as lost, open_scratch(run) as scratch:
                inferred = as_task(infer)(run, scratch, shared, lost)
        except EngineError:
            shared.discard()
            raise
        _finish(run, inferred)
    return inferred


def _finish(run: OpenRun, inferred: Inferred) -> None:
    """Close the run of a shard whose records are done, or left to the API. Raises `InputError` where the input is another one by now."""
    version, given, shard = run.version, run.given(), run.shard
    if shard is None:
        msg = "the whole run is no shard's"
        raise ValueError(msg)

    def write(session: Session) -> bool:
        if shards.input_digest(session, version.id) != given.digest:
            raise changed(given.reader, shard.share)
        runs.finish(session, run.keys.run_id, "completed")
        shards.finish(session, shard, sum(inferred.waiting.values()))
        return True

    def already(session: Session) -> bool | None:
        return runs.run_keys(session, run.keys.run_id).state == "completed" or None

    version.ledger.write(write, already, release=True)


def _failed(run: OpenRun, known: Sequence[Shard]) -> BreakevenError:
    bad = [one for one in known if one.state == "failed"]
    reasons = "; ".join(dict.fromkeys(one.reason or "no reason is known" for one in bad))
    which = ", ".join(str(one.shard) for one in bad)
    return BreakevenError(
        f"{run.version.workload} {run.version.partition}: shard {which} of {run.shards} failed ({reasons}); the others are "
        "done and kept, the same command tries it again"
    )


def _given_up(run: OpenRun, failure: EngineError | None) -> BreakevenError:
    return BreakevenError(
        f"{run.version.workload} {run.version.partition}: the engine failed {shards.MOST_TRIES} times in a row ({failure}), and no "
        "other worker is at work; what is done is kept, the same command does the rest"
    )


def _book_idle(run: OpenRun, shared: SharedEngine) -> None:
    """Write the time to this run in which its engine waited for the shards of others: no record carries it."""
    committer = make_committer(run, shared.lap)
    try:
        committer.flush()
    finally:
        committer.close()


def _book_what_can_be(run: OpenRun, shared: SharedEngine) -> None:
    """Do as `_book_idle` for a run that is failing: what ends it is told, and not what this meets."""
    hurried = replace(run.version, ledger=run.version.ledger.hurried())
    try:
        _book_idle(replace(run, version=hurried), shared)
    except (BreakevenError, DBAPIError) as failure:
        log.warning(
            "the machine's time since the last shard could not be written: %s", type(failure).__name__
        )


def _check_rows(run: OpenRun) -> None:
    """See that the shards hold every row; where they do not the next run reads them again. Raises `OutputError`."""
    rows, total = count_set_aside(run.version.registered_parts()).rows, run.given().total
    if total is not None and rows != total:
        run.version.ledger.write(lambda session: shards.reopen(session, run.version.id))
        msg = (
            f"the shards of {run.version.workload} {run.version.partition} hold {rows:,} of {total:,} rows; nothing was "
            "published: the same command reads them again; if that does not help, run `breakeven ledger check`"
        )
        raise OutputError(msg)


def _sum(run: OpenRun, waiting: Mapping[str, int]) -> Inferred:
    """Return what this run and its parts came to, by the ledger."""
    run_id = run.keys.run_id
    found = run.version.ledger.read(lambda session: run_parts.read_sums(session, run_id))
    totals = CommittedTotals(
        found["published"],
        found["quarantined"],
        found["reused"],
        found["input_tokens"],
        found["cached_tokens"],
        found["output_tokens"],
        found["counterfactual_nano"] or 0,
        found["escalated"],
        found["api_cost_nano"],
        found["carried"],
        run.version.ledger.read(lambda session: run_queries.count_requests(session, run_id)),
    )
    return Inferred(totals, found["gpu_ns"], found["gpu_cost_nano"] + found["api_cost_nano"], waiting)
