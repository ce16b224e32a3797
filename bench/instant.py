"""An engine that answers at once, so that only the pipeline around it is measured."""

import json
from collections.abc import Callable, Iterable, Iterator

from models.engines.vllm.gpu_clock import GpuClock
from models.engines.window import Window
from models.gpu_time import GpuTime
from models.requests import AnswerIndex, Choice, Completion, JsonValue, Request, Usage

OBJECT: JsonValue = {
    "title": "A compact lamp for the desk",
    "bullets": ["Warm light", "Folds flat", "Runs on two batteries"],
    "category": "home",
    "attributes": [],
}
USAGE = Usage(input_tokens=200, cached_tokens=160, output_tokens=3)
IN_FLIGHT = 64
LOOKAHEAD = 2048
ENGINE_NS = 1000


class InstantEngine:
    """Goes through the real window, takes no time, and answers every request with a label or an object."""

    name = "vllm"
    model = "instant"

    def __init__(self) -> None:
        self._clock = GpuClock()
        self._object_text = json.dumps(OBJECT)

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer as `models.engines.base.Engine.stream` says."""
        window = Window(requests, IN_FLIGHT, LOOKAHEAD, answers)
        while not (window.exhausted or stop()):
            taken = list(window.take())
            yield from window.reused()
            for request in taken:
                yield from window.finish(self._answer(request))

    def lap(self) -> GpuTime:
        """Return the time since the last lap."""
        return self._clock.lap()

    def close(self) -> None:
        """Nothing is held."""

    def _answer(self, request: Request) -> Completion:
        if isinstance(request.output, Choice):
            labels = request.output.labels
            probabilities = dict.fromkeys(labels, 1 / len(labels))
            return Completion(
                request,
                text=labels[0],
                value=labels[0],
                usage=USAGE,
                finish_reason="stop",
                confidence=0.8,
                label_probabilities=probabilities,
                engine_ns=ENGINE_NS,
            )
        return Completion(
            request,
            text=self._object_text,
            value=OBJECT,
            usage=USAGE,
            finish_reason="stop",
            confidence=0.8,
            engine_ns=ENGINE_NS,
        )
