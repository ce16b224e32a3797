"""Passes over an API, in a process of its own: prints one JSON line for each result.

`python -m bench.api_run pairs URL RECORDS CONCURRENCY PAIRS` alternates our pipeline and bare asyncio loops;
`python -m bench.api_run memory URL RECORDS CONCURRENCY` makes one pass of ours and samples its memory.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from openai import AsyncOpenAI
from pydantic import SecretStr
from sqlalchemy import func, select

from bench.api_server import INPUT_TOKENS
from bench.passes import DAY, cpu_seconds
from bench.texts import write_messages
from db.session import make_engine, readers
from db.tables import LedgerLineRow as Line
from models.engines.api_options import ApiOptions
from models.engines.base import JsonValue
from models.engines.chat_wire import request_body
from models.records import Record
from models.run import Progress, RunResult
from models.settings import Settings
from tasks.api_requests import api_request
from tasks.engine import SharedEngine
from tasks.infer import infer
from tasks.plan import Plan, Request, prepare
from tasks.progress import listening
from models.records import Escalated

WORKLOAD = "sentiment"
MARK = "RESULT "
WARM_UP = 200  # records of the passes before the first pair: all modules are loaded, connections tried

Bodies = Sequence[dict[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass took. `samples`: records done, resident and peak resident memory (MB), about once a second."""

    seconds: float
    cpu_s: float
    requests: int
    samples: list[tuple[int, float, float]] = field(default_factory=list)


def settings_for(folder: Path, url: str, concurrency: int) -> Settings:
    """Make settings that send every record to the API at `url`."""
    return Settings.model_validate(
        {
            "database_url": SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
            "output_dir": folder / "out",
            "api_mode": "sync",
            "api_base_url": url,
            "api_model": "bench",
            "api_tokenizer": "gpt-4o-mini",
            "api_concurrency": concurrency,
            "api_input_usd_per_mtok": "0.15",
            "api_cached_input_usd_per_mtok": "0.075",
            "api_output_usd_per_mtok": "0.60",
            "workloads": {WORKLOAD: {"policy": {"complex_over_chars": 1}}},
        }
    )


def plan_of(source: Path, settings: Settings) -> Plan:
    """Open a run over the records."""
    plan = prepare.fn(Request(WORKLOAD, DAY, str(source)), settings)
    if isinstance(plan, RunResult):
        raise TypeError(plan)
    return plan


def pipeline_pass(source: Path, url: str, concurrency: int) -> Pass:
    """Read, render, ask, parse and commit every record, each attempt in the ledger before it is sent."""
    samples: list[tuple[int, float, float]] = []
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        settings = settings_for(Path(folder), url, concurrency)
        plan = plan_of(source, settings)
        start, cpu = time.perf_counter(), cpu_seconds()
        with listening(lambda progress: samples.append(sample(progress))):
            totals = infer.fn(plan, SharedEngine(settings, no_engine), lambda: None).totals
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        plan.close()
        check_ledger(settings, totals.escalated)
    return Pass(seconds, cpu, totals.escalated, samples)


def no_engine(_: Settings) -> Any:  # noqa: ANN401  it returns none
    """Stand for the local engine, which no record is for."""
    msg = "a record was sent to the local engine"
    raise AssertionError(msg)


def check_ledger(settings: Settings, requests: int) -> None:
    """See that every request has a closed line with the usage that the server reported."""
    database = make_engine(settings.database_url.get_secret_value())
    columns = (func.count(), func.sum(Line.input_tokens))
    with readers(database)() as session:
        found = session.execute(
            select(*columns).where(Line.engine == "openai", Line.outcome == "ok")
        ).one()
    database.dispose()
    if tuple(found) != (requests, requests * INPUT_TOKENS):
        msg = f"{requests} requests, but the ledger has {found}"
        raise RuntimeError(msg)


def bodies_of(source: Path, url: str, concurrency: int) -> Bodies:
    """Render the bodies that the pipeline sends for these records."""
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        settings = settings_for(Path(folder), url, concurrency)
        plan = plan_of(source, settings)
        api = plan.api
        if api is None:
            raise TypeError(plan)
        records = [item for batch in plan.open_reader().batches() for item in batch]
        plan.close()
        return [
            request_body(api_request(plan, api, Escalated(item, "complex", 0)), api.options, "json_schema")
            for item in records
            if isinstance(item, Record)
        ]


def bare_pass(bodies: Bodies, url: str, concurrency: int, ask: Any) -> Pass:  # noqa: ANN401  see `WAYS`
    """Ask for every body in a plain asyncio loop with a semaphore; keep nothing but the number of tokens."""
    start, cpu = time.perf_counter(), cpu_seconds()
    tokens = asyncio.run(gathered(bodies, url, concurrency, ask))
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    if tokens != len(bodies) * INPUT_TOKENS:
        raise RuntimeError(tokens)
    return Pass(seconds, cpu, len(bodies))


async def gathered(bodies: Bodies, url: str, concurrency: int, ask: Any) -> int:  # noqa: ANN401
    """Return the sum of the input tokens that the answers report."""
    slots = asyncio.Semaphore(concurrency)

    async def one(body: dict[str, JsonValue]) -> int:
        async with slots:
            return int(await ask(client, body))

    async with AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:
        return sum(await asyncio.gather(*(one(body) for body in bodies)))


async def ask_create(client: AsyncOpenAI, body: Any) -> int:  # noqa: ANN401  one of many overloads
    """Ask as everybody does."""
    completion = await client.chat.completions.create(**body)
    json.loads(completion.choices[0].message.content)
    return int(completion.usage.prompt_tokens)


async def ask_post(client: AsyncOpenAI, body: dict[str, JsonValue]) -> int:
    """Ask through the same low-level call as our engine, which skips the client's models."""
    response = await client.post("/chat/completions", body=body, cast_to=httpx2.Response)
    chat = json.loads(response.content)
    json.loads(chat["choices"][0]["message"]["content"])
    return int(chat["usage"]["prompt_tokens"])


def sample(progress: Progress) -> tuple[int, float, float]:
    """Read this process's memory at a point of the run."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    now, peak = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return progress.done, now, peak


def pairs(url: str, records: int, concurrency: int, count: int, folder: Path) -> None:
    """Alternate the ways, in an order that moves on by one each time."""
    few, source = folder / "few.parquet", folder / "records.parquet"
    write_messages(few, WARM_UP, seed=1)
    write_messages(source, records)
    bodies = bodies_of(source, url, concurrency)
    ways: dict[str, Callable[[], Pass]] = {
        "pipeline": lambda: pipeline_pass(source, url, concurrency),
        "create": lambda: bare_pass(bodies, url, concurrency, ask_create),
        "post": lambda: bare_pass(bodies, url, concurrency, ask_post),
    }
    pipeline_pass(few, url, concurrency)
    for ask in (ask_create, ask_post):
        bare_pass(bodies[:WARM_UP], url, concurrency, ask)
    names = list(ways)
    for pair in range(count):
        turn = pair % len(names)
        found = {name: asdict(ways[name]()) for name in names[turn:] + names[:turn]}
        print(MARK + json.dumps(found), flush=True)


def main() -> None:
    """Make the passes that are asked for."""
    what, url, records, concurrency, *count = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as folder:
        if what == "pairs":
            pairs(url, int(records), int(concurrency), int(count[0]), Path(folder))
            return
        source = Path(folder) / "records.parquet"
        write_messages(source, int(records))
        print(MARK + json.dumps(asdict(pipeline_pass(source, url, int(concurrency)))), flush=True)


if __name__ == "__main__":
    main()
