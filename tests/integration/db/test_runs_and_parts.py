"""Runs add up, and a part is registered once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import parts, run_queries, runs
from models.errors import UsageError
from models.gpu_time import GpuTime
from models.ids import new_id
from tests.integration.db.ledger_lines import DAY, Keys, seed

Sessions = sessionmaker[Session]


def _rows(make_session: Sessions, **filters: object) -> list[dict[str, object]]:
    with make_session.begin() as session:
        return run_queries.list_runs(session, **filters)  # type: ignore[arg-type]


def test_increments_add_up(make_session: Sessions, keys: Keys) -> None:
    """Two commits are summed in the database; money is shown as exact dollars."""
    more = runs.Increments(
        gpu_cost_nano=7, unallocated_nano=2, records=3, published=2, quarantined=1, counterfactual_nano=11
    )
    with make_session.begin() as session:
        runs.add(session, keys.run, GpuTime(1, 2, 3), more)
        runs.add(session, keys.run, GpuTime(10, 20, 30), replace(more, reused=1, input_tokens=5))
        runs.finish(session, keys.run, "completed")
    (row,) = _rows(make_session)
    assert (row["load_ns"], row["busy_ns"], row["idle_ns"]) == (11, 22, 33)
    assert (row["records"], row["published"], row["quarantined"], row["reused"]) == (6, 4, 2, 1)
    assert (row["gpu_cost_usd"], row["unallocated_usd"]) == (Decimal("14E-9"), Decimal("4E-9"))
    assert row["counterfactual_usd"] == Decimal("22E-9")
    assert (row["state"], row["error"], row["input_tokens"]) == ("completed", None, 5)
    assert (row["model"], row["prompt_version"], row["infrastructure"]) == ("small", "1", "A10G")
    assert row["flow_run_id"] == "flow-1"
    ended, started = row["ended_at"], row["started_at"]
    assert isinstance(ended, datetime)
    assert isinstance(started, datetime)
    assert started.tzinfo is UTC
    assert timedelta(0) <= ended - started < timedelta(minutes=5)


def test_an_unknown_counterfactual_stays_unknown(make_session: Sessions, keys: Keys) -> None:
    """One unknown amount makes the run's unknown; later known ones do not hide it."""
    with make_session.begin() as session:
        for amount in (5, None, 5):
            runs.add(session, keys.run, GpuTime(), runs.Increments(counterfactual_nano=amount))
    assert _rows(make_session)[0]["counterfactual_usd"] is None


