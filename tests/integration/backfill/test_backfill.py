"""A backfill of several days without Prefect: what is found to be done, and what becomes of the days."""

from pathlib import Path

import pytest

from models.backfill import select_failed, to_do
from models.errors import EngineDied, InputError, Interrupted
from models.requests import Request
from models.settings import Settings
from tasks.backfill.survey import quote, survey
from tasks.display.run_rows import outcome_row
from tests.fakes import Reply, plausible, prompt, unsure
from tests.integration.backfill.harness import (
    Engines,
    actions,
    ask_for,
    backfill,
    check_published,
    day,
    days_of,
    do,
    rows_of,
    write_days,
)
from tests.integration.hybrid.harness import hybrid_settings
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import leftovers, target


def dies_at(text: str) -> Engines:
    """Make engines that die when they are asked about this text."""

    def answer(request: Request) -> Reply:
        if text in prompt(request):
            msg = "the engine died of this text"
            raise EngineDied(msg)
        return plausible(request)

    return Engines(handler=answer)


def no_engine() -> Engines:
    """Stand for an engine that must not be loaded."""
    return Engines(dies_after=0)


def states(settings: Settings) -> list[tuple[str, str]]:
    """Return day and state of every version, oldest first."""
    rows = sorted(table(settings, "partition_versions"), key=lambda row: (row.partition, row.version))
    return [(str(row.partition), row.state) for row in rows]


def test_every_day_is_published_under_one_load(settings: Settings, tmp_path: Path) -> None:
    """The days that have records are run in order; one engine serves them all; then nothing is to be done."""
    days = days_of(30, 0, 20, 40)
    source = write_days(tmp_path / "in.jsonl", days)
    ask, engines = ask_for(source, days), Engines()
    outcomes = backfill(ask, settings, engines)
    assert [(one.partition, one.state) for one in outcomes] == [(day(n), "done") for n in (0, 2, 3)]
    assert [one.result.published for one in outcomes if one.result] == [30, 20, 40]
    assert len(engines.made) == 1
    assert actions(ask, settings) == ["nothing"] * 3
    check_published(settings, source, {one: rows for one, rows in days.items() if rows})


def test_a_day_that_fails_stops_no_other(settings: Settings, tmp_path: Path) -> None:
    """It says why; the same command again does only that day, and of it only what is left."""
    days = days_of(30, 70, 30)
    source = write_days(tmp_path / "in.jsonl", days)
    ask, engines = ask_for(source, days), dies_at(f"message 60 of {day(1)}")
    outcomes = backfill(ask, settings, engines)
    assert [one.state for one in outcomes] == ["done", "failed", "done"]
    assert [one.error for one in select_failed(outcomes)] == ["the engine died of this text"]
    assert len(engines.made) == 2  # a fresh one for the day after
    assert actions(ask, settings) == ["nothing", "run", "nothing"]

    committed = sum(line.record_key.startswith("1102") for line in table(settings, "ledger_lines"))
    assert committed > 0
    again = Engines()
    assert [one.state for one in backfill(ask, settings, again)] == ["done"]
    assert len(again.asked) == 70 - committed
    check_published(settings, source, days)


def test_a_day_somebody_else_is_at_work_on_stops_no_other(settings: Settings, tmp_path: Path) -> None:
    """Its lease is held elsewhere: one line that names the owner, and the other days are done."""
    from tests.integration.pipeline.test_locks import give_to  # noqa: PLC0415  its DAY is our first

    days = days_of(5, 5)
    source = write_days(tmp_path / "in.jsonl", days)
    backfill(ask_for(source, [day(1)]), settings)  # so that there is a ledger
    give_to(settings, "elsewhere:1:1", 60)
    first, *rest = backfill(ask_for(source, days), settings, Engines())
    assert (first.state, rest) == ("failed", [])
    assert "elsewhere:1:1" in str(first.error)
    give_to(settings, "elsewhere:1:1", 0)
    assert [one.state for one in backfill(ask_for(source, days), settings)] == ["done"]
    check_published(settings, source, days)


