"""Whether what can be learnt anew is trained each month, as what, and what that may cost: settings."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Monthly = Literal["off", "ask", "train"]


def split_names(value: object) -> object:
    """Read names with commas between them; anything else is left as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


TrainedKinds = Annotated[tuple[Literal["classifier", "adapter"], ...], BeforeValidator(split_names)]
"""What is trained each month: a list, or names with commas between them. Triage learns from evaluations, and is trained by hand."""


class TrainingSettings(BaseModel):
    """What is trained after the monthly evaluation. Set as `BREAKEVEN_TRAINING__MONTHLY=ask` or in the table `[training]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    monthly: Monthly = Field(
        "off",
        description="ask: train where there is enough new, and tell in the report what it would change; train: put it in force as well",
    )
    kinds: TrainedKinds = Field(
        ("classifier",),
        description="what is trained: classifier, for workloads that answer labels, adapter, for all, or both; a workload's own `train` goes before it",
    )
    minutes: float = Field(
        10.0,
        gt=0,
        allow_inf_nan=False,
        description="processor minutes that an adapter is trained (on a GPU, of the clock)",
    )
    four_bits: bool = Field(
        False,
        description="hold the base in 4 bits while an adapter is trained, for GPUs on which it has no room in 16; `make four-bits` installs what that needs",
    )
    min_new: int = Field(200, ge=1, description="answered texts that must have come since the last training")
    month_usd: Decimal | None = Field(
        None,
        ge=0,
        description="dollars in one UTC month from which on no further training is begun, nor an adapter's whose minutes could pass it",
    )
