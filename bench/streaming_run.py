"""Pairs of passes on one loaded engine, in a process of its own: prints one JSON line a pair.

`python -m bench.streaming_run WORKLOAD PAIRS`
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench.passes import Pass, forget_prefixes, inner, params_of, raw_pass, requests_of, stream_pass
from bench.samples import KINDS, sample
from models.engines.base import Request
from models.engines.vllm_engine import VllmEngine
from models.engines.window import Window
from models.settings import Settings
from tasks.engine import load_vllm

MARK = "RESULT "
WARM_UP = 8  # records of the pass before the first pair: the grammar is compiled, threads are started


def run(workload: str, pairs: int, engine: VllmEngine, settings: Settings, folder: Path) -> None:
    """Measure one workload: stream, raw and chunked (in two sizes), in an order that moves on by one each time."""
    llm = inner(engine)
    stream_pass(engine, sample(workload, folder, WARM_UP), settings)
    chosen = sample(workload, folder)
    requests = in_order_of_stream(requests_of(chosen, settings), engine)
    prompts = [engine.prompt_token_ids(request) for request in requests]
    params = params_of(requests[0], settings.seed)
    ways: dict[str, Callable[[], Pass]] = {
        "stream": lambda: stream_pass(engine, chosen, settings),
        "raw": lambda: raw_pass(llm, prompts, params),
        "chunked": lambda: raw_pass(llm, prompts, params, engine.options.max_num_seqs),
        "chunked_window": lambda: raw_pass(llm, prompts, params, engine.options.window),
    }
    names = list(ways)
    for pair in range(pairs):
        turn = pair % len(names)
        found: dict[str, object] = {"workload": workload, "pair": pair, "window": engine.options.window}
        for name in names[turn:] + names[:turn]:
            forget_prefixes(llm)
            found[name] = asdict(ways[name]())
        print(MARK + json.dumps(found), flush=True)


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
    workload, pairs = sys.argv[1:]
    settings = Settings().model_copy(update={"max_num_seqs": KINDS[workload].max_num_seqs})
    engine = load_vllm(settings)
    if not isinstance(engine, VllmEngine):
        raise TypeError(engine)
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        run(workload, int(pairs), engine, settings, Path(folder))
    engine.close()


if __name__ == "__main__":
    main()
