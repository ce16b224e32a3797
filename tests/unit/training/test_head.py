"""A head's guesses, whatever its weights: proper probabilities, the likeliest answer, and a confidence that rises with it."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.classifier.embedding import Embedded
from models.engines.classifier.head import Head, HeadKind

NAMES = ("refund", "late", "seat", "food", "crew")


def head_of(kind: HeadKind, seed: int, size: float, classes: int) -> tuple[Head, Embedded]:
    """Return random weights and vectors."""
    random = np.random.default_rng(seed)
    weights = (random.normal(size=(classes, 8)) * size).astype(np.float32)
    bias = (random.normal(size=classes) * size).astype(np.float32)
    vectors = random.normal(size=(20, 8)).astype(np.float32)
    head = Head(kind, NAMES[:classes], weights, bias, temperature=0.7, platt=(1.4, -0.3))
    return head, Embedded(vectors, tuple(range(20)))


@given(st.integers(0, 1000), st.sampled_from([0.01, 1.0, 1e4]), st.integers(2, 5))
def test_one_label_is_the_likeliest_and_probabilities_sum_to_one(
    seed: int, size: float, classes: int
) -> None:
    """Also of sums that overflow an exponential."""
    head, embedded = head_of("label", seed, size, classes)
    guesses = head.guess(embedded)
    assert [one.tokens for one in guesses] == list(embedded.tokens)
    for one in guesses:
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.value == max(one.probabilities, key=lambda label: one.probabilities[label])
        assert 0 <= one.confidence < 1
    pairs = sorted((max(one.probabilities.values()), one.confidence) for one in guesses)
    assert [sure for _, sure in pairs] == sorted(sure for _, sure in pairs)


@given(st.integers(0, 1000), st.sampled_from([0.01, 1.0, 1e4]), st.integers(2, 5))
def test_several_labels_are_those_that_are_likelier_than_not(seed: int, size: float, classes: int) -> None:
    """In the order of the label set; each probability is its own."""
    head, embedded = head_of("labels", seed, size, classes)
    for one in head.guess(embedded):
        assert one.value == [label for label in NAMES[:classes] if one.probabilities[label] >= 0.5]
        assert all(0 <= found <= 1 for found in one.probabilities.values())
        assert 0 <= one.confidence < 1


def test_no_text_and_no_vector() -> None:
    """Nothing asked, nothing answered."""
    head, _ = head_of("label", 1, 1.0, 3)
    assert head.guess(Embedded(np.zeros((0, 8), dtype=np.float32), ())) == []


def test_nothing_heavy_is_imported_before_a_text_is_embedded() -> None:
    """Commands import these modules: torch and transformers come with the encoder, scikit-learn and scipy never."""
    script = """
import sys
sys.modules.update(sklearn=None, scipy=None)
import numpy
import models.engines.classifier.engine, models.training.classifier
from models.training.logistic import cross_fit
vectors = numpy.eye(4, dtype=numpy.float32)[[0, 1] * 20]
cross_fit("label", vectors, numpy.eye(2, dtype=numpy.float32)[[0, 1] * 20], 0)
assert not {"torch", "transformers", "safetensors", "vllm", "polars"} & set(sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
