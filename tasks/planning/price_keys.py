"""The dated prices that a run's lines refer to, by their keys in the ledger."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy.orm import Session

from db import reference
from models.economics.pricing import Price
from models.ledger.accounting import ApiKeys, LineKeys

API_PROVIDER = "openai"
CLASSIFIER: Literal["classifier"] = "classifier"
"""The engine of a run with a classifier in force, and who has that in the ledger's list of models."""


def find_price_today(session: Session, prices: Sequence[Price]) -> tuple[int, Price]:
    """Return today's price of a model and its key, with all its dated prices in the ledger."""
    reference.sync_prices(session, prices)
    return reference.find_price(session, prices[0].provider, prices[0].model, datetime.now(UTC).date())


def add_api_keys(session: Session, keys: LineKeys, model: str, batched: Sequence[Price]) -> LineKeys:
    """Add the keys that attempts on the API's `model` refer to, at once and in batches."""
    model_id = reference.ensure_model(session, API_PROVIDER, model)
    at_once = ApiKeys(model_id, keys.counterfactual_price_id, keys.counterfactual_price)
    in_batch = ApiKeys(model_id, *find_price_today(session, batched))
    return replace(keys, api=at_once, api_batch=in_batch)
