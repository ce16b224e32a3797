"""The lines, their rollup, and what the API's cost by day.

Columns of `ledger_lines` stand widest first, so that PostgreSQL pads nothing between them: about
300 bytes a line, indexes included (bench/ledger_size.py). What only lines of an API fill stands last:
NULL, it takes no room on PostgreSQL and one byte on SQLite.
"""

from datetime import date, datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, not_negative, one_of
from db.columns import WideKey
from models.economics.calibration import CALIBRATION_SUMS
from models.ledger.line import EngineName, Outcome
from models.ledger.rollup import SUMS


def _pending_lines() -> Index:
    """Few lines are pending at a time: found by their run without a look at the millions that are closed."""
    only = text("outcome = 'pending'")
    return Index("ix_ledger_lines_pending", "run_id", sqlite_where=only, postgresql_where=only)


UNUSUAL = text("(ledger_lines.outcome <> 'ok' OR ledger_lines.reason IS NOT NULL)")
"""Lines that did not go as most do, in the words of their index: a database uses it where it reads them."""


def _unusual_lines() -> Index:
    """Let a few such lines be found by their way, in the order of pages, among millions (`db.line_places`)."""
    only = text("outcome <> 'ok' OR reason IS NOT NULL")
    way = ("outcome", "engine", "requested", "model_id", "prompt_id", "reason")
    columns = ("run_id", *way, "record_key", "attempt")
    return Index("ix_ledger_lines_unusual", *columns, sqlite_where=only, postgresql_where=only)


class LedgerLineRow(Base):
    """The accounting of one attempt; its fields are those of `models.ledger.line.LedgerLine`."""

    __tablename__ = "ledger_lines"
    __table_args__ = (
        UniqueConstraint("run_id", "record_key", "attempt"),
        one_of("requested", *get_args(EngineName)),
        one_of("engine", *get_args(EngineName)),
        one_of("outcome", *get_args(Outcome)),
        *not_negative("cost_nano", "counterfactual_nano", "gpu_ns", "input_tokens", "output_tokens"),
        CheckConstraint("cached_tokens >= 0 AND cached_tokens <= input_tokens", name="cached_tokens"),
        CheckConstraint(
            "reasoning_tokens >= 0 AND reasoning_tokens <= output_tokens", name="reasoning_tokens"
        ),
        CheckConstraint(
            "cache_write_tokens >= 0 AND cached_tokens + cache_write_tokens <= input_tokens",
            name="cache_write_tokens",
        ),
        *not_negative("counterfactual_cached_tokens", "counterfactual_cache_write_tokens", "provider_nano"),
        # nothing is free, or charged, by accident: a cost stands on a dated rate
        CheckConstraint(
            "cost_nano IS NULL OR engine = 'reuse' OR price_id IS NOT NULL OR infrastructure_id IS NOT NULL",
            name="priced",
        ),
        CheckConstraint("(engine = 'reuse') = (reuses IS NOT NULL)", name="reuses"),
        # only an API leaves us in doubt, and never about what it can have cost at most
        CheckConstraint(
            "outcome NOT IN ('pending', 'unknown_outcome') OR (engine = 'openai' AND cost_nano IS NOT NULL)",
            name="upper_bound",
        ),
        _pending_lines(),
        _unusual_lines(),
    )
    at: Mapped[datetime]
    cost_nano: Mapped[int | None] = mapped_column(BigInteger)
    counterfactual_nano: Mapped[int | None] = mapped_column(BigInteger)
    gpu_ns: Mapped[int | None] = mapped_column(BigInteger)
    input_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    counterfactual_input_tokens: Mapped[int | None]
    counterfactual_output_tokens: Mapped[int | None]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    prompt_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("prompts.id"))
    model_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("models.id"))
    price_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("prices.id"))
    infrastructure_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("infrastructure.id"))
    counterfactual_price_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("prices.id"))
    estimated: Mapped[bool]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    requested: Mapped[str]
    engine: Mapped[str]
    outcome: Mapped[str]
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    answer_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    record_key: Mapped[str]
    reason: Mapped[str | None]
    reuses: Mapped[UUID | None]
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("batches.id"))
    failure: Mapped[str | None]
    reasoning_tokens: Mapped[int | None]
    cache_write_tokens: Mapped[int | None]
    counterfactual_cached_tokens: Mapped[int | None]
    counterfactual_cache_write_tokens: Mapped[int | None]
    provider_nano: Mapped[int | None] = mapped_column(BigInteger)
    served_model: Mapped[str | None]
    service_tier: Mapped[str | None]
    doubted_usage: Mapped[str | None]


