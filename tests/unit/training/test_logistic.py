"""Our logistic regression over many columns is the library's, and cross-fitting sees no truth of what it predicts."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from models.engines.classifier.head import HeadKind
from models.training.logistic import STRENGTHS, Matrix, cross_fit, fit_logistic, mean_loss


def draw(
    seed: int, classes: int, rows: int = 240, dimension: int = 6
) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Return unit vectors around a centre for each class, and the classes."""
    random = np.random.default_rng(seed)
    truths = np.arange(rows) % classes
    centres = random.normal(size=(classes, dimension))
    vectors = centres[truths] + random.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truths


def one_hot(truths: npt.NDArray[np.int64], classes: int) -> Matrix:
    """Return 1 where a row has a class."""
    return np.eye(classes, dtype=np.float32)[truths]


@pytest.mark.parametrize("classes", [2, 5, 20])
@pytest.mark.parametrize("strength", [1.0, 30.0])
def test_softmax_gives_the_librarys_probabilities(classes: int, strength: float) -> None:
    """With the same ridge, whose inverse the library calls C."""
    vectors, truths = draw(3, classes)
    fitted = fit_logistic("label", vectors, one_hot(truths, classes), strength)
    library = LogisticRegression(C=strength, max_iter=2_000, tol=1e-8).fit(vectors, truths)
    sums = fitted.sums(vectors)
    found = np.exp(sums - sums.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    theirs = library.predict_proba(vectors)
    if classes > 2:  # of two classes the library has one line, whose ridge is half as stiff
        assert np.abs(found - theirs).max() < 0.02
    first, second = np.sort(theirs, axis=1)[:, [-1, -2]].T
    clear = first - second > 0.05  # else the order in which numbers are added decides
    assert clear.mean() > 0.3
    assert (found.argmax(axis=1) == theirs.argmax(axis=1))[clear].all()


def test_several_labels_are_lines_of_their_own() -> None:
    """Each column is the library's line for it alone."""
    vectors, truths = draw(5, 3)
    wanted = one_hot(truths, 3)
    wanted[:, 2] = wanted[:, 0] + wanted[:, 1] * (np.arange(len(truths)) % 2)
    fitted = fit_logistic("labels", vectors, wanted, 10.0)
    for column in range(3):
        library = LogisticRegression(C=10.0, max_iter=2_000, tol=1e-8).fit(vectors, wanted[:, column])
        assert np.abs(fitted.sums(vectors)[:, column] - library.decision_function(vectors)).max() < 0.05


@pytest.mark.parametrize("kind", ["label", "labels"])
def test_the_held_out_loss_is_that_of_the_truth(kind: HeadKind) -> None:
    """Sums far from 0 overflow nowhere, and a sure right answer costs nothing."""
    truths = np.eye(3, dtype=np.float32)
    assert mean_loss(kind, (truths.astype(float) * 2 - 1) * 1_000, truths) == pytest.approx(0, abs=1e-9)
    assert mean_loss(kind, (truths.astype(float) * -2 + 1) * 1_000, truths) >= 1_000


def test_what_is_predicted_has_not_been_seen() -> None:
    """Labels by chance are predicted by chance, though a fit that saw them would know them."""
    random = np.random.default_rng(7)
    vectors = random.normal(size=(300, 200)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    truths = random.integers(0, 2, 300)
    crossed = cross_fit("label", vectors, one_hot(truths, 2), seed=0)
    seen = fit_logistic("label", vectors, one_hot(truths, 2), 300.0).sums(vectors)
    assert (seen.argmax(axis=1) == truths).mean() == 1
    assert (crossed.sums.argmax(axis=1) == truths[crossed.rows]).mean() < 0.6
    assert crossed.strength == STRENGTHS[0]


@settings(deadline=None, max_examples=5)
@given(st.integers(2, 12), st.integers(2, 5), st.integers(0, 99))
def test_any_number_of_classes_and_rows_is_fitted(classes: int, each: int, seed: int) -> None:
    """Two to twelve classes of two to five rows: every row is predicted, finitely, and the same again."""
    vectors, truths = draw(seed, classes, classes * each)
    wanted = one_hot(truths, classes)
    crossed = cross_fit("label", vectors, wanted, seed)
    assert crossed.sums.shape == wanted.shape
    assert np.isfinite(crossed.sums).all()
    assert (cross_fit("label", vectors, wanted, seed).sums == crossed.sums).all()
