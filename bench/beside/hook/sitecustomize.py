"""Notes when vLLM gets its first request and gives each answer, the same in every peer of `bench.peers`.

Python imports this at the start of each process that has the folder on PYTHONPATH. A line is a JSON object: `at` (seconds
since 1970), `finished` and `tokens` (answers and their tokens so far in this process). Nothing of vLLM is imported here.
"""

import importlib.util
import json
import os
import sys
import time
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

MODULE = "vllm.v1.engine.output_processor"
FOLDER = os.environ.get("PEER_TIMES")
"""Where the lines go, one file a process."""


class OutputWatch(MetaPathFinder):
    """Waits until vLLM imports the class through which requests and answers pass, and wraps two of its methods."""

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Find the module as Python does, with a loader that wraps the class once it is made."""
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_watch(module: Any) -> None:  # noqa: ANN401  vllm's own
                load(module)
                watch(module.OutputProcessor)

            spec.loader.exec_module = load_and_watch  # type: ignore[method-assign]
        return spec


def watch(processor: Any) -> None:  # noqa: ANN401  vllm's own class
    """Wrap `add_request` and `process_outputs` of vLLM's class."""
    add, process = processor.add_request, processor.process_outputs
    counts = {"finished": 0, "tokens": 0}
    begun: list[bool] = []

    def add_request(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        if not begun:
            begun.append(True)
            note(counts)
        return add(*given, **named)

    def process_outputs(self: Any, outputs: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        result = process(self, outputs, *given, **named)
        finished = sum(one.finish_reason is not None for one in outputs)
        counts["finished"] += finished
        counts["tokens"] += sum(len(one.new_token_ids) for one in outputs)
        if finished:
            note(counts)
        return result

    processor.add_request, processor.process_outputs = add_request, process_outputs


def note(counts: dict[str, int]) -> None:
    """Write a line."""
    with open(f"{FOLDER}/{os.getpid()}", "a", encoding="utf-8") as file:  # noqa: PTH123  imports nothing for it
        file.write(json.dumps({"at": time.time(), **counts}) + "\n")


if FOLDER:
    sys.meta_path.insert(0, OutputWatch())
