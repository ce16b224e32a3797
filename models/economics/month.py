"""What one UTC month came to, as plain values: the inputs of the break-even. Nothing here is computed.

Who fills it: usage by the UTC day of each attempt, GPU time by the UTC day its run started. Money is integer
nano-dollars, durations are nanoseconds; None is unknown, never 0.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from models.catalogue.model_ends import ModelEnd
from models.economics.candidate_costs import CandidatePrices
from models.economics.gpu_run import BillingMode, GpuRun
from models.economics.past_month import PastMonth
from models.economics.price_changes import PriceChange
from models.economics.spot_basis import SpotBasis
from models.economics.training_payback import TrainedUse
from models.economics.training_proposal import Proposal
from models.evaluation.audit_counts import AuditCount
from models.months import days_in

Viability = Literal["viable", "not_viable", "undecided"]
"""What the evaluation of a workload said: whether the small model is good enough for it."""
ViabilityBasis = Literal["labels", "audits", "people"]
"""What that rests on: an evaluation on labels, or how often the API, or people, agree with what is served without it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts; the cached ones are part of the input."""

    input: int = 0
    cached: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        """Input + output."""
        return self.input + self.output

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.input + other.input, self.cached + other.cached, self.output + other.output)


@dataclass(frozen=True, slots=True)
class PriceUse:
    """Counterfactual tokens of the month at one dated price, and their cost as the ledger's lines add up.

    `first_day` and `last_day`: the UTC days of the month's first and last attempt at this price, so that
    a price change in mid-month shows. `nano` is the sum over lines that were each rounded once, so it
    may differ from tokens x price by half a nano-dollar a line.
    """

    provider: str
    model: str
    effective_from: date
    input_nano_per_mtok: int
    cached_input_nano_per_mtok: int | None
    output_nano_per_mtok: int
    source: str
    first_day: date
    last_day: date
    input_tokens: int
    output_tokens: int
    nano: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class PendingBound:
    """Attempts at one price that are still out: the most that they cost, and would have cost at once; nano-dollars."""

    nano: int
    sync_nano: int


@dataclass(frozen=True, slots=True)
class WorkloadUsage:
    """What one workload did in the month, by the UTC day of its attempts.

    Counts: `runs` that started in the month; `records` with an attempt in it; of the published ones, those
    that the local engine (`local`), an API (`api`) or an identical record (`reused`) answered; `escalated`
    from the local engine to the API; `quarantined` by the runs of the month. `quarantined_answered` of these an
    engine had answered, and their attempts, on either engine, cost `quarantined_nano`, which is in the costs as well.

    `counterfactual`: one entry a price, of lines that served a record. `unknown_counterfactual` of these do not
    know theirs and are in none.
    `api_nano`: what its API attempts cost, those that are pending or of unknown outcome at their upper bound;
    `api_upper_bound_nano` is the part of it that is such a bound, of `api_upper_bound` lines. `pending`: those of them
    that are still out.
    `chosen_nano`: the part of it for which a run was asked to use the API, whatever the small model can do.
    `unknown_api_cost` lines do not know their cost. `estimated`: lines that hold an estimate of their own
    usage (counterfactual tokens always are estimates). `viability` None: not evaluated; `basis`: what it rests on. `routed`: records that
    its policy sent to the API, since the small model is or may be not good enough for them; `routes`: its policy
    would, though it may have found none in this month.
    `batch_acceptable`: its answers may take a day. `may_leave`: its records may go to an API.
    """

    workload: str
    runs: int = 0
    records: int = 0
    local: int = 0
    api: int = 0
    reused: int = 0
    escalated: int = 0
    quarantined: int = 0
    local_tokens: Tokens = Tokens()
    api_tokens: Tokens = Tokens()
    counterfactual: tuple[PriceUse, ...] = ()
    unknown_counterfactual: int = 0
    api_nano: int = 0
    api_upper_bound_nano: int = 0
    api_upper_bound: int = 0
    unknown_api_cost: int = 0
    estimated: int = 0
    viability: Viability | None = None
    quarantined_answered: int = 0
    quarantined_nano: int = 0
    pending: tuple[PendingBound, ...] = ()
    chosen_nano: int = 0
    routed: int = 0
    routes: bool = False
    batch_acceptable: bool = True
    may_leave: bool = True
    basis: ViabilityBasis | None = None

    @property
    def api_sync_nano(self) -> int:
        """What the lines that know it would have cost on the API at once, each at the price of its day."""
        return sum(use.nano for use in self.counterfactual)

    @property
    def replaceable(self) -> bool:
        """Whether its pipeline can serve it: the small model is not known to fall short, or what it may miss is sent on."""
        return self.viability != "not_viable" or self.routes or self.routed > 0

    @property
    def served(self) -> int:
        """Published answers of the local engine or an API whose cost on the API at once is known."""
        return max(0, self.local + self.api - self.unknown_counterfactual)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one machine costs: by the hour, or a fixed amount for every month however long. One of the two.

    Raises `ValueError` for both, none, or a negative amount. Rates of 0 stand: a server of one's own.
    """

    nano_per_hour: int | None = None
    nano_per_month: int | None = None

    def __post_init__(self) -> None:
        given = [nano for nano in (self.nano_per_hour, self.nano_per_month) if nano is not None]
        if len(given) != 1 or given[0] < 0:
            msg = f"a rate is one amount by the hour or by the month, and not negative: {self}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class InfrastructureTerms:
    """What `gpus` machines of one kind cost in the days `effective_from <= day < effective_to` (None: open).

    `rate` is that of one machine, which serves one run at a time. `gpus` 0: from then on there is none.
    `assumed`: never entered, but taken from settings, the catalogue or the runs. Raises `ValueError` for terms
    that cannot be, among them a rate by the month of a machine that is paid by use.
    """

    kind: str
    mode: BillingMode
    rate: Rate
    effective_from: date
    effective_to: date | None = None
    increment_seconds: int = 1
    gpus: int = 1
    assumed: bool = False

    def __post_init__(self) -> None:
        by_month = self.mode != "reserved" and self.rate.nano_per_hour is None
        ends = self.effective_to is not None and self.effective_to <= self.effective_from
        if by_month or ends or self.increment_seconds < 1 or self.gpus < 0:
            msg = f"impossible terms: {self}"
            raise ValueError(msg)

    def holds_on(self, day: date) -> bool:
        """Whether these terms hold on `day`."""
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


