"""Levers applied to a month's inputs, and its figures computed anew: the verdict flips there and not before."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from models.economics.break_even import month_figures
from models.economics.figures_outlook import Lever, LeverName
from models.economics.gpu_run import GpuRun
from models.economics.month import MonthInputs, Rate, WorkloadUsage
from models.gpu_time import GpuTime
from tests.month_inputs import inputs, labour, on_demand, reserved, run, usage, usd

MARGIN = Fraction(1, 100)
LABOUR = (labour(200, 1),)
"""Many cheap hours, so that minutes are fine enough."""


def _times(nano: int, factor: Fraction) -> int:
    return round(nano * factor)


def _usage(own: WorkloadUsage, factor: Fraction) -> WorkloadUsage:
    uses = tuple(replace(use, nano=_times(use.nano, factor)) for use in own.counterfactual)
    return replace(own, counterfactual=uses, api_nano=_times(own.api_nano, factor))


def _price(month: MonthInputs, factor: Fraction) -> MonthInputs:
    return replace(month, workloads=tuple(_usage(own, factor) for own in month.workloads))


def _longer(one: GpuRun, factor: Fraction) -> GpuRun:
    """Stretch what a run did inside its session; the model is loaded once all the same."""
    parts = (one.time.busy_ns, one.time.idle_ns)
    return replace(one, time=GpuTime(one.time.load_ns, *(_times(part, factor) for part in parts)))


def _volume(month: MonthInputs, factor: Fraction) -> MonthInputs:
    return replace(_price(month, factor), gpu_runs=tuple(_longer(one, factor) for one in month.gpu_runs))


def _utilization(month: MonthInputs, factor: Fraction) -> MonthInputs:
    if month.terms[0].mode == "reserved":
        return _volume(month, factor)
    held = [(one, one.time.busy_ns, _times(one.time.total_ns, 1 / factor)) for one in month.gpu_runs]
    runs = tuple(replace(one, time=GpuTime(total - busy, busy, 0)) for one, busy, total in held)
    return replace(month, gpu_runs=runs)


def _gpu_rate(month: MonthInputs, factor: Fraction) -> MonthInputs:
    def times(rate: Rate) -> Rate:
        if rate.nano_per_month is not None:
            return Rate(nano_per_month=_times(rate.nano_per_month, factor))
        return Rate(nano_per_hour=_times(rate.nano_per_hour or 0, factor))

    return replace(month, terms=tuple(replace(terms, rate=times(terms.rate)) for terms in month.terms))


def _hours(month: MonthInputs, factor: Fraction) -> MonthInputs:
    def minutes(count: int) -> int:
        return _times(count, factor)

    return replace(
        month,
        labour=tuple(
            replace(one, maintenance_minutes=minutes(one.maintenance_minutes)) for one in month.labour
        ),
    )


APPLY: dict[LeverName, Callable[[MonthInputs, Fraction], MonthInputs]] = {
    "price": _price,
    "volume": _volume,
    "utilization": _utilization,
    "gpu_rate": _gpu_rate,
    "hours": _hours,
}
RUNS = (run(3, hours=20, load=10, idle=2), run(10, hours=20, load=10, idle=2))
ON_DEMAND = {"gpu_runs": RUNS, "terms": (on_demand("4.00"),), "labour": LABOUR}
RESERVED = {"gpu_runs": RUNS, "terms": (reserved("250"),), "labour": LABOUR}
MONTHS = {
    "reserved, does not pay": inputs(usage(sync=445, api=20), **RESERVED),
    "reserved, pays": inputs(usage(sync=500, api=20), **RESERVED),
    "on demand, does not pay": inputs(usage(sync=465, api=10), **ON_DEMAND),
    "on demand, pays": inputs(usage(sync=500, api=10), **ON_DEMAND),
}


def levers(month: MonthInputs) -> dict[LeverName, Lever]:
    """Return the levers of a month by name."""
    return {lever.name: lever for lever in month_figures(month).at_once.levers}


@pytest.mark.parametrize("name", APPLY)
@pytest.mark.parametrize("month", MONTHS.values(), ids=MONTHS)
def test_a_lever_that_is_applied_flips_the_verdict(month: MonthInputs, name: LeverName) -> None:
    """A hundredth of the way beyond the threshold it has flipped, a hundredth before it has not."""
    lever, before = levers(month)[name], month_figures(month).at_once.verdict.answer
    assert lever.change is not None
    for part, flips in ((1 + MARGIN, True), (1 - MARGIN, False)):
        after = month_figures(APPLY[name](month, 1 + lever.change * part)).at_once.verdict.answer
        assert (after != before) is flips


def test_today_is_what_the_levers_start_from() -> None:
    """A lever that is not moved changes nothing."""
    for month in MONTHS.values():
        for apply in APPLY.values():
            assert month_figures(apply(month, Fraction(1))).scenarios == month_figures(month).scenarios
    assert month_figures(MONTHS["reserved, pays"]).at_once.verdict.saving_nano == usd(30)
