"""`workload try`: input beside output, nothing published, its cost a cost, and nothing asked twice."""

from pathlib import Path

import pytest

from db.month import find_first_month, read_usage
from db.summary import sum_usage
from models.errors import UsageError
from models.months import month_of, next_month
from tasks.runtime.shared_engine import shared_engine
from tasks.workload.trial import TrialRequest, plan_trial, run_trial, settings_of_trial
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.harness import check_seen, hybrid_settings
from tests.integration.pipeline.books import check_sums, findings, ledger, table
from tests.integration.pipeline.harness import no_engine, published
from tests.integration.workload.trials import (
    LABELS,
    NAME,
    PROMPT,
    answers,
    own_settings,
    publish,
    try_out,
    write_messages,
)

MESSAGES = {"a": "my bill is wrong", "b": "where is my parcel?", "c": None, "d": "hello", "e": "good bye"}


def test_records_are_shown_with_what_became_of_them(tmp_path: Path, database_url: str) -> None:
    """Text, label, confidence, tokens and cost; a row without a text and an answer against the rules with their reasons, raw."""
    write_messages(tmp_path, MESSAGES)
    settings = own_settings(tmp_path, database_url)
    trial = try_out(settings, answers({"my bill is wrong": "billing", "hello": "greeting"}), limit=4)
    a, b, c, d = trial.records
    assert (a.text, a.output, a.answer, a.reason) == (
        "my bill is wrong",
        {"label": "billing"},
        "billing",
        None,
    )
    assert b.output["label"] in LABELS
    assert a.line is not None
    assert a.line.input_tokens
    assert a.line.cost_nano is not None
    assert (c.output, c.line, c.reason) == ({}, None, "missing_text: text must not be empty")
    assert (d.answer, d.output) == ("greeting", {})
    assert d.reason == "invalid_output: label must be one of billing, delivery, other"
    assert check_sums(settings)
    assert findings(settings) == []


def test_a_trial_is_no_production(tmp_path: Path, database_url: str) -> None:
    """What is published stays, byte for byte; its cost stands by itself, is in the month's costs and in no usage."""
    write_messages(tmp_path, MESSAGES)
    settings = own_settings(tmp_path, database_url)
    try_out(settings)
    with ledger(settings) as session:
        assert find_first_month(session) is None
        (row,) = sum_usage(session, ["workload", "purpose"])
    assert (row["workload"], row["purpose"], row["records"]) == (NAME, "trial", 4)
    publish(settings)
    before = published(settings, NAME)
    try_out(own_settings(tmp_path, database_url, prompt=f"{PROMPT} One word."), rerun=True)
    assert published(settings, NAME).equals(before)
    runs = table(settings, "runs")
    spent = sum(run.gpu_cost_nano for run in runs if run.purpose == "trial")
    first = month_of(min(run.started_at for run in runs))
    with ledger(settings) as session:
        used = read_usage(session, first, next_month(next_month(first)))
        assert sum(month.evaluations_nano for month in used.values()) == spent > 0
        assert sum(one.records for month in used.values() for one in month.workloads) == 4
        by_purpose = {row["purpose"]: row["records"] for row in sum_usage(session, ["purpose"])}
        assert sum_usage(session, [], purpose="evaluation") == []
    assert by_purpose == {"production": 4, "trial": 8}


def test_what_was_answered_is_not_asked_again(tmp_path: Path, database_url: str) -> None:
    """The same wording: no engine at all; more records: the new ones alone; another wording, or a rerun: all."""
    write_messages(tmp_path, MESSAGES)
    settings = own_settings(tmp_path, database_url)
    first = try_out(settings, limit=2)
    changed = settings_of_trial(settings, "vllm")
    with shared_engine(changed, no_engine):
        again = run_trial(plan_trial(TrialRequest(NAME, 2), changed), changed)
    assert again.result.state == "skipped"
    assert again.records == first.records
    more = try_out(settings, limit=4)
    assert (more.result.carried, more.result.requests) == (2, 1)
    assert more.records[:2] == first.records
    assert try_out(settings, limit=4, rerun=True).result.requests == 3
    assert (
        try_out(own_settings(tmp_path, database_url, prompt=f"{PROMPT} Yes."), limit=4).result.requests == 3
    )


def test_the_newest_day_is_tried(tmp_path: Path, database_url: str) -> None:
    """Without a date the newest that the input has; with one, that; of an input without dates, its first records."""
    write_messages(tmp_path, MESSAGES)
    settings = own_settings(tmp_path, database_url)
    assert plan_trial(TrialRequest(NAME), settings).partition.isoformat() == "2026-11-01"
    undated = tmp_path / "undated.csv"
    undated.write_text("id,text\n1,where is it?\n", encoding="utf-8")
    trial = try_out(settings, input=str(undated))
    assert [one.text for one in trial.records] == ["where is it?"]


def test_the_api_answers_a_trial(tmp_path: Path, database_url: str) -> None:
    """At once, although production asks in batches; each record is sent once, and each cost is the ledger's."""
    write_messages(tmp_path, MESSAGES)
    own = own_settings(tmp_path, database_url).workloads
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url, workloads=own, api_mode="batch")
        changed = settings_of_trial(settings, "openai")
        with shared_engine(changed, no_engine):
            trial = run_trial(plan_trial(TrialRequest(NAME, engine="openai"), changed), changed)
        check_seen(settings, api.seen)
        assert len(api.seen) == 4
    lines = [one.line for one in trial.records if one.line is not None]
    assert {line.engine for line in lines} == {"openai"}
    assert sum(line.cost_nano or 0 for line in lines) == trial.result.api_cost_nano > 0


def test_an_api_that_is_not_set_up_is_one_line(tmp_path: Path, database_url: str) -> None:
    """It says which setting is missing, before anything is read."""
    with pytest.raises(UsageError, match="BREAKEVEN_API_MODE=sync"):
        settings_of_trial(own_settings(tmp_path, database_url), "openai")
