"""The figures of one month: what each way of serving it costs, and what would change the verdict.

Made from `models.economics.month.MonthInputs` by `models.economics.break_even.month_figures`. Money is integer
nano-dollars, rounded half up once; ratios are exact `Fraction`s; durations are nanoseconds; None is unknown
or does not exist, never 0. How each is computed: docs/break_even.md.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from models.economics.month import PastMonth, PriceUse, Tokens, Viability
from models.gpu_time import GpuTime

ScenarioName = Literal["api_sync", "api_batch", "reserved", "on_demand", "hybrid"]
SelfHosted = Literal["reserved", "on_demand", "hybrid"]
Mode = Literal["reserved", "on_demand", "mixed", "none"]
"""How the machines were billed: in one mode, in both (on different days), or there were none in the month."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the month's replaceable workloads cost in one way of serving them.

    `total_nano` = `api_nano` + `gpu_nano` + `labour_nano`; it and `gpu_nano` are None without a rate or measured time.
    `missing`: attempts whose cost is not known and not in it, so the total is a lower bound; 0: none.
    `upper_bound_nano`: the part of `api_nano` that is only an upper bound (pending, unknown outcome).
    Savings are the API's total less this one's, negative where this costs more.
    """

    name: ScenarioName
    api_nano: int
    gpu_nano: int | None
    labour_nano: int
    total_nano: int | None
    missing: int
    upper_bound_nano: int
    saving_sync_nano: int | None
    saving_batch_nano: int | None


Answer = Literal["pays", "does_not_pay", "cannot_be_said"]
Reason = Literal[
    "saves",
    "costs_more",
    "even",
    "no_usage",
    "no_gpu",
    "not_viable",
    "unknown_counterfactual",
    "upper_bounds",
    "unknown_api_cost",
]
"""Why. `even`: the saving is 0. `no_usage`: nothing was run that an API would have charged for. `no_gpu`: there
was no machine in the month. `not_viable`: of one workload, which self-hosting cannot replace. The last
three: what is not known could turn the answer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the hybrid as it really ran costs less than the API at once.

    `saving_nano`: by how much, as far as it is known (negative: it costs more; None: it is in no scenario).
    `low_nano`, `high_nano`: if all that is unknown goes against self-hosting, or for it; None: without a bound.
    """

    answer: Answer
    reasons: tuple[Reason, ...]
    saving_nano: int | None
    low_nano: int | None
    high_nano: int | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A multiple of this month's volume at which a scenario starts to pay, or stops to.

    `pays_above`: it pays just above `factor`. `gpus`: needed just above. A stop is where another GPU is needed.
    """

    factor: Fraction
    pays_above: bool
    gpus: int


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where one self-hosted scenario meets the API at once.

    `fixed_nano`: its monthly cost that does not grow with volume (reserved bill + maintenance), None where a
    rate is not known. `spend_nano`: the API spend a month above which it wins. `factor` and `records`: the
    same as a multiple of this month's volume, and in records; `gpus`: needed there. None where no volume
    pays, or nothing was run that tells. `crossings`: all of them in order (the first `MOST_CROSSINGS`);
    from `for_good` on it pays at every volume.
    """

    name: SelfHosted
    fixed_nano: int | None
    spend_nano: int | None
    factor: Fraction | None
    records: int | None
    gpus: int | None
    crossings: tuple[Crossing, ...]
    for_good: Fraction | None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a multiple of this month's volume costs a month; self-hosted costs are None without a rate.

    Where another GPU is needed there are two points with the same factor: before and after the step.
    """

    factor: Fraction
    records: int
    gpus: int
    api_sync_nano: int
    api_batch_nano: int
    reserved_nano: int | None
    on_demand_nano: int | None
    hybrid_nano: int | None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machines can serve, as measured from this month's busy and idle time.

    `gpus`: machines by the terms (at least 1). `records_per_gpu`: records that one serves in a month
    at most, and `factor_per_gpu` the same as a multiple of this month's volume; None: nothing was measured.
    `gpus_needed`: for this month's volume.
    """

    gpus: int
    gpus_needed: int
    records_per_gpu: int | None
    factor_per_gpu: Fraction | None


@dataclass(frozen=True, slots=True)
class GpuBill:
    """GPU time against the bill, of the days that are covered: load + busy + idle + unused = billed.

    `nano`: the bill in force, by rates or as entered (`entered`). `unused_ns` is negative where runs held more
    GPU time than was billed, which a note names. `utilization` = busy / billed, None where nothing was billed.
    `sessions`: of those billed on demand.
    """

    time: GpuTime
    unused_ns: int
    billed_ns: int
    nano: int
    entered: bool
    sessions: int
    utilization: Fraction | None


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """Nano-dollars for 1,000 records and for a million tokens (input + output) of the local engine.

    Marginal: its busy time at the effective hourly rate (bill / billed time). Loaded: the whole bill and
    maintenance. API: the same records and tokens on the API at once, by the API's own token counts.
    None where there are no records or tokens, or a rate is not known.
    """

    marginal_per_1000_records: int | None
    marginal_per_mtok: int | None
    loaded_per_1000_records: int | None
    loaded_per_mtok: int | None
    api_per_1000_records: int | None
    api_per_mtok: int | None


LeverName = Literal["price", "volume", "utilization", "gpu_rate", "hours"]


@dataclass(frozen=True, slots=True)
class Lever:
    """By how much one thing, all else as it is, must change so that the verdict flips.

    Units: `price` (of the API), `volume` and `gpu_rate` are multiples of this month's; `utilization` is the busy
    share of billed time; `hours` are maintenance hours a month. `threshold` is where it flips: at it if
    `at_threshold`, else just beyond it. None: no change of this alone flips it, or none is possible.
    """

    name: LeverName
    current: Fraction | None
    threshold: Fraction | None
    at_threshold: bool

    @property
    def change(self) -> Fraction | None:
        """Relative change to the threshold: 1/5 is 20 % more. None without one, or from nothing."""
        if self.threshold is None or not self.current:
            return None
        return self.threshold / self.current - 1


TrendState = Literal[
    "crosses", "already_pays", "too_few_months", "not_growing", "never_pays", "beyond_horizon", "no_gpu"
]


@dataclass(frozen=True, slots=True)
class Trend:
    """When volume will be enough, if it goes on growing by the same number of records each month.

    `months`: how many the straight line is fitted to, this one included. `records_per_month`: its slope, None
    for too few months. `crossing`: first day of the first month in which the hybrid pays; only for `crosses`.
    `never_pays`: at no volume. `beyond_horizon`: not within ten years. `no_gpu`: nothing was self-hosted.
    """

    state: TrendState
    months: int
    records_per_month: Fraction | None
    crossing: date | None


@dataclass(frozen=True, slots=True)
class Payback:
    """The one-time set-up, and after how many months the saving has paid it back (None: never)."""

    setup_nano: int
    months: Fraction | None


@dataclass(frozen=True, slots=True)
class WorkloadFigures:
    """One workload's part, whole month. The parts of all sum to the scenarios' totals, to the nano-dollar.

    `replaceable`: not evaluated as not viable; others are in no scenario, and their shares are 0.
    `gpu_nano` and `labour_nano`: its share of the bill in force and of maintenance, by busy time.
    `total_nano` = `api_nano` + `gpu_nano` + `labour_nano`: its part of the hybrid, and `saving_nano` against the
    API at once. Counts, tokens, time and unit costs are of the days that are covered, the rest of the whole
    month. `missing`: attempts whose cost on the API is not known. `break_even`: of its part of the hybrid
    alone, within the machines that are there. `quarantined_answered` of the quarantined records an engine had
    answered, and their attempts cost `quarantined_nano`.
    """

    workload: str
    viability: Viability | None
    replaceable: bool
    runs: int
    records: int
    local: int
    api: int
    reused: int
    escalated: int
    quarantined: int
    local_tokens: Tokens
    api_tokens: Tokens
    counterfactual_tokens: Tokens
    time: GpuTime
    api_sync_nano: int
    api_batch_nano: int
    api_nano: int
    gpu_nano: int | None
    labour_nano: int
    total_nano: int | None
    saving_nano: int | None
    missing: int
    upper_bound_nano: int
    unit_costs: UnitCosts
    scenarios: tuple[Scenario, ...]
    verdict: Verdict
    break_even: BreakEven | None
    levers: tuple[Lever, ...]
    quarantined_answered: int = 0
    quarantined_nano: int = 0


NoteCode = Literal[
    "partial_month",
    "no_usage",
    "no_gpu",
    "unknown_counterfactual",
    "counterfactual_estimated",
    "estimated_usage",
    "upper_bounds",
    "unknown_api_cost",
    "assumed_rate",
    "assumed_labour",
    "reference_rate",
    "rate_unknown",
    "bill_not_entered",
    "bill_entered",
    "mode_changed",
    "price_changed",
    "free_api",
    "free_gpu",
    "other_machine",
    "gpu_time_over_bill",
    "more_gpus_needed",
    "not_evaluated",
    "undecided",
    "not_viable",
    "quarantined",
    "quarantined_answered",
    "evaluations",
]


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader must know of the figures; docs/break_even.md lists the codes.

    `count`, `nano` and `text`: how many, how much, which (a workload, a source, a kind), where it has one.
    """

    code: NoteCode
    count: int | None = None
    nano: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """All figures of one month.

    `days` of `days_in_month` are covered. `to_date` are the scenarios over these days; `scenarios` over the whole
    month: the same where it is over, else projected (usage at the same pace, reserved bills and maintenance
    for all of its days). Everything that is a month's figure stands on `scenarios`; `gpu`, counts and
    tokens on the days that are covered. `history`: earlier months and, last, this one.
    """

    month: date
    days: int
    days_in_month: int
    mode: Mode
    to_date: tuple[Scenario, ...]
    scenarios: tuple[Scenario, ...]
    verdict: Verdict
    break_evens: tuple[BreakEven, ...]
    curve: tuple[CurvePoint, ...]
    capacity: Capacity
    payback: Payback
    trend: Trend
    levers: tuple[Lever, ...]
    gpu: GpuBill
    unit_costs: UnitCosts
    workloads: tuple[WorkloadFigures, ...]
    prices: tuple[PriceUse, ...]
    batch_discount: Fraction
    history: tuple[PastMonth, ...]
    notes: tuple[Note, ...]

    @property
    def partial(self) -> bool:
        """Whether the month is not over, so that `scenarios` are a projection."""
        return self.days < self.days_in_month

    def scenario(self, name: ScenarioName) -> Scenario:
        """Return the scenario of that name over the whole month."""
        return next(one for one in self.scenarios if one.name == name)
