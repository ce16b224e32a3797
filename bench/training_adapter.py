"""How right the default model is with an adapter that was trained for minutes, on held-out rows of the real data sets.

`python -m bench.training_adapter [--seconds 600] [--seeds 0 1 2]` writes `bench/results/training_adapter.json`. Held out is what `breakeven train` holds out
(`models.training.examples.side_of`); of it as many rows of each label are measured.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.labelled import INTENTS, SENTIMENT, Labelled, balanced, read
from bench.report import DATA, Finding, Row, publish
from models.default_model import model_dir
from models.requests import Message
from models.settings import Settings
from models.training.adapter import AdapterJob, train_adapter
from models.training.examples import Example
from models.workloads.label_set import show_labels


@dataclass(frozen=True, slots=True)
class AdapterSet:
    """A data set: its file and column, what the model is told, and the held-out rows of each label."""

    name: str
    path: Path
    column: str
    prompt: str
    each: int


SETS = (
    AdapterSet("77 intents", INTENTS, "intent", "Which intent does the bank's customer have?", 4),
    AdapterSet("sentiment", SENTIMENT, "sentiment", "What is the sentiment of the customer's message?", 100),
)


def measure(one: AdapterSet, seconds: float, seed: int, folder: Path, *, listed: bool) -> Row:
    """Train on one side of a set and measure on the other. `listed`: the labels stand in the prompt, as in a workload's own."""
    rows = [*read(one.path, one.column, "develop"), *read(one.path, one.column, "report")]
    examples = [Example(row.text, row.label, "labels") for row in rows]
    labels = sorted({row.label for row in rows})
    words = dict(zip(labels, show_labels(labels), strict=True))
    prompt = one.prompt + ("\n\n" + "\n".join(words.values()) if listed else "")
    held = [Labelled(row.text, str(row.answer)) for row in examples if row.side == "holdout"]
    chosen = [Example(row.text, row.label, "labels") for row in balanced(held, one.each, seed)]
    began = time.process_time()
    found = train_adapter(
        AdapterJob(
            base=model_dir(Settings().cache_dir),
            prompt=(Message("system", prompt),),
            render=lambda answer: words[str(answer)],
            train=[row for row in examples if row.side == "train"],
            holdout=chosen,
            folder=folder,
            seconds=seconds,
            seed=seed,
            max_holdout=len(chosen),
        ),
        lambda line: print(line, flush=True),
    )
    share = found.accuracy
    limits = (
        {}
        if share is None or share.interval is None
        else {"low": share.interval.low, "high": share.interval.high}
    )
    right = {} if share is None else {"right": share.count, "of": share.of, "accuracy": share.value}
    return {
        "set": one.name,
        "labels in the prompt": "yes" if listed else "no",
        "seed": seed,
        "steps": found.steps,
        "examples": found.seen,
        "loss": found.last_loss,
        **right,
        **limits,
        "cpu_s": time.process_time() - began,
    }


def run(
    sets: Sequence[str], seconds: float, seeds: Sequence[int], prompts: Sequence[str], keep: Path | None
) -> None:
    """Measure each set, prompt and seed, one after the other."""
    found = []
    for one in SETS:
        for prompt in prompts:
            for seed in seeds:
                if one.name in sets:
                    with tempfile.TemporaryDirectory() as made:
                        folder = Path(made) if keep is None else keep / f"{one.column}-{prompt}-{seed}"
                        found.append(measure(one, seconds, seed, folder, listed=prompt == "listed"))
                        print(found[-1], flush=True)
    publish(
        Finding(
            "training_adapter",
            f"An adapter on the default model, {seconds:g} CPU seconds each, loading and measuring included",
            found,
            {"seconds": seconds},
        )
    )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", nargs="*", default=[one.name for one in SETS])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--prompts", nargs="*", default=["short", "listed"])
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    if not DATA.is_dir():
        print("training_adapter skipped: the real data sets are not in ../shared/data")
        return
    run(given.sets, given.seconds, given.seeds, given.prompts, given.keep)


if __name__ == "__main__":
    main()
