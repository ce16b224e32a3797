"""The script that somebody writes first: load vLLM, give it all messages at once, write the answers.

`python plain.py JOB`: a file as `bench.peer_job` writes it. Knows nothing of the product.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer the job's records."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    from vllm import LLM, SamplingParams  # noqa: PLC0415  no other process may import it
    from vllm.sampling_params import StructuredOutputsParams  # noqa: PLC0415

    sampling = dict(job["sampling"])
    if choice := job["choice"]:
        sampling["structured_outputs"] = StructuredOutputsParams(choice=choice)
    llm = LLM(**job["arguments"])
    outputs = llm.chat(job["messages"], SamplingParams(**sampling), use_tqdm=False)
    with Path("answers.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"key": key, "answer": output.outputs[0].text}) + "\n"
            for key, output in zip(job["keys"], outputs, strict=True)
        )


if __name__ == "__main__":
    main()
