"""What 1,000 records and a million tokens cost, and at which prices of the API."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from models.economics.figures import GpuBill
from models.economics.month import PriceUse, Tokens, WorkloadUsage
from models.economics.past_month import UnitCosts
from models.economics.pricing import MTOK, half_up

RECORDS = 1000


def unit_costs_of(used: Sequence[WorkloadUsage], gpu: GpuBill, busy_ns: int, loaded_nano: int) -> UnitCosts:
    """Return the unit costs of workloads that kept the machines busy so long, and whose part of all costs is so much."""
    local, served = sum(one.local for one in used), sum(one.served for one in used)
    tokens = sum((one.local_tokens for one in used), Tokens()).total
    api_nano = sum(one.api_sync_nano for one in used)
    api_tokens = sum(price.input_tokens + price.output_tokens for one in used for price in one.counterfactual)
    marginal = Fraction(gpu.nano * busy_ns, gpu.billed_ns) if gpu.billed_ns else None
    return UnitCosts(
        marginal_per_1000_records=_per(marginal, local, RECORDS),
        marginal_per_mtok=_per(marginal, tokens, MTOK),
        loaded_per_1000_records=_per(loaded_nano, local, RECORDS),
        loaded_per_mtok=_per(loaded_nano, tokens, MTOK),
        api_per_1000_records=_per(api_nano, served, RECORDS),
        api_per_mtok=_per(api_nano, api_tokens, MTOK),
    )


def _per(nano: Fraction | int | None, count: int, unit: int) -> int | None:
    return None if nano is None or not count else half_up(Fraction(nano * unit) / count)


def merge_prices(workloads: Iterable[WorkloadUsage]) -> tuple[PriceUse, ...]:
    """Put together what all workloads used at each dated price, in the order of first use."""
    merged: dict[tuple[object, ...], PriceUse] = {}
    for use in (use for usage in workloads for use in usage.counterfactual):
        key = (use.provider, use.model, use.effective_from, use.source, _amounts(use))
        merged[key] = _merge(merged[key], use) if key in merged else use
    return tuple(sorted(merged.values(), key=lambda use: (use.first_day, use.last_day, use.model)))


def _amounts(use: PriceUse) -> tuple[int | None, ...]:
    return use.input_nano_per_mtok, use.cached_input_nano_per_mtok, use.output_nano_per_mtok


def _merge(one: PriceUse, other: PriceUse) -> PriceUse:
    return replace(
        one,
        first_day=min(one.first_day, other.first_day),
        last_day=max(one.last_day, other.last_day),
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        nano=one.nano + other.nano,
    )
