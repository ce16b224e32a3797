"""The views for BI tools: what is documented is there, and agrees with what the commands say."""

import re
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from db import archive, attempts, batches, ledger, reference, run_queries, runs
from db.session import readers
from db.summary import sum_usage
from db.tables import ArchiveRow
from models.economics.pricing import usd_to_nano
from models.gpu_time import GpuTime
from models.ids import new_id
from tests.integration.db.ledger_lines import AT, MINI, Keys, batch, line, pending, seed

PAGE = (Path(__file__).parents[3] / "docs" / "views.md").read_text(encoding="utf-8")
VIEWS = ("usage_daily", "usage_monthly", "run_costs", "line_details", "price_versions")
Rows = list[dict[str, Any]]


def documented() -> dict[str, list[str]]:
    """Read each view's columns from the page: the first cells of the table under its heading."""
    found: dict[str, list[str]] = {}
    for section in PAGE.split("\n## ")[1:]:
        heading = section.partition("\n")[0]
        if columns := re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE):
            found[heading] = columns
    return found


def examples() -> list[str]:
    """Return the page's queries."""
    return re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def filled(make_session: sessionmaker[Session], keys: Keys) -> Keys:
    """Fill a ledger with lines of every kind, over two runs and two workloads."""
    of = batch(keys)
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        batches.record_intent(session, of)
        ledger.insert_lines(
            session,
            [
                line(keys, "a", cost_nano=2**60, answer_hash=None),
                line(keys, "b", outcome="escalated", reason="low_confidence", estimated=True),
                pending(keys, "b", attempt=2, outcome="ok", cost_nano=5, input_tokens=3, cached_tokens=1),
                pending(keys, "c", attempt=1, batch_id=of.id, failure="http_429"),
                line(keys, "d", engine="reuse", reason="identical", reuses=new_id(), cost_nano=0),
                line(
                    other,
                    "a",
                    cost_nano=None,
                    counterfactual_nano=None,
                    input_tokens=None,
                    cached_tokens=None,
                ),
            ],
        )
        attempts.open_attempts(session, "enrichment", [pending(other, "z")])
        reference.sync_prices(session, [MINI])
        more = runs.Increments(
            gpu_cost_nano=2**60 + 279, records=3, api_cost_nano=5, counterfactual_nano=None
        )
        runs.add(session, keys.run, GpuTime(1, 2, 3), more)
        runs.finish(session, other.run, "failed", "it broke")
    return keys


