"""API attempts are pending before they are sent, closed once, and money adds up at every moment (I2)."""

import threading
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, batches, ledger, run_queries
from db.tables import ApiSpendRow, LedgerLineRow, PromptRow, RunRow
from models.ids import new_id
from models.ledger.line import Closing, LedgerLine
from tests.integration.db.ledger_lines import AT, DAY, Keys, batch, closing, line, pending, seed
from tests.ledger_lines import read_lines

Sessions = sessionmaker[Session]
CLOSED = tuple(name for name in Closing.__slots__ if name not in {"estimate", "ended_at", "price_id"})
"""What a closing says of its line."""
RUN_SUMS = ("input_tokens", "cached_tokens", "output_tokens", "counterfactual_nano")


def _spend(session: Session) -> dict[tuple[date, str], int]:
    rows = session.execute(select(ApiSpendRow.day, ApiSpendRow.workload, ApiSpendRow.nano))
    return {(day, workload): nano for day, workload, nano in rows}


def _lines(session: Session) -> list[tuple[LedgerLineRow, str]]:
    statement = select(LedgerLineRow, PromptRow.workload).join(
        PromptRow, PromptRow.id == LedgerLineRow.prompt_id
    )
    return [(row, workload) for row, workload in session.execute(statement)]


def check_books(session: Session) -> None:
    """See that spending by day and the runs' sums are those over the lines."""
    session.expire_all()
    by_day: defaultdict[tuple[date, str], int] = defaultdict(int)
    closed: defaultdict[UUID, list[LedgerLineRow]] = defaultdict(list)
    for row, workload in _lines(session):
        if row.engine == "openai":
            by_day[row.at.astimezone(UTC).date(), workload] += row.cost_nano or 0
            if row.outcome != "pending":
                closed[row.run_id].append(row)
    assert _spend(session) == by_day
    for run in session.execute(select(RunRow)).scalars():
        own = closed[run.id]
        assert run.api_cost_nano == sum(row.cost_nano or 0 for row in own)
        for name in RUN_SUMS:
            assert getattr(run, name) == sum(getattr(row, name) or 0 for row in own), name


def _run(session: Session, run_id: UUID) -> RunRow:
    return session.execute(select(RunRow).where(RunRow.id == run_id)).scalar_one()


def test_an_attempt_is_counted_before_it_is_sent(make_session: Sessions, keys: Keys) -> None:
    """Its upper bound counts on its UTC day, whatever zone its time is in; the run has none of it yet."""
    late = datetime.fromisoformat("2026-11-23T23:30:00-05:00")
    lines = [pending(keys, "a"), pending(keys, "b", cost_nano=20), pending(keys, "c", at=late)]
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", lines)
        attempts.open_attempts(session, "sentiment", [])
    with make_session.begin() as session:
        assert _spend(session) == {(DAY, "sentiment"): 1_020, (date(2026, 11, 24), "sentiment"): 1_000}
        assert _run(session, keys.run).api_cost_nano == 0
        check_books(session)


@pytest.mark.parametrize("wrong", [{"outcome": "ok"}, {"cost_nano": None}])
def test_only_pending_lines_with_an_upper_bound_are_opened(
    make_session: Sessions, keys: Keys, wrong: dict[str, Any]
) -> None:
    """Anything else is a mistake of ours, found before anything is written."""
    with make_session.begin() as session:
        with pytest.raises(ValueError, match="opened as pending, at its upper bound"):
            attempts.open_attempts(session, "sentiment", [pending(keys, "a"), pending(keys, **wrong)])
        assert _lines(session) == []


def test_what_was_opened_already_is_refused_and_can_be_asked_for(make_session: Sessions, keys: Keys) -> None:
    """A transaction that is tried again counts nothing twice."""
    one = pending(keys)
    with make_session.begin() as session:
        assert not attempts.is_written(session, one.id)
        attempts.open_attempts(session, "sentiment", [one])
        assert attempts.is_written(session, one.id)
    with pytest.raises(IntegrityError), make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [pending(keys, "new"), one])
    with make_session.begin() as session:
        check_books(session)
        assert len(_lines(session)) == 1


