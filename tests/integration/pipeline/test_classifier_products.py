"""What is made of a run with a classifier: sums by route, the month of a report, a quote; and with an own server."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.month import read_usage
from db.run_queries import list_runs
from db.summary import sum_usage
from db.throughput import list_earlier_runs
from models.economics.month import WorkloadUsage
from models.gpu_time import gpu_cost_nano
from models.months import month_of
from models.requests import JsonValue
from models.settings import Settings, WorkloadSettings
from tasks.planning.checks import Checked, check
from tasks.planning.history import history_filter
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import load_engine, shared_engine
from tests.classifiers import ScriptedClassifier, guess_by_hash, put_in_force
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.pipeline.books import check_books, ledger, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    good_rows,
    no_engine,
    published,
    run,
    settings_for,
    write_records,
)
from tests.integration.server.harness import server_settings
from tests.ledgers import new_sqlite

ROWS = 60
SURE = sum(guess_by_hash(f"message number {number}")[1] > 0.8 for number in range(ROWS))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write an input."""
    return write_records(tmp_path / "in.jsonl", good_rows(ROWS))


@pytest.fixture
def settings(tmp_path: Path, source: Path) -> Settings:
    """Make settings with a run of a classifier and the local engine behind it."""
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    put_in_force(settings)
    run(settings, source, ScriptedEngine())
    return settings


def usage_of_month(settings: Settings) -> WorkloadUsage:
    """Return what a report of this month finds of the workload."""
    today = datetime.now(UTC).date()
    with ledger(settings) as session:
        found = read_usage(session, today, today.replace(year=today.year + 1))
    (one,) = found[month_of(today)].workloads
    return one


def test_it_counts_as_the_own_machine(settings: Settings) -> None:
    """The report's month has all records as served here, each once, with the counterfactual cost of each."""
    usage = usage_of_month(settings)
    lines = [line for line in table(settings, "ledger_lines") if line.outcome == "ok"]
    assert (usage.records, usage.local, usage.api, usage.reused) == (ROWS, ROWS, 0, 0)
    assert (
        sum(use.nano for use in usage.counterfactual) == sum(line.counterfactual_nano for line in lines) > 0
    )
    assert usage.local_tokens.input == sum(line.input_tokens for line in table(settings, "ledger_lines"))


def test_sums_by_route(settings: Settings) -> None:
    """The ways are told apart, and add up to the run's cost."""
    with ledger(settings) as session:
        rows: Mapping[object, dict[str, object]] = {
            row["route"]: row for row in sum_usage(session, ["route"])
        }
        row = next(row for row in list_runs(session) if row["purpose"] == "production")
    assert {route: one["records"] for route, one in rows.items()} == {
        "classifier": SURE,
        "classifier:low_confidence": ROWS - SURE,
        "classifier>vllm:low_confidence": ROWS - SURE,
    }
    assert row["engine"] == "classifier, vllm" or row["engine"] == "vllm, classifier"


def test_a_quote_says_who_is_asked_first(settings: Settings, source: Path) -> None:
    """The time of a run of both tells of neither, so no speed is made of it."""
    checked = check(RunRequest(WORKLOAD, DAY, str(source)), settings)
    assert isinstance(checked, Checked)
    assert checked.classifier is not None
    with ledger(settings) as session:
        assert list_earlier_runs(session, history_filter(checked)) == []


def test_with_an_own_server(tmp_path: Path, source: Path) -> None:
    """Its machine's time while requests are in flight, and the classifier's beside it, are the run's."""
    made = ScriptedClassifier(delay=0.01)
    with FaultyApi(latency=0.02) as api:
        settings = server_settings(tmp_path, api.url)
        made.model = put_in_force(settings).name
        with shared_engine(settings, load_engine, classifiers=lambda *_: made):
            run(settings, source)
    assert len(api.seen) == ROWS - SURE
    lines = table(settings, "ledger_lines")
    row = next(row for row in table(settings, "runs") if row.purpose == "production")
    carried = sum(line.gpu_ns for line in lines if line.engine == "classifier")
    assert carried == made.held.total_ns
    assert row.idle_ns == 0
    assert row.load_ns + row.busy_ns == sum(line.gpu_ns for line in lines)
    rates = {one.id: one.nano_usd_per_hour for one in table(settings, "infrastructure")}
    cost = gpu_cost_nano(row.load_ns + row.busy_ns, rates[row.infrastructure_id])
    assert sum(line.cost_nano for line in lines) == row.gpu_cost_nano == cost
    check_books(settings)


def test_several_labels(tmp_path: Path) -> None:
    """A list of labels is published as the workload spells them."""
    topics = WorkloadSettings.model_validate(
        {
            "kind": "labels",
            "prompt": "Which topics?",
            "labels": ["card_arrival", "Lost Card", "fees"],
            "min_labels": 1,
        }
    )
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"), workloads={"topics": topics})
    model = put_in_force(settings, "topics")
    source = write_records(tmp_path / "in.jsonl", good_rows(12))

    def guess(text: str) -> tuple[JsonValue, float]:
        return (["card_arrival", "Lost Card"] if text.endswith("1") else ["fees"], 0.9)

    classifier = ScriptedClassifier(guess, model=model.name, labels=("fees", "card_arrival", "Lost Card"))
    with shared_engine(settings, no_engine, classifiers=lambda *_: classifier):
        run_request(RunRequest("topics", DAY, str(source)), settings)
    rows = published(settings, "topics")
    assert {tuple(labels) for labels in rows["labels"]} == {("card_arrival", "Lost Card"), ("fees",)}
    assert set(rows["engine"]) == {"classifier"}
