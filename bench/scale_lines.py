"""A year of ledger lines as three workloads make them, run by run, for the benchmark of a large ledger."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from db import partitions, reference, runs
from models.catalogue.rates import Infrastructure
from models.economics.pricing import ALWAYS, BATCH_SUFFIX, Price, cost_nano
from models.gpu_time import GpuTime, gpu_cost_nano, split_exactly
from models.ids import new_id
from models.ledger.accounting import ANSWER_HASH_BYTES
from models.ledger.line import LedgerLine
from models.requests import Usage

WORKLOADS = ("enrichment", "sentiment", "classification")
FIRST = date(2025, 12, 1)
DAYS = 365
REUSED, ESCALATED, UNKNOWN = 0.05, 0.03, 0.0005
"""Shares of the records: answered by an identical one's answer, by the API, and of unknown outcome there."""
NOTHING = Usage(0, 0, 0)
PRICE = Price("openai", "gpt-4o-mini", ALWAYS, None, 150_000_000, 75_000_000, 600_000_000, "bench")
BATCH = replace(
    PRICE,
    model=PRICE.model + BATCH_SUFFIX,
    input_nano_per_mtok=75_000_000,
    cached_input_nano_per_mtok=37_500_000,
    output_nano_per_mtok=300_000_000,
)
MACHINE = Infrastructure("A10G", 1_006_000_000, "on_demand", 1, FIRST, "bench")


@dataclass(frozen=True, slots=True)
class Keys:
    """What the lines of one run refer to."""

    run: UUID
    version: UUID
    prompt: int
    local: int
    api: int
    machine: int
    price: int
    batch: int


def start_run(session: Session, workload: str, day: date) -> Keys:
    """Start the run of a partition."""
    reference.sync_prices(session, [PRICE, BATCH])
    prompt = reference.ensure_prompt(session, workload, "1", f"fingerprint of {workload}")
    local = reference.ensure_model(session, "vllm", "HuggingFaceTB/SmolLM2-135M-Instruct")
    machine = reference.ensure_infrastructure(session, MACHINE)
    version = partitions.open_version(session, workload, day, "f", rerun=True)
    run = runs.start(session, runs.NewRun(version.id, workload, day, "vllm", local, prompt, machine))
    prices = (reference.find_price(session, one.provider, one.model, day)[0] for one in (PRICE, BATCH))
    api = reference.ensure_model(session, "openai", PRICE.model)
    return Keys(run, version.id, prompt, local, api, machine, *prices)


def end_run(session: Session, keys: Keys, lines: list[LedgerLine]) -> None:
    """Publish the partition and end the run with the sums of its lines."""
    local = [line for line in lines if line.engine == "vllm"]
    busy_ns = sum(line.gpu_ns or 0 for line in local)
    served = sum(line.outcome == "ok" for line in lines)
    sums: dict[str, int] = {
        name: sum(getattr(line, name) or 0 for line in lines)
        for name in ("input_tokens", "cached_tokens", "output_tokens", "counterfactual_nano")
    }
    more = runs.Increments(
        gpu_cost_nano=gpu_cost_nano(busy_ns, MACHINE.nano_usd_per_hour),
        records=served,
        published=served,
        reused=sum(line.engine == "reuse" for line in lines),
        api_cost_nano=sum(line.cost_nano or 0 for line in lines if line.engine == "openai"),
        escalated=sum(line.outcome == "escalated" for line in local),
        **sums,
    )
    runs.add(session, keys.run, GpuTime(busy_ns=busy_ns), more)
    partitions.publish(session, keys.version, "bench", served, 0, b"digest")
    runs.finish(session, keys.run, "completed")


def lines_of(keys: Keys, day: date, records: int, seed: int) -> list[LedgerLine]:
    """Make the lines of a run of so many records: an API's second attempts count on top."""
    dice = random.Random(seed)  # noqa: S311 - figures for a benchmark
    batched = bool(seed % 2)
    made: list[LedgerLine] = []
    at = datetime.combine(day, time(2), UTC)
    for number in range(records):
        at += timedelta(milliseconds=dice.randrange(20))
        made += _of_record(keys, dice, f"{seed:04d}{number:07d}", at, batched=batched)
    local = [place for place, line in enumerate(made) if line.engine == "vllm"]
    weights = [made[place].gpu_ns or 0 for place in local]
    shares = split_exactly(gpu_cost_nano(sum(weights), MACHINE.nano_usd_per_hour), weights)
    for place, share in zip(local, shares, strict=True):
        made[place] = made[place]._replace(cost_nano=share)
    return made


def _of_record(
    keys: Keys, dice: random.Random, name: str, at: datetime, *, batched: bool
) -> Iterator[LedgerLine]:
    """Make the lines of one record."""
    fate = dice.random()
    used = Usage(dice.randrange(120, 220), 96, dice.randrange(2, 30))
    fields: dict[str, Any] = {
        "run_id": keys.run,
        "record_key": name,
        "attempt": 1,
        "at": at,
        "requested": "vllm",
        "engine": "vllm",
        "reason": None,
        "outcome": "ok",
        "prompt_id": keys.prompt,
        "model_id": keys.local,
        **_tokens(used),
        "estimated": False,
        "gpu_ns": dice.randrange(10**7, 10**8),
        "cost_nano": 0,  # its share of the run's follows
        "price_id": None,
        "infrastructure_id": keys.machine,
        **_counterfactual(Usage(used.input_tokens - 5, 0, used.output_tokens)),
        "counterfactual_price_id": keys.price,
        "request_hash": dice.randbytes(16),
        "answer_hash": dice.randbytes(ANSWER_HASH_BYTES),
        "reuses": None,
    }
    if fate < REUSED:
        source = {"engine": "reuse", "reason": "identical", "reuses": new_id(), "gpu_ns": 0}
        yield LedgerLine(id=new_id(), **{**fields, **source, **_tokens(NOTHING), **_counterfactual(NOTHING)})
        return
    if fate > REUSED + ESCALATED:
        yield LedgerLine(id=new_id(), **fields)
        return
    why = {"reason": "low_confidence"}
    yield LedgerLine(id=new_id(), **{**fields, **why, "outcome": "escalated", **_counterfactual(NOTHING)})
    api = _answer(keys, used, batched=batched)
    if fate > REUSED + ESCALATED - UNKNOWN:
        api |= {"outcome": "unknown_outcome", "estimated": True, **_counterfactual(NOTHING)}
        api |= dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens"))
    yield LedgerLine(id=new_id(), **{**fields, **why, **api})


def _answer(keys: Keys, used: Usage, *, batched: bool) -> dict[str, Any]:
    """Return what the API's line of a record has of its own."""
    price, price_id = (BATCH, keys.batch) if batched else (PRICE, keys.price)
    return {
        "attempt": 2,
        "engine": "openai",
        "model_id": keys.api,
        "gpu_ns": 0,
        "price_id": price_id,
        "infrastructure_id": None,
        "cost_nano": cost_nano(price, used),
        **_counterfactual(used),
    }


def _tokens(used: Usage) -> dict[str, int]:
    return {
        "input_tokens": used.input_tokens,
        "cached_tokens": used.cached_tokens,
        "output_tokens": used.output_tokens,
    }


def _counterfactual(used: Usage) -> dict[str, int]:
    return {
        "counterfactual_input_tokens": used.input_tokens,
        "counterfactual_output_tokens": used.output_tokens,
        "counterfactual_nano": cost_nano(PRICE, used),
    }
