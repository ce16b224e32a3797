"""Attempts on an API that are paid and know no tokens, or that the provider served or charged in another way."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Integer, and_, case, cast, func, or_

from db.tables import LedgerLineRow as Line
from models.ledger.provider_cost import PERCENT
from models.ledger.rollup import UsageKey


class ApiSuspicions(NamedTuple):
    """How many lines of one way know no input or no output, name another model, or have a cost that the provider told."""

    without_tokens: int
    other_model: int
    told_cost: int


def api_doubt_columns(lines: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of `ApiSuspicions`, in its order."""
    c = lines.c
    nothing = and_(~c.estimated, or_(c.input_tokens == 0, c.output_tokens == 0))
    return [func.count(case((nothing, 1))), func.count(c.served_model), func.count(c.provider_nano)]


def list_api_suspicions(
    way: UsageKey, doubts: ApiSuspicions, prices: Mapping[int, tuple[int, int, int, int]]
) -> Iterator[tuple[str, ColumnElement[bool], str]]:
    """Yield checks, conditions of lines that may be wrong, and what is wrong with those that fulfil them."""
    if way.engine != "openai":
        return
    if doubts.without_tokens and way.outcome == "ok" and any(prices.get(way.price_id or 0, ())):
        nothing = or_(Line.input_tokens == 0, Line.output_tokens == 0)
        yield (
            "no_tokens",
            and_(~Line.estimated, nothing),
            "an answer of an API at a price has no input or no output tokens",
        )
    if doubts.other_model:
        what = "an API answered as another model than the one that was asked and is charged"
        yield "served", Line.served_model.is_not(None), what
    if doubts.told_cost:
        differ = func.abs(Line.cost_nano - Line.provider_nano)
        tokens = func.coalesce(Line.input_tokens, 0) + func.coalesce(Line.output_tokens, 0)
        other = and_(~Line.estimated, differ * PERCENT > Line.cost_nano, differ > cast(tokens, Integer))
        yield "served", other, "a provider says that an attempt cost another amount than its price comes to"
