"""Caps on what goes to the API: whether the upper bound of what is about to be sent still fits.

Caps hold for one run, one UTC day and one UTC month, of one workload and of all together, and for a month's audits of
one workload; every one of them must hold. What was spent counts closed attempts at their cost, and attempts in flight or with an
unknown outcome at their upper bound: a cap is never exceeded, only at times not used up.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from models.economics.pricing import NANO, usd_to_nano
from models.settings import Caps

Scope = Literal["run", "day", "month", "audit"]
"""`audit`: what audits of a workload cost in one UTC month."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may be spent in a scope, by `workload` (None: by all), and what was; nano-dollars."""

    scope: Scope
    workload: str | None
    limit_nano: int
    spent_nano: int = 0

    @property
    def name(self) -> str:
        """Such as `day cap of $5.00 for sentiment`: what a deferred record is told."""
        dollars, rest = divmod(self.limit_nano, NANO)
        cents = f"{rest:09}".rstrip("0").ljust(2, "0")
        return f"{self.scope} cap of ${dollars}.{cents} for {self.workload or 'all workloads'}"

    def admits(self, nano: int) -> bool:
        """Whether `nano` more fits. A cap of 0 admits nothing, not even what is free."""
        return self.limit_nano > 0 and self.spent_nano + nano <= self.limit_nano


@dataclass(frozen=True, slots=True)
class ApiSpend:
    """What was spent on APIs, nano-dollars: by one workload and by all, on one UTC day and in its month, and on its audits there."""

    workload_day: int = 0
    workload_month: int = 0
    total_day: int = 0
    total_month: int = 0
    audits_month: int = 0


def admit(amounts: Sequence[int], caps: Sequence[Cap]) -> list[str | None]:
    """Decide in order which upper bounds (nano-dollars) fit under every cap, beside those admitted before them.

    Returns None for an amount that is admitted, else the name of the first cap that stands against it. Each
    amount is judged by itself: one that does not fit takes nothing, so a smaller one after it still may.

    Raises `ValueError` for a negative amount.
    """
    if min(amounts, default=0) < 0:
        msg = f"an upper bound cannot be negative: {min(amounts)}"
        raise ValueError(msg)
    taken = 0
    verdicts: list[str | None] = []
    for amount in amounts:
        against = next((cap.name for cap in caps if not cap.admits(taken + amount)), None)
        verdicts.append(against)
        taken += amount if against is None else 0
    return verdicts


class Budget:
    """The caps that hold for the runs of one workload: its own, and those of all workloads together.

    `audits_usd`: dollars for its audits in a month, where the runs are audits. Raises `UsageError` for an amount finer than a nano-dollar.
    """

    def __init__(self, workload: str, own: Caps, total: Caps, audits_usd: Decimal | None = None) -> None:
        audits = () if audits_usd is None else (Cap("audit", workload, usd_to_nano(audits_usd)),)
        self._limits = (*_limits(workload, own), *audits, *_limits(None, total))

    @property
    def capped(self) -> bool:
        """Whether there is any cap; if not, nobody needs to know what was spent."""
        return bool(self._limits)

    @property
    def caps_audits(self) -> bool:
        """Whether one of them is that of a month's audits."""
        return any(cap.scope == "audit" for cap in self._limits)

    def caps(self, spent: ApiSpend, run_nano: int) -> list[Cap]:
        """Return the caps with what was spent so far: `run_nano` in this run, `spent` in the day and month."""
        own = {
            "run": run_nano,
            "day": spent.workload_day,
            "month": spent.workload_month,
            "audit": spent.audits_month,
        }
        total = {"run": run_nano, "day": spent.total_day, "month": spent.total_month}
        return [
            replace(cap, spent_nano=(total if cap.workload is None else own)[cap.scope])
            for cap in self._limits
        ]

    def to_json(self) -> str | None:
        """Write the caps down as they stand in the ledger; None where there are none."""
        return write_caps(self._limits)

    admit = staticmethod(admit)


def write_caps(caps: Sequence[Cap]) -> str | None:
    """Write caps down for the run that begins with them, as a JSON list of scope, workload and nano-dollars."""
    found = [[cap.scope, cap.workload, cap.limit_nano] for cap in caps]
    return json.dumps(found, separators=(",", ":")) if found else None


def read_caps(text: str | None) -> list[Cap]:
    """Read what `write_caps` has written."""
    return [Cap(*one) for one in json.loads(text)] if text else []


def loosest_caps(begun: str | None, resumed: str | None) -> str | None:
    """Return the caps of a run that is taken up under others: of each the higher one, and none that has gone."""
    before = {(cap.scope, cap.workload): cap for cap in read_caps(begun)}
    now = [(cap, before.get((cap.scope, cap.workload))) for cap in read_caps(resumed)]
    return write_caps([max(cap, was, key=lambda one: one.limit_nano) for cap, was in now if was is not None])


def _limits(workload: str | None, caps: Caps) -> list[Cap]:
    amounts: list[tuple[Scope, Decimal | None]] = [
        ("run", caps.run_usd),
        ("day", caps.day_usd),
        ("month", caps.month_usd),
    ]
    return [Cap(scope, workload, usd_to_nano(usd)) for scope, usd in amounts if usd is not None]
