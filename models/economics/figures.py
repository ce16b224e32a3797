"""The figures of one month: what each way of serving it costs, and what would change the verdict.

Made from `models.economics.month.MonthInputs` by `models.economics.break_even.month_figures`. Money is integer
nano-dollars, rounded half up once; ratios are exact `Fraction`s; durations are nanoseconds; None is unknown
or does not exist, never 0. How each is computed: docs/break_even.md.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from models.economics.candidate_costs import CandidateCost
from models.economics.figures_outlook import ApiWay, BreakEven, Capacity, CurvePoint, Lever, Payback, Trend
from models.economics.figures_recommendation import (
    Flip,
    KeptShare,
    Recommendation,
    ScenarioName,
    VerdictAnswer,
    WorkloadAdvice,
)
from models.economics.interruptions import SpotUse
from models.economics.month import PriceUse, Tokens, Viability, ViabilityBasis
from models.economics.past_month import PastMonth, UnitCosts
from models.gpu_time import GpuTime

Mode = Literal["reserved", "on_demand", "spot", "mixed", "none"]
"""How the machines were billed: in one mode, in several (on different days), or there were none in the month."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the month's work costs in one way of serving it.

    `total_nano` = `api_nano` + `gpu_nano` + `labour_nano`; it and `gpu_nano` are None without a rate or measured time.
    `missing`: attempts whose cost is not known and not in it, so the total is a lower bound; 0: none.
    `upper_bound_nano`: the part of `api_nano` that is only an upper bound (pending, unknown outcome).
    Savings are the API's total less this one's, negative where this costs more. `feasible`: its cost is known, and
    no workload is answered by a small model that was found to fall short. `workloads`: those that move to the API in it.
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
    feasible: bool
    workloads: tuple[str, ...] = ()


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
    """Whether what really ran costs less than a way of the API, over the workloads that self-hosting can replace.

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
    `sessions`: of those billed on demand. `idle_ns`: hours of reserved machines that no run held, `idle_nano`: what
    they cost.
    """

    time: GpuTime
    unused_ns: int
    billed_ns: int
    nano: int
    entered: bool
    sessions: int
    utilization: Fraction | None
    idle_ns: int
    idle_nano: int


@dataclass(frozen=True, slots=True)
class WorkloadFigures:
    """One workload's part, whole month.

    `replaceable`: not found to fall short, or routed; the parts of these sum to the hybrid, to the nano-dollar.
    `gpu_nano` and `labour_nano`: its share of the bill in force and of maintenance, by busy time.
    `total_nano` = `api_nano` + `gpu_nano` + `labour_nano`: its share of full cost, which says nothing of what stops if
    it leaves; `advice` does. `routed`: records that its policy sent to the API. Counts, tokens, time and unit costs are of the days
    that are covered, the rest of the whole month. `missing`: attempts whose cost on the API is not known.
    `basis`: what `viability` rests on.
    `quarantined_answered` of the quarantined records an engine had answered, and their attempts cost `quarantined_nano`.
    """

    workload: str
    viability: Viability | None
    replaceable: bool
    batch_acceptable: bool
    runs: int
    records: int
    local: int
    api: int
    reused: int
    escalated: int
    routed: int
    quarantined: int
    local_tokens: Tokens
    api_tokens: Tokens
    counterfactual_tokens: Tokens
    time: GpuTime
    api_sync_nano: int
    api_batch_nano: int
    api_nano: int
    gpu_nano: int
    labour_nano: int
    total_nano: int
    missing: int
    upper_bound_nano: int
    unit_costs: UnitCosts
    advice: WorkloadAdvice
    quarantined_answered: int
    quarantined_nano: int
    basis: ViabilityBasis | None = None


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
    "spot_assumed",
    "spot_measured",
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
    "not_viable_routed",
    "bound",
    "counterfactual_basis",
    "model_ends",
    "price_moved",
    "quarantined",
    "quarantined_answered",
    "evaluations",
    "training",
    "audits",
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
class Outlook:
    """What really ran against one way of the API: the verdict, and what would change it."""

    against: ApiWay
    verdict: Verdict
    break_evens: tuple[BreakEven, ...]
    payback: Payback
    trend: Trend
    levers: tuple[Lever, ...]

    def break_even(self, name: str) -> BreakEven:
        """Return where the scenario of that name meets the API."""
        return next(one for one in self.break_evens if one.name == name)


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """All figures of one month.

    `days` of `days_in_month` are covered. `to_date` are the scenarios over these days; `scenarios` over the whole
    month: the same where it is over, else projected (usage at the same pace, reserved bills and maintenance
    for all of its days). Everything that is a month's figure stands on `scenarios`; `gpu`, counts and
    tokens on the days that are covered. `alternative`: against the API's cheapest way that meets the need, `at_once`:
    against the API at once. `own_share`: of the published answers, those of the own model. `kept`: what if it kept
    more or fewer. `candidates`: the same work on other models. `history`: earlier months and, last, this one.
    `spot`: runs on spot machines, by kind.
    """

    month: date
    days: int
    days_in_month: int
    mode: Mode
    to_date: tuple[Scenario, ...]
    scenarios: tuple[Scenario, ...]
    recommendation: Recommendation
    flip: Flip | None
    alternative: Outlook
    at_once: Outlook
    curve: tuple[CurvePoint, ...]
    capacity: Capacity
    kept: tuple[KeptShare, ...]
    own_share: Fraction | None
    candidates: tuple[CandidateCost, ...]
    gpu: GpuBill
    unit_costs: UnitCosts
    workloads: tuple[WorkloadFigures, ...]
    prices: tuple[PriceUse, ...]
    batch_discount: Fraction
    history: tuple[PastMonth, ...]
    notes: tuple[Note, ...]
    spot: tuple[SpotUse, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether the month is not over, so that `scenarios` are a projection."""
        return self.days < self.days_in_month

    @property
    def verdict(self) -> Verdict:
        """The verdict against the API's cheapest way that meets the need."""
        return self.alternative.verdict

    def scenario(self, name: ScenarioName) -> Scenario:
        """Return the scenario of that name over the whole month."""
        return next(one for one in self.scenarios if one.name == name)
