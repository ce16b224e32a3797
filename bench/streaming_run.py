"""Pairs of passes on one loaded engine, in a process of its own: prints one JSON line a pair.

`python -m bench.streaming_run WORKLOAD PAIRS RECORDS WAY…` (RECORDS 0: as many as `bench.samples` says)
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.child import tell
from bench.passes import Pass, forget_prefixes, inner, params_of, raw_pass, requests_of, stream_pass
from bench.samples import KINDS, sample
from models.engines.vllm.engine import VllmEngine
from models.engines.window import Window
from models.requests import Request
from models.settings import Settings
from tasks.runtime.shared_engine import load_vllm

if TYPE_CHECKING:
    from vllm import LLM

WARM_UP = 8  # records of the pass before the first pair: the grammar is compiled, threads are started


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be measured."""

    workload: str
    pairs: int
    records: int | None
    ways: tuple[str, ...]


def run(order: Order, engine: VllmEngine, settings: Settings, folder: Path) -> None:
    """Measure one workload: stream, raw and chunked (in two sizes), in an order that moves on by one each time."""
    workload = order.workload
    llm = inner(engine)
    stream_pass(engine, sample(workload, folder, WARM_UP), settings)
    chosen = sample(workload, folder, order.records)
    requests = in_order_of_stream(requests_of(chosen, settings), engine)
    prompts = [engine.prompt_token_ids(request) for request in requests]
    params = params_of(requests[0], settings.seed)
    ways: dict[str, Callable[[], Pass]] = {
        "stream": lambda: stream_pass(engine, chosen, settings),
        "raw": lambda: raw_pass(llm, prompts, params),
        "chunked": lambda: raw_pass(llm, prompts, params, engine.options.max_num_seqs),
        "chunked_window": lambda: raw_pass(llm, prompts, params, engine.options.window),
    }
    names = [name for name in ways if name in order.ways]
    for pair in range(order.pairs):
        turn = pair % len(names)
        found: dict[str, object] = {"workload": workload, "pair": pair, "window": engine.options.window}
        for name in names[turn:] + names[:turn]:
            forget_prefixes(llm)
            with steps_of(llm) as seconds:
                passed = ways[name]()
            found[name] = asdict(passed) | {"steps": len(seconds), "step_s": sum(seconds)}
        tell(found)


@contextmanager
def steps_of(llm: "LLM") -> Iterator[list[float]]:
    """Note how long each step of vLLM's engine takes within the block."""
    seconds: list[float] = []
    step = llm.llm_engine.step

    def timed() -> Any:  # noqa: ANN401  vllm's own type
        start = time.perf_counter()
        try:
            return step()
        finally:
            seconds.append(time.perf_counter() - start)

    llm.llm_engine.step = timed
    try:
        yield seconds
    finally:
        llm.llm_engine.step = step


def in_order_of_stream(requests: list[Request], engine: VllmEngine) -> list[Request]:
    """Sort requests as the stream gives them to the engine.

    In a sample of a few dozen records the place of the longest answers alone decides some per cent of the time.
    """
    ordered = list(Window(requests, len(requests), engine.options.lookahead).take())
    if len(ordered) != len(requests):
        msg = "the sample holds identical requests"
        raise ValueError(msg)
    return ordered


def main() -> None:
    """Load the engine and measure the workload that is named."""
    workload, pairs, records, *ways = sys.argv[1:]
    order = Order(workload, int(pairs), int(records) or None, tuple(ways))
    settings = Settings().model_copy(update={"max_num_seqs": KINDS[workload].max_num_seqs})
    engine = load_vllm(settings)
    if not isinstance(engine, VllmEngine):
        raise TypeError(engine)
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        run(order, engine, settings, Path(folder))
    engine.close()


if __name__ == "__main__":
    main()