def test_ten_late_records_are_ten_requests(settings: Settings, tmp_path: Path) -> None:
    """Only their day is refreshed; it is published whole."""
    days = days_of(40, 50, 30)
    source = write_days(tmp_path / "in.jsonl", days)
    ask = ask_for(source, days)
    backfill(ask, settings)
    days[day(1)] = [*days[day(1)][:20], *rows_of(day(1), 10, "late"), *days[day(1)][20:]]
    write_days(source, days)
    assert actions(ask, settings) == ["nothing", "refresh", "nothing"]
    engines = Engines()
    (outcome,) = backfill(ask, settings, engines)
    assert sorted(engines.asked) == sorted(f"1102l{number}" for number in range(10))
    assert outcome.result is not None
    assert (outcome.result.published, outcome.result.carried) == (60, 50)
    assert actions(ask, settings) == ["nothing"] * 3
    check_published(settings, source, days)


def test_other_settings_replace_and_the_old_output_stays_until_then(
    settings: Settings, tmp_path: Path
) -> None:
    """Readers see the old file until the new one is there; the ledger keeps both versions and tells them apart."""
    days = days_of(30, 30)
    source = write_days(tmp_path / "in.jsonl", days)
    ask = ask_for(source, days)
    backfill(ask, settings)
    before = {one: (target(settings, day=one) / "records.parquet").read_bytes() for one in days}
    other = settings.model_copy(update={"seed": 7})
    assert actions(ask, other) == ["replace", "replace"]
    seen: list[bool] = []

    def answer(request: Request) -> Reply:
        one = next(one for one in days if str(one) in prompt(request))
        seen.append((target(settings, day=one) / "records.parquet").read_bytes() == before[one])
        return plausible(request)

    outcomes = backfill(ask, other, Engines(handler=answer))
    assert [one.state for one in outcomes] == ["done", "done"]
    assert (len(seen), all(seen)) == (60, True)
    assert states(settings) == [(str(day(n)), state) for n in (0, 1) for state in ("superseded", "published")]
    assert len(table(settings, "ledger_lines")) == 120
    assert len({row.fingerprint for row in table(settings, "partition_versions")}) == 2
    assert actions(ask, other) == ["nothing", "nothing"]
    check_published(settings, source, days, seed=7)


def test_rerun_replaces_what_is_unchanged(settings: Settings, tmp_path: Path) -> None:
    """Asked for, so paid for again."""
    days = days_of(10, 10)
    source = write_days(tmp_path / "in.jsonl", days)
    backfill(ask_for(source, days), settings)
    engines = Engines()
    assert len(backfill(ask_for(source, days, rerun=True), settings, engines)) == 2
    assert len(engines.asked) == 20
    check_published(settings, source, days)


@pytest.mark.parametrize("change", ["nothing", "seed", "late"])
def test_what_another_backfill_has_done_since_is_not_paid_for_again(
    settings: Settings, tmp_path: Path, change: str
) -> None:
    """Two find the same to be done; the second to come to a day finds it done, and asks for nothing."""
    days = days_of(20, 20)
    source = write_days(tmp_path / "in.jsonl", days)
    ask = ask_for(source, days)
    if change != "nothing":
        backfill(ask, settings)
    if change == "seed":
        settings = settings.model_copy(update={"seed": 7})
    if change == "late":
        days[day(0)] += rows_of(day(0), 5, "late")
        days[day(1)] += rows_of(day(1), 5, "late")
        write_days(source, days)
    mine, others = (to_do(survey(ask, settings)) for _ in range(2))
    assert {step.action for step in mine} == {
        {"nothing": "run", "seed": "replace", "late": "refresh"}[change]
    }
    do(ask, others, settings)
    outcomes = do(ask, mine, settings, no_engine())
    assert [one.state for one in outcomes] == ["skipped", "skipped"]
    check_published(settings, source, days, seed=settings.seed)


def test_a_stop_ends_the_whole_backfill(settings: Settings, tmp_path: Path) -> None:
    """The days after it are not begun."""
    days = days_of(5, 5, 5)
    source = write_days(tmp_path / "in.jsonl", days)

    def stop(request: Request) -> Reply:
        if str(day(1)) in prompt(request):
            msg = "stopped"
            raise Interrupted(msg, 15)
        return plausible(request)

    with pytest.raises(Interrupted):
        backfill(ask_for(source, days), settings, Engines(handler=stop))
    assert [(row.partition, row.state) for row in table(settings, "runs")] == [
        (day(0), "completed"),
        (day(1), "interrupted"),
    ]
    assert len(backfill(ask_for(source, days), settings)) == 2
    check_published(settings, source, days)


