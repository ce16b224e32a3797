"""A classifier in the place of the local engine: it answers every request of a run by itself. An evaluation measures it so."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from models.engines.classifier.classifying import classify
from models.engines.classifier.engine import Classifier
from models.engines.classifier.request import ClassifierRequest
from models.engines.window import Forgetful
from models.gpu_time import GpuTime
from models.requests import AnswerIndex, Completion, JsonValue, Request


class StandIn:
    """Answers requests by what a classifier says of the records' texts, by record key; sure or not, each has an answer.

    `written` makes a label, or a list of labels, the text that a model would have written.
    """

    name = "classifier"

    def __init__(
        self, classifier: Classifier, texts: Mapping[str, str], written: Callable[[JsonValue], str]
    ) -> None:
        self._classifier = classifier
        self._texts = texts
        self._written = written

    @property
    def model(self) -> str:
        """The classifier's name."""
        return self._classifier.model

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer as `models.engines.base.Engine.stream` says, in batches. The tokens are those of the embedding model."""
        asked = (None if one is None else self._asked(one) for one in requests)
        return classify(
            self._classifier,
            asked,
            self._written,
            answers=Forgetful() if answers is None else answers,
            stop=stop,
        )

    def lap(self) -> GpuTime:
        """Return the classifier's time since the last lap."""
        return self._classifier.lap()

    def close(self) -> None:
        """Free its memory."""
        self._classifier.close()

    def _asked(self, request: Request) -> ClassifierRequest:
        """Return the request as one that a classifier answers."""
        return ClassifierRequest(
            request.id,
            request.record_key,
            request.messages,
            request.output,
            request.max_tokens,
            request.attempt,
            text=self._texts[request.record_key],
        )
