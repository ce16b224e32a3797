"""Lines of batches that are submitted again, or whose deadline is over, and runs that waited for them."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, partitions, reference, run_queries, runs
from db.tables import RunRow
from models.ids import new_id
from tests.integration.db.ledger_lines import AT, DAY, MINI, Keys, batch, closing, pending, seed

Sessions = sessionmaker[Session]


def test_lines_go_over_to_the_batch_that_is_submitted_again(make_session: Sessions, keys: Keys) -> None:
    """Those that are pending; repeating it changes nothing, and another batch's lines stay where they are."""
    with make_session.begin() as session:
        old, new, other = (batch(keys, id=new_id()) for _ in range(3))
        for of in (old, new, other):
            batches.record_intent(session, of)
        lines = [pending(keys, str(n), batch_id=old.id) for n in range(3)]
        stays = pending(keys, "other", batch_id=other.id)
        attempts.open_attempts(session, "sentiment", [*lines, stays])
        attempts.close_attempts(session, [closing(lines[0].id)])
        for _ in range(2):
            attempts.move_to_batch(session, keys.run, old.id, new.id)
        batches.close(session, old.id, "failed", "token_limit_exceeded")
        moved = {one.id for one in attempts.list_pending_in_batches(session, keys.version, new.id)}
        assert moved == {line.id for line in lines[1:]}
        every = {one.id for one in attempts.list_pending_in_batches(session, keys.version)}
        assert every == {*moved, stays.id}
        assert attempts.resolve_unknown(session, "sentiment", DAY) == 0


def test_records_that_a_batch_had_until_its_deadline(make_session: Sessions, keys: Keys) -> None:
    """Only those of closed batches whose deadline is over, and which it did not serve; of one version."""
    with make_session.begin() as session:
        later = AT + timedelta(hours=30)
        over, soon, live = batch(keys), batch(keys, deadline=later), batch(keys)
        foreign = seed(session, "enrichment")
        elsewhere = batch(foreign)
        for of in (over, soon, live, elsewhere):
            batches.record_intent(session, of)
        lines = {
            name: pending(keys, name, batch_id=of.id)
            for name, of in {"late": over, "served": over, "in time": soon, "waits": live}.items()
        }
        attempts.open_attempts(session, "sentiment", list(lines.values()))
        attempts.open_attempts(session, "enrichment", [pending(foreign, "else", batch_id=elsewhere.id)])
        attempts.close_attempts(
            session,
            [
                closing(lines["served"].id),
                closing(lines["late"].id, outcome="failed", failure="batch_expired"),
            ],
        )
        for of in (over, soon, elsewhere):
            batches.close(session, of.id, "collected")
        at = AT + timedelta(hours=25)
        assert list(attempts.list_past_deadline(session, keys.version, at)) == ["late"]
        assert set(attempts.list_past_deadline(session, keys.version, later)) == {"late", "in time"}
        assert list(attempts.list_past_deadline(session, keys.version, AT)) == []


def test_a_price_is_found_by_its_key(make_session: Sessions, keys: Keys) -> None:
    """The one that a line was opened at, whatever has been added since."""
    with make_session() as session:
        assert reference.get_price(session, keys.price) == MINI


@pytest.mark.parametrize("published", [True, False])
def test_runs_that_waited_end_with_their_version(make_session: Sessions, keys: Keys, published: bool) -> None:
    """Completed by the run that completes it; interrupted by a run that gives it up. Nothing waits for them then."""
    with make_session.begin() as session:
        runs.wait(session, keys.run, {"batch": 5})
        if published:
            runs.finish(session, seed(session).run, "completed")
        else:
            version = partitions.open_version(session, "sentiment", DAY, "other", rerun=True)
            new = runs.NewRun(version.id, "sentiment", DAY, "vllm", keys.local, keys.prompt)
            runs.start(session, new)
    with make_session() as session:
        state = session.execute(select(RunRow.state).where(RunRow.id == keys.run)).scalar_one()
        assert state == ("completed" if published else "interrupted")
        assert run_queries.count_waiting(session, keys.run) == ({} if published else {"batch": 5})
