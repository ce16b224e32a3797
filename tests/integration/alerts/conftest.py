"""A migrated ledger on both databases, and servers that take what is sent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.alerts.harness import Watch
from tests.integration.report.conftest import engine, make_session
from tests.integration.report.harness import chat_room
from tests.post_office import PostOffice, opened

__all__ = ["engine", "make_session"]


@pytest.fixture
def watch(database_url: str, tmp_path: Path, make_session: sessionmaker[Session]) -> Iterator[Watch]:
    """Have a ledger, a mail server and a chat that take everything."""
    with opened(PostOffice()) as office, chat_room() as room:
        yield Watch(database_url, tmp_path, make_session, office, room)