def test_a_new_run_marks_the_dead_one_as_interrupted(make_session: Sessions, keys: Keys) -> None:
    """A run that never ended is not shown as running for ever; other partitions are left alone."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        second = seed(session)
    states = {row["id"]: row["state"] for row in _rows(make_session)}
    assert states == {keys.run: "interrupted", other.run: "running", second.run: "running"}


def test_an_error_is_one_short_line(make_session: Sessions, keys: Keys) -> None:
    """Line breaks and endless messages do not reach the table."""
    with make_session.begin() as session:
        runs.finish(session, keys.run, "failed", "engine died:\n  out of\tmemory " + "x" * 1000)
    error = _rows(make_session)[0]["error"]
    assert isinstance(error, str)
    assert error.startswith("engine died: out of memory xxx")
    assert len(error) == 500


def test_unknown_runs_are_errors(make_session: Sessions, keys: Keys) -> None:
    """Nothing is added to, or ended of, a run that is not there."""
    assert keys
    with make_session.begin() as session:
        with pytest.raises(UsageError, match="knows no run"):
            runs.add(session, new_id(), GpuTime(), runs.Increments())
        with pytest.raises(UsageError, match="knows no run"):
            runs.finish(session, new_id(), "failed")


def test_runs_are_listed_newest_first_and_filtered(make_session: Sessions, keys: Keys) -> None:
    """Filters restrict; None does not."""
    with make_session.begin() as session:
        later = seed(session, "enrichment")
        runs.finish(session, keys.run, "completed")
    now = datetime.now(UTC)
    assert [row["id"] for row in _rows(make_session)] == [later.run, keys.run]
    assert [row["id"] for row in _rows(make_session, limit=1)] == [later.run]
    assert [row["id"] for row in _rows(make_session, workload="sentiment", state=None)] == [keys.run]
    assert [row["id"] for row in _rows(make_session, state="completed", until=now)] == [keys.run]
    assert _rows(make_session, since=now + timedelta(hours=1)) == []


def test_quarantined_counts_add_up(make_session: Sessions, keys: Keys) -> None:
    """Reasons are counted over the commits of a run."""
    with make_session.begin() as session:
        runs.add_quarantined(session, keys.run, {"too_long": 2, "missing_text": 1})
        runs.add_quarantined(session, keys.run, {"too_long": 3})
        assert run_queries.count_quarantined(session, keys.run) == {"missing_text": 1, "too_long": 5}


def _part(keys: Keys, name: str = "a.arrow") -> parts.Part:
    return parts.Part(new_id(), keys.version, keys.run, name, 500, 0, 499)


def test_a_part_is_registered_once(make_session: Sessions, keys: Keys) -> None:
    """A commit that is retried finds its part, and is told so."""
    part = _part(keys)
    with make_session.begin() as session:
        assert not parts.is_registered(session, part.id)
        assert parts.register(session, part) is True
    with make_session.begin() as session:
        assert parts.register(session, part) is False
        assert parts.is_registered(session, part.id)
        assert parts.list_registered(session, keys.version) == [part]


def test_a_rolled_back_part_is_not_registered(make_session: Sessions, keys: Keys) -> None:
    """Without the commit the record is not done."""
    part = _part(keys)
    with make_session() as session:
        assert parts.register(session, part)
        session.rollback()
    with make_session.begin() as session:
        assert parts.list_registered(session, keys.version) == []
        assert parts.register(session, part) is True


def test_two_parts_of_one_file_are_refused(make_session: Sessions, keys: Keys) -> None:
    """One file holds one part: the same name under another key is a mistake, not a retry."""
    with make_session.begin() as session:
        parts.register(session, _part(keys))
    with pytest.raises(IntegrityError), make_session.begin() as session:
        parts.register(session, _part(keys))


def test_parts_are_of_one_version(make_session: Sessions, keys: Keys) -> None:
    """Parts come in the order of their registration, and only those of the version."""
    first, second = _part(keys, "b"), _part(keys, "a")
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        parts.register(session, first)
        parts.register(session, second)
        parts.register(session, _part(other))
        assert parts.list_registered(session, keys.version) == [first, second]


def test_a_run_waits_and_is_taken_up_again(make_session: Sessions, keys: Keys) -> None:
    """It ends for now with what waits; waiting again replaces the counts; when it is completed nothing waits."""
    with make_session.begin() as session:
        runs.wait(session, keys.run, {"batch": 5, "budget": 2})
        runs.wait(session, keys.run, {"batch": 4})
        assert run_queries.count_waiting(session, keys.run) == {"batch": 4}
    (row,) = _rows(make_session, state="waiting")
    assert (row["waiting"], row["ended_at"] is None) == (4, False)
    with make_session.begin() as session:
        runs.resume(session, keys.run)
        runs.resume(session, keys.run)
    (row,) = _rows(make_session)
    assert (row["state"], row["ended_at"], row["waiting"]) == ("running", None, 4)
    with make_session.begin() as session:
        runs.finish(session, keys.run, "completed")
        assert run_queries.count_waiting(session, keys.run) == {}
        with pytest.raises(UsageError, match="is completed"):
            runs.resume(session, keys.run)
    assert _rows(make_session)[0]["waiting"] == 0


@pytest.mark.parametrize("state", ["failed", "interrupted"])
def test_a_run_that_died_can_be_taken_up_again(make_session: Sessions, keys: Keys, state: str) -> None:
    """Its batch may still bring answers; its error and what it waited for are kept until then."""
    with make_session.begin() as session:
        runs.wait(session, keys.run, {"batch": 5})
        runs.resume(session, keys.run)
        runs.finish(session, keys.run, state, "out of memory")  # type: ignore[arg-type]
    assert [(row["waiting"], row["error"]) for row in _rows(make_session)] == [(5, "out of memory")]
    with make_session.begin() as session:
        runs.resume(session, keys.run)
    assert [(row["state"], row["error"]) for row in _rows(make_session)] == [("running", None)]


def test_a_new_run_leaves_a_waiting_one(make_session: Sessions, keys: Keys) -> None:
    """Only a run that never ended was interrupted."""
    with make_session.begin() as session:
        runs.wait(session, keys.run, {})
        assert run_queries.count_waiting(session, keys.run) == {}
        seed(session)
    assert [row["state"] for row in _rows(make_session)] == ["running", "waiting"]


def test_what_a_run_goes_on_with(make_session: Sessions, keys: Keys) -> None:
    """The keys that its lines refer to, its partition and its state are found by its key."""
    with make_session.begin() as session:
        assert runs.run_keys(session, keys.run) == runs.RunKeys(
            keys.version,
            "sentiment",
            DAY,
            "production",
            "running",
            "vllm",
            keys.local,
            keys.prompt,
            keys.machine,
        )
        with pytest.raises(UsageError, match="knows no run"):
            runs.run_keys(session, new_id())
        with pytest.raises(UsageError, match="knows no run"):
            runs.resume(session, new_id())
        with pytest.raises(UsageError, match="knows no run"):
            runs.wait(session, new_id(), {})


def test_a_run_costs_what_its_gpu_and_its_api_cost(make_session: Sessions, keys: Keys) -> None:
    """Both are shown, and their sum; escalated records are counted."""
    more = runs.Increments(gpu_cost_nano=7, api_cost_nano=11, escalated=2)
    with make_session.begin() as session:
        for _ in range(2):
            runs.add(session, keys.run, GpuTime(), more)
    (row,) = _rows(make_session)
    assert (row["api_cost_usd"], row["cost_usd"]) == (Decimal("22E-9"), Decimal("36E-9"))
    assert (row["escalated"], row["waiting"]) == (4, 0)
