"""Taking up what waits: answers of batches, and records that a budget or the API had held back."""

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.orm import Session

from db import attempts, batches, partitions
from models.catalogue.model_ends import end_note
from models.engines.api.errors.error_codes import error_code
from models.engines.api.probation import REFUSALS
from models.engines.api.rate_limits import Limits
from models.engines.api.replies import TOO_LONG_CODES
from models.engines.batch.files import file_ids
from models.engines.batch.provider_words import over_limit
from models.engines.batch.status import (
    NAMES_LATE,
    BatchApiRefused,
    BatchApiUnavailable,
    BatchFailure,
    ProviderBatch,
)
from models.errors import ApiAccessError, LeaseLost, LedgerLost, NoAnswerFits
from models.gpu_time import MachineTime
from models.requests import Completion, RejectionReason
from models.settings import Settings
from tasks.api.batch_closing import forget_texts
from tasks.api.batch_judgement import SEE_TO_IT
from tasks.api.batch_results import BatchResults
from tasks.planning.checks import ApiPlan
from tasks.planning.open_run import OpenRun
from tasks.run.infer import Inferred
from tasks.run.used_up import UsedUp
from tasks.run.wiring import make_api_parts, make_committer, make_outcomes
from tasks.runtime.ledger_access import reading_ledger
from tasks.runtime.stop_signals import StopRequest, stop_on_signals
from tasks.storage.escalation_queue import AT_ONCE
from tasks.storage.scratch_db import Scratch

if TYPE_CHECKING:
    from models.engines.batch.client import BatchClient

log = logging.getLogger(__name__)


def waiting_partitions(settings: Settings) -> list[tuple[str, date]]:
    """Return the partitions of which records wait, as (workload, date), the longest waiting first.

    Raises `UsageError` without a ledger, `DatabaseUnavailable`.
    """
    with reading_ledger(settings) as session:
        return [(one.workload, one.partition) for one in partitions.list_waiting(session)]


def collect(run: OpenRun, scratch: Scratch, lost: Callable[[], LeaseLost | LedgerLost | None]) -> Inferred:
    """Collect the batches that have ended, and ask the API for what may be asked now; commit as it comes.

    Raises `Interrupted`, `ApiAccessError`, `LeaseLost`, `DatabaseUnavailable`.
    """
    if run.api is None:
        msg = "the run was opened without an API"
        raise ApiAccessError(msg)
    with stop_on_signals() as stop, scratch.errors():
        collector = Collector(run, run.api, scratch, stop, lost)
        try:
            collector.run()
        finally:
            collector.committer.close()
        waiting = scratch.waiting.states()
    if (error := lost()) is not None:
        raise error
    if stop():
        left = "what was collected is committed, the next collecting does the rest"
        raise stop.interrupted(left)
    return Inferred.of(collector.committer, waiting)


