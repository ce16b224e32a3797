"""Looks through a partition's input before a run of it is opened: what would be wrong later is said before anything is paid."""

import time
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from db.partitions import find_open, find_published, is_refresh
from models.run import PRODUCTION
from tasks.planning.checks import Checked
from tasks.planning.input_facts import read_facts
from tasks.planning.late_data import check_published_file, find_outdated
from tasks.planning.quarantine_share import QuarantineLimit
from tasks.planning.undated import check_undated


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of the input: its rows, None where they are not, its digest, and whether what is published is brought up to it.

    `outdated`: the version that was begun with another input, of which a part is no longer right. `read_ns`: how long it took to
    read the whole input, nanoseconds.
    """

    rows: int | None
    digest: bytes | None = None
    refreshes: bool = False
    outdated: UUID | None = None
    read_ns: int = 0


def examine_input(checked: Checked, fingerprint: str, make_session: sessionmaker[Session]) -> Examined:
    """Read the whole input of a run in production, unless it has nothing to do; the partition's lease need not be held.

    Raises `InputError` where too much of it would be set aside, `UsageError` where it has no dates and another day has the
    same rows, and `OutputError` where rows cannot be taken over from what is published.
    """
    request, workload = checked.request, checked.workload
    with make_session() as session:
        published = find_published(session, workload.name, request.partition, checked.purpose)
        begun = find_open(session, workload.name, request.partition, checked.purpose)
        if begun is not None and is_refresh(session, begun):  # what it took over, a rerun infers anew
            begun = None
    same = published is not None and published.fingerprint == fingerprint
    refreshes = request.refresh and same
    if published is not None and refreshes:
        check_published_file(published)
    if checked.purpose != PRODUCTION:
        return Examined(checked.total, read_facts(checked.reader).digest if refreshes else None, refreshes)
    left_alone = published is not None and not (request.rerun or refreshes)
    if request.retry_quarantined or left_alone:
        return Examined(checked.total)
    since = time.perf_counter_ns()
    facts = read_facts(checked.reader)
    read_ns = time.perf_counter_ns() - since
    if published is None or not refreshes or published.input_digest != facts.digest:
        limit = QuarantineLimit(
            checked.settings, workload.name, str(request.partition), published, continues=refreshes
        )
        limit.check_input(checked, facts)
        check_undated(checked, facts, make_session)
    outdated = None
    if begun is not None and not refreshes and begun.fingerprint == fingerprint:
        outdated = find_outdated(make_session, begun, facts.digest, checked)
    return Examined(facts.rows, facts.digest, refreshes, outdated, read_ns)
