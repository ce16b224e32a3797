"""A SQL query as input, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from models.errors import InputError
from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.reading import EmptyPartition, Source, open_partition
from tasks.reading.dates import partitions_between

pytestmark = pytest.mark.both_databases

DAY = date(2024, 1, 2)
TICKETS = "SELECT id, body FROM tickets WHERE day = :partition ORDER BY id, body"
MOMENTS = "SELECT id, body FROM tickets WHERE at >= :start AND at < :end ORDER BY at DESC"


def source(url: str, query: str, **settings: object) -> Source:
    """Make the source of a query over `tickets`."""
    values = {"query": query, "query_url": SecretStr(url), "text_columns": ("body",), **settings}
    return Source.of(WorkloadSettings.model_validate(values), ("text",))


def read(source: Source, day: date = DAY, limit: int | None = None) -> list[Record | Quarantined]:
    """Read a partition whole, twice, and check that both times and the count agree."""
    reader = open_partition(source, day, limit)
    rows = [row for batch in reader.batches(7) for row in batch]
    assert [row for batch in reader.batches() for row in batch] == rows
    assert reader.count() == len(rows)
    return rows


@pytest.fixture
def tickets(database_url: str) -> str:
    """Fill a table of tickets, three on the day, one just before it and one just after."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    stamp = "TEXT" if engine.dialect.name == "sqlite" else "TIMESTAMPTZ"
    day = "TEXT" if engine.dialect.name == "sqlite" else "DATE"
    rows = [
        (1, "before", "2024-01-01", "2024-01-01 23:59:59"),
        (2, "midnight", "2024-01-02", "2024-01-02 00:00:00"),
        (3, None, "2024-01-02", "2024-01-02 12:00:00"),
        (2, "twice", "2024-01-02", "2024-01-02 23:59:59"),
        (4, "after", "2024-01-03", "2024-01-03 00:00:00"),
    ]
    zone = "" if engine.dialect.name == "sqlite" else "+00"
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE tickets (id INTEGER, body TEXT, day {day}, at {stamp})"))
        for id_, body, on, at in rows:
            values = {"id": id_, "body": body, "day": on, "at": at + zone}
            connection.execute(sa.text("INSERT INTO tickets VALUES (:id, :body, :day, :at)"), values)
    return database_url


def test_the_date_is_bound(tickets: str) -> None:
    """`:partition` selects the day; keys, order, limit and quarantine are as for files."""
    assert read(source(tickets, TICKETS)) == [
        Record("2", "2", 0, "midnight"),
        Record("2#2", "2", 1, "twice"),
        Quarantined("3", "3", 2, "missing_text", "body is null"),
    ]
    assert len(read(source(tickets, TICKETS), limit=1)) == 1


def test_the_bounds_are_utc(tickets: str) -> None:
    """`:start` and `:end` are the day's bounds in UTC, also where the server's zone is another."""
    assert [row.key for row in read(source(tickets, MOMENTS))] == ["2", "3", "2#2"]


@pytest.mark.parametrize(
    "query",
    [
        TICKETS + ";",
        TICKETS + " ;\n-- the day's tickets; in order\n",
        TICKETS + " -- :day is bound",
        TICKETS + " /* 'never closed */",
        TICKETS.replace("WHERE", "-- it's :not bound\nWHERE"),
        TICKETS.replace("WHERE", "WHERE body || '' NOT LIKE '%:foo%' AND"),
        TICKETS.replace("id, body FROM", "id, body, 'a::b; it''s :x' AS \"c:d\" FROM"),
        TICKETS.replace("WHERE", "WHERE body <> '10\\:30' AND"),
        'WITH t AS (SELECT * FROM tickets) SELECT Id AS "ID", body AS "Body" FROM t WHERE day = :partition ORDER BY 1, 2;',
    ],
)
def test_a_query_as_people_write_it(tickets: str, query: str) -> None:
    """A semicolon or a comment at the end, and colons that bind nothing, are taken; rows and count are the same."""
    rows = read(source(tickets, query))
    assert [row.key for row in rows if isinstance(row, Record)] == ["2", "2#2"]


