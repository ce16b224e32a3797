"""From labels to a classifier in force and a run that it serves, with all parts real but the language model."""

import json
from pathlib import Path

import polars as pl
import pytest

from models.settings import Settings
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tasks.training.request import TrainingRequest
from tasks.training.train import train
from tests.fakes import ScriptedEngine
from tests.integration.pipeline.books import findings
from tests.integration.pipeline.harness import DAY, WORKLOAD, published
from tests.integration.pipeline.harness import write_records as write_input

GOOD = (
    "thank you, wonderful {}",
    "I love the {}",
    "the {} was great",
    "best {} ever",
    "so happy with the {}",
)
BAD = ("terrible {}", "I hate the {}", "the {} was awful", "worst {} ever", "so angry about the {}")
THINGS = (
    *("wine", "staff", "cabin", "bag", "desk", "phone", "refund", "ticket", "queue"),
    *("blanket", "crew", "flight", "seat", "meal", "lounge", "app", "price", "gate"),
)


@pytest.mark.long
def test_labels_become_a_classifier_that_serves_a_run(settings: Settings, tmp_path: Path) -> None:
    """Texts that are plainly one thing are learnt from some two hundred of them; a run publishes the classifier's labels where it is sure."""
    rows = [
        {"text": form.format(thing), "label": label}
        for label, forms in (("positive", GOOD), ("negative", BAD))
        for form in forms
        for thing in THINGS
    ]
    rows += [  # of which nothing can be sure
        {"text": f"about the {thing}", "label": ("positive", "negative")[n % 2]}
        for n, thing in enumerate(THINGS)
    ]
    labels = tmp_path / "labelled.jsonl"
    labels.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = train(TrainingRequest("sentiment", labels=str(labels), use=True), settings)
    assert found.accuracy is not None
    assert found.accuracy > 0.85
    texts = [one.format("service") for one in (*GOOD, *BAD)]
    source = write_input(tmp_path / "in.jsonl", [{"id": str(n), "text": one} for n, one in enumerate(texts)])
    with shared_engine(settings, lambda _: ScriptedEngine()):
        run_request(RunRequest(WORKLOAD, DAY, str(source)), settings)
    served = published(settings).filter(pl.col("engine") == "classifier")
    assert set(served["model"]) == {found.name}
    assert served.height > len(texts) / 2
    right = {str(n): "positive" if n < len(GOOD) else "negative" for n in range(len(texts))}
    assert all(right[key] == label for key, label in served.select("record_key", "label").iter_rows())
    assert findings(settings) == []
