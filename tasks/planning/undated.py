"""An input without dates: it is taken whole for whatever day is asked for, which is said, and not paid a second time."""

import logging

from sqlalchemy.orm import Session, sessionmaker

from db.version_input import find_same_input
from models.errors import UsageError
from tasks.planning.checks import Checked
from tasks.planning.input_facts import InputFacts
from tasks.reading import PartitionReader
from tasks.reading.source import TIMESTAMP_NAMES

log = logging.getLogger(__name__)


def is_undated(reader: PartitionReader) -> bool:
    """Whether nothing says of which day the input is: no column, no folder, no query, and no setting that it is one partition."""
    return not reader.dated and reader.source.timestamp_column is None and reader.timestamp_column is None


def check_undated(checked: Checked, facts: InputFacts, make_session: sessionmaker[Session]) -> None:
    """Say in one line that an input without dates is taken whole. Raises `UsageError` where another day has the same rows already."""
    reader = checked.reader
    if not is_undated(reader):
        return
    looked, name = ", ".join(TIMESTAMP_NAMES), checked.workload.name
    lacks = f"{reader.source.name} has no column of dates (none of {looked})"
    own = "an empty timestamp_column says that the whole input belongs to whatever day is asked for"
    if facts.digest is not None:
        with make_session() as session:
            other = find_same_input(session, name, reader.partition, facts.digest)
        if other is not None:
            msg = (
                f"{name} {reader.partition}: {lacks}, and its {facts.rows:,} records are those that {name} {other} has "
                f"already: nothing was begun. Set timestamp_column to the column of dates; {own}"
            )
            raise UsageError(msg)
    log.warning(
        "%s: all its %s records are taken for %s; set timestamp_column if there is one; %s",
        lacks,
        f"{facts.rows:,}",
        reader.partition,
        own,
    )