@pytest.mark.parametrize(
    "condition",
    [
        "day = :partition::date",
        "at >= :start::timestamptz AND at < :end::timestamptz",
        "at::date = :partition AND 'x:y' = 'x:y'",
        "day = any(array[:partition::date]) AND (ARRAY[1,2,3])[1:2] = '{1,2}' AND $$a:b$$ <> E'it\\'s :x'",
    ],
)
def test_casts_of_postgresql(tickets: str, condition: str) -> None:
    """`::` casts, slices and its ways to quote are PostgreSQL's own; SQLite has none of them."""
    query = TICKETS.replace("day = :partition", condition)
    if tickets.startswith("sqlite"):
        with pytest.raises(InputError, match=r"the query on .* failed"):
            open_partition(source(tickets, query), DAY)
        return
    assert [row.key for row in read(source(tickets, query)) if isinstance(row, Record)] == ["2", "2#2"]


def test_dates_that_python_has_not(database_url: str) -> None:
    """`infinity`, BC and 24:00 in a column that nobody wants do not fail the query; where one is looked at, it is NULL."""
    if database_url.startswith("sqlite"):
        pytest.skip("dates are text there")
    query = (
        "SELECT 17.0 AS id, 'text' AS body, 'infinity'::timestamptz AS a, '-infinity'::date AS b, "
        "'10000-01-01'::timestamp AS c, '24:00'::time AS d WHERE :partition::date IS NOT NULL ORDER BY 1"
    )
    assert read(source(database_url, query)) == [Record("17", "17", 0, "text")]
    marked = read(conditioned(database_url, query, "a IS NULL AND b IS NULL"))
    assert marked == [Record("17", "17", 0, "text", complex=True)]


