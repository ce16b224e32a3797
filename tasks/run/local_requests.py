"""The requests of records that the local engine is asked about, with the triage question before them where the policy wants it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.ids import new_id
from models.ledger.accounting import Finished
from models.records import EscalationReason, Record
from models.requests import Completion, Request
from models.routing import rules
from models.routing.policy import Policy
from models.workloads.base import Workload


@dataclass(slots=True)
class LocalRequests:
    """Holds the records that the local engine has in work, and renders their requests."""

    workload: Workload
    policy: Policy
    _records: dict[str, Record] = field(default_factory=dict, init=False)
    _triage: dict[str, Finished | None] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of the records in work, which may be taken meanwhile."""
        return iter(list(self._records))

    def add(self, record: Record) -> Request:
        """Put a record in work; return the first request about it."""
        self._records[record.key] = record
        return self.next(record.key)

    def next(self, key: str) -> Request:
        """Render the request that a record in work needs next: the triage question, or the workload's own."""
        record, workload, number = self._records[key], self.workload, 1
        if rules.asks_triage(self.policy):
            if key not in self._triage:
                messages, output = rules.triage_messages(record.text), rules.TRIAGE
                return Request(new_id(), key, messages, output, rules.TRIAGE_TOKENS)
            number = 1 if self._triage[key] is None else 2
        messages = workload.messages(record.text)
        return Request(new_id(), key, messages, workload.output_format, workload.max_tokens, number)

    def take(self, key: str) -> tuple[Record, Sequence[Finished]]:
        """Take a record out of work; return it with its attempts that no commit has yet."""
        held = self._triage.pop(key, None)
        return self._records.pop(key), [held] if held else []

    def triaged(self, completion: Completion) -> EscalationReason | None:
        """Note the answer to a triage question; return why the record goes to the API, None if it stays.

        The line of the triage is kept for the record's next commit: a run that is killed in between
        has committed nothing that it would have to repeat.
        """
        reason, made = rules.find_triage_reason(completion, self.policy), None
        if completion.rejection is None:  # a question that was rejected is no attempt
            made = Finished(completion, datetime.now(UTC), "triage", reason)
        self._triage[completion.request.record_key] = made
        return reason
