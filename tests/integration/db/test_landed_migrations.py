"""A migration that is there is never changed: ledgers that went through it would differ from new ones."""

import json
from hashlib import blake2b
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from db.session import alembic_config, make_engine
from tests.integration.db.schema_snapshot import snapshot

SCHEMAS = {
    "0.1.0": "91a25d5457656d7f",
    "0.2.0": "bdda85227e798113",
    "0.3.0": "e5343c1b60b34c9f",
    "0.4.0": "6706ddfce54bd92a",
    "0.5.0": "888ba76f078bf0cc",
    "0.6.0": "1fb3c1e9f6d35207",
    "0.7.0": "f2af083ee16ba993",
    "0.8.0": "10c93b1f63dc403e",
    "0.9.0": "340b5f727c77e6e6",
}
"""What the schema was when each migration came to the main branch. A new migration adds its line; no line is ever changed."""


def digest(connection: Connection) -> str:
    """Return a hash of all that a database's schema is."""
    told = json.dumps(snapshot(connection), sort_keys=True, default=str)
    return blake2b(told.encode(), digest_size=8).hexdigest()


def test_each_migration_makes_what_it_made(tmp_path: Path) -> None:
    """Step by step, from nothing to the newest one."""
    engine = make_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    found = {}
    with engine.begin() as connection:
        config = alembic_config(connection)
        for one in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
            command.upgrade(config, one.revision)
            found[one.revision] = digest(connection)
    engine.dispose()
    assert found == SCHEMAS
