"""The month's sums, and what each way of serving its replaceable workloads costs. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from models.economics import billing
from models.economics.billing import Charges, half_up
from models.economics.figures import Mode, Reason, Scenario, ScenarioName, Verdict
from models.economics.month import GpuRun, MonthInputs, WorkloadUsage
from models.months import days_in


@dataclass(frozen=True, slots=True)
class Period:
    """Sums over the replaceable workloads and the first `days` days of the month; nano-dollars.

    `reserved_nano` and `on_demand_nano`: the bill in force, by what does not depend on use and what does.
    `as_reserved_nano`, `as_on_demand_nano`: the bill in that mode, None without a rate. `gpus`: machines that
    it is for, `load`: how many of them busy and idle time fills around the clock. `pace`: by what usage was
    multiplied: 1, or from the days that are covered to the whole month.
    """

    days: int
    pace: Fraction
    mode: Mode
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

    @property
    def gpu_nano(self) -> int:
        """The bill in force."""
        return self.reserved_nano + self.on_demand_nano

    @property
    def hybrid_labour_nano(self) -> int:
        """Maintenance of the machines that there were; nobody maintains none."""
        return 0 if self.mode == "none" else self.labour_nano


def replaceable(usage: WorkloadUsage) -> bool:
    """Whether self-hosting can serve a workload: its evaluation did not say that it cannot."""
    return usage.viability != "not_viable"


def usages(inputs: MonthInputs) -> list[WorkloadUsage]:
    """Return the workloads' usage; empty ones for those that have nothing but GPU time."""
    known = {usage.workload for usage in inputs.workloads}
    others = dict.fromkeys(run.workload for run in inputs.gpu_runs if run.workload not in known)
    return [*inputs.workloads, *(WorkloadUsage(name) for name in others)]


def replaceable_records(inputs: MonthInputs, pace: Fraction) -> int:
    """Return the records of the replaceable workloads, at that pace."""
    return half_up(pace * sum(usage.records for usage in inputs.workloads if replaceable(usage)))


def to_date(inputs: MonthInputs) -> Period:
    """Sum up the days that are covered."""
    return _period(inputs, inputs.days)


def whole_month(inputs: MonthInputs) -> Period:
    """Sum up the month; one that is not over goes on at the same pace, at the terms that are known for it."""
    return _period(inputs, days_in(inputs.month))


def _period(inputs: MonthInputs, days: int) -> Period:
    pace = Fraction(days, inputs.days)
    own = [usage for usage in usages(inputs) if replaceable(usage)]
    runs = _runs_of(inputs, own)
    sync = pace * sum(usage.api_sync_nano for usage in own)
    hours, labour = billing.maintenance(inputs, days)
    last = billing.days_of(inputs, days)[-1]
    mode = _mode(inputs, days)
    fixed, varying = bill(inputs, days, runs)
    gpu = half_up(fixed + varying)
    load, paid = billing.gpus_needed(inputs, runs), billing.machines(inputs)
    gpus = max(paid, ceil(load))  # what needs two machines on demand would need two reserved ones
    reserved, on_demand = billing.bill_reserved(inputs, days), billing.bill_on_demand(inputs, runs)
    if sync and not any(run.time.total_ns for run in runs):
        on_demand = None  # there was work, but nothing says how long machines would have taken
    entered = inputs.bill_nano is not None
    return Period(
        days=days,
        pace=pace,
        mode=mode,
        api_sync_nano=half_up(sync),
        api_batch_nano=half_up(sync * (1 - Fraction(inputs.batch_discount))),
        api_nano=half_up(pace * sum(usage.api_nano for usage in own)),
        upper_bound_nano=half_up(pace * sum(usage.api_upper_bound_nano for usage in own)),
        unknown_counterfactual=sum(usage.unknown_counterfactual for usage in own),
        unknown_api_cost=sum(usage.unknown_api_cost for usage in own),
        reserved_nano=half_up(fixed),
        on_demand_nano=gpu - half_up(fixed),
        as_reserved_nano=gpu if entered and mode == "reserved" else _rounded(reserved, Fraction(gpus, paid)),
        as_on_demand_nano=gpu if entered and mode == "on_demand" else _rounded(on_demand, pace),
        labour_nano=half_up(labour),
        labour_hours=hours,
        engineer_nano_per_hour=billing.labour_on(inputs.labour, last).engineer_nano_per_hour,
        gpus=gpus,
        load=load,
    )


def bill(inputs: MonthInputs, days: int, runs: Iterable[GpuRun]) -> tuple[Fraction, Fraction]:
    """Return the bill in force over the first `days` days for these runs: reserved, and on demand.

    An entered bill wins over rates: its days' part, divided as the rates would have divided it among
    reserved machines and sessions; of sessions, the part of these runs. Where rates know of nothing, all of
    it counts as reserved.
    """
    charges = _charges(inputs, days, runs)
    if inputs.bill_nano is None:
        return charges.reserved, charges.on_demand
    entered = Fraction(inputs.bill_nano * days, days_in(inputs.month))
    by_rates = _charges(inputs, days, inputs.gpu_runs).nano
    if not by_rates:
        return entered, Fraction(0)
    return entered * charges.reserved / by_rates, entered * charges.on_demand / by_rates


def _charges(inputs: MonthInputs, days: int, runs: Iterable[GpuRun]) -> Charges:
    """Return what rates say of so many days; sessions of more days than are covered come at the same pace."""
    charges = billing.charges_in_force(inputs, days, list(runs))
    if days == inputs.days:
        return charges
    before, after = (_days_on_demand(inputs, count) for count in (inputs.days, days))
    pace = Fraction(after, before) if before else Fraction(days, inputs.days)
    return Charges(
        charges.reserved,
        charges.on_demand * pace,
        charges.reserved_ns,
        half_up(charges.on_demand_ns * pace),
        charges.sessions,
    )


def _days_on_demand(inputs: MonthInputs, days: int) -> int:
    """Count the days on which no machine is reserved."""
    return sum(
        all(terms.mode != "reserved" for terms in billing.terms_on(inputs.terms, day))
        for day in billing.days_of(inputs, days)
    )


def _mode(inputs: MonthInputs, days: int) -> Mode:
    held = {
        terms.mode for day in billing.days_of(inputs, days) for terms in billing.terms_on(inputs.terms, day)
    }
    if any(run.time.total_ns and billing.tariff_in_force(inputs, run) for run in inputs.gpu_runs):
        held.add("on_demand")
    if len(held) > 1:
        return "mixed"
    # a bill that nothing explains was not for use
    return held.pop() if held else "none" if inputs.bill_nano is None else "reserved"


def _runs_of(inputs: MonthInputs, workloads: Iterable[WorkloadUsage]) -> list[GpuRun]:
    names = {usage.workload for usage in workloads}
    return [run for run in inputs.gpu_runs if run.workload in names]


def _rounded(value: Fraction | None, pace: Fraction = Fraction(1)) -> int | None:
    return None if value is None else half_up(value * pace)


def scenarios(period: Period) -> tuple[Scenario, ...]:
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


def verdict(sync: Scenario, hybrid: Scenario, mode: Mode) -> Verdict:
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
