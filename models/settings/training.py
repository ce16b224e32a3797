"""Whether what can be learnt anew is trained each month, and what that may cost: settings."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Monthly = Literal["off", "ask", "train"]


class TrainingSettings(BaseModel):
    """What is trained after the monthly evaluation. Set as `BREAKEVEN_TRAINING__MONTHLY=ask` or in the table `[training]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    monthly: Monthly = Field(
        "off",
        description="ask: train a classifier where there is enough new, and tell in the report what it would change; train: put it in force as well",
    )
    min_new: int = Field(200, ge=1, description="answered texts that must have come since the last training")
    month_usd: Decimal | None = Field(
        None, ge=0, description="dollars in one UTC month from which on no further training is begun"
    )
