"""What to do, in words: the headline, its sentence, what it is conditional on, and what would flip it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from models.economics.figures import MonthFigures, Reason
from models.economics.figures_recommendation import Action, ScenarioName
from models.economics.recommendation import OWN
from tasks.documents.amounts import count, join_words, plural, times, usd
from tasks.report import sentences
from tasks.report.notes import describe_note
from tasks.report.sentences import (
    at_least,
    is_idle,
    month_name,
    name_covered_days,
    would,
)

DO: Mapping[Action, str] = {
    "stay": "Stay",
    "drop_machine": "Give up the idle machine",
    "switch_to_on_demand": "Switch to a machine on demand",
    "switch_to_reserved": "Switch to a reserved machine",
    "switch_to_spot": "Switch to a spot machine",
    "move_workload": "Move {workloads} to the API",
    "move_to_batches": "Move to the API's batches",
    "move_to_api": "Move to the API",
}
DOING: Mapping[Action, str] = {
    "drop_machine": "giving up the idle machine",
    "switch_to_on_demand": "switching to a machine on demand",
    "switch_to_reserved": "switching to a reserved machine",
    "switch_to_spot": "switching to a spot machine",
    "move_workload": "moving {workloads} to the API",
    "move_to_batches": "moving to the API's batches",
    "move_to_api": "moving to the API",
}
OTHERS: Mapping[ScenarioName, str] = {
    "api_sync": "the API at once",
    "api_batch": "the API's batches",
    "reserved": "your own model on a reserved machine",
    "on_demand": "your own model on a machine on demand",
    "spot": "your own model on a spot machine",
    "hybrid": "your own model as it ran",
    "fewer_machines": "the same without idle machines",
    "move_workload": "the same with some workloads on the API",
}
_MARKUP = re.compile(r"[^\w .\-]")
LEAST_FLIP, MOST_FLIP = Fraction(1, 10), Fraction(10)
"""What would have to move farther than that is not what could happen next month."""


def answer(figures: MonthFigures) -> str:
    """Say in a few words what to do."""
    if is_idle(figures) and not figures.recommendation.saving_nano:
        return "Nothing to compare"
    return _named(DO[figures.recommendation.action], figures)


def title(figures: MonthFigures) -> str:
    """Return the report's title, also the subject of the mail that carries it: what to do, and what that saves."""
    told = headline(figures).replace(": ", ", ", 1)
    return f"Break-even report, {month_name(figures.month)}: {told[0].lower()}{told[1:]}"


def verdict(figures: MonthFigures) -> str:
    """Say in one sentence, for somebody who decides about money, what to do and what it saves."""
    advice, lead = figures.recommendation, _lead(figures)
    best, other = figures.scenario(advice.way), figures.scenario(advice.against)
    if is_idle(figures):
        return _nothing(figures)
    so = "" if advice.certain else ", as far as costs are known"
    if advice.action != "stay":
        return (
            f"{lead}, {_named(DOING[advice.action], figures)} {would('would save', figures)} {usd(advice.saving_nano)}{so}:"
            f" {at_least(best)} instead of the {at_least(other)} that {would('is paid', figures)}."
        )
    if advice.against == advice.way:
        return f"{lead}, the work {would('costs', figures)} {at_least(best)} as it {would('runs', figures)}; no other way is known."
    saved = (
        f"{would('saves', figures)} {usd(advice.saving_nano)}{so}" if advice.saving_nano else "saves nothing"
    )
    return (
        f"{lead}, your own model as it {would('runs', figures)} {saved}: it {would('costs', figures)} {at_least(best)}, and the"
        f" cheapest other way, {OTHERS[advice.against]}, {would('would cost', figures)} {at_least(other)}."
    )


def headline(figures: MonthFigures) -> str:
    """Say in a few words what to do, and what that saves."""
    advice = figures.recommendation
    if not advice.saving_nano:
        return answer(figures)
    amount = usd(advice.saving_nano)
    return f"{answer(figures)}: {f'it saves {amount}' if advice.way == 'hybrid' else f'{amount} less'}"


