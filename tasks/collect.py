"""Taking up what waits: answers of batches, and records that a budget or the API had held back."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy.orm import Session

from db import attempts, batches, leases, partitions
from db.session import make_engine, require_migrated, sessions
from models.accounting import closing_unserved
from models.economics.gpu_time import GpuTime
from models.economics.pricing import Price
from models.engines.base import ClosedAttempt, Completion
from models.engines.batch_files import file_ids
from models.engines.batch_results import BatchResult, ResultReader
from models.engines.batch_status import BatchApiRefused, BatchApiUnavailable, BatchFailure, ProviderBatch
from models.engines.chat_wire import parse_answer, usage_of
from models.engines.openai_batch import BatchClient
from models.engines.rate_limits import Limits
from models.errors import ApiAccessError, Interrupted, LeaseLost
from models.ledger import Closing
from models.settings import Settings
from tasks.api_lane import SyncLane
from tasks.api_requests import api_request
from tasks.batch_lane import BatchLane
from tasks.infer import Inferred
from tasks.journal import Terms
from tasks.lanes import make_committer, make_journal, priced
from tasks.parts import load_done
from tasks.plan import ApiPlan, Plan
from tasks.scratch import Scratch
from tasks.settle import Settler
from tasks.signals import StopRequest, stop_on_signals

log = logging.getLogger(__name__)


def waiting_partitions(settings: Settings) -> list[tuple[str, date]]:
    """Return the partitions of which records wait, as (workload, date). Raises `UsageError` without a ledger."""
    database = make_engine(settings.database_url.get_secret_value())
    try:
        require_migrated(database)
        with sessions(database)() as session:
            return [(one.workload, one.partition) for one in partitions.waiting(session)]
    finally:
        database.dispose()


@task(name="collect", cache_policy=NO_CACHE)
def collect(plan: Plan, lost: Callable[[], LeaseLost | None]) -> Inferred:
    """Collect the batches that have ended, and ask the API for what may be asked now; commit as it comes.

    Raises `Interrupted`, `ApiAccessError`, `LeaseLost`, `DatabaseUnavailable`.
    """
    if plan.api is None:
        msg = "the run was opened without an API"
        raise ApiAccessError(msg)
    with Scratch(plan.folder) as scratch, stop_on_signals() as stop:
        load_done(plan.registered_parts(), scratch)
        collector = Collector(plan, plan.api, scratch, stop, lost)
        try:
            collector.run()
        finally:
            collector.committer.close()
        waiting = scratch.waiting.states()
    if (error := lost()) is not None:
        raise error
    if stop.signal_number is not None:
        msg = f"stopped by signal {stop.signal_number}; what was collected is committed"
        raise Interrupted(msg, signal_number=stop.signal_number)
    totals = collector.committer.totals
    return Inferred(totals, 0, totals.api_cost_nano, waiting)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Closes attempts of batches that served no record: what was answered is charged at the batch price."""

    price: Price

    def unserved(self, attempt: ClosedAttempt) -> Closing:
        """Close an attempt that served no record."""
        return closing_unserved(attempt, self.price, 0)

    def served(self, attempt: ClosedAttempt) -> int:
        """Nothing is held in memory for an attempt of a batch."""
        del attempt
        return 0


