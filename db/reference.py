"""Keys of prompts, models, prices and infrastructure: found, or added. Rows are never changed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from db.dialects import insert_new
from db.tables import InfrastructureRow, ModelRow, PriceRow, PromptRow
from models.catalog import Infrastructure
from models.economics.pricing import Price
from models.errors import PriceUnknown

PRICE_FIELDS = tuple(Price.__slots__)


def prompt_id(session: Session, workload: str, version: str, fingerprint: str) -> int:
    """Return the key of a prompt version."""
    return _get_or_add(
        session, PromptRow, {"workload": workload, "version": version, "fingerprint": fingerprint}
    )


def model_id(session: Session, provider: str, name: str) -> int:
    """Return the key of a model."""
    return _get_or_add(session, ModelRow, {"provider": provider, "name": name})


def infrastructure_id(session: Session, machine: Infrastructure) -> int:
    """Return the key of a machine at its dated rate; another rate is another row."""
    return _get_or_add(session, InfrastructureRow, asdict(machine))


def sync_prices(session: Session, prices: Iterable[Price]) -> int:
    """Add what differs from the newest version of each dated price; return how many rows are new.

    A row is never changed: lines that were priced with it keep pointing to what they really used.
    """
    added = 0
    for price in prices:
        known = session.execute(
            _select_prices()
            .where(
                PriceRow.provider == price.provider,
                PriceRow.model == price.model,
                PriceRow.effective_from == price.effective_from,
            )
            .order_by(PriceRow.version.desc())
            .limit(1)
        ).first()
        if known is None or _terms(_price(known)) != _terms(price):
            values = {**asdict(price), "version": 1 if known is None else known.version + 1}
            key = ("provider", "model", "effective_from", "version")
            added += insert_new(session, PriceRow, values, key=key)
    return added


def price_at(session: Session, provider: str, model: str, at: date) -> tuple[int, Price]:
    """Return the price that held on a UTC day, and its key.

    Of several, the one that began last holds, and of its versions the newest. Raises `PriceUnknown`.
    """
    found = session.execute(
        _select_prices()
        .where(
            PriceRow.provider == provider,
            PriceRow.model == model,
            PriceRow.effective_from <= at,
        )
        .order_by(PriceRow.effective_from.desc(), PriceRow.version.desc())
        .limit(1)
    ).first()
    if found is None or not _price(found).holds_on(at):
        msg = f"no price of {provider}/{model} is known for {at}; add one, or choose another BREAKEVEN_API_MODEL"
        raise PriceUnknown(msg)
    return found.id, _price(found)


def price(session: Session, price_id: int) -> Price:
    """Return the price with this key, which a line refers to."""
    return _price(session.execute(_select_prices().where(PriceRow.id == price_id)).one())


def _select_prices() -> Select[*tuple[Any, ...]]:
    return select(PriceRow.id, PriceRow.version, *(getattr(PriceRow, name) for name in PRICE_FIELDS))


def _price(row: Row[Any]) -> Price:
    return Price(**{name: getattr(row, name) for name in PRICE_FIELDS})


def _terms(price: Price) -> tuple[object, ...]:
    """Return what two prices must share to be the same; the release that named them is not part of it."""
    return (
        price.effective_to,
        price.input_nano_per_mtok,
        price.cached_input_nano_per_mtok,
        price.output_nano_per_mtok,
    )


def _get_or_add(
    session: Session, row: type[PromptRow | ModelRow | InfrastructureRow], values: Mapping[str, Any]
) -> int:
    # looked for first: an insert that meets a taken key would use up one of 32,767 numbers
    find = select(row.id).filter_by(**values)
    found = session.execute(find).scalar()
    if found is None:
        insert_new(session, row, values, key=tuple(values))
        found = session.execute(find).scalar_one()
    return found
