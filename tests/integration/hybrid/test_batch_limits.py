"""What may be out in batches at one time: the provider's limit of enqueued tokens, and the budget's caps."""

from decimal import Decimal
from pathlib import Path

import pytest

from models.economics.pricing import usd_to_nano
from models.settings import Settings
from tasks.api.batch_writer import BatchWriter
from tests.batch_api import BatchApi
from tests.batch_state import FINAL, Rules
from tests.integration.hybrid.batch_harness import (
    batch_lines,
    batch_settings,
    batch_states,
    check_server,
    check_waiting,
    collect_until_done,
    outcomes,
    start,
    steps,
    texts_of,
)
from tests.integration.hybrid.harness import KEY, api_lines, collect
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import leftovers

COUNT = 30
CAP = Decimal("0.0010")


def live_at(api: BatchApi) -> int:
    """Count the batches that the server works on."""
    return sum(batch.status not in FINAL for batch in api.book.batches.values())


def test_batches_wait_for_room(tmp_path: Path, database_url: str) -> None:
    """No more tokens are out than the setting says: the other batches are written down, and follow one by one."""
    with BatchApi(Rules(), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url, batch_enqueued_tokens=1300)
        assert start(settings, texts_of(25)).waiting == {"batch": 25}
        rounds = 0
        result = None
        while result is None or result.state == "waiting":
            assert all(batch.input_tokens <= 1300 for batch in table(settings, "batches"))
            assert live_at(api) == 1
            check_waiting(settings, api)
            collect(settings)
            assert live_at(api) == 1  # as full as before
            steps(api)
            result = collect(settings)
            rounds += 1
    assert rounds == len(api.book.batches) > 2
    assert outcomes(api_lines(settings)) == {"ok": 25}
    assert api.steps("upload_file") == rounds
    check_books(settings)
    check_server(settings, api)


def spent(settings: Settings) -> int:
    """Sum what the API's lines cost, the pending ones at their upper bound."""
    return sum(line.cost_nano for line in api_lines(settings))


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("database_url", "scope"),
    [("sqlite", "run_usd"), ("postgresql", "run_usd"), ("sqlite", "day_usd"), ("postgresql", "month_usd")],
    indirect=["database_url"],
)
def test_caps_are_kept_to_the_nano_dollar(tmp_path: Path, database_url: str, scope: str) -> None:
    """As many requests go out as their upper bounds at the batch price allow, not one more; the rest follows later."""
    with BatchApi(Rules(), key=KEY) as api:
        capped = batch_settings(tmp_path, database_url, api.url, budget={scope: CAP})
        waiting = start(capped, texts_of(COUNT)).waiting
        cap, bounds = usd_to_nano(CAP), [line.cost_nano for line in api_lines(capped)]
        assert len(bounds) == waiting["batch"] > 5
        assert sum(bounds) <= cap < sum(bounds) + min(bounds)
        assert waiting == {"batch": len(bounds), "budget": COUNT - len(bounds)}
        while True:
            steps(api)
            result = collect(capped)
            assert spent(capped) <= cap
            if "batch" not in result.waiting:
                break
            check_waiting(capped, api)
        used = len(api.book.billed)
        free = batch_settings(tmp_path, database_url, api.url)
        if result.state == "waiting":
            assert cap < spent(capped) + min(bounds)
            result = collect_until_done(free, api)
    assert result.state == "completed"
    assert used > len(bounds)  # what was answered cost less than it could have
    assert len(api.book.billed) == COUNT
    assert api.steps("chat") == 0
    check_books(free)
    check_server(free, api)


@pytest.mark.both_databases
def test_a_cap_that_another_run_used_up_meanwhile(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again in the transaction that writes the batch down: then nothing of it is left."""
    monkeypatch.setattr(BatchWriter, "_left", lambda _: 10**12)
    with BatchApi(Rules(), key=KEY) as api:
        capped = batch_settings(
            tmp_path, database_url, api.url, batch_max_requests=4, budget={"day_usd": "0.0006"}
        )
        waiting = start(capped, texts_of(12)).waiting
        assert waiting == {"batch": 4, "budget": 8}
        assert (batch_states(capped), len(batch_lines(capped))) == ({"submitted": 1}, 4)
        assert len(list(capped.output_dir.rglob("*.jsonl"))) == 1
        monkeypatch.undo()
        free = batch_settings(tmp_path, database_url, api.url)
        assert collect_until_done(free, api).state == "completed"
    check_books(free)
    check_server(free, api)
    assert leftovers(free) == []


def test_a_cap_of_nothing_sends_nothing(tmp_path: Path, database_url: str) -> None:
    """Not even a file; all of it waits, and is said to wait for the budget."""
    with BatchApi(Rules(), key=KEY) as api:
        capped = batch_settings(tmp_path, database_url, api.url, budget={"run_usd": "0"})
        assert start(capped, texts_of(12, 3)).waiting == {"budget": 12}
        assert collect(capped).waiting == {"budget": 12}
        assert api.log == []
        check_waiting(capped, api)
