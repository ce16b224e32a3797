"""The prior of a model over a workload's labels: measured data, and how it is divided out. Pure but for one read."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from math import exp, log

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
    """Return the prior measured for this model and prompt version, or None if none was."""
    source = files("models.workloads").joinpath(f"{workload}_prior.toml")
    if model is None or not source.is_file():
        return None
    try:
        entries = [LabelPrior(**entry) for entry in tomllib.loads(source.read_text("utf-8"))["prior"]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        msg = f"{source.name} is broken ({error}); restore it or run `python bench/accuracy.py fit-prior`"
        raise UsageError(msg) from error
    return next((p for p in entries if (p.model, p.prompt_version) == (model, prompt_version)), None)


def fit_weights(distributions: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Geometric mean of label distributions, normalised to sum to 1. Needs at least one."""
    means = {
        label: sum(log(max(one[label], LEAST_PROBABILITY)) for one in distributions) / len(distributions)
        for label in distributions[0]
    }
    total = sum(map(exp, means.values()))
    return {label: exp(mean) / total for label, mean in means.items()}


def corrected(probabilities: Mapping[str, float], prior: LabelPrior) -> dict[str, float]:
    """Divide the prior out of label probabilities; the result sums to 1, in the prior's order of labels."""
    ratios = {
        label: max(probabilities.get(label, 0.0), LEAST_PROBABILITY) / weight
        for label, weight in prior.weights.items()
    }
    total = sum(ratios.values())
    return {label: ratio / total for label, ratio in ratios.items()}
