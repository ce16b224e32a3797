"""`breakeven doctor --api`: what it says of an endpoint, what it costs, and that every attempt is on the ledger."""

from pathlib import Path
from typing import Any

import pytest

from cli import main
from models.doctor import SetupCheck
from models.settings import Settings
from tasks.setup import batch_probe
from tasks.setup.api_doctor import probe_api
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.batch_harness import batch_lines, outcomes
from tests.integration.hybrid.harness import KEY, api_lines, hybrid_settings
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import write_records
from tests.ledgers import new_sqlite


def settings_at(folder: Path, url: str, **more: Any) -> Settings:  # noqa: ANN401  fields of Settings
    """Make settings whose API is at `url`."""
    return hybrid_settings(folder, new_sqlite(folder / "ledger.db"), url, **more)


def found(settings: Settings) -> dict[str, SetupCheck]:
    """Return the rows of the API, by name; each is one line, without the key."""
    rows = {one.name: one for one in probe_api(settings)}
    for one in rows.values():
        assert "\n" not in one.found + one.advice
        assert KEY not in one.found + one.advice
    return rows


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll at short intervals."""
    monkeypatch.setattr(batch_probe, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(batch_probe, "CANCEL_SECONDS", 0.3)


def test_a_good_endpoint_with_batches(tmp_path: Path) -> None:
    """One request at once and one in a batch, both answered, on the ledger as a trial; a thousand records in both modes."""
    with BatchApi(Rules(auto=True), key=KEY) as api:
        settings = settings_at(tmp_path, api.url, batch_discount="0.5")
        rows = found(settings)
    assert {one.state for one in rows.values()} == {"ok"}
    assert "1 request, $" in rows["API at once"].found
    assert rows["API request form"].found == "json_schema; no field left out; system role"
    assert "a batch of one request answered in" in rows["API in batches"].found
    assert outcomes(api_lines(settings)) == {"ok": 2}
    assert len(batch_lines(settings)) == 1
    assert {row.purpose for row in table(settings, "runs")} == {"trial"}
    assert not [path for path in settings.output_dir.iterdir() if not path.name.startswith(".")]
    assert "at once, $" in rows["1,000 of sentiment"].found
    assert "short text" in rows["1,000 of sentiment"].found


def test_what_it_learns_is_said_and_kept(tmp_path: Path) -> None:
    """A refused field and no batches: the row says so, and the next probe begins with what was learnt."""
    rule = Rule(("no_field:temperature",), forever=True)
    with FaultyApi([rule]) as api:
        settings = settings_at(tmp_path, api.url)
        rows = found(settings)
        assert "2 requests" in rows["API at once"].found
        assert rows["API in batches"] == SetupCheck("API in batches", "ok", "no Batch API")
        assert "in batches" not in rows["1,000 of sentiment"].found
        assert rows["API request form"].found == "json_schema; without temperature; system role"
        assert "1 request," in found(settings)["API at once"].found
        in_batches = found(settings.model_copy(update={"api_mode": "batch"}))["API in batches"]
    assert in_batches.state == "fail"
    assert "BREAKEVEN_API_MODE=sync" in in_batches.advice
    assert outcomes(api_lines(settings)) == {"failed:http_400": 1, "ok": 3}


def test_usage_that_is_not_reported_is_a_warning(tmp_path: Path) -> None:
    """Tokens and cost are estimates, and the row says so."""
    with FaultyApi([Rule(("no_usage",), forever=True)]) as api:
        usage = found(settings_at(tmp_path, api.url))["API usage"]
    assert usage.state == "warn"
    assert "estimated" in usage.found


def test_an_endpoint_that_passes_over_the_format_is_seen(tmp_path: Path) -> None:
    """Its answer fits no schema: the row fails and names the settings; the cost is on the ledger all the same."""
    with FaultyApi([Rule(("nonsense",), forever=True)]) as api:
        settings = settings_at(tmp_path, api.url)
        answer = found(settings)["API at once"]
    assert answer.state == "fail"
    assert "BREAKEVEN_API_STRUCTURED_OUTPUT" in answer.advice
    assert "ok" not in outcomes(api_lines(settings))
    assert sum(line.cost_nano for line in api_lines(settings)) > 0


@pytest.mark.parametrize(
    ("fault", "setting"), [("bad_key", "BREAKEVEN_API_KEY"), ("no_model", "BREAKEVEN_API_MODEL")]
)
def test_a_refused_key_and_an_unknown_model_are_one_line(tmp_path: Path, fault: str, setting: str) -> None:
    """It names the setting; no batch is tried and nothing is billed."""
    with FaultyApi([Rule((fault,), forever=True)]) as api:
        settings = settings_at(tmp_path, api.url)
        rows = found(settings)
    assert list(rows) == ["API at once"]
    assert rows["API at once"].state == "fail"
    assert setting in rows["API at once"].advice
    assert {line.cost_nano for line in api_lines(settings)} <= {0}


def test_a_cap_stands_against_it(tmp_path: Path) -> None:
    """The caps hold for a probe as for any request: nothing is sent."""
    with FaultyApi() as api:
        settings = settings_at(tmp_path, api.url, budget={"day_usd": "0"})
        rows = found(settings)
        assert api.seen == []
    assert rows["API at once"].state == "fail"
    assert "cap" in rows["API at once"].advice


def test_a_slow_batch_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken, which is what the row is about; it is cancelled, and the next probe closes its line, at no cost."""
    monkeypatch.setattr(batch_probe, "BATCH_SECONDS", 0.2)
    with BatchApi(key=KEY) as api:
        settings = settings_at(tmp_path, api.url)
        row = found(settings)["API in batches"]
        assert api.steps("cancel_batch") == 1
        assert api.step() == ["cancelled"]
        api.book.rules.auto = True
        monkeypatch.setattr(batch_probe, "BATCH_SECONDS", 20.0)
        again = found(settings)["API in batches"]
    assert row.state == "ok"
    assert "cancelled" in row.found
    assert "answered in" in again.found
    (first, *_) = batch_lines(settings)
    assert (first.outcome, first.cost_nano) == ("failed", 0)
    assert not [line for line in api_lines(settings) if line.outcome == "pending"]


