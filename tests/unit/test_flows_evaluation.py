"""Which workloads the flow `evaluation` evaluates."""

from typing import Literal

import pytest

from flows.evaluation import choose_workloads
from models.errors import UsageError
from models.settings import Settings, WorkloadSettings
from models.settings.training import Monthly, TrainingSettings


def settings(**workloads: WorkloadSettings) -> Settings:
    """Build settings with only these workloads configured."""
    return Settings(workloads=workloads)


def test_default_is_every_workload_with_a_labelled_file() -> None:
    """One that has only an input has nothing to be evaluated on."""
    ready = settings(
        sentiment=WorkloadSettings(labelled_file="labelled.csv"),
        classification=WorkloadSettings(labelled_file="tickets.parquet"),
        enrichment=WorkloadSettings(input="products.csv"),
    )
    assert choose_workloads(ready, None, None) == ["classification", "sentiment"]


def test_workloads_that_are_asked_for_are_evaluated_in_that_order() -> None:
    """A file may then come with the question."""
    assert choose_workloads(settings(), ["sentiment", "enrichment"], None) == ["sentiment", "enrichment"]
    assert choose_workloads(settings(), ["sentiment"], "labelled.csv") == ["sentiment"]


@pytest.mark.parametrize(("monthly", "train"), [("ask", ("adapter",)), ("off", ("adapter",)), ("ask", None)])
def test_the_month_may_have_something_to_train_alone(
    monthly: Monthly, train: tuple[Literal["adapter"], ...] | None
) -> None:
    """Where nothing has a labelled file; else there is nothing to do, which is an error."""
    ready = settings(enrichment=WorkloadSettings(train=train)).model_copy(
        update={"training": TrainingSettings(monthly=monthly)}
    )
    if monthly == "ask" and train:
        assert choose_workloads(ready, None, None) == []
        return
    with pytest.raises(UsageError, match="no workload has labelled records"):
        choose_workloads(ready, None, None)


@pytest.mark.parametrize(
    ("asked", "labels", "says"),
    [
        (None, None, "BREAKEVEN_WORKLOADS__<NAME>__LABELLED_FILE"),
        (["sentimnt"], None, "unknown workload 'sentimnt'; did you mean sentiment"),
        (None, "labelled.csv", "one file of labels is for one workload"),
        (["sentiment", "classification"], "labelled.csv", "one file of labels is for one workload"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error(asked: list[str] | None, labels: str | None, says: str) -> None:
    """It is found before anything runs, and the line says what to set."""
    with pytest.raises(UsageError, match=says):
        choose_workloads(settings(), asked, labels)
