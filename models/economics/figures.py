"""The figures of one month: what each way of serving it costs, and what would change the verdict.

Made from `models.economics.month.MonthInputs` by `models.economics.break_even.month_figures`. Money is integer
nano-dollars, rounded half up once; ratios are exact `Fraction`s; durations are nanoseconds; None is unknown
or does not exist, never 0. How each is computed: docs/break_even.md.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from models.economics.figures_outlook import BreakEven, Capacity, CurvePoint, Lever, Payback, Trend
from models.economics.month import PastMonth, PriceUse, Tokens, Viability
from models.gpu_time import GpuTime

ScenarioName = Literal["api_sync", "api_batch", "reserved", "on_demand", "hybrid"]
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


VerdictAnswer = Literal["pays", "does_not_pay", "cannot_be_said"]
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

    answer: VerdictAnswer
    reasons: tuple[Reason, ...]
    saving_nano: int | None
    low_nano: int | None
    high_nano: int | None


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
