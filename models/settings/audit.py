"""Which share of what a workload serves without the API is asked there as well, and what that may cost: settings."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class AuditSettings(BaseModel):
    """How a workload is audited. Set as `BREAKEVEN_WORKLOADS__SENTIMENT__AUDIT__SHARE=0.01` or in the table `[workloads.sentiment.audit]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="share of the records served without the API that is asked there as well, or that people label where it may not be; 0: none",
    )
    month_usd: Decimal | None = Field(
        None, ge=0, description="dollars at most in one UTC month, beside the caps of all budgets"
    )
    similar: float = Field(
        0.5,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="chrF from which on two texts agree, for workloads that answer text",
    )
