"""What calibrates estimates is summed in the transactions that close lines, once each, by day, prompt, model and way of counting."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, calibration, ledger, reference, runs
from db.recount import rebuild
from db.tables import DailyUsageRow, PriceRow
from models.economics.calibration import FEWEST_LINES, TokenCalibration, TokenEstimate
from models.economics.price_changes import find_price_changes, prices_in_force
from models.ledger.line import Closing, LedgerLine
from models.settings import Settings
from tasks.ledger.price_changes import list_price_changes
from tests.integration.db.ledger_lines import AT, DAY, MINI, Keys, closing, line, pending, seed

pytestmark = pytest.mark.both_databases
Sessions = sessionmaker[Session]
WAY = "o200k_base/json_schema"


def answer(
    make_session: Sessions, keys: Keys, count: int, workload: str = "sentiment", **changes: object
) -> list[tuple[LedgerLine, Closing]]:
    """Open attempts and close them with usage and estimate; each was estimated at 80 in and 5 out."""
    at = changes.pop("at", AT)
    counted_with = str(changes.pop("counted_with", WAY))
    opened = [pending(keys, f"{counted_with} {at} {number}", at=at) for number in range(count)]
    estimate = TokenEstimate(80, 5, counted_with)
    usage = {"reasoning_tokens": 2, "cache_write_tokens": 10, "estimate": estimate, **changes}
    closed = [closing(one.id, **usage) for one in opened]
    with make_session.begin() as session:
        attempts.open_attempts(session, workload, opened)
        attempts.close_attempts(session, closed)
    return list(zip(opened, closed, strict=True))


def listed(make_session: Sessions) -> list[TokenCalibration]:
    """Return all that was summed."""
    with make_session() as session:
        return calibration.list_calibrations(session)


def test_closing_sums_what_was_estimated_and_reported(make_session: Sessions, keys: Keys) -> None:
    """Three attempts on two days: sums, first and last day, and the ratios that they make."""
    answer(make_session, keys, 2)
    answer(make_session, keys, 1, at=AT + timedelta(days=3))
    (found,) = listed(make_session)
    assert (found.workload, found.model, found.counted_with) == ("sentiment", "gpt-4o-mini", WAY)
    assert (found.lines, found.since, found.until) == (3, DAY, DAY + timedelta(days=3))
    assert (found.estimated_input_tokens, found.input_tokens) == (240, 300)
    assert (found.input_ratio, found.output_ratio) == (Fraction(5, 4), Fraction(1))
    shares = (found.cached_share, found.cache_write_share, found.reasoning_per_line)
    assert shares == (Fraction(2, 5), Fraction(1, 10), Fraction(2))


def test_a_closing_that_is_repeated_counts_once(make_session: Sessions, keys: Keys) -> None:
    """A commit that is tried again, and a second closing of the same line, add nothing."""
    done = answer(make_session, keys, 2)
    with make_session.begin() as session:
        attempts.close_attempts(session, [one for _, one in done] * 2)
    (found,) = listed(make_session)
    assert found.lines == 2


def test_what_reported_nothing_calibrates_nothing(make_session: Sessions, keys: Keys) -> None:
    """Neither an attempt without an estimate, nor one without usage, nor one whose transaction fails."""
    answer(make_session, keys, 1, estimate=None)
    answer(
        make_session, keys, 1, input_tokens=None, cached_tokens=None, output_tokens=None, at=AT + timedelta(1)
    )
    one = pending(keys, "rolled back")
    with make_session() as session:
        attempts.open_attempts(session, "sentiment", [one])
        attempts.close_attempts(session, [closing(one.id, estimate=TokenEstimate(1, 1, WAY))])
        session.rollback()
    assert listed(make_session) == []


def test_too_few_attempts_correct_nothing(make_session: Sessions, keys: Keys) -> None:
    """From thirty attempts on there is a calibration; of another way of counting, workload or model there is none."""

    def find(
        workload: str = "sentiment", model: str = "gpt-4o-mini", way: str = WAY
    ) -> TokenCalibration | None:
        with make_session() as session:
            return calibration.find(session, workload, keys.prompt, model, way)

    answer(make_session, keys, FEWEST_LINES - 1)
    assert find() is None
    answer(make_session, keys, 1, at=AT + timedelta(seconds=1))
    found = find()
    assert found is not None
    assert found.lines == FEWEST_LINES
    assert find(model="gpt-6-luna") is None
    assert find(way="cl100k_base/json_schema") is None


def test_a_prompts_own_attempts_come_before_those_of_the_workload(make_session: Sessions, keys: Keys) -> None:
    """A new prompt is corrected by the workload's others until it has enough attempts of its own."""
    answer(make_session, keys, FEWEST_LINES)
    with make_session.begin() as session:
        other = replace(keys, prompt=reference.ensure_prompt(session, "sentiment", "2", "g"))
    with make_session() as session:
        found = calibration.find(session, "sentiment", other.prompt, "gpt-4o-mini", WAY)
    assert found is not None
    assert found.lines == FEWEST_LINES
    answer(make_session, other, FEWEST_LINES, input_tokens=160, at=AT + timedelta(seconds=1))
    with make_session() as session:
        found = calibration.find(session, "sentiment", other.prompt, "gpt-4o-mini", WAY)
    assert found is not None
    assert (found.lines, found.input_ratio) == (FEWEST_LINES, Fraction(2))


