"""Lines page by page: every line that matches, once, in order, and the counts beside them; nothing is written."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from db import browse, lines_page
from db.browse_filters import Filters
from db.ledger import insert_lines, list_lines
from db.line_places import Position
from db.session import make_reading_engine, readers
from db.summary import sum_usage
from db.tables import RunRow
from models.errors import UsageError
from models.ids import new_id
from models.ledger.line import LedgerLine
from tests.integration.db.ledger_lines import AT, DAY, Keys, line, pending, seed

LATE = datetime(2026, 11, 23, 23, 59, 59, 999999, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)


def _lines_of_run(keys: Keys, records: int) -> list[LedgerLine]:
    """Make lines of every kind: reused, escalated, pending, unpriced, on both sides of midnight."""
    made: list[LedgerLine] = []
    for number in range(records):
        key = f"r{number:02d}"
        at = LATE if number % 3 else LATE + timedelta(microseconds=1)
        first = line(keys, key, at=at)
        match number % 5:
            case 0:
                made.append(first)
            case 1:
                made.append(first._replace(outcome="escalated", reason="low_confidence"))
                made.append(pending(keys, key, at=at, attempt=2))
            case 2:
                made.append(first._replace(cost_nano=None, counterfactual_nano=None, estimated=True))
            case 3:
                nothing = {"input_tokens": None, "cached_tokens": None, "output_tokens": None}
                reuse = line(keys, key, at=at, engine="reuse", reason="identical", reuses=new_id(), **nothing)
                made.append(reuse._replace(cost_nano=0, counterfactual_nano=0, gpu_ns=None))
            case _:
                made.append(first._replace(outcome="invalid_output"))
    return made


@pytest.fixture
def runs(make_session: sessionmaker[Session]) -> list[Keys]:
    """Three runs of two workloads, the first one the newest; two of them began at the same moment."""
    made = []
    with make_session.begin() as session:
        for number, workload in enumerate(("sentiment", "enrichment", "sentiment")):
            keys = seed(session, workload, DAY - timedelta(days=number))
            began = AT - timedelta(hours=min(number, 1))
            session.execute(update(RunRow).where(RunRow.id == keys.run).values(started_at=began))
            insert_lines(session, _lines_of_run(keys, 11))
            made.append(keys)
    return made


def _pages(
    session: Session, filters: Filters, limit: int, most_read: int = lines_page.MOST_READ
) -> list[dict[str, object]]:
    """Go from page to page to the last one; each is full, unless it was cut short."""
    rows: list[dict[str, object]] = []
    after: Position | None = None
    while True:
        page = lines_page.read_lines_page(session, filters, after=after, limit=limit, most_read=most_read)
        rows += page.rows
        assert page.rows or page.following is None or most_read < lines_page.MOST_READ
        assert len(page.rows) == limit or page.following is None or most_read < lines_page.MOST_READ
        if page.following is None:
            return rows
        after = page.following


CHOICES = [
    Filters(),
    Filters(workload="sentiment"),
    Filters(workload="nobody's"),
    Filters(engine="openai"),
    Filters(model="gpt-4o-mini"),
    Filters(outcome="pending"),
    Filters(route="vllm"),
    Filters(route="vllm:low_confidence"),
    Filters(route="vllm>openai:low_confidence", since=NEXT_DAY),
    Filters(route="vllm>reuse:identical"),
    Filters(until=DAY),
    Filters(since=DAY, until=DAY, workload="enrichment", outcome="ok"),
    Filters(since=date.min, until=date.max),
]


def test_pages_hold_every_line_that_matches_once(
    make_session: sessionmaker[Session], runs: list[Keys]
) -> None:
    """Whatever the filters and the size of a page: the same lines as `ledger lines`, and as many as counted."""
    order = {runs[0].run: 0} | {key: 1 + n for n, key in enumerate(sorted([r.run for r in runs[1:]])[::-1])}
    with make_session() as session:
        for filters, limit, most_read in product(CHOICES, (1, 7, 100), (1, lines_page.MOST_READ)):
            rows = _pages(session, filters, limit, most_read)
            expected = _expected(session, filters)
            places = [(order[row["run_id"]], row["record_key"], row["attempt"]) for row in rows]  # type: ignore[index]
            assert places == sorted(places)
            assert {_identity(row) for row in rows} == {_identity(row) for row in expected}
            assert len(rows) == len(expected)
            assert browse.count_matching(session, filters) == browse.Matching(len(expected), 0)


def _expected(session: Session, filters: Filters) -> list[dict[str, object]]:
    days = {"since": filters.since, "until": filters.until}
    moments = {
        name: None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)
        for name, day in days.items()
    }
    if moments["until"] is not None:
        moments["until"] += timedelta(days=1, microseconds=-1)
    return list_lines(
        session,
        workload=filters.workload,
        engine=filters.engine,
        model=filters.model,
        outcome=filters.outcome,
        route=filters.route,
        since=moments["since"],
        until=moments["until"],
    )


def _identity(row: dict[str, object]) -> tuple[object, ...]:
    names = ("run_id", "record_key", "attempt", "at", "route", "outcome", "model", "workload", "cost_usd")
    return tuple(row[name] for name in names)


def test_a_page_reads_few_runs(make_session: sessionmaker[Session], runs: list[Keys]) -> None:
    """Where few lines match, a page ends with the run in which enough were read, and the next goes on after it."""
    with make_session() as session:
        first = lines_page.read_lines_page(session, Filters(outcome="pending"), most_read=1)
        every = lines_page.read_lines_page(session, Filters(outcome="pending"))
    assert {row["run_id"] for row in first.rows} == {runs[0].run}
    assert first.following is not None
    assert first.following.record_key is None
    assert {row["run_id"] for row in every.rows} == {keys.run for keys in runs}


FEW = (
    Filters(outcome="invalid_output"),
    Filters(engine="openai"),
    Filters(engine="openai", outcome="failed"),
    Filters(route="vllm:low_confidence"),
    Filters(route="vllm>reuse:identical", workload="sentiment"),
    Filters(model="gpt-4o-mini", outcome="pending"),
    Filters(outcome="escalated", since=DAY, until=DAY),
)


def _many_lines(keys: Keys) -> list[LedgerLine]:
    """Make 6,000 lines that went as most do, and a few of each other kind behind them; some records failed often."""
    made = [line(keys, f"r{number:04d}") for number in range(6000)]
    for number in range(3):
        key = f"s{number}"
        made.append(line(keys, key, outcome="escalated", reason="low_confidence"))
        made.append(pending(keys, key, attempt=2, reason=("low_confidence", "language")[number % 2]))
        made += [pending(keys, key, attempt=3 + n, outcome="failed", cost_nano=0) for n in range(20)]
        made.append(line(keys, f"t{number}", outcome="invalid_output"))
        reuse = {"engine": "reuse", "reason": "identical", "reuses": new_id(), "infrastructure_id": None}
        made.append(line(keys, f"u{number}", **reuse))
    return made


def _count_read(
    session: Session, filters: Filters, after: Position | None
) -> tuple[int, lines_page.LinesPage]:
    """Read a page; return about how many lines the database looked at for it."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        looked = "SELECT pg_stat_get_xact_tuples_returned(c) + pg_stat_get_xact_tuples_fetched(c)"
        statement = text(f"{looked} FROM (SELECT CAST('ledger_lines' AS regclass) AS c) AS t")
        before = session.execute(statement).scalar_one()
        page = lines_page.read_lines_page(session, filters, after=after, limit=10)
        return session.execute(statement).scalar_one() - before, page
    steps: list[None] = []
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: steps.append(None), 10)  # a line that is looked at takes about ten
    page = lines_page.read_lines_page(session, filters, after=after, limit=10)
    driver.set_progress_handler(None, 0)
    return len(steps), page


