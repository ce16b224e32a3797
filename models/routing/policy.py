"""A workload's routing policy, as its class declares it or the settings say. Plain data; see `models.routing.rules`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_serializer

from models.records import EscalationReason
from models.routing.languages import LANGUAGES

WhenEngineFails = Literal["stop", "wait", "api"]
EVALUATED: Literal["evaluated"] = "evaluated"
_OF_ALL: dict[EscalationReason, str] = {
    "engine_failed": 'engine_fails = "api"',
    "not_viable": 'not_viable = "api"',
}


_CODE = 3  # letters of the longest code in ISO 639


def _known(codes: frozenset[str]) -> frozenset[str]:
    """Refuse a code that no text can have, since every text would then be complex, and paid for.

    What is too long for a code is not repeated: it may be a secret at the wrong place.
    """
    if unknown := sorted(codes - LANGUAGES):
        short = [code for code in unknown if len(code) <= _CODE]
        which = f"no language has the code {', '.join(short)}" if short else "not a language's code"
        msg = f"{which}; give codes such as en, de or fr"
        raise ValueError(msg)
    return codes


def _by_record(reasons: frozenset[EscalationReason]) -> frozenset[EscalationReason]:
    """Refuse the reason that is no record's own: a list that names it would promise what it does not do."""
    for reason, instead in _OF_ALL.items():
        if reason in reasons:
            msg = f"{reason} is no reason of one record; set {instead} instead"
            raise ValueError(msg)
    return reasons


class Policy(BaseModel):
    """Which records go to the API, and why. It acts only where the API is switched on (`api_mode`), but for `cascade`.

    Set as the table `[workloads.sentiment.policy]`. What is not named there is as the workload's class
    declares it, or has the default below.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    escalate: Annotated[frozenset[EscalationReason], AfterValidator(_by_record)] = Field(
        frozenset({"complex", "low_confidence", "invalid_output", "too_long"}),
        description="the reasons for which a record is sent to the API; for others it stays",
    )
    min_confidence: Annotated[float, Field(ge=0, le=1)] | Literal["evaluated"] | None = Field(
        None,
        description="escalate answers of the local engine below this confidence; evaluated: that of the evaluation",
    )
    complex_over_chars: int | None = Field(
        None, ge=1, description="a text of more characters is complex and goes to the API at once"
    )
    simple_languages: Annotated[frozenset[str], AfterValidator(_known)] | None = Field(
        None,
        min_length=1,
        description="ISO 639 codes the small model can do; a text in another language is complex",
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
    cascade: Literal["off", "trained", "evaluated"] = Field(
        "trained",
        description="a classifier in force answers what it is sure of: by its own threshold, by the evaluation's, or not at all",
    )
    not_viable: Literal["stay", "api"] = Field(
        "stay",
        description="api: while the newest evaluation says that the small model is not good enough, all goes to the API",
    )

    @field_serializer("escalate", "simple_languages", when_used="json")
    def _in_order(self, items: frozenset[str] | None) -> list[str] | None:
        """Write sets in one order, so that equal policies have one JSON in every process."""
        return None if items is None else sorted(items)
