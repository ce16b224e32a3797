"""A classifier behind the window that every engine has: identical requests are answered once."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from models.engines.classifier.engine import Classifier
from models.engines.classifier.guess import Guess
from models.engines.classifier.request import ClassifierRequest, TriageRequest
from models.engines.window import Window
from models.gpu_time import split_exactly
from models.requests import AnswerIndex, Choice, Completion, JsonValue, Usage

TEXTS = 256
"""Texts that are classified together at most: enough for batches of like length, few enough to stop soon."""


def classify(
    classifier: Classifier,
    requests: Iterable[ClassifierRequest | None],
    written: Callable[[JsonValue], str],
    *,
    answers: AnswerIndex,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Completion]:
    """Answer each request; `written` makes a label, or a list of labels, the text that a model would have written.

    A completion's time is its part of the batch's, by the tokens of its text. But for triage it has no probabilities by label: what
    corrects those of the local model must not touch a classifier's.
    """
    window = Window(requests, TEXTS, TEXTS, answers)
    while not (window.exhausted or stop()):
        asked = list(window.take())
        yield from window.reused()
        if not asked:
            continue
        since = time.monotonic_ns()
        guesses = classifier.classify([request.text for request in asked])
        took = _split(time.monotonic_ns() - since, guesses)
        for request, guess, ns in zip(asked, guesses, took, strict=True):
            yield from window.finish(_complete(request, guess, written(guess.value), ns))


def _split(total_ns: int, guesses: Sequence[Guess]) -> list[int]:
    return split_exactly(total_ns, [max(guess.tokens, 1) for guess in guesses])


def _complete(request: ClassifierRequest, guess: Guess, text: str, ns: int) -> Completion:
    value: JsonValue = text if isinstance(request.output, Choice) else json.loads(text)
    return Completion(
        request,
        text=text,
        value=value,
        usage=Usage(guess.tokens, 0, 0),
        finish_reason="stop",
        confidence=guess.confidence,
        label_probabilities=guess.probabilities if isinstance(request, TriageRequest) else None,
        engine_ns=ns,
    )
