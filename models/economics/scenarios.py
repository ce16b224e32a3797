"""The month's sums, and what each way of serving its replaceable workloads costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from models.economics.billing import MonthBill, SpanBill
from models.economics.figures import Mode, Reason, Scenario, ScenarioName, Verdict
from models.economics.month import MonthInputs, WorkloadUsage
from models.economics.pricing import half_up
from models.gpu_time import NS_PER_DAY, GpuTime


@dataclass(frozen=True, slots=True)
class Period:
    """Sums over the replaceable workloads, or one of them, and the first days of the month; nano-dollars.

    `reserved_nano` and `on_demand_nano`: the bill in force, by what does not depend on use and what does.
    `as_reserved_nano`, `as_on_demand_nano`: the bill in that mode, None without a rate. `gpus`: machines that
    it is for, `load`: how many of them busy and idle time fills around the clock. `pace`: by what usage was
    multiplied: 1, or from the days that are covered to the whole month. `utilization`: busy / billed time of all runs.
    `room`: the highest multiple of its volume that the machines serve; None: more machines come as needed.
    """

    pace: Fraction
    batch_discount: Fraction
    mode: Mode
    records: int
    api_sync_nano: int
    api_batch_nano: int
    api_nano: int
    upper_bound_nano: int
    unknown_counterfactual: int
    unknown_api_cost: int
    reserved_nano: int
    on_demand_nano: int
    as_reserved_nano: int | None
    as_on_demand_nano: int | None
    labour_nano: int
    labour_hours: Fraction
    engineer_nano_per_hour: int
    gpus: int
    load: Fraction
    utilization: Fraction | None
    room: Fraction | None = None

    @property
    def gpu_nano(self) -> int:
        """The bill in force."""
        return self.reserved_nano + self.on_demand_nano

    @property
    def hybrid_labour_nano(self) -> int:
        """Maintenance of the machines that there were; nobody maintains none."""
        return 0 if self.mode == "none" else self.labour_nano

    @property
    def pays(self) -> bool:
        """Whether self-hosting costs less, as far as it is known."""
        return self.api_sync_nano > self.api_nano + self.gpu_nano + self.labour_nano


def sum_period(inputs: MonthInputs, used: Sequence[WorkloadUsage], bill: MonthBill, span: SpanBill) -> Period:
    """Sum up the days of `span`; those that are not over go on at the same pace, at the terms that are known for them."""
    own = [usage for usage in used if usage.replaceable]
    time = sum((bill.times[usage.workload] for usage in own), GpuTime())
    pace = Fraction(span.days, inputs.days)
    sync = pace * sum(usage.api_sync_nano for usage in own)
    gpu = half_up(span.reserved + span.on_demand)
    load = Fraction(time.busy_ns + time.idle_ns, inputs.days * NS_PER_DAY)
    gpus = max(bill.machines, ceil(load))  # what needs two machines on demand would need two reserved ones
    measured = (
        time.total_ns or not sync
    )  # else there was work, but nothing says how long machines would have taken
    billed_in = None if inputs.bill_nano is None else span.mode  # an entered bill is what its mode costs
    return Period(
        pace=pace,
        batch_discount=Fraction(inputs.batch_discount),
        mode=span.mode,
        records=half_up(pace * sum(usage.records for usage in own)),
        api_sync_nano=half_up(sync),
        api_batch_nano=half_up(sync * (1 - Fraction(inputs.batch_discount))),
        api_nano=half_up(pace * sum(usage.api_nano for usage in own)),
        upper_bound_nano=half_up(pace * sum(usage.api_upper_bound_nano for usage in own)),
        unknown_counterfactual=sum(usage.unknown_counterfactual for usage in own),
        unknown_api_cost=sum(usage.unknown_api_cost for usage in own),
        reserved_nano=half_up(span.reserved),
        on_demand_nano=gpu - half_up(span.reserved),
        as_reserved_nano=gpu
        if billed_in == "reserved"
        else _round(span.as_reserved, Fraction(gpus, bill.machines)),
        as_on_demand_nano=gpu
        if billed_in == "on_demand"
        else _round(bill.as_on_demand if measured else None, pace),
        labour_nano=half_up(span.labour),
        labour_hours=span.labour_hours,
        engineer_nano_per_hour=span.engineer_nano_per_hour,
        gpus=gpus,
        load=load,
        utilization=bill.gpu.utilization,
    )


def _round(value: Fraction | None, pace: Fraction) -> int | None:
    return None if value is None else half_up(value * pace)


def compare_scenarios(period: Period) -> tuple[Scenario, ...]:
    """Return all five scenarios of a period."""
    lacking = period.unknown_counterfactual
    sync, batch = period.api_sync_nano, period.api_batch_nano

    def one(name: ScenarioName, api: int, gpu: int | None, labour: int, missing: int = 0) -> Scenario:
        total = None if gpu is None else api + gpu + labour
        return Scenario(
            name=name,
            api_nano=api,
            gpu_nano=gpu,
            labour_nano=labour,
            total_nano=total,
            missing=missing,
            upper_bound_nano=period.upper_bound_nano if name == "hybrid" else 0,
            saving_sync_nano=None if total is None else sync - total,
            saving_batch_nano=None if total is None else batch - total,
        )

    return (
        one("api_sync", sync, 0, 0, lacking),
        one("api_batch", batch, 0, 0, lacking),
        one("reserved", 0, period.as_reserved_nano, period.labour_nano),
        one("on_demand", 0, period.as_on_demand_nano, period.labour_nano),
        one("hybrid", period.api_nano, period.gpu_nano, period.hybrid_labour_nano, period.unknown_api_cost),
    )


def judge(sync: Scenario, hybrid: Scenario, mode: Mode) -> Verdict:
    """Say whether the hybrid costs less than the API at once, whatever it is that is not known.

    Unknown counterfactual costs could make the API dearer, unknown API costs the hybrid; upper bounds could
    have cost nothing.
    """
    saving = hybrid.saving_sync_nano
    if mode == "none" or saving is None:
        return Verdict("cannot_be_said", ("no_gpu",), saving, None, None)
    low = None if hybrid.missing else saving
    high = None if sync.missing else saving + hybrid.upper_bound_nano
    if low is not None and low > 0:
        return Verdict("pays", ("saves",), saving, low, high)
    if high is not None and high <= 0:
        reason: Reason = "no_usage" if not sync.total_nano else "costs_more" if high < 0 else "even"
        return Verdict("does_not_pay", (reason,), saving, low, high)
    doubts: list[tuple[Reason, int]] = [
        ("unknown_counterfactual", sync.missing),
        ("upper_bounds", hybrid.upper_bound_nano),
        ("unknown_api_cost", hybrid.missing),
    ]
    return Verdict("cannot_be_said", tuple(name for name, size in doubts if size), saving, low, high)
