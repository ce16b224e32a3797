"""What tokens and hours cost at least, by the price and the machine that lines stand on."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.reference import read_prices
from db.tables import InfrastructureRow
from models.economics.pricing import HourPrice, Price


class RatesInForce(NamedTuple):
    """Nano-dollars by price: of a million tokens of plain, cached and written input and of output; an hour of each machine."""

    prices: Mapping[int, tuple[int, int, int, int]]
    machines: Mapping[int, int]


def read_rates(session: Session) -> RatesInForce:
    """Read what is asked at least: of a price that differs by the hour, the lowest of the day."""
    prices = {key: _lowest(price) for key, _, price in read_prices(session)}
    machines = session.execute(select(InfrastructureRow.id, InfrastructureRow.nano_usd_per_hour))
    return RatesInForce(prices, {row[0]: row[1] for row in machines})


def _lowest(price: Price) -> tuple[int, int, int, int]:
    offers: list[Price | HourPrice] = [price, *price.hours]
    every = [_amounts(one) for one in offers]
    return (
        min(one[0] for one in every),
        min(one[1] for one in every),
        min(one[2] for one in every),
        min(one[3] for one in every),
    )


def _amounts(price: Price | HourPrice) -> tuple[int, int, int, int]:
    full, cached, written = (
        price.input_nano_per_mtok,
        price.cached_input_nano_per_mtok,
        price.cache_write_nano_per_mtok,
    )
    return (
        full,
        full if cached is None else cached,
        full if written is None else written,
        price.output_nano_per_mtok,
    )
