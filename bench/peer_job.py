"""What every peer is given: the same messages, sampling and model, from records that the product renders."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.passes import Sample, requests_of
from bench.startup_run import default_settings
from models.engines.vllm.options import VllmOptions
from models.machine import gpu_name
from models.requests import Choice
from models.settings import Settings

WORKLOAD = "peers"
KINDS: Mapping[str, Mapping[str, object]] = {
    "label": {"extends": "sentiment", "prior": False},
    "text": {
        "kind": "text",
        "prompt": "You answer for an airline. Write a polite reply to the customer's message.",
        "max_tokens": 256,
    },
}
"""Workloads: one label of three, by a grammar; free text. Without the prior, the label is the answer as it came."""


@dataclass(frozen=True, slots=True)
class Job:
    """Records and how they are asked. `records`: a Parquet file with the columns `id` and `text`.

    `environment` and `arguments` are vLLM's: those of the product, or nearly none where `own` was asked for.
    """

    kind: str
    records: Path
    model: str | None
    keys: list[str]
    messages: list[list[dict[str, str]]]
    choice: list[str] | None
    sampling: dict[str, Any]
    arguments: dict[str, Any]
    environment: dict[str, str]
    on_cpu: bool

    @classmethod
    def make(cls, kind: str, records: Path, model: str | None, *, own: bool) -> "Job":
        """Render the records as the product does. Raises `UsageError` for a model that cannot be."""
        changed: dict[str, Any] = {"workloads": {WORKLOAD: dict(KINDS[kind])}}
        settings = Settings(**changed | ({} if model is None else {"model": model}))
        requests = requests_of(Sample(WORKLOAD, records, ("text",)), settings)
        on_cpu = gpu_name() is None
        options = VllmOptions.from_settings(settings, on_cpu=on_cpu)
        arguments, environment = (
            default_settings(options) if own else (options.arguments(), options.environment())
        )
        path = Path(options.path)
        arguments["model"] = str(path.resolve()) if path.exists() else options.path
        output = requests[0].output
        return cls(
            kind,
            records,
            model,
            keys=[request.record_key for request in requests],
            messages=[
                [{"role": one.role, "content": one.content} for one in request.messages]
                for request in requests
            ],
            choice=list(output.labels) if isinstance(output, Choice) else None,
            sampling={"temperature": 0.0, "seed": settings.seed, "max_tokens": requests[0].max_tokens},
            arguments=arguments,
            environment=environment,
            on_cpu=on_cpu,
        )

    def write(self, path: Path, ray_folder: Path) -> Path:
        """Write what the scripts in `bench/beside` read."""
        content = {
            "keys": self.keys,
            "messages": self.messages,
            "choice": self.choice,
            "sampling": self.sampling,
            "arguments": self.arguments,
            "environment": list(self.environment),
            "on_cpu": self.on_cpu,
            "ray_folder": str(ray_folder),
        }
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def write_batch(self, path: Path) -> Path:
        """Write the input of `vllm run-batch`."""
        body = {"model": "model", **self.sampling}
        if self.choice is not None:
            body["structured_outputs"] = {"choice": self.choice}
        lines = [
            {
                "custom_id": key,
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": body | {"messages": messages},
            }
            for key, messages in zip(self.keys, self.messages, strict=True)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path

    def write_workload(self, folder: Path) -> None:
        """Write the product's workload over the same records."""
        folder.mkdir()
        content = {**KINDS[self.kind], "input": str(self.records), "text_columns": ["text"]}
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in content.items()]
        (folder / f"{WORKLOAD}.toml").write_text("".join(lines), encoding="utf-8")

    def flags(self) -> list[str]:
        """Return the arguments as a command line of vLLM's writes them."""
        found: list[str] = []
        for name, value in self.arguments.items():
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                found.append(f"--{flag}" if value else f"--no-{flag}")
            elif value is not None:
                found += [f"--{flag}", json.dumps(value) if isinstance(value, dict) else str(value)]
        return found
