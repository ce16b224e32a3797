"""What a month's report says of the API's market: candidates at their prices, models that leave, prices that moved."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy.orm import Session

from db import calibration
from models.catalogue.model_ends import ModelEnd, find_end
from models.economics.candidate_costs import CandidatePrices
from models.economics.candidates import Candidate, candidates_of
from models.economics.month import MonthInputs
from models.economics.price_changes import PriceChange, change_of_each_model
from models.economics.pricing import Price
from models.engines.api.families import choose_effort, room_of
from models.errors import BreakevenError
from models.months import next_month
from models.settings import Settings
from tasks.ledger.price_changes import list_price_changes


def add_market(inputs: MonthInputs, session: Session, settings: Settings) -> MonthInputs:
    """Add to a month's inputs what the market asked on its last day that is covered.

    A candidate without a price is left out: a report does not fail for it.
    """
    last = inputs.last_day
    candidates = list(_list_candidates(settings, last))
    return replace(
        inputs,
        candidates=tuple(CandidatePrices(one.name, *_prices_on(one, last)) for one in candidates),
        bases=_describe_bases(session, settings, inputs.month),
        ends=tuple(_list_ends(settings, candidates, last)),
        price_changes=_list_changes(session, settings, inputs.month, last),
    )


def _list_candidates(settings: Settings, day: date) -> Iterator[Candidate]:
    for name in dict.fromkeys(settings.api_candidates):
        try:
            yield from candidates_of(settings.model_copy(update={"api_candidates": (name,)}), day)
        except BreakevenError:
            continue


def _prices_on(candidate: Candidate, day: date) -> tuple[Price, Price | None]:
    """Return a candidate's price of a day, at once and in batches; before its first one, that."""

    def on(prices: tuple[Price, ...]) -> Price:
        return next((one for one in prices if one.holds_on(day)), prices[0])

    return on(candidate.prices), on(candidate.batch_prices) if candidate.batch_prices else None


def _describe_bases(session: Session, settings: Settings, month: date) -> tuple[str, ...]:
    try:
        effort = choose_effort(settings.api_model, settings.api_reasoning_effort)
    except BreakevenError:
        effort = None
    reasons = room_of(settings.api_model, effort) > 0
    return tuple(
        one.describe(reasons=reasons)
        for one in calibration.read_bases(session, month, next_month(month))
        if one.corrected or one.estimated
    )


def _list_ends(settings: Settings, candidates: list[Candidate], day: date) -> Iterator[ModelEnd]:
    """Yield the models that leave within the notice, the API's own first; each once."""
    names = dict.fromkeys([settings.api_model, *(f"{one.provider}/{one.model}" for one in candidates)])
    found = {end.model: end for name in names if (end := find_end(name)) is not None and end.is_near(day)}
    yield from found.values()


def _list_changes(session: Session, settings: Settings, month: date, day: date) -> tuple[PriceChange, ...]:
    """Return what changed since the month before; a model's batches are not named beside it."""
    try:
        found = list_price_changes(session, settings, month - timedelta(days=1), day)
    except BreakevenError:
        return ()
    return tuple(change_of_each_model(found))
