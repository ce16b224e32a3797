"""What the same records would cost on other models: tokens as the API's model counts them, at a candidate's price."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from models.economics.pricing import MTOK, Price, cost_of_mtok, half_up
from models.requests import Usage


@dataclass(frozen=True, slots=True)
class CandidatePrices:
    """A candidate by the name that settings give it, at its price of one day; `batch` None: it has no batches."""

    name: str
    at_once: Price
    batch: Price | None


@dataclass(frozen=True, slots=True)
class CandidateCost:
    """What the month's work costs on a candidate, at once and in batches; nano-dollars, None: it has no batches.

    A workload whose answers cannot wait a day is asked at once in both.
    """

    name: str
    sync_nano: int
    batch_nano: int | None


def cost_candidates(
    work: Iterable[tuple[Usage, bool]], candidates: Iterable[CandidatePrices], pace: Fraction
) -> tuple[CandidateCost, ...]:
    """Price work on each candidate. `work`: tokens, and whether their answers may take a day; `pace`: times so much."""
    listed = list(work)
    found = []
    for one in candidates:
        at_once = [cost_of_mtok(one.at_once, usage) for usage, _ in listed]
        batch = None
        if one.batch is not None:
            own = one.batch
            batch = sum(
                cost_of_mtok(own, usage) if may_wait else dear
                for (usage, may_wait), dear in zip(listed, at_once, strict=True)
            )
        found.append(
            CandidateCost(
                one.name,
                half_up(pace * Fraction(sum(at_once), MTOK)),
                None if batch is None else half_up(pace * Fraction(batch, MTOK)),
            )
        )
    return tuple(found)
