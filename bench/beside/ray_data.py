"""The same records through `ray.data.llm`, on a Ray of its own: `python ray_data.py JOB`. Knows nothing of the product."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = "127.0.0.1"
MOST_AT_ONCE = 64
"""Records of a batch, for a partition of many; two batches and more keep the engine full."""


def main() -> None:
    """Answer the job's records."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    ray, llm = import_module("ray"), import_module("ray.data.llm")
    # More logical cores than there are: with two, the engine and the stages that tokenize wait for each other for good.
    ray.init(num_cpus=8, include_dashboard=False, _node_ip_address=HERE, _temp_dir=job["ray_folder"])
    sampling = job["sampling"] | ({"structured_outputs": {"choice": job["choice"]}} if job["choice"] else {})
    arguments = {name: value for name, value in job["arguments"].items() if name != "model"}
    config = llm.vLLMEngineProcessorConfig(
        model_source=job["arguments"]["model"],
        engine_kwargs=arguments,
        runtime_env={"env_vars": {name: os.environ[name] for name in job["environment"]}},
        concurrency=1,
        batch_size=MOST_AT_ONCE,
        log_engine_metrics=False,
        placement_group_config={"bundles": [{"CPU": 1}]} if job["on_cpu"] else None,
    )
    processor = llm.build_processor(
        config,
        preprocess=lambda row: {"messages": row["messages"], "sampling_params": sampling, "key": row["key"]},
        postprocess=lambda row: {"key": row["key"], "answer": row["generated_text"]},
    )
    rows = [{"key": key, "messages": one} for key, one in zip(job["keys"], job["messages"], strict=True)]
    with Path("answers.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in processor(ray.data.from_items(rows)).iter_rows())
    ray.shutdown()


if __name__ == "__main__":
    main()