def test_closing_writes_what_was_used(make_session: Sessions, keys: Keys) -> None:
    """The line holds what the closing says and keeps the rest; the day gets the difference back."""
    opened = pending(keys)
    how = closing(opened.id, estimated=True, failure="usage_missing")
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [opened, pending(keys, "other")])
        assert attempts.close_attempts(session, [how]) == [opened.id]
    with make_session.begin() as session:
        kept = next(one for one in read_lines(session, keys.run) if one.id == opened.id)
        changes = {name: getattr(how, name) for name in CLOSED}
        assert kept == opened._replace(**changes)
        assert _spend(session) == {(DAY, "sentiment"): 1_300}
        run = _run(session, keys.run)
        assert (run.input_tokens, run.cached_tokens, run.output_tokens) == (100, 40, 7)
        assert (run.counterfactual_nano, run.api_cost_nano, run.gpu_cost_nano) == (250, 300, 0)
        check_books(session)


def test_a_line_is_closed_once(make_session: Sessions, keys: Keys) -> None:
    """Neither a second closing, nor one of an unknown or local line, changes anything; the first counts."""
    opened, local = pending(keys), line(keys, "local")
    first, second = closing(opened.id), closing(opened.id, cost_nano=999, outcome="failed")
    with make_session.begin() as session:
        ledger.insert_lines(session, [local])
        attempts.open_attempts(session, "sentiment", [opened])
        many = [first, second, closing(local.id), closing(new_id())]
        assert attempts.close_attempts(session, many) == [opened.id]
        before = list(read_lines(session, keys.run))
        assert attempts.close_attempts(session, [second, *many]) == []
        assert attempts.close_attempts(session, []) == []
        assert list(read_lines(session, keys.run)) == before
        assert (_run(session, keys.run).api_cost_nano, _spend(session)) == (300, {(DAY, "sentiment"): 300})


def test_a_closing_that_leaves_the_line_pending_is_a_mistake(make_session: Sessions, keys: Keys) -> None:
    """It would add its figures again and again."""
    opened = pending(keys)
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [opened])
        with pytest.raises(ValueError, match="cannot be closed as pending"):
            attempts.close_attempts(session, [closing(opened.id, outcome="pending")])


