"""Looks at the API's model and at those that it is compared with: until when they are there, and at what price."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import quote

import httpx2

from models.catalogue.model_ends import ModelEnd, describe_end, find_end
from models.doctor import SetupCheck
from models.economics.candidates import candidates_of
from models.economics.pricing import NANO, price_on
from models.engines.api.endpoint_address import address_below
from models.engines.api.fetch import fetch
from models.engines.api.options import ApiOptions, headers_for
from models.engines.api.reply_limits import parse_json
from models.errors import BreakevenError, UsageError
from models.settings import Settings

SECONDS_FOR_A_MODEL = 3.0


def check_model_end(settings: Settings) -> SetupCheck:
    """Say until when the API answers for its model: by its own word where it gives one, else as it was reviewed."""
    today = datetime.now(UTC).date()
    end = find_announced_end(settings) or find_end(settings.api_model)
    if end is None:
        return SetupCheck("API model", "ok", f"{settings.api_model}: no end is known")
    found = f"{settings.api_model}: until {end.ends_on} ({end.source})"
    if not end.is_near(today):
        return SetupCheck("API model", "ok", found)
    over = end.ends_on <= today and settings.api_mode != "off"
    return SetupCheck("API model", "fail" if over else "warn", found, describe_end(end, today))


def find_announced_end(settings: Settings) -> ModelEnd | None:
    """Return the `shutdown_date` that the API itself gives for its model; None where it gives none, or is not used.

    The model is asked for by its name, then looked for in the list; no record is sent. A successor, which no API
    names, is that of the reviewed data.
    """
    if settings.api_mode == "off":
        return None
    try:
        options = ApiOptions.from_settings(settings)
    except UsageError:
        return None
    for path in (f"models/{quote(options.model, safe='')}", "models"):
        day = _shutdown_date(_ask(options, path), options.model)
        if day is not None:
            known = find_end(options.model)
            source = f"{options.host}, shutdown_date"
            if known is None:
                return ModelEnd(options.model, day, None, source)
            return replace(known, ends_on=day, source=source)
    return None


def check_candidates(settings: Settings) -> SetupCheck:
    """See that each model that is compared has a price today and does not end soon."""
    today = datetime.now(UTC).date()
    try:
        candidates = candidates_of(settings, today)
    except BreakevenError as error:
        return SetupCheck("candidates", "fail", "without a price", str(error))
    prices = [(one.name, price_on(one.prices, today)) for one in candidates]
    found = ", ".join(
        f"{name} ${price.input_nano_per_mtok / NANO:g}/${price.output_nano_per_mtok / NANO:g}"
        for name, price in prices
    )
    ends = [end for one in candidates if (end := find_end(f"{one.provider}/{one.model}"))]
    said = [
        describe_end(end, today, setting="BREAKEVEN_API_CANDIDATES") for end in ends if end.is_near(today)
    ]
    return SetupCheck("candidates", "warn" if said else "ok", found or "none", "; ".join(said))


def _ask(options: ApiOptions, path: str) -> object:
    try:
        reply = fetch(
            address_below(options.base_url, path),
            headers=headers_for(options),
            seconds=SECONDS_FOR_A_MODEL,
            most_bytes=options.max_reply_bytes,
        )
        return parse_json(reply.content) if reply.is_success else None
    except (httpx2.HTTPError, ValueError):
        return None


def _shutdown_date(reply: object, model: str) -> date | None:
    """Find a model's date in a reply: the model itself, or a list of models."""
    listed = reply.get("data") if isinstance(reply, Mapping) else None
    for one in [reply, *(listed if isinstance(listed, list) else [])]:
        if isinstance(one, Mapping) and one.get("id") == model:
            try:
                return date.fromisoformat(str(one.get("shutdown_date")))
            except ValueError:  # null, or in another form
                continue
    return None
