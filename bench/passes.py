"""One pass over the same records, in three ways: our stream with commits, one raw call, a chunked loop."""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from models.engines.base import LocalEngine
from models.engines.vllm.engine import VllmEngine, sampling_params
from models.ids import new_id
from models.records import Record
from models.requests import Request
from models.run import RunResult
from models.settings import Settings, WorkloadSettings
from models.workloads.base import Workload
from tasks.planning.open_run import OpenRun
from tasks.planning.request import RunRequest
from tasks.planning.start_run import prepare
from tasks.run.infer import infer
from tasks.run.scratch import open_scratch
from tasks.runtime.shared_engine import SharedEngine

if TYPE_CHECKING:
    from vllm import LLM

DAY = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """Records of one workload in a file of their own; `make` builds what renders and parses them."""

    workload: str
    source: Path
    text_columns: tuple[str, ...] | None
    make: Callable[[Workload], Workload] = lambda workload: workload


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass took, and what it came to.

    `cpu_s` is the processor time of this process and its children: on a machine that others use as
    well it tells more than the clock.
    """

    seconds: float
    cpu_s: float
    records: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


def plan_of(sample: Sample, settings: Settings, folder: Path) -> OpenRun:
    """Open a run over a sample, in a new ledger in `folder`."""
    chosen = settings.workloads.get(sample.workload, WorkloadSettings()).model_copy(
        update={"text_columns": sample.text_columns, "timestamp_column": ""}
    )
    of_pass = settings.model_copy(
        update={
            "database_url": SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
            "output_dir": folder / "out",
            "workloads": {sample.workload: WorkloadSettings.model_validate(chosen)},
        }
    )
    plan = prepare(RunRequest(sample.workload, DAY, str(sample.source)), of_pass)
    if isinstance(plan, RunResult):
        msg = f"{sample.source} has nothing to run"
        raise TypeError(msg)
    return replace(plan, workload=sample.make(plan.workload))


def stream_pass(engine: LocalEngine, sample: Sample, settings: Settings) -> Pass:
    """Read, render, tokenize, stream, parse and commit the sample; the run's opening is not counted."""
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        plan = plan_of(sample, settings, Path(folder))
        shared = SharedEngine(settings, lambda _: engine)
        shared.get(settings)
        start, cpu = time.perf_counter(), cpu_seconds()
        with open_scratch(plan) as scratch:
            totals = infer(plan, scratch, shared, lambda: None).totals
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    return Pass(
        seconds,
        cpu,
        totals.published + totals.quarantined,
        totals.input_tokens,
        totals.cached_tokens,
        totals.output_tokens,
    )


def requests_of(sample: Sample, settings: Settings) -> list[Request]:
    """Render the sample's records in input order, as the pipeline does."""
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        plan = plan_of(sample, settings, Path(folder))
        workload = plan.workload
        return [
            Request(
                new_id(),
                item.key,
                workload.messages(item.text),
                workload.output_format,
                workload.max_tokens,
            )
            for batch in plan.given().reader.batches()
            for item in batch
            if isinstance(item, Record)
        ]


def raw_pass(llm: "LLM", prompts: Sequence[list[int]], params: Any, chunk: int | None = None) -> Pass:  # noqa: ANN401  vllm's own type
    """Give `LLM.generate` all prompts at once, or `chunk` at a time."""
    size = chunk or len(prompts)
    outputs: list[Any] = []
    start, cpu = time.perf_counter(), cpu_seconds()
    for first in range(0, len(prompts), size):
        inputs: Any = [{"prompt_token_ids": ids} for ids in prompts[first : first + size]]
        outputs += llm.generate(inputs, params, use_tqdm=False)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    return Pass(
        seconds,
        cpu,
        len(outputs),
        sum(len(output.prompt_token_ids) for output in outputs),
        sum(output.num_cached_tokens or 0 for output in outputs),
        sum(len(output.outputs[0].token_ids) for output in outputs),
    )


def cpu_seconds(pid: int | None = None) -> float:
    """Return the processor time that a process (default: this one) and its living children have used."""
    folder = Path("/proc") / str(pid or os.getpid())
    fields = (folder / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = [
        int(child)
        for path in folder.glob("task/*/children")
        for child in path.read_text(encoding="utf-8").split()
    ]
    return own + sum(cpu_seconds(child) for child in children)


def params_of(request: Request, seed: int) -> Any:  # noqa: ANN401  vllm's own type
    """Return the sampling parameters that our engine uses for such a request."""
    return sampling_params(request.output, request.max_tokens, seed)


def inner(engine: VllmEngine) -> "LLM":
    """Return the vLLM object inside our engine, so that both ways run on the very same one."""
    return engine._loaded.llm()  # noqa: SLF001  only a benchmark goes around the engine


def forget_prefixes(llm: "LLM") -> None:
    """Empty the prefix cache, so that no pass profits from the one before."""
    if not llm.reset_prefix_cache():
        msg = "the prefix cache is in use and was not emptied"
        raise RuntimeError(msg)
