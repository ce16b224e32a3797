"""Spending is known by day and month, and a cap holds against all who spend at once."""

import threading
import time
from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from db import attempts, spend
from models.economics.budget import ApiSpend
from tests.integration.db.ledger_lines import DAY, Keys, closing, pending, seed

Sessions = sessionmaker[Session]


def test_days_and_months_are_summed(make_session: Sessions) -> None:
    """By the workload and by all, of the UTC day and of its whole month; neighbouring months are not in it."""
    with make_session.begin() as session:
        spend.add(
            session,
            {
                (date(2026, 11, 1), "sentiment"): 1,
                (date(2026, 11, 23), "sentiment"): 10,
                (date(2026, 11, 23), "enrichment"): 100,
                (date(2026, 11, 30), "enrichment"): 1_000,
                (date(2026, 10, 31), "sentiment"): 10_000,
                (date(2026, 12, 1), "sentiment"): 100_000,
                (date(2025, 11, 23), "sentiment"): 1_000_000,
                (date(2027, 2, 28), "sentiment"): 10_000_000,
                (date(2027, 3, 1), "sentiment"): 20_000_000,
            },
        )
        assert spend.read_spend(session, "sentiment", DAY) == ApiSpend(10, 11, 110, 1_111)
        assert spend.read_spend(session, "enrichment", DAY) == ApiSpend(100, 1_100, 110, 1_111)
        assert spend.read_spend(session, "other", date(2026, 12, 31)) == ApiSpend(0, 0, 0, 100_000)
        assert spend.read_spend(session, "sentiment", date(2026, 10, 1)) == ApiSpend(0, 10_000, 0, 10_000)
        assert spend.read_spend(session, "sentiment", date(2027, 2, 1)).total_month == 10_000_000
        assert spend.read_spend(session, "sentiment", date(2030, 1, 31)) == ApiSpend(0, 0, 0, 0)


def test_amounts_add_up_and_are_given_back(make_session: Sessions) -> None:
    """More and less of one day go to one row, exactly, also near the largest BIGINT."""
    big = 2**62
    with make_session.begin() as session:
        for nano in (big, 5, -3):
            spend.add(session, {(DAY, "sentiment"): nano})
        assert spend.read_spend(session, "sentiment", DAY).total_month == big + 2


def test_a_run_spends_its_closed_attempts_and_those_in_flight(make_session: Sessions, keys: Keys) -> None:
    """Closed ones at their cost, pending ones at their upper bound; another run's are not in it."""
    lines = [pending(keys, str(n)) for n in range(3)]
    with make_session.begin() as session:
        assert spend.read_run_spend(session, keys.run) == 0
        other = seed(session, "enrichment")
        attempts.open_attempts(session, "sentiment", lines)
        attempts.open_attempts(session, "enrichment", [pending(other)])
        attempts.close_attempts(session, [closing(lines[0].id)])
        assert spend.read_run_spend(session, keys.run) == 2_300
        attempts.resolve_unknown(session, "sentiment", DAY)
        assert spend.read_run_spend(session, keys.run) == 2_300


@pytest.mark.parametrize("before", [0, 5])
def test_more_is_never_given_back_than_was_spent(make_session: Sessions, before: int) -> None:
    """A day below zero would let a cap be exceeded, so the database refuses it."""
    with make_session.begin() as session:
        spend.add(session, {(DAY, "sentiment"): before} if before else {})
    with pytest.raises(IntegrityError, match="ck_api_spend_nano"), make_session.begin() as session:
        spend.add(session, {(DAY, "sentiment"): -6})


def test_a_cap_holds_against_all_who_spend_at_once(make_session: Sessions, keys: Keys) -> None:
    """Sessions of two workloads reserve against one cap until it is met: never above it, and not below."""
    cap, cost = 20_000, 1_000
    with make_session.begin() as session:
        of = {"sentiment": keys, "enrichment": seed(session, "enrichment")}
    ready, failed = threading.Barrier(4), []

    def reserve(workload: str, name: int) -> None:
        ready.wait(30)
        for n in range(15):
            with make_session.begin() as session:
                spend.lock(session)
                if spend.read_spend(session, workload, DAY).total_day + cost > cap:
                    return
                time.sleep(0.005)  # whoever does not lock would reserve in between
                line = pending(of[workload], f"{name}-{n}", cost_nano=cost)
                attempts.open_attempts(session, workload, [line])

    def guarded(workload: str, name: int) -> None:
        try:
            reserve(workload, name)
        except BaseException as error:  # noqa: BLE001 - the test's own thread: shown below
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(list(of)[name % 2], name)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with make_session.begin() as session:
        assert spend.read_spend(session, "sentiment", DAY).total_day == cap


def test_sessions_add_the_first_amount_of_a_day_at_once(make_session: Sessions) -> None:
    """Nobody's amount is lost where several find no row of the day yet."""
    ready = threading.Barrier(4)

    def add() -> None:
        ready.wait(30)
        for day in range(1, 11):
            with make_session.begin() as session:
                spend.add(session, {(date(2026, 11, day), "sentiment"): 1})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with make_session.begin() as session:
        assert spend.read_spend(session, "sentiment", DAY).workload_month == 40
