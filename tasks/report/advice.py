"""What to do, in words: the headline, its sentence, what it is conditional on, and what would flip it."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from models.economics.figures import MonthFigures, Reason
from models.economics.figures_outlook import Lever, LeverName
from models.economics.figures_recommendation import Action, ScenarioName
from tasks.documents.amounts import join_words, plural, usd
from tasks.report import sentences, sentences_outlook
from tasks.report.sentences import (
    API_WAYS,
    at_least,
    is_comparable,
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
    "move_workload": "Move {workloads} to the API",
    "move_to_batches": "Move to the API's batches",
    "move_to_api": "Move to the API",
}
DOING: Mapping[Action, str] = {
    "drop_machine": "giving up the idle machine",
    "switch_to_on_demand": "switching to a machine on demand",
    "switch_to_reserved": "switching to a reserved machine",
    "move_workload": "moving {workloads} to the API",
    "move_to_batches": "moving to the API's batches",
    "move_to_api": "moving to the API",
}
OTHERS: Mapping[ScenarioName, str] = {
    "api_sync": "the API at once",
    "api_batch": "the API's batches",
    "reserved": "your own model on a reserved machine",
    "on_demand": "your own model on a machine on demand",
    "fewer_machines": "the same without idle machines",
    "move_workload": "the same with some workloads on the API",
}
FLIPS: tuple[LeverName, ...] = ("price", "volume", "gpu_rate", "hours")
MOST_FLIPS = 2
LEAST_CHANGE, MOST_CHANGE = Fraction(-9, 10), Fraction(9)
"""What would have to move farther than that is not what could happen next month."""


def answer(figures: MonthFigures) -> str:
    """Say in a few words what to do."""
    if is_idle(figures) and not figures.recommendation.saving_nano:
        return "Nothing to compare"
    return _named(DO[figures.recommendation.action], figures)


def title(figures: MonthFigures) -> str:
    """Return the report's title, also the subject of the mail that carries it: what to do, and what that saves."""
    told, advice = answer(figures), figures.recommendation
    amount = usd(advice.saving_nano)
    saved = f", it saves {amount}" if advice.way == "hybrid" else f", {amount} less"
    more = saved if advice.saving_nano else ""
    return f"Break-even report, {month_name(figures.month)}: {told[0].lower()}{told[1:]}{more}"


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


def explain(figures: MonthFigures) -> Iterator[str]:
    """Yield what the advice hangs on: quality that nobody measured, costs that are not known, what would flip it."""
    advice = figures.recommendation
    if advice.conditional_on and not is_idle(figures):
        some = join_words(list(advice.conditional_on))
        yield (
            f"That holds if the small model is good enough for {some}, which no evaluation has decided:"
            f" breakeven evaluate {advice.conditional_on[0]} --labels FILE."
        )
    for note in figures.notes:
        if note.code in {"model_ends", "price_moved"} and note.text:
            yield f"{note.text[0].upper()}{note.text[1:]}."
    if not advice.certain and not is_idle(figures):
        yield _doubt(figures)
    known = {advice.way, advice.against} == {"hybrid", figures.alternative.against}
    told = [_flips(figures), None if known else sentences.compare(figures, figures.alternative)]
    if figures.at_once.against != figures.alternative.against:
        told.append(sentences.compare(figures, figures.at_once))
    yield from filter(None, (*told, sentences.since(figures)))


def _named(text: str, figures: MonthFigures) -> str:
    return text.format(workloads=join_words(list(figures.recommendation.workloads) or ["one workload"]))


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


def _flips(figures: MonthFigures) -> str | None:
    """Say what would turn the answer between what ran and the API's cheapest way: the nearest of what can be moved."""
    if not is_comparable(figures) or figures.verdict.answer == "cannot_be_said":
        return None
    near = sorted((one for one in figures.alternative.levers if _is_near(one)), key=_distance)
    pays = figures.verdict.answer == "pays"
    what = (
        f"What ran would {'no longer pay' if pays else 'pay'} against {API_WAYS[figures.alternative.against]}"
    )
    if not near:
        return f"{what} by no change of price, volume, rate or maintenance alone that is near."
    records = next((point.records for point in figures.curve if point.factor == 1), None)
    return f"{what} with {' or '.join(_flip(one, records) for one in near[:MOST_FLIPS])}."


def _is_near(one: Lever) -> bool:
    return one.name in FLIPS and one.change is not None and LEAST_CHANGE <= one.change <= MOST_CHANGE


def _distance(one: Lever) -> Fraction:
    return Fraction(0) if one.change is None else abs(one.change)


def _flip(one: Lever, records: int | None) -> str:
    what = {
        "price": "a price of the API of",
        "volume": "a volume of",
        "gpu_rate": "a rate of the machine of",
        "hours": "maintenance of",
    }[one.name]
    far = f" ({sentences_outlook.lever_change(one)})" if one.name in {"volume", "hours"} else ""
    return f"{what} {sentences_outlook.lever_flips(one, records)}{far}"
