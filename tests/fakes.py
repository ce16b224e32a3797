"""Stand-ins for tests: an engine that answers from the prompt, through the real sliding window."""

import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from models.engines.vllm.gpu_clock import GpuClock
from models.engines.window import Window
from models.errors import EngineDied
from models.gpu_time import GpuTime
from models.requests import AnswerIndex, Choice, Completion, JsonValue, RejectionReason, Request, Usage


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler decides for one request. `value` is what the engine parsed from `text`."""

    text: str = ""
    value: JsonValue = None
    rejection: RejectionReason | None = None
    detail: str | None = None
    usage: Usage | None = None
    confidence: float = 0.8


Handler = Callable[[Request], Reply]


def prompt(request: Request) -> str:
    """Return the text of the last message, which holds the record."""
    return request.messages[-1].content


def plausible(request: Request) -> Reply:
    """Answer with a label, or an object, that depends on the prompt alone."""
    number = zlib.crc32(prompt(request).encode())
    if isinstance(request.output, Choice):
        label = request.output.labels[number % len(request.output.labels)]
        return Reply(label, label)
    value: JsonValue = {
        "title": f"Thing {number}",
        "bullets": ["Light", "Small", "Red"],
        "category": "home",
        "attributes": [],
    }
    return Reply(json.dumps(value), value)


def unsure(*words: str) -> Callable[[Request], Reply]:
    """Make a handler that is unsure of the texts that hold one of these words, and sure of the others."""

    def answer(request: Request) -> Reply:
        reply = plausible(request)
        doubt = any(word in prompt(request) for word in words)
        return Reply(reply.text, reply.value, confidence=0.3 if doubt else 0.9)

    return answer


def _probabilities(request: Request, reply: Reply) -> dict[str, float] | None:
    """Give the answered label most of the probability, as a sure model would."""
    if not isinstance(request.output, Choice) or reply.text not in request.output.labels:
        return None
    rest = (1 - reply.confidence) / max(len(request.output.labels) - 1, 1)
    return dict.fromkeys(request.output.labels, rest) | {reply.text: reply.confidence}


@dataclass
class ScriptedEngine:
    """Answers what `handler` decides, `delay` seconds a request, in a window of `size`.

    `dies_after`: raises `EngineDied` when asked for one more than so many answers. `calls`: a file that
    gets a line, the record's key, for each request that the engine starts; it outlives the process.
    `held` is the sum of all laps.
    """

    handler: Handler = plausible
    delay: float = 0.0
    size: int = 16
    lookahead: int = 64
    load_seconds: float = 0.0
    dies_after: int | None = None
    calls: Path | None = None
    name: str = "vllm"
    model: str = "scripted"
    started: list[str] = field(default_factory=list)
    answered: int = 0
    closed: bool = False
    held: GpuTime = field(default_factory=GpuTime)

    def __post_init__(self) -> None:
        """Load."""
        self._clock = GpuClock()
        with self._clock.loading():
            time.sleep(self.load_seconds)

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer as `models.engines.base.Engine.stream` says, the last request taken first."""
        if self.closed:
            msg = "the scripted engine is closed"
            raise EngineDied(msg)
        window = Window(requests, self.size, self.lookahead, answers)
        flying: list[Request] = []
        while not (window.exhausted or stop()):
            for request in window.take():
                self._note(request)
                flying.append(request)
            yield from window.reused()
            if flying:
                yield from window.finish(self._answer(flying.pop()))

    def lap(self) -> GpuTime:
        """Return the time since the last lap."""
        lap = self._clock.lap()
        self.held += lap
        return lap

    def close(self) -> None:
        """Take no more requests."""
        self.closed = True

    def _note(self, request: Request) -> None:
        self.started.append(request.record_key)
        if self.calls is not None:
            with self.calls.open("a", encoding="utf-8") as file:
                file.write(f"{request.record_key}\n")

    def _answer(self, request: Request) -> Completion:
        if self.dies_after is not None and self.answered >= self.dies_after:
            msg = f"the scripted engine died after {self.answered} answers"
            raise EngineDied(msg)
        since = time.monotonic_ns()
        with self._clock.busy():
            if self.delay:
                time.sleep(self.delay)
            reply = self.handler(request)
        self.answered += 1
        if reply.rejection is not None:
            return Completion(request, rejection=reply.rejection, detail=reply.detail)
        probabilities = _probabilities(request, reply)
        words = sum(len(message.content.split()) for message in request.messages)
        return Completion(
            request,
            text=reply.text,
            value=reply.value,
            usage=reply.usage or Usage(words, min(words, 8), len(reply.text.split())),
            finish_reason="stop",
            confidence=None if probabilities is None else probabilities.get(reply.text),
            label_probabilities=probabilities,
            engine_ns=time.monotonic_ns() - since,
        )
