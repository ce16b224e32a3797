"""Twelve months to come, in four ways: the API at once and in batches, a machine reserved and on demand.

A month to come is put into the same inputs as a month that was (`models.economics.month`), so that its costs and
its break-even are the same sums. On demand, the machine is started once a day, does the day's records of all
workloads one after the other, and is let go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import ceil
from typing import Literal

from models.economics.billing import bill_month
from models.economics.cost_over_volume import find_break_even, project_costs
from models.economics.demand import Demand
from models.economics.figures_outlook import ApiWay, BreakEven
from models.economics.month import GpuRun, LabourTerms, MonthInputs, ReferenceRate, Tokens, WorkloadUsage
from models.economics.quote import Estimate
from models.economics.scenarios import Period, compare_scenarios, sum_period
from models.gpu_time import NS_PER_DAY, GpuTime, split_exactly
from models.months import days_in, months_later

MONTHS = 12
Way = Literal["api_sync", "api_batch", "reserved", "on_demand"]
OwnWay = Literal["reserved", "on_demand"]
WAYS: tuple[Way, ...] = ("api_sync", "api_batch", "reserved", "on_demand")


@dataclass(frozen=True, slots=True)
class Serving:
    """One kind of machine and what it costs. `load_ns`: one load of the model, once a day and machine.

    `references`: its rates, the best first; a way without one is not known. `batch_discount`: 0.5 is 50 %.
    """

    kind: str
    load_ns: int
    references: tuple[ReferenceRate, ...]
    labour: tuple[LabourTerms, ...]
    batch_discount: Decimal

    def hourly(self) -> ReferenceRate | None:
        """Return the rate on demand; None: not known."""
        of_mode = (one for one in self.references if one.mode == "on_demand")
        return next((one for one in of_mode if one.rate.nano_per_hour is not None), None)


@dataclass(frozen=True, slots=True)
class WorkloadMonth:
    """What one workload asks in a month and what that costs on the API; `time`: of the local model."""

    name: str
    records: int
    tokens: Tokens
    api_sync_nano: int
    time: GpuTime


@dataclass(frozen=True, slots=True)
class ForecastMonth:
    """One month to come. Costs are whole: on a machine of one's own with people's time (`labour_nano`).

    `gpus`: machines that are needed, `load`: how many of them the records fill around the clock.
    `margin_nano`: half the 95 % interval of `api_sync_nano`, from the mean lengths alone; None: not known.
    """

    month: date
    workloads: tuple[WorkloadMonth, ...]
    api_sync_nano: int
    api_batch_nano: int
    reserved_nano: int | None
    on_demand_nano: int | None
    labour_nano: int
    gpus: int
    load: Fraction
    margin_nano: int | None

    @property
    def records(self) -> int:
        """Records of all workloads."""
        return sum(one.records for one in self.workloads)

    @property
    def tokens(self) -> Tokens:
        """Tokens of all workloads, as the API counts them."""
        return sum((one.tokens for one in self.workloads), Tokens())

    def nano(self, way: Way) -> int | None:
        """Return what one way costs; None where it is not known."""
        found: int | None = getattr(self, f"{way}_nano")
        return found


@dataclass(frozen=True)
class Forecast:
    """The months in order. `break_evens` are at the first month's mix: how a way of one's own meets a way of the API."""

    months: tuple[ForecastMonth, ...]
    break_evens: Mapping[tuple[OwnWay, ApiWay], BreakEven]
    setup_nano: int
    margin_nano: int | None

    @cached_property
    def totals(self) -> Mapping[Way, int | None]:
        """What each way costs over all months, without the set-up."""
        return {way: _sum([month.nano(way) for month in self.months]) for way in WAYS}

    @property
    def cheapest(self) -> Way:
        """The way that costs least over all months, the set-up of a machine of one's own in it; the API's if equal."""
        extra = {"reserved": self.setup_nano, "on_demand": self.setup_nano}
        known = {way: nano + extra.get(way, 0) for way, nano in self.totals.items() if nano is not None}
        return min(known, key=lambda way: known[way])

    def first_month(self, own: OwnWay, api: ApiWay) -> date | None:
        """Return the first month in which a machine of one's own costs less than the API; None: in no month."""
        return next((month.month for month, saved in self._savings(own, api) if saved > 0), None)

    def paid_back(self, own: OwnWay, api: ApiWay) -> date | None:
        """Return the month at whose end what was saved since the first one makes up for the set-up; None: no month."""
        savings = list(self._savings(own, api))
        for (month, _), total in zip(savings, accumulate(saved for _, saved in savings), strict=True):
            if total > 0 and total >= self.setup_nano:
                return month.month
        return None

    def _savings(self, own: OwnWay, api: ApiWay) -> Iterator[tuple[ForecastMonth, int]]:
        for month in self.months:
            cost, asked = month.nano(own), month.nano(api)
            if cost is not None and asked is not None:
                yield month, asked - cost