def test_nothing_is_sent_where_the_api_is_off_or_records_must_stay(tmp_path: Path) -> None:
    """One row says why; no thousand records are priced that would never go there."""
    stays = {"sentiment": {"data_residency": "local"}}
    with FaultyApi() as api:
        settings = settings_at(tmp_path, api.url, workloads=stays)
        off, local = found(settings.model_copy(update={"api_mode": "off"})), found(settings)
        assert api.seen == []
    assert off["API at once"].advice.startswith("set BREAKEVEN_API_MODE")
    assert list(local) == ["API at once"]
    assert "data_residency" in local["API at once"].advice


def test_the_thousand_are_like_the_newest_records(tmp_path: Path) -> None:
    """The input of a workload is counted, and priced; nothing of it is sent."""
    rows: list[object] = [{"id": f"r{n}", "text": f"a text of number {n}"} for n in range(20)]
    source = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi() as api:
        settings = settings_at(tmp_path, api.url, workloads={"sentiment": {"input": str(source)}})
        cost = found(settings)["1,000 of sentiment"]
        assert len(api.seen) == 1
    assert "like 20 records of" in cost.found


def test_the_command_has_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows stand below the usual ones."""
    with FaultyApi() as api:
        monkeypatch.chdir(tmp_path)
        given = {
            "DATABASE_URL": new_sqlite(tmp_path / "ledger.db"),
            "API_MODE": "sync",
            "API_BASE_URL": api.url,
            "API_MODEL": "test-model",
            "API_TOKENIZER": "gpt-4o-mini",
            "API_INPUT_USD_PER_MTOK": "0.15",
            "API_OUTPUT_USD_PER_MTOK": "0.60",
            "GPU_USD_PER_HOUR": "1.006",
        }
        for name, value in given.items():
            monkeypatch.setenv(f"BREAKEVEN_{name}", value)
        with pytest.raises(SystemExit):
            main(["doctor", "--api"])
        assert len(api.seen) == 1
    out = capsys.readouterr().out
    assert out.index("workloads") < out.index("API at once") < out.index("API request form")
