"""The rollup is what the lines come to, at every moment, whatever is done to them and in whatever order."""

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, ledger
from db.recount import rebuild
from db.tables import DailyUsageRow, LedgerLineRow
from models.ids import new_id
from models.ledger.line import Closing, LedgerLine
from tests.integration.db.ledger_lines import AT, DAY, Keys, batch, closing, line, pending, seed
from tests.integration.db.usage_sums import USAGE, WAY, recomputed

Sessions = sessionmaker[Session]
Usage = dict[tuple[object, ...], Counter[str]]
WORKLOADS = ("sentiment", "enrichment")


def kept(session: Session) -> Usage:
    """Read the rollup; no way may be there twice, and none without a line."""
    found: Usage = {}
    for row in session.execute(select(DailyUsageRow.__table__)):
        way = tuple(row._mapping[name] for name in WAY)
        assert way not in found
        assert row.attempts > 0
        found[way] = Counter({name: row._mapping[name] for name in USAGE})
    return found


def counted(session: Session) -> Usage:
    """Work the rollup out from the lines."""
    return recomputed(session.execute(select(LedgerLineRow.__table__)).all())


class _Story:
    """Plays drawn steps on the ledger: two workloads, few records, so that attempts meet each other."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.runs = [seed(session, workload) for workload in WORKLOADS]
        self.batches: list[Any] = [[], []]
        self.opened: list[LedgerLine] = []
        self.taken: set[tuple[object, ...]] = set()

    def start(self, which: int) -> None:
        """Start another run of one of the partitions."""
        self.runs[which] = seed(self.session, WORKLOADS[which])

    def insert(self, which: int, drawn: Sequence[tuple[str, int, dict[str, Any]]]) -> None:
        """Insert local lines and reuses, of attempts that are not there yet."""
        ledger.insert_lines(self.session, self._new(which, drawn, line))

    def open(self, which: int, drawn: Sequence[tuple[str, int, dict[str, Any]]], *, batched: bool) -> None:
        """Open attempts on the API, in a new batch or in none."""
        own: dict[str, Any] = {}
        if batched:
            of = batch(self.runs[which])
            batches.record_intent(self.session, of)
            self.batches[which].append((self.runs[which].run, of.id))
            own["batch_id"] = of.id
        lines = self._new(which, drawn, pending, **own)
        attempts.open_attempts(self.session, WORKLOADS[which], lines)
        self.opened += lines

    def close(self, picks: Sequence[int], closings: Sequence[Closing]) -> None:
        """Close some of the attempts that were ever opened."""
        if self.opened:
            chosen = [
                replace(how, id=self.opened[pick % len(self.opened)].id)
                for pick, how in zip(picks, closings, strict=False)
            ]
            attempts.close_attempts(self.session, chosen)

    def settle(self, which: int) -> None:
        """Settle what waits for nothing."""
        attempts.resolve_unknown(self.session, WORKLOADS[which], DAY)

    def end_batch(self, which: int) -> None:
        """Let the lines of a batch wait for another one, and give the first one up."""
        if self.batches[which]:
            run, old = self.batches[which].pop()
            of = batch(replace(self.runs[which], run=run))
            batches.record_intent(self.session, of)
            attempts.move_to_batch(self.session, run, old, of.id)
            batches.close(self.session, old, "abandoned")
            if len(self.batches[which]) % 2:
                batches.close(self.session, of.id, "abandoned")

    def _new(
        self,
        which: int,
        drawn: Sequence[tuple[str, int, dict[str, Any]]],
        make: Any,  # noqa: ANN401  `line` or `pending`
        **own: Any,  # noqa: ANN401  any field
    ) -> list[LedgerLine]:
        keys, lines = self.runs[which], []
        for record, attempt, changes in drawn:
            key = (keys.run, record, attempt)
            if key not in self.taken:
                self.taken.add(key)
                lines.append(make(keys, record, attempt=attempt, **own, **changes))
        return lines


COUNTED = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
COUNT = st.none() | st.integers(0, 10**6)
MONEY = st.none() | st.integers(0, 10**12)
AT_ANY_HOUR = st.integers(-72, 72).map(lambda hours: AT + timedelta(hours=hours))
FIGURES = {
    "at": AT_ANY_HOUR,
    "estimated": st.booleans(),
    "gpu_ns": COUNT,
    "counterfactual_input_tokens": COUNT,
    "counterfactual_output_tokens": COUNT,
    "counterfactual_nano": MONEY,
}
TOKENS = st.sampled_from(
    [
        (None, None, None, None, None),
        (0, 0, 0, 0, 0),
        (70, None, None, 9, None),
        (100, 64, 36, 12, 12),
        (100, 0, 7, 900, 850),
    ]
).map(lambda counts: dict(zip(COUNTED, counts, strict=True)))
LOCAL = st.one_of(
    st.sampled_from(["ok", "invalid_output", "triage"]).map(lambda outcome: {"outcome": outcome}),
    st.just({"outcome": "escalated", "reason": "low_confidence"}),
    st.just({"engine": "reuse", "reason": "identical", "reuses": new_id(), "infrastructure_id": None}),
    st.sampled_from(["ok", "failed"]).map(
        lambda outcome: {"engine": "openai", "outcome": outcome, "reason": "too_long"}
    ),
)


def attempts_of(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    """Draw attempts of few records: the record, its number, and the fields of its line."""
    fields = st.tuples(*parts).map(lambda found: {k: v for part in found for k, v in part.items()})
    one = st.tuples(st.sampled_from("abcdef"), st.sampled_from([1, 1, 2, 2, 3]), fields)
    return st.lists(one, min_size=1, max_size=6)


INSERTED = attempts_of(
    LOCAL, TOKENS, st.fixed_dictionaries({**FIGURES, "cost_nano": MONEY, "price_id": st.none()})
)
OPENED = attempts_of(
    st.fixed_dictionaries(
        {"at": AT_ANY_HOUR, "cost_nano": st.integers(0, 5_000), "estimated": st.booleans()}
    ),
    st.sampled_from([{}, {"counterfactual_nano": 0, "counterfactual_input_tokens": 0}]),
)
CLOSING = st.builds(
    lambda outcome, tokens, changes: closing(new_id(), outcome=outcome, **tokens, **changes),
    st.sampled_from(["ok", "invalid_output", "failed", "unknown_outcome"]),
    TOKENS,
    st.fixed_dictionaries(
        {
            "cost_nano": st.integers(0, 9_000),
            "estimated": st.booleans(),
            "counterfactual_input_tokens": st.integers(0, 90),
            "counterfactual_nano": st.integers(0, 9_000),
        }
    ),
)
SOME_CLOSINGS = st.lists(CLOSING, min_size=6, max_size=6)
WHICH = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("insert"), WHICH, INSERTED),
    st.tuples(st.just("insert"), WHICH, INSERTED),
    st.tuples(st.just("open"), WHICH, OPENED, st.booleans()),
    st.tuples(st.just("open"), WHICH, OPENED, st.booleans()),
    st.tuples(st.just("close"), st.lists(st.integers(0, 40), min_size=1, max_size=6), SOME_CLOSINGS),
    st.tuples(st.just("settle"), WHICH),
    st.tuples(st.just("settle"), WHICH),
    st.tuples(st.just("end_batch"), WHICH),
    st.tuples(st.just("start"), WHICH),
)


@given(steps=st.lists(STEPS, min_size=4, max_size=12))
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example is rolled back
)
def test_the_rollup_is_the_sum_over_the_lines(make_session: Sessions, steps: list[tuple[Any, ...]]) -> None:
    """Whatever is inserted, opened, closed, settled and moved, in any order: also a first attempt that comes last."""
    with make_session() as session:
        story = _Story(session)
        for name, *arguments in steps:
            if name == "open":
                story.open(arguments[0], arguments[1], batched=arguments[2])
            else:
                getattr(story, name)(*arguments)
            assert kept(session) == counted(session)
        session.rollback()


def test_a_first_attempt_may_come_last(make_session: Sessions, keys: Keys) -> None:
    """The record counts with its first attempt: until that is here, with the first one that is."""
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [pending(keys, attempt=3), pending(keys, attempt=2)])
        assert _records(session) == {("openai", 1, 1, 1)}
        ledger.insert_lines(session, [line(keys, outcome="escalated", reason="low_confidence")])
        assert _records(session) == {("openai", 0, 0, 1), ("vllm", 1, 0, 1)}
        assert kept(session) == counted(session)


def _records(session: Session) -> set[tuple[object, ...]]:
    row = DailyUsageRow
    return {
        tuple(one)
        for one in session.execute(select(row.engine, row.records, row.late_records, row.engine_records))
    }


def test_what_is_settled_and_closed_goes_to_another_row(make_session: Sessions, keys: Keys) -> None:
    """A row for each outcome; none is left of what was pending once nothing is."""
    lines = [pending(keys, name, attempt=2, estimated=False) for name in "abc"]
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", lines)
        attempts.close_attempts(session, [closing(lines[0].id)])
        assert attempts.resolve_unknown(session, "sentiment", DAY) == 2
        outcomes = session.execute(select(DailyUsageRow.outcome, DailyUsageRow.attempts)).all()
        assert {tuple(row) for row in outcomes} == {("ok", 1), ("unknown_outcome", 2)}
        assert kept(session) == counted(session)


def test_what_is_rolled_back_leaves_no_trace(make_session: Sessions, keys: Keys) -> None:
    """Lines and rollup are one transaction: a commit that never came changes neither."""
    opened = pending(keys, "a")
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [opened])
        before = kept(session)
    with make_session() as session:
        ledger.insert_lines(session, [line(keys, "b")])
        attempts.close_attempts(session, [closing(opened.id)])
        assert kept(session) != before
        session.rollback()
    with make_session() as session:
        assert kept(session) == before == counted(session)


def test_a_commit_is_a_few_statements(engine: Engine, make_session: Sessions, keys: Keys) -> None:
    """However many lines there are: the run's lock, its rows, what is new and what is more."""
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        if "daily_usage" in statement or "FOR NO KEY UPDATE" in statement:
            seen.append(statement)

    days = [timedelta(days=n % 3) for n in range(1_200)]
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, str(n), at=AT + day) for n, day in enumerate(days)])
        ledger.insert_lines(session, [line(keys, f"x{n}", at=AT + day) for n, day in enumerate(days)])
        assert len(seen) <= (6 if engine.dialect.name == "postgresql" else 4)
        assert kept(session) == counted(session)


