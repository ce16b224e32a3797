"""A year in which labels shift in the eighth month: audits find it in that month, and in no other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random

from sqlalchemy.orm import Session, sessionmaker

from db import alerts, audits, reference
from db.audits import AuditedRecord
from models.evaluation.audit_counts import Judge
from models.months import days_in, months_later
from tasks.alerts.audits import find_audit_alerts
from tasks.alerts.standing import find_standing
from tasks.ledger.audits import audit_rows
from tests.integration.alerts.harness import Watch
from tests.integration.db.ledger_lines import Keys, seed

FIRST = date(2026, 1, 1)
MONTHS = [months_later(FIRST, number) for number in range(12)]
SHIFT = 8
A_DAY = 12
"""Records that are audited of each of a month's days."""


def write_days(
    session: Session, month: date, right: Callable[[], bool], workload: str, judge: Judge = "api"
) -> None:
    """Write what audits of every third day of a month found."""
    keys = seed(session, workload, month)
    for number in range(0, days_in(month), 3):
        day = month + timedelta(days=number)
        named = [f"{workload[0]}{day:%m%d}-{place}" for place in range(A_DAY)]
        rows = [replace(audited(keys, key, right()), judge=judge) for key in named]
        audits.replace_audits(session, workload, day, rows, judge)


def audited(keys: Keys, key: str, agrees: bool) -> AuditedRecord:
    """Return a record of the local model."""
    return AuditedRecord(key, "vllm", keys.local, keys.prompt, keys.run, agrees)


def write_year(make_session: sessionmaker[Session], judge: Judge = "api") -> None:
    """Write a seeded year: 0.9 agrees until the labels shift, 0.6 from then on; of another workload 0.9 all year."""
    random = Random(7)
    with make_session.begin() as session:
        for month in MONTHS:
            share = 0.9 if month.month < SHIFT else 0.6
            right = partial(_is_right, random, share)
            write_days(session, month, right, "sentiment", judge)
            write_days(session, month, lambda: random.random() < 0.9, "enrichment")


def _is_right(random: Random, share: float) -> bool:
    return random.random() < share


def test_a_shift_in_the_eighth_month_is_told_in_that_month_and_in_no_other(
    watch: Watch, make_session: sessionmaker[Session]
) -> None:
    """Looked at daily through the year: one crossing, seen first in August, with records to look at; it stands until September is over."""
    write_year(make_session)
    off = {"off": ("price", "model_end", "recommendation", "run_failed", "waiting", "budget")}
    settings = watch.settings(alerts=off)
    seen: dict[tuple[str, str], list[date]] = {}
    told = ""
    day = FIRST
    while day < date(2027, 1, 1):
        with make_session() as session:
            found = find_standing(session, settings, datetime(day.year, day.month, day.day, 7, tzinfo=UTC))
        assert found.problems == ()
        for one in found.alerts:
            seen.setdefault(one.key, []).append(day)
            told = told or f"{one.what}\n{one.advice}"
        day += timedelta(days=1)
    ((key, days),) = seen.items()
    assert key == ("audit", "sentiment by vllm, 2026-08")
    assert days[0].month == SHIFT
    assert days[-1] == date(2026, 9, 30)
    assert "The API agrees less with what the local model answers for sentiment: in 2026-08 on" in told
    assert "s08" in told.split("such as ")[1]
    assert "breakeven evaluate sentiment" in told


def test_people_who_agree_less_are_told_of_beside_the_api(make_session: sessionmaker[Session]) -> None:
    """Their audits are counted apart: the API, which sees the same records, takes nothing from them, and nothing is said of asking it."""
    write_year(make_session, "people")
    with make_session.begin() as session:
        for month in MONTHS:
            write_days(session, month, lambda: True, "sentiment")
        (alert,) = find_audit_alerts(session, date(2026, 8, 30))
        rows = audit_rows(audits.count_months(session, workload="sentiment"))
    assert alert.crossing == "sentiment by vllm, judged by people, 2026-08"
    assert "People agree less with what the local model answers for sentiment: in 2026-08 on" in alert.what
    assert "the API serve" not in alert.advice
    assert {(row["judge"], row["month"]) for row in rows if row["dropped"]} == {("people", "2026-08")}
    assert len(rows) == 2 * len(MONTHS)


