"""Triage over a tiny encoder: trained, written, and read again beside a classifier that shares the encoder."""

from dataclasses import replace
from pathlib import Path

from models.training.classifier import ClassifierJob, TrainedClassifier
from models.training.triage import COMPLEX, SIMPLE, TriageJob, train_triage
from tasks.runtime.shared_classifier import SharedClassifier
from tests.integration.classifier.test_classifier import LABELS, encoder, trained

__all__ = ["encoder", "trained"]


def test_it_answers_as_it_was_measured_and_reads_no_text_twice(
    encoder: Path,
    trained: tuple[ClassifierJob, TrainedClassifier],
) -> None:
    """Of texts that say it the small model's errors are told; in one process the classifier's reading serves both."""
    job, _ = trained
    train, holdout = (
        [replace(one, answer=COMPLEX if one.answer == LABELS[1] else SIMPLE) for one in side]
        for side in (job.train, job.holdout)
    )
    folder = job.folder.parent / "triage-1a2b3c4d"
    said: list[str] = []
    told = train_triage(TriageJob(train, holdout, folder, job.cache_dir, embedder=encoder), said.append)
    wrong = sum(one.answer == COMPLEX for one in holdout)
    assert (told.accuracy.value, told.passed.count, told.passed_wrong.value) == (1.0, wrong, 1.0)
    shared, texts = SharedClassifier(), [one.text for one in holdout]
    classifier = shared.get(job.folder, job.folder.name, job.cache_dir)
    triage = shared.get(folder, folder.name, job.cache_dir)
    assert shared.get(job.folder, job.folder.name, job.cache_dir) is classifier
    assert all(guess.tokens for guess in classifier.classify(texts))
    guesses = triage.classify(texts)
    assert {guess.tokens for guess in guesses} == {0}
    assert [guess.value for guess in guesses] == [one.answer for one in holdout]
    assert [guess.probabilities[SIMPLE] >= 0.5 for guess in guesses] == [
        one.answer == SIMPLE for one in holdout
    ]
    assert shared.lap().load_ns > 0
    shared.close()
