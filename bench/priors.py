"""Fits a model's prior over labels and keeps it beside its workload."""

import json
from collections.abc import Mapping, Sequence
from math import exp, log
from pathlib import Path

from models.workloads.prior import LEAST_PROBABILITY, LabelPrior, prior_file, read_priors


def fit_weights(distributions: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Geometric mean of label distributions, normalised to sum to 1. Needs at least one."""
    means = {
        label: sum(log(max(one[label], LEAST_PROBABILITY)) for one in distributions) / len(distributions)
        for label in distributions[0]
    }
    total = sum(map(exp, means.values()))
    return {label: exp(mean) / total for label, mean in means.items()}


def write_prior(workload: str, prior: LabelPrior) -> Path:
    """Keep a prior beside its workload, in place of one for the same model and prompt; return the file."""
    path = prior_file(workload)
    same = (prior.model, prior.prompt_version)
    kept = [one for one in read_priors(path) if (one.model, one.prompt_version) != same]
    text = "\n".join(map(_toml, [*kept, prior]))
    path.write_text(f"# Measured, not written: python -m bench.accuracy fit-prior\n\n{text}", "utf-8")
    return path


def _toml(prior: LabelPrior) -> str:
    weights = "\n".join(f"{json.dumps(label)} = {weight!r}" for label, weight in prior.weights.items())
    return (
        f"[[prior]]\nmodel = {json.dumps(prior.model)}\nprompt_version = {json.dumps(prior.prompt_version)}\n"
        f"fitted = {prior.fitted.isoformat()}\nrecords = {prior.records}\n"
        f"sample = {json.dumps(prior.sample)}\n[prior.weights]\n{weights}\n"
    )
