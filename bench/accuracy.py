"""How right the workloads are with the model that is set, on labelled real records.

`python -m bench.accuracy` measures and writes `bench/results/accuracy.json`; `python -m bench.accuracy
fit-prior` measures the model's prior over the sentiment labels and writes it beside the workload.
Nothing that is reported on was used to choose a prompt or to fit a prior.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from pydantic import BaseModel

from bench.labelled import INTENTS, SENTIMENT, Labelled, balanced, natural, product_texts, read
from bench.priors import fit_weights, write_prior
from bench.report import DATA, Finding, Row, publish
from models.engines.base import LocalEngine
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.options import VllmOptions
from models.evaluation.intervals import wilson
from models.ids import new_id
from models.machine import gpu_name
from models.requests import Completion, JsonValue, Request
from models.settings import Settings, WorkloadSettings
from models.workloads import build
from models.workloads.base import InvalidOutput, Workload
from models.workloads.prior import LabelPrior

RECORDS = 300
PRODUCTS_PER_SOURCE = 30
REPORT_SEED = 2026
FIT_SEED = 3
FIT_PER_LABEL = 100


def limits(correct: int, total: int) -> Row:
    """Return the 95 % Wilson score interval of a share, for a row."""
    interval = wilson(correct, total)
    return {} if interval is None else {"low": interval.low, "high": interval.high}


def answers(engine: LocalEngine, workload: Workload, texts: Sequence[str]) -> list[Completion]:
    """Run texts through a workload's real messages and the engine; completions in the texts' order."""
    requests = (
        Request(new_id(), str(place), workload.messages(text), workload.output_format, workload.max_tokens)
        for place, text in enumerate(texts)
    )
    done = {int(completion.request.record_key): completion for completion in engine.stream(requests)}
    return [done[place] for place in range(len(texts))]


def parsed(
    workload: Workload, texts: Sequence[str], completions: Sequence[Completion]
) -> list[BaseModel | None]:
    """Parse each completion; None where it is invalid output."""
    outputs: list[BaseModel | None] = []
    for text, completion in zip(texts, completions, strict=True):
        try:
            outputs.append(workload.parse(text, completion))
        except InvalidOutput:
            outputs.append(None)
    return outputs


def label_rows(
    workload: Workload, sample: str, records: Sequence[Labelled], completions: Sequence[Completion]
) -> list[Row]:
    """Measure one labelled sample: a row for all, and a row a label."""
    outputs = parsed(workload, [record.text for record in records], completions)
    given = [output.model_dump()["label"] if output else None for output in outputs]
    gold = [record.label for record in records]
    expected, answered = Counter(gold), Counter(given)
    hits = Counter(one for one, other in zip(gold, given, strict=True) if one == other)
    head = {"workload": workload.name, "prompt_version": workload.prompt_version, "sample": sample}
    total = {"records": len(records), "correct": hits.total(), "accuracy": hits.total() / len(records)}
    rows: list[Row] = [{**head, "label": "(all)", **total, **limits(hits.total(), len(records))}]
    for label in sorted(expected):
        counts = {
            "records": expected[label],
            "correct": hits[label],
            "accuracy": hits[label] / expected[label],
        }
        rows.append(
            {
                **head,
                "label": label,
                **counts,
                **limits(hits[label], expected[label]),
                "answered": answered[label],
            }
        )
    return rows


def enrichment_rows(engine: LocalEngine, workload: Workload, texts: Sequence[str]) -> list[Row]:
    """Measure how many answers are valid objects, and how many attributes are stated in the text."""
    completions = answers(engine, workload, texts)
    outputs = [one.model_dump() for one in parsed(workload, texts, completions) if one is not None]
    offered = sum(
        len(cast("list[JsonValue]", completion.value["attributes"]))
        for completion in completions
        if isinstance(completion.value, dict)
    )
    tokens = [completion.usage.output_tokens for completion in completions if completion.usage]
    return [
        {
            "workload": workload.name,
            "prompt_version": workload.prompt_version,
            "sample": "abt and flipkart",
            "label": "(valid object)",
            "records": len(texts),
            "correct": len(outputs),
            "accuracy": len(outputs) / len(texts),
            **limits(len(outputs), len(texts)),
            "attributes_answered": offered,
            "attributes_stated": sum(len(output["attributes"]) for output in outputs),
            "output_tokens_mean": sum(tokens) / len(tokens),
        }
    ]


def with_table(settings: Settings, name: str, **table: object) -> Settings:
    """Return settings in which the table of a workload sets nothing but `table`."""
    return settings.model_copy(update={"workloads": {name: WorkloadSettings.model_validate(table)}})


def measure(engine: LocalEngine, settings: Settings) -> None:
    """Measure all three workloads; print the table and write the JSON."""
    sentiment = build("sentiment", settings)
    tweets = read(SENTIMENT, "sentiment", "report")
    questions = read(INTENTS, "intent", "report")
    intents = tuple(sorted({one.label for one in questions}))
    classification = build("classification", with_table(settings, "classification", labels=intents))
    enrichment = build("enrichment", settings)
    uncorrected = build("sentiment", with_table(settings, "sentiment", prior=False))
    samples = {
        "natural": natural(tweets, RECORDS, REPORT_SEED),
        "balanced": balanced(tweets, RECORDS // 3, REPORT_SEED),
    }
    rows: list[Row] = []
    for name, records in samples.items():
        completions = answers(engine, sentiment, [record.text for record in records])
        rows += label_rows(sentiment, name, records, completions)
        rows += label_rows(uncorrected, f"{name}, prior not corrected", records, completions)
    tickets = natural(questions, RECORDS, REPORT_SEED)
    completions = answers(engine, classification, [record.text for record in tickets])
    rows += [
        *label_rows(classification, f"{len(intents)} intents", tickets, completions),
        *enrichment_rows(engine, enrichment, product_texts(PRODUCTS_PER_SOURCE, REPORT_SEED, "report")),
    ]
    facts = {"model": engine.model, "seed": settings.seed, "sample_seed": REPORT_SEED}
    notes = (
        "low and high: 95 % Wilson interval. answered: how often the label was given.",
        "The records reported on were not used to choose prompts or to fit the prior.",
    )
    publish(Finding("accuracy", f"Accuracy of {engine.model}", rows, facts, notes))


def fit_prior(engine: LocalEngine, settings: Settings) -> None:
    """Measure the model's prior over the sentiment labels and write it beside the workload."""
    workload = build("sentiment", settings)
    records = balanced(read(SENTIMENT, "sentiment", "develop"), FIT_PER_LABEL, FIT_SEED)
    completions = answers(engine, workload, [record.text for record in records])
    known = [one.label_probabilities for one in completions if one.label_probabilities is not None]
    prior = LabelPrior(
        model=engine.model,
        prompt_version=workload.prompt_version,
        fitted=datetime.now(UTC).date(),
        records=len(known),
        sample=f"{SENTIMENT.stem}, development half, equally many of each label",
        weights=fit_weights(known),
    )
    path = write_prior(workload.name, prior)
    print(f"{path.name}: " + ", ".join(f"{label} {weight:.4f}" for label, weight in prior.weights.items()))


def main() -> int:
    """Load the model that is set and do what was asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("measure", "fit-prior"), default="measure")
    what = parser.parse_args().what
    if not DATA.is_dir():
        print("skipped: the labelled data sets are not on this machine")
        return 0
    settings = Settings()
    engine = VllmEngine(VllmOptions.from_settings(settings, on_cpu=gpu_name() is None))
    try:
        (measure if what == "measure" else fit_prior)(engine, settings)
    finally:
        engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
