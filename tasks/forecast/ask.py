"""What a forecast is asked for: one workload from the command line, or several from a small TOML file."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MOST_DAILY = 10**12
MOST_TOKENS = 10**8
OF_AN_INPUT = ("input", "column", "output_column", "workload", "where")
"""What speaks of prompts that are read."""
HUNDRED = 100


def as_share(value: object) -> object:
    """Read a share that is written as `0.05` or `5%`; anything else is left to be refused."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return Decimal(value.strip().removesuffix("%")) / HUNDRED
        except InvalidOperation:
            return value
    return str(value) if isinstance(value, float) else value


WrittenShare = Annotated[Decimal, BeforeValidator(as_share)]


class WorkloadAsk(BaseModel):
    """Prompts of one kind, and how many of them a day: counted in an input, or their lengths as bare numbers.

    `workload`: render the prompts as this one of the project's workloads does; else each is a request as it is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(None, min_length=1, description="default: the workload's name, else the file's")
    input: str | None = Field(None, description="file, folder or glob; default: the workload's own input")
    daily: int = Field(ge=1, le=MOST_DAILY, description="records a day in the first month")
    growth: WrittenShare = Field(Decimal(0), gt=-1, le=1, description="more each month: 0.05 or 5%")
    column: tuple[str, ...] = Field((), description="columns of the prompt; default: found by name")
    output_column: str | None = Field(None, description="column of the answers, whose tokens are counted")
    input_tokens: int | None = Field(
        None, ge=1, le=MOST_TOKENS, description="tokens of a request, without an input"
    )
    output_tokens: int | None = Field(
        None, ge=0, le=MOST_TOKENS, description="tokens of an answer, where they are known"
    )
    shared_prefix: int = Field(0, ge=0, description="tokens at the beginning that all requests share")
    workload: str | None = None
    where: str | None = Field(None, description="SQL condition on the input's columns")

    @model_validator(mode="after")
    def _one_of_each(self) -> "WorkloadAsk":
        if self.input_tokens is not None:
            return self._checked_numbers(self.input_tokens)
        if self.input is None and self.workload is None:
            msg = "give an input, or a workload that has one; or bare numbers: input_tokens and output_tokens"
            raise ValueError(msg)
        if self.output_column is not None and self.output_tokens is not None:
            msg = "give output_column or output_tokens, not both"
            raise ValueError(msg)
        return self

    def _checked_numbers(self, tokens: int) -> "WorkloadAsk":
        """Refuse what has no meaning beside bare numbers."""
        given = [name for name in OF_AN_INPUT if getattr(self, name)]
        if given:
            msg = f"input_tokens says all of the prompts; leave out {', '.join(given)}"
            raise ValueError(msg)
        if self.output_tokens is None:
            msg = "give output_tokens beside input_tokens"
            raise ValueError(msg)
        if self.shared_prefix > tokens:
            msg = f"a shared_prefix of {self.shared_prefix:,} tokens does not fit a request of {tokens:,}"
            raise ValueError(msg)
        return self

    @property
    def rate_of_growth(self) -> Fraction:
        """Growth as an exact share."""
        return Fraction(self.growth)


class ForecastAsk(BaseModel):
    """All that a forecast is made of; what is not given is taken from the settings, or assumed and named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(None, description="API model; default: the settings'")
    local_model: str | None = Field(None, description="model of your own machine, by a name of the catalogue")
    gpu: str | None = Field(None, description="your own machine, by a name of the catalogue")
    start: str | None = Field(None, description="first month, YYYY-MM; default: the next one")
    at_once: bool = Field(default=False, description="answers cannot wait a day: no batches")
    sample: int = Field(10_000, ge=0, description="prompts of each input that are counted; 0: all")
    workloads: tuple[WorkloadAsk, ...] = Field(min_length=1)
