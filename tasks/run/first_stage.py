"""The first stage of a run with a classifier in force: what it is sure of is done, the rest goes on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from models.engines.classifier.classifying import classify
from models.engines.classifier.engine import Classifier
from models.engines.classifier.request import ClassifierRequest
from models.errors import UsageError
from models.ids import new_id
from models.ledger.accounting import Finished
from models.records import Record
from models.requests import AnswerIndex
from models.workloads.answer_kind import known_labels
from models.workloads.base import Workload
from tasks.planning.classifier_in_force import ClassifierInForce
from tasks.storage.outcomes import Outcomes


@dataclass(slots=True)
class FirstStage:
    """Asks the classifier of a run, which `load` gives, before any other engine. Without one all records go on."""

    in_force: ClassifierInForce | None
    workload: Workload
    outcomes: Outcomes
    answers: AnswerIndex
    load: Callable[[ClassifierInForce], Classifier]
    stop: Callable[[], bool]
    _classifier: Classifier | None = field(default=None, init=False)

    def sort_out(self, records: Iterable[Record]) -> Iterator[tuple[Record, list[Finished]]]:
        """Yield the records that go on, each with the attempt that it had here; the others are published.

        A stop leaves some unasked. Raises `UsageError` for a classifier that cannot be used.
        """
        if self.in_force is None:
            yield from ((record, []) for record in records)
            return
        by_id = {request.id: (request, record) for request, record in map(self._ask, records)}
        if not by_id:
            return
        requests = (request for request, _ in by_id.values())
        found = classify(
            self._loaded(self.in_force),
            requests,
            self.workload.answer_text,
            answers=self.answers,
            stop=self.stop,
        )
        for completion in found:
            _, record = by_id[completion.request.id]
            made = self.outcomes.accept_classified(record, completion, self.in_force.threshold)
            if made is not None:
                yield record, [made]

    def _ask(self, record: Record) -> tuple[ClassifierRequest, Record]:
        workload = self.workload
        messages = workload.messages(record.text)
        request = ClassifierRequest(
            new_id(), record.key, messages, workload.output_format, workload.max_tokens, text=record.text
        )
        return request, record

    def _loaded(self, in_force: ClassifierInForce) -> Classifier:
        """Return the classifier, whose labels are those of the workload. Raises `UsageError` where they are not."""
        if self._classifier is None:
            loaded = self.load(in_force)
            if set(loaded.labels) != set(known_labels(self.workload)):
                raise UsageError(in_force.other_labels())
            self._classifier = loaded
        return self._classifier