def test_it_is_written_down_once(watch: Watch, make_session: sessionmaker[Session]) -> None:
    """What stands in September is what was told in August, so nobody hears it twice."""
    write_year(make_session)
    settings = watch.settings()
    for at in (
        datetime(2026, 8, 30, tzinfo=UTC),
        datetime(2026, 9, 20, tzinfo=UTC),
        datetime(2026, 11, 20, tzinfo=UTC),
    ):
        with make_session.begin() as session:
            found = find_standing(session, settings, at)
            alerts.note_standing(session, {one.key: one.what for one in found.alerts}, found.looked)
            open_ = [one.key for one in alerts.list_open(session) if one.kind == "audit"]
        assert open_ == ([("audit", "sentiment by vllm, 2026-08")] if at.month < 10 else [])


def test_months_and_their_trend(make_session: sessionmaker[Session]) -> None:
    """The newest month first, each with its interval and its change; August is marked as a drop."""
    write_year(make_session)
    with make_session() as session:
        rows = audit_rows(audits.count_months(session, workload="sentiment"))
        both = audits.count_months(session)
        early = audits.count_months(session, workload="sentiment", until=date(2026, 2, 1))
    assert [row["month"] for row in rows] == [f"2026-{month:02}" for month in range(12, 0, -1)]
    assert [row["month"] for row in rows if row["dropped"]] == ["2026-08"]
    assert rows[-1]["trend"] is None
    august, july = (next(row for row in rows if row["month"] == f"2026-0{month}") for month in (8, 7))
    agreement, before = (float(str(row["agreement"])) for row in (august, july))
    assert float(str(august["trend"])) == agreement - before < 0
    assert float(str(august["low"])) < agreement < float(str(august["high"]))
    assert {one.workload for one in both} == {"enrichment", "sentiment"}
    assert [(one.month.month, one.audited) for one in early] == [(1, 11 * A_DAY), (2, A_DAY)]


def test_an_audit_takes_the_place_of_the_one_before(make_session: sessionmaker[Session]) -> None:
    """Of a partition that was audited again, the newest audit counts alone."""
    with make_session.begin() as session:
        keys = seed(session, "sentiment", FIRST)
        for count, agrees in ((4, True), (3, False)):
            found = [audited(keys, f"r{number}", agrees) for number in range(count)]
            audits.replace_audits(session, "sentiment", FIRST, found)
        (one,) = audits.count_months(session)
        assert (one.audited, one.agreeing) == (3, 0)
        assert audits.count_months(session, in_force=True) == [one]
        assert len(audits.list_disagreeing(session, one, 2)) == 2


def test_what_a_retired_classifier_served_says_nothing_of_what_serves_now(
    make_session: sessionmaker[Session],
) -> None:
    """In force is the classifier of the newest audited partition; months count both."""
    with make_session.begin() as session:
        keys = seed(session, "sentiment", FIRST)
        for number, name in enumerate(("classifier-1", "classifier-2")):
            model_id = reference.ensure_model(session, "classifier", name)
            rows = [
                AuditedRecord(f"{name}-{place}", "classifier", model_id, keys.prompt, keys.run, agrees=True)
                for place in range(3 + number)
            ]
            audits.replace_audits(session, "sentiment", FIRST + timedelta(days=number), rows)
        (every,), (now,) = audits.count_months(session), audits.count_months(session, in_force=True)
        first = audits.count_months(session, in_force=True, until=FIRST)
    assert (every.audited, now.audited) == (7, 4)
    assert [one.audited for one in first] == [3]
