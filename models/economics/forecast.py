"""Twelve months to come, in every way of serving them: what each costs, where they meet, and when it pays back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import ceil

from models.economics.demand import Demand, SpeedCase
from models.economics.figures_outlook import ApiWay
from models.economics.month import Tokens, WorkloadUsage
from models.economics.projection import Serving, WayCost, cost_ways, project_month
from models.economics.quote import Estimate
from models.economics.scenarios import Period
from models.economics.ways import WAYS, OwnWay, ServingWay
from models.gpu_time import GpuTime
from models.months import months_later

MONTHS = 12


@dataclass(frozen=True, slots=True)
class ErrorCase:
    """What could be: requests longer or shorter by a factor, and a machine that is as fast or as slow as it can be."""

    lengths: Fraction = Fraction(1)
    speed: SpeedCase = "estimated"


ESTIMATE = ErrorCase()


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

    `costs`: of every way, by its name. `gpus`: machines that are needed, `load`: how many
    of them the records fill around the clock. `margin_nano`: half the 95 % interval of the API at once, from the
    mean lengths alone; None: not known. `period`: the sums behind it. `prices`: since when each price that a workload
    meets in it holds.
    """

    month: date
    workloads: tuple[WorkloadMonth, ...]
    costs: Mapping[str, WayCost]
    labour_nano: int
    gpus: int
    load: Fraction
    margin_nano: int | None
    period: Period
    prices: tuple[tuple[date, ...], ...]

    @property
    def records(self) -> int:
        """Records of all workloads."""
        return sum(one.records for one in self.workloads)

    @property
    def tokens(self) -> Tokens:
        """Tokens of all workloads, as the API counts them."""
        return sum((one.tokens for one in self.workloads), Tokens())

    @property
    def api_sync_nano(self) -> int:
        """What the API costs at once."""
        return sum(one.api_sync_nano for one in self.workloads)

    def nano(self, way: str) -> int | None:
        """Return what one way costs; None where it is not known."""
        return self.costs[way].nano

    def stretched(self, factors: Sequence[Fraction]) -> Fraction:
        """Return by what the time of all workloads is multiplied where that of each is."""
        times = [one.time.busy_ns + one.time.idle_ns for one in self.workloads]
        every = sum(times)
        if not every:
            return Fraction(1)
        return sum((time * factor for time, factor in zip(times, factors, strict=True)), Fraction(0)) / every


@dataclass(frozen=True)
class Forecast:
    """The months in order, and what they were made from. `setup_nano`: once, for a machine of one's own."""

    months: tuple[ForecastMonth, ...]
    setup_nano: int
    margin_nano: int | None
    demands: tuple[Demand, ...]
    serving: Serving

    @cached_property
    def totals(self) -> Mapping[str, int | None]:
        """What each way costs over all months, without the set-up."""
        return {way.name: _sum([month.nano(way.name) for month in self.months]) for way in WAYS}

    @cached_property
    def possible(self) -> Mapping[ServingWay, int]:
        """What each way that is possible and known costs over all months, the set-up of a machine in it."""
        return self.possible_in(ESTIMATE)

    def possible_in(self, case: ErrorCase) -> Mapping[ServingWay, int]:
        """Return the same in a case that the error leaves open. Records that may not leave go to no API."""
        bound = not all(demand.may_leave for demand in self.demands)
        months = [self._costs_in(case, month) for month in self.months]
        sums = {
            way: _sum([costs[way.name].nano for costs in months])
            for way in WAYS
            if way.api is None or not bound
        }
        return {
            way: nano + (0 if way.own is None else self.setup_nano)
            for way, nano in sums.items()
            if nano is not None
        }

    def time_factor(self, case: ErrorCase, month: ForecastMonth) -> Fraction:
        """Return by what a month's GPU time is multiplied in a case."""
        return case.lengths * month.stretched([demand.time_factor(case.speed) for demand in self.demands])

    def _costs_in(self, case: ErrorCase, month: ForecastMonth) -> Mapping[str, WayCost]:
        if case == ESTIMATE:
            return month.costs
        time = self.time_factor(case, month)
        return cost_ways(
            month.period, self.serving, waits=_can_wait(self.demands), lengths=case.lengths, time=time
        )

    @property
    def cheapest(self) -> ServingWay:
        """The way that costs least over all months, the set-up of a machine of one's own in it; the API's if equal."""
        return min(self.possible, key=lambda way: self.possible[way])

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
    dates = [months_later(start, place) for place in range(months)]
    made = [_project(month, place, demands, serving) for place, month in enumerate(dates)]
    return Forecast(
        tuple(month for month, _ in made),
        made[0][1],
        measure_margin(demands, list(zip(dates, range(months), strict=True))),
        tuple(demands),
        serving,
    )


def _project(
    month: date, place: int, demands: Sequence[Demand], serving: Serving
) -> tuple[ForecastMonth, int]:
    """Return a month, and what the set-up costs."""
    period, bill = project_month(month, place, demands, serving)
    usages = [demand.usage(month, place) for demand in demands]
    made = ForecastMonth(
        month=month,
        workloads=tuple(_project_workload(usage, bill.times[usage.workload]) for usage in usages),
        costs=cost_ways(period, serving, waits=_can_wait(demands)),
        labour_nano=period.labour_nano,
        gpus=period.gpus,
        load=period.load,
        margin_nano=measure_margin(demands, [(month, place)]),
        period=period,
        prices=tuple(tuple(use.effective_from for use in usage.counterfactual) for usage in usages),
    )
    return made, bill.setup_nano


def _can_wait(demands: Sequence[Demand]) -> bool:
    return any(demand.batches for demand in demands)


def _project_workload(usage: WorkloadUsage, time: GpuTime) -> WorkloadMonth:
    tokens = (Tokens(use.input_tokens, 0, use.output_tokens) for use in usage.counterfactual)
    return WorkloadMonth(usage.workload, usage.records, sum(tokens, Tokens()), usage.api_sync_nano, time)


def measure_margin(demands: Sequence[Demand], months: Sequence[tuple[date, int]]) -> int | None:
    """Return half the 95 % interval of what the API costs in all these months together; None: not known.

    A workload's mean lengths are the same in every month, so its standard errors add up; workloads were counted
    independently, so their variances do.
    """
    total = Estimate(0)
    for demand in demands:
        if demand.lengths.spread is None:
            return None
        total += Estimate(0, ceil(demand.variance(months)))
    return total.margin


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
