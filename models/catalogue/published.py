"""Speeds that others have published against what the estimate says: how far it can be off."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from models.catalogue.entries import GpuEntry, ModelEntry, find_gpus, find_models
from models.catalogue.fit import (
    NS,
    UTILIZATION,
    Bits,
    Precision,
    RequestTokens,
    estimate,
    sequences_at_once,
)


@dataclass(frozen=True, slots=True)
class PublishedSpeed:
    """One published figure: output tokens a second with `most` requests at a time, and who says so.

    `assumed`: what had to be assumed of its lengths; empty: they are published.
    """

    name: str
    source: str
    read: date
    gpu: GpuEntry
    model: ModelEntry
    precision: Precision
    tokens: RequestTokens
    most: int
    utilization: float
    output_tokens_per_s: float
    assumed: str

    @property
    def sequences(self) -> int:
        """Sequences at once, as the estimate takes them."""
        return sequences_at_once(
            self.model.shape,
            self.gpu.figures.memory,
            self.precision,
            self.tokens,
            self.most,
            self.utilization,
        )

    @property
    def estimated(self) -> float:
        """Output tokens a second by the estimate."""
        speed = estimate(self.model.shape, self.gpu.figures, self.precision, self.sequences, self.tokens)
        time = self.tokens.input * speed.input_ns + self.tokens.output * speed.output_ns
        return self.tokens.output * NS / time

    @property
    def ratio(self) -> float:
        """Published over estimated speed: above 1, the estimate is too slow."""
        return self.output_tokens_per_s / self.estimated


@dataclass(frozen=True, slots=True)
class SpeedError:
    """How published speeds lie to their estimates: the slowest and the fastest of `runs` ratios."""

    slowest: float
    fastest: float
    runs: int

    @property
    def factor(self) -> float:
        """By what factor the estimate is off at most, whichever way."""
        return max(self.fastest, 1 / self.slowest)


@cache
def published_speeds() -> tuple[PublishedSpeed, ...]:
    """Return all published figures, in the file's order."""
    text = files("models.catalogue").joinpath("published.toml").read_text(encoding="utf-8")
    return tuple(one for entry in tomllib.loads(text)["sources"] for one in _speeds(**entry))


def _speeds(  # noqa: PLR0913  the fields of an entry
    *,
    name: str,
    source: str,
    read: date,
    gpu: str,
    model: str,
    bits: Bits,
    kv_bits: Bits,
    runs: Iterable[tuple[int, int, int, float]],
    utilization: float = UTILIZATION,
    assumed: str = "",
) -> Iterator[PublishedSpeed]:
    (card,), (entry,) = find_gpus([gpu]), find_models([model])
    precision = Precision(bits, kv_bits)
    for inputs, outputs, most, speed in runs:
        tokens = RequestTokens(inputs, outputs)
        yield PublishedSpeed(
            name, source, read, card, entry, precision, tokens, most, utilization, speed, assumed
        )


@cache
def speed_error() -> SpeedError:
    """Return the error that the published figures with known lengths show."""
    ratios = [one.ratio for one in published_speeds() if not one.assumed]
    return SpeedError(min(ratios), max(ratios), len(ratios))
