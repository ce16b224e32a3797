"""Ledger lines keep what they are given, and sums know what is unknown."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import batches, ledger
from db.session import readers, sessions
from db.summary import sum_usage
from models.errors import UsageError
from models.ids import new_id
from models.ledger.line import LedgerLine, Outcome
from tests.integration.db.ledger_lines import AT, Keys, batch, line, pending, seed
from tests.ledger_lines import LineTotals, read_lines, sum_lines

KNOWN = st.integers(0, 2**60 - 1)  # of eight lines the rollup holds the sum
BIG = st.none() | KNOWN
COUNT = st.none() | st.integers(0, 2**31 - 1)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw field values that the ledger must keep, keys aside."""
    cached, fresh = draw(st.integers(0, 2**30)), draw(st.integers(0, 2**30 - 1))  # 2**31 - 1 at most together
    outcome = draw(st.sampled_from(get_args(Outcome)))
    doubtful = outcome in {"pending", "unknown_outcome"}
    return {
        "record_key": draw(WORDS),
        "attempt": draw(st.integers(0, 2**15 - 1)),
        "at": draw(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1))).replace(  # noqa: DTZ001
            tzinfo=timezone(timedelta(minutes=draw(st.integers(-720, 720))))
        ),
        "reason": draw(st.none() | WORDS),
        "failure": draw(st.none() | WORDS),
        "outcome": outcome,
        "engine": "openai" if doubtful else draw(st.sampled_from(["vllm", "openai"])),
        "input_tokens": cached + fresh,
        "cached_tokens": draw(st.sampled_from([None, cached])),
        "output_tokens": draw(COUNT),
        "estimated": draw(st.booleans()),
        "gpu_ns": draw(BIG),
        "cost_nano": draw(KNOWN if doubtful else BIG),
        "counterfactual_input_tokens": draw(COUNT),
        "counterfactual_output_tokens": draw(COUNT),
        "counterfactual_nano": draw(BIG),
        "request_hash": draw(st.binary(min_size=1, max_size=16)),
        "answer_hash": draw(st.none() | st.binary(max_size=16)),
    }


@given(drawn=st.lists(changes(), max_size=8, unique_by=lambda c: (c["record_key"], c["attempt"])))
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example starts a run of its own
)
def test_lines_come_back_as_they_went_in(
    make_session: sessionmaker[Session], drawn: list[dict[str, Any]]
) -> None:
    """Every field of every line survives the database exactly, also times of other zones and big integers."""
    with make_session.begin() as session:
        keys = seed(session)
        lines = [line(keys, **change) for change in drawn]
        ledger.insert_lines(session, lines)
    with make_session.begin() as session:
        found = {one.id: one for one in read_lines(session, keys.run)}
    assert found == {one.id: one for one in lines}
    assert all(one.at.tzinfo is UTC for one in found.values())


