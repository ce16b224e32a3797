"""`cascade = "evaluated"`: a run does what the newest evaluation chose, or says what to evaluate."""

from collections.abc import Callable
from pathlib import Path

import pytest

from db import evaluations
from models.errors import UsageError
from models.evaluation.cascade import StageName
from models.routing.policy import Policy
from models.settings import Settings
from models.workloads import build
from tasks.planning.evaluated_cascade import EvaluatedCascade, find_cascade
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.evaluating import labelled, run_evaluation, settings_of, write_labelled
from tests.integration.evaluation.stored_cascade import Chosen, store_cascade
from tests.integration.evaluation.test_classifier import Loader
from tests.integration.evaluation.trained_here import register
from tests.integration.pipeline.books import ledger, table
from tests.ledgers import new_sqlite

Write = Callable[..., Settings]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Store an evaluation of sentiment in a ledger, whose cascade has these stages; return the settings."""

    def make(*stages: tuple[StageName, float | None], classifier: str = "classifier-1a2b3c4d") -> Settings:
        settings = settings_of(tmp_path, new_sqlite(tmp_path / "ledger.db"), "http://127.0.0.1:1/v1")
        store_cascade(settings, stages, classifier)
        return settings

    return make


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ((("classifier", 0.8), ("small", 0.6), ("api", None)), EvaluatedCascade(0.8, True, 0.6, True)),
        ((("classifier", 0.8), ("api", None)), EvaluatedCascade(0.8, False, None, True)),
        ((("classifier", None),), EvaluatedCascade(0.0, False, None, False)),
        ((("classifier", 0.7), ("small", None)), EvaluatedCascade(0.7, True, None, False)),
        ((("small", 0.6), ("api", None)), EvaluatedCascade(None, True, 0.6, True)),
        ((("api", None),), EvaluatedCascade(None, False, None, True)),
    ],
)
def test_each_stage_does_what_was_chosen(write: Write, stages: Chosen, expected: EvaluatedCascade) -> None:
    """Its threshold, or not used; what takes the rest has no threshold."""
    settings = write(*stages)
    assert (
        find_cascade(build("sentiment", settings), settings, "classifier-1a2b3c4d", has_api=True) == expected
    )


def test_the_policy_does_the_rest() -> None:
    """The small model's threshold; where it does not pay, what the classifier leaves goes to the API at once."""
    policy = Policy(min_confidence=0.5)
    assert EvaluatedCascade(0.8, True, 0.6, True).apply(policy) == Policy(min_confidence=0.6)
    assert EvaluatedCascade(0.8, False, None, True).apply(policy) == Policy(not_viable="api")
    assert EvaluatedCascade(0.0, False, None, False).apply(policy) == Policy()


@pytest.mark.parametrize(
    ("stages", "evaluated", "in_force", "why"),
    [
        (
            (),
            "classifier-1a2b3c4d",
            "classifier-1a2b3c4d",
            "was not evaluated with this prompt against test-model",
        ),
        (
            (("classifier", 0.8), ("api", None)),
            "classifier-1a2b3c4d",
            "classifier-99999999",
            "classifier-99999999 is in force, and the newest evaluation was of classifier-1a2b3c4d",
        ),
        (
            (("small", 0.8), ("api", None)),
            "",
            "classifier-99999999",
            "classifier-99999999 is in force, and the newest evaluation was without one",
        ),
        (
            (("classifier", 0.8), ("api", None)),
            "classifier-1a2b3c4d",
            None,
            "no classifier is in force, and the newest evaluation was of classifier-1a2b3c4d",
        ),
    ],
)
def test_where_no_evaluation_fits_a_line_says_what_to_do(
    write: Write, stages: Chosen, evaluated: str, in_force: str | None, why: str
) -> None:
    """None with stages, or one of another classifier."""
    settings = write(*stages, classifier=evaluated)
    with pytest.raises(UsageError, match=why) as raised:
        find_cascade(build("sentiment", settings), settings, in_force, has_api=True)
    assert "run `breakeven evaluate sentiment --labels FILE`" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_api_that_may_not_be_asked_does_not_fit(write: Write) -> None:
    """Records that must stay: what was chosen with an API behind it is not what can be done."""
    settings = write(("classifier", 0.8), ("api", None))
    with pytest.raises(UsageError, match="was with an API, which may not be asked now"):
        find_cascade(build("sentiment", settings), settings, "classifier-1a2b3c4d", has_api=False)


def test_a_whole_evaluation_is_found(tmp_path: Path, database_url: str) -> None:
    """From labels to the thresholds of a run, through the ledger."""
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        run_evaluation(settings, write_labelled(tmp_path, labelled(4, start=9000), "first.jsonl"))
        model = register(settings)
        found = run_evaluation(settings, write_labelled(tmp_path, labelled(400)), load=Loader())
    assert found.cascade is not None
    classifier = found.cascade.stage("classifier")
    assert classifier is not None
    chosen = find_cascade(build("sentiment", settings), settings, model.name, has_api=True)
    assert chosen.classifier == (classifier.threshold or 0.0)
    assert len(table(settings, "evaluations")) == 2
    with ledger(settings) as session:
        assert evaluations.newest(session, "sentiment") is not None