class Collector:
    """One round over what waits of one partition."""

    def __init__(
        self,
        run: OpenRun,
        api: ApiPlan,
        scratch: Scratch,
        stop: StopRequest,
        lost: Callable[[], LeaseLost | LedgerLost | None],
    ) -> None:
        self._version = run.version
        self._run_id = run.keys.run_id
        self._mode = api.mode
        self._waiting = scratch.waiting
        self._stop = stop
        self._lost = lost
        self._no_access: str | None = None
        self._stopped = run.stopped
        self.committer = make_committer(run, MachineTime)
        self._outcomes = make_outcomes(run, self.committer, scratch)
        self._used_up = UsedUp(run.version, scratch.waiting, self._outcomes, api)
        limits = Limits.from_options(api.options)
        parts = make_api_parts(run, api, scratch, self.committer, self._outcomes, limits, self._must_stop)
        self._requests, self._submitter, self._lane = parts.requests, parts.submitter, parts.lane
        self._batches, self._learnt = parts.submitter.ledger, parts.learnt
        self._results = BatchResults(
            run.version,
            parts.requests,
            scratch,
            self.committer,
            self._outcomes,
            self._batches,
            self._learnt,
            parts.served,
            parts.bounds,
            self._must_stop,
        )
        self._told: set[str] = set()

    def run(self) -> None:
        """Collect what has ended, then ask again for what is left: in a new batch, or at once past the deadline."""
        try:
            self._count_attempts()
            self._look_at_all()
            if self._stopped is not None and not self._outcomes.first.fitted:
                raise NoAnswerFits(self._stopped)
            if not self._must_stop():
                self._ask_again()
        finally:
            self._lane.close()
            if not self.committer.failed:
                self.committer.flush()

    def _must_stop(self) -> bool:
        return self._stop() or self._lost() is not None

    def _count_attempts(self) -> None:
        """See that the next attempts get numbers after those that this very run has made already."""

        def count(session: Session) -> None:
            for key, number in attempts.list_numbers(session, self._run_id):
                self._waiting.note_attempts(key, number)

        self._version.ledger.read(count)

    def _look_at_all(self) -> None:
        """Look at every batch. Raises `ApiAccessError` at the end if one told that no request can succeed."""
        submitted = [batch for batch in self._batches.live() if batch.state == "submitted"]
        if not submitted:
            return
        with self._submitter.open_client() as client:
            for batch in submitted:
                if self._must_stop():
                    return
                self._look_at(client, batch)
        self._outcomes.first.check(self._submitter.options.model)
        if said := self._no_access or self._results.fatal:
            raise ApiAccessError(said + end_note(self._submitter.options.model, datetime.now(UTC).date()))

    def _look_at(self, client: "BatchClient", batch: batches.Batch) -> None:
        """Look at a batch; one that cannot be asked for now does not keep the others waiting."""
        late = batch.deadline <= datetime.now(UTC)
        try:
            provider = client.poll(batch.provider_batch_id or "")
            if late and not provider.final:
                self._submitter.tell_late(provider.id, batch)
                provider = client.cancel(provider.id)
            self._judge(client, batch, provider)
        except BatchApiUnavailable as error:
            self._tell(str(error), f"batch {batch.provider_batch_id} is looked at again later: {error}")
        except BatchApiRefused as error:
            if late:
                log.warning("batch %s is given up: %s", batch.provider_batch_id, error)
                self.committer.flush()
                self._batches.lose(batch, error.failure)
            else:
                said = f"batch {batch.provider_batch_id} is looked at again until its deadline: {error}"
                self._tell(str(error), said)

    def _judge(self, client: "BatchClient", batch: batches.Batch, provider: ProviderBatch) -> None:
        """Do what the state of a batch asks for; wait for one that has not ended, or does not name its files yet.

        Past its deadline that is for a while only: then what it says is taken as it is.
        """
        over = batch.deadline + NAMES_LATE <= datetime.now(UTC)
        if provider.failure is not None:
            self._refused(client, batch, provider, provider.failure)
            forget_texts(client, provider)
        elif provider.ended or (over and provider.final):
            self._results.take(client, batch, provider)
        elif over:
            log.warning("batch %s has not ended (%s) and is given up", provider.id, self._word(provider))
            self._batches.lose(batch, "never_ended")
        elif provider.final:
            log.info("batch %s has ended (%s), its files are waited for", provider.id, self._word(provider))
        elif provider.standing == "unknown":
            said = f"is in a state that nobody knows ({self._word(provider)}): it is waited for until its deadline"
            self._tell(provider.status, f"batch {provider.id} {said}")

    def _tell(self, topic: str, said: str) -> None:
        """Say something once a run, of the first batch that it is true of."""
        if topic not in self._told:
            self._told.add(topic)
            log.warning("%s", said)

    def _word(self, provider: ProviderBatch) -> str:
        """Return the provider's word for a batch's state, unless it could be a text."""
        return error_code(provider.status) or "no word"

    def _refused(
        self, client: "BatchClient", batch: batches.Batch, provider: ProviderBatch, failure: BatchFailure
    ) -> None:
        """Take back a batch that the provider refused when it checked the file; nothing of it is billed."""
        codes = ", ".join(failure.codes) or "failed"
        self._tell(f"refused: {codes}", f"batch {provider.id} was refused ({codes})")
        body = self._results.rendered(batch)
        if failure.retry == "account":
            self._submitter.put_off(batch, codes)
            self._no_access = f"the API takes no request in a batch ({codes}); {SEE_TO_IT}"
        elif failure.retry == "later" and not over_limit(failure.codes):
            self._submitter.put_off(batch, codes)
        elif failure.other is not None and self._learnt.refuse(failure.other, body):
            self._batches.give_up(batch, codes)
        elif bad := self._named(batch, failure):
            self._set_aside(batch, bad, codes)
            self._batches.give_up(batch, codes)
        else:
            self._submitter.refused(client, batch, failure.codes, f"the provider refuses its file ({codes})")

    def _named(self, batch: batches.Batch, failure: BatchFailure) -> set[UUID]:
        """Return the attempts whose lines, numbered from 1, the provider found fault with.

        None where it is all of several: then it is no fault of theirs.
        """
        numbers, path = set(failure.lines), self._version.folder / batch.file_name
        if not numbers or not path.exists():
            return set()
        bad = {id_ for number, id_ in enumerate(file_ids(path), 1) if number in numbers}
        return set() if len(bad) == batch.requests >= REFUSALS else bad

    def _set_aside(self, batch: batches.Batch, bad: set[UUID], codes: str) -> None:
        """Quarantine the records of whose requests the provider says that they are wrong."""
        too_long = set(codes.split(", ")) <= TOO_LONG_CODES
        for line in self._batches.lines(batch):
            escalated = self._waiting.get(line.record_key) if line.id in bad else None
            if escalated is not None:
                request = self._requests.render(escalated, line.id, line.attempt)
                reason: RejectionReason = "too_long" if too_long else "refused"
                self._outcomes.reject(Completion(request, rejection=reason, detail=codes, attempts=0))

    def _ask_again(self) -> None:
        if self._mode == "sync":
            self._submitter.submit()
            self._waiting.requeue(AT_ONCE)
        self._used_up.before_asking()
        self._lane.drain()
        if not self._must_stop():
            self._outcomes.release_held()
            self._used_up.set_aside()
