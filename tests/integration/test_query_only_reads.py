"""A query only reads: the statement is checked, and the connection is held to it, on SQLite and on PostgreSQL."""

# ruff: noqa: S608 - the queries of a user

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from models.errors import InputError
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.database import open_database, reading
from tests.integration.test_reading_query import DAY, TICKETS, source, tickets

__all__ = ["tickets"]

pytestmark = pytest.mark.both_databases
ORDERED = "ORDER BY :partition"
REFUSED = [
    f"UPDATE tickets SET body = '' WHERE day = :partition RETURNING id, body {ORDERED}",
    f"DELETE FROM tickets WHERE day = :partition RETURNING id, body {ORDERED}",
    f"INSERT INTO tickets SELECT * FROM tickets {ORDERED} RETURNING id, body",
    f"DROP TABLE tickets /* */ {ORDERED}",
    f"PRAGMA query_only = OFF {ORDERED}",
    f"ATTACH DATABASE 'other.db' AS other {ORDERED}",
    f"COPY tickets TO PROGRAM 'cat' {ORDERED}",
    f"CALL something(:partition) {ORDERED}",
    f"EXPLAIN ANALYZE SELECT 1 {ORDERED}",
    f"SELECT 1; DROP TABLE tickets; SELECT 1 {ORDERED}",
    f"/* a remark */ DELETE FROM tickets {ORDERED}",
    f"WITH gone AS (DELETE FROM tickets RETURNING *) SELECT * FROM gone {ORDERED}",
    f"WITH gone AS (\n update tickets SET body = '' RETURNING *) SELECT * FROM gone {ORDERED}",
    f"WITH new AS (INSERT INTO tickets VALUES (1) RETURNING *) SELECT * FROM new {ORDERED}",
    f"SELECT id, body INTO other FROM tickets {ORDERED}",
    f"SELECT id, body FROM tickets {ORDERED} FOR UPDATE",
    f"SELECT pg_read_file('/etc/passwd') AS id, 'x' AS body {ORDERED}",
    f"SELECT \"pg_read_file\"('/etc/passwd') AS id, 'x' AS body {ORDERED}",
    f"SELECT pg_catalog . pg_read_binary_file ('/etc/passwd') AS id, 'x' AS body {ORDERED}",
    f"SELECT name AS id, '' AS body FROM pg_ls_dir('/') AS name {ORDERED}",
    f"SELECT lo_export(1, '/tmp/x') AS id, '' AS body {ORDERED}",
    f"SELECT lo_import('/etc/passwd') AS id, '' AS body {ORDERED}",
    f"SELECT * FROM dblink('host=x', 'SELECT 1') AS t(id INT, body TEXT) {ORDERED}",
    f"SELECT set_config('transaction_read_only', 'off', false) AS id, '' AS body {ORDERED}",
    f"SELECT pg_terminate_backend(1) AS id, '' AS body {ORDERED}",
    f"SELECT nextval('s') AS id, '' AS body {ORDERED}",
    f"SELECT load_extension('x') AS id, '' AS body {ORDERED}",
    f"SELECT writefile('x', 'y') AS id, '' AS body {ORDERED}",
]
READS = [
    f"(SELECT id, body FROM tickets WHERE day = :partition) {ORDERED}",
    f"WITH those AS (SELECT * FROM tickets WHERE day = :partition) SELECT id, body FROM those {ORDERED}",
    f"-- INTO\nSELECT id, replace(body, 'delete from', 'update x') AS body FROM tickets WHERE day = :partition {ORDERED}",
    f"select id, body from tickets where day = :partition and coalesce(body, '') <> 'insert into; drop' {ORDERED};",
]


def rows_left(url: str) -> int:
    """Count the tickets, on a connection of its own."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM tickets WHERE body <> ''")).scalar_one())


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_no_question_is_refused(query: str, tickets: str) -> None:
    """A statement that writes, several, and functions that reach beyond the rows: one line, and nothing is changed."""
    with pytest.raises(
        InputError, match=r"the query (must be one SELECT|only reads|holds more than one)"
    ) as raised:
        open_partition(source(tickets, query), DAY)
    assert "\n" not in str(raised.value)
    assert rows_left(tickets) == 4


@pytest.mark.parametrize("query", READS)
def test_a_question_is_answered(query: str, tickets: str) -> None:
    """The words of writing in a text, in a remark or in a name are no writing."""
    if query.startswith("(") and "sqlite" in tickets:
        pytest.skip("SQLite knows no brackets around a SELECT")
    assert open_partition(source(tickets, query), DAY).count() == 3


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tickets (id, body) VALUES (9, 'new')",
        "UPDATE tickets SET body = ''",
        "DELETE FROM tickets",
        "DROP TABLE tickets",
        "CREATE TABLE other (id INTEGER)",
    ],
)
def test_the_connection_writes_nothing(statement: str, tickets: str) -> None:
    """Whatever the check of the statement overlooks, the database refuses."""
    given = source(tickets, TICKETS)
    with (
        pytest.raises(InputError, match=r"the query on .* failed"),
        reading(open_database(given), "x") as found,
    ):
        found.execute(sa.text(statement))
    assert rows_left(tickets) == 4


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '{0}' AS other",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "VACUUM INTO '{0}'",
    ],
)
def test_sqlite_opens_no_other_file(statement: str, tmp_path: Path) -> None:
    """A connection to SQLite neither makes a file nor changes its own settings."""
    given = Source.of(
        WorkloadSettings(query=TICKETS, query_url=SecretStr(f"sqlite:///{tmp_path / 'in.db'}")), ("body",)
    )
    other = tmp_path / "other.db"
    with pytest.raises(InputError), reading(open_database(given), "x") as found:
        found.execute(sa.text(statement.format(other)))
    assert not other.exists()


def test_a_full_text_index_of_sqlite_is_read(tmp_path: Path) -> None:
    """Virtual tables, which ask SQLite for more than their rows, work as they did."""
    url = f"sqlite:///{tmp_path / 'in.db'}"
    with closing(sa.create_engine(url, poolclass=sa.NullPool).raw_connection()) as made:
        made.cursor().execute("CREATE VIRTUAL TABLE tickets USING fts5(id, body, day)")
        made.cursor().execute("INSERT INTO tickets VALUES ('a', 'red lamp', ?)", (str(DAY),))
        made.commit()
    query = "SELECT id, body FROM tickets WHERE body MATCH 'lamp' AND day = :partition ORDER BY id"
    assert open_partition(source(url, query), DAY).count() == 1
