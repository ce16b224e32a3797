"""A classifier in the place of the local engine: each request has one answer, in batches, of the record's own text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from models.engines.classifier.classifying import TEXTS
from models.engines.classifier.guess import Guess
from models.engines.classifier.request import ClassifierRequest
from models.engines.classifier.stand_in import StandIn
from models.gpu_time import GpuTime
from models.requests import JsonValue, Request
from models.settings import Settings
from models.workloads import build
from models.workloads.base import Workload

LABELS = ("first_one", "second")


@dataclass
class SameGuesser:
    """Says the same of every text, and notes what it was asked at once."""

    answer: JsonValue
    model: str = "classifier-1a2b3c4d"
    labels: tuple[str, ...] = LABELS
    batches: list[list[str]] = field(default_factory=list)
    closed: bool = False

    def classify(self, texts: Sequence[str]) -> list[Guess]:
        """Guess."""
        self.batches.append(list(texts))
        return [Guess(self.answer, 0.75, {}, 7) for _ in texts]

    def lap(self) -> GpuTime:
        """Return some time."""
        return GpuTime(1, 2, 0)

    def close(self) -> None:
        """Note it."""
        self.closed = True


def workload_of(kind: str) -> Workload:
    """Make a workload of two labels."""
    own = {"prompt": "Which?", "labels": LABELS, "kind": kind}
    return build("mine", Settings.model_validate({"workloads": {"mine": own}}))


def asked(workload: Workload, key: str) -> Request:
    """Make the request of a record, whose prompt is not its text."""
    return Request(uuid4(), key, workload.messages(f"prompt of {key}"), workload.output_format, 16)


@pytest.mark.parametrize(
    ("kind", "answer", "text"),
    [("label", "first_one", "first one"), ("labels", ["second"], '{"labels":["second"]}')],
)
def test_each_request_is_answered_by_what_is_said_of_its_text(
    kind: str, answer: JsonValue, text: str
) -> None:
    """In the words of the prompt, with the confidence and the tokens of the classifier, as its own kind of request."""
    workload, classifier = workload_of(kind), SameGuesser(answer)
    engine = StandIn(classifier, {"a": "text of a", "b": "text of b"}, workload.answer_text)
    requests = [asked(workload, "a"), asked(workload, "b")]
    found = list(engine.stream([requests[0], None, requests[1]]))
    assert classifier.batches == [["text of a", "text of b"]]
    assert [one.request.id for one in found] == [one.id for one in requests]
    assert all(isinstance(one.request, ClassifierRequest) for one in found)
    assert {one.text for one in found} == {text}
    assert {workload.confidence(one) for one in found} == {0.75}
    assert found[0].usage is not None
    assert (found[0].usage.input_tokens, found[0].usage.output_tokens) == (7, 0)
    assert workload.parse("text of a", found[0]).model_dump() == {kind: answer}
    assert (engine.model, engine.lap()) == (classifier.model, GpuTime(1, 2, 0))
    engine.close()
    assert classifier.closed


def test_batches_are_full_and_none_is_lost() -> None:
    """More than a batch, and a rest."""
    workload, classifier = workload_of("label"), SameGuesser("second")
    keys = [f"r{at:04}" for at in range(2 * TEXTS + 3)]
    engine = StandIn(classifier, {key: f"text {key}" for key in keys}, workload.answer_text)
    found = list(engine.stream(asked(workload, key) for key in keys))
    assert [one.request.record_key for one in found] == keys
    assert [len(one) for one in classifier.batches] == [TEXTS, TEXTS, 3]


def test_a_stop_leaves_the_rest_unasked() -> None:
    """Nothing is asked after it; what was answered by then is given."""
    workload, classifier = workload_of("label"), SameGuesser("second")
    keys = [f"r{at:04}" for at in range(2 * TEXTS)]
    engine = StandIn(classifier, {key: f"text {key}" for key in keys}, workload.answer_text)
    found = list(
        engine.stream((asked(workload, key) for key in keys), stop=lambda: len(classifier.batches) > 0)
    )
    assert [one.request.record_key for one in found] == keys[:TEXTS]
