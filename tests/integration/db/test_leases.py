"""One owner a partition at a time, and a late one is fenced off (invariant I9)."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from db import leases
from db.session import make_engine, sessions
from db.tables import LeaseRow
from models.errors import LeaseLost, PartitionLocked
from tests.integration.db.ledger_lines import DAY
from tests.integration.db.processes import PROCESSES


def _alive(_owner: str) -> bool:
    return False


def _dead(_owner: str) -> bool:
    return True


def _take(make_session: sessionmaker[Session], owner: str, seconds: float = 60) -> leases.Lease:
    with make_session.begin() as session:
        return leases.acquire(session, "sentiment", DAY, owner, seconds, _alive)


def _race(url: str, owner: str, barrier: object, results: object) -> None:
    """Try to take the partition at the same moment as the others; runs in its own process."""
    engine = make_engine(url)
    make_session = sessions(engine)
    with make_session() as session:  # connected before the race begins
        session.connection()
    barrier.wait(30)  # type: ignore[attr-defined]
    try:
        _take(make_session, owner)
        results.put(owner)  # type: ignore[attr-defined]
    except PartitionLocked as error:
        results.put(f"locked: {error}")  # type: ignore[attr-defined]
    engine.dispose()


@pytest.mark.usefixtures("engine")
def test_of_two_processes_one_gets_the_partition(database_url: str) -> None:
    """Two processes at once: one gets it, the other is told who has it."""
    barrier, results = PROCESSES.Barrier(2), PROCESSES.Queue()
    racers = [
        PROCESSES.Process(target=_race, args=(database_url, f"host:{n}", barrier, results)) for n in range(2)
    ]
    for racer in racers:
        racer.start()
    got = sorted(results.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join(30)
    winner, locked = got
    assert winner.startswith("host:")
    assert locked.startswith(f"locked: sentiment {DAY} is being run by {winner}")


def test_of_many_threads_one_takes_over_an_expired_lease(make_session: sessionmaker[Session]) -> None:
    """Eight threads find the same expired lease: exactly one gets the next epoch."""
    _take(make_session, "old", seconds=-1)
    barrier = threading.Barrier(8)
    got: list[leases.Lease] = []
    locked: list[str] = []

    def race(owner: str) -> None:
        barrier.wait(30)
        try:
            got.append(_take(make_session, owner))
        except PartitionLocked as error:
            locked.append(str(error))

    threads = [threading.Thread(target=race, args=(f"new:{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [lease.epoch for lease in got] == [2]
    assert len(locked) == 7


def test_a_held_partition_names_its_owner_and_end(make_session: sessionmaker[Session]) -> None:
    """The message says who has it and until when, in one line."""
    _take(make_session, "hostA:1:2", seconds=3600)
    with pytest.raises(PartitionLocked, match=r"run by hostA:1:2, whose lease ends \d{4}-") as caught:
        _take(make_session, "hostB:1:2")
    assert "\n" not in str(caught.value)


def test_partitions_are_locked_apart(make_session: sessionmaker[Session]) -> None:
    """A lease is of one workload and one date."""
    _take(make_session, "a")
    with make_session.begin() as session:
        assert leases.acquire(session, "enrichment", DAY, "b", 60, _alive).epoch == 1
        assert leases.acquire(session, "sentiment", date(2026, 1, 1), "b", 60, _alive).epoch == 1


@pytest.mark.parametrize(("seconds", "is_dead"), [(-1, _alive), (3600, _dead)], ids=["expired", "dead"])
def test_a_taken_over_owner_is_fenced_off(
    make_session: sessionmaker[Session], seconds: float, is_dead: object
) -> None:
    """After a take-over the former owner can neither renew nor release, the new one can."""
    old = _take(make_session, "old", seconds)
    with make_session.begin() as session:
        new = leases.acquire(session, "sentiment", DAY, "new", 60, is_dead)  # type: ignore[arg-type]
    assert (old.epoch, new.epoch) == (1, 2)
    with pytest.raises(LeaseLost), make_session.begin() as session:
        leases.renew(session, old, 60)
    with pytest.raises(LeaseLost), make_session.begin() as session:
        leases.release(session, old)
    with make_session.begin() as session:
        leases.renew(session, new, 60)


def test_an_expired_lease_that_nobody_took_can_be_renewed(make_session: sessionmaker[Session]) -> None:
    """A run that was only slow goes on."""
    lease = _take(make_session, "slow", seconds=-1)
    with make_session.begin() as session:
        leases.renew(session, lease, 60)
        end = session.execute(select(LeaseRow.expires_at)).scalar_one()
    assert timedelta(seconds=50) < end - datetime.now(UTC) < timedelta(seconds=70)


def test_a_released_partition_is_free_and_epochs_go_on(make_session: sessionmaker[Session]) -> None:
    """Release frees at once; the same owner's former lease stays fenced off."""
    first = _take(make_session, "me")
    with make_session.begin() as session:
        leases.release(session, first)
    second = _take(make_session, "me")
    assert second.epoch == 2
    with pytest.raises(LeaseLost), make_session.begin() as session:
        leases.renew(session, first, 60)


def test_renewal_holds_off_a_take_over_until_the_commit(make_session: sessionmaker[Session]) -> None:
    """Between `renew` and the commit nobody takes the partition over, though the lease has expired."""
    lease = _take(make_session, "committer", seconds=-1)
    locked: list[str] = []

    def take_over() -> None:
        try:
            _take(make_session, "thief")
        except PartitionLocked as error:
            locked.append(str(error))

    thief = threading.Thread(target=take_over)
    with make_session.begin() as session:
        leases.renew(session, lease, 60)
        thief.start()
        thief.join(1)
        assert thief.is_alive()  # it waits for this transaction
    thief.join(30)
    assert len(locked) == 1