def test_few_lines_are_found_among_many(make_session: sessionmaker[Session]) -> None:
    """Those that did not go as most do, forwards to the last one, without a look at the thousands that did."""
    with make_session.begin() as session:
        keys = seed(session)
        insert_lines(session, _many_lines(keys))
    with make_session() as session:
        for filters in FEW:
            rows: list[dict[str, object]] = []
            after: Position | None = None
            while True:
                read, page = _count_read(session, filters, after)
                assert read < 2000, filters
                rows += page.rows
                if (after := page.following) is None:
                    break
            assert len(rows) == browse.count_matching(session, filters).here > 0
            assert list(map(_identity, rows)) == sorted(map(_identity, rows), key=lambda one: one[1:3])


def test_a_page_reads_so_many_lines_of_a_run(make_session: sessionmaker[Session]) -> None:
    """Of lines that no index knows, such as those of one day, a page reads as many as it may; the next one goes on."""
    with make_session.begin() as session:
        keys = seed(session)
        days = [LATE] * 30 + [LATE + timedelta(days=1)]
        insert_lines(session, [line(keys, f"r{number:02d}", at=at) for number, at in enumerate(days)])
    with make_session() as session:
        filters, after, sizes = Filters(since=NEXT_DAY), None, []
        while True:
            page = lines_page.read_lines_page(session, filters, after=after, most_read=10)
            sizes.append(len(page.rows))
            if (after := page.following) is None:
                break
    assert sizes == [0, 0, 0, 1]


