"""The head of triage: its probability is that of the small model being right; of noise it says the same of every text."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from models.engines.classifier import embedders
from models.engines.classifier.embedders import Embedders
from models.engines.classifier.embedding import Embedded
from models.errors import UsageError
from models.evaluation.calibration import calibrate
from models.training.examples import Example
from models.training.logistic import Matrix
from models.training.triage import COMPLEX, SIMPLE, chances, check_examples, fit_triage, measure_triage


def draw(count: int, seed: int, knows: float) -> tuple[Matrix, list[bool]]:
    """Draw vectors of length 1 whose first number says, as far as it `knows`, whether the small model is right."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, 24)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chance = 1 / (1 + np.exp(-(0.4 + knows * 8 * vectors[:, 0])))
    return vectors, (random.random(count) < chance).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_what_it_says_is_the_chance_that_the_small_model_is_right(seed: int) -> None:
    """On texts that it has not seen it is calibrated, and records that it lets pass are wrong more often than the rest."""
    vectors, right = draw(1_200, seed, 1.0)
    head = fit_triage(vectors[:600], right[:600], seed)
    found = calibrate(chances(head, vectors[600:]).tolist(), right[600:])
    assert found is not None
    assert found.error < 0.12
    measured = measure_triage(head, vectors[600:], right[600:])
    assert measured.passed.count
    assert (measured.passed_wrong.value or 0) > 0.5 > 1 - (measured.right.value or 0)


def test_noise_is_the_same_for_every_text() -> None:
    """Where vectors say nothing, none is told apart by much: its chances lie about the share of right answers."""
    spread = []
    for seed in range(12):
        vectors, right = draw(400, seed, 0.0)
        found = chances(fit_triage(vectors, right, seed), vectors)
        assert found.mean() == pytest.approx(np.mean(right), abs=0.1)
        spread.append(float(found.std()))
    assert np.median(spread) < 0.05


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (20, 0, "is right on all 20 examples of mail: there is nothing to tell apart, no triage is needed"),
        (0, 20, 'is wrong on all 20 examples of mail: .*not_viable = "api"'),
        (30, 4, "34 examples of mail are too few: tiny is right on 30 and wrong on 4"),
    ],
)
def test_what_cannot_be_learnt_is_one_line(right: int, wrong: int, said: str) -> None:
    """It needs records that the small model gets right, and some that it gets wrong."""
    with pytest.raises(UsageError, match=said):
        check_examples(
            "mail",
            "tiny",
            [Example("a", SIMPLE, "labels")] * right + [Example("b", COMPLEX, "labels")] * wrong,
        )


class CountingEmbedder:
    """An embedding model of two numbers; `read` is what it was given."""

    loaded: ClassVar[list["CountingEmbedder"]] = []

    def __init__(self, _folder: Path) -> None:
        self.dimension, self.read, self.closed = 2, list[str](), False
        self.loaded.append(self)

    def embed(self, texts: list[str]) -> Embedded:
        """Embed by length."""
        self.read += texts
        vectors = np.asarray([[len(text), 1] for text in texts], np.float32).reshape(len(texts), 2)
        return Embedded(vectors, tuple(map(len, texts)))

    def close(self) -> None:
        """Note it."""
        self.closed = True


def test_a_text_is_read_once_for_two_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """One model in memory; tokens are those that were read for a head; it is freed with its last user, and not before."""
    monkeypatch.setattr(embedders, "SentenceEmbedder", CountingEmbedder)
    monkeypatch.setattr(embedders, "REMEMBERED", 4)
    CountingEmbedder.loaded.clear()
    shared = Embedders()
    classifier, triage = shared.borrow(Path("a")), shared.borrow(Path("a"))
    (model,) = CountingEmbedder.loaded
    assert classifier.embed(["one", "three", "one"]).tokens == (3, 5, 3)
    again = triage.embed(["three", "four!!"])
    assert (again.vectors.tolist(), again.tokens) == ([[5, 1], [6, 1]], (0, 6))
    assert model.read == ["one", "three", "four!!"]
    triage.embed([str(n) for n in range(10)])
    assert triage.embed(["one"]).tokens == (3,)  # forgotten meanwhile
    classifier.close()
    classifier.close()
    assert not model.closed
    triage.close()
    assert model.closed
    assert triage is not shared.borrow(Path("a"))
    assert len(CountingEmbedder.loaded) == 2
