"""What a spot machine costs, which may be taken away at any time, and how often that is expected: settings."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class SpotSettings(BaseModel):
    """What spot machines cost. Set as `BREAKEVEN_SPOT__USD_PER_HOUR=0.40` or in the table `[spot]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usd_per_hour: Decimal | None = Field(
        None, ge=0, description="your own rate of one machine; the catalogue has none"
    )
    interruptions_per_hour: Decimal = Field(
        Decimal("0.05"),
        ge=0,
        le=60,
        description="how often a machine is taken away, assumed until your own runs have held some for a day",
    )
