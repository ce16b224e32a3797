"""The workload `sentiment` with an engine that pauses, for the workers that `bench.shards` starts: each flow run imports this."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps
from zlib import crc32

from bench.instant import InstantEngine
from flows.environment import read_settings
from flows.workloads import build
from models.requests import AnswerIndex, Choice, Completion, Request
from models.run import RunResult
from tasks.runtime.shared_engine import shared_engine

PAUSE = "BENCH_PAUSE_MS"


class PausedEngine(InstantEngine):
    """Takes so long for each request as the environment says, without a processor, as if a GPU of its own were at work."""

    def __init__(self, pause_ms: float) -> None:
        super().__init__()
        self._pause_s = pause_ms / 1000
        self._due = time.perf_counter()

    def stream(
        self,
        requests: Iterable[Request | None],
        *,
        answers: AnswerIndex | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Completion]:
        """Answer as `models.engines.base.Engine.stream` says."""
        self._due = time.perf_counter()
        return super().stream(requests, answers=answers, stop=stop)

    def _answer(self, request: Request) -> Completion:
        """Answer with a label that depends on the text."""
        self._wait()
        found = super()._answer(request)
        if isinstance(request.output, Choice):
            labels = request.output.labels
            label = labels[crc32(request.messages[-1].content.encode()) % len(labels)]
            return replace(found, text=label, value=label)
        return found

    def _wait(self) -> None:
        """Wait until this request is through; a pipeline that is late is not waited for, and gains nothing."""
        now = time.perf_counter()
        self._due = max(self._due, now) + self._pause_s
        time.sleep(self._due - now)


def load() -> PausedEngine:
    """Make the engine as the environment says."""
    return PausedEngine(float(os.environ.get(PAUSE, "0")))


sentiment = build("sentiment")
_inner = sentiment.fn


@wraps(_inner)
def _run(*positional: object, **named: object) -> RunResult:
    with shared_engine(read_settings(), lambda _: load()):
        return _inner(*positional, **named)  # type: ignore[return-value]  # passed on as it is


sentiment.fn = _run
