"""A model that was trained for a workload, as the registry in the ledger knows it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Literal
from uuid import UUID

TrainedKind = Literal["classifier", "adapter", "triage"]
"""`triage`: a second head on the classifier's embedding, which says whether the small model's answer will be right."""
TrainedState = Literal["candidate", "in_force", "retired"]
"""`candidate`: trained, and not used. `in_force`: runs use it. `retired`: it was in force, or will not be."""
Teacher = Literal["labels", "api", "both"]
"""Whose answers it was trained on: people's labels, an API's answers, or both."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One trained model. Shares lie in 0..1, money is integer nano-dollars, intervals hold 95 %.

    `base`: the embedding model of a classifier, the language model of an adapter, of triage the one whose errors it learnt, by name. An adapter and triage belong to
    the prompt of `prompt_fingerprint`, a classifier to the label set of `labels_digest`. `examples` were trained on, `holdout` only measured on:
    `accuracy` with its limits is that on the latter. `threshold`: the calibrated probability below which a classifier leaves a record to
    the next stage, None for one that is never sure, `served_share` the share of held-out records above it. `machine_ns` and `cost_nano`: what training took.
    """

    id: UUID
    at: datetime
    workload: str
    kind: TrainedKind
    base: str
    prompt_version: str
    prompt_fingerprint: str
    labels_digest: str | None
    data_digest: str
    weights_digest: str
    teacher: Teacher
    examples: int
    holdout: int
    seed: int
    machine_ns: int
    cost_nano: int
    run_id: UUID
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    threshold: float | None
    served_share: float | None
    state: TrainedState
    state_at: datetime
    software: str
    figures: str

    @property
    def name(self) -> str:
        """Its name on ledger lines and in files: kind and the end of its key, which differs also of two made at once."""
        return name_of(self.kind, self.id)


def name_of(kind: TrainedKind, key: UUID) -> str:
    """Name a trained model by its kind and its key in the registry."""
    return f"{kind}-{key.hex[-8:]}"


def digest_of_labels(labels: Iterable[str]) -> str:
    """32 hex digits over a label set, in whatever order it is set."""
    return blake2b("\0".join(sorted(labels)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def trained_folder(output_dir: Path, workload: str, name: str) -> Path:
    """Return the folder of a trained model's weights (`TrainedModel.name`)."""
    return output_dir / "trained" / workload / name
