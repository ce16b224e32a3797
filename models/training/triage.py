"""Trains triage: a second logistic head on the classifier's embedding, which says whether the small model's answer will be right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from models.default_embedder import EMBEDDER_NAME, find_embedder
from models.engines.classifier.embedding import weights_digest_of
from models.engines.classifier.files import ClassifierCard, write_classifier
from models.engines.classifier.head import Head, Numbers, probabilities
from models.errors import UsageError
from models.evaluation.calibration import calibrate, logit
from models.evaluation.intervals import share
from models.evaluation.logistic import fit
from models.evaluation.scores import Share
from models.training.classifier import embed_texts
from models.training.examples import Example
from models.training.logistic import Matrix, cross_fit, fit_logistic

Difficulty = Literal["simple", "complex"]
SIMPLE: Difficulty = "simple"
COMPLEX: Difficulty = "complex"
DIFFICULTIES = (SIMPLE, COMPLEX)
"""What triage answers: whether the small model's answer will be right, or wrong."""
LEAST_EXAMPLES = 5
"""Of each of the two, so that it is learnt and measured on some."""
MORE_LIKELY = 0.5
"""Where no threshold is chosen: a record that the small model is more likely wrong on than right goes past it."""


@dataclass(frozen=True, slots=True)
class TriageJob:
    """What to train: examples of both sides, whose answer is a `Difficulty`, where to write, and the embedding model's folder (None: the default one)."""

    train: Sequence[Example]
    holdout: Sequence[Example]
    folder: Path
    cache_dir: Path
    seed: int = 0
    embedder: Path | None = None


@dataclass(frozen=True, slots=True)
class TrainedTriage:
    """What came of it, on the hold-out: `accuracy` of its guesses, `right` the small model's own.

    `passed`: those that would go past the small model, `passed_wrong` those of them on which it is wrong. `calibration_error` of the
    probability. `weights_digest` of what was written.
    """

    weights_digest: str
    accuracy: Share
    right: Share
    passed: Share
    passed_wrong: Share
    calibration_error: float


def check_examples(name: str, model: str, train: Sequence[Example]) -> None:
    """See that there is something to learn from. Raises `UsageError` in one line; `model` is the one whose errors are learnt."""
    right = sum(one.answer == SIMPLE for one in train)
    wrong = len(train) - right
    if train and not (right and wrong):
        which = "right" if right else "wrong"
        instead = (
            "no triage is needed"
            if right
            else f'send all records of {name} to the API instead (not_viable = "api")'
        )
        msg = f"{model} is {which} on all {len(train):,} examples of {name}: there is nothing to tell apart, {instead}"
        raise UsageError(msg)
    if min(right, wrong) < LEAST_EXAMPLES:
        msg = (
            f"{len(train):,} examples of {name} are too few: {model} is right on {right:,} and wrong on {wrong:,}, and triage needs "
            f"{LEAST_EXAMPLES} of each at least; evaluate on more labels (`breakeven evaluate {name} --labels FILE`), or audit more"
        )
        raise UsageError(msg)


def train_triage(
    job: TriageJob, say: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> TrainedTriage:
    """Train, measure on the hold-out, and write head and figures into the job's folder.

    Raises `UsageError` in one line for an embedding model that is not there, `OutputError` for a full disk; `Interrupted` where `stop` turns true.
    """
    source = find_embedder(job.cache_dir) if job.embedder is None else job.embedder
    texts = [one.text for one in (*job.train, *job.holdout)]
    embedded = embed_texts(source, texts, say, stop)
    count = len(job.train)
    head = fit_triage(embedded.vectors[:count], [one.answer == SIMPLE for one in job.train], job.seed)
    if not head.weights.any():
        say(
            "nothing in a text says whether the small model will be right: this triage lets every record pass alike"
        )
    found = measure_triage(head, embedded.vectors[count:], [one.answer == SIMPLE for one in job.holdout])
    card = ClassifierCard(
        kind="label",
        labels=DIFFICULTIES,
        classes=DIFFICULTIES,
        embedder=EMBEDDER_NAME if job.embedder is None else source.resolve().name,
        embedder_digest=weights_digest_of(source),
        embedder_folder=None if job.embedder is None else str(source.resolve()),
        temperature=1.0,
        slope=1.0,
        intercept=0.0,
        threshold=MORE_LIKELY,
    )
    digest = write_classifier(job.folder, head, card).weights_digest
    return TrainedTriage(
        digest, found.accuracy, found.right, found.passed, found.passed_wrong, found.calibration_error
    )


def fit_triage(vectors: Matrix, right: Sequence[bool], seed: int = 0) -> Head:
    """Fit a head whose probability of `simple` is that of the small model being right.

    Platt's line on cross-fitted predictions is put into its weights. Where it would fall, nothing is known: the probability is then the same for every text.
    """
    truths = np.asarray([[one, not one] for one in right], np.float32)
    crossed = cross_fit("label", vectors, truths, seed)
    chance = _ahead(crossed.sums)
    slope, intercept = fit(chance.tolist(), [bool(one) for one in truths[crossed.rows, 0]])
    fitted = fit_logistic("label", vectors, truths, crossed.strength)
    if slope <= 0:
        slope, intercept = 0.0, logit(float(np.mean(right)))
    bias = slope * fitted.bias + np.asarray([intercept, 0.0], np.float32)
    return Head("label", DIFFICULTIES, (slope * fitted.weights).astype(np.float32), bias.astype(np.float32))


def chances(head: Head, vectors: Matrix) -> Numbers:
    """Return the probability that the small model is right, for each vector."""
    return probabilities("label", head.sums(vectors), head.temperature)[:, 0]


def measure_triage(head: Head, vectors: Matrix, right: Sequence[bool]) -> TrainedTriage:
    """Measure a head on what it has not seen."""
    found = chances(head, vectors).tolist()
    passed = [one < MORE_LIKELY for one in found]
    hits = sum((not gone) == ok for gone, ok in zip(passed, right, strict=True))
    wrong = sum(gone and not ok for gone, ok in zip(passed, right, strict=True))
    calibration = calibrate(found, right)
    return TrainedTriage(
        "",
        share(hits, len(right)),
        share(sum(right), len(right)),
        share(sum(passed), len(right)),
        share(wrong, sum(passed)),
        0.0 if calibration is None else calibration.error,
    )


def _ahead(sums: Numbers) -> Numbers:
    return np.asarray(sums[:, 0] - sums[:, 1])
