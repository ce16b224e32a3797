"""Lines never name a key of nothing, also where PostgreSQL leaves that to their rollup."""

from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import ledger
from db.migrations.versions.v0007_line_keys import KEYS
from db.session import alembic_config
from tests.integration.db.ledger_lines import Keys, line, pending

NOBODY = 999
NO_RUN = UUID(int=999)


def test_a_line_that_names_nothing_is_refused(make_session: sessionmaker[Session], keys: Keys) -> None:
    """Whichever of its keys it is, beside lines that are fine, and at a row of the rollup that is there already."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a"), pending(keys, "b")])
    for column in KEYS:
        wrong = pending(keys, "c", **{column: NO_RUN if column == "run_id" else NOBODY})
        with pytest.raises(IntegrityError), make_session.begin() as session:
            ledger.insert_lines(session, [line(keys, "d"), wrong])
    with make_session.begin() as session:
        assert ledger.totals(session, keys.run).attempts == 2


def test_what_a_line_names_cannot_go(engine: Engine, make_session: sessionmaker[Session], keys: Keys) -> None:
    """A prompt, a model, a price, a rate or a run that a line stands on is not deleted, whoever tries."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a"), pending(keys, "b")])
    for table in ("prompts", "models", "prices", "infrastructure", "runs"):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608


def test_down_and_up_again(engine: Engine, make_session: sessionmaker[Session], keys: Keys) -> None:
    """The older version has its keys back, over the lines that are there; the newer one leaves them out again."""
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a"), pending(keys, "b")])
    for revision, change, left in (("0006", command.downgrade, 7), ("0007", command.upgrade, 1)):
        with engine.begin() as connection:
            change(alembic_config(connection), revision)
        there = inspect(engine).get_foreign_keys("ledger_lines")
        assert len(there) == (left if engine.dialect.name == "postgresql" else 7)
    with make_session.begin() as session:
        assert ledger.totals(session, keys.run).attempts == 2