def test_more_lines_than_one_statement_takes(make_session: Sessions, keys: Keys) -> None:
    """Lines of two runs, a thousand and more, are closed by one call and come back in the order of their keys."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        mine = [pending(keys, str(n)) for n in range(attempts.CHUNK + 1)]
        theirs = [pending(other, str(n)) for n in range(attempts.CHUNK)]
        attempts.open_attempts(session, "sentiment", mine)
        attempts.open_attempts(session, "enrichment", theirs)
        ids = [one.id for one in [*theirs, *mine]]
        assert attempts.close_attempts(session, [closing(one) for one in ids]) == sorted(ids)
        assert _run(session, keys.run).api_cost_nano == 300 * len(mine)
        assert _run(session, other.run).api_cost_nano == 300 * len(theirs)
        check_books(session)


def test_a_closing_may_cost_more_than_its_upper_bound(make_session: Sessions, keys: Keys) -> None:
    """What the provider reports is what was spent, also where our bound was wrong."""
    opened = pending(keys, cost_nano=0)
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [opened])
        attempts.close_attempts(session, [closing(opened.id)])
        assert _spend(session) == {(DAY, "sentiment"): 300}


def _batched(session: Session, keys: Keys) -> dict[str, UUID]:
    """Open a line in a batch of each state, and one in none."""
    opened: dict[str, UUID] = {}
    for state in ("intended", "submitted", "collected", "failed", "abandoned"):
        of = batch(keys)
        batches.record_intent(session, of)
        one = pending(keys, state, batch_id=of.id)
        attempts.open_attempts(session, "sentiment", [one])
        if state != "intended":
            batches.set_submitted(session, of.id, f"provider-{state}")
        if state not in batches.LIVE:
            batches.close(session, of.id, state)  # type: ignore[arg-type]
        opened[state] = one.id
    one = pending(keys, "none")
    attempts.open_attempts(session, "sentiment", [one])
    return {**opened, "none": one.id}


def test_what_a_dead_run_left_pending_is_unknown_at_its_upper_bound(
    make_session: Sessions, keys: Keys
) -> None:
    """Lines of no live batch are settled, once; those of other partitions and of live batches are left."""
    with make_session.begin() as session:
        opened = _batched(session, keys)
        elsewhere = [seed(session, "enrichment"), seed(session, "sentiment", DAY + timedelta(days=1))]
        for other in elsewhere:
            attempts.open_attempts(session, "sentiment", [pending(other)])
        done = pending(keys, "done")
        attempts.open_attempts(session, "sentiment", [done])
        attempts.close_attempts(session, [closing(done.id)])
    with make_session.begin() as session:
        assert attempts.resolve_unknown(session, "sentiment", DAY) == 4
        assert attempts.resolve_unknown(session, "sentiment", DAY) == 0
    with make_session.begin() as session:
        outcomes = {one.id: one for one in read_lines(session, keys.run)}
        for state, one in opened.items():
            live = state in batches.LIVE
            kept = outcomes[one]
            assert kept.outcome == ("pending" if live else "unknown_outcome")
            assert (kept.failure, kept.estimated) == ((None, False) if live else ("interrupted", True))
            assert (kept.cost_nano, kept.counterfactual_nano) == (1_000, None if live else 0)
        assert outcomes[done.id].outcome == "ok"
        assert _run(session, keys.run).api_cost_nano == 4 * 1_000 + 300
        assert _run(session, keys.run).counterfactual_nano == 250
        assert _run(session, elsewhere[0].run).api_cost_nano == 0
        assert attempts.close_attempts(session, [closing(opened["none"])]) == []


def test_a_later_run_settles_what_earlier_ones_left(make_session: Sessions, keys: Keys) -> None:
    """The upper bound goes to the run that made the attempt."""
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", [pending(keys)])
        later = seed(session)
        assert attempts.resolve_unknown(session, "sentiment", DAY, failure="host_lost") == 1
        assert _run(session, keys.run).api_cost_nano == 1_000
        assert _run(session, later.run).api_cost_nano == 0
        assert next(read_lines(session, keys.run)).failure == "host_lost"


def test_lines_that_wait_for_a_batch_are_found(make_session: Sessions, keys: Keys) -> None:
    """Those of all runs of the version, in live batches only, more of them than are fetched at once."""
    with make_session.begin() as session:
        opened = _batched(session, keys)
        other, later = seed(session, "enrichment"), seed(session)
        assert later.version == keys.version
        foreign, own = batch(other), batch(later)
        for of in (foreign, own):
            batches.record_intent(session, of)
        attempts.open_attempts(session, "enrichment", [pending(other, batch_id=foreign.id)])
        many = [pending(later, str(n), attempt=2, batch_id=own.id) for n in range(2_500)]
        attempts.open_attempts(session, "sentiment", many)
        attempts.close_attempts(session, [closing(many.pop().id)])
    with make_session.begin() as session:
        found = {one.id: one for one in attempts.list_pending_in_batches(session, keys.version)}
        assert found.keys() == {opened["intended"], opened["submitted"], *(one.id for one in many)}
        first = many[0]
        assert first.price_id is not None
        assert first.counterfactual_price_id is not None
        assert found[first.id] == attempts.InBatch(
            first.id,
            later.run,
            own.id,
            "0",
            2,
            first.request_hash,
            first.price_id,
            first.counterfactual_price_id,
            first.cost_nano or 0,
            first.at,
        )


def test_pending_lines_are_found_by_their_index(engine: Engine, keys: Keys) -> None:
    """However many lines are closed: both databases look into the index of pending ones."""
    seen: list[tuple[str, Any]] = []
    with Session(engine) as session, session.begin():
        ledger.insert_lines(
            session, [line(keys, str(number), outcome="invalid_output") for number in range(500)]
        )
        if engine.dialect.name == "postgresql":  # it does so by itself
            session.execute(text("ANALYZE ledger_lines"))

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        if "ledger_lines" in statement:
            seen.append((statement, parameters))

    with Session(engine) as session:
        attempts.resolve_unknown(session, "sentiment", DAY)
        list(attempts.list_pending_in_batches(session, keys.version))
        connection, wanted = session.connection(), seen[:]
        if engine.dialect.name == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty
        explain = "EXPLAIN " if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
        plans = [str(connection.exec_driver_sql(explain + one, values).all()) for one, values in wanted]
    assert len(plans) == 2
    for plan in plans:
        assert "ix_ledger_lines_pending" in plan


@pytest.mark.parametrize("kept", [True, False])
def test_two_sessions_close_a_line_once(make_session: Sessions, keys: Keys, *, kept: bool) -> None:
    """The second waits for the first: it finds the line closed, or, if the first gives up, closes it itself."""
    opened = [pending(keys, str(n)) for n in range(3)]
    first = [closing(one.id, cost_nano=100) for one in opened[:2]]
    second = [closing(one.id, cost_nano=200) for one in opened[1:]]
    with make_session.begin() as session:
        attempts.open_attempts(session, "sentiment", opened)
    closed: list[UUID] = []

    def close_second() -> None:
        with make_session.begin() as session:
            closed.extend(attempts.close_attempts(session, second))

    thread = threading.Thread(target=close_second)
    with make_session() as session:
        assert attempts.close_attempts(session, first) == [opened[0].id, opened[1].id]
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        if kept:
            session.commit()
    thread.join(60)
    assert closed == [one.id for one in opened[2 if kept else 1 :]]
    with make_session.begin() as session:
        check_books(session)
        assert _run(session, keys.run).api_cost_nano == 400


def test_the_records_that_a_run_has_sent(make_session: Sessions, keys: Keys) -> None:
    """Each with the number of its last attempt at the API, whatever became of it; local ones are not among them."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
        lines = [pending(keys, "a", attempt=2), pending(keys, "a", attempt=3), pending(keys, "b")]
        attempts.open_attempts(session, "sentiment", lines)
        attempts.open_attempts(session, "enrichment", [pending(other, "c")])
        attempts.close_attempts(session, [closing(lines[1].id, outcome="failed")])
        ledger.insert_lines(session, [line(keys, "a"), line(keys, "d")])
        assert dict(attempts.list_numbers(session, keys.run)) == {"a": 3, "b": 1}


