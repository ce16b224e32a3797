"""A model on a GPU: what it takes, how many sequences at once, how fast, and what a million tokens cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from models.catalogue.entries import GpuEntry, ModelEntry
from models.catalogue.fit import (
    Bits,
    Fit,
    Precision,
    RequestTokens,
    Speed,
    estimate,
    fit,
    mtok_nano,
    sequences_at_once,
)
from models.economics.pricing import Price, nano_to_usd

CHOICES: tuple[Bits, ...] = (16, 8, 4)
GB = 1e9


@dataclass(frozen=True, slots=True)
class HourlyRate:
    """What an hour of a GPU costs, nano-dollars, and who says so."""

    nano_per_hour: int
    source: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A model at so many bits on one GPU, with sequences of `context` tokens, half of them the answer.

    `rate` None: no price is known.
    """

    model: ModelEntry
    gpu: GpuEntry
    bits: Bits
    context: int
    rate: HourlyRate | None

    @property
    def fit(self) -> Fit:
        """What it takes of the GPU's memory."""
        return fit(self.model.shape, self.gpu.figures.memory, self.bits, self.context)

    @property
    def sequences(self) -> int:
        """Sequences at once: as many as fit; 0 where the model takes no sequence of this length."""
        return self.fit.sequences if self.context <= self.model.shape.context else 0

    @property
    def speed(self) -> Speed | None:
        """Expected time of an input and an output token; None where it does not fit."""
        if not self.sequences:
            return None
        shape, gpu, precision = self.model.shape, self.gpu.figures, Precision(self.bits)
        tokens = RequestTokens(self.context / 2, self.context / 2)
        running = sequences_at_once(shape, gpu.memory, precision, tokens)
        return estimate(shape, gpu, precision, running, tokens)

    def row(self, api: Price) -> dict[str, object]:
        """Return the pair as a row of a table: gigabytes are 10^9 bytes; None is unknown or does not exist."""
        taken, speed = self.fit, self.speed
        return {
            "model": self.model.name,
            "gpu": self.gpu.kind,
            "bits": self.bits,
            "fits": self.sequences > 0,
            "weights_gb": _gb(taken.weights),
            "kv_gb": _gb(taken.sequence),
            "memory_gb": _gb(self.gpu.figures.memory),
            "sequences": self.sequences,
            "input_tokens_per_s": None if speed is None else round(1e9 / speed.input_ns),
            "output_tokens_per_s": None if speed is None else round(1e9 / speed.output_ns),
            "hour_usd": None if self.rate is None else nano_to_usd(self.rate.nano_per_hour),
            "input_mtok_usd": self._mtok(None if speed is None else speed.input_ns),
            "output_mtok_usd": self._mtok(None if speed is None else speed.output_ns),
            "api_input_mtok_usd": nano_to_usd(api.input_nano_per_mtok),
            "api_output_mtok_usd": nano_to_usd(api.output_nano_per_mtok),
            "api_model": api.model,
            "parameters": self.model.parameters + self.model.shape.vision,
            "context": self.model.shape.context,
            "licence": self.model.licence,
            "note": self.note,
            "model_source": f"{self.model.hub}: {self.model.source}, {self.model.date}",
            "gpu_source": "; ".join(filter(None, (f"{self.gpu.source}, {self.gpu.date}", self.gpu.disputed))),
            "price_source": None if self.rate is None else self.rate.source,
        }

    @property
    def note(self) -> str:
        """What a reader should know of the pair; empty: nothing."""
        if self.context > self.model.shape.context:
            return f"takes {self.model.shape.context:,} tokens at most"
        return self.model.note

    def _mtok(self, ns: float | None) -> Decimal | None:
        if ns is None or self.rate is None:
            return None
        return nano_to_usd(mtok_nano(ns, self.rate.nano_per_hour))


COLUMNS = (
    "model",
    "gpu",
    "bits",
    "fits",
    "weights_gb",
    "kv_gb",
    "memory_gb",
    "sequences",
    "input_tokens_per_s",
    "output_tokens_per_s",
    "hour_usd",
    "input_mtok_usd",
    "output_mtok_usd",
    "api_input_mtok_usd",
    "api_output_mtok_usd",
    "api_model",
    "parameters",
    "context",
    "licence",
    "note",
    "model_source",
    "gpu_source",
    "price_source",
)
TABLE = (*COLUMNS[:3], *COLUMNS[4:13], "note")
"""What people see of a pair; programs get every column."""
SPARE = ("kv_gb", "memory_gb", "hour_usd", "weights_gb", "input_mtok_usd", "note")
"""What a table can miss where it would be too wide, the first to go first."""


def overview(models: Sequence[ModelEntry], gpus: Sequence[GpuEntry], context: int) -> list[dict[str, object]]:
    """Return a row a model, a column a GPU: the most bits at which it fits there, `-` where it does at none."""
    rows: list[dict[str, object]] = []
    for model in models:
        row: dict[str, object] = {"model": model.name}
        for gpu in gpus:
            pairs = (Pair(model, gpu, bits, context, None) for bits in CHOICES)
            row[gpu.kind] = next((str(pair.bits) for pair in pairs if pair.sequences), "-")
        rows.append(row)
    return rows


def _gb(count: int) -> float:
    return round(count / GB, 2)
