"""One pass over the same records: through our pipeline with its ledger, or in a bare asyncio loop."""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from openai import AsyncOpenAI
from pydantic import SecretStr
from sqlalchemy import func, select

from bench.api_server import INPUT_TOKENS, OUTPUT_TOKENS
from bench.passes import DAY, cpu_seconds
from db.tables import LedgerLineRow as Line
from models.engines.api.capabilities import EndpointCapabilities
from models.engines.api.chat_format import request_body
from models.engines.base import LocalEngine
from models.records import Escalated, Record
from models.requests import JsonValue
from models.run import Progress, RunResult
from models.settings import Settings
from tasks.api.requests import ApiRequests
from tasks.planning.open_run import OpenRun
from tasks.planning.request import RunRequest
from tasks.planning.start_run import prepare
from tasks.run.infer import infer
from tasks.run.scratch import open_scratch
from tasks.runtime.ledger_access import reading_ledger
from tasks.runtime.progress import listen
from tasks.runtime.shared_engine import SharedEngine

WORKLOAD = "sentiment"

Body = dict[str, JsonValue]
Ask = Callable[[AsyncOpenAI, Body], Awaitable[int]]
"""Sends one body and returns the input tokens that the answer reports."""


class Sample(NamedTuple):
    """Memory of the process at a point of a run, in 10^6 bytes."""

    records: int
    resident_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass took: by the clock, and of the processor's time in all threads of this process."""

    seconds: float
    cpu_s: float
    requests: int
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the passes ask, and how many requests they have in flight."""

    url: str
    concurrency: int


def settings_for(folder: Path, endpoint: Endpoint) -> Settings:
    """Make settings that send every record to the endpoint, as complex."""
    return Settings.model_validate(
        {
            "database_url": SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
            "output_dir": folder / "out",
            "api_mode": "sync",
            "api_base_url": endpoint.url,
            "api_model": "bench",
            "api_tokenizer": "gpt-4o-mini",
            "api_concurrency": endpoint.concurrency,
            "api_input_usd_per_mtok": "0.15",
            "api_cached_input_usd_per_mtok": "0.075",
            "api_output_usd_per_mtok": "0.60",
            "workloads": {WORKLOAD: {"policy": {"complex_over_chars": 1}}},
        }
    )


def plan_of(source: Path, settings: Settings) -> OpenRun:
    """Open a run over the records."""
    plan = prepare(RunRequest(WORKLOAD, DAY, str(source)), settings)
    if isinstance(plan, RunResult):
        raise TypeError(plan)
    return plan


def pipeline_pass(source: Path, endpoint: Endpoint) -> Pass:
    """Read, render, ask, parse and commit, with a durable line for each attempt before it is sent.

    The run's opening and the publishing are not counted.
    """
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        settings = settings_for(Path(folder), endpoint)
        plan = plan_of(source, settings)
        start, cpu = time.perf_counter(), cpu_seconds()
        hear = listen(lambda progress: samples.append(sample(progress)))
        with hear, open_scratch(plan) as scratch:
            totals = infer(plan, scratch, SharedEngine(settings, no_engine), lambda: None).totals
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        plan.version.ledger.close()
        check_ledger(settings, totals.escalated)
    return Pass(seconds, cpu, totals.escalated, samples)


def no_engine(_: Settings) -> LocalEngine:
    """Stand for the local engine, which no record is for."""
    msg = "a record was sent to the local engine"
    raise AssertionError(msg)


def sample(progress: Progress) -> Sample:
    """Look at this process's memory."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    sizes = dict(line.split(":", 1) for line in status.splitlines())
    resident, peak = (int(sizes[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return Sample(progress.done, resident, peak)


def check_ledger(settings: Settings, requests: int) -> None:
    """See that every request has one closed line, with the usage that the server reported."""
    wanted = select(func.count(), func.sum(Line.input_tokens), func.sum(Line.output_tokens))
    with reading_ledger(settings) as session:
        found = session.execute(wanted.where(Line.engine == "openai", Line.outcome == "ok")).one()
    if tuple(found) != (requests, requests * INPUT_TOKENS, requests * OUTPUT_TOKENS):
        msg = f"{requests} requests were answered, but the ledger has {tuple(found)}"
        raise RuntimeError(msg)


def bodies_of(source: Path, endpoint: Endpoint) -> list[Body]:
    """Render the very bodies that the pipeline sends for these records."""
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        plan = plan_of(source, settings_for(Path(folder), endpoint))
        api = plan.api
        if api is None:
            raise TypeError(plan)
        records = [item for batch in plan.given().reader.batches() for item in batch]
        plan.version.ledger.close()
    rendered = ApiRequests(plan.workload, api.permit, api.options.reasoning_room)
    requests = [
        rendered.render(Escalated(item, "complex", 0)) for item in records if isinstance(item, Record)
    ]
    return [request_body(request, api.options, EndpointCapabilities()) for request in requests]


def bare_pass(bodies: Sequence[Body], endpoint: Endpoint, ask: Ask) -> Pass:
    """Ask for every body in a plain asyncio loop behind a semaphore; keep nothing but a sum."""
    start, cpu = time.perf_counter(), cpu_seconds()
    tokens = asyncio.run(_gathered(bodies, endpoint, ask))
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    if tokens != len(bodies) * INPUT_TOKENS:
        raise RuntimeError(tokens)
    return Pass(seconds, cpu, len(bodies))


async def _gathered(bodies: Sequence[Body], endpoint: Endpoint, ask: Ask) -> int:
    slots = asyncio.Semaphore(endpoint.concurrency)

    async def one(body: Body) -> int:
        async with slots:
            return await ask(client, body)

    async with AsyncOpenAI(api_key="none", base_url=endpoint.url, max_retries=0) as client:
        return sum(await asyncio.gather(*(one(body) for body in bodies)))


async def create(client: AsyncOpenAI, body: Body) -> int:
    """Ask as one usually does."""
    arguments: dict[str, Any] = body
    completion = await client.chat.completions.create(**arguments)
    json.loads(completion.choices[0].message.content)
    return int(completion.usage.prompt_tokens)


async def post(client: AsyncOpenAI, body: Body) -> int:
    """Ask as our engine does, by the client's low-level call: it builds no models of the answer."""
    response = await client.post("/chat/completions", body=body, cast_to=httpx2.Response)
    chat = json.loads(response.content)
    json.loads(chat["choices"][0]["message"]["content"])
    return int(chat["usage"]["prompt_tokens"])
