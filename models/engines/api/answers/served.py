"""What a reply says of how it was served: the model, the tier of service, and what the provider charges.

- Model: `model` of the reply. A dated snapshot, a version, a provider's prefix or a route's suffix of the model that
  was asked is no other model.
- Tier: `service_tier` of OpenAI, Groq and OpenRouter (https://console.groq.com/docs/service-tiers,
  https://openrouter.ai/docs/guides/features/service-tiers), within `usage` at Anthropic.
- Cost: `usage.cost` of OpenRouter in dollars, to which a key of one's own adds what the provider behind it charges
  (https://openrouter.ai/docs/use-cases/usage-accounting); `usage.cost.total_cost` of Perplexity; `estimated_cost` of
  DeepInfra; `cost_in_usd_ticks` of xAI, ten thousand million of which are a dollar
  (https://docs.x.ai/developers/cost-tracking); the header `x-litellm-response-cost` of LiteLLM, which is 0 for a model
  whose price LiteLLM does not know (https://github.com/BerriAI/litellm/issues/13790). All read 2026-11-30.
"""

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import cast

from models.engines.api.errors.error_codes import is_secret
from models.requests import Served

STANDARD_TIERS = frozenset({"default", "standard", "auto", "on_demand", "batch"})
"""Tiers at the price that the request has anyway: a line of a batch has the price of batches already."""
COST_HEADER = "x-litellm-response-cost"
TICKS_A_NANO = 10
MOST_NANO = 10**15
"""A million dollars: no single answer costs more."""
_NAME = re.compile(r"[A-Za-z0-9_.\-/:@+]{1,200}")
_TIER = re.compile(r"[a-z0-9_\-]{1,32}")
_ROUTE = re.compile(r"(?::latest|:nitro|:floor|:online|-v\d+:\d+|\.gguf)$")
_SELLER = re.compile(
    r"^(?:(?:us|eu|apac|global)\.)?(?:anthropic|meta|amazon|mistral|cohere|deepseek|openai|qwen|google)\."
)
_SNAPSHOT = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{2}-\d{4}|\d{2}-\d{2}|00\d|latest)$")


def served_of(body: object, headers: Mapping[str, str], asked: str) -> Served | None:
    """Return what a reply says of how it was served; None where it says nothing that was not asked for.

    `asked` is the model that the request named.
    """
    said = _mapping(body)
    usage = _mapping(said.get("usage"))
    served = Served(
        _other_model(said.get("model"), asked),
        _tier(said.get("service_tier")) or _tier(usage.get("service_tier")),
        _cost_nano(usage, headers),
    )
    return None if served == Served() else served


def is_same_model(asked: str, named: str) -> bool:
    """Whether two names are of one model: prefixes of providers, routes and case aside, and a snapshot that one does not name."""
    one, other = _parts(asked), _parts(named)
    return one[0] == other[0] and (one[1] == other[1] or "" in {one[1], other[1]})


def _parts(name: str) -> tuple[str, str]:
    """Return a model's name without prefix, and its snapshot, empty where the name has none."""
    bare = _ROUTE.sub("", _SELLER.sub("", name.rpartition("/")[2].lower()))
    snapshot = _SNAPSHOT.search(bare)
    if snapshot is None or not snapshot.start():
        return bare, ""
    said = snapshot[1]
    return bare[: snapshot.start()], "" if said == "latest" else said.replace("-", "")


def _other_model(named: object, asked: str) -> str | None:
    """Return the model that answered where it is another than the one that was asked."""
    if (
        not isinstance(named, str)
        or not _NAME.fullmatch(named)
        or is_secret(named)
        or is_same_model(asked, named)
    ):
        return None
    return named


def _tier(named: object) -> str | None:
    tier = named.lower() if isinstance(named, str) else ""
    return tier if _TIER.fullmatch(tier) and tier not in STANDARD_TIERS and not is_secret(tier) else None


def _cost_nano(usage: Mapping[str, object], headers: Mapping[str, str]) -> int | None:
    """Return what the provider says that it charges for an attempt, nano-dollars; None where it does not say it."""
    ticks = _number(usage.get("cost_in_usd_ticks"))
    if ticks is not None:
        return _whole(ticks / TICKS_A_NANO)
    cost = usage.get("cost")
    for named in (
        _mapping(cost).get("total_cost"),
        cost,
        usage.get("total_cost"),
        usage.get("estimated_cost"),
    ):
        if (dollars := _number(named)) is not None:
            own_key = usage.get("is_byok") is True
            behind = (
                _number(_mapping(usage.get("cost_details")).get("upstream_inference_cost"))
                if own_key
                else None
            )
            return _whole((dollars + (behind or 0)) * 10**9)
    header = next((value for name, value in headers.items() if name.lower() == COST_HEADER), None)
    return _whole((_number(header) or Decimal(0)) * 10**9) or None


def _number(value: object) -> Decimal | None:
    """Return a number that may stand as text, None for what is none or less than nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and 0 <= number <= MOST_NANO * TICKS_A_NANO else None


def _whole(nano: Decimal) -> int | None:
    return int(nano.to_integral_value(ROUND_HALF_UP)) if nano <= MOST_NANO else None


def _mapping(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
