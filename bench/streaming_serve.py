"""One engine that waits for orders on standard input: a line asks for a pass, a line answers with it.

`python -m bench.streaming_serve ours|default FOLDER`: our engine, or vLLM with its own default settings.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench import shops
from bench.child import tell
from bench.passes import Pass, forget_prefixes, inner, params_of, raw_pass, requests_of, stream_pass
from bench.startup_run import default_settings
from bench.streaming_run import WARM_UP
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.options import VllmOptions
from models.machine import gpu_name
from models.settings import Settings
from tasks.runtime.shared_engine import load_vllm


def ours(settings: Settings, folder: Path) -> Callable[[], Pass]:
    """Load our engine; a pass is the stream with commits and the ledger."""
    engine = load_vllm(settings)
    if not isinstance(engine, VllmEngine):
        raise TypeError(engine)
    whole = shops.sample(folder)
    stream_pass(engine, shops.shorter(whole, folder, WARM_UP), settings)

    def once() -> Pass:
        forget_prefixes(inner(engine))
        return stream_pass(engine, whole, settings)

    return once


def default(settings: Settings, folder: Path) -> Callable[[], Pass]:
    """Load vLLM with its defaults; a pass is one call with all token ids in their order of arrival."""
    options = VllmOptions.from_settings(settings, on_cpu=gpu_name() is None)
    arguments, environment = default_settings(options)
    os.environ.update(environment)
    from transformers import AutoTokenizer  # noqa: PLC0415  slow to import
    from vllm import LLM  # noqa: PLC0415  reads the environment that was just set

    llm = LLM(**arguments)
    tokenizer = AutoTokenizer.from_pretrained(options.path)
    requests = requests_of(shops.sample(folder), settings)
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": m.role, "content": m.content} for m in request.messages],
            add_generation_prompt=True,
            return_dict=False,
        )
        for request in requests
    ]
    params = params_of(requests[0], settings.seed)
    raw_pass(llm, prompts[:WARM_UP], params)

    def once() -> Pass:
        forget_prefixes(llm)
        return raw_pass(llm, prompts, params)

    return once


def main() -> None:
    """Load, say so, and make a pass for every line that comes in."""
    way, folder = sys.argv[1:]
    make = {"ours": ours, "default": default}[way]
    once = make(Settings(), Path(folder))
    tell("ready")
    for _ in sys.stdin:
        tell(asdict(once()))


if __name__ == "__main__":
    main()
