"""A cascade on real records: a classifier that is trained here, and an API behind it. `python -m bench.stages [SEEDS]`.

Both label sets of `../shared/data`, held-out texts only. The classifier is trained by the product's own code and answers on one core, which costs
what the catalogue says. No API can be asked here: what stands for it is right on a known part of the records, drawn by a seed, and costs what a
small API model does for the workload's prompt and each text.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from bench.labelled import INTENTS, SENTIMENT, Labelled, read
from bench.report import DATA, Finding, Row, publish
from models.catalogue.rates import engine_machine
from models.economics.pricing import prices_of, request_cost_nano
from models.engines.classifier.engine import load_classifier
from models.engines.classifier.guess import Guess
from models.evaluation.cascade import Cascade, StageAnswers, choose_cascade
from models.evaluation.intervals import share
from models.evaluation.scores import Share
from models.requests import Usage
from models.settings import Settings
from models.tokens import counter_of
from models.training.classifier import ClassifierJob, train_classifier
from models.training.examples import Example
from models.workloads import build
from models.workloads.base import Workload

SEEDS, API_MODEL = 3, "gpt-4.1-mini"
KEEPS = (0.9, 1.0)
"""Parts of the API's accuracy that are to be kept; at 1 the whole is surely no worse than the API."""
API_RIGHT = {"classification": 0.95, "sentiment": 0.9}
"""Share of the records that what stands for the API has right."""
API_SECONDS = 0.6
PRICED = 300
"""Texts whose tokens are counted."""
CACHE = Path(".cache")
NOTES = [
    f"API: simulated, right on {API_RIGHT['classification']:.0%} of the intents and {API_RIGHT['sentiment']:.0%} of the sentiments; the price of {API_MODEL} at once.",
    "Held-out texts only (a fifth, by hash); all others trained the classifier. Accuracy with Wilson's interval.",
    "together: accuracy, ratio and interval on records that chose no threshold; usd_per_1000 and seconds of what was chosen on all.",
]


def measure(name: str, path: Path, column: str, seed: int) -> Iterator[Row]:
    """Train on one side, answer the other, and choose."""
    rows = [*read(path, column, "develop"), *read(path, column, "report")]
    labels = tuple(sorted({row.label for row in rows}))
    settings = Settings.model_validate(
        {
            "workloads": {name: {"labels": list(labels)}} if name == "classification" else {},
            "api_model": API_MODEL,
        }
    )
    examples = [Example(row.text, row.label, "labels") for row in rows]
    held = [Labelled(one.text, str(one.answer)) for one in examples if one.side == "holdout"]
    with tempfile.TemporaryDirectory() as folder:
        guesses, seconds = classify(Path(folder), labels, examples, held, seed)
    rate = engine_machine(settings, None).nano_usd_per_hour
    random = Random(seed)  # noqa: S311  no secret is made of it
    stages = [
        StageAnswers(
            "classifier",
            [guess.value == row.label for guess, row in zip(guesses, held, strict=True)],
            [guess.confidence for guess in guesses],
            seconds * rate / 3600,
            seconds,
        ),
        StageAnswers(
            "api",
            [random.random() < API_RIGHT[name] for _ in held],
            [None] * len(held),
            api_nano(build(name, settings), settings, held),
            API_SECONDS,
        ),
    ]
    yield from (_alone(name, seed, one) for one in stages)
    for keep in KEEPS:
        found = choose_cascade(stages, keep, seed)
        if found is not None:
            yield _whole(name, seed, keep, found)


def classify(
    folder: Path, labels: tuple[str, ...], examples: Sequence[Example], held: Sequence[Labelled], seed: int
) -> tuple[list[Guess], float]:
    """Train a classifier and let it answer; return what it says, and the processor time of a text in seconds."""
    train, holdout = ([one for one in examples if one.side == side] for side in ("train", "holdout"))
    train_classifier(ClassifierJob("label", labels, train, holdout, folder, CACHE, seed=seed), lambda _: None)
    loaded = load_classifier(folder, "classifier-bench", CACHE)
    loaded.classify([row.text for row in held[:64]])  # the first batch pays for what is made once
    before = time.process_time()
    guesses = loaded.classify([row.text for row in held])
    took = time.process_time() - before
    loaded.close()
    return guesses, took / len(held)


def api_nano(workload: Workload, settings: Settings, held: Sequence[Labelled]) -> float:
    """Return what a record costs on the API, nano-dollars, without its cache."""
    counter = counter_of(API_MODEL, CACHE)
    price = prices_of(settings)[-1]
    some = held[:PRICED]
    costs = [
        request_cost_nano(
            price,
            Usage(counter.input_tokens(workload.messages(row.text)), 0, counter.output_tokens(row.label)),
        )
        for row in some
    ]
    return sum(costs) / len(costs)


def _alone(name: str, seed: int, stage: StageAnswers) -> Row:
    return {
        **_named(name, seed, stage.name, share(sum(stage.right), len(stage.right))),
        "usd_per_1000": (stage.nano or 0.0) / 1e6,
        "seconds_per_1000": 1000 * stage.seconds,
    }


def _whole(name: str, seed: int, keep: float, found: Cascade) -> Row:
    interval, classifier = found.interval, found.stage("classifier")
    return {
        **_named(name, seed, f"together, {keep:g} kept", found.accuracy),
        "classifier_serves": 0.0 if classifier is None else classifier.served.value,
        "sure_from": None if classifier is None else classifier.threshold,
        "usd_per_1000": None if found.nano_per_thousand is None else found.nano_per_thousand / 1e9,
        "seconds_per_1000": found.seconds_per_thousand,
        "ratio": found.ratio,
        "ratio_low": None if interval is None else interval.low,
        "ratio_high": None if interval is None else interval.high,
    }


def _named(name: str, seed: int, stage: str, right: Share) -> dict[str, object]:
    interval = right.interval
    return {
        "workload": name,
        "seed": seed,
        "stage": stage,
        "records": right.of,
        "accuracy": right.value,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
    }


def main() -> None:
    """Measure both sets with some seeds."""
    if not DATA.exists():
        sys.exit(f"{DATA} is not there: the real data sets are read from it")
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
    sets = (("classification", INTENTS, "intent"), ("sentiment", SENTIMENT, "sentiment"))
    rows = [row for name, path, column in sets for seed in seeds for row in measure(name, path, column, seed)]
    used = {"seeds": len(seeds), "keep": KEEPS, "api": API_MODEL, "api_right": API_RIGHT}
    publish(Finding("stages", "Classifier before an API, on real records", rows, used, NOTES))


if __name__ == "__main__":
    main()
