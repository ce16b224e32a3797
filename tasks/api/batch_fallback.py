"""Records that no batch takes or answers in time: they wait, unless the settings let them be asked at once, at full price."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.economics.pricing import Price
from models.economics.upper_bound import upper_bound_nano
from models.engines.api.chat_format import schema_text
from tasks.api.requests import ApiRequests
from tasks.documents.amounts import usd
from tasks.storage.escalation_queue import EscalationQueue


@dataclass(frozen=True, slots=True)
class BatchFallback:
    """Whether records may be asked at once in the place of a batch (`batch_fallback`, or `api_mode`), and what that costs.

    Prices are those of an answer at once and in a batch.
    """

    at_once: bool
    full_price: Price
    batch_price: Price
    requests: ApiRequests
    waiting: EscalationQueue

    def compare(self, keys: Iterable[str]) -> str:
        """Return the most that these records cost at once and in a batch, as far as they wait."""
        full = batched = 0
        for key in keys:
            if (escalated := self.waiting.get(key)) is not None:
                request = self.requests.render(escalated)
                what = (request.messages, schema_text(request.output), request.token_limit)
                full += upper_bound_nano(self.full_price, *what)
                batched += upper_bound_nano(self.batch_price, *what)
        return f"at most {usd(full)} at once, {usd(batched)} in a batch"

    def offer(self, keys: Iterable[str]) -> str:
        """Say which settings would have these records asked at once, and at what price."""
        return (
            "their records wait; BREAKEVEN_API_MODE=sync, or BREAKEVEN_BATCH_FALLBACK=sync for such ones alone, "
            f"has them asked at once ({self.compare(keys)})"
        )
