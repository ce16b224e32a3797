"""The month's sums, and what each way of serving its work costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from models.economics.billing import MonthBill, SpanBill
from models.economics.figures import Mode, Scenario
from models.economics.figures_outlook import ApiWay
from models.economics.figures_recommendation import ScenarioName
from models.economics.month import MonthInputs, WorkloadUsage
from models.economics.on_demand import OnDemandCost
from models.economics.past_month import PastMonth
from models.economics.pricing import half_up
from models.gpu_time import NS_PER_DAY, GpuTime

SUMMED: Mapping[str, str] = {
    "api_nano": "api_nano",
    "chosen_nano": "chosen_nano",
    "upper_bound_nano": "api_upper_bound_nano",
}
"""Sums of a period that are sums over its workloads, by the names that these have there."""
WayParts = tuple[ScenarioName, int, int | None, int, int, int]


@dataclass(frozen=True, slots=True)
class Outside:
    """Work that self-hosting cannot do well enough, and that is not routed: nano-dollars.

    `api_sync_nano` and `api_batch_nano`: what it costs on the API, at once and by its cheapest way, which stand in every
    way that serves the month's work. `paid_api_nano` and `paid_gpu_nano`: what was really paid for it. `unknown_*`
    as in `Period`.
    """

    api_sync_nano: int
    api_batch_nano: int
    paid_api_nano: int
    paid_gpu_nano: int
    upper_bound_nano: int
    unknown_counterfactual: int
    unknown_api_cost: int
    workloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """Sums over the replaceable workloads and the first days of the month; nano-dollars.

    `api_batch_nano`: in batches where an answer may take a day, else at once. `gain_sync_nano` and
    `gain_batch_nano`: the most that attempts which are still out would add to the two beyond what they can cost.
    `reserved_nano` and
    `on_demand`: the bill in force, by what does not depend on use and what does. `as_reserved_nano`,
    `as_on_demand`, `as_spot`: the bill in that mode, None without a rate. `gpus`: machines that it is for, `load`: how many
    of them busy and idle time fills around the clock (of a month that measured none, as the nearest before did).
    `pace`: by what usage was multiplied: 1, or from the days that are covered to the whole month.
    `utilization`: busy / billed time of all runs. `local`: records that the own model answered. `bound`:
    workloads whose records may not go to an API. `chosen_nano`: the part of `api_nano` that runs were asked to send.
    """

    pace: Fraction
    batch_discount: Fraction
    mode: Mode
    records: int
    local: int
    answered: int
    api_sync_nano: int
    api_batch_nano: int
    api_nano: int
    chosen_nano: int
    upper_bound_nano: int
    gain_sync_nano: int
    gain_batch_nano: int
    unknown_counterfactual: int
    unknown_api_cost: int
    reserved_nano: int
    on_demand: OnDemandCost
    as_reserved_nano: int | None
    as_on_demand: OnDemandCost | None
    labour_nano: int
    labour_hours: Fraction
    engineer_nano_per_hour: int
    gpus: int
    load: Fraction
    utilization: Fraction | None
    outside: Outside
    bound: tuple[str, ...]
    as_spot: OnDemandCost | None = None

    @property
    def gpu_nano(self) -> int:
        """The bill in force."""
        return half_up(self.reserved_nano + self.on_demand.nano_at())

    @property
    def on_demand_nano(self) -> int:
        """The part of the bill in force that depends on use."""
        return self.gpu_nano - self.reserved_nano

    @property
    def hybrid_labour_nano(self) -> int:
        """Maintenance of the machines that there were; nobody maintains none."""
        return 0 if self.mode == "none" else self.labour_nano

    @property
    def sent_nano(self) -> int:
        """What goes to the API in the ways of one's own: as it did; without a machine, not what was sent for lack of one."""
        return self.api_nano - (self.chosen_nano if self.mode == "none" else 0)

    def api_way_nano(self, way: ApiWay) -> int:
        """Return what a way of the API would have cost."""
        return self.api_sync_nano if way == "api_sync" else self.api_batch_nano

    @property
    def cheapest_api(self) -> ApiWay:
        """The API's cheapest way that meets the need: at once if batches are no cheaper."""
        return "api_batch" if self.api_batch_nano < self.api_sync_nano else "api_sync"


