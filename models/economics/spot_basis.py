"""What is known of how often spot machines are taken away, and what stands in for it."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class SpotBasis:
    """Spot machines were held for `held_ns`, and `interruptions` took `lost_ns` of it: in this month and the two before.

    Where that is too little to go by, `per_hour` interruptions are assumed in an hour of a machine. Each of them loses a load and
    `commit_ns`, the longest time between two commits. `load_ns`: of one load; None: as long as those of the month are.
    """

    per_hour: Decimal
    commit_ns: int
    interruptions: int = 0
    held_ns: int = 0
    lost_ns: int = 0
    load_ns: int | None = None