class _Story:
    """Plays drawn steps on the ledger and remembers how each line was closed first."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.runs = [seed(session), seed(session, "enrichment")]
        self.workloads = ["sentiment", "enrichment"]
        self.opened: list[LedgerLine] = []
        self.closed: dict[UUID, Closing | None] = {}
        self.batches: list[UUID] = []

    def start(self, which: int) -> None:
        """Start another run of one of the partitions."""
        which %= 2
        self.runs[which] = seed(self.session, self.workloads[which])

    def open(self, which: int, days: list[int], costs: list[int], *, batched: bool) -> None:
        """Open attempts, in a new batch or in none."""
        keys, of = self.runs[which % 2], None
        if batched:
            of = batch(keys)
            batches.record_intent(self.session, of)
            self.batches.append(of.id)
        lines = [
            pending(
                keys,
                str(new_id()),
                at=AT + timedelta(days=day),
                cost_nano=cost,
                batch_id=of.id if of else None,
            )
            for day, cost in zip(days, costs, strict=False)
        ]
        attempts.open_attempts(self.session, self.workloads[which % 2], lines)
        self.opened += lines

    def close(self, picks: list[int], closings: list[Closing]) -> None:
        """Close some of the attempts, in any order, some perhaps twice or closed before."""
        if not self.opened:
            return
        chosen = [
            replace(how, id=self.opened[pick % len(self.opened)].id)
            for pick, how in zip(picks, closings, strict=False)
        ]
        expected = {how.id for how in chosen} - self.closed.keys()
        for how in chosen:
            self.closed.setdefault(how.id, how)
        assert attempts.close_attempts(self.session, chosen) == sorted(expected)

    def end_batch(self, which: int) -> None:
        """Give a batch up; what it left pending can be settled."""
        if self.batches:
            batches.close(self.session, self.batches[which % len(self.batches)], "abandoned")

    def settle(self, which: int) -> None:
        """Settle what waits for nothing in one partition."""
        which %= 2
        live = {one.id for one in batches.list_live(self.session)}
        runs_of = {row["id"] for row in run_queries.list_runs(self.session, workload=self.workloads[which])}
        lost = [
            one.id
            for one in self.opened
            if one.id not in self.closed and one.run_id in runs_of and one.batch_id not in live
        ]
        assert attempts.resolve_unknown(self.session, self.workloads[which], DAY) == len(lost)
        self.closed |= dict.fromkeys(lost)

    def check(self) -> None:
        """See that sums are right and that each line is as its first closing left it."""
        check_books(self.session)
        kept = {row.id: row for row, _ in _lines(self.session)}
        for one in self.opened:
            how, row = self.closed.get(one.id), kept[one.id]
            if one.id not in self.closed:
                assert (row.outcome, row.cost_nano) == ("pending", one.cost_nano)
            elif how is None:
                assert (row.outcome, row.cost_nano) == ("unknown_outcome", one.cost_nano)
            else:
                assert {name: getattr(row, name) for name in CLOSED} == {
                    name: getattr(how, name) for name in CLOSED
                }


@st.composite
def how_it_ended(draw: st.DrawFn) -> Closing:
    """Draw the closing of some line."""
    tokens = st.none() | st.integers(0, 1_000)
    cached, fresh = draw(st.integers(0, 500)), draw(st.integers(0, 500))
    return closing(
        new_id(),
        outcome=draw(st.sampled_from(["ok", "invalid_output", "failed", "unknown_outcome"])),
        input_tokens=draw(st.sampled_from([None, cached + fresh])),
        cached_tokens=draw(st.sampled_from([None, cached])),
        output_tokens=draw(tokens),
        cost_nano=draw(st.integers(0, 2_000)),
        counterfactual_nano=draw(st.integers(0, 2_000)),
    )


WHICH = st.integers(0, 30)
SOME = st.lists(WHICH, min_size=1, max_size=6)
STEPS = st.one_of(
    st.tuples(st.just("start"), st.tuples(WHICH)),
    st.tuples(
        st.just("open"),
        st.tuples(WHICH, SOME, st.lists(st.integers(0, 2_000), min_size=1, max_size=6)),
    ),
    st.tuples(
        st.just("open_in_batch"),
        st.tuples(WHICH, SOME, st.lists(st.integers(0, 2_000), min_size=1, max_size=6)),
    ),
    st.tuples(st.just("close"), st.tuples(SOME, st.lists(how_it_ended(), min_size=6, max_size=6))),
    st.tuples(st.just("end_batch"), st.tuples(WHICH)),
    st.tuples(st.just("settle"), st.tuples(WHICH)),
)


@given(steps=st.lists(STEPS, min_size=1, max_size=12))
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example is rolled back
)
def test_money_adds_up_whatever_happens_in_whatever_order(
    make_session: Sessions, steps: list[tuple[str, tuple[Any, ...]]]
) -> None:
    """After each step spending by day and the runs' sums are those over the lines, and no line closes twice."""
    with make_session() as session:
        story = _Story(session)
        for name, drawn in steps:
            if name.startswith("open"):
                story.open(*drawn, batched=name == "open_in_batch")
            else:
                getattr(story, name)(*drawn)
            story.check()
        session.rollback()
