"""The report's part on what was trained here: what it cost, what it served and saved since, and when it was paid back."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from fractions import Fraction

from models.economics.month import MonthInputs
from models.economics.training_payback import TrainedUse
from models.economics.training_proposal import Outcome, Proposal
from models.months import month_of
from tasks.documents.amounts import count, difference, percent, plural, unit_usd
from tasks.documents.page import Section, Table
from tasks.documents.plain_json import Json, list_members, plain_ratio

_EXPLAINED = (
    "Saved is what the records that it served would have cost on the next stage, by day, without what its own attempts cost: for a classifier the own"
    " model as it cost in the three months before, else the API; for an adapter what the workload's records cost before, own model and API together."
)
_COLUMNS = ("Workload", "Trained", "On", "Cost", "Right, held out", "Served", "Saved", "Paid back")
_OUTCOMES: dict[Outcome, str] = {
    "better": "is better than what is in force by more than chance",
    "first": "is sure of a part of what is held out, where nothing is in force yet",
    "not_better": "is not better than what is in force by more than chance",
    "serves_less": "is better than what is in force, but sure of less",
    "never_sure": "is sure of nothing",
    "not_compared": "could not be held against what is in force",
}
_INSTEAD = {
    "vllm": "against the own model",
    "openai": "against the API",
    "as_before": "against what records cost before",
}


def make_training_section(inputs: MonthInputs) -> Section | None:
    """Return the section; None where nothing was trained in this month, and nothing that is trained served in it."""
    shown = [one for one in inputs.trained if _is_of(one, inputs.month)]
    if not shown:
        return None
    told = tuple(map(describe_use, shown))
    table = Table("What was trained, and what came of it", _COLUMNS, tuple(map(_row, shown)))
    return Section("training", "What was trained here", (*told, _EXPLAINED), tables=(table,))


def _is_of(one: TrainedUse, month: date) -> bool:
    return month_of(one.trained_on) == month or one.month_records > 0


def list_news(inputs: MonthInputs) -> list[str]:
    """Say of what was trained, or paid back, in this month; for the top of the report and the mail."""
    days = ((one, (one.trained_on, one.paid_back)) for one in inputs.trained)
    news = [describe_use(one) for one, own in days if inputs.month in {month_of(day) for day in own if day}]
    return [*news, *map(describe_proposal, inputs.proposals)]


def describe_proposal(one: Proposal) -> str:
    """Say in a sentence what a monthly training came to, what it would change, and how to take it or to go back."""
    plain = one.kind == "adapter" and one.against is None
    came = f"{one.name} was trained anew for {one.workload} and {_OUTCOMES[one.outcome]}"
    if plain:
        came = came.replace("what is in force", "the plain model")
    if plain or one.against is not None:
        other = "the plain model, which answers now," if plain else f"{one.against}, which is in force,"
        came += f" (of {plural(one.of, 'held-out text')} it alone is right on {one.only_new:,}, {other} alone on {one.only_old:,})"
    if one.in_force:
        return f"{came}; it is in force, and `breakeven trained retire {one.workload} {one.name}` goes back."
    if one.outcome in {"better", "first"}:
        return f"{came}; `breakeven trained use {one.workload} {one.name}` puts it in force."
    return f"{came}; nothing changes."


def describe_use(one: TrainedUse) -> str:
    """Say in a sentence what training cost, whether it is paid back, and what it served and saved in the month."""
    trained = (
        f"{one.name} of {one.workload} was trained for {unit_usd(one.cost_nano)} on {_name(one.trained_on)}"
    )
    if one.kind == "triage":
        return f"{trained}; it serves no record itself: what it saves, an evaluation's cascade says."
    if one.instead is None:
        return f"{trained}; it has served nothing yet."
    month = f"in this month it served {plural(one.month_records, 'record')} and saved {difference(one.month_saved_nano)}"
    against = _INSTEAD[one.instead]
    if one.paid_back is not None:
        return f"{trained}; paid back on {_name(one.paid_back)}; {month}, {against}."
    return f"{trained}; not paid back yet; {month}, {against}."


def _name(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _row(one: TrainedUse) -> tuple[str, ...]:
    return (
        one.workload,
        one.name,
        f"{one.trained_on:%Y-%m-%d}",
        unit_usd(one.cost_nano),
        " ".join(_accuracy(one)),
        count(one.records),
        "" if one.instead is None else difference(one.saved_nano),
        "" if one.paid_back is None else f"{one.paid_back:%Y-%m-%d}",
    )


def _accuracy(one: TrainedUse) -> Iterable[str]:
    if one.accuracy is not None:
        yield percent(Fraction(one.accuracy))
    if one.accuracy_low is not None and one.accuracy_high is not None:
        yield f"({percent(Fraction(one.accuracy_low))} to {percent(Fraction(one.accuracy_high))})"


def training_to_json(inputs: MonthInputs) -> list[Json]:
    """Return what was trained for programs, money in dollars."""
    return [_members(one) for one in inputs.trained]


def _members(one: TrainedUse) -> Json:
    shares = {"accuracy": one.accuracy, "accuracy_low": one.accuracy_low, "accuracy_high": one.accuracy_high}
    rest = dict(list_members(replace(one, accuracy=None, accuracy_low=None, accuracy_high=None)))
    return {
        **rest,
        **{name: None if it is None else plain_ratio(Fraction(it)) for name, it in shares.items()},
    }
