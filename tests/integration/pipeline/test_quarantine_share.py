"""A day of which too much would be set aside is not published, and what readers have stays."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from models.errors import InputError, TooManyQuarantined
from models.requests import Request
from models.settings import Settings
from tasks.planning import quarantine_share
from tasks.planning.input_facts import count_all_rows
from tasks.reading import PartitionReader
from tests.fakes import Reply, ScriptedEngine, plausible, prompt
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    DAY,
    any_share,
    good_rows,
    no_engine,
    published,
    quarantined,
    run,
    write_records,
)


def bad_rows(count: int) -> list[object]:
    """Make rows without a text."""
    return [{"id": f"bad{number}", "text": None} for number in range(count)]


def with_share(settings: Settings, share: float, least: int = 10) -> Settings:
    """Set how much may be set aside."""
    return settings.model_copy(update={"max_quarantined_share": share, "min_quarantined": least})


def refuse_some(request: Request) -> Reply:
    """Refuse the records that ask for it."""
    return Reply(rejection="refused", detail="no") if "REFUSE" in prompt(request) else plausible(request)


def test_an_input_that_is_all_bad_begins_nothing(settings: Settings, tmp_path: Path) -> None:
    """It is one line that counts the reasons and says how to go on; no run, no engine, no file."""
    source = write_records(tmp_path / "in.jsonl", bad_rows(30))
    with pytest.raises(InputError) as caught:
        run(settings, source, no_engine)
    said = str(caught.value)
    assert "sentiment 2026-11-01: 30 of 30 records would be set aside (30 missing_text)" in said
    assert "max_quarantined_share (20 %)" in said
    assert "Record 1: text is null" in said
    assert "BREAKEVEN_MAX_QUARANTINED_SHARE=1 publishes" in said
    assert "\n" not in said
    assert list(table(settings, "runs")) == list(table(settings, "partition_versions")) == []
    result = run(any_share(settings), source, no_engine)
    assert (result.state, result.published, result.quarantined) == ("completed", 0, 30)


@pytest.mark.parametrize("option", ["rerun", "refresh"])
def test_what_is_published_stays(settings: Settings, tmp_path: Path, option: str) -> None:
    """Whichever way a day is asked for again, a bad input does not take the place of good records; a mended one does."""
    source = write_records(tmp_path / "in.jsonl", good_rows(40))
    run(settings, source)
    before = published(settings)
    write_records(source, [*good_rows(10), *bad_rows(30)])
    with pytest.raises(InputError, match="30 of 40 records would be set aside"):
        run(settings, source, no_engine, **{option: True})
    assert published(settings).equals(before)
    write_records(source, [*good_rows(41)])
    assert run(settings, source, ScriptedEngine(), **{option: True}).published == 41
    check_books(settings)


@pytest.mark.parametrize(
    ("good", "bad", "stops"), [(40, 10, False), (39, 10, True), (9, 9, False), (80, 20, False)]
)
def test_the_bounds(settings: Settings, tmp_path: Path, good: int, bad: int, *, stops: bool) -> None:
    """A fifth is let pass, more is not; fewer than ten records stop no day."""
    source = write_records(tmp_path / "in.jsonl", [*good_rows(good), *bad_rows(bad)])
    if not stops:
        assert run(settings, source).quarantined == bad
        return
    with pytest.raises(InputError, match="max_quarantined_share"):
        run(settings, source, no_engine)


def test_both_settings_hold(settings: Settings, tmp_path: Path) -> None:
    """The share and the least number are set; a workload's own share goes before the general one."""
    source = write_records(tmp_path / "in.jsonl", [*good_rows(17), *bad_rows(3)])
    with pytest.raises(InputError, match=r"3 of 20 .* \(10 %\)"):
        run(with_share(settings, 0.1, least=3), source, no_engine)
    own = Settings.model_validate(
        {"workloads": {"sentiment": {"max_quarantined_share": 0.05}}, "min_quarantined": 2}
    )
    with pytest.raises(
        InputError, match=r"\(5 %\).*BREAKEVEN_WORKLOADS__SENTIMENT__MAX_QUARANTINED_SHARE=0.15 "
    ):
        run(settings.model_copy(update={"workloads": own.workloads, "min_quarantined": 2}), source, no_engine)
    assert run(with_share(settings, 0.15, least=3), source).quarantined == 3