class DailyUsageRow(Base):
    """What a run's lines of one UTC day come to, for each way they went: the rollup that sums are read from.

    Kept in the transactions that write and close lines, so that at every moment the rows of a run are
    the sums over its lines; they stay when the lines are archived. `reason` is empty where a line has none.
    `records` counts lines that are the first of their record in their run (`late_records` are those of them
    that are not attempt 1, which may still come), `engine_records` those that are the first there on their
    engine: sums that tell engines apart add up the latter. Token sums are over lines that know theirs; `unknown_*` counts the lines that do not know a cost, which a sum must say.
    `upper_bound_nano` is the part of `cost_nano` of priced (API) lines that know no tokens: the most they can
    have cost. `counterfactual_cached_tokens` and `counterfactual_cache_write_tokens` are those of lines that have
    counterfactual tokens, an API line's own `cached_tokens` and `cache_write_tokens`: repricing needs them.
    """

    __tablename__ = "daily_usage"
    __table_args__ = (
        *not_negative(*SUMS),
        Index(None, "run_id"),
        Index(None, "day"),
    )
    id: Mapped[int] = mapped_column(WideKey, primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    day: Mapped[date]
    prompt_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("prompts.id"))
    model_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("models.id"))
    requested: Mapped[str]
    engine: Mapped[str]
    reason: Mapped[str]
    outcome: Mapped[str]
    batched: Mapped[bool]
    price_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("prices.id"))
    infrastructure_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("infrastructure.id"))
    counterfactual_price_id: Mapped[int | None] = mapped_column(SmallInteger, ForeignKey("prices.id"))
    attempts: Mapped[int] = mapped_column(BigInteger)
    records: Mapped[int] = mapped_column(BigInteger)
    late_records: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    engine_records: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    known_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated: Mapped[int] = mapped_column(BigInteger)
    gpu_ns: Mapped[int] = mapped_column(BigInteger)
    cost_nano: Mapped[int] = mapped_column(BigInteger)
    upper_bound_nano: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    unknown_cost: Mapped[int] = mapped_column(BigInteger)
    counterfactual_input_tokens: Mapped[int] = mapped_column(BigInteger)
    counterfactual_cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    counterfactual_output_tokens: Mapped[int] = mapped_column(BigInteger)
    counterfactual_nano: Mapped[int] = mapped_column(BigInteger)
    unknown_counterfactual: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    counterfactual_cache_write_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class TokenCalibrationRow(Base):
    """What was estimated of the API attempts of one UTC day, and what the API reported of the same attempts.

    Kept in the transactions that close their lines. `counted_with` names the vocabulary and the form that the
    estimates were made with; estimates of another way of counting cannot be compared.
    """

    __tablename__ = "token_calibration"
    __table_args__ = (*not_negative("lines", *CALIBRATION_SUMS),)
    day: Mapped[date] = mapped_column(primary_key=True)
    prompt_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("prompts.id"), primary_key=True)
    model_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("models.id"), primary_key=True)
    counted_with: Mapped[str] = mapped_column(primary_key=True)
    lines: Mapped[int] = mapped_column(BigInteger)
    estimated_input_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated_output_tokens: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)


class ApiSpendRow(Base):
    """What the API lines of one UTC day and workload cost, the pending ones at their upper bound."""

    __tablename__ = "api_spend"
    __table_args__ = (*not_negative("nano"),)
    day: Mapped[date] = mapped_column(primary_key=True)
    workload: Mapped[str] = mapped_column(primary_key=True)
    nano: Mapped[int] = mapped_column(BigInteger)
