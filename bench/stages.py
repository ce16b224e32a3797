"""A cascade on real records: a classifier that is trained here, a small model with an adapter, and an API behind them.

`python -m bench.stages [--seeds 3] [--adapters FOLDER]`: below the folder lie the models that `python -m bench.training_adapter --prompts short --keep FOLDER`
trained with the same seeds; without it there is no small model. Both label sets of `../shared/data`, held-out texts only. The classifier is trained by the product's own code and answers on one core, which costs
what the catalogue says. No API can be asked here: what stands for it is right on a known part of the records, drawn by a seed, and costs what a
small API model does for the workload's prompt and each text.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from bench.labelled import Labelled, natural, read
from bench.report import DATA, Finding, Row, publish
from bench.trained_small import answer
from bench.training_adapter import SETS, AdapterSet
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
WITH_SMALL = 800
"""Held-out records where a small model answers them as well."""
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
    "Held-out texts only (a fifth, by hash); all others trained the classifier and were there for the adapter. Accuracy with Wilson's interval.",
    "together: accuracy, ratio and interval on records that chose no threshold; usd_per_1000 and seconds of what was chosen on all.",
]


def measure(name: str, one: AdapterSet, seed: int, adapters: Path | None) -> Iterator[Row]:
    """Train on one side, answer the other, and choose. `adapters`: where the merged models of the small stage lie."""
    rows = [*read(one.path, one.column, "develop"), *read(one.path, one.column, "report")]
    labels = tuple(sorted({row.label for row in rows}))
    examples = [Example(row.text, row.label, "labels") for row in rows]
    held = [Labelled(row.text, str(row.answer)) for row in examples if row.side == "holdout"]
    if adapters is not None:
        held = natural(held, WITH_SMALL, seed)
    stages = list(_stages(name, one, seed, adapters, labels, examples, held))
    yield from (_alone(name, seed, stage) for stage in stages)
    for keep in KEEPS:
        found = choose_cascade(stages, keep, seed)
        if found is not None:
            yield _whole(name, seed, keep, found)


def _stages(
    name: str,
    one: AdapterSet,
    seed: int,
    adapters: Path | None,
    labels: tuple[str, ...],
    examples: Sequence[Example],
    held: Sequence[Labelled],
) -> Iterator[StageAnswers]:
    settings = Settings.model_validate(
        {
            "workloads": {name: {"labels": list(labels)}} if name == "classification" else {},
            "api_model": API_MODEL,
        }
    )
    rate = engine_machine(settings, None).nano_usd_per_hour
    with tempfile.TemporaryDirectory() as folder:
        guesses, seconds = classify(Path(folder), labels, examples, held, seed)
    right = [guess.value == row.label for guess, row in zip(guesses, held, strict=True)]
    sure = [guess.confidence for guess in guesses]
    yield StageAnswers("classifier", right, sure, seconds * rate / 3600, seconds)
    if adapters is not None:
        merged = adapters / f"{one.column}-short-{seed}" / "merged"
        small = answer(merged, one.prompt, labels, [row.text for row in held])
        right = [label == row.label for label, row in zip(small.labels, held, strict=True)]
        yield StageAnswers("small", right, small.confidences, small.seconds * rate / 3600, small.seconds)
    random = Random(seed)  # noqa: S311  no secret is made of it
    right = [random.random() < API_RIGHT[name] for _ in held]
    nano = api_nano(build(name, settings), settings, held)
    yield StageAnswers("api", right, [None] * len(held), nano, API_SECONDS)


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
    interval = found.interval
    stages = {stage: found.stage(stage) for stage in ("classifier", "small")}
    return {
        **_named(name, seed, f"together, {keep:g} kept", found.accuracy),
        **{f"{stage}_serves": 0.0 if used is None else used.served.value for stage, used in stages.items()},
        **{f"{stage}_sure_from": None if used is None else used.threshold for stage, used in stages.items()},
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
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--adapters", type=Path)
    given = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is not there: the real data sets are read from it")
    sets = zip(("classification", "sentiment"), SETS, strict=True)
    rows = [
        row
        for name, one in sets
        for seed in range(given.seeds)
        for row in measure(name, one, seed, given.adapters)
    ]
    used = {"seeds": given.seeds, "keep": KEEPS, "api": API_MODEL, "api_right": API_RIGHT}
    publish(
        Finding(
            "stages",
            "Classifier, small model and API one after the other, on real records",
            rows,
            used,
            NOTES,
        )
    )


if __name__ == "__main__":
    main()
