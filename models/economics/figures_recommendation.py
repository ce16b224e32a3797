"""Figures that say what to do with a month's work. Money is integer nano-dollars; None is not known, never 0."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

ScenarioName = Literal[
    "api_sync", "api_batch", "reserved", "on_demand", "spot", "hybrid", "fewer_machines", "move_workload"
]
"""The ways of serving a month. `spot` stands only where a rate of it is known. `hybrid`: as it really ran. The last two are what really ran with one change: without
reserved machines that nobody needed, or with some workloads on the API; they stand only where they save something."""

Action = Literal[
    "stay",
    "drop_machine",
    "switch_to_on_demand",
    "switch_to_reserved",
    "switch_to_spot",
    "move_workload",
    "move_to_batches",
    "move_to_api",
]
VerdictAnswer = Literal["pays", "does_not_pay", "cannot_be_said"]


@dataclass(frozen=True, slots=True)
class WorkloadAdvice:
    """Whether one workload pays where it is: what stops if it alone leaves, against its cheapest way on the API.

    `avoidable_nano`: None without a machine; `upper_bound_nano` of it is only the most it can be. `api_nano`: on the
    API, in batches where its answers may take a day.
    """

    workload: str
    avoidable_nano: int | None
    api_nano: int
    upper_bound_nano: int
    answer: VerdictAnswer


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The cheapest feasible way of the month, `way`, and what it saves against another, `against`; both name scenarios.

    `against`: what really ran; where that is cheapest (`stay`), the next cheapest way. `saving_nano` is never
    negative; it lies between `low_nano` and `high_nano` whatever it is that is not known (None: without a bound).
    `conditional_on`: workloads that the own model answers in that way, though no evaluation has decided whether it
    is good enough. `workloads`: those that move to the API. `per_workload`: each alone.
    """

    action: Action
    way: ScenarioName
    against: ScenarioName
    saving_nano: int
    low_nano: int | None
    high_nano: int | None
    conditional_on: tuple[str, ...]
    workloads: tuple[str, ...]
    per_workload: tuple[WorkloadAdvice, ...]

    @property
    def certain(self) -> bool:
        """Whether it saves something whatever it is that is not known; to stay is certain also where nothing differs."""
        return self.low_nano is not None and self.low_nano >= 0


@dataclass(frozen=True, slots=True)
class Flip:
    """Where the advice turns between one's own model and the API, all else as it is.

    `own`: the cheapest way of one's own, `api`: of the API. `volume` and `price` (of the API) are multiples of
    this month's, `records` that volume a month: above them the own way is cheaper, at or below them the API's.
    None: no such volume or price, or not known.
    """

    own: ScenarioName
    api: ScenarioName
    volume: Fraction | None
    records: int | None
    price: Fraction | None


@dataclass(frozen=True, slots=True)
class KeptShare:
    """What the month costs if the own model keeps a share of the records, and the rest goes to the API's cheapest way."""

    share: Fraction
    total_nano: int
