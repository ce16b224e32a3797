"""What repricing asks the ledger: usage by the price behind it, from the rollup, and the prices themselves."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Unpack

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db import reference
from db.line_filters import SummaryFilters, join_names, usage_conditions
from db.routes import route_of
from db.rows import to_dollars
from db.tables import DailyUsageRow as Usage
from db.tables import ModelRow, PromptRow
from models.economics.pricing import Price
from models.economics.repricing import PricedUsage
from models.errors import UsageError
from models.ledger.rollup import SUMS
from models.nearest import nearest
from models.requests import Usage as Tokens

BY = ("workload", "model", "engine", "route", "day", "month")


def read_priced_usage(
    session: Session, by: Sequence[str], **filters: Unpack[SummaryFilters]
) -> dict[tuple[str, ...], list[PricedUsage]]:
    """Return usage by any of `BY`, each group by the day and the prices that its lines were written at.

    It comes from the rollup, so lines that were moved to an archive are in it. Raises `UsageError` for an
    unknown column.
    """
    if unknown := sorted(set(by) - set(BY)):
        found = nearest(unknown[0], BY)
        meant = f"did you mean {found}? " if found else ""
        msg = f"cannot reprice by {', '.join(unknown)}; {meant}choose from {', '.join(BY)}"
        raise UsageError(msg)
    prices = {price_id: price for price_id, _, price in reference.read_prices(session)}
    groups: defaultdict[tuple[str, ...], list[PricedUsage]] = defaultdict(list)
    columns = [expression.label(name) for name, expression in _names().items() if name in by]
    keys: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...] = (
        *columns,
        Usage.day.label("of_day"),
        Usage.price_id,
        Usage.counterfactual_price_id,
    )
    sums = select(*keys, *(func.sum(getattr(Usage, name)).label(name) for name in SUMS))
    for row in session.execute(join_names(sums, Usage, usage_conditions(filters)).group_by(*keys)):
        written = row._asdict() | {"day": row.of_day.isoformat(), "month": f"{row.of_day:%Y-%m}"}
        groups[tuple(str(written[name]) for name in by)].append(_usage(row, prices))
    return groups


def list_prices(session: Session, model: str | None = None) -> list[dict[str, object]]:
    """Return the prices with all their versions, dollars per million tokens; `model` restricts.

    `newest`: of one date, the version that holds now. `lines`: how many attempts were priced with it, as
    their own or their counterfactual price.
    """
    used = _lines_by_price(session)
    found = [one for one in reference.read_prices(session) if model in (None, one[2].model)]
    newest = {_dated(price): version for _, version, price in found}
    return [
        {
            "provider": price.provider,
            "model": price.model,
            "effective_from": price.effective_from,
            "effective_to": price.effective_to,
            "version": version,
            "newest": newest[_dated(price)] == version,
            "input_usd_per_mtok": to_dollars(price.input_nano_per_mtok),
            "cached_input_usd_per_mtok": to_dollars(price.cached_input_nano_per_mtok),
            "cache_write_usd_per_mtok": to_dollars(price.cache_write_nano_per_mtok),
            "output_usd_per_mtok": to_dollars(price.output_nano_per_mtok),
            "lines": used.get(price_id, 0),
            "source": price.source,
        }
        for price_id, version, price in found
    ]


def _dated(price: Price) -> tuple[str, str, date]:
    return price.provider, price.model, price.effective_from


def _lines_by_price(session: Session) -> Mapping[int, int]:
    """Count the attempts behind each price; one that it stands for twice counts once."""
    used: defaultdict[int, int] = defaultdict(int)
    keys = (Usage.price_id, Usage.counterfactual_price_id)
    for own, other, attempts in session.execute(select(*keys, func.sum(Usage.attempts)).group_by(*keys)):
        for price_id in {own, other}:
            if price_id is not None:
                used[price_id] += int(attempts)
    return used


def _names() -> dict[str, ColumnElement[str]]:
    return {
        "workload": PromptRow.__table__.c.workload,
        "model": ModelRow.__table__.c.name,
        "engine": Usage.__table__.c.engine,
        "route": route_of(Usage),
    }


def _usage(row: Row[tuple[object, ...]], prices: Mapping[int, Price]) -> PricedUsage:
    sums = {name: int(getattr(row, name)) for name in SUMS}  # PostgreSQL sums BIGINT to NUMERIC
    return PricedUsage(
        day=row.of_day,
        price=prices.get(row.price_id),
        counterfactual_price=prices.get(row.counterfactual_price_id),
        attempts=sums["attempts"],
        known_tokens=sums["known_tokens"],
        estimated=sums["estimated"],
        tokens=Tokens(
            sums["input_tokens"],
            sums["cached_tokens"],
            sums["output_tokens"],
            sums["reasoning_tokens"],
            sums["cache_write_tokens"],
        ),
        cost_nano=sums["cost_nano"],
        upper_bound_nano=sums["upper_bound_nano"],
        unknown_cost=sums["unknown_cost"],
        counterfactual_tokens=Tokens(
            sums["counterfactual_input_tokens"],
            sums["counterfactual_cached_tokens"],
            sums["counterfactual_output_tokens"],
            cache_write_tokens=sums["counterfactual_cache_write_tokens"],
        ),
        counterfactual_nano=sums["counterfactual_nano"],
        unknown_counterfactual=sums["unknown_counterfactual"],
    )