@dataclass(frozen=True, slots=True)
class ReferenceRate:
    """What one machine of a kind would cost in a mode that is not in force, for comparison, and who says so.

    `kind` None: whatever the machine.
    """

    mode: BillingMode
    rate: Rate
    source: str
    increment_seconds: int = 1
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class LabourTerms:
    """What people's time costs from `effective_from` on: maintenance each month, the set-up once.

    `assumed`: never entered, but the settings' defaults.
    """

    effective_from: date
    maintenance_minutes: int
    setup_minutes: int
    engineer_nano_per_hour: int
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class MonthInputs:
    """All that the break-even of one month stands on.

    `month`: its first day. `days`: how many of its days the figures cover, 1 to all of them, from the first
    on; a day that has begun counts whole, so that a report of a running month is the same all day.

    `terms`, in the order in which they were entered: of those of one kind, the last one that holds on a day wins;
    assumed ones come first. Runs on a kind without any on their day are billed on demand at their own rates.
    `bill_nano`: the real bill of the whole month, which wins over rates. `references`: the first that fits counts.
    `labour`: of those that hold on a day the one that began last wins, and of equals the last in the sequence;
    one must hold on every day of the month. `batch_discount`: 0.5 is 50 %.
    `evaluations_nano`: what evaluations and trials cost in these days, `training_nano` what trainings, `audits_nano` what audits did: all in no scenario. `candidates`: other
    models at their prices of the last of these days. `bases`: a sentence a workload on what its counterfactual tokens stand on.
    `ends`: models of the API or of candidates that leave it soon. `price_changes`: since the month before.
    `audits`: of this month and of those before it, by workload, engine and month. `trained`: all that was trained until its end.
    `proposals`: what monthly trainings came to in it, and in the week after it.
    `spot`: what interruptions of spot machines are expected from; None: nobody has one, or a rate of one.
    `earlier`: months before this one, oldest first, without gaps (a month without usage has 0 records).

    Raises `ValueError` for a `month` that is no first day, or `days` outside of it.
    """

    month: date
    days: int
    workloads: tuple[WorkloadUsage, ...]
    gpu_runs: tuple[GpuRun, ...]
    terms: tuple[InfrastructureTerms, ...]
    labour: tuple[LabourTerms, ...]
    batch_discount: Decimal
    bill_nano: int | None = None
    references: tuple[ReferenceRate, ...] = ()
    earlier: tuple[PastMonth, ...] = ()
    evaluations_nano: int = 0
    candidates: tuple[CandidatePrices, ...] = ()
    bases: tuple[str, ...] = ()
    ends: tuple[ModelEnd, ...] = ()
    price_changes: tuple[PriceChange, ...] = ()
    audits: tuple[AuditCount, ...] = ()
    training_nano: int = 0
    audits_nano: int = 0
    trained: tuple[TrainedUse, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    spot: SpotBasis | None = None

    @property
    def last_day(self) -> date:
        """The last of the days that are covered."""
        return self.month.replace(day=self.days)

    def __post_init__(self) -> None:
        if self.month.day != 1 or not 1 <= self.days <= days_in(self.month):
            msg = f"{self.days} days of the month of {self.month} cannot be"
            raise ValueError(msg)

    def list_usage(self) -> list[WorkloadUsage]:
        """Return the workloads' usage; empty ones for those that have nothing but GPU time."""
        known = {usage.workload for usage in self.workloads}
        others = dict.fromkeys(run.workload for run in self.gpu_runs if run.workload not in known)
        return [*self.workloads, *(WorkloadUsage(name) for name in others)]
