"""One open and one published version of a partition at a time."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import batches, partitions, runs
from db.tables import PartitionVersionRow
from models.errors import UsageError
from models.ids import new_id
from tests.integration.db.ledger_lines import DAY, batch, seed

Sessions = sessionmaker[Session]


def _open(
    make_session: Sessions, fingerprint: str = "f", *, rerun: bool = False, digest: bytes | None = None
) -> partitions.PartitionVersion:
    with make_session.begin() as session:
        return partitions.open_version(
            session, "sentiment", DAY, fingerprint, rerun=rerun, input_digest=digest
        )


def _publish(
    make_session: Sessions, version_id: UUID, path: str = "out/1.parquet", digest: bytes | None = None
) -> None:
    with make_session.begin() as session:
        partitions.publish(session, version_id, path, 10, 2, digest)


def _published(make_session: Sessions) -> partitions.PartitionVersion | None:
    with make_session.begin() as session:
        return partitions.find_published(session, "sentiment", DAY)


def test_an_open_version_is_continued(make_session: Sessions) -> None:
    """A killed run's version goes on with the same settings."""
    assert _open(make_session) == _open(make_session)


def test_other_settings_abandon_an_open_version(make_session: Sessions) -> None:
    """Answers of two prompts are never mixed in one version."""
    first, second = _open(make_session, "f"), _open(make_session, "g")
    assert (first.version, second.version) == (1, 2)
    with pytest.raises(UsageError, match="abandoned"):
        _publish(make_session, first.id)


def test_a_published_partition_is_not_run_again(make_session: Sessions) -> None:
    """The same settings return the published version with all it holds."""
    version = _open(make_session)
    assert _published(make_session) is None
    _publish(make_session, version.id)
    again = _open(make_session)
    assert again == _published(make_session)
    assert (again.state, again.output_path, again.records, again.quarantined) == (
        "published",
        "out/1.parquet",
        10,
        2,
    )
    assert again.published_at is not None
    assert again.published_at.tzinfo is not None


def test_a_partition_published_with_other_settings_needs_rerun(make_session: Sessions) -> None:
    """Nothing published is replaced by accident."""
    _publish(make_session, _open(make_session, "f").id)
    with pytest.raises(UsageError, match="--rerun replaces it"):
        _open(make_session, "g")


@pytest.mark.parametrize("fingerprint", ["f", "g"])
def test_rerun_supersedes_when_it_publishes(make_session: Sessions, fingerprint: str) -> None:
    """The old version stays published until the new one is; then there is one published version."""
    first = _open(make_session, "f")
    _publish(make_session, first.id)
    second = _open(make_session, fingerprint, rerun=True)
    assert second.version == 2
    assert _open(make_session, fingerprint, rerun=True) == second  # a killed rerun is continued
    assert _published(make_session) == _open(make_session, "f")
    _publish(make_session, second.id, "out/2.parquet")
    now = _published(make_session)
    assert now is not None
    assert (now.id, now.output_path) == (second.id, "out/2.parquet")
    with pytest.raises(UsageError, match="superseded"):
        _publish(make_session, first.id)


def test_publishing_twice_changes_nothing(make_session: Sessions) -> None:
    """A commit that is retried after a lost connection is harmless."""
    version = _open(make_session)
    _publish(make_session, version.id)
    before = _published(make_session)
    _publish(make_session, version.id, "elsewhere")
    assert _published(make_session) == before


@pytest.mark.parametrize("state", ["open", "published"])
def test_the_database_refuses_a_second_one(make_session: Sessions, state: str) -> None:
    """Even code that forgot the lease cannot open or publish two versions."""
    values = {"workload": "sentiment", "partition": DAY, "fingerprint": "f", "state": state}
    with make_session.begin() as session:
        session.execute(insert(PartitionVersionRow).values(id=new_id(), version=1, **values))
    with pytest.raises(IntegrityError), make_session.begin() as session:
        session.execute(insert(PartitionVersionRow).values(id=new_id(), version=2, **values))


def test_an_input_is_read_to_its_end(make_session: Sessions) -> None:
    """That is noted once, for this version only."""
    version = _open(make_session)
    assert version.input_read is False
    with make_session.begin() as session:
        for _ in range(2):
            partitions.set_input_read(session, version.id)
    assert _open(make_session) == replace(version, input_read=True)
    assert _open(make_session, "g").input_read is False


def test_versions_that_wait_are_found(make_session: Sessions) -> None:
    """The open ones whose newest run waits; not those that are published or that a later run works on."""
    days = [DAY + timedelta(days=n) for n in range(5)]
    with make_session.begin() as session:
        waits, again, running, done, published = (seed(session, partition=day) for day in days)
        for keys in (again, waits, running, done, published):
            runs.wait(session, keys.run, {"budget": 1})
        later = seed(session, partition=days[1])
        runs.wait(session, later.run, {"api_unavailable": 1})
        seed(session, partition=days[2])
        runs.finish(session, done.run, "completed")
        partitions.publish(session, published.version, "p", 1, 0)
        partitions.set_input_read(session, again.version)
        assert partitions.list_waiting(session) == [
            partitions.WaitingPartition("sentiment", days[0], waits.version, False, waits.run, "waiting"),
            partitions.WaitingPartition("sentiment", days[1], again.version, True, later.run, "waiting"),
        ]