def test_a_line_is_there_once(make_session: sessionmaker[Session], keys: Keys) -> None:
    """A second line of the same run, record and attempt is refused, whatever its own key."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a"), line(keys, "a", attempt=2), line(keys, "b")])
    with pytest.raises(IntegrityError), make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "c"), line(keys, "a")])
    with make_session.begin() as session:
        assert sum_lines(session, keys.run).attempts == 3  # nothing of the refused transaction stays


@pytest.mark.parametrize(
    "wrong",
    [
        {"cost_nano": -1},
        {"input_tokens": 3, "cached_tokens": 4},
        {"output_tokens": -1},
        {"infrastructure_id": None},  # a cost that stands on no rate
        {"engine": "reuse"},  # reuse of nothing
        {"outcome": "perhaps"},
        {"run_id": new_id()},
        {"price_id": 999},
        {"batch_id": new_id()},
    ],
)
def test_impossible_lines_are_refused(
    make_session: sessionmaker[Session], keys: Keys, wrong: dict[str, Any]
) -> None:
    """Negative costs, costs without a rate and keys of nothing cannot be stored."""
    with pytest.raises(IntegrityError), make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, **wrong)])


@pytest.mark.parametrize("outcome", ["pending", "unknown_outcome"])
@pytest.mark.parametrize("wrong", [{"engine": "vllm"}, {"cost_nano": None}])
def test_only_an_api_leaves_doubt_and_never_about_the_most_it_can_cost(
    make_session: sessionmaker[Session], keys: Keys, outcome: str, wrong: dict[str, Any]
) -> None:
    """A local attempt is never pending or of unknown outcome, and no such attempt is without an upper bound."""
    with (
        pytest.raises(IntegrityError, match="ck_ledger_lines_upper_bound"),
        make_session.begin() as session,
    ):
        ledger.insert_lines(session, [pending(keys, outcome=outcome, **wrong)])
    with make_session.begin() as session:
        ledger.insert_lines(session, [pending(keys, outcome=outcome)])


def test_a_line_names_its_batch_and_failure(make_session: sessionmaker[Session], keys: Keys) -> None:
    """Both come back from the database, and in what is listed."""
    of = batch(keys)
    with make_session.begin() as session:
        batches.record_intent(session, of)
        ledger.insert_lines(session, [pending(keys, batch_id=of.id, failure="http_429")])
        (kept,) = read_lines(session, keys.run)
        (shown,) = ledger.list_lines(session)
    assert (kept.batch_id, kept.failure) == (of.id, "http_429")
    assert (shown["batch_id"], shown["failure"]) == (of.id, "http_429")


def test_naive_times_are_refused(make_session: sessionmaker[Session], keys: Keys) -> None:
    """A time without a zone would be stored as a guess."""
    naive = AT.replace(tzinfo=None)
    with make_session() as session, pytest.raises(ValueError, match="naive datetime"):
        ledger.insert_lines(session, [line(keys, at=naive)])


def _mixed(keys: Keys) -> list[LedgerLine]:
    """Two local records, one of them escalated, one reused, over two days of two months."""
    first = line(keys, "a")
    bad = line(
        keys, "b", outcome="invalid_output", cost_nano=300, at=datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    )
    api = line(
        keys,
        "b",
        attempt=2,
        engine="openai",
        reason="invalid_output",
        model_id=keys.api,
        infrastructure_id=None,
        price_id=keys.price,
        gpu_ns=None,
        cost_nano=None,
        input_tokens=None,
        cached_tokens=None,
        output_tokens=None,
        at=datetime(2026, 12, 1, 0, 0, tzinfo=UTC),
    )
    again = line(
        keys,
        "c",
        engine="reuse",
        reason="identical",
        reuses=first.id,
        input_tokens=0,
        cached_tokens=0,
        output_tokens=0,
        cost_nano=0,
        gpu_ns=0,
        infrastructure_id=None,
        counterfactual_nano=0,
    )
    return [first, bad, api, again]


@pytest.fixture
def mixed(make_session: sessionmaker[Session], keys: Keys) -> Keys:
    """Fill a ledger with the four lines of `_mixed`."""
    with make_session.begin() as session:
        ledger.insert_lines(session, _mixed(keys))
    return keys


@pytest.mark.usefixtures("mixed")
def test_summary_by_engine_is_the_hand_computed_one(engine: Engine) -> None:
    """Sums by engine and model; the group with an unknown cost says None, not 0."""
    with readers(engine)() as session:
        rows = sum_usage(session, ["engine", "model"])
    assert rows == [
        {
            "engine": "openai",
            "model": "gpt-4o-mini",
            "attempts": 1,
            "records": 1,
            "input_tokens": None,
            "cached_tokens": None,
            "cache_write_tokens": None,
            "output_tokens": None,
            "reasoning_tokens": None,
            "cost_usd": None,
            "counterfactual_usd": Decimal("0.000015900"),
        },
        {
            "engine": "reuse",
            "model": "small",
            "attempts": 1,
            "records": 1,
            "input_tokens": 0,
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "output_tokens": 0,
            "reasoning_tokens": 0,
            "cost_usd": Decimal(0),
            "counterfactual_usd": Decimal(0),
        },
        {
            "engine": "vllm",
            "model": "small",
            "attempts": 2,
            "records": 2,
            "input_tokens": 200,
            "cached_tokens": 128,
            "cache_write_tokens": 0,
            "output_tokens": 10,
            "reasoning_tokens": 0,
            "cost_usd": Decimal("0.000000579"),
            "counterfactual_usd": Decimal("0.000031800"),
        },
    ]


@pytest.mark.usefixtures("mixed")
def test_summary_counts_a_record_once(engine: Engine) -> None:
    """Four attempts are three records, and one unknown cost makes the whole sum unknown."""
    with readers(engine)() as session:
        (row,) = sum_usage(session, ["workload"])
        (total,) = sum_usage(session, [])
    assert (row["attempts"], row["records"], row["cost_usd"]) == (4, 3, None)
    assert row == {"workload": "sentiment", **total}


@pytest.mark.usefixtures("mixed")
def test_summary_by_route_day_and_month(engine: Engine) -> None:
    """Routes say where, and why elsewhere; days and months are those of UTC."""
    with readers(engine)() as session:
        routes = sum_usage(session, ["route"])
        days = sum_usage(session, ["day"])
        months = sum_usage(session, ["month", "engine"])
    assert {row["route"] for row in routes} == {"vllm", "vllm>openai:invalid_output", "vllm>reuse:identical"}
    assert [(row["day"], row["attempts"]) for row in days] == [
        ("2026-11-23", 2),
        ("2026-11-30", 1),
        ("2026-12-01", 1),
    ]
    assert [(row["month"], row["engine"]) for row in months] == [
        ("2026-11", "reuse"),
        ("2026-11", "vllm"),
        ("2026-12", "openai"),
    ]


def test_a_route_says_what_became_of_a_record(engine: Engine, keys: Keys) -> None:
    """An escalated record shows its reason on both attempts, and a route can be filtered by."""
    escalated = line(keys, "a", outcome="escalated", reason="low_confidence")
    served = pending(keys, "a", attempt=2, outcome="ok", cost_nano=5)
    at_once = pending(keys, "b", requested="openai", reason=None, outcome="ok", cost_nano=6)
    with sessions(engine).begin() as session:
        ledger.insert_lines(session, [escalated, served, at_once, line(keys, "c")])
    with readers(engine)() as session:
        routes = {row["route"]: row["cost_usd"] for row in sum_usage(session, ["route"])}
        assert routes == {
            "openai": Decimal("6E-9"),
            "vllm": Decimal("279E-9"),
            "vllm:low_confidence": Decimal("279E-9"),
            "vllm>openai:low_confidence": Decimal("5E-9"),
        }
        for route, cost in routes.items():
            (row,) = sum_usage(session, [], route=str(route))
            assert (row["attempts"], row["cost_usd"]) == (1, cost)
            assert [one["route"] for one in ledger.list_lines(session, route=str(route))] == [route]


def test_pending_lines_count_with_their_upper_bound(engine: Engine, keys: Keys) -> None:
    """What is in flight shows in sums as the most it can cost; its tokens are not known yet."""
    with sessions(engine).begin() as session:
        ledger.insert_lines(session, [line(keys, "a"), pending(keys, "a", attempt=2)])
        total = sum_lines(session, keys.run)
    assert (total.attempts, total.records, total.input_tokens, total.cost_nano) == (2, 1, 100, 1_279)
    with readers(engine)() as session:
        (row,) = sum_usage(session, ["engine"], outcome="pending")
    assert (row["engine"], row["cost_usd"], row["input_tokens"]) == ("openai", Decimal("1E-6"), None)


def test_filters_restrict(engine: Engine, mixed: Keys) -> None:
    """Every filter takes away what it should, alone and together; None does not restrict."""
    with readers(engine)() as session:
        assert len(ledger.list_lines(session)) == 4
        assert len(ledger.list_lines(session, workload=None, limit=2)) == 2
        assert ledger.list_lines(session, workload="enrichment") == []
        assert len(ledger.list_lines(session, engine="vllm", outcome="ok", run_id=mixed.run)) == 1
        assert len(ledger.list_lines(session, model="gpt-4o-mini")) == 1
        assert len(ledger.list_lines(session, since=datetime(2026, 12, 1, tzinfo=UTC))) == 1
        assert len(ledger.list_lines(session, until=AT)) == 2
        assert sum_usage(session, ["day"], since=datetime(2027, 1, 1, tzinfo=UTC)) == []
        assert sum_usage(session, [], since=datetime(2027, 1, 1, tzinfo=UTC)) == []


@pytest.mark.usefixtures("mixed")
def test_lines_are_readable_and_newest_first(engine: Engine) -> None:
    """A listed line names its model, prompt and route, and shows unknown money as None."""
    with readers(engine)() as session:
        rows = ledger.list_lines(session)
    assert rows[0]["record_key"] == "b"
    assert rows[0]["route"] == "vllm>openai:invalid_output"
    assert rows[0]["cost_usd"] is None
    assert rows[-1]["model"] == "small"
    assert rows[-1]["request_hash"] == b"0123456789abcdef".hex()
    assert rows[0]["counterfactual_usd"] == Decimal("0.0000159")


def test_unknown_column_is_a_usage_error(make_session: sessionmaker[Session]) -> None:
    """A column that cannot be summed by is named, with those that can."""
    with (
        make_session() as session,
        pytest.raises(UsageError, match="cannot sum by colour; choose from workload"),
    ):
        sum_usage(session, ["engine", "colour"])


def test_totals_of_a_run(make_session: sessionmaker[Session], mixed: Keys) -> None:
    """A run's totals are the sums of its lines, and of no other run's."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        ledger.insert_lines(session, [line(other, "z", cost_nano=10**18)])
        found = sum_lines(session, mixed.run)
        assert sum_lines(session, other.run).cost_nano == 10**18
    assert found == LineTotals(4, 3, 200, 128, 0, 10, 0, 2_000_000, None, 47_700)


def test_sums_beyond_64_bits_of_tokens_stay_exact(make_session: sessionmaker[Session], keys: Keys) -> None:
    """Costs near the largest BIGINT sum exactly where the database can hold the sum."""
    half = 2**62 - 1
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a", cost_nano=half), line(keys, "b", cost_nano=half)])
        assert sum_lines(session, keys.run).cost_nano == 2 * half


def test_nothing_to_insert_is_no_error(make_session: sessionmaker[Session], keys: Keys) -> None:
    """A commit without lines is allowed."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [])
        assert sum_lines(session, keys.run).attempts == 0


def test_line_uses_every_field(keys: Keys) -> None:
    """The tests' own line is complete, so that the round trip covers all of `LedgerLine`."""
    assert line(keys)._replace(id=keys.run).id == keys.run
    assert set(ledger.COLUMNS) == set(LedgerLine._fields)
