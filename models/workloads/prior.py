"""The prior of a model over a workload's labels: measured data, and how it is divided out."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from models.errors import UsageError

LEAST_PROBABILITY = 1e-6
"""A label's probability is never taken for smaller: below this it is the engine's rounding."""


@dataclass(frozen=True, slots=True)
class LabelPrior:
    """What `model` answers before it has read the text, as far as a sample shows it.

    `weights` sum to 1 over the labels; `records` is the size of the sample, `fitted` its date.
    """

    model: str
    prompt_version: str
    fitted: date
    records: int
    sample: str
    weights: Mapping[str, float]


def load_prior(workload: str, prompt_version: str, model: str | None) -> LabelPrior | None:
    """Return the prior measured for this model and prompt version, or None if none was.

    Raises `UsageError` for a file of priors that cannot be read.
    """
    measured = read_priors(prior_file(workload)) if model is not None else []
    return next((p for p in measured if (p.model, p.prompt_version) == (model, prompt_version)), None)


def divide_out_prior(probabilities: Mapping[str, float], prior: LabelPrior) -> dict[str, float]:
    """Divide the prior out of label probabilities; the result sums to 1, in the prior's order of labels."""
    ratios = {
        label: max(probabilities.get(label, 0.0), LEAST_PROBABILITY) / weight
        for label, weight in prior.weights.items()
    }
    total = sum(ratios.values())
    return {label: ratio / total for label, ratio in ratios.items()}


def prior_file(workload: str) -> Path:
    """Return the file of a workload's measured priors."""
    return Path(__file__).parent / f"{workload}_prior.toml"


def read_priors(path: Path) -> list[LabelPrior]:
    """Read measured priors, none where there is no file. Raises `UsageError` for one that cannot be read."""
    if not path.is_file():
        return []
    try:
        return [LabelPrior(**entry) for entry in tomllib.loads(path.read_text("utf-8"))["prior"]]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        msg = f"{path.name} cannot be read ({error}); restore it or run `python -m bench.accuracy fit-prior`"
        raise UsageError(msg) from error
