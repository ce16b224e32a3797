"""What an attempt is charged at, by how the provider says that it served it: another tier has another price."""

import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from db import reference
from models.economics.pricing import Price, nano_to_usd, prices_of_tier
from models.errors import PriceUnknown
from models.ledger.accounting import LinePrices, TierPrice
from models.ledger.provider_cost import is_other_cost
from models.requests import ClosedAttempt
from models.settings import Settings
from tasks.runtime.leased_ledger import LeasedLedger

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ServedPrices:
    """Finds the prices of attempts, and warns once a run of each way in which the provider did another thing than was asked.

    A tier's price goes into the ledger when the first attempt was served in it. May be called from any thread.
    """

    ledger: LeasedLedger
    settings: Settings
    endpoint: str
    _tiers: dict[tuple[str, date], TierPrice | None] = field(default_factory=dict, init=False)
    _warned: set[str] = field(default_factory=set, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def at_once(
        self,
        closed: ClosedAttempt,
        own: Price,
        counterfactual: Price,
        opened_at: datetime | None,
        bound_nano: int = 0,
    ) -> LinePrices:
        """Return the prices of an attempt that was asked for at once: those of the tier that served it."""
        tier = None if closed.served is None else closed.served.tier
        found = None if tier is None else self._find(tier, opened_at or closed.at)
        return self._compared(closed, LinePrices(own, counterfactual, opened_at, found, bound_nano))

    def in_batch(
        self, closed: ClosedAttempt, own: Price, counterfactual: Price, opened_at: datetime, bound_nano: int
    ) -> LinePrices:
        """Return the prices of an attempt in a batch, which has its own price whatever tier it names."""
        if closed.served is not None and closed.served.tier is not None:
            self._warn_of_tier(closed.served.tier, "the price of batches")
        return self._compared(closed, LinePrices(own, counterfactual, opened_at, bound_nano=bound_nano))

    def _find(self, tier: str, at: datetime) -> TierPrice | None:
        day = at.astimezone(UTC).date()
        with self._lock:
            if (tier, day) not in self._tiers:
                self._tiers[tier, day] = self._look_up(tier, day)
            return self._tiers[tier, day]

    def _look_up(self, tier: str, day: date) -> TierPrice | None:
        prices = prices_of_tier(self.settings, tier)

        def find(session: Session) -> TierPrice:
            reference.sync_prices(session, prices)
            return TierPrice(*reference.find_price(session, prices[0].provider, prices[0].model, day))

        try:
            if prices:
                return self.ledger.write(find)
        except PriceUnknown:  # it was published later than the attempt
            pass
        self._warn_of_tier(tier, "the standard price")
        return None

    def _warn_of_tier(self, tier: str, instead: str) -> None:
        self._warn(
            f"tier {tier}",
            f"the API at {self.endpoint} serves in the tier {tier!r}, of which no price is known: such attempts are charged at "
            f"{instead}; BREAKEVEN_API_INPUT_USD_PER_MTOK and BREAKEVEN_API_OUTPUT_USD_PER_MTOK give another",
        )

    def _compared(self, closed: ClosedAttempt, prices: LinePrices) -> LinePrices:
        """Warn where the provider says that it charges otherwise, or served another model."""
        served, usage = closed.served, closed.usage
        if served is not None and served.model is not None:
            self._warn(
                "model",
                f"the API at {self.endpoint} answered as {served.model}, and {self.settings.api_model} was asked and is charged: "
                "see `breakeven ledger check`; BREAKEVEN_API_MODEL names the model",
            )
        if closed.doubted is not None:
            self._warn(
                "usage",
                f"the API at {self.endpoint} reports more tokens than a request can have used: such attempts count with the most that "
                "they can cost, and what was reported stands beside it (`doubted_usage` in `breakeven ledger lines`)",
            )
        if served is not None and served.cost_nano is not None and usage is not None:
            ours = prices.cost_nano(usage)
            if is_other_cost(ours, served.cost_nano, usage.input_tokens + usage.output_tokens):
                self._warn(
                    "cost",
                    f"the API at {self.endpoint} says that an attempt cost ${_usd(served.cost_nano)}, and by its price it is "
                    f"${_usd(ours)}: see `breakeven ledger check`; BREAKEVEN_API_PROVIDER names the seller",
                )
        return prices

    def _warn(self, kind: str, message: str) -> None:
        with self._lock:
            if kind in self._warned:
                return
            self._warned.add(kind)
        log.warning("%s", message)


def _usd(nano: int) -> str:
    return f"{nano_to_usd(nano).normalize():f}"
