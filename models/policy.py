"""A workload's routing policy, as its class declares it or the settings say. Plain data; see `models.routing`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.records import EscalationReason

WhenEngineFails = Literal["stop", "wait", "api"]


class Policy(BaseModel):
    """Which records go to the API, and why. It acts only where the API is switched on (`api_mode`).

    Set as the table `[workloads.sentiment.policy]`. What is not named there has the default below.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    escalate: frozenset[EscalationReason] = Field(
        frozenset({"complex", "low_confidence", "invalid_output", "too_long"}),
        description="the reasons for which a record is sent to the API; for others it is quarantined",
    )
    min_confidence: float | None = Field(
        None, ge=0, le=1, description="escalate answers of the local engine below this confidence"
    )
    complex_over_chars: int | None = Field(
        None, ge=1, description="a text of more characters is complex and goes to the API at once"
    )
    simple_languages: frozenset[str] | None = Field(
        None, description="ISO 639-1 codes the small model can do; a text in another language is complex"
    )
    complex_where: str | None = Field(
        None, description="SQL condition on the input's columns; a row for which it holds is complex"
    )
    triage: bool = Field(
        default=False, description="ask the small model with one token whether the text is complex"
    )
    triage_threshold: float = Field(
        0.5, ge=0, le=1, description="probability of `complex` from which triage sends a record to the API"
    )
    engine_fails: WhenEngineFails = Field(
        "stop", description="the local engine cannot start or dies: stop, wait and try again, or use the API"
    )
