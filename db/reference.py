"""Keys of prompts, models, prices and infrastructure: found, or added. Rows are never changed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select
from sqlalchemy.orm import Session

from db.dialects import insert_new
from db.tables import InfrastructureRow, ModelRow, PriceRow, PromptRow
from models.catalogue.rates import Infrastructure
from models.economics.pricing import Price
from models.errors import PriceUnknown

PRICE_FIELDS = tuple(Price.__slots__)
ENTERED = "entered "
"""Begins the source of a price that a person gave."""


def ensure_prompt(session: Session, workload: str, version: str, fingerprint: str) -> int:
    """Return the key of a prompt version."""
    return _get_or_add(
        session, PromptRow, {"workload": workload, "version": version, "fingerprint": fingerprint}
    )


def list_workloads(session: Session) -> list[str]:
    """Return the workloads that the ledger knows a prompt of: all that ever ran."""
    return list(session.execute(select(PromptRow.workload).distinct()).scalars())


def ensure_model(session: Session, provider: str, name: str) -> int:
    """Return the key of a model."""
    return _get_or_add(session, ModelRow, {"provider": provider, "name": name})


def ensure_infrastructure(session: Session, machine: Infrastructure) -> int:
    """Return the key of a machine at its dated rate; another rate is another row."""
    return _get_or_add(session, InfrastructureRow, asdict(machine))


def sync_prices(session: Session, prices: Iterable[Price]) -> int:
    """Add what differs from the newest version of each dated price; return how many rows are new.

    A row is never changed: lines that were priced with it keep pointing to what they really used. A
    version that a person entered stands until the source itself says something new.
    """
    added = 0
    for price in prices:
        told = find_newest_version(session, price, PriceRow.source.not_like(f"{ENTERED}%"))
        if told is None or _terms(told[1]) != _terms(price):
            added += add_version(session, price)
    return added


def add_version(session: Session, price: Price) -> bool:
    """Add a price as the next version of its dated price. False where somebody else was faster."""
    newest = find_newest_version(session, price)
    version = 1 if newest is None else newest[0] + 1
    values = {**asdict(price), "version": version, "added_on": datetime.now(UTC).date()}
    return insert_new(session, PriceRow, values, key=("provider", "model", "effective_from", "version"))


def find_newest_version(
    session: Session, price: Price, *conditions: ColumnElement[bool]
) -> tuple[int, Price] | None:
    """Return the newest version that there is of a dated price, with its number."""
    found = session.execute(
        _select_prices()
        .where(
            PriceRow.provider == price.provider,
            PriceRow.model == price.model,
            PriceRow.effective_from == price.effective_from,
            *conditions,
        )
        .order_by(PriceRow.version.desc())
        .limit(1)
    ).first()
    return None if found is None else (found.version, _price(found))


def enter_price(session: Session, price: Price) -> bool:
    """Add a price that a person gave; False where the newest version says the same already.

    Its source must begin with `ENTERED`, which tells it from what a package or the settings say.
    """
    newest = find_newest_version(session, price)
    return (newest is None or _terms(newest[1]) != _terms(price)) and add_version(session, price)


def find_price(session: Session, provider: str, model: str, at: date) -> tuple[int, Price]:
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


def get_price(session: Session, price_id: int) -> Price:
    """Return the price with this key, which a line refers to."""
    return _price(session.execute(_select_prices().where(PriceRow.id == price_id)).one())


def read_prices(session: Session) -> list[tuple[int, int, Price]]:
    """Return every price with its key and version: of one date, a later version stands behind the earlier."""
    order = (PriceRow.provider, PriceRow.model, PriceRow.effective_from, PriceRow.version)
    return [(row.id, row.version, _price(row)) for row in session.execute(_select_prices().order_by(*order))]


def read_prices_known(session: Session, day: date) -> list[Price]:
    """Return the prices that the ledger knew at the end of a UTC day, each correction behind what it corrects.

    Of prices that were added before release 0.3.0 the day is not known; they count as known.
    """
    order = (PriceRow.provider, PriceRow.model, PriceRow.effective_from, PriceRow.version)
    known = or_(PriceRow.added_on.is_(None), PriceRow.added_on <= day)
    return [_price(row) for row in session.execute(_select_prices().where(known).order_by(*order))]


def _select_prices() -> Select[Any]:
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
        price.cache_write_nano_per_mtok,
        price.long_prompts,
        price.hours,
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
