"""The report's sentences: the verdict, since when, and what would change it."""

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction

from models.economics.figures import (
    MonthFigures,
    Reason,
    Scenario,
    ScenarioName,
    Verdict,
)
from models.economics.past_month import PastMonth
from tasks.documents.amounts import join_words, percent, plural, usd

SCENARIOS: Mapping[ScenarioName, str] = {
    "api_sync": "API, at once",
    "api_batch": "API, in batches",
    "reserved": "Own model, machine reserved",
    "on_demand": "Own model, machine on demand",
    "hybrid": "As it really ran",
}
"""What the ways of serving a month are called, in the order in which they are shown."""

SHORT_ANSWERS = {"pays": "It pays", "does_not_pay": "It does not pay", "cannot_be_said": "It cannot be said"}
NOTHING_TO_COMPARE: frozenset[Reason] = frozenset({"no_usage", "no_gpu"})


def month_name(month: date) -> str:
    """Name a month: `October 2026`."""
    return f"{month:%B} {month.year}"


def is_comparable(figures: MonthFigures) -> bool:
    """Whether there was work that an API would have charged for, and a machine of one's own."""
    return not NOTHING_TO_COMPARE & set(figures.verdict.reasons)


def short_answer(figures: MonthFigures) -> str:
    """Give the verdict in a few words."""
    return answer_of(figures.verdict)


def answer_of(verdict: Verdict) -> str:
    """Give a verdict, also one workload's, in a few words."""
    if NOTHING_TO_COMPARE & set(verdict.reasons):
        return "Nothing to compare"
    return SHORT_ANSWERS[verdict.answer]


def title(figures: MonthFigures) -> str:
    """Return the report's title, also the subject of the mail that carries it."""
    answer = short_answer(figures)
    return f"Break-even report, {month_name(figures.month)}: {answer[0].lower()}{answer[1:]}"


def verdict(figures: MonthFigures) -> str:
    """Say in one sentence, for somebody who decides about money, whether running one's own model pays."""
    reasons = set(figures.verdict.reasons)
    if "no_usage" in reasons:
        return _no_usage(figures)
    if "no_gpu" in reasons:
        return _no_gpu(figures)
    if figures.verdict.answer == "cannot_be_said":
        return _not_known(figures)
    return _compare(figures)


def _compare(figures: MonthFigures) -> str:
    own, api = (at_least(figures.scenario(name)) for name in ("hybrid", "api_sync"))
    total, saving = figures.scenario("api_sync").total_nano, figures.verdict.saving_nano or 0
    later = figures.partial
    lead = f"At the pace of {name_covered_days(figures)}" if later else f"In {month_name(figures.month)}"
    costs, charges = _would("costs", later), _would("charges", later)
    if saving == 0:
        return (
            f"{lead}, running your own model {costs} exactly what the API {charges} for the same work: {own}."
        )
    amount = f"{_bound(figures.verdict)}{usd(abs(saving))}"
    if saving < 0:
        pays_not = f"{lead}, running your own model {_would('pays not', later)}"
        return f"{pays_not}: it {costs} {own}, {amount} more than the {api} that the API {charges} for the same work."
    share = f" ({percent(Fraction(saving, total))})" if total else ""
    return (
        f"{lead}, running your own model {_would('saves', later)} {amount}{share}: it {costs} {own}, and the API"
        f" {charges} {api} for the same work."
    )


def _bound(verdict: Verdict) -> str:
    """Say that a saving or loss is a bound, where what is not known can only move it one way."""
    saving, low, high = verdict.saving_nano, verdict.low_nano, verdict.high_nano
    if verdict.answer == "pays":
        return "" if high == saving else "at least "
    if low == saving:
        return "" if high == saving else "up to "
    return "at least " if high == saving else ""


def at_least(one: Scenario) -> str:
    """Render a total; where attempts are missing in it, as the lower bound it is."""
    bound = "at least " if one.missing and one.total_nano is not None else ""
    return f"{bound}{usd(one.total_nano)}"


_PAST_AND_FUTURE = {
    "costs": ("cost", "will cost"),
    "charges": ("would have charged", "would charge"),
    "pays not": ("did not pay", "will not pay"),
    "saves": ("saved", "will save"),
    "comes": ("came", "will come"),
}


