"""One month to come, in every way of serving it, at the estimate and in the cases that its error leaves open.

A month to come is put into the same inputs as a month that was (`models.economics.month`), so that its costs and
its break-even are the same sums. On demand, the machine is started once a day, does the day's records of all
workloads one after the other, and is let go.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil

from models.economics.billing import MonthBill, bill_month
from models.economics.demand import Demand
from models.economics.gpu_run import GpuRun
from models.economics.month import LabourTerms, MonthInputs, ReferenceRate
from models.economics.pricing import half_up
from models.economics.scenarios import Period, sum_period
from models.economics.spot_basis import SpotBasis
from models.economics.ways import WAYS, OwnWay
from models.gpu_time import NS_PER_DAY, GpuTime, split_exactly
from models.months import days_in

ONE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Serving:
    """One kind of machine and what it costs. `load_ns`: one load of the model, once a day and machine.

    `references`: its rates, the best first; a way without one is not known. `batch_discount`: 0.5 is 50 %.
    `spot`: what interruptions of a spot machine are expected from; None: it has no rate as one.
    """

    kind: str
    load_ns: int
    references: tuple[ReferenceRate, ...]
    labour: tuple[LabourTerms, ...]
    batch_discount: Decimal
    spot: SpotBasis | None = None

    def hourly(self) -> ReferenceRate | None:
        """Return the rate on demand; None: not known."""
        of_mode = (one for one in self.references if one.mode == "on_demand")
        return next((one for one in of_mode if one.rate.nano_per_hour is not None), None)


@dataclass(frozen=True, slots=True)
class WayCost:
    """What one way costs in a month (None: not known), and the machines that it needs."""

    nano: int | None
    gpus: int = 0


def project_month(
    month: date, place: int, demands: Sequence[Demand], serving: Serving
) -> tuple[Period, MonthBill]:
    """Return the sums and the bill of the `place`-th month counted from 0, the own model serving all of it."""
    inputs = project_inputs(month, place, demands, serving)
    bill = bill_month(inputs, inputs.workloads)
    return sum_period(inputs, inputs.workloads, bill, bill.whole), bill


def cost_ways(
    period: Period, serving: Serving, *, waits: bool, lengths: Fraction = ONE, time: Fraction = ONE
) -> dict[str, WayCost]:
    """Return what every way costs in a month, by its name, as it is estimated or off by a factor.

    `waits`: whether any answer can wait for a batch. `lengths`: by what the API's tokens are multiplied, `time`: by what
    the machine's time is. Where the own model keeps a share, its time is that of the share: sessions on demand are
    shorter and load the model all the same, and fewer machines may be enough. The rest goes to the API untried.
    """
    api = {
        "api_sync": half_up(lengths * period.api_sync_nano),
        "api_batch": half_up(lengths * period.api_batch_nano) if waits else None,
    }
    costs = {}
    for way in WAYS:
        asked = 0 if way.api is None else api[way.api]
        own = WayCost(0) if way.own is None else _cost_own(period, serving, way.own, way.kept * time)
        known = None if asked is None or own.nano is None else own.nano + half_up((1 - way.kept) * asked)
        costs[way.name] = WayCost(known, own.gpus)
    return costs


def _cost_own(period: Period, serving: Serving, own: OwnWay, factor: Fraction) -> WayCost:
    """Return what a machine of one's own costs at so many times the time of the period, with people's time."""
    gpus = max(1, ceil(factor * period.load))
    if own == "reserved":
        whole = period.as_reserved_nano
        nano = None if whole is None else half_up(Fraction(whole * gpus, period.gpus))
    else:
        on_demand = None if serving.hourly() is None else period.as_on_demand
        sessions = period.as_spot if own == "spot" else on_demand
        nano = None if sessions is None else half_up(sessions.nano_at(factor))
    return WayCost(None if nano is None else nano + period.labour_nano, gpus)


def project_inputs(month: date, place: int, demands: Sequence[Demand], serving: Serving) -> MonthInputs:
    """Put a month to come, the `place`-th one counted from 0, into the inputs of a month's costs."""
    usages = [demand.usage(month, place) for demand in demands]
    times = [demand.time(month, place) for demand in demands]
    names = [usage.workload for usage in usages]
    return MonthInputs(
        month=month,
        days=days_in(month),
        workloads=tuple(usages),
        gpu_runs=tuple(_runs(month, names, times, serving)),
        terms=(),
        labour=serving.labour,
        batch_discount=serving.batch_discount,
        references=serving.references,
        spot=serving.spot,
    )


def _runs(month: date, names: Sequence[str], times: Sequence[GpuTime], serving: Serving) -> Iterator[GpuRun]:
    """Yield each day's runs, one after the other from midnight; the first one loads the model, on every machine."""
    rate = serving.hourly()
    days = days_in(month)
    even = [1] * days
    busy = [split_exactly(time.busy_ns, even) for time in times]
    idle = [split_exactly(time.idle_ns, even) for time in times]
    for day in range(days):
        held = sum(of[day] for of in (*busy, *idle))
        load = serving.load_ns * _machines(held, serving.load_ns)
        began = 0
        for place, name in enumerate(names):
            time = GpuTime(0 if place else load, busy[place][day], idle[place][day])
            yield GpuRun(
                name,
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
