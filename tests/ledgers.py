"""Migrated, empty ledgers for tests: the migrations run once for each process and database, the rest are copies."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from db.session import make_engine, migrate


def migrated(url: str) -> str:
    """Migrate the database at this URL; return the URL."""
    engine = make_engine(url)
    migrate(engine)
    engine.dispose()
    return url


def new_sqlite(path: Path) -> str:
    """Put a migrated, empty ledger where no file is yet; return its URL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(_sqlite_file())
    return f"sqlite:///{path}"


@cache
def _sqlite_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        migrated(f"sqlite:///{path}")
        return path.read_bytes()


class Postgres:
    """Makes places for ledgers on one PostgreSQL server, whose superuser's URI it is given."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._template: str | None = None

    def empty(self) -> str:
        """Return the URL of a place without tables: a schema of its own, which is made in no time."""
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE SCHEMA {name}")
        url = make_url(self._uri).set(drivername="postgresql+psycopg")
        return url.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(
            hide_password=False
        )

    def migrated(self) -> str:
        """Return the URL of a migrated, empty ledger: a copy of a database, for the server copies its files."""
        if self._template is None:
            self._template = self._database("")
            migrated(self._url(self._template))
        return self._url(self._database(f"TEMPLATE {self._template} STRATEGY FILE_COPY"))

    def drop(self, url: str) -> None:
        """Remove what `migrated` made, whoever is still connected."""
        self._execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def _database(self, options: str) -> str:
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} {options}")
        return name

    def _url(self, database: str) -> str:
        url = make_url(self._uri).set(drivername="postgresql+psycopg", database=database)
        return url.render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(statement.encode())
