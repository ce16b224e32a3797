"""What a spot machine costs, which may be taken away at any time, and how often that is expected: settings."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class SpotSettings(BaseModel):
    """What spot machines cost. Set as `BREAKEVEN_SPOT__USD_PER_HOUR=0.40` or in the table `[spot]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usd_per_hour: Decimal | None = Field(
        None, ge=0, description="your own rate of one machine; the catalogue has none"
    )
