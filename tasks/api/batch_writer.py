"""Batches are written down before anything is uploaded: the request file, then its lines, under the budget."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from db import attempts, batches, leases, spend
from models.economics.budget import Budget, Cap
from models.economics.upper_bound import upper_bound_nano
from models.engines.api.chat_format import request_body, schema_text
from models.engines.api.permit import ApiRequest, OpenAttempt
from models.engines.batch.files import BatchFile, BatchLimits, write_batches
from models.engines.window import reuse
from models.errors import ResidencyError
from models.ledger.accounting import ApiKeys, pending_line
from models.ledger.line import LedgerLine
from models.records import Escalated
from models.requests import Completion
from tasks.api.requests import api_request
from tasks.planning.checks import ApiPlan
from tasks.planning.run_plan import Plan
from tasks.runtime.ledger_access import with_patience
from tasks.storage.escalation_queue import IN_BATCH
from tasks.storage.outcomes import Settler
from tasks.storage.scratch_db import Scratch

TAKEN_AT_ONCE = 500


class BatchWriter:
    """Puts queued records into request files, and each file with its pending lines into the ledger.

    A file is on disk before its batch is in the ledger; one without a batch is removed by the next run.
    A record whose request was answered before reuses that answer, and one whose request is in a batch
    already waits for it: an identical request is paid for once.
    """

    def __init__(
        self,
        plan: Plan,
        api: ApiPlan,
        keys: ApiKeys,
        scratch: Scratch,
        settler: Settler,
        stop: Callable[[], bool],
    ) -> None:
        self._plan = plan
        self._api = api
        self._keys = keys
        self._answers = scratch
        self._waiting = scratch.waiting
        self._settler = settler
        self._stop = stop
        self._lines: dict[UUID, LedgerLine] = {}
        settings = plan.settings
        self._budget = Budget(
            plan.workload.name, settings.workload(plan.workload.name).budget, settings.budget
        )

    def write(self) -> None:
        """Write down everything that is queued, unless told to stop; set aside what no file can hold.

        A record for which the budget has no room becomes `budget`, the others `batch`.
        """
        settings, options = self._plan.settings, self._api.options
        limits = BatchLimits(
            settings.batch_max_requests, settings.batch_max_bytes, settings.batch_enqueued_tokens
        )
        for made in write_batches(
            self._requests(),
            self._plan.folder,
            limits,
            body=lambda request: request_body(request, options, options.structured_output),
            tokens=lambda request: self._plan.counter.input_tokens(request.messages),
        ):
            if isinstance(made, Completion):
                self._lines.pop(made.request.id)
                self._waiting.unask(made.request.digest())
                self._settler.rejected(made)
            else:
                self._record(made)

    def _requests(self) -> Iterator[ApiRequest]:
        """Render what is queued and must be asked for, as far as the caps leave room for the most that it can cost."""
        left = self._left()
        while not self._stop() and (some := self._waiting.take(TAKEN_AT_ONCE)):
            for escalated in some:
                request = api_request(self._plan, self._api, escalated)
                if self._is_answered(escalated, request):
                    continue
                line = self._line(request)
                cost = line.cost_nano or 0
                if left is not None and cost > left:
                    self._waiting.set_state(escalated.record.key, "budget")
                elif self._waiting.ask(request.digest()):
                    left = None if left is None else left - cost
                    self._lines[request.id] = line
                    yield request
                else:
                    self._waiting.set_state(escalated.record.key, IN_BATCH)

    def _is_answered(self, escalated: Escalated, request: ApiRequest) -> bool:
        """Settle a record whose request was answered before."""
        answer = self._answers.get(request.digest())
        if answer is not None:
            self._settler.answered(escalated, reuse(request, answer))
        return answer is not None

    def _line(self, request: ApiRequest) -> LedgerLine:
        if request.permit.workload != self._plan.workload.name:
            msg = f"a request of {request.permit.workload} is none of {self._plan.workload.name}"
            raise ResidencyError(msg)
        schema = schema_text(request.output)
        bound = upper_bound_nano(self._keys.price, request.messages, schema, request.max_tokens)
        attempt = OpenAttempt(request.id, request, request.attempt, datetime.now(UTC))
        return pending_line(attempt, self._plan.keys, self._keys, reason=request.reason, upper_bound=bound)

    def _left(self) -> int | None:
        """Return what the tightest cap leaves, nano-dollars; None where there is no cap."""
        if not self._budget.capped:
            return None
        return max(0, min(cap.limit_nano - cap.spent_nano for cap in self._plan.read(self._caps)))

    def _caps(self, session: Session) -> list[Cap]:
        spent = spend.spent(session, self._plan.workload.name, datetime.now(UTC).date())
        return self._budget.caps(spent, spend.of_run(session, self._plan.keys.run_id))

    def _record(self, file: BatchFile) -> None:
        """Write the batch and its pending lines down, unless another run used up the budget meanwhile."""
        lines = [replace(self._lines.pop(id_), batch_id=file.batch_id) for id_ in file.ids]
        if self._committed(self._batch(file), lines):
            state = IN_BATCH
        else:
            state = "budget"
            file.path.unlink(missing_ok=True)
        for line in lines:
            self._waiting.set_state(line.record_key, state)

    def _batch(self, file: BatchFile) -> batches.Batch:
        plan, now = self._plan, datetime.now(UTC)
        return batches.Batch(
            file.batch_id,
            plan.keys.run_id,
            plan.version_id,
            file.path.name,
            plan.settings.api_model,
            file.requests,
            file.tokens,
            now,
            now + timedelta(hours=plan.settings.batch_deadline_hours),
        )

    def _committed(self, batch: batches.Batch, lines: Sequence[LedgerLine]) -> bool:
        plan, settings = self._plan, self._plan.settings

        def write() -> bool:
            with plan.sessions.begin() as session:
                leases.renew(session, plan.lease, settings.lease_seconds)
                if attempts.is_written(session, lines[0].id):
                    return True  # the connection broke after the commit had taken place
                if not self._admitted(session, sum(line.cost_nano or 0 for line in lines)):
                    return False
                batches.record_intent(session, batch)
                attempts.open_attempts(session, plan.workload.name, lines)
            return True

        return with_patience(settings.database_patience_seconds, write)

    def _admitted(self, session: Session, nano: int) -> bool:
        if not self._budget.capped:
            return True
        spend.lock(session)
        return self._budget.admit([nano], self._caps(session)) == [None]
