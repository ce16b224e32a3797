"""`run --retry-quarantined`: what was set aside is asked for again, alone; what is published is taken over as it is."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models.errors import NoAnswerFits, UsageError
from models.records import EngineReason
from models.run import RunResult
from models.settings import Settings
from tasks.display.quarantine_text import quarantine_lines
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import (
    batch_settings,
    collect_until_done,
    engine,
    start,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_books, findings, table
from tests.integration.pipeline.harness import (
    DAY,
    WORKLOAD,
    leftovers,
    no_engine,
    published,
    quarantined,
    run,
)

ASIDE = {
    "3": "invalid_json",
    "4": "eaten",
    "5": "nonsense",
    "6": "content_filter",
    "7": "400:odd",
    "8": "too_long",
}
"""What goes wrong with which record of the first run."""
REASONS = {
    "r3": "unanswered",
    "r4": "reasoning_limit",
    "r5": "invalid_output",
    "r6": "refused",
    "r7": "refused",
    "r8": "too_long",
    "r9": "missing_text",
}


def retry(settings: Settings, source: Path, *reasons: EngineReason) -> RunResult:
    """Ask again for what was set aside."""
    request = RunRequest(WORKLOAD, DAY, str(source), retry_quarantined=True, reasons=reasons)
    with shared_engine(settings, lambda _: engine()):
        return run_request(request, settings)


def texts() -> list[str]:
    """Make texts for every fate; the last one is empty."""
    return [*(f"unsure number {n}" for n in range(9)), ""]


def first_run(settings: Settings, source: Path) -> None:
    """Publish the partition with seven records set aside."""
    result = run(settings, source, engine())
    assert (result.state, result.published, result.quarantined) == ("completed", 3, 7)
    aside = quarantined(settings)
    assert dict(aside.select("record_key", "reason").iter_rows()) == REASONS


def rules() -> list[Rule]:
    """Make the rules of the first run."""
    return [Rule((fault,), f"number {n}", forever=True) for n, fault in ASIDE.items()]


def make_settings(folder: Path, database_url: str, api: FaultyApi) -> Settings:
    """Make settings under which each record has its fate."""
    return hybrid_settings(
        folder, database_url, api.url, api_max_attempts=2, api_breaker_failures=100, api_concurrency=1
    )


@pytest.mark.both_databases
def test_only_what_can_be_mended_is_asked_for(tmp_path: Path, database_url: str) -> None:
    """Each such record once; the rows that are there stay, value by value; the rest stays set aside, at no cost."""
    with FaultyApi(rules()) as api:
        settings = make_settings(tmp_path, database_url, api)
        source = write_texts(tmp_path, texts())
        first_run(settings, source)
        before, aside = published(settings), quarantined(settings)
        assert dict(aside.select("record_key", "retry").iter_rows()) == {
            key: key in {"r3", "r4", "r5", "r7"} for key in REASONS
        }
        asked, api.rules[:] = len(api.seen), []
        result = retry(settings, source)
        assert (result.state, result.published, result.carried, result.quarantined) == ("completed", 7, 3, 3)
        assert len(api.seen) - asked == 4
        after = published(settings)
        assert_frame_equal(after.filter(pl.col("id").is_in(before["id"].to_list())), before)
        assert_frame_equal(quarantined(settings), aside.filter(~pl.col("retry")))
        check_seen(settings, api.seen)
        again = retry(settings, source)
        assert (again.state, len(api.seen) - asked) == ("skipped", 4)
    own = {line.id for line in api_lines(settings) if line.run_id == result.run_id}
    assert result.api_cost_nano == sum(line.cost_nano for line in api_lines(settings) if line.id in own) > 0
    assert len(own) == 4
    assert [row.state for row in table(settings, "partition_versions")] == ["superseded", "published"]
    check_books(settings)
    assert findings(settings) == []
    assert leftovers(settings) == []
    assert run(settings, source, no_engine).state == "skipped"
    assert run(settings, source, no_engine, refresh=True).state == "skipped"


def test_reasons_choose(tmp_path: Path, database_url: str) -> None:
    """Those of the named reasons are asked for, whatever is said of them, and no other."""
    with FaultyApi(rules()) as api:
        settings = make_settings(tmp_path, database_url, api)
        source = write_texts(tmp_path, texts())
        first_run(settings, source)
        asked, api.rules[:] = len(api.seen), []
        result = retry(settings, source, "too_long", "unanswered")
        assert (result.published, len(api.seen) - asked) == (5, 2)
    assert set(quarantined(settings)["record_key"]) == REASONS.keys() - {"r3", "r8"}
    check_books(settings)


def test_what_fails_again_stays_set_aside(tmp_path: Path, database_url: str) -> None:
    """With the reason of this time; a new version is published all the same, and the summary says how to ask again."""
    with FaultyApi(rules()) as api:
        settings = make_settings(tmp_path, database_url, api)
        source = write_texts(tmp_path, texts())
        first_run(settings, source)
        before, aside = published(settings), quarantined(settings)
        result = retry(settings, source)
        check_seen(settings, api.seen)
    assert (result.state, result.published) == ("completed", 3)
    assert_frame_equal(published(settings), before)
    assert_frame_equal(quarantined(settings), aside)
    check_books(settings)
    (line,) = quarantine_lines([result])
    assert f"`breakeven run {WORKLOAD} --date {DAY} --retry-quarantined` asks again for 3 of them" in line


def test_nobody_pays_for_more(tmp_path: Path, database_url: str) -> None:
    """An input that has changed is refreshed first; what is not published, or otherwise, has nothing to ask for."""
    with FaultyApi(rules()) as api:
        settings = make_settings(tmp_path, database_url, api)
        source = write_texts(tmp_path, texts())
        with pytest.raises(UsageError, match="is not published yet"):
            retry(settings, source)
        first_run(settings, source)
        asked = len(api.seen)
        write_texts(tmp_path, [*texts(), "unsure and late"])
        with pytest.raises(UsageError, match="has changed since it was published: --refresh it first"):
            retry(settings, source)
        with pytest.raises(UsageError, match="leave out rerun and refresh"):
            run(settings, source, no_engine, retry_quarantined=True, rerun=True)
        with pytest.raises(UsageError, match="add retry-quarantined"):
            run_request(RunRequest(WORKLOAD, DAY, str(source), reasons=("refused",)), settings)
        other = settings.model_copy(update={"api_model": "another-model"})
        with pytest.raises(UsageError, match="published with other settings"):
            retry(other, source)
        assert len(api.seen) == asked


def test_a_setting_that_is_still_wrong(tmp_path: Path, database_url: str) -> None:
    """The run fails with the line that names it; what is published stays, and a later try finds everything as it was."""
    every = [f"unsure number {n}" for n in range(20)]
    with FaultyApi([Rule(("ok", *("nonsense",) * 19))]) as api:
        settings = make_settings(tmp_path, database_url, api)
        source = write_texts(tmp_path, every)
        assert run(settings, source, engine()).quarantined == 19
        before = published(settings)
        api.rules[:] = [Rule(("nonsense",), forever=True)]
        with pytest.raises(NoAnswerFits):
            retry(settings, source)
        assert_frame_equal(published(settings), before)
        assert quarantined(settings).height == 19
        api.rules.clear()
        assert retry(settings, source).published == 20
        check_seen(settings, api.seen)
    check_books(settings)


def test_in_batches(tmp_path: Path, database_url: str) -> None:
    """The records go into a batch of their own; collecting publishes what came."""
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, api_max_attempts=1)
        start(settings, ["unsure fine", "unsure [[once status 500]]", "unsure [[status 500]]"])
        assert collect_until_done(settings, api).reasons == {"unanswered": 2}
        source = tmp_path / "in.jsonl"
        assert retry(settings, source).waiting == {"batch": 2}
        result = collect_until_done(settings, api)
    assert (result.state, result.published, result.quarantined) == ("completed", 2, 1)
    assert len(api.book.billed) == 2
    check_books(settings)
