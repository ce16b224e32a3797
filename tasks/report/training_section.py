"""The report's part on what was trained here: what it cost, what it served and saved since, and when it was paid back."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from fractions import Fraction

from models.economics.month import MonthInputs
from models.economics.training_payback import TrainedUse
from models.months import month_of
from tasks.documents.amounts import count, difference, percent, plural, unit_usd
from tasks.documents.page import Section, Table
from tasks.documents.plain_json import Json, list_members, plain_ratio

_EXPLAINED = (
    "Saved is what the records that it served would have cost on the next stage, by day, without what its own attempts cost: for a classifier the own"
    " model as it cost in the three months before, else the API; for an adapter what the workload's records cost before, own model and API together."
)
_COLUMNS = ("Workload", "Trained", "On", "Cost", "Right, held out", "Served", "Saved", "Paid back")
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
    return [describe_use(one) for one, own in days if inputs.month in {month_of(day) for day in own if day}]


def describe_use(one: TrainedUse) -> str:
    """Say in a sentence what training cost, whether it is paid back, and what it served and saved in the month."""
    trained = (
        f"{one.name} of {one.workload} was trained for {unit_usd(one.cost_nano)} on {_name(one.trained_on)}"
    )
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