def test_a_run_keeps_what_its_estimates_were_corrected_by(make_session: Sessions, keys: Keys) -> None:
    """What it stood on is read back from the run, also after more attempts have come."""
    answer(make_session, keys, FEWEST_LINES)
    with make_session.begin() as session:
        found = calibration.find(session, "sentiment", keys.prompt, "gpt-4o-mini", WAY)
        assert found is not None
        started = runs.NewRun(
            *(keys.version, "sentiment", DAY, "vllm", keys.local, keys.prompt), calibration=found.to_json()
        )
        run_id = runs.start(session, started)
    answer(make_session, keys, 5, at=AT + timedelta(hours=1))
    with make_session() as session:
        assert calibration.of_run(session, run_id) == found
        assert calibration.of_run(session, keys.run) is None


def check_rollup(make_session: Sessions, expected: Sequence[tuple[int, int]]) -> None:
    """See that the rollup has these cached and written counterfactual tokens, and that its recount agrees."""
    names = (DailyUsageRow.counterfactual_cached_tokens, DailyUsageRow.counterfactual_cache_write_tokens)
    with make_session.begin() as session:
        assert sorted((int(a), int(b)) for a, b in session.execute(select(*names))) == sorted(expected)
        ids = {row.run_id for row in session.execute(select(DailyUsageRow.run_id))}
        session.execute(update(DailyUsageRow).values(counterfactual_cached_tokens=7))
        rebuild(session, sorted(ids))
    with make_session() as session:
        assert sorted((int(a), int(b)) for a, b in session.execute(select(*names))) == sorted(expected)


def test_cached_input_of_the_counterfactual_is_in_the_sums(make_session: Sessions, keys: Keys) -> None:
    """A local line has its own counts, an API's attempt those that were reported, a line without either has none."""
    lines = [
        line(keys, "a", counterfactual_cached_tokens=64, counterfactual_cache_write_tokens=None),
        line(keys, "b", counterfactual_cached_tokens=None, counterfactual_cache_write_tokens=20),
        line(keys, "c"),
    ]
    with make_session.begin() as session:
        ledger.insert_lines(session, lines)
    answer(make_session, keys, 2)
    check_rollup(make_session, [(64, 20), (80, 20)])


def test_the_ledger_says_what_it_knew_of_prices_on_a_day(make_session: Sessions, keys: Keys) -> None:
    """A price that was learned of later is no part of what was known before, so that its change can be named."""
    assert keys.price
    today = datetime.now(UTC).date()
    with make_session.begin() as session:
        session.execute(update(PriceRow).values(added_on=today - timedelta(days=30)))
        reference.sync_prices(session, [replace(MINI, input_nano_per_mtok=120_000_000)])
    with make_session() as session:
        before = prices_in_force(reference.read_prices_known(session, today - timedelta(days=1)), today)
        now = prices_in_force(reference.read_prices_known(session, today), today)
        assert reference.read_prices_known(session, date(2020, 1, 1)) == []
    (change,) = find_price_changes(before, now)
    assert (change.before.input_nano_per_mtok, change.now.input_nano_per_mtok) == (150_000_000, 120_000_000)


def test_another_workload_is_summed_apart(make_session: Sessions, keys: Keys) -> None:
    """Two workloads on the same model have a calibration each."""
    with make_session.begin() as session:
        other = seed(session, "enrichment")
    answer(make_session, keys, 1)
    answer(make_session, other, 2, "enrichment")
    assert [(one.workload, one.lines) for one in listed(make_session)] == [
        ("enrichment", 2),
        ("sentiment", 1),
    ]


def test_a_price_that_changed_since_a_day_is_named(make_session: Sessions, keys: Keys) -> None:
    """What the ledger knew at the end of that day against what is asked today; what it never knew has not changed."""
    assert keys.price
    today = datetime.now(UTC).date()
    settings = Settings(api_model="gpt-4o-mini", api_candidates=("gpt-4o-mini", "gpt-6-luna"))
    with make_session.begin() as session:
        session.execute(
            update(PriceRow).values(added_on=today - timedelta(30), input_nano_per_mtok=120_000_000)
        )
    with make_session() as session:
        assert list_price_changes(session, settings, today - timedelta(days=31), today) == []
        (change,) = list_price_changes(session, settings, today - timedelta(days=1), today)
    assert (change.provider, change.model) == ("openai", "gpt-4o-mini")
    assert (change.before.input_nano_per_mtok, change.now.input_nano_per_mtok) == (120_000_000, 150_000_000)
