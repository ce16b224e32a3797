"""What the same records would cost with models of others, month by month, at once and in batches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from models.economics.candidates import Candidate
from models.economics.demand import Demand
from models.economics.forecast import Forecast
from models.economics.pricing import Price
from models.errors import PriceUnknown


@dataclass(frozen=True, slots=True)
class CandidateCosts:
    """A candidate's costs in each month, nano-dollars; None where no price holds, or its seller has no batches.

    The tokens are those that the API's own model counts.
    """

    candidate: Candidate
    api_sync_nano: tuple[int | None, ...]
    api_batch_nano: tuple[int | None, ...]

    @property
    def total_sync_nano(self) -> int | None:
        """Over all months, at once."""
        return _sum(self.api_sync_nano)

    @property
    def total_batch_nano(self) -> int | None:
        """Over all months, in batches."""
        return _sum(self.api_batch_nano)

    @property
    def least_nano(self) -> int | None:
        """Its cheaper way over all months."""
        known = [one for one in (self.total_sync_nano, self.total_batch_nano) if one is not None]
        return min(known, default=None)


def cost_candidates(figures: Forecast, candidates: Sequence[Candidate]) -> tuple[CandidateCosts, ...]:
    """Return the costs of each candidate, in their order."""
    return tuple(_cost(figures, one) for one in candidates)


def _cost(figures: Forecast, candidate: Candidate) -> CandidateCosts:
    months = [(month.month, place) for place, month in enumerate(figures.months)]
    batch = candidate.batch_prices
    no_waiting = batch is None or not any(demand.batches for demand in figures.demands)
    return CandidateCosts(
        candidate,
        tuple(_in_month(figures.demands, candidate.prices, None, *month) for month in months),
        tuple(
            None if no_waiting else _in_month(figures.demands, candidate.prices, batch, *month)
            for month in months
        ),
    )


def _in_month(
    demands: Sequence[Demand],
    prices: tuple[Price, ...],
    batch: tuple[Price, ...] | None,
    month: date,
    place: int,
) -> int | None:
    """Add up a month of all workloads; those that cannot wait are asked at once."""
    total = 0
    for demand in demands:
        own = batch if batch is not None and demand.batches else prices
        try:
            total += replace(demand, prices=own).usage(month, place).api_sync_nano
        except PriceUnknown:
            return None
    return total


def _sum(values: Sequence[int | None]) -> int | None:
    known = [one for one in values if one is not None]
    return sum(known) if len(known) == len(values) else None
