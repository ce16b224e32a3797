"""Each peer: how it is started over a job, and where its answers are afterwards."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bench.peer_environments import BESIDE
from bench.peer_job import WORKLOAD, Job

DAY = "2026-01-01"
Answers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to answer the records.

    `environment`: which it runs in, the product's where it is empty. `command` gets interpreter, job and working
    folder; `answers` reads what was left in the folder.
    """

    title: str
    environment: str
    command: Callable[[Path, Job, Path], list[str]]
    answers: Callable[[Path], Answers]


def _product(_: Path, job: Job, folder: Path) -> list[str]:
    job.write_workload(folder / "workloads")
    return [str(Path(sys.executable).with_name("breakeven")), "run", WORKLOAD, "--date", DAY]


def _run_batch(python: Path, job: Job, folder: Path) -> list[str]:
    source = job.write_batch(folder / "batch.jsonl")
    # `vllm run-batch` is this module; the command itself looks for a package called vllm, which the CPU's is not.
    module = [str(python), "-m", "vllm.entrypoints.openai.run_batch"]
    return [*module, "-i", str(source), "-o", "out.jsonl", "--served-model-name", "model", *job.flags()]


def _script(name: str) -> Callable[[Path, Job, Path], list[str]]:
    return lambda python, job, folder: [
        str(python),
        str(BESIDE / name),
        str(job.write(folder / "job.json", folder / "ray")),
    ]


def _published(folder: Path) -> Answers:
    rows = pl.read_parquet(folder / "out" / WORKLOAD / f"date={DAY}" / "records.parquet")
    answer = "label" if "label" in rows.columns else "text"
    return dict(rows.select("record_key", answer).iter_rows())


def _from_batch(folder: Path) -> Answers:
    return {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in _lines(folder / "out.jsonl")
    }


def _from_script(folder: Path) -> Answers:
    return {line["key"]: line["answer"] for line in _lines(folder / "answers.jsonl")}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


PRODUCT = "breakeven"
PREFECT = "breakeven_prefect"
PEERS: Mapping[str, Peer] = {
    PRODUCT: Peer("breakeven run, ledger on", "", _product, _published),
    PREFECT: Peer("the same, a flow run of a Prefect server", "", _product, _published),
    "run_batch": Peer("vllm run-batch", "vllm", _run_batch, _from_batch),
    "ray": Peer("ray.data.llm", "ray", _script("ray_data.py"), _from_script),
    "plain": Peer("a plain script, LLM.chat", "vllm", _script("plain.py"), _from_script),
}