def test_two_sessions_write_to_one_run(make_session: Sessions, keys: Keys) -> None:
    """The second waits for the first, as it does for a lease, and both are counted in one row."""

    def insert_second() -> None:
        with make_session.begin() as session:
            ledger.insert_lines(session, [line(keys, "b")])

    thread = threading.Thread(target=insert_second)
    with make_session.begin() as session:
        ledger.insert_lines(session, [line(keys, "a")])
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(60)
    with make_session() as session:
        assert [sums["attempts"] for sums in kept(session).values()] == [2]
        assert kept(session) == counted(session)


@pytest.mark.parametrize(
    "damage", ["DELETE FROM daily_usage", "UPDATE daily_usage SET attempts = 0, records = 0"]
)
def test_a_rollup_that_lacks_lines_never_stops_a_closing(
    make_session: Sessions, keys: Keys, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A program of an older version may have written them: what they cost is closed, and the sums are made anew."""
    opened = pending(keys)
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [opened])
        ledger.insert_lines(session, [line(keys, "other")])
        session.execute(text(damage))
    with caplog.at_level(logging.WARNING), make_session.begin() as session:
        assert attempts.close_attempts(session, [closing(opened.id)]) == [opened.id]
        assert kept(session) == counted(session)
    assert "did not match its lines" in caplog.text


def test_a_rollup_is_made_anew(make_session: Sessions, keys: Keys) -> None:
    """Whatever it held, it is the sum over the lines afterwards; other runs are left alone."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        ledger.insert_lines(session, [line(keys, "a"), line(keys, "a", attempt=2), line(other, "b")])
        attempts.open_attempts(
            session, "sentiment", [pending(keys, "c", attempt=2, at=AT - timedelta(days=1))]
        )
        session.execute(text("UPDATE daily_usage SET cost_nano = cost_nano + 1"))
        rebuild(session, [keys.run])
        found, expected = kept(session), counted(session)
        own = [way for way in expected if way[0] == keys.run]
        assert {way: found[way] for way in own} == {way: expected[way] for way in own}
        assert found.keys() == expected.keys()
        assert found != expected


def test_a_day_is_that_of_utc(make_session: Sessions, keys: Keys) -> None:
    """Whatever zone a time is in, and on whichever side of midnight it is there."""
    late = datetime.fromisoformat("2026-11-23T23:30:00-05:00")
    early = datetime.fromisoformat("2026-11-24T00:30:00+05:00")
    with make_session.begin() as session:
        lines = [line(keys, "a", at=late, cost_nano=1), line(keys, "b", at=early, cost_nano=2)]
        ledger.insert_lines(session, lines)
        rows = session.execute(select(DailyUsageRow.day, DailyUsageRow.cost_nano))
        assert {row.day: row.cost_nano for row in rows} == {date(2026, 11, 24): 1, date(2026, 11, 23): 2}
