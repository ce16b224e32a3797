"""Caps on what the API may cost: kept to the nano-dollar, and nothing is lost at one."""

from decimal import Decimal
from pathlib import Path

import pytest

from models.economics.pricing import usd_to_nano
from models.run import RunResult
from models.settings import Settings
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.harness import api_lines, check_seen, collect, hybrid_settings
from tests.integration.pipeline.books import check_books, check_sums, table
from tests.integration.pipeline.harness import good_rows, no_engine, published, run, write_records

COUNT = 60
CAP = Decimal("0.0005")


def source_of(tmp_path: Path) -> Path:
    """Write records of which the local engine is unsure."""
    return write_records(tmp_path / "in.jsonl", good_rows(COUNT, "unsure number {}".format))


def capped(settings: Settings, **caps: object) -> Settings:
    """Put a budget on all workloads together."""
    return Settings.model_validate(
        settings.model_dump()
        | {"budget": caps, "database_url": settings.database_url, "api_key": settings.api_key}
    )


def waiting_counts(settings: Settings) -> dict[str, int]:
    """Read how many records wait for what."""
    return {row.reason: row._mapping["count"] for row in table(settings, "waiting_counts")}


def spent(settings: Settings) -> int:
    """Sum what the API's lines cost."""
    return sum(line.cost_nano for line in api_lines(settings))


def half(settings: Settings, tmp_path: Path) -> RunResult:
    """Run until the cap is reached; see that it was kept and that the rest waits, visibly."""
    result = run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    assert result.state == "waiting"
    assert 0 < result.escalated < COUNT
    assert result.waiting == {"budget": COUNT - result.escalated} == waiting_counts(settings)
    assert spent(settings) <= usd_to_nano(CAP)
    assert [row.state for row in table(settings, "runs")] == ["waiting"]
    check_sums(settings)
    return result


@pytest.mark.parametrize("scope", ["run_usd", "day_usd", "month_usd"])
def test_at_the_cap_the_rest_waits_and_a_later_run_takes_it_up(
    tmp_path: Path, database_url: str, scope: str
) -> None:
    """No request beyond the cap; the same command finishes the rest once there is room, trying nothing again."""
    with FaultyApi() as api:
        free = hybrid_settings(tmp_path, database_url, api.url)
        first = half(capped(free, **{scope: CAP}), tmp_path)
        asked = len(api.seen)
        assert asked == first.escalated
        second = run(free, source_of(tmp_path), no_engine)  # nothing is left for the local engine
    assert (second.state, second.escalated) == ("completed", COUNT - first.escalated)
    assert len(api.seen) == COUNT
    assert published(free).height == COUNT
    check_books(free)
    check_seen(free, api.seen)


def test_collecting_takes_up_what_a_budget_held_back(tmp_path: Path, database_url: str) -> None:
    """Without the input and without the local engine; the run that waited is completed, and published."""
    with FaultyApi() as api:
        free = hybrid_settings(tmp_path, database_url, api.url)
        first = half(capped(free, day_usd=CAP), tmp_path)
        (tmp_path / "in.jsonl").unlink()
        result = collect(free)
    assert (result.state, result.escalated) == ("completed", COUNT - first.escalated)
    assert [row.state for row in table(free, "runs")] == ["completed"]
    assert waiting_counts(free) == {}
    check_books(free)
    check_seen(free, api.seen)


@pytest.mark.both_databases
def test_nearly_all_of_a_budget_is_used(tmp_path: Path, database_url: str) -> None:
    """Requests in flight count with the most they can cost, but not after they were answered."""
    with FaultyApi() as api:
        settings = capped(hybrid_settings(tmp_path, database_url, api.url), run_usd=CAP)
        half(settings, tmp_path)
    dearest = max(line.cost_nano for line in api_lines(settings))
    assert usd_to_nano(CAP) - spent(settings) < 20 * dearest


def test_a_cap_of_nothing_sends_nothing(tmp_path: Path, database_url: str) -> None:
    """All escalations wait; what the local engine was sure of is committed."""
    with FaultyApi() as api:
        settings = capped(hybrid_settings(tmp_path, database_url, api.url), run_usd=Decimal(0))
        result = run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("number 1")))
        assert api.seen == []
    assert (result.state, result.published) == ("waiting", COUNT - result.waiting["budget"])
    check_sums(settings)


def test_what_is_unknown_counts_in_full(tmp_path: Path, database_url: str) -> None:
    """An attempt whose end nobody knows keeps its upper bound in the budget, so a dead endpoint cannot drain it unseen."""
    with FaultyApi([Rule(("cut",), forever=True)]) as api:
        settings = capped(hybrid_settings(tmp_path, database_url, api.url), day_usd=CAP)
        result = run(settings, source_of(tmp_path), ScriptedEngine(handler=unsure("unsure")))
    assert result.state == "waiting"
    assert {line.outcome for line in api_lines(settings)} == {"unknown_outcome"}
    assert spent(settings) <= usd_to_nano(CAP)
    check_sums(settings)
    check_seen(settings, api.seen)
