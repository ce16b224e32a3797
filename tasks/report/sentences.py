"""The report's sentences: which month, what was compared, and since when the answer has been the same."""

from collections.abc import Mapping
from datetime import date

from models.economics.figures import MonthFigures, Outlook, Reason, Scenario, Verdict
from models.economics.figures_outlook import ApiWay
from models.economics.figures_recommendation import ScenarioName
from models.economics.past_month import PastMonth
from tasks.documents.amounts import usd

SCENARIOS: Mapping[ScenarioName, str] = {
    "api_sync": "API, at once",
    "api_batch": "API, in batches",
    "reserved": "Own model, reserved",
    "on_demand": "Own model, on demand",
    "spot": "Own model, spot",
    "hybrid": "As it really ran",
    "fewer_machines": "No idle machines",
    "move_workload": "Some on the API",
}
"""What the ways of serving a month are called, in the order in which they are shown."""

API_WAYS: Mapping[ApiWay, str] = {"api_sync": "the API at once", "api_batch": "the API's batches"}
SHORT_ANSWERS = {"pays": "It pays", "does_not_pay": "It does not pay", "cannot_be_said": "It cannot be said"}
NOTHING_TO_COMPARE: frozenset[Reason] = frozenset({"no_usage", "no_gpu", "not_viable"})


def month_name(month: date) -> str:
    """Name a month: `October 2026`."""
    return f"{month:%B} {month.year}"


def is_comparable(figures: MonthFigures) -> bool:
    """Whether there was work that an API would have charged for, and a machine of one's own."""
    return not NOTHING_TO_COMPARE & set(figures.verdict.reasons)


def is_idle(figures: MonthFigures) -> bool:
    """Whether nothing was run that an API would have charged for."""
    return "no_usage" in figures.verdict.reasons or not figures.scenario("api_sync").api_nano


def at_least(one: Scenario) -> str:
    """Render a total; where attempts are missing in it, as the lower bound it is."""
    bound = "at least " if one.missing and one.total_nano is not None else ""
    return f"{bound}{usd(one.total_nano)}"


_PAST_AND_FUTURE = {
    "costs": ("cost", "costs"),
    "saves": ("saved", "saves"),
    "runs": ("ran", "runs"),
    "would cost": ("would have cost", "would cost"),
    "would save": ("would have saved", "would save"),
    "is paid": ("was really paid", "it comes to as it runs"),
}


def would(verb: str, figures: MonthFigures) -> str:
    """Put a verb into the past, or into the present of a month that is projected."""
    return _PAST_AND_FUTURE[verb][int(figures.partial)]


def name_covered_days(figures: MonthFigures) -> str:
    """Say which days the figures cover: `October 2026`, or `the first 12 of 31 days of October 2026`."""
    name = month_name(figures.month)
    if not figures.partial:
        return name
    first = "first day" if figures.days == 1 else f"first {figures.days}"
    return f"the {first} of {figures.days_in_month} days of {name}"


def compare(figures: MonthFigures, outlook: Outlook) -> str | None:
    """Say what really ran saves or costs against a way of the API; None where there is nothing to compare."""
    verdict = outlook.verdict
    if verdict.saving_nano is None or NOTHING_TO_COMPARE & set(verdict.reasons):
        return None
    whole = all(one.replaceable for one in figures.workloads)
    of = (
        f" ({at_least(figures.scenario(outlook.against))})"
        if whole
        else ", over the workloads it can replace"
    )
    against = f"Against {API_WAYS[outlook.against]}{of}"
    if verdict.answer == "cannot_be_said":
        return f"{against}, whether what ran pays cannot be said{_bounds(verdict)}."
    if not verdict.saving_nano:
        return f"{against}, what ran comes to the same."
    bound = _bound(verdict)
    if verdict.saving_nano > 0:
        return f"{against}, what ran {would('saves', figures)} {bound}{usd(verdict.saving_nano)}."
    return f"{against}, what ran {would('costs', figures)} {bound}{usd(-verdict.saving_nano)} more."


def _bound(verdict: Verdict) -> str:
    """Say that a saving or loss is a bound, where what is not known can only move it one way."""
    saving, low, high = verdict.saving_nano, verdict.low_nano, verdict.high_nano
    if verdict.answer == "pays":
        return "" if high == saving else "at least "
    if low == saving:
        return "" if high == saving else "up to "
    return "at least " if high == saving else ""


def _bounds(verdict: Verdict) -> str:
    saving, low, high = verdict.saving_nano, verdict.low_nano, verdict.high_nano
    if low is not None and high is not None:
        return f"; it lies between {gain(low)} and {gain(high)}"
    if low is not None:
        return f"; at worst it is {gain(low)}"
    if high is not None:
        return f"; at best it is {gain(high)}"
    return "" if saving is None else f"; as far as costs are known, it is {gain(saving)}"


def gain(nano: int) -> str:
    """Name a saving, or the loss that a negative one is."""
    return f"a loss of {usd(-nano)}" if nano < 0 else f"a saving of {usd(nano)}"


def since(figures: MonthFigures) -> str | None:
    """Say since when the verdict has been what it is; None where the month before is not known, or it has none."""
    answer = figures.verdict.answer
    if answer == "cannot_be_said" or not is_comparable(figures):
        return None
    pays = answer == "pays"
    streak = _find_streak(figures.history[:-1], pays=pays)
    if not figures.history[:-1] or _has_paid(figures.history[-2]) is None:
        return None
    what = f"Against the API's cheapest way, it {'has paid' if pays else 'has not paid'}"
    if not streak:
        return f"The month before, it {'did not pay' if pays else 'paid'} against the API's cheapest way."
    if len(streak) < len(figures.history) - 1:
        return f"{what} in {'every' if pays else 'any'} month since {month_name(streak[-1].month)}."
    known = f"{len(streak) + 1} months that are known"
    return f"{what} in {'all' if pays else 'any'} of the {known}."


def _find_streak(before: tuple[PastMonth, ...], *, pays: bool) -> list[PastMonth]:
    """Return the months just before this one with the same answer, newest first."""
    streak: list[PastMonth] = []
    for month in reversed(before):
        if _has_paid(month) is not pays:
            break
        streak.append(month)
    return streak


def _has_paid(month: PastMonth) -> bool | None:
    if month.hybrid_nano is None or not (month.complete and month.machine and month.records):
        return None
    return month.hybrid_nano < min(month.api_sync_nano, month.api_batch_nano)