def test_a_version_with_a_live_batch_is_found_whatever_became_of_its_run(make_session: Sessions) -> None:
    """A collector that died, or a run that died after it had submitted, leaves nothing behind for ever."""
    with make_session.begin() as session:
        keys = seed(session)
        seed(session, "enrichment")
        of = batch(keys)
        batches.record_intent(session, of)
        (found,) = partitions.list_waiting(session)
        assert (found.run_id, found.run_state) == (keys.run, "running")
        runs.finish(session, keys.run, "interrupted")
        (found,) = partitions.list_waiting(session)
        assert (found.version_id, found.run_state) == (keys.version, "interrupted")
        batches.close(session, of.id, "collected")
        assert partitions.list_waiting(session) == []
        partitions.set_input_read(session, keys.version)  # nothing of it needs a run any more
        (found,) = partitions.list_waiting(session)
        assert (found.version_id, found.run_state) == (keys.version, "interrupted")


def test_a_refresh_is_based_on_what_is_published(make_session: Sessions) -> None:
    """The same input needs none; another one gets a version, which only that very input continues."""
    first = _open(make_session)
    _publish(make_session, first.id, digest=b"old")
    assert _open(make_session, digest=b"old").state == "published"
    second = _open(make_session, digest=b"new")
    assert (second.version, second.based_on, second.input_digest) == (2, first.id, b"new")
    assert _open(make_session, digest=b"new") == second
    third = _open(make_session, digest=b"newer")
    assert (third.version, third.based_on, third.input_digest) == (3, first.id, b"newer")
    with pytest.raises(UsageError, match="abandoned"):
        _publish(make_session, second.id)
    _publish(make_session, third.id, digest=b"as it was read")
    now = _published(make_session)
    assert now is not None
    assert (now.id, now.input_digest, now.based_on) == (third.id, b"as it was read", first.id)


def test_an_input_that_is_not_known_is_refreshed(make_session: Sessions) -> None:
    """What an older version published may stand for anything."""
    first = _open(make_session)
    _publish(make_session, first.id)
    assert _open(make_session, digest=b"any").based_on == first.id


def test_refresh_and_rerun_do_not_continue_each_other(make_session: Sessions) -> None:
    """The one takes rows over and the other must not, though both have the same fingerprint."""
    first = _open(make_session)
    _publish(make_session, first.id, digest=b"old")
    refresh = _open(make_session, digest=b"new")
    rerun = _open(make_session, rerun=True)
    assert (rerun.version, rerun.based_on, rerun.input_digest) == (3, None, None)
    again = _open(make_session, digest=b"new")
    assert again.id not in {refresh.id, rerun.id}
    assert again.based_on == first.id


def test_a_refresh_with_other_settings_is_refused(make_session: Sessions) -> None:
    """Rows of two prompts are never mixed in one version."""
    _publish(make_session, _open(make_session).id, digest=b"old")
    with pytest.raises(UsageError, match="--rerun replaces it"):
        _open(make_session, "g", digest=b"new")


def test_a_version_that_only_waits_is_not_given_up_for_later_data(make_session: Sessions) -> None:
    """Its answers are paid for: it is returned as it is. One whose input was not read, or that nobody works on, goes."""
    with make_session.begin() as session:
        keys = seed(session)
        partitions.publish(session, keys.version, "p", 1, 0, b"old")
        waits = partitions.open_version(session, "sentiment", DAY, "f", rerun=False, input_digest=b"new")
        run = runs.start(
            session, runs.NewRun(waits.id, "sentiment", DAY, "vllm", keys.local, keys.prompt, keys.machine)
        )
        runs.wait(session, run, {"batch": 3})
    assert _open(make_session, digest=b"newer").version == 3  # the input was not read to its end
    with make_session.begin() as session:
        open_ = partitions.open_version(session, "sentiment", DAY, "f", rerun=False, input_digest=b"newer")
        partitions.set_input_read(session, open_.id)
    assert _open(make_session, digest=b"newest").version == 4  # nothing waits, and nobody would publish it
    with make_session.begin() as session:
        open_ = partitions.open_version(session, "sentiment", DAY, "f", rerun=False, input_digest=b"newest")
        partitions.set_input_read(session, open_.id)
        run = runs.start(
            session, runs.NewRun(open_.id, "sentiment", DAY, "vllm", keys.local, keys.prompt, keys.machine)
        )
        runs.wait(session, run, {"batch": 3})
    kept = _open(make_session, digest=b"later still")
    assert (kept.id, kept.input_digest) == (open_.id, b"newest")
    assert _open(make_session, rerun=True).version == 5