@pytest.mark.parametrize(
    "form", ["{}", "{} 00:00:00", "{}T00:00:00", "{}T00:00:00Z", "{} 00:00:00.000+00:00"]
)
def test_bounds_over_dates_and_midnights(database_url: str, form: str) -> None:
    """A date alone, or a midnight however it is written, lies on its own day, in text as in a column of moments."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    kind = "TEXT" if engine.dialect.name == "sqlite" else "TIMESTAMPTZ"
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE tickets (id INTEGER, body TEXT, at {kind})"))
        for number in range(1, 4):
            at = form.format(f"2024-01-0{number}")
            if kind != "TEXT" and "+" not in at and "Z" not in at:
                at += " UTC"
            values = {"id": number, "at": at}
            connection.execute(sa.text("INSERT INTO tickets VALUES (:id, 'text', :at)"), values)
    rows = source(database_url, MOMENTS)
    assert [row.key for row in read(rows)] == ["2"]
    days = [date(2024, 1, number) for number in range(1, 4)]
    assert partitions_between(rows, date(2023, 12, 1), date(2024, 2, 1)) == days


def test_many_rows_are_streamed(database_url: str) -> None:
    """More rows than one fetch come whole and in order."""
    query = (
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2500) "
        "SELECT id, 'text' AS body FROM n WHERE :partition IS NOT NULL ORDER BY id"
    )
    if database_url.startswith("postgresql"):
        query = query.replace(":partition", "CAST(:partition AS date)")
    assert [row.id for row in read(source(database_url, query))] == [str(number) for number in range(1, 2501)]


def conditioned(url: str, query: str, condition: str) -> Source:
    """Make the source of a query under a policy with a condition."""
    return replace(source(url, query), complex_where=condition)


MORE = TICKETS.replace("id, body FROM", "id, body, at, id * 1.5 AS weight, id > 2 AS large FROM")


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        ("id = 2", {"2", "2#2"}),
        ("body LIKE 'mid%'", {"2"}),
        ("body IS NULL OR weight > 100", set()),
        ("weight >= 3", {"2", "2#2"}),
        ("true", {"2", "2#2"}),
    ],
)
def test_a_condition_marks_rows_of_a_query(tickets: str, condition: str, keys: set[str]) -> None:
    """The policy's condition looks at the query's result; NULL counts as false."""
    rows = read(conditioned(tickets, MORE, condition))
    assert {row.key for row in rows if isinstance(row, Record) and row.complex} == keys
    assert len(rows) == 3


def test_a_condition_meets_the_databases_types(tickets: str) -> None:
    """Booleans and timestamps come as the database has them: SQLite has numbers and text."""
    is_sqlite = tickets.startswith("sqlite")
    large = "large = 1" if is_sqlite else "NOT large"
    late = "at > '2024-01-02 12'" if is_sqlite else "at > TIMESTAMP '2024-01-02 12:00:00'"
    for condition, keys in ((large, set() if is_sqlite else {"2", "2#2"}), (late, {"2#2"})):
        rows = read(conditioned(tickets, MORE, condition))
        assert {row.key for row in rows if isinstance(row, Record) and row.complex} == keys


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("colour = 'red'", "no column colour; it has: id, body"),
        ("body > 3", "cannot compare string with numeric"),
        ("weight", "is no condition"),
    ],
)
def test_a_condition_that_cannot_serve_a_query(tickets: str, condition: str, message: str) -> None:
    """It is told before the run, as for files."""
    with pytest.raises(InputError, match=message):
        open_partition(conditioned(tickets, MORE, condition), DAY)


def test_marks_over_many_fetches(database_url: str) -> None:
    """Over more rows than one fetch, also where the first ones have no value, each mark is at its row."""
    query = (
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2500) "
        "SELECT id, 'text' AS body, CASE WHEN id > 1200 THEN id END AS late FROM n "
        "WHERE :partition IS NOT NULL ORDER BY id"
    )
    if database_url.startswith("postgresql"):
        query = query.replace(":partition", "CAST(:partition AS date)")
    rows = read(conditioned(database_url, query, "late > 2000"))
    assert [row.id for row in rows if isinstance(row, Record) and row.complex] == [
        str(number) for number in range(2001, 2501)
    ]


@pytest.mark.parametrize(
    ("query", "settings", "message"),
    [
        ("SELECT id, body FROM tickets ORDER BY id", {}, "select its date by :partition"),
        (TICKETS.replace("ORDER BY id, body", ""), {}, "needs an ORDER BY"),
        (TICKETS, {"where": "id = 1"}, "put the condition there"),
        (TICKETS, {"id_column": "key"}, "no column key; it has: id, body"),
        (TICKETS.replace("tickets", "nothing"), {}, "the query on .* failed"),
        (
            TICKETS.replace(":partition", ":partition AND id = :who"),
            {},
            "bind nothing else; it binds :partition, :who",
        ),
        (TICKETS.replace(":partition", "':partition'"), {}, "it binds nothing .what stands in quotes"),
        (TICKETS.replace("ORDER BY id, body", "-- ORDER BY id"), {}, "needs an ORDER BY"),
        (TICKETS.replace("ORDER BY id, body", "AND body <> 'order by'"), {}, "needs an ORDER BY"),
        (f"{TICKETS}; SELECT 1", {}, "more than one statement"),
        (
            "UPDATE tickets SET body = 'ORDER' WHERE day = :partition /* */ ORDER BY",
            {},
            "must be one SELECT",
        ),
    ],
)
def test_a_query_that_cannot_serve(
    tickets: str, query: str, settings: dict[str, object], message: str
) -> None:
    """A query that would not be repeatable, or is wrong, is one clear line without the password."""
    with pytest.raises(InputError, match=message) as raised:
        open_partition(source(tickets, query, **settings), DAY)
    assert "\n" not in str(raised.value)


def test_a_day_without_rows(tickets: str) -> None:
    """A query that returns nothing is an empty partition."""
    with pytest.raises(EmptyPartition, match="no record for 2030-01-01"):
        open_partition(source(tickets, TICKETS), date(2030, 1, 1))


@pytest.mark.parametrize("query", [TICKETS, MOMENTS])
def test_dates_of_a_range(tickets: str, query: str) -> None:
    """A query is asked for each date of a range, whichever way it binds it."""
    days = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)]
    rows = source(tickets, query)
    assert partitions_between(rows, date(2023, 12, 1), date(2024, 2, 1)) == days
    assert partitions_between(rows, days[1], days[1]) == days[1:2]
    assert partitions_between(rows, date(2024, 2, 1), date(2024, 2, 9)) == []
    with pytest.raises(InputError, match="needs an ORDER BY"):
        partitions_between(source(tickets, query.partition("ORDER")[0]), *days[:2])


def test_a_wrong_url() -> None:
    """A URL that is none is said without repeating what may be a secret."""
    for url in ("secret", "nodialect://me:secret@host/db"):
        with pytest.raises(InputError) as raised:
            open_partition(source(url, TICKETS), DAY)
        assert "me:secret" not in str(raised.value)


def test_text_in_sqlite_that_is_not_utf8(tmp_path: Path) -> None:
    """SQLite keeps any bytes as text: the bad row is set aside, the others are read."""
    url = f"sqlite:///{tmp_path / 'in.db'}"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE tickets (id TEXT, body TEXT, day TEXT)"))
        for id_, body in (("a", "'fine'"), ("b", "CAST(X'636166E9' AS TEXT)"), ("c", "X'66696E65'")):
            connection.execute(sa.text(f"INSERT INTO tickets VALUES ('{id_}', {body}, '{DAY}')"))  # noqa: S608
    rows = read(source(url, TICKETS))
    assert [getattr(row, "reason", "ok") for row in rows] == ["ok", "undecodable", "ok"]
