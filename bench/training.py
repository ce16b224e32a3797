"""How right a trained classifier is on real records, by how many labels it had, and what a teacher's errors cost: `python -m bench.training`.

Two data sets, three seeds each. What is measured on is the hold-out of the product, which no training sees: the same texts for every row. A seed
draws which labels there are, and which of them are wrong.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from time import process_time

import polars as pl

from bench.labelled import INTENTS, SENTIMENT
from bench.report import DATA, Finding, Row, publish
from models.default_embedder import EMBEDDER_NAME, find_embedder
from models.engines.classifier.embedding import Embedded, SentenceEmbedder
from models.evaluation.intervals import wilson
from models.settings import Settings
from models.training.answers import Resolved, find_classes, resolve_answers
from models.training.classifier import ClassifierJob, TrainedClassifier, fit_head, measure_head
from models.training.examples import Example

SEEDS = (1, 2, 3)
EACH: Sequence[int | None] = (5, 10, 40, None)
WRONG = (0.1, 0.2)
AIM, LOWER_AIM, LOWEST_AIM = 0.95, 0.9, 0.8
SETS = (("77 intents", INTENTS, "intent"), ("sentiment", SENTIMENT, "sentiment"))
NOTES = [
    "accuracy: mean over the seeds on the hold-out, lowest and highest seed beside it; low and high: Wilson's 95 % interval of that mean.",
    "served: share of the hold-out above the threshold that training chose for `aim` right ones, and how many of these are right.",
    "wrong: share of the training labels that were replaced by another label, drawn evenly. The hold-out's labels are the data sets' own.",
    "fit_s: CPU seconds of ridge, calibration and fit, without embedding. ece: expected calibration error on the hold-out.",
]


@dataclass(frozen=True, slots=True)
class EmbeddedSet:
    """A data set with the vectors of its texts, by side."""

    name: str
    labels: tuple[str, ...]
    train: Resolved
    train_vectors: Embedded
    holdout: Resolved
    holdout_vectors: Embedded
    cpu_ms: float


def load(name: str, path: Path, column: str, embedder: SentenceEmbedder) -> EmbeddedSet:
    """Read a data set, give each text one label, and embed it."""
    rows = pl.read_parquet(path, columns=["text", column])
    labels = tuple(sorted(rows[column].unique()))
    sides: dict[str, list[Example]] = defaultdict(list)
    for text, label in rows.iter_rows():
        example = Example(text, label, "labels")
        sides[example.side].append(example)
    train, holdout = (resolve_answers("label", labels, sides[side]) for side in ("train", "holdout"))
    begun = process_time()
    vectors = embedder.embed(train.texts), embedder.embed(holdout.texts)
    cpu_ms = 1000 * (process_time() - begun) / (len(train.texts) + len(holdout.texts))
    return EmbeddedSet(name, labels, train, vectors[0], holdout, vectors[1], cpu_ms)


def draw(sample: EmbeddedSet, each: int | None, wrong: float, seed: int) -> tuple[list[int], list[str]]:
    """Draw `each` examples of a label (None: all), and replace a share of their labels by others."""
    random = Random(seed)  # noqa: S311  no secret is made of it
    found = [next(iter(answer)) for answer in sample.train.answers]
    places: dict[str, list[int]] = defaultdict(list)
    for at, label in enumerate(found):
        places[label].append(at)
    chosen = [
        at
        for label in sorted(places)
        for at in (
            places[label] if each is None else random.sample(places[label], min(each, len(places[label])))
        )
    ]
    given = [found[at] for at in chosen]
    for at in random.sample(range(len(given)), round(wrong * len(given))):
        given[at] = random.choice([label for label in sample.labels if label != given[at]])
    return chosen, given


def train_once(
    sample: EmbeddedSet, each: int | None, wrong: float, seed: int, precision: float
) -> tuple[TrainedClassifier, int, float]:
    """Train on a drawn part and measure on the whole hold-out; return the CPU seconds and the number of examples as well."""
    chosen, given = draw(sample, each, wrong, seed)
    answers = [frozenset((label,)) for label in given]
    texts = tuple(sample.train.texts[at] for at in chosen)
    classes = find_classes("label", sample.labels, Resolved(texts, tuple(answers), 0, 0, 0))
    here = Path()
    job = ClassifierJob("label", sample.labels, (), (), here, here, seed=seed, precision=precision)
    begun = process_time()
    head, threshold = fit_head(job, classes, sample.train_vectors.vectors[chosen], answers)
    seconds = process_time() - begun
    found = measure_head(EMBEDDER_NAME, head, threshold, sample.holdout_vectors, sample.holdout.answers)
    return found, len(chosen), seconds


def row_of(sample: EmbeddedSet, each: int | None, wrong: float, precision: float) -> Row:
    """Train with each seed and return what they come to."""
    runs = [train_once(sample, each, wrong, seed, precision) for seed in SEEDS]
    found = [trained for trained, _, _ in runs]
    right = [one.accuracy.count / one.accuracy.of for one in found]
    of = len(sample.holdout.texts)
    interval = wilson(fmean(right) * of, of)
    served, served_right = (
        sum(one.served.count for one in found),
        sum(one.served_right.count for one in found),
    )
    return {
        "set": sample.name,
        "labels_each": each or "all",
        "examples": runs[0][1],
        "wrong": wrong,
        "aim": precision,
        "held_out": of,
        "accuracy": fmean(right),
        "lowest": min(right),
        "highest": max(right),
        **({} if interval is None else {"low": interval.low, "high": interval.high}),
        "served": served / (of * len(SEEDS)),
        "served_right": served_right / served if served else None,
        "ece": fmean(one.calibration_error for one in found),
        "fit_s": fmean(seconds for _, _, seconds in runs),
    }


def rows_of(sample: EmbeddedSet) -> Iterator[Row]:
    """Yield the rows of a data set: fewer and more labels, wrong ones, and lower aims."""
    for each in EACH:
        yield row_of(sample, each, 0.0, AIM)
    for wrong in WRONG:
        yield row_of(sample, None, wrong, AIM)
    yield row_of(sample, None, 0.0, LOWER_AIM)
    yield row_of(sample, None, WRONG[0], LOWEST_AIM)


def main() -> int:
    """Measure both data sets; print the table and write the JSON."""
    if not DATA.is_dir():
        print("skipped: the labelled data sets are not on this machine")
        return 0
    embedder = SentenceEmbedder(find_embedder(Settings().cache_dir))
    rows: list[Row] = []
    embedding = {}
    for name, path, column in SETS:
        sample = load(name, path, column, embedder)
        embedding[name] = round(sample.cpu_ms, 2)
        rows += rows_of(sample)
    facts = {"embedder": EMBEDDER_NAME, "seeds": SEEDS, "embedding_cpu_ms_a_text": embedding}
    notes = (*NOTES, f"embedding, CPU milliseconds a text: {embedding}")
    publish(Finding("training", "Trained classifiers on real records", rows, facts, notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
