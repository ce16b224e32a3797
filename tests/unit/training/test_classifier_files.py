"""A classifier that was written before is read as it was written: one in force stays in force over an update."""

import json
from pathlib import Path

import numpy as np

from models.engines.classifier.files import CARD, ClassifierCard, read_classifier, write_classifier
from models.engines.classifier.head import Head

DIGEST = "46112c760c44d49b1d8bd1bb7c61484413aed144522040f3505833a4fa1c1262"
"""What the first version wrote for the very same head and card."""


def test_a_classifier_of_the_first_version_is_read(tmp_path: Path) -> None:
    """Its card held figures, which decide nothing; the digest that the ledger knows it by is the same."""
    head = Head("label", ("a", "b"), np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32))
    card = ClassifierCard(
        kind="label",
        labels=("a", "b"),
        classes=("a", "b"),
        embedder="e",
        embedder_digest="d",
        embedder_folder=None,
        temperature=1.0,
        slope=1.0,
        intercept=0.0,
        threshold=0.5,
    )
    assert write_classifier(tmp_path, head, card).weights_digest == DIGEST
    written = json.loads((tmp_path / CARD).read_text("utf-8"))
    (tmp_path / CARD).write_text(json.dumps(written | {"figures": {"examples": 3}}), encoding="utf-8")
    assert read_classifier(tmp_path)[1].weights_digest == DIGEST