class Collector:
    """One round over what waits of one partition."""

    def __init__(
        self,
        plan: Plan,
        api: ApiPlan,
        scratch: Scratch,
        stop: StopRequest,
        lost: Callable[[], LeaseLost | None],
    ) -> None:
        self._plan = plan
        self._api = api
        self._scratch = scratch
        self._waiting = scratch.waiting
        self._stop = stop
        self._lost = lost
        self._at_once = False
        self.committer = make_committer(plan, GpuTime)
        self._settler = Settler(plan, self.committer, self._waiting)
        batched = priced(plan.keys.api_batch)
        self._book = PriceBook(batched.price)
        self._batches = BatchLane(
            plan, api, batched, scratch, self.committer, self._settler, stop=self._must_stop
        )
        journal = make_journal(plan, Terms(priced(plan.keys.api)))
        self._sync = SyncLane(
            plan,
            api,
            scratch,
            self.committer,
            self._settler,
            journal,
            limits=Limits.from_options(api.options),
            stop=self._must_stop,
        )

    def run(self) -> None:
        """Collect what has ended, then ask again for what is left: in a new batch, or at once past the deadline."""
        try:
            self._count_attempts()
            self._batches.leave_out_batched()
            late = self._is_late()
            self._batches.submit_intended()
            for batch in self._submitted():
                if not self._must_stop():
                    self._try_to_look_at(batch)
            if self._waiting.queued() and not self._must_stop():
                at_once = late or self._at_once or self._api.mode == "sync"
                (self._sync if at_once else self._batches).drain()
        finally:
            self._sync.close()
            if not self.committer.failed:
                self.committer.flush()

    def _must_stop(self) -> bool:
        return self._stop() or self._lost() is not None

    def _count_attempts(self) -> None:
        """See that the next attempts get numbers after those that this very run has made already."""
        with self._plan.sessions() as session:
            for key, number in attempts.numbers(session, self._plan.keys.run_id):
                self._waiting.had(key, number)

    def _is_late(self) -> bool:
        """Whether a batch of this version has passed its deadline: then the rest is asked for at once."""
        with self._plan.sessions() as session:
            first = batches.first_deadline(session, self._plan.version_id)
        return first is not None and first <= datetime.now(UTC)

    def _submitted(self) -> list[batches.Batch]:
        with self._plan.sessions() as session:
            live = batches.live(session, self._plan.version_id)
        return [batch for batch in live if batch.state == "submitted"]

    def _try_to_look_at(self, batch: batches.Batch) -> None:
        """Look at a batch; one that cannot be asked for now does not keep the others waiting."""
        try:
            with BatchClient(self._api.options) as client:
                self._look_at(client, batch)
        except (BatchApiUnavailable, BatchApiRefused) as error:
            log.warning("batch %s is looked at again later: %s", batch.provider_batch_id, error)

    def _look_at(self, client: BatchClient, batch: batches.Batch) -> None:
        provider = client.poll(batch.provider_batch_id or "")
        if provider.failure is not None:
            self._refused(batch, provider.failure)
            return
        if not provider.ended and batch.deadline <= datetime.now(UTC):
            log.warning("batch %s is past its deadline and is cancelled", provider.id)
            provider = client.cancel(provider.id)
        if provider.ended:
            self._collect(client, batch, provider)

    def _refused(self, batch: batches.Batch, failure: BatchFailure) -> None:
        """Take back a batch that the provider refused when it checked the file; nothing of it is billed."""
        codes = ", ".join(failure.codes) or "failed"
        if failure.retry == "account":
            msg = f"the API takes no batch ({codes}); see to the account's quota, key and model"
            raise ApiAccessError(msg)
        log.warning("batch %s was refused (%s)", batch.provider_batch_id, codes)
        bad = self._named(batch, failure) if failure.retry == "never" else set()
        lines = self._batches.give_up(batch, codes)
        for line in lines:
            if failure.retry == "later":  # as full as before: not in this round
                self._waiting.set_state(line.record_key, "api_unavailable")
            elif line.id in bad:
                self._batches.set_aside(line.record_key, "refused", codes)
        self._at_once = self._at_once or (failure.retry == "never" and not bad)

    def _named(self, batch: batches.Batch, failure: BatchFailure) -> set[UUID]:
        """Return the attempts whose lines, numbered from 1, the provider found fault with."""
        numbers = set(failure.lines)
        path = self._plan.folder / batch.file_name
        return {id_ for number, id_ in enumerate(file_ids(path), 1) if number in numbers}

    def _collect(self, client: BatchClient, batch: batches.Batch, provider: ProviderBatch) -> None:
        """Settle the results of a batch that has ended. What no line answers is unknown, and asked for again."""
        with self._plan.sessions() as session:
            lines = {
                one.id: one
                for one in attempts.pending_in_batches(session, self._plan.version_id)
                if one.batch_id == batch.id
            }
        reader = ResultReader(lines)
        for file_id in (provider.output_file_id, provider.error_file_id):
            if file_id is None:
                continue
            for result in reader.read(client.download(file_id)):
                self._settle(result, lines[result.id])
        self.committer.flush()
        if damaged := reader.tally.undecodable:
            log.warning("batch %s: %s damaged lines were passed over", provider.id, damaged)
        self._close(batch)
        self._forget_texts(client, provider)
        for line_id in reader.missing:
            self._waiting.again(lines[line_id].record_key, lines[line_id].attempt)

    def _forget_texts(self, client: BatchClient, provider: ProviderBatch) -> None:
        """Delete the provider's files, which hold texts; one that stays does no other harm."""
        for file_id in (provider.input_file_id, provider.output_file_id, provider.error_file_id):
            try:
                if file_id is not None:
                    client.delete_file(file_id)
            except (BatchApiUnavailable, BatchApiRefused, ApiAccessError) as error:
                log.warning("a file of batch %s was not deleted: %s", provider.id, error)

    def _close(self, batch: batches.Batch) -> None:
        plan = self._plan

        def write(session: Session) -> None:
            leases.renew(session, plan.lease, plan.settings.lease_seconds)
            batches.close(session, batch.id, "collected")
            attempts.settle_unknown(session, plan.workload.name, plan.partition, failure="no_answer")

        self._batches.note(write)
        (plan.folder / batch.file_name).unlink(missing_ok=True)

    def _settle(self, result: BatchResult, line: attempts.InBatch) -> None:
        now = datetime.now(UTC)
        if result.kind == "answered":
            self._settle_answer(result, line, now)
            return
        failed = ClosedAttempt(line.id, "failed", now, failure=result.failure)
        escalated = self._waiting.get(line.record_key)
        if result.rejection is not None and escalated is not None:
            request = api_request(self._plan, self._api, escalated, line.id)
            rejected = Completion(request, rejection=result.rejection, detail=result.detail, attempt=failed)
            self._settler.api(escalated, rejected, self._book, batched=True)
            return
        self.committer.add_closings([self._book.unserved(failed)])
        self._waiting.again(line.record_key, line.attempt)
        if result.kind == "fatal":
            msg = (
                f"the API refuses the account or the model ({result.failure}); see to the key, the quota and "
                "BREAKEVEN_API_MODEL"
            )
            raise ApiAccessError(msg)
        # the engine that asks at once finds out what the model does not take, and leaves it out
        self._at_once = self._at_once or result.parameter is not None

    def _settle_answer(self, result: BatchResult, line: attempts.InBatch, now: datetime) -> None:
        escalated = self._waiting.get(line.record_key)
        if escalated is None:  # another attempt has served the record; this one is billed all the same
            self.committer.add_closings([self._book.unserved(_unneeded(line.id, result.body, now))])
            return
        request = api_request(self._plan, self._api, escalated, line.id)
        parsed = parse_answer(request, result.body)
        if parsed.malformed is not None:
            # Billed, and of no use. With a usage its cost is known; without, the line keeps its bound when
            # the batch is closed.
            if parsed.usage is not None:
                closed = ClosedAttempt(line.id, "ok", now, parsed.usage, parsed.malformed)
                self.committer.add_closings([self._book.unserved(closed)])
            self._waiting.again(line.record_key, line.attempt)
            return
        completion = Completion(
            request,
            text=parsed.text,
            value=parsed.value,
            usage=parsed.usage,
            finish_reason=parsed.finish_reason,
            rejection=parsed.rejection,
            detail=parsed.detail,
            attempt=ClosedAttempt(line.id, "ok", now, parsed.usage),
        )
        self._settler.api(escalated, completion, self._book, batched=True)


def _unneeded(line_id: UUID, body: Mapping[str, object], now: datetime) -> ClosedAttempt:
    """Close an answered attempt that nobody needs any more, with the usage that is billed."""
    usage = usage_of(body)
    return ClosedAttempt(line_id, "ok" if usage else "unknown_outcome", now, usage, "not_needed")