def view(engine: Engine, name: str) -> Rows:
    """Read a whole view."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}")).mappings()]  # noqa: S608


def test_the_columns_are_those_that_are_documented(engine: Engine) -> None:
    """Every view, every column, in the order of the page; on both databases."""
    there = {name: [column["name"] for column in sa.inspect(engine).get_columns(name)] for name in VIEWS}
    assert there == documented()
    assert sorted(sa.inspect(engine).get_view_names()) == sorted(VIEWS)


@pytest.mark.usefixtures("filled")
def test_the_example_queries_run(engine: Engine) -> None:
    """Each query of the page is one that both databases understand, and finds something where it can."""
    assert len(examples()) == 5
    with engine.connect() as connection:
        for query in examples():
            assert connection.execute(sa.text(query)).all() or "completed" in query


@pytest.mark.usefixtures("filled")
def test_usage_agrees_with_the_summary(engine: Engine) -> None:
    """Summed as the page says, a view gives what `ledger summary` says, to the nano-dollar; unknown stays unknown."""
    agree(engine, "usage_daily", ("workload", "day"))
    agree(engine, "usage_monthly", ("workload", "month"))


def agree(engine: Engine, name: str, by: tuple[str, ...]) -> None:
    """Compare a view with the summary by these columns."""
    groups: defaultdict[tuple[str, ...], Rows] = defaultdict(list)
    for row in view(engine, name):
        groups[tuple(str(row[column]) for column in by)].append(row)
        assert (row["cost_nano"] is None) == (row["unknown_cost"] > 0)
        assert (row["counterfactual_nano"] is None) == (row["unknown_counterfactual"] > 0)
        assert (row["input_tokens"] is None) == (row["known_tokens"] == 0)
    with readers(engine)() as session:
        summary = sum_usage(session, by)
    assert {tuple(row[column] for column in by) for row in summary} == set(groups)
    for row in summary:
        rows = groups[tuple(str(row[column]) for column in by)]
        for sums in ("attempts", "records", "input_tokens", "cached_tokens", "output_tokens"):
            known = [one[sums] for one in rows if one[sums] is not None]
            assert (sum(known) if known else None) == row[sums]
        for money, doubt in (("cost", "unknown_cost"), ("counterfactual", "unknown_counterfactual")):
            doubtful = sum(one[doubt] for one in rows)
            nano = None if doubtful else sum(one[f"{money}_nano"] for one in rows)
            shown = row[f"{money}_usd"]
            assert nano == (None if shown is None else usd_to_nano(Decimal(str(shown))))


@pytest.mark.usefixtures("filled")
def test_usage_tells_ways_apart(engine: Engine) -> None:
    """Routes are those of the commands; bounds are named; no record counts twice on its engine."""
    with readers(engine)() as session:
        routes = {row["route"]: row["records"] for row in sum_usage(session, ["route"])}
    rows = view(engine, "usage_daily")
    assert {row["route"] for row in rows} == set(routes)
    for route, records in routes.items():
        assert sum(row["engine_records"] for row in rows if row["route"] == route) == records
    pending_ones = [row for row in rows if row["outcome"] == "pending"]
    assert sorted((bool(row["batched"]), row["upper_bound_nano"]) for row in pending_ones) == [
        (False, 1_000),
        (True, 1_000),
    ]
    assert {row["reason"] for row in rows if row["route"] == "vllm"} == {None}


def test_run_costs_agree_with_the_runs(engine: Engine, filled: Keys) -> None:
    """Amounts are those of `ledger runs`; what is in flight stands apart; the archive is named."""
    with sessionmaker(engine).begin() as session:
        of = archive.Archive(new_id(), "month=2026-11/lines.parquet", 0, b"sha", AT, AT, AT)
        session.execute(sa.insert(ArchiveRow).values({name: getattr(of, name) for name in of.__slots__}))
        session.execute(
            sa.text("UPDATE runs SET archive_id = :archive WHERE workload = 'enrichment'").bindparams(
                sa.bindparam("archive", of.id, ArchiveRow.__table__.c.id.type)
            )
        )
        listed = {str(row["id"]): row for row in run_queries.list_runs(session)}
    rows = {str(row["run_id"]): row for row in view(engine, "run_costs")}
    assert set(rows) == set(listed)
    for key, row in rows.items():
        for money in ("gpu_cost", "unallocated", "api_cost", "cost", "counterfactual"):
            shown, nano = listed[key][f"{money}_usd"], row[f"{money}_nano"]
            assert nano == (None if shown is None else usd_to_nano(Decimal(str(shown))))
            if nano is not None:
                assert float(row[f"{money}_usd"]) == pytest.approx(float(Decimal(nano) / 10**9))
        for name in ("workload", "state", "model", "infrastructure", "records", "busy_ns", "error"):
            assert row[name] == listed[key][name]
        assert row["pending_nano"] == 1_000
    own = rows[str(filled.run)]
    assert (own["archive_path"], own["error"], own["hourly_rate_nano"]) == (None, None, 1_006_000_000)
    (other,) = (row for row in rows.values() if row["workload"] == "enrichment")
    assert other["archive_path"] == "month=2026-11/lines.parquet"


@pytest.mark.usefixtures("filled")
def test_line_details_are_the_lines(engine: Engine) -> None:
    """Names, keys and hashes are those that `ledger lines` shows; what is missing is NULL."""
    with readers(engine)() as session:
        shown = {str(row["id"]): row for row in ledger.list_lines(session)}
    rows = {str(row["id"]): row for row in view(engine, "line_details")}
    assert set(rows) == set(shown)
    same = ("workload", "record_key", "attempt", "route", "outcome", "failure", "model", "input_tokens")
    for key, row in rows.items():
        listed = shown[key]
        assert {name: row[name] for name in same} == {name: listed[name] for name in same}
        for name in ("run_id", "reuses", "batch_id", "request_hash", "answer_hash"):
            assert (row[name] is None) == (listed[name] is None)
            assert str(row[name]) == str(listed[name])
        assert row["cost_nano"] == (
            None if listed["cost_usd"] is None else usd_to_nano(Decimal(str(listed["cost_usd"])))
        )


@pytest.mark.usefixtures("filled")
def test_price_versions_know_the_newest(engine: Engine, make_session: sessionmaker[Session]) -> None:
    """Of one date, the version that holds now."""
    with make_session.begin() as session:
        reference.enter_price(session, replace(MINI, input_nano_per_mtok=7))
    rows = view(engine, "price_versions")
    assert [(row["version"], bool(row["newest"]), row["input_nano_per_mtok"]) for row in rows] == [
        (1, False, 150_000_000),
        (2, True, 7),
    ]
    assert float(rows[0]["input_usd_per_mtok"]) == pytest.approx(0.15)
