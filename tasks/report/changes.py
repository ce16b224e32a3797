"""What differs between two versions of a month's report, in words."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeVar

from models.economics.figures import MonthFigures, WorkloadFigures
from models.months import days_in
from tasks.documents.amounts import count, hours, percent, plural, rate, usd
from tasks.report.advice import DO
from tasks.report.sentences import API_WAYS, SCENARIOS, SHORT_ANSWERS

MOST = 40
"""Changes that are listed; a month that changed more than that is another month."""
NO_FIGURE = "The inputs changed, but no figure that the report shows."
ANOTHER_PROGRAM = "Another version of the program computed it, from which the older figures cannot be read."

_Value = TypeVar("_Value")
Shown = dict[str, tuple[Any, Callable[[Any], str]]]
"""A figure by its name: the value, and how it is written."""


def list_changes(before: MonthFigures, now: MonthFigures) -> tuple[str, ...]:
    """List the figures that differ, the most important first: `Records: 1,200 before, 1,310 now`."""
    found = [*_differences(_month(before), _month(now)), *_workloads(before, now), *_notes(before, now)]
    if not found:
        return (NO_FIGURE,)
    left = len(found) - MOST
    return (*found[:MOST], *([f"And {plural(left, 'more change')}."] if left > 0 else []))


def _month(figures: MonthFigures) -> Shown:
    shown: Shown = {}
    _put(shown, "Advice", figures.recommendation.action, lambda action: DO[action].lower())
    _put(shown, "Verdict", figures.verdict.answer, lambda answer: SHORT_ANSWERS[answer].lower())
    _put(shown, "Days covered", figures.days, lambda days: f"{days} of {days_in(figures.month)}")
    for scenario in figures.scenarios:
        _put(shown, f"Cost, {_lower(SCENARIOS[scenario.name])}", scenario.total_nano, usd)
    for outlook in (figures.alternative, figures.at_once):
        _put(shown, f"Saving against {API_WAYS[outlook.against]}", outlook.verdict.saving_nano, usd)
        for break_even in outlook.break_evens:
            name = f"{_lower(SCENARIOS[break_even.name])}, against {API_WAYS[outlook.against]}"
            _put(shown, f"Break-even spend, {name}", break_even.spend_nano, usd)
    _put(shown, "Set-up", figures.alternative.payback.setup_nano, usd)
    _put(shown, "GPU bill", figures.gpu.nano, usd)
    _put(shown, "GPU time billed", figures.gpu.billed_ns, hours)
    _put(shown, "Utilization", figures.gpu.utilization, percent)
    _put(shown, "Price of batches", 1 - Fraction(figures.batch_discount), percent)
    _put(shown, "Unknown API prices, in attempts", figures.scenario("api_sync").missing, count)
    _put(shown, "Only an upper bound", figures.scenario("hybrid").upper_bound_nano, usd)
    return shown


def _workloads(before: MonthFigures, now: MonthFigures) -> Iterator[str]:
    old, new = ({one.workload: one for one in figures.workloads} for figures in (before, now))
    for name, workload in new.items():
        if name in old:
            yield from _differences(_workload(old[name]), _workload(workload))
        else:
            records, cost = plural(workload.records, "record"), usd(workload.total_nano)
            yield f"{name} is new: {records}, {cost} as it really ran"
    yield from (f"{name} is gone" for name in old if name not in new)


def _workload(workload: WorkloadFigures) -> Shown:
    shown: Shown = {}
    name = workload.workload
    _put(shown, f"{name}, records", workload.records, count)
    _put(shown, f"{name}, tokens of the local engine", workload.local_tokens.total, count)
    _put(shown, f"{name}, tokens of the API", workload.api_tokens.total, count)
    _put(shown, f"{name}, cost on the API at once", workload.api_sync_nano, usd)
    _put(shown, f"{name}, cost as it really ran", workload.total_nano, usd)
    return shown


def _put(shown: Shown, name: str, value: _Value, write: Callable[[_Value], str]) -> None:
    shown[name] = (value, write)


def _lower(text: str) -> str:
    return text if text.startswith("API") else f"{text[0].lower()}{text[1:]}"


def _differences(old: Shown, new: Shown) -> Iterator[str]:
    for name, (now, write) in new.items():
        before = old.get(name, (None, write))[0]
        if before == now:
            continue
        was, is_ = write(before), write(now)
        if was == is_ and write is usd and isinstance(before, int) and isinstance(now, int):
            was, is_ = rate(before), rate(now)  # in all digits: to the cent they are the same
        yield f"{name}: {was} before, {is_} now"


def _notes(before: MonthFigures, now: MonthFigures) -> list[str]:
    """Name the kinds of data notes that came or went."""
    old, new = {note.code for note in before.notes}, {note.code for note in now.notes}
    came = [f"A data note came: {code.replace('_', ' ')}" for code in sorted(new - old)]
    return came + [f"A data note went: {code.replace('_', ' ')}" for code in sorted(old - new)]
