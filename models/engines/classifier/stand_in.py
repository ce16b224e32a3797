"""A classifier in the place of the local engine: it answers every request of a run by itself. An evaluation measures it so."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from models.engines.classifier.engine import Classifier
from models.engines.classifier.request import ClassifierRequest
from models.gpu_time import GpuTime
from models.requests import AnswerIndex, Completion, Request, Usage
from models.workloads.base import Workload
from models.workloads.label_answer import spell_answer

BATCH = 64
"""Texts that are classified at once."""


class StandIn:
    """Answers requests by what a classifier says of the records' texts, by record key; sure or not, each has an answer."""

    name = "classifier"

    def __init__(self, classifier: Classifier, workload: Workload, texts: Mapping[str, str]) -> None:
        self._classifier = classifier
        self._workload = workload
        self._texts = texts

    @property
    def model(self) -> str:
        """The classifier's name."""
        return self._classifier.model

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,  # noqa: ARG002  the texts are distinct
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer as `models.engines.base.Engine.stream` says, in batches. The tokens are those of the embedding model."""
        batch: list[Request] = []
        for request in requests:
            if stop():
                return
            batch += [] if request is None else [request]
            if batch and (request is None or len(batch) == BATCH):
                yield from self._answer(batch)
                batch = []
        if batch and not stop():
            yield from self._answer(batch)

    def lap(self) -> GpuTime:
        """Return the classifier's time since the last lap."""
        return self._classifier.lap()

    def close(self) -> None:
        """Free its memory."""
        self._classifier.close()

    def _answer(self, batch: Sequence[Request]) -> Iterator[Completion]:
        began = time.perf_counter_ns()
        guesses = self._classifier.classify([self._texts[one.record_key] for one in batch])
        each = (time.perf_counter_ns() - began) // len(batch)
        for request, guess in zip(batch, guesses, strict=True):
            text, value = spell_answer(self._workload, guess.value)
            yield Completion(
                request=_asked(request),
                text=text,
                value=value,
                usage=Usage(guess.tokens, 0, 0),
                finish_reason="stop",
                confidence=guess.confidence,
                engine_ns=each,
            )


def _asked(request: Request) -> ClassifierRequest:
    """Return the request as one that a classifier answered."""
    return ClassifierRequest(
        request.id,
        request.record_key,
        request.messages,
        request.output,
        request.max_tokens,
        request.attempt,
    )