def test_a_small_day_is_never_emptied(settings: Settings, tmp_path: Path) -> None:
    """Below the least number too, nothing at all does not take the place of something."""
    source = write_records(tmp_path / "in.jsonl", good_rows(4))
    run(settings, source)
    write_records(source, bad_rows(4))
    with pytest.raises(InputError, match="4 of 4 records would be set aside"):
        run(settings, source, no_engine, rerun=True)
    assert published(settings).height == 4


def test_answers_that_are_set_aside_stop_before_publishing(settings: Settings, tmp_path: Path) -> None:
    """What the engine refuses counts with what could not be read; the run fails, its answers are kept for the same command."""
    rows = [*good_rows(70), *bad_rows(10), *good_rows(100, lambda number: f"REFUSE {number}")[70:90]]
    source = write_records(tmp_path / "in.jsonl", rows)
    with pytest.raises(TooManyQuarantined) as caught:
        run(settings, source, ScriptedEngine(handler=refuse_some))
    said = str(caught.value)
    assert "30 of 100 records are set aside (20 refused, 10 missing_text)" in said
    assert "BREAKEVEN_MAX_QUARANTINED_SHARE=0.3 publishes it with the same command" in said
    assert caught.value.exit_code == 1
    (row,) = table(settings, "runs")
    assert (row.state, row.error) == ("failed", said)
    assert not (settings.output_dir / "sentiment" / f"date={DAY}").exists()
    result = run(with_share(settings, 0.3), source, no_engine)
    assert (result.state, result.published, quarantined(settings).height) == ("completed", 70, 30)
    check_books(settings)


def test_a_rerun_whose_answers_fail_leaves_what_is_published(settings: Settings, tmp_path: Path) -> None:
    """The version that is read stays in place."""
    source = write_records(tmp_path / "in.jsonl", good_rows(20))
    run(settings, source)
    before = published(settings)
    engine = ScriptedEngine(handler=lambda _: Reply(rejection="refused", detail="no"))
    with pytest.raises(TooManyQuarantined, match="20 of 20"):
        run(settings, source, engine, rerun=True)
    assert published(settings).equals(before)
    check_books(settings)


def test_a_day_that_was_published_so_can_be_refreshed(settings: Settings, tmp_path: Path) -> None:
    """Who let a share pass once can add late records without letting more pass."""
    rows = [*good_rows(20), *bad_rows(20)]
    source = write_records(tmp_path / "in.jsonl", rows)
    run(any_share(settings), source)
    write_records(source, [*rows, {"id": "late", "text": "late"}])
    result = run(settings, source, refresh=True)
    assert (result.published, result.carried, result.quarantined) == (21, 20, 20)


def dated(number: int, day: date, text: str = "fine") -> dict[str, object]:
    """Make a row of a day."""
    return {"id": f"{day}-{number}", "text": text, "created_at": f"{day}T10:00:00Z"}


def test_rows_without_a_date_are_held_against_the_whole_input(settings: Settings, tmp_path: Path) -> None:
    """They are set aside in every day: a few in a long file stop none of its small days, half of a file does."""
    days = [DAY + timedelta(days=number) for number in range(20)]
    good: list[object] = [dated(number, day) for day in days for number in range(10)]
    lost: list[object] = [
        {"id": f"lost{number}", "text": "when?", "created_at": "soon"} for number in range(15)
    ]
    lost += [b"{broken"] * 5
    source = write_records(tmp_path / "in.jsonl", [*good, *lost])
    result = run(settings, source)
    assert (result.published, result.quarantined) == (10, 20)
    other = write_records(tmp_path / "other.jsonl", [*good[:20], *lost])
    with pytest.raises(InputError, match="20 of 40 rows of the whole input would be set aside"):
        run(settings, other, no_engine, rerun=True)


def test_no_more_rows_are_counted_than_are_needed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each small day of a long file looks at the others only until there are enough rows, and not at the whole file."""
    days = [DAY + timedelta(days=number) for number in range(100)]
    lost: list[object] = [{"id": f"{number}", "text": "x", "created_at": "soon"} for number in range(100)]
    good = [dated(number, day) for day in days for number in range(100)]
    source = write_records(tmp_path / "in.jsonl", [*lost, *good])
    counted: list[int] = []

    def count(reader: PartitionReader, is_enough: Callable[[int], bool]) -> int:
        counted.append(count_all_rows(reader, is_enough))
        return counted[-1]

    monkeypatch.setattr(quarantine_share, "count_all_rows", count)
    result = run(settings, source)
    assert (result.published, result.quarantined) == (100, 100)
    assert len(counted) == 1
    assert 500 <= counted[0] < 5000
