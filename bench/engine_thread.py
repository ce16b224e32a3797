"""What the engine's thread spends on a record around vLLM itself: prompts made in full, from what is known, and ahead in a thread.

`python -m bench.engine_thread [--records 4000] [--repetitions 3] [--pause-ms 10]`: a stand-in takes vLLM's place. It lets go of the
interpreter's lock while it pauses, as the thread does that waits for an engine in another process, and then answers all that it has.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import median
from types import SimpleNamespace
from typing import Any, Self

from bench.report import Finding, Row, publish
from bench.texts import TALK, message
from models.engines.vllm import engine as vllm_engine
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.gpu_clock import GpuClock
from models.engines.vllm.options import VllmOptions
from models.engines.vllm.prompts_ahead import Prompt, PromptsAhead
from models.engines.vllm.tokenizer import ChatTokenizer, load_local_model
from models.ids import new_id
from models.requests import Choice, Request
from models.settings import Settings
from models.workloads import build

WORKLOADS = ("sentiment", "enrichment")
SEQUENCES = 256
"""`max_num_seqs` on a GPU; the window is twice as much."""
NOTES = [
    "A stand-in for vLLM answers all it has after each pause; the window is 512 requests, as on a GPU.",
    "thread_us: processor time of the thread that consumes the stream, microseconds a record; process_us: of all threads.",
    "between_us: time between the stand-in's steps as this thread sees it, microseconds a record: what an engine in this process waits.",
    "in full, in turn: as before; known, in turn: what stands around records is made once; ahead: that, by groups in a thread of its own.",
]


class StandIn:
    """In the place of a loaded model: answers everything after a pause, and counts neither its pause nor its own work."""

    def __init__(self, options: VllmOptions, tokenizer: Any, limit: int, pause_s: float) -> None:  # noqa: ANN401
        self.options, self.tokenizer, self.max_model_len = options, tokenizer, limit
        self.clock = GpuClock()
        self.alive = True
        self.step_s = self.step_thread_s = 0.0
        self.prompts: list[list[int]] = []
        self._pause_s = pause_s
        self._waiting: list[tuple[str, list[int], Any]] = []

    def llm(self) -> Self:
        """Return what requests are added to."""
        return self

    @property
    def llm_engine(self) -> Self:
        """Return what requests are added to."""
        return self

    def add_request(self, key: str, prompt: dict[str, list[int]], params: Any, **_: object) -> None:  # noqa: ANN401
        """Keep a request for the next step."""
        self._waiting.append((key, prompt["prompt_token_ids"], params))

    def step(self) -> list[Any]:
        """Pause, and answer all requests."""
        start, cpu = time.perf_counter(), time.thread_time()
        if self._pause_s:
            time.sleep(self._pause_s)
        done = [_output(*one) for one in self._waiting]
        self.prompts += [ids for _, ids, _ in self._waiting]
        self._waiting.clear()
        self.step_s += time.perf_counter() - start
        self.step_thread_s += time.thread_time() - cpu
        return done

    def say_once(self, line: str) -> None:
        """Say nothing."""

    def lora_request(self, _: Path | None) -> None:
        """Know no adapter."""


TEXT = '{"title": "A lamp"}'


def _output(key: str, ids: list[int], params: Any) -> Any:  # noqa: ANN401
    choice = params.structured_outputs.choice
    text = choice[0] if choice else TEXT
    found = SimpleNamespace(logprob=-0.1, decoded_token=text)
    answer = SimpleNamespace(
        text=text, token_ids=[7], logprobs=[{7: found}], finish_reason="stop", cumulative_logprob=-0.1
    )
    return SimpleNamespace(
        request_id=key, finished=True, outputs=[answer], prompt_token_ids=ids, num_cached_tokens=0
    )


class InTurn:
    """Makes prompts when they are asked for, in the thread that asks: as it was before they were made ahead."""

    def __init__(self, make: Callable[[Sequence[Request]], list[Prompt]]) -> None:
        self._make = make
        self._waiting: list[Request] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, requests: Any) -> None:  # noqa: ANN401
        """Keep requests."""
        self._waiting.extend(requests)

    def next(self) -> Prompt | None:
        """Make the next prompt."""
        return self._make([self._waiting.pop(0)])[0] if self._waiting else None


def in_full(chat: ChatTokenizer) -> None:
    """Let a tokenizer make each prompt in full."""
    chat._frames.find = lambda _: None  # type: ignore[method-assign,assignment]  # noqa: SLF001
    chat._frames.learn = lambda *_: None  # type: ignore[method-assign]  # noqa: SLF001


WAYS: dict[str, tuple[bool, Any]] = {
    "in full, in turn": (True, InTurn),
    "known, in turn": (False, InTurn),
    "ahead": (False, PromptsAhead),
}


def once(
    way: str,
    requests: Sequence[Request],
    tokenizer: Any,  # noqa: ANN401
    pause_s: float,
) -> tuple[dict[str, float], list[list[int]]]:
    """Stream requests through the engine in one way; return microseconds a record, and the prompts that came out."""
    full, maker = WAYS[way]
    setattr(vllm_engine, "PromptsAhead", maker)  # noqa: B010  not the engine's to give away, as a type checker sees it
    settings = Settings(max_num_seqs=SEQUENCES)
    options = VllmOptions.from_settings(settings, on_cpu=True)
    loaded = StandIn(options, tokenizer, 8192, pause_s)
    engine = VllmEngine(options, loaded)  # type: ignore[arg-type]
    if full:
        in_full(engine._chat)  # noqa: SLF001
    engine.prompt_token_ids(requests[0])
    start, cpu, thread = time.perf_counter(), time.process_time(), time.thread_time()
    count = sum(1 for _ in engine.stream(iter(requests)))
    seconds = {
        "thread_us": time.thread_time() - thread - loaded.step_thread_s,
        "process_us": time.process_time() - cpu,
        "between_us": time.perf_counter() - start - loaded.step_s,
    }
    if count != len(requests):
        raise ValueError(count)
    return {name: 1e6 * value / count for name, value in seconds.items()}, loaded.prompts


def requests_of(workload: str, records: int) -> list[Request]:
    """Make requests of made-up messages; for enrichment longer ones."""
    made, random, words = build(workload, Settings()), Random(1), TALK.split()  # noqa: S311  no secret is made of it
    many = 1 if isinstance(made.output_format, Choice) else 8
    texts = [" ".join(message(random, words) for _ in range(many)) for _ in range(records)]
    return [
        Request(new_id(), str(at), made.local_messages(text), made.output_format, made.max_tokens)
        for at, text in enumerate(texts)
    ]


def run(records: int, repetitions: int, pauses_ms: Sequence[float]) -> Iterator[Row]:
    """Measure all ways in turns. Raises `ValueError` where one gives the engine other prompts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer = load_local_model(VllmOptions.from_settings(Settings(), on_cpu=True)).tokenizer._tokenizer  # noqa: SLF001
    for workload in WORKLOADS:
        requests = requests_of(workload, records)
        for pause in pauses_ms:
            found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
            for _ in range(repetitions):
                prompts = []
                for way in WAYS:
                    figures, ids = once(way, requests, tokenizer, pause / 1000)
                    found[way].append(figures)
                    prompts.append(ids)
                if any(one != prompts[0] for one in prompts):
                    msg = "the ways give the engine other prompts"
                    raise ValueError(msg)
            for way, turns in found.items():
                middle = {name: median(one[name] for one in turns) for name in turns[0]}
                yield {"workload": workload, "pause_ms": pause, "prompts": way, **middle}


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=4000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--pause-ms", type=float, nargs="*", default=[0.0, 100.0])
    given = parser.parse_args()
    rows = list(run(given.records, given.repetitions, given.pause_ms))
    used = {"records": given.records, "repetitions": given.repetitions, "max_num_seqs": SEQUENCES}
    publish(Finding("engine_thread", "The engine's thread around vLLM, a record", rows, used, NOTES))


if __name__ == "__main__":
    main()
