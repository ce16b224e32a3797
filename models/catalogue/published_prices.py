"""The published prices of API models: those of the installed package genai-prices, or newer data in the cache folder."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    Provider,
    TieredPrices,
    _providers_from_raw,  # what the package's own updater reads with; it has no public name
)
from pydantic import ValidationError

from models.errors import UsageError

PACKAGE = "genai-prices"
FILE_NAME = "genai-prices.json"
DEAREST = Decimal(1_000_000)
"""No price in use is so many dollars per million units."""


@dataclass(frozen=True, slots=True)
class PublishedPrices:
    """All published prices, and where they are from. `fetched_on` is None for those of the package."""

    snapshot: DataSnapshot
    source: str
    fetched_on: date | None = None
    origin: str | None = None


def stored_path(cache_dir: Path) -> Path:
    """Where fetched price data lie."""
    return cache_dir / "prices" / FILE_NAME


def read_published(cache_dir: Path | None = None) -> PublishedPrices:
    """Return the prices that hold: fetched ones in the cache folder, else the package's.

    Fetched data count until another release of the package is installed, which brings data of its own. Raises
    `UsageError` for a stored file that is damaged.
    """
    if cache_dir is None:
        return _of_package()
    path = stored_path(cache_dir).resolve()
    try:
        status = path.stat()
    except OSError:
        return _of_package()
    return _stored(path, status.st_mtime_ns, status.st_size) or _of_package()


def parse_providers(raw: object) -> list[Provider]:
    """Check price data in the package's form and return its providers. Raises `UsageError` in one line."""
    if not isinstance(raw, list) or not raw:
        msg = "it is no list of providers"
        raise UsageError(msg)
    providers: list[Provider] = []
    try:
        for one in raw:  # the first that is wrong ends it, not a list of all faults of all of them
            providers += _providers_from_raw([one])
    except (ValidationError, ValueError, TypeError, AttributeError) as error:
        place = error.errors()[0]["loc"][1:] if isinstance(error, ValidationError) else ()
        where = ".".join(map(str, (len(providers), *place)))
        msg = f"it is not in the form of {PACKAGE} {version(PACKAGE)} ({where[:80]})"
        raise UsageError(msg) from None
    for provider in providers:
        for model in provider.models:
            if any(not (amount.is_finite() and 0 <= amount < DEAREST) for amount in _amounts(model)):
                msg = f"{provider.id}/{model.id} has a price that cannot be"
                raise UsageError(msg)
    return providers


def pack(raw: object, fetched_on: date, origin: str) -> bytes:
    """Return checked price data as they are stored, with their day, where they are from and the package's release."""
    facts = {"fetched_on": str(fetched_on), "origin": origin, "package": version(PACKAGE), "providers": raw}
    return json.dumps(facts).encode()


def snapshot_of(providers: list[Provider]) -> DataSnapshot:
    """Return what finds models among providers."""
    return DataSnapshot(providers, from_auto_update=True)


@cache
def _of_package() -> PublishedPrices:
    return PublishedPrices(get_snapshot(), f"{PACKAGE} {version(PACKAGE)}")


@lru_cache(maxsize=4)
def _stored(path: Path, _changed_ns: int, _size: int) -> PublishedPrices | None:
    """Read stored data once for each state of the file; None where another release of the package is installed."""
    try:
        facts = json.loads(path.read_bytes())
        if facts["package"] != version(PACKAGE):
            return None
        day, origin = date.fromisoformat(facts["fetched_on"]), str(facts["origin"])
        snapshot = snapshot_of(parse_providers(facts["providers"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UsageError) as error:
        msg = f"the price data in {path} are damaged: run `breakeven prices update`, or remove the file"
        raise UsageError(msg) from error
    return PublishedPrices(snapshot, f"{PACKAGE} data of {day}", day, origin)


def _amounts(model: ModelInfo) -> Iterator[Decimal]:
    """Yield every price of a model, in every tier and variant."""
    standards = (
        [model.prices] if isinstance(model.prices, ModelPrice) else [one.prices for one in model.prices]
    )
    for prices in (*standards, *(one.prices for one in model.price_variants or ())):
        values: Mapping[str, Any] = vars(prices)
        for value in values.values():
            if isinstance(value, TieredPrices):
                yield from (value.base, *(tier.price for tier in value.tiers))
            elif isinstance(value, Decimal):
                yield value
