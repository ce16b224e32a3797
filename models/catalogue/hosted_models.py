"""Hosted open models as sellers offer them: reviewed data with sources, beside what genai-prices knows."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class HostedModel:
    """One seller's offer of one open model, dollars per million tokens.

    `priced_as` names the model of genai-prices whose price it has; the prices are None then.
    `batch_discount` is None where the seller is not known to take it in batches.
    """

    name: str
    provider: str
    model: str
    date: date
    source: str
    input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None
    priced_as: str | None = None
    batch_discount: Decimal | None = None
    note: str = ""


def find_hosted(name: str) -> HostedModel | None:
    """Return the offer that goes by a short name or by PROVIDER/MODEL; None where none does. Case is ignored."""
    return _offers().get(name.lower())


def list_hosted() -> list[str]:
    """Return the short names of all offers."""
    return sorted({offer.name for offer in _offers().values()})


@cache
def _offers() -> Mapping[str, HostedModel]:
    text = files("models.catalogue").joinpath("hosted_models.toml").read_text(encoding="utf-8")
    offers = [HostedModel(**_amounts(entry)) for entry in tomllib.loads(text)["hosted"]]
    return {
        name.lower(): offer for offer in offers for name in (offer.name, f"{offer.provider}/{offer.model}")
    }


def _amounts(entry: Mapping[str, Any]) -> dict[str, Any]:
    exact = ("input_usd_per_mtok", "output_usd_per_mtok", "batch_discount")
    return {name: Decimal(str(value)) if name in exact else value for name, value in entry.items()}
