"""The ledger lines of attempts on an API: opened at the most that they can cost, closed at what they did."""

import json
from collections.abc import Sequence
from typing import TypedDict

from models.economics.pricing import NANO, nano_to_usd
from models.engines.api.permit import OpenAttempt
from models.ledger.accounting import (
    NOT_SERVED,
    NOTHING,
    ApiKeys,
    Finished,
    LineKeys,
    LinePrices,
    answer_hash,
)
from models.ledger.counterfactual import CounterfactualTokens
from models.ledger.line import Closing, LedgerLine
from models.requests import ClosedAttempt, Served

MOST_PROVIDER_NANO, MOST_TIMES_THE_BOUND = 10 * NANO, 1000
"""A provider that says that an attempt costs more than ten dollars, and a thousand times its bound, is in doubt."""


class _ServedColumns(TypedDict):
    provider_nano: int | None
    served_model: str | None
    service_tier: str | None
    doubted_usage: str | None


def pending_line(
    attempt: OpenAttempt,
    keys: LineKeys,
    api: ApiKeys,
    *,
    reason: str,
    upper_bound: int,
) -> LedgerLine:
    """Make the line that is written before an attempt is sent: no tokens yet, the most it can cost."""
    return LedgerLine(
        id=attempt.id,
        run_id=keys.run_id,
        record_key=attempt.request.record_key,
        attempt=attempt.number,
        at=attempt.at,
        requested=keys.requested,
        engine="openai",
        reason=reason,
        outcome="pending",
        prompt_id=keys.prompt_id,
        model_id=api.model_id,
        input_tokens=None,
        cached_tokens=None,
        output_tokens=None,
        estimated=True,
        gpu_ns=0,
        cost_nano=upper_bound,
        price_id=api.price_id,
        infrastructure_id=None,
        counterfactual_input_tokens=0,
        counterfactual_output_tokens=0,
        counterfactual_nano=0,
        counterfactual_price_id=keys.counterfactual_price_id,
        request_hash=attempt.request.digest(),
        answer_hash=None,
        reuses=None,
    )


def closing_unserved(closed: ClosedAttempt, prices: LinePrices, upper_bound: int) -> Closing:
    """Close an attempt that served no record: it failed, was answered with nothing usable, or nobody knows.

    An answer without a reported usage keeps the upper bound as its cost; see `closings` for those that
    served a record.
    """
    usage = NOTHING if closed.outcome == "failed" else closed.usage
    return Closing(
        id=closed.id,
        outcome="invalid_output" if closed.outcome == "ok" else closed.outcome,
        input_tokens=usage.input_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        estimated=usage is None,
        cost_nano=upper_bound if usage is None else prices.cost_nano(usage),
        counterfactual_input_tokens=0,
        counterfactual_output_tokens=0,
        counterfactual_nano=0,
        answer_hash=None,
        failure=closed.failure,
        reasoning_tokens=usage.reasoning_tokens if usage else None,
        cache_write_tokens=usage.cache_write_tokens if usage else None,
        price_id=None if prices.tier is None else prices.tier.price_id,
        **_served(closed, prices),
    )


def closings(finished: Sequence[Finished], keys: LineKeys, counter: CounterfactualTokens) -> list[Closing]:
    """Close the lines of the attempts on an API that answered these requests.

    Without a reported usage its tokens are estimated, and the line says so (I4). Its counterfactual is
    what the same answer costs when it is asked for at once. With one, the plain estimate goes along.
    """
    answered = [(item, item.completion.attempt) for item in finished]
    return [_closing(item, closed, keys, counter) for item, closed in answered if closed is not None]


def _closing(item: Finished, closed: ClosedAttempt, keys: LineKeys, counter: CounterfactualTokens) -> Closing:
    prices = item.prices or _at_once(keys)
    usage = closed.usage or counter.of_unreported(item.completion)
    counterfactual = NOTHING if item.outcome in NOT_SERVED else usage
    used = usage if closed.doubted is None else None
    return Closing(
        id=closed.id,
        outcome=item.outcome,
        input_tokens=used.input_tokens if used else None,
        cached_tokens=used.cached_tokens if used else None,
        output_tokens=used.output_tokens if used else None,
        estimated=closed.usage is None,
        cost_nano=prices.cost_nano(used) if used else prices.bound_nano,
        counterfactual_input_tokens=counterfactual.input_tokens,
        counterfactual_output_tokens=counterfactual.output_tokens,
        counterfactual_nano=prices.counterfactual_nano(counterfactual),
        answer_hash=answer_hash(item.completion.text),
        failure=closed.failure,
        reasoning_tokens=used.reasoning_tokens if used else None,
        cache_write_tokens=used.cache_write_tokens if used else None,
        estimate=None if closed.usage is None else counter.estimate(item.completion),
        ended_at=closed.at,
        price_id=None if prices.tier is None else prices.tier.price_id,
        **_served(closed, prices),
    )


def _served(closed: ClosedAttempt, prices: LinePrices) -> _ServedColumns:
    """Return what the provider says of how it served an attempt, as columns of its line.

    A cost of its own that is beyond all prices is in doubt as well, and stands with what is.
    """
    said, doubted = closed.served or Served(), closed.doubted
    cost = said.cost_nano
    if cost is not None and cost > max(MOST_PROVIDER_NANO, MOST_TIMES_THE_BOUND * prices.bound_nano):
        doubted = json.dumps(
            {**json.loads(doubted or "{}"), "cost_usd": f"{nano_to_usd(cost).normalize():f}"},
            separators=(",", ":"),
        )
        cost = None
    return {
        "provider_nano": cost,
        "served_model": said.model,
        "service_tier": said.tier,
        "doubted_usage": doubted,
    }


def _at_once(keys: LineKeys) -> LinePrices:
    if keys.api is None:
        msg = "a run without an API has no API attempts"
        raise ValueError(msg)
    return LinePrices(keys.api.price, keys.counterfactual_price)