def batch_nano(inputs: MonthInputs, used: Sequence[WorkloadUsage]) -> Fraction:
    """Return what workloads cost on the API in batches, where their answers may take a day, else at once."""
    left = 1 - Fraction(inputs.batch_discount)
    return sum(
        (one.api_sync_nano * (left if one.batch_acceptable else Fraction(1)) for one in used), Fraction(0)
    )


def sum_period(inputs: MonthInputs, used: Sequence[WorkloadUsage], bill: MonthBill, span: SpanBill) -> Period:
    """Sum up the days of `span`; those that are not over go on at the same pace, at the terms that are known for them."""
    own = [usage for usage in used if usage.replaceable]
    time = sum((bill.times[usage.workload] for usage in own), GpuTime())
    pace = Fraction(span.days, inputs.days)
    records = half_up(pace * sum(usage.records for usage in own))
    load = Fraction(time.busy_ns + time.idle_ns, inputs.days * NS_PER_DAY)
    load = load or _find_load(inputs.earlier, records)
    gpus = max(bill.machines, ceil(load))  # what needs two machines on demand would need two reserved ones
    sync = pace * sum(usage.api_sync_nano for usage in own)
    measured = bool(time.total_ns) or not sync  # else nothing says how long machines would have taken
    as_reserved, as_on_demand, as_spot = _bill_in_each_mode(inputs, bill, span, gpus, measured=measured)
    return Period(
        pace=pace,
        batch_discount=Fraction(inputs.batch_discount),
        mode=span.mode,
        records=records,
        local=sum(usage.local for usage in own),
        answered=sum(usage.local + usage.api for usage in own),
        api_sync_nano=half_up(sync),
        api_batch_nano=half_up(pace * batch_nano(inputs, own)),
        **{name: half_up(pace * sum(getattr(usage, of) for usage in own)) for name, of in SUMMED.items()},
        gain_sync_nano=half_up(pace * _gain(own, Fraction(1))),
        gain_batch_nano=half_up(pace * _gain(own, 1 - Fraction(inputs.batch_discount))),
        unknown_counterfactual=sum(usage.unknown_counterfactual for usage in own),
        unknown_api_cost=sum(usage.unknown_api_cost for usage in own),
        reserved_nano=half_up(span.reserved),
        on_demand=span.on_demand,
        as_reserved_nano=as_reserved,
        as_on_demand=as_on_demand,
        labour_nano=half_up(span.labour),
        labour_hours=span.labour_hours,
        engineer_nano_per_hour=span.engineer_nano_per_hour,
        gpus=gpus,
        load=load,
        utilization=bill.gpu.utilization,
        outside=_sum_outside(inputs, used, span, pace),
        bound=tuple(usage.workload for usage in used if not usage.may_leave and usage.records),
        as_spot=as_spot,
    )


def _bill_in_each_mode(
    inputs: MonthInputs, bill: MonthBill, span: SpanBill, gpus: int, *, measured: bool
) -> tuple[int | None, OnDemandCost | None, OnDemandCost | None]:
    """Return the bill of `gpus` reserved machines, of sessions on demand and on spot; an entered bill is what its mode costs."""
    billed_in = None if inputs.bill_nano is None else span.mode
    reserved = None if span.as_reserved is None else span.as_reserved * Fraction(gpus, bill.machines)
    if billed_in == "reserved":
        reserved = span.reserved + span.on_demand.nano_at()
    supposed = {"on_demand": bill.as_on_demand, "spot": None if bill.as_spot is None else bill.as_spot.cost}
    on_demand, spot = (
        replace(span.on_demand, beside=span.reserved)
        if billed_in == mode
        else None
        if cost is None or not measured
        else cost.times(Fraction(span.days, inputs.days))
        for mode, cost in supposed.items()
    )
    return None if reserved is None else half_up(reserved), on_demand, spot


def _gain(used: Sequence[WorkloadUsage], price: Fraction) -> Fraction:
    """Return the most by which what the API would have charged for attempts that are still out exceeds their bound.

    `price`: of an answer that may take a day, as a share of that of one at once.
    """
    return sum(
        (
            max(Fraction(0), one.sync_nano * (price if usage.batch_acceptable else Fraction(1)) - one.nano)
            for usage in used
            for one in usage.pending
        ),
        Fraction(0),
    )


