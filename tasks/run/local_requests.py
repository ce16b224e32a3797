"""The requests of records that the local engine is asked about, with the triage question before them where the policy wants it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.ids import new_id
from models.ledger.accounting import Finished, came_because
from models.records import EscalationReason, Record
from models.requests import CommonStart, Completion, Request
from models.routing import rules
from models.routing.policy import Policy
from models.workloads.base import Workload


@dataclass(slots=True)
class LocalRequests:
    """Holds the records that the local engine has in work, with the attempts that no commit has yet, and renders their requests."""

    workload: Workload
    policy: Policy
    _in_work: dict[str, tuple[Record, list[Finished]]] = field(default_factory=dict, init=False)
    _triaged: set[str] = field(default_factory=set, init=False)
    _start: CommonStart = field(default_factory=CommonStart, init=False)
    _triage_start: CommonStart = field(default_factory=CommonStart, init=False)
    _asks_triage: bool = field(init=False)

    def __post_init__(self) -> None:
        self._asks_triage = rules.asks_triage(self.policy)

    def __len__(self) -> int:
        return len(self._in_work)

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of the records in work, which may be taken meanwhile."""
        return iter(list(self._in_work))

    def add(self, record: Record, held: Sequence[Finished] = ()) -> Request:
        """Put a record in work, with the attempts that it had before; return the first request about it."""
        self._in_work[record.key] = record, [*held]
        return self.next(record.key)

    def next(self, key: str) -> Request:
        """Render the request that a record in work needs next: the triage question, or the workload's own."""
        (record, held), workload = self._in_work[key], self.workload
        if self._asks_triage and key not in self._triaged:
            messages = rules.triage_messages(record.text)
            request = Request(new_id(), key, messages, rules.TRIAGE, rules.TRIAGE_TOKENS, len(held) + 1)
            request.digest(self._triage_start)
        else:
            messages = workload.local_messages(record.text)
            output, limit = workload.output_format, workload.max_tokens
            request = Request(new_id(), key, messages, output, limit, len(held) + 1)
            request.digest(self._start)
        return request

    def take(self, key: str) -> tuple[Record, Sequence[Finished]]:
        """Take a record out of work; return it with its attempts that no commit has yet."""
        self._triaged.discard(key)
        return self._in_work.pop(key)

    def triaged(self, completion: Completion) -> EscalationReason | None:
        """Note the answer to a triage question; return why the record goes to the API, None if it stays.

        The line of the triage is kept for the record's next commit: a run that is killed in between
        has committed nothing that it would have to repeat.
        """
        reason, key = rules.find_triage_reason(completion, self.policy), completion.request.record_key
        if completion.rejection is None:  # a question that was rejected is no attempt
            held = self._in_work[key][1]
            held.append(Finished(completion, datetime.now(UTC), "triage", reason, came=came_because(held)))
        self._triaged.add(key)
        return reason