def explain(figures: MonthFigures) -> Iterator[str]:
    """Yield what the advice hangs on: what would flip it, quality that nobody measured, costs that are not known."""
    if is_idle(figures):
        return
    if not figures.recommendation.certain:
        yield _doubt(figures)
    if (flip := _describe_flip(figures)) is not None:
        yield flip
    if some := figures.recommendation.conditional_on:
        yield (
            f"That holds if the small model is good enough for {_join_names(some)}, which nobody has measured:"
            f" breakeven evaluate {_join_names(some[:1])} --labels FILE."
        )
    if figures.recommendation.way in OWN:
        yield from (
            describe_note(note, figures) for note in figures.notes if note.code == "not_viable_routed"
        )


def look_around(figures: MonthFigures) -> Iterator[str]:
    """Yield what else matters to who decides: what ran against the API, since when, and how the market moves."""
    outlooks = [figures.alternative]
    if figures.at_once.against != figures.alternative.against:
        outlooks.append(figures.at_once)
    told = [sentences.compare(figures, one) for one in outlooks]
    yield from filter(None, (*told, sentences.since(figures)))
    for note in figures.notes:
        if note.code == "model_ends" and note.text:
            yield f"Attention: {note.text}."
        if note.code == "price_moved" and note.text:
            yield f"Since the month before, {note.text}."


def _describe_flip(figures: MonthFigures) -> str | None:
    """Say at which volume or price the advice turns between one's own model and the API."""
    flip = figures.flip
    if flip is None or flip.own == flip.api:
        return None
    to_api = figures.recommendation.way == flip.own
    if not to_api and figures.recommendation.way != flip.api:
        return None
    other = OTHERS[flip.api if to_api else flip.own]
    where = "at or below" if to_api else "above"
    ways = []
    if flip.volume is not None and LEAST_FLIP <= flip.volume <= MOST_FLIP:
        ways.append(f"{times(flip.volume)} this volume ({count(flip.records)} records)")
    if flip.price is not None and LEAST_FLIP <= flip.price <= MOST_FLIP:
        ways.append(f"{times(flip.price)} the API's price")
    if not ways:
        return f"No volume or price that is near would make {other} cheaper."
    return f"It flips to {other} {where} {' or '.join(ways)}."


def _named(text: str, figures: MonthFigures) -> str:
    return text.format(workloads=_join_names(figures.recommendation.workloads or ("one workload",)))


def _join_names(workloads: Sequence[str]) -> str:
    """Join names as a chat may show them: what a chat would read as markup is replaced."""
    return join_words([_MARKUP.sub("?", name) for name in workloads])


def _lead(figures: MonthFigures) -> str:
    if figures.partial:
        return f"At the pace of {name_covered_days(figures)}"
    return f"In {month_name(figures.month)}"


def _nothing(figures: MonthFigures) -> str:
    paid = figures.scenario("hybrid").total_nano or 0
    nothing = f"Nothing was run in {name_covered_days(figures)} that an API would have charged for"
    if not paid:
        return f"{nothing}, so there is nothing to compare."
    return f"{nothing}; your own machine and its upkeep cost {usd(paid)}."


def _doubt(figures: MonthFigures) -> str:
    """Say what is not known, and between which bounds the saving lies."""
    advice = figures.recommendation
    reasons = [text for reason in figures.verdict.reasons if (text := _reason(reason, figures))]
    why = f": {join_words(reasons)}" if reasons else ""
    low, high = advice.low_nano, advice.high_nano
    if low is not None and high is not None:
        return f"It is too close to call{why}; the saving lies between {usd(low)} and {usd(high)}."
    bound = "has no upper bound" if high is None else f"is {usd(high)} at most"
    least = "" if low is None else f" and {usd(low)} at least"
    return f"It is too close to call{why}; the saving {bound}{least}."


def _reason(reason: Reason, figures: MonthFigures) -> str:
    """Say why a verdict cannot be given; '' for a reason that is none for that."""
    hybrid, api = figures.scenario("hybrid"), figures.scenario("api_sync")
    if reason == "unknown_counterfactual":
        return f"the API's price of {plural(api.missing, 'attempt')} is not known"
    if reason == "upper_bounds":
        return f"{usd(hybrid.upper_bound_nano)} of what was paid to the API is only the most it can have been"
    if reason == "unknown_api_cost":
        return f"what {plural(hybrid.missing, 'attempt')} really cost on the API is not known"
    return ""