def test_a_run_of_its_own(make_session: sessionmaker[Session], runs: list[Keys]) -> None:
    """The lines of one run are asked for by its key."""
    with make_session() as session:
        rows = _pages(session, Filters(run_id=runs[1].run), 4)
    assert {row["run_id"] for row in rows} == {runs[1].run}
    assert len(rows) == len(_lines_of_run(runs[1], 11))


def test_a_run_that_was_cut(make_session: sessionmaker[Session], runs: list[Keys]) -> None:
    """Its key asks for the lines of its shards as well, a shard's key for that one's alone, whoever asks."""
    whole, _, part = (keys.run for keys in runs)
    with make_session.begin() as session:
        session.execute(update(RunRow).where(RunRow.id == part).values(part_of=whole, shard=1, shards=2))
    with make_session() as session:
        for run_id, expected in ((whole, {whole, part}), (part, {part})):
            rows = _pages(session, Filters(run_id=run_id), 4)
            listed = [list_lines(session, run_id=run_id, limit=limit) for limit in (100, None)]
            assert {row["run_id"] for row in rows} == expected
            assert [{_identity(row) for row in found} for found in listed] == [set(map(_identity, rows))] * 2
            assert browse.count_matching(session, Filters(run_id=run_id)).here == len(rows)
            assert [row["attempts"] for row in sum_usage(session, [], run_id=run_id)] == [len(rows)]


def test_names_to_choose_from(make_session: sessionmaker[Session], runs: list[Keys]) -> None:
    """What the lines carry, nothing else, and the days from the first line to the last."""
    assert runs
    with make_session() as session:
        found = browse.list_choices(session)
    assert found == browse.Choices(
        workloads=["enrichment", "sentiment"],
        engines=["openai", "reuse", "vllm"],
        models=["gpt-4o-mini", "small"],
        routes=["vllm", "vllm:low_confidence", "vllm>openai:low_confidence", "vllm>reuse:identical"],
        outcomes=["escalated", "invalid_output", "ok", "pending"],
        first_day=DAY,
        last_day=NEXT_DAY,
    )


def test_what_is_in_doubt(make_session: sessionmaker[Session], runs: list[Keys]) -> None:
    """Upper bounds, estimates and unknown costs are counted; the sum says what is known of an unknown one."""
    assert runs
    with make_session() as session:
        found = browse.sum_doubts(session, Filters(workload="enrichment"))
        whole = next(iter(sum_usage(session, [], workload="enrichment")))
    assert (found.in_doubt, found.at_most_usd) == (2, Decimal("0.000002"))
    assert (found.estimated, found.unknown_cost, found.unknown_counterfactual) == (2, 2, 4)
    assert whole["cost_usd"] is None
    assert found.known_cost_usd == Decimal("0.000000279") * 7 + Decimal("0.000002")


def test_an_empty_ledger(make_session: sessionmaker[Session]) -> None:
    """No lines, no names, no days, no doubts."""
    with make_session() as session:
        assert browse.list_choices(session) == browse.Choices([], [], [], [], [], None, None)
        assert lines_page.read_lines_page(session, Filters()) == lines_page.LinesPage([], None)
        assert browse.count_matching(session, Filters()) == browse.Matching(0, 0)
        assert browse.sum_doubts(session, Filters()).in_doubt == 0


def test_what_makes_no_sense_is_said(make_session: sessionmaker[Session], runs: list[Keys]) -> None:
    """A place in a run that is not there, and a route that is none."""
    assert runs
    with make_session() as session:
        with pytest.raises(UsageError, match="knows no run"):
            lines_page.read_lines_page(session, Filters(), after=Position(new_id(), "r1", 1))
        with pytest.raises(UsageError, match="is no route"):
            lines_page.read_lines_page(session, Filters(route=">"))


def test_machines(make_session: sessionmaker[Session], runs: list[Keys]) -> None:
    """Machines in dollars an hour."""
    assert runs
    with make_session() as session:
        (machine,) = browse.list_machines(session)
    assert (machine["kind"], machine["usd_per_hour"]) == ("A10G", Decimal("1.006"))


def test_a_reading_engine_cannot_write(engine: Engine, database_url: str, runs: list[Keys]) -> None:
    """The database refuses, whatever kind of session asks, and a transaction sees one state."""
    assert engine
    assert runs
    reading = make_reading_engine(database_url)
    try:
        for make in (readers(reading), sessionmaker(reading)):
            with make() as session, pytest.raises(DBAPIError, match=r"read-?only"):
                session.execute(text("UPDATE runs SET error = 'touched'"))
        with readers(reading)() as session:
            before = browse.count_matching(session, Filters())
            with sessionmaker(engine).begin() as writer:
                insert_lines(writer, [line(runs[0], "late")])
            assert browse.count_matching(session, Filters()) == before
        with readers(reading)() as session:
            assert browse.count_matching(session, Filters()).here == before.here + 1
    finally:
        reading.dispose()