def _would(verb: str, later: bool) -> str:
    return _PAST_AND_FUTURE[verb][int(later)]


def _no_usage(figures: MonthFigures) -> str:
    own = figures.scenario("hybrid").total_nano
    when = name_covered_days(figures) if figures.partial else month_name(figures.month)
    why = "that the API would have charged for"
    if any(not one.replaceable for one in figures.workloads):
        why = "that your own model is good enough for"
    nothing = f"Nothing was run in {when} {why}, so there is nothing to compare"
    if own is None:
        return f"{nothing}, and what your own machine cost is not known."
    return f"{nothing}; your own machine and its upkeep cost {usd(own)}." if own else f"{nothing}."


def _no_gpu(figures: MonthFigures) -> str:
    when = name_covered_days(figures) if figures.partial else month_name(figures.month)
    spent = figures.scenario("hybrid").total_nano
    return f"You had no machine of your own in {when}, so there is nothing to compare; the work cost {usd(spent)}."


def _not_known(figures: MonthFigures) -> str:
    whether = f"Whether running your own model paid in {month_name(figures.month)} cannot be said"
    why = join_words([text for reason in figures.verdict.reasons if (text := _reason(reason, figures))])
    return f"{whether}{f', because {why}' if why else ''}{_as_far_as_known(figures.verdict)}."


def _reason(reason: Reason, figures: MonthFigures) -> str:
    """Say why a verdict cannot be given; '' for a reason that is none for that."""
    hybrid, api = figures.scenario("hybrid"), figures.scenario("api_sync")
    missing = plural(api.missing, "attempt")
    own_missing = sum(note.count or 0 for note in figures.notes if note.code == "unknown_api_cost")
    texts: dict[Reason, Callable[[], str]] = {
        "unknown_counterfactual": lambda: f"the API's price of {missing} is not known",
        "upper_bounds": lambda: (
            f"{usd(hybrid.upper_bound_nano)} of what was paid to the API is only the most it can have been"
        ),
        "unknown_api_cost": lambda: (
            f"what {plural(own_missing, 'attempt')} really cost on the API is not known"
        ),
    }
    return texts[reason]() if reason in texts else ""


def _as_far_as_known(verdict: Verdict) -> str:
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


def name_covered_days(figures: MonthFigures) -> str:
    """Say which days the figures cover: `October 2026`, or `the first 12 of 31 days of October 2026`."""
    name = month_name(figures.month)
    if not figures.partial:
        return name
    first = "first day" if figures.days == 1 else f"first {figures.days}"
    return f"the {first} of {figures.days_in_month} days of {name}"


def since(figures: MonthFigures) -> str | None:
    """Say since when the verdict has been what it is; None where the month before is not known, or it has none."""
    answer = figures.verdict.answer
    if answer == "cannot_be_said" or not is_comparable(figures):
        return None
    pays = answer == "pays"
    streak = _find_streak(figures.history[:-1], pays=pays)
    if not figures.history[:-1] or _has_paid(figures.history[-2]) is None:
        return None
    if not streak:
        return f"The month before, it {'did not pay' if pays else 'paid'}."
    if len(streak) < len(figures.history) - 1:
        return f"It has {'paid in every' if pays else 'not paid in any'} month since {month_name(streak[-1].month)}."
    known = f"{len(streak) + 1} months that are known"
    return f"It has paid in all of the {known}." if pays else f"It has not paid in any of the {known}."


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
    return month.hybrid_nano < month.api_sync_nano


def against_batches(figures: MonthFigures) -> str | None:
    """Compare with the API's batch price, which is lower for who can wait; None where there is nothing to compare."""
    saving = figures.scenario("hybrid").saving_batch_nano
    known = figures.scenario("api_batch").missing == 0 and figures.scenario("hybrid").missing == 0
    if saving is None or not known or not figures.batch_discount or not is_comparable(figures):
        return None
    discount = f"{percent(figures.batch_discount)} off, for answers that may take a day"
    price = f"Against the API's batch price ({discount}), running your own model"
    if saving == 0:
        return f"{price} {_would('comes', figures.partial)} to the same."
    verb = _would("saves" if saving > 0 else "costs", figures.partial)
    return f"{price} {verb} {usd(abs(saving))}{'' if saving > 0 else ' more'}."