def test_a_day_that_waits_for_a_budget_is_shown_as_waiting(tmp_path: Path, database_url: str) -> None:
    """Not failed, not done; how many records wait for what is in the table. The next backfill takes it up again."""
    days = days_of(12, 12)
    days[day(0)] = rows_of(day(0), 12, "unsure")
    source = write_days(tmp_path / "in.jsonl", days)
    settings = hybrid_settings(tmp_path, database_url, "http://127.0.0.1:9/v1", budget={"day_usd": "0"})
    engines = Engines(handler=unsure("unsure"))
    outcomes = backfill(ask_for(source, days), settings, engines)
    assert [one.state for one in outcomes] == ["waiting", "done"]
    assert select_failed(outcomes) == []
    row = outcome_row(outcomes[0])
    assert (row["state"], row["waiting"]) == ("waiting", "12 budget")
    assert actions(ask_for(source, days), settings) == ["run", "nothing"]
    again = no_engine()
    assert [one.state for one in backfill(ask_for(source, days), settings, again)] == ["waiting"]
    assert again.asked == []
    check_sums(settings)


def test_a_limit_counts_for_each_day(settings: Settings, tmp_path: Path) -> None:
    """Another limit is another content: it replaces."""
    days = days_of(20, 3)
    source = write_days(tmp_path / "in.jsonl", days)
    outcomes = backfill(ask_for(source, days, limit=5), settings)
    assert [one.result.published for one in outcomes if one.result] == [5, 3]
    assert actions(ask_for(source, days, limit=5), settings) == ["nothing", "nothing"]
    assert actions(ask_for(source, days), settings) == ["replace", "replace"]
    check_books(settings)


def test_a_range_without_a_record_is_refused(settings_without_ledger: Settings, tmp_path: Path) -> None:
    """One line that names input and range; nothing is made."""
    days = days_of(3)
    source = write_days(tmp_path / "in.jsonl", days)
    with pytest.raises(InputError, match="holds no record from 2026-11-05 to 2026-11-06"):
        survey(ask_for(source, [day(4), day(5)]), settings_without_ledger)
    assert not (tmp_path / "ledger.db").exists()
    assert not settings_without_ledger.output_dir.exists()


def test_the_quote_is_of_what_is_left(settings: Settings, tmp_path: Path) -> None:
    """Records of a quote are those that the runs then do, for a run, a refresh and a replacement."""
    days = days_of(30, 30, 30)
    source = write_days(tmp_path / "in.jsonl", days)
    backfill(ask_for(source, [day(0), day(1)]), settings)
    days[day(1)] += rows_of(day(1), 7, "late")
    write_days(source, days)
    ask = ask_for(source, days)
    steps = survey(ask, settings)
    assert [step.action for step in steps] == ["nothing", "refresh", "run"]
    assert [ask.of_step(step).refresh for step in steps] == [False, True, False]
    quoted, engines = quote(ask, to_do(steps), settings), Engines()
    do(ask, to_do(steps), settings, engines)
    assert quoted.records == len(engines.asked) == 37
    assert leftovers(settings) == []


def test_records_that_come_in_before_a_day_is_published(settings: Settings, tmp_path: Path) -> None:
    """They take the places of records that are committed already: the day is published all the same, then put in order."""
    days = days_of(100)
    source = write_days(tmp_path / "in.jsonl", days)
    ask = ask_for(source, days)
    (outcome,) = backfill(ask, settings, Engines(dies_after=50))
    assert outcome.state == "failed"
    days[day(0)] = [*rows_of(day(0), 10, "late"), *days[day(0)]]
    write_days(source, days)
    (outcome,) = backfill(ask, settings)
    assert (outcome.state, outcome.error) == ("done", None)
    assert actions(ask, settings) == ["refresh"]
    again = no_engine()
    assert [one.state for one in backfill(ask, settings, again)] == ["done"]
    assert again.asked == []
    assert actions(ask, settings) == ["nothing"]
    check_published(settings, source, days)
