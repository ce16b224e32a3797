"""The prior of a model over a workload's labels: measured data, and how it is divided out."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, log
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
    measured = _read(_file(workload)) if model is not None else []
    return next((p for p in measured if (p.model, p.prompt_version) == (model, prompt_version)), None)


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


def write_prior(workload: str, prior: LabelPrior) -> Path:
    """Keep a prior beside its workload, in place of one for the same model and prompt; return the file."""
    path = _file(workload)
    same = (prior.model, prior.prompt_version)
    kept = [one for one in _read(path) if (one.model, one.prompt_version) != same]
    text = "\n".join(map(_toml, [*kept, prior]))
    path.write_text(f"# Measured, not written: python -m bench.accuracy fit-prior\n\n{text}", "utf-8")
    return path


def _file(workload: str) -> Path:
    return Path(__file__).parent / f"{workload}_prior.toml"


def _read(path: Path) -> list[LabelPrior]:
    if not path.is_file():
        return []
    try:
        return [LabelPrior(**entry) for entry in tomllib.loads(path.read_text("utf-8"))["prior"]]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        msg = f"{path.name} cannot be read ({error}); restore it or run `python -m bench.accuracy fit-prior`"
        raise UsageError(msg) from error


def _toml(prior: LabelPrior) -> str:
    weights = "\n".join(f"{json.dumps(label)} = {weight!r}" for label, weight in prior.weights.items())
    return (
        f"[[prior]]\nmodel = {json.dumps(prior.model)}\nprompt_version = {json.dumps(prior.prompt_version)}\n"
        f"fitted = {prior.fitted.isoformat()}\nrecords = {prior.records}\n"
        f"sample = {json.dumps(prior.sample)}\n[prior.weights]\n{weights}\n"
    )
