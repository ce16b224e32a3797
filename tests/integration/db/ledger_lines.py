"""Ledger lines and what they refer to, for tests."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from db import partitions, reference, runs
from db.batches import Batch
from models.catalogue.rates import Infrastructure
from models.economics.pricing import ALWAYS, Price, usd_to_nano
from models.ids import new_id
from models.ledger.line import Closing, LedgerLine

DAY = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 12, 30, 0, 123456, tzinfo=UTC)
MINI = Price("openai", "gpt-4o-mini", ALWAYS, None, 150_000_000, 75_000_000, 600_000_000, "test")
MACHINE = Infrastructure("A10G", usd_to_nano(Decimal("1.006")), "on_demand", 1, DAY, "test")


@dataclass(frozen=True, slots=True)
class Keys:
    """What lines of one run refer to."""

    version: UUID
    run: UUID
    prompt: int
    local: int
    api: int
    price: int
    machine: int


def seed(session: Session, workload: str = "sentiment", partition: date = DAY) -> Keys:
    """Add what a line needs, and start a run."""
    reference.sync_prices(session, [MINI])
    price, _ = reference.find_price(session, "openai", "gpt-4o-mini", DAY)
    prompt = reference.ensure_prompt(session, workload, "1", "f")
    local = reference.ensure_model(session, "vllm", "small")
    machine = reference.ensure_infrastructure(session, MACHINE)
    version = partitions.open_version(session, workload, partition, "f", rerun=True)
    run = runs.start(
        session, runs.NewRun(version.id, workload, partition, "vllm", local, prompt, machine, "flow-1")
    )
    api = reference.ensure_model(session, "openai", "gpt-4o-mini")
    return Keys(version.id, run, prompt, local, api, price, machine)


def line(keys: Keys, record_key: str = "r1", **changes: Any) -> LedgerLine:  # noqa: ANN401 - any field
    """Build a plausible local line; `changes` are fields."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "run_id": keys.run,
        "record_key": record_key,
        "attempt": 1,
        "at": AT,
        "requested": "vllm",
        "engine": "vllm",
        "reason": None,
        "outcome": "ok",
        "prompt_id": keys.prompt,
        "model_id": keys.local,
        "input_tokens": 100,
        "cached_tokens": 64,
        "output_tokens": 5,
        "estimated": False,
        "gpu_ns": 1_000_000,
        "cost_nano": 279,
        "price_id": None,
        "infrastructure_id": keys.machine,
        "counterfactual_input_tokens": 90,
        "counterfactual_output_tokens": 4,
        "counterfactual_nano": 15_900,
        "counterfactual_price_id": keys.price,
        "request_hash": b"0123456789abcdef",
        "answer_hash": b"fedcba98",
        "reuses": None,
    }
    return LedgerLine(**{**fields, **changes})


def pending(keys: Keys, record_key: str = "r1", **changes: Any) -> LedgerLine:  # noqa: ANN401 - any field
    """Build the line of an attempt that is about to be sent to the API, at an upper bound of 1,000 nano-dollars."""
    fields: dict[str, Any] = {
        "engine": "openai",
        "reason": "low_confidence",
        "outcome": "pending",
        "model_id": keys.api,
        "input_tokens": None,
        "cached_tokens": None,
        "output_tokens": None,
        "gpu_ns": None,
        "cost_nano": 1_000,
        "price_id": keys.price,
        "infrastructure_id": None,
        "counterfactual_input_tokens": None,
        "counterfactual_output_tokens": None,
        "counterfactual_nano": None,
        "answer_hash": None,
    }
    return line(keys, record_key, **{**fields, **changes})


def closing(line_id: UUID, **changes: Any) -> Closing:  # noqa: ANN401 - any field
    """Say that an attempt was answered; `changes` are fields."""
    fields: dict[str, Any] = {
        "outcome": "ok",
        "input_tokens": 100,
        "cached_tokens": 40,
        "output_tokens": 7,
        "estimated": False,
        "cost_nano": 300,
        "counterfactual_input_tokens": 90,
        "counterfactual_output_tokens": 6,
        "counterfactual_nano": 250,
        "answer_hash": b"answered",
        "failure": None,
    }
    return Closing(line_id, **{**fields, **changes})


def batch(keys: Keys, **changes: Any) -> Batch:  # noqa: ANN401 - any field
    """Build a batch of the run that is about to be uploaded; `changes` are fields."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "run_id": keys.run,
        "version_id": keys.version,
        "file_name": "requests.jsonl",
        "model": "gpt-4o-mini",
        "requests": 2,
        "input_tokens": 500,
        "created_at": AT,
        "deadline": AT + timedelta(hours=24),
    }
    return Batch(**{**fields, **changes})
