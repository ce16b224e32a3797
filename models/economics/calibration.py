"""How far estimated tokens were from those that an API reported, and what that makes of a further estimate.

For one workload and one model, sums over attempts that an API answered: what was estimated of them, and what it
reported. An estimate is scaled by the ratio of the two; the reported shares of cached input and of input written to
a cache are taken over, and as many reasoning tokens as an attempt had on average.
"""

import json
from dataclasses import asdict, dataclass, fields
from datetime import date
from fractions import Fraction

from models.requests import Usage

CALIBRATION_SUMS = (
    *("estimated_input_tokens", "estimated_output_tokens", "input_tokens", "cached_tokens"),
    *("cache_write_tokens", "output_tokens", "reasoning_tokens"),
)
"""The sums of a calibration beside the number of its attempts."""
FEWEST_LINES = 30
"""Fewer attempts than these correct nothing."""


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """What was estimated of one attempt, and by which vocabulary and form of the request."""

    input_tokens: int
    output_tokens: int
    counted_with: str


@dataclass(frozen=True, slots=True)
class TokenCalibration:
    """Sums over the attempts of one workload on one API model in the UTC days `since` to `until`.

    `estimated_*` are sums of estimates that were `counted_with` the same vocabulary and form, the others of what
    the API reported of the same attempts.
    """

    workload: str
    model: str
    counted_with: str
    lines: int
    since: date
    until: date
    estimated_input_tokens: int
    estimated_output_tokens: int
    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int

    @property
    def input_ratio(self) -> Fraction:
        """Reported by estimated input."""
        return Fraction(self.input_tokens, self.estimated_input_tokens or self.input_tokens or 1)

    @property
    def output_ratio(self) -> Fraction:
        """Reported by estimated output, without reasoning."""
        visible = self.output_tokens - self.reasoning_tokens
        return Fraction(visible, self.estimated_output_tokens or visible or 1)

    @property
    def cached_share(self) -> Fraction:
        """Share of the input that was read from a cache."""
        return Fraction(self.cached_tokens, self.input_tokens or 1)

    @property
    def cache_write_share(self) -> Fraction:
        """Share of the input that was written to a cache."""
        return Fraction(self.cache_write_tokens, self.input_tokens or 1)

    @property
    def reasoning_per_line(self) -> Fraction:
        """Reasoning tokens of an attempt, on average."""
        return Fraction(self.reasoning_tokens, self.lines)

    @property
    def is_enough(self) -> bool:
        """Whether there are attempts enough to correct an estimate."""
        return self.lines >= FEWEST_LINES

    def apply(self, estimate: Usage, requests: int = 1) -> Usage:
        """Correct the estimate of some requests' tokens; each count is rounded half up."""
        given = _scale(estimate.input_tokens, self.input_ratio)
        cached = _scale(given, self.cached_share)
        written = min(_scale(given, self.cache_write_share), given - cached)
        reasoning = _scale(requests, self.reasoning_per_line)
        output = _scale(estimate.output_tokens, self.output_ratio) + reasoning
        return Usage(given, cached, output, reasoning, written)

    def to_json(self) -> str:
        """Write it down as what a run stands on."""
        return json.dumps(asdict(self), default=str, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "TokenCalibration":
        """Read what `to_json` wrote."""
        values = json.loads(text)
        for name in ("since", "until"):
            values[name] = date.fromisoformat(values[name])
        return cls(**{one.name: values[one.name] for one in fields(cls)})


@dataclass(frozen=True, slots=True)
class CounterfactualBasis:
    """What the counterfactual tokens of one workload in some days stand on, in attempts that served a record.

    `reported`: the API answered and said what it used. `corrected`: estimated, and corrected by what the API had
    reported of others. `estimated`: estimated alone. `cached_tokens` is the part of the estimated ones' input that is
    taken to be cached. `calibration` is the newest that a run of these days was corrected by.
    """

    workload: str
    reported: int
    corrected: int
    estimated: int
    cached_tokens: int
    calibration: TokenCalibration | None

    def describe(self, *, reasons: bool) -> str:
        """Say in one sentence what the figure stands on and in which direction it errs.

        `reasons`: the API's model reasons before it answers.
        """
        if self.calibration is not None and not self.estimated:
            known = self.calibration
            return (
                f"{self.workload}: estimated tokens are corrected by {known.lines:,} attempts that {known.model} reported "
                f"from {known.since} to {known.until} (input x {float(known.input_ratio):.3f}, output x "
                f"{float(known.output_ratio):.3f}, {float(known.cached_share):.0%} of the input cached, "
                f"{float(known.reasoning_per_line):.0f} reasoning tokens each)"
            )
        if not self.estimated:
            return f"{self.workload}: every figure is what the API reported"
        wrong = ["too low by the reasoning tokens, which nothing tells yet"] if reasons else []
        if self.cached_tokens:
            wrong.append("too low where the API does not find the prompt in its cache")
        errs = " and ".join(wrong) or "a few tokens of a request either way"
        return (
            f"{self.workload}: {self.estimated:,} of {self.reported + self.corrected + self.estimated:,} attempts are "
            f"estimated and not corrected; the API's cost is {errs} ({FEWEST_LINES} attempts on the API correct it)"
        )


def _scale(count: int, ratio: Fraction) -> int:
    return (2 * count * ratio.numerator + ratio.denominator) // (2 * ratio.denominator)