def forecast(start: date, demands: Sequence[Demand], serving: Serving, months: int = MONTHS) -> Forecast:
    """Project so many months from `start`, the first day of one.

    Raises `PriceUnknown` for a day without an API price, `ValueError` for no workload at all.
    """
    if not demands:
        msg = "nothing is asked"
        raise ValueError(msg)
    inputs = [project_inputs(months_later(start, place), place, demands, serving) for place in range(months)]
    bills = [bill_month(one, one.workloads) for one in inputs]
    periods = [
        sum_period(one, one.workloads, bill, bill.whole) for one, bill in zip(inputs, bills, strict=True)
    ]
    made = [
        _project_month(
            inputs[place],
            bills[place].times,
            period,
            _margin(demands, [(inputs[place].month, place)]),
            serving,
        )
        for place, period in enumerate(periods)
    ]
    return Forecast(
        tuple(made),
        _find_break_evens(periods[0], made[0], serving),
        bills[0].setup_nano,
        _margin(demands, [(month.month, place) for place, month in enumerate(made)]),
    )


def project_inputs(month: date, place: int, demands: Sequence[Demand], serving: Serving) -> MonthInputs:
    """Put a month to come, the `place`-th one counted from 0, into the inputs of a month's costs."""
    usages = [demand.usage(month, place) for demand in demands]
    times = [demand.time(month, place) for demand in demands]
    return MonthInputs(
        month=month,
        days=days_in(month),
        workloads=tuple(usages),
        gpu_runs=tuple(_runs(month, list(zip(usages, times, strict=True)), serving)),
        terms=(),
        labour=serving.labour,
        batch_discount=serving.batch_discount,
        references=serving.references,
    )


def _runs(month: date, work: Sequence[tuple[WorkloadUsage, GpuTime]], serving: Serving) -> Iterator[GpuRun]:
    """Yield each day's runs, one after the other from midnight; the first one loads the model, on every machine."""
    rate = serving.hourly()
    days = days_in(month)
    even = [1] * days
    busy = [split_exactly(time.busy_ns, even) for _, time in work]
    idle = [split_exactly(time.idle_ns, even) for _, time in work]
    for day in range(days):
        held = sum(of[day] for of in (*busy, *idle))
        load = serving.load_ns * _machines(held, serving.load_ns)
        began = 0
        for place, (usage, _) in enumerate(work):
            time = GpuTime(0 if place else load, busy[place][day], idle[place][day])
            yield GpuRun(
                usage.workload,
                serving.kind,
                datetime(month.year, month.month, day + 1, tzinfo=UTC)
                + timedelta(microseconds=began // 1000),
                time,
                (rate.rate.nano_per_hour or 0) if rate is not None else 0,
                billing_increment_seconds=1 if rate is None else rate.increment_seconds,
            )
            began += time.total_ns


def _machines(held_ns: int, load_ns: int) -> int:
    """Return how many machines a day's work takes, each of which loads the model first."""
    return max(1, -(-held_ns // max(1, NS_PER_DAY - load_ns)))


def _project_month(
    inputs: MonthInputs, times: Mapping[str, GpuTime], period: Period, margin: int | None, serving: Serving
) -> ForecastMonth:
    costs = {one.name: one.total_nano for one in compare_scenarios(period)}
    return ForecastMonth(
        month=inputs.month,
        workloads=tuple(_project_workload(usage, times[usage.workload]) for usage in inputs.workloads),
        api_sync_nano=period.api_sync_nano,
        api_batch_nano=period.api_batch_nano,
        reserved_nano=costs["reserved"],
        on_demand_nano=None if serving.hourly() is None else costs["on_demand"],
        labour_nano=period.labour_nano,
        gpus=period.gpus,
        load=period.load,
        margin_nano=margin,
    )


def _project_workload(usage: WorkloadUsage, time: GpuTime) -> WorkloadMonth:
    tokens = (Tokens(use.input_tokens, 0, use.output_tokens) for use in usage.counterfactual)
    return WorkloadMonth(usage.workload, usage.records, sum(tokens, Tokens()), usage.api_sync_nano, time)


def _margin(demands: Sequence[Demand], months: Sequence[tuple[date, int]]) -> int | None:
    """Return half the 95 % interval of what the API costs in all these months together.

    A workload's mean lengths are the same in every month, so its standard errors add up; workloads were counted
    independently, so their variances do.
    """
    total = Estimate(0)
    for demand in demands:
        if demand.lengths.spread is None:
            return None
        total += Estimate(0, ceil(demand.variance(months)))
    return total.margin


def _find_break_evens(
    period: Period, first: ForecastMonth, serving: Serving
) -> Mapping[tuple[OwnWay, ApiWay], BreakEven]:
    """Return where each way of one's own meets each way of the API, at the first month's mix and terms."""
    ways: tuple[OwnWay, ...] = ("reserved", "on_demand")
    apis: tuple[ApiWay, ...] = ("api_sync", "api_batch")
    known = {"reserved": True, "on_demand": serving.hourly() is not None}
    return {
        (own, api): find_break_even(
            own, project_costs(period, period.api_way_nano(api))[own] if known[own] else None, first.records
        )
        for own in ways
        for api in apis
    }


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
