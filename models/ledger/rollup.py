"""What one ledger line adds to the daily sums of its run: the rollup, as plain values."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from models.ledger.line import LedgerLine

FIRST = 1
"""The number of a record's first attempt: a line that has it needs no look at other lines."""


class UsageKey(NamedTuple):
    """What the lines of one row share; `reason` is empty where they have none."""

    run_id: UUID
    day: date
    prompt_id: int
    model_id: int
    requested: str
    engine: str
    reason: str
    outcome: str
    batched: bool
    price_id: int | None
    infrastructure_id: int | None
    counterfactual_price_id: int | None


class Firsts(NamedTuple):
    """Whether a line is the first of its record in its run, and the first there on its engine."""

    of_record: bool
    on_engine: bool


@dataclass(frozen=True, slots=True)
class CountedLine:
    """What the rollup needs of a line; its fields are those of `models.ledger.line.LedgerLine`."""

    id: UUID
    run_id: UUID
    record_key: str
    attempt: int
    at: datetime
    requested: str
    engine: str
    reason: str | None
    outcome: str
    batch_id: UUID | None
    prompt_id: int
    model_id: int
    price_id: int | None
    infrastructure_id: int | None
    counterfactual_price_id: int | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cache_write_tokens: int | None
    estimated: bool
    gpu_ns: int | None
    cost_nano: int | None
    counterfactual_input_tokens: int | None
    counterfactual_output_tokens: int | None
    counterfactual_nano: int | None
    counterfactual_cached_tokens: int | None
    counterfactual_cache_write_tokens: int | None


SUMS = (
    "attempts",
    "records",
    "late_records",
    "engine_records",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_write_tokens",
    "known_tokens",
    "estimated",
    "gpu_ns",
    "cost_nano",
    "upper_bound_nano",
    "unknown_cost",
    "counterfactual_input_tokens",
    "counterfactual_cached_tokens",
    "counterfactual_cache_write_tokens",
    "counterfactual_output_tokens",
    "counterfactual_nano",
    "unknown_counterfactual",
)
"""The sums of a row, in the order of `sum_line`."""

_SAME = attrgetter(
    "prompt_id",
    "model_id",
    "requested",
    "engine",
    "reason",
    "outcome",
    "price_id",
    "infrastructure_id",
    "counterfactual_price_id",
)
_INPUT, _COST = attrgetter("input_tokens"), attrgetter("cost_nano")
_COUNTERFACTUAL = attrgetter("counterfactual_nano")


def group_lines(lines: Iterable[LedgerLine]) -> dict[UsageKey, list[LedgerLine]]:
    """Group lines by the way that they went. A key of a run is told apart by its identity, to be hashed once."""
    groups: defaultdict[tuple[object, ...], list[LedgerLine]] = defaultdict(list)
    for line in lines:
        at = line.at if line.at.tzinfo is UTC else line.at.astimezone(UTC)
        groups[id(line.run_id), at.date(), line.batch_id is None, _SAME(line)].append(line)
    ways: dict[UsageKey, list[LedgerLine]] = {}
    for own in groups.values():
        ways.setdefault(key_of(own[0]), []).extend(own)
    return ways


def sum_first_attempts(lines: Sequence[LedgerLine]) -> tuple[int, ...]:
    """Sum `sum_line` over first attempts that went one way, column by column: a third of the time.

    A first attempt is the first of its record, and the first there on its engine.
    """
    count = len(lines)
    tokens, costs, other = ([*map(get, lines)] for get in (_INPUT, _COST, _COUNTERFACTUAL))
    blind = tokens.count(None)
    bounds = sum(line.cost_nano or 0 for line in lines if line.input_tokens is None) if blind else 0
    return (
        count,
        count,
        0,
        count,
        _total(tokens),
        _total(map(attrgetter("cached_tokens"), lines)),
        _total(map(attrgetter("output_tokens"), lines)),
        _total(map(attrgetter("reasoning_tokens"), lines)),
        _total(map(attrgetter("cache_write_tokens"), lines)),
        count - blind,
        sum(map(attrgetter("estimated"), lines)),
        _total(map(attrgetter("gpu_ns"), lines)),
        _total(costs),
        bounds if lines and lines[0].price_id is not None else 0,
        costs.count(None),
        _total(map(attrgetter("counterfactual_input_tokens"), lines)),
        _total(map(cached_instead, lines)),
        _total(map(written_instead, lines)),
        _total(map(attrgetter("counterfactual_output_tokens"), lines)),
        _total(other),
        other.count(None),
    )


def cached_instead(line: LedgerLine | CountedLine) -> int:
    """Return how many of a line's counterfactual tokens are cached input: an API's attempt has its own."""
    if not line.counterfactual_input_tokens:
        return 0
    own = line.cached_tokens if line.engine == "openai" else None
    return (own if line.counterfactual_cached_tokens is None else line.counterfactual_cached_tokens) or 0


def written_instead(line: LedgerLine | CountedLine) -> int:
    """Return how many of a line's counterfactual tokens are input that is written to a cache."""
    if not line.counterfactual_input_tokens:
        return 0
    own = line.cache_write_tokens if line.engine == "openai" else None
    instead = line.counterfactual_cache_write_tokens
    return (own if instead is None else instead) or 0


def _total(values: Iterable[int | None]) -> int:
    return sum(filter(None, values))


def key_of(line: LedgerLine | CountedLine) -> UsageKey:
    """Return the way that a line went."""
    return UsageKey(
        line.run_id,
        line.at.astimezone(UTC).date(),
        line.prompt_id,
        line.model_id,
        line.requested,
        line.engine,
        line.reason or "",
        line.outcome,
        line.batch_id is not None,
        line.price_id,
        line.infrastructure_id,
        line.counterfactual_price_id,
    )


def sum_line(line: LedgerLine | CountedLine, firsts: Firsts) -> tuple[int, ...]:
    """Return what a line adds to its row, in the order of `SUMS`.

    What is unknown adds nothing to a sum and one to the count of what is unknown.
    """
    tokens, cost, counterfactual = line.input_tokens, line.cost_nano, line.counterfactual_nano
    by_price = line.price_id is not None
    cached, written = line.cached_tokens or 0, line.cache_write_tokens or 0
    return (
        1,
        firsts.of_record,
        firsts.of_record and line.attempt != FIRST,
        firsts.on_engine,
        tokens or 0,
        cached,
        line.output_tokens or 0,
        line.reasoning_tokens or 0,
        written,
        tokens is not None,
        line.estimated,
        line.gpu_ns or 0,
        cost or 0,
        (cost or 0) if by_price and tokens is None else 0,
        cost is None,
        line.counterfactual_input_tokens or 0,
        cached_instead(line),
        written_instead(line),
        line.counterfactual_output_tokens or 0,
        counterfactual or 0,
        counterfactual is None,
    )