def _find_load(earlier: Sequence[PastMonth], records: int) -> Fraction:
    """Return how many machines so many records fill, as the nearest month that measured it did; 0: none did."""
    for month in reversed(earlier):
        if month.load and month.records:
            return month.load * records / month.records
    return Fraction(0)


def _sum_outside(
    inputs: MonthInputs, used: Sequence[WorkloadUsage], span: SpanBill, pace: Fraction
) -> Outside:
    others = [usage for usage in used if not usage.replaceable]
    kept = half_up(span.reserved + span.on_demand.nano_at())
    return Outside(
        api_sync_nano=half_up(pace * sum(usage.api_sync_nano for usage in others)),
        api_batch_nano=half_up(pace * batch_nano(inputs, others)),
        paid_api_nano=half_up(pace * sum(usage.api_nano for usage in others)),
        paid_gpu_nano=half_up(span.reserved + span.on_demand.nano_at() + span.other_sessions) - kept,
        upper_bound_nano=half_up(pace * sum(usage.api_upper_bound_nano for usage in others)),
        unknown_counterfactual=sum(usage.unknown_counterfactual for usage in others),
        unknown_api_cost=sum(usage.unknown_api_cost for usage in others),
        workloads=tuple(usage.workload for usage in others if usage.api_sync_nano or usage.records),
    )


def compare_scenarios(period: Period) -> tuple[Scenario, ...]:
    """Return what the work of a period costs in all ways, on spot where that is known; the last is what was really paid, all of it.

    In the ways of one's own, what the policy sent to the API goes there as it did, and what self-hosting cannot do
    well enough goes there by the API's cheapest way.
    """
    outside, own = period.outside, period.labour_nano
    lacking = period.unknown_counterfactual + outside.unknown_counterfactual
    sync = period.api_sync_nano + outside.api_sync_nano
    batch = period.api_batch_nano + outside.api_batch_nano
    sent = period.sent_nano + outside.api_batch_nano
    unknown, bounds = period.unknown_api_cost + outside.unknown_counterfactual, period.upper_bound_nano
    demanded, spot = (
        None if one is None else half_up(one.nano_at()) for one in (period.as_on_demand, period.as_spot)
    )
    paid = period.api_nano + outside.paid_api_nano
    ran = period.gpu_nano + outside.paid_gpu_nano
    paid_missing = period.unknown_api_cost + outside.unknown_api_cost
    costs: tuple[WayParts, ...] = (
        ("api_sync", sync, 0, 0, lacking, 0),
        ("api_batch", batch, 0, 0, lacking, 0),
        ("reserved", sent, period.as_reserved_nano, own, unknown, bounds),
        ("on_demand", sent, demanded, own, unknown, bounds),
        *((("spot", sent, spot, own, unknown, bounds),) if spot is not None else ()),
        ("hybrid", paid, ran, period.hybrid_labour_nano, paid_missing, bounds + outside.upper_bound_nano),
    )
    return tuple(_compare(period, sync, batch, *cost) for cost in costs)


def _compare(  # noqa: PLR0913, PLR0917  one for each figure of a way
    period: Period,
    sync: int,
    batch: int,
    name: ScenarioName,
    api: int,
    gpu: int | None,
    labour: int,
    missing: int,
    bound: int,
) -> Scenario:
    """Put a way's costs together, against the API at once (`sync`) and in batches."""
    total = None if gpu is None else api + gpu + labour
    return Scenario(
        name=name,
        api_nano=api,
        gpu_nano=gpu,
        labour_nano=labour,
        total_nano=total,
        missing=missing,
        upper_bound_nano=bound,
        saving_sync_nano=None if total is None else sync - total,
        saving_batch_nano=None if total is None else batch - total,
        feasible=total is not None and _is_feasible(name, period),
    )


def _is_feasible(name: ScenarioName, period: Period) -> bool:
    """Whether a way may and can do the work: an API no bound records, a small model nothing that it was found to fail at.

    Nobody knows how many reserved machines would do work that none was measured at.
    """
    if name in {"api_sync", "api_batch"}:
        return not period.bound
    if name == "hybrid":
        return not period.outside.workloads
    return name != "reserved" or bool(period.load) or not period.records
