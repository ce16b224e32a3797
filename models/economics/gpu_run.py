"""One run's time on a machine, and how that machine is paid for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from models.gpu_time import GpuTime

BillingMode = Literal["on_demand", "reserved", "spot"]
UsedMode = Literal["on_demand", "spot"]
"""The modes in which time is paid that is used. A spot machine is one on demand, at a rate of its own, that may be taken away."""


@dataclass(frozen=True, slots=True)
class GpuRun:
    """GPU time of one run that started in the month, and the terms that its ledger rows stand on.

    Every run with GPU time has one, on whatever machine (`kind`, such as `A10G` or `cpu x8`). `started_at` is
    an aware UTC time; of a run in shards, whose own time is its wait for the last of them, when that wait began. The rate, mode and increment are those of the run's own `infrastructure` row: they
    price it on days without entered terms. `lost_ns`: of a run whose machine was taken away, the part of its time that
    has to be done again (`db.interrupted_runs`); None: it was not.
    """

    workload: str
    kind: str
    started_at: datetime
    time: GpuTime
    nano_usd_per_hour: int
    billing_mode: BillingMode = "on_demand"
    billing_increment_seconds: int = 1
    lost_ns: int | None = None
