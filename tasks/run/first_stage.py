"""What was trained, before a run's local engine: a classifier answers what it is sure of, triage sends on what the local engine would get wrong."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.engines.classifier.classifying import classify
from models.engines.classifier.engine import Classifier
from models.engines.classifier.request import ClassifierRequest, TriageRequest
from models.errors import UsageError
from models.ids import new_id
from models.ledger.accounting import Finished, came_because
from models.records import Record
from models.requests import AnswerIndex
from models.routing import rules
from models.training.triage import DIFFICULTIES
from models.workloads.answer_kind import known_labels
from models.workloads.base import Workload
from tasks.planning.classifier_in_force import ClassifierInForce
from tasks.planning.triage_in_force import TriageInForce
from tasks.storage.outcomes import Outcomes

Trained = ClassifierInForce | TriageInForce
Left = tuple[Record, Sequence[Finished]]
"""A record that goes on, with the attempts that it had here."""


@dataclass(slots=True)
class FirstStage:
    """Asks what was trained for a run, which `load` gives, before any other engine. Without any all records go on."""

    in_force: ClassifierInForce | None
    triage: TriageInForce | None
    workload: Workload
    outcomes: Outcomes
    answers: AnswerIndex
    load: Callable[[Trained], Classifier]
    stop: Callable[[], bool]
    _loaded: dict[str, Classifier] = field(default_factory=dict, init=False)

    def sort_out(self, records: Iterable[Record]) -> Iterator[Left]:
        """Yield the records that go on, each with the attempts that it had here; the others are published, or wait for the API.

        A stop leaves some unasked. Raises `UsageError` for what cannot be used.
        """
        left: Iterator[Left] = ((record, ()) for record in records)
        if self.in_force is not None:
            left = self._classify(self.in_force, left)
        yield from left if self.triage is None else self._ask_triage(self.triage, left)

    def _classify(self, in_force: ClassifierInForce, left: Iterator[Left]) -> Iterator[Left]:
        """Publish what the classifier is sure of; yield the rest."""
        by_id = {
            request.id: (request, record) for request, record in (self._ask(record) for record, _ in left)
        }
        if not by_id:
            return
        found = classify(
            self._load(in_force, known_labels(self.workload)),
            (request for request, _ in by_id.values()),
            self.workload.answer_text,
            answers=self.answers,
            stop=self.stop,
        )
        for completion in found:
            _, record = by_id[completion.request.id]
            made = self.outcomes.accept_classified(record, completion, in_force.threshold)
            if made is not None:
                yield record, [made]

    def _ask_triage(self, triage: TriageInForce, left: Iterator[Left]) -> Iterator[Left]:
        """Send to the API what the local engine would get wrong; yield the rest. An empty record is for nobody but the local engine, which says so."""
        asked: dict[object, tuple[TriageRequest, Left]] = {}
        for record, held in left:
            if record.text.strip():
                request = self._triage_request(record, len(held) + 1)
                asked[request.id] = request, (record, held)
            else:
                yield record, held
        if not asked:
            return
        found = classify(
            self._load(triage, DIFFICULTIES),
            (request for request, _ in asked.values()),
            str,
            answers=self.answers,
            stop=self.stop,
        )
        for completion in found:
            _, (record, held) = asked[completion.request.id]
            reason = rules.find_trained_reason(completion, triage.least)
            came = came_because(held)
            made = [*held, Finished(completion, datetime.now(UTC), "triage", reason, came=came)]
            if reason is None:
                yield record, made
            else:
                self.outcomes.escalate(record, reason, made)

    def _ask(self, record: Record) -> tuple[ClassifierRequest, Record]:
        workload = self.workload
        messages = workload.messages(record.text)
        request = ClassifierRequest(
            new_id(), record.key, messages, workload.output_format, workload.max_tokens, text=record.text
        )
        return request, record

    def _triage_request(self, record: Record, number: int) -> TriageRequest:
        messages = self.workload.messages(record.text)
        return TriageRequest(
            new_id(), record.key, messages, rules.TRIAGE, rules.TRIAGE_TOKENS, number, text=record.text
        )

    def _load(self, wanted: Trained, labels: Sequence[str]) -> Classifier:
        """Return what is loaded, whose labels are these. Raises `UsageError` where they are not."""
        if wanted.name not in self._loaded:
            loaded = self.load(wanted)
            if set(loaded.labels) != set(labels):
                raise UsageError(wanted.other_labels())
            self._loaded[wanted.name] = loaded
        return self._loaded[wanted.name]
