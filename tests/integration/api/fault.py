"""One row of the table of faults, and the words that rows share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

RUN_FAILS = "run fails"
ATTEMPTS = 3
"""`api_max_attempts` of the table."""
REFUSED = "connection refused"


@dataclass(frozen=True)
class Fault:
    """One row. The faults are those of `tests.faulty_api`, for the record in question or for everybody.

    With `REFUSED` nobody listens at the address at all. What happens to everybody is everybody's fate.
    `fate` is `published`, `quarantined:REASON`, `deferred:REASON` or `run fails`. `attempts`: how the
    record's ledger lines end, `OUTCOME` or `OUTCOME:FAILURE`. `options`: settings other than the
    table's. `run_fate`: what becomes of it at the end of a whole run, where that is something else than what the
    engine made of it. `usage`: whether the last line holds what the provider reported. `user` is what one reads in
    log, report or quarantine; for a failing run a part of its one line.
    """

    name: str
    faults: tuple[str, ...]
    fate: str
    attempts: tuple[str, ...]
    user: str
    forever: bool = False
    everybody: bool = False
    usage: bool = False
    run_fate: str = ""
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def retried(name: str, fault: str, ended: str, user: str, **options: object) -> Fault:
    """Make the row of a fault that passes: the record is asked for again, and answered."""
    return Fault(
        name, (fault,), "published", (ended, "ok"), user, usage=True, options=MappingProxyType(options)
    )


AGAIN = "nothing: it is asked for again"
PERHAPS_BILLED = "the first attempt's upper-bound cost, shown as unknown"
IN_QUARANTINE = "the record in quarantine.parquet with the reason"
LATER = "the record is not in the output; the next run asks for it again"
