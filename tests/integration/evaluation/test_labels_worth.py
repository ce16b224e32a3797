"""What labels are worth, through whole evaluations: records that are much alike, and two people who labelled them."""

import json
from pathlib import Path

import pytest

from db import evaluations
from models.errors import InputError, UsageError
from tasks.evaluation.run import EvaluationRequest, evaluate
from tasks.evaluation_report import labels_section, sentences
from tests.evaluation_json import from_json
from tests.fakes import Reply, ScriptedEngine, prompt
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.evaluating import (
    TODAY,
    api_label,
    labelled,
    other_label,
    run_evaluation,
    settings_of,
    write_labelled,
)
from tests.integration.evaluation.kinds import engines
from tests.integration.evaluation.labelled_files import Rows, write_rows
from tests.integration.pipeline.books import ledger

RARE = 10


def mostly(label: str, count: int) -> Rows:
    """Make records of which the API knows the label, all but ten of them with this one."""
    every = labelled(20 * count)
    usual = [row for row in every if row["label"] == label][: count - RARE]
    return [*usual, *[row for row in every if row["label"] != label][:RARE]]


def test_a_model_that_always_says_the_same_is_never_good_enough(tmp_path: Path, database_url: str) -> None:
    """On 200 records of which 190 have one label it reaches 95 % of the API model's accuracy, and a third of its balanced one."""
    source = write_labelled(tmp_path, mostly("neutral", 200))
    engine = ScriptedEngine(handler=lambda _: Reply("neutral", "neutral", confidence=0.9))
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        found = run_evaluation(settings, source, engine)
        with ledger(settings) as session:
            kept = evaluations.newest(session, "sentiment")
    (verdict,) = found.comparisons
    assert verdict.ratio == pytest.approx(0.95)
    assert found.viability == "not_viable"
    assert verdict.balanced is not None
    assert (verdict.balanced.first, verdict.balanced.second) == pytest.approx((1 / 3, 1))
    assert found.constant is not None
    assert (found.constant.answer, found.constant.right.count, found.constant.reaches) == (
        "neutral",
        190,
        True,
    )
    assert found.constant.balanced == pytest.approx(1 / 3)
    assert labels_section.warn_of_constant(found) is not None
    assert found.threshold is not None
    assert found.threshold.chosen is None or found.threshold.chosen.escalated.count > 0
    assert kept is not None
    assert from_json(kept.figures) == found


def test_sets_of_labels_are_balanced_too(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Always the most frequent set keeps the exact sets, and of the labels it finds one in four."""
    truths = ["billing"] * 190 + ["delivery"] * 4 + ["delivery|refund"] * 4 + ["[]"] * 2
    rows = [{"text": f"message {number}", "labels": truth} for number, truth in enumerate(truths)]
    right = {row["text"]: row["labels"] for row in rows}

    def api(text: str) -> str:
        return json.dumps({"labels": [one for one in right[text].split("|") if one != "[]"]})

    small = json.dumps({"labels": ["billing"]})
    with engines(tmp_path, database_url, monkeypatch, small=lambda _: small, api=api) as both:
        found = both.evaluate("topics", write_rows(tmp_path / "topics.jsonl", rows))
    (verdict,) = found.comparisons
    assert verdict.ratio == pytest.approx(0.95)
    assert verdict.balanced is not None
    assert verdict.balanced.classes == 4
    assert (verdict.balanced.first, verdict.balanced.second) == pytest.approx((0.25, 1))
    assert found.viability != "viable"  # ten records of the rare sets are few


def twice(rows: Rows, *, disagree: int, only: int) -> Rows:
    """Add a second labeller, who labelled the first `only` records and gives every `disagree`-th another label."""
    return [
        {
            **row,
            "second": (other_label(str(row["label"])) if number % disagree == 0 else row["label"])
            if number < only
            else None,
        }
        for number, row in enumerate(rows)
    ]


def test_two_labellers(tmp_path: Path, database_url: str) -> None:
    """Their agreement and kappa stand in figures and page, of the records that both labelled, and whether the verdict stands it."""
    rows = twice(labelled(200), disagree=5, only=50)
    engine = ScriptedEngine(
        handler=lambda request: Reply(api_label(prompt(request)), api_label(prompt(request)), confidence=0.9)
    )
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        ask = EvaluationRequest("sentiment", str(write_labelled(tmp_path, rows)), second_labels="second")
        found = evaluate(ask, settings, today=TODAY, factory=lambda _: engine)
    assert found.viability == "viable"
    assert found.labellers is not None
    assert (found.labellers.same.count, found.labellers.same.of) == (40, 50)
    assert found.labellers.kappa.value is not None
    assert 0.5 < found.labellers.kappa.value < 0.8
    section = labels_section.worth_of_labels(found)
    assert section is not None
    assert "agrees on 40 of 50 records" in " ".join(section.sentences)
    assert "good enough" in sentences.verdict(found)


@pytest.mark.parametrize(
    ("workload", "column", "error", "says"),
    [
        ("sentiment", "secnd", InputError, "no column secnd of second labels"),
        ("sentiment", "label", UsageError, "names the first labeller's column"),
        ("sentiment", "empty", InputError, "no labelled record of .* has a second label in column empty"),
        (
            "enrichment",
            "second",
            UsageError,
            "--second-labels is for workloads that answer labels; enrichment answers object",
        ),
    ],
)
def test_second_labels_that_cannot_be_used(
    tmp_path: Path, database_url: str, workload: str, column: str, error: type[Exception], says: str
) -> None:
    """One line says what to do before anything is asked."""
    rows = [{**row, "empty": None} for row in twice(labelled(20), disagree=5, only=20)]
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        ask = EvaluationRequest(workload, str(write_labelled(tmp_path, rows)), second_labels=column)
        with pytest.raises(error, match=says):
            evaluate(ask, settings, today=TODAY, factory=lambda _: ScriptedEngine())
        assert api.seen == []
