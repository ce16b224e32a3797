"""One start of an engine and one request, in a process of its own: prints a line when it is answered.

`python -m bench.startup_run ours|bare|default`
"""

import os
import sys

from models.engines.vllm.options import VllmOptions
from models.machine import gpu_name
from models.settings import Settings

MARK = "ANSWERED"
QUESTION = "Thank you, the new seats are great!"
LABELS = ("positive", "negative", "neutral")


def ours() -> None:
    """Load our engine and stream one request."""
    from models.ids import new_id  # noqa: PLC0415
    from models.requests import Choice, Message, Request  # noqa: PLC0415  its import is what is timed
    from tasks.runtime.shared_engine import load_vllm  # noqa: PLC0415

    engine = load_vllm(Settings())
    request = Request(new_id(), "1", (Message("user", QUESTION),), Choice(LABELS), 8)
    for completion in engine.stream([request]):
        print(MARK, completion.text, flush=True)
    engine.close()


def bare(arguments: dict[str, object], environment: dict[str, str]) -> None:
    """Load vLLM as its own documentation does and make one request."""
    os.environ.update(environment)
    from vllm import LLM, SamplingParams  # noqa: PLC0415  reads the environment that was just set
    from vllm.sampling_params import StructuredOutputsParams  # noqa: PLC0415

    llm = LLM(**arguments)
    params = SamplingParams(
        temperature=0.0, max_tokens=8, structured_outputs=StructuredOutputsParams(choice=list(LABELS))
    )
    outputs = llm.chat([{"role": "user", "content": QUESTION}], params, use_tqdm=False)
    print(MARK, outputs[0].outputs[0].text, flush=True)


def default_settings(options: VllmOptions) -> tuple[dict[str, object], dict[str, str]]:
    """Return arguments and environment that leave all to vLLM but what it cannot choose well here.

    That is the number format, which on such a CPU would be five times slower, and the size of its
    cache, which would be nearly the whole memory.
    """
    environment = {"VLLM_CPU_KVCACHE_SPACE": str(options.cpu_kv_cache_gib)} if options.on_cpu else {}
    return {"model": options.path, "dtype": options.dtype}, {"HF_HUB_OFFLINE": "1"} | environment


def main() -> None:
    """Start in the way that is named."""
    way = sys.argv[1]
    if way == "ours":
        ours()
        return
    options = VllmOptions.from_settings(Settings(), on_cpu=gpu_name() is None)
    if way == "bare":
        bare(options.arguments(), options.environment())
    else:
        bare(*default_settings(options))


if __name__ == "__main__":
    main()
