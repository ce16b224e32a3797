"""Which alerts are sent, and from where on: settings. They go to whom the report goes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

AlertKind = Literal["budget", "waiting", "recommendation", "price", "model_end", "run_failed", "audit"]
Percent = Annotated[int, Field(ge=1, le=1000)]
Days = Annotated[int, Field(ge=0, le=3650)]


class AlertSettings(BaseModel):
    """What is alerted of. Set as `BREAKEVEN_ALERTS__…` or in the table `[alerts]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    off: tuple[AlertKind, ...] = Field((), description="kinds that are not looked at")
    budget_percent: tuple[Percent, ...] = Field(
        (80, 95), description="parts of a day's or month's cap, in per cent"
    )
    waiting_hours: float = Field(24.0, gt=0, description="how long records may wait")
    model_end_days: tuple[Days, ...] = Field(
        (90, 30, 7), description="days before a model leaves its API; past ones count as 0"
    )
    price_days: int = Field(31, ge=1, le=366, description="how long a price counts as changed")
    run_failed_days: float = Field(7.0, gt=0, description="how long a failed run is looked at")
    recommendation_after_days: int = Field(
        7, ge=1, le=31, description="days of a month after which its pace is believed"
    )
