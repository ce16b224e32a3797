"""Trains a classifier: embeddings of texts, and a logistic head over them."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.default_embedder import EMBEDDER_NAME, find_embedder
from models.engines.classifier.embedding import Embedded, SentenceEmbedder, weights_digest_of
from models.engines.classifier.files import ClassifierCard, write_classifier
from models.engines.classifier.guess import Guess
from models.engines.classifier.head import Head, HeadKind
from models.errors import Interrupted
from models.evaluation.calibration import calibrate
from models.evaluation.intervals import share
from models.evaluation.scores import Share
from models.training.answers import (
    Answer,
    Resolved,
    as_answer,
    find_classes,
    resolve_answers,
    say_left_out,
    say_rare,
)
from models.training.calibrated import NEVER, calibrate_head
from models.training.examples import Example, Side
from models.training.logistic import Matrix, cross_fit, fit_logistic

_SAY_EVERY = 1_000
"""Texts between two words on how far it is."""


@dataclass(frozen=True, slots=True)
class ClassifierJob:
    """What to train: `kind` and `labels` of the workload, examples of both sides, where to write, and the embedding model.

    `embedder`: folder of an embedding model, None: the default one (`models/default_embedder.py`). `precision`: the share of right answers among
    served records that the threshold aims at.
    """

    kind: HeadKind
    labels: tuple[str, ...]
    train: Sequence[Example]
    holdout: Sequence[Example]
    folder: Path
    cache_dir: Path
    embedder: Path | None = None
    seed: int = 0
    precision: float = 0.95


@dataclass(frozen=True, slots=True)
class TrainedClassifier:
    """What came of it: `accuracy` on the hold-out over all of it, `served` those above the threshold and `served_right` of them.

    `calibration_error`: the expected calibration error on the hold-out. `base`: name of the embedding model. `weights_digest` of what was written.
    """

    base: str
    weights_digest: str
    accuracy: Share
    threshold: float
    served: Share
    served_right: Share
    calibration_error: float


def train_classifier(
    job: ClassifierJob, say: Callable[[str], None], stop: Callable[[], bool] = lambda: False
) -> TrainedClassifier:
    """Train, measure on the hold-out, and write the head into the job's folder.

    Raises `UsageError` in one line for one class only, too few examples, and an embedding model that is not there, `OutputError` for a full
    disk; `Interrupted` where `stop` turns true.
    """
    train, holdout = (_resolve(job, side, say) for side in ("train", "holdout"))
    classes = find_classes(job.kind, job.labels, train)
    say_rare(job.labels, train, say)
    source = find_embedder(job.cache_dir) if job.embedder is None else job.embedder
    base = EMBEDDER_NAME if job.embedder is None else source.resolve().name
    digest = weights_digest_of(source)
    embedded = embed_texts(source, (*train.texts, *holdout.texts), say, stop)
    count = len(train.texts)
    head, threshold = fit_head(job, classes, embedded.vectors[:count], train.answers, lambda: _heed(stop))
    if threshold >= NEVER:
        say(
            f"no confidence keeps {job.precision:.0%} right answers among {count:,} examples: the classifier would serve nothing; "
            "label more, or aim at less"
        )
    tested = Embedded(embedded.vectors[count:], embedded.tokens[count:])
    trained = measure_head(base, head, threshold, tested, holdout.answers)
    card = ClassifierCard(
        kind=job.kind,
        labels=job.labels,
        classes=classes,
        embedder=base,
        embedder_digest=digest,
        embedder_folder=None if job.embedder is None else str(source.resolve()),
        temperature=head.temperature,
        slope=head.platt[0],
        intercept=head.platt[1],
        threshold=threshold,
    )
    written = write_classifier(job.folder, head, card)
    return replace(trained, weights_digest=written.weights_digest)


def embed_texts(
    folder: Path, texts: Sequence[str], say: Callable[[str], None], stop: Callable[[], bool]
) -> Embedded:
    """Load an embedding model and embed texts with it, saying how far it is."""
    embedder = SentenceEmbedder(folder)
    said = 0

    def go_on(done: int) -> None:
        nonlocal said
        _heed(stop)
        if done >= said + _SAY_EVERY:
            said = done
            say(f"{done:,} of {len(texts):,} texts embedded")

    try:
        return embedder.embed(texts, go_on)
    finally:
        embedder.close()


def fit_head(
    job: ClassifierJob,
    classes: tuple[str, ...],
    vectors: Matrix,
    answers: Sequence[Answer],
    go_on: Callable[[], None] = lambda: None,
) -> tuple[Head, float]:
    """Fit a head over embedded examples with the ridge that cross-validation chooses, calibrated; return it with its threshold."""
    truths = _truths(classes, answers)
    crossed = cross_fit(job.kind, vectors, truths, job.seed, go_on)
    calibration = calibrate_head(job.kind, crossed.sums, truths[crossed.rows], job.precision)
    go_on()
    fitted = fit_logistic(job.kind, vectors, truths, crossed.strength)
    head = Head(job.kind, classes, fitted.weights, fitted.bias, calibration.temperature, calibration.platt)
    return head, calibration.threshold


def _resolve(job: ClassifierJob, side: Side, say: Callable[[str], None]) -> Resolved:
    examples = job.train if side == "train" else job.holdout
    if any(one.side != side for one in examples):
        msg = f"an example of the other side is among those of {side}"
        raise ValueError(msg)
    resolved = resolve_answers(job.kind, job.labels, examples)
    say_left_out(resolved, say)
    return resolved


def _truths(classes: Sequence[str], answers: Sequence[Answer]) -> Matrix:
    """Return 1 where a row has a class, else 0."""
    return np.asarray([[one in answer for one in classes] for answer in answers], dtype=np.float32)


def measure_head(
    base: str, head: Head, threshold: float, tested: Embedded, answers: Sequence[Answer]
) -> TrainedClassifier:
    """Measure a head on what it has not seen."""
    guesses = head.guess(tested)
    right, served = mark_guesses(guesses, answers, threshold)
    calibration = calibrate([one.confidence for one in guesses], right)
    hits = sum(one and other for one, other in zip(served, right, strict=True))
    return TrainedClassifier(
        base=base,
        weights_digest="",
        accuracy=share(sum(right), len(right)),
        threshold=threshold,
        served=share(sum(served), len(served)),
        served_right=share(hits, sum(served)),
        calibration_error=0.0 if calibration is None else calibration.error,
    )


def mark_guesses(
    guesses: Sequence[Guess], answers: Sequence[Answer], threshold: float
) -> tuple[list[bool], list[bool]]:
    """Return of each guess whether it is the answer, and whether it is sure enough to be served."""
    right = [as_answer(one.value) == answer for one, answer in zip(guesses, answers, strict=True)]
    return right, [one.confidence >= threshold for one in guesses]


def _heed(stop: Callable[[], bool]) -> None:
    if stop():
        msg = "the training was stopped; nothing of it is kept"
        raise Interrupted(msg, signal.SIGINT)
