"""`breakeven audit` and `breakeven ledger audits`: what they print, and what a mistake says."""

import json
from pathlib import Path

import pytest

from tests.faulty_api import FaultyApi
from tests.integration.audit.harness import WRONG, audit_settings, serve
from tests.integration.hybrid.harness import KEY
from tests.integration.pipeline.harness import CACHE, DAY, WORKLOAD
from tests.run_command import run_command

COUNT = 40
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def published(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Publish the test's partition, and set the environment of commands that audit it whole; return its input."""
    settings = audit_settings(tmp_path, database_url, "http://127.0.0.1:9/v1", api_mode="off")
    serve(settings, tmp_path, COUNT)
    monkeypatch.chdir(tmp_path)
    values = {
        "DATABASE_URL": database_url,
        "OUTPUT_DIR": str(settings.output_dir),
        "CACHE_DIR": str(CACHE),
        "MODEL": "tests/scripted",
        "API_MODE": "sync",
        "API_KEY": KEY,
        "API_MODEL": "test-model",
        "API_TOKENIZER": "gpt-4o-mini",
        "API_INPUT_USD_PER_MTOK": "0.15",
        "API_OUTPUT_USD_PER_MTOK": "0.60",
        "GPU_USD_PER_HOUR": "1.006",
        "WORKLOADS__SENTIMENT__AUDIT__SHARE": "1.0",
        "WORKLOADS__SENTIMENT__INPUT": str(tmp_path / "in.jsonl"),
    }
    for name, value in values.items():
        monkeypatch.setenv(f"BREAKEVEN_{name}", value)
    return tmp_path / "in.jsonl"


@one_database
@pytest.mark.usefixtures("published")
def test_audits_from_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day, a range, and what the ledger says of them; money is exact, and no text is printed."""
    with FaultyApi() as api:
        monkeypatch.setenv("BREAKEVEN_API_BASE_URL", api.url)
        assert run_command("audit", WORKLOAD, "--date", DAY, "--format", "json") == 0
        out, err = capsys.readouterr()
        (row,) = [json.loads(line) for line in out.splitlines()] if out.startswith("{") else json.loads(out)
        agreeing = COUNT - len(range(0, COUNT, WRONG))
        assert (row["state"], row["audited"], row["agreeing"]) == ("audited", COUNT, agreeing)
        assert f"the API agrees on {agreeing} of {COUNT} records" in err
        assert run_command("audit", WORKLOAD, "--from", "2026-10-25", "--to", "2026-11-05") == 0
        assert len(api.seen) == COUNT
        assert run_command("ledger", "audits", "--format", "json") == 0
        out = capsys.readouterr().out
    assert '"month": "2026-11"' in out or '"month":"2026-11"' in out
    assert "message number" not in out + err
    assert run_command("ledger", "audits") == 0
    assert "0.800" in capsys.readouterr().out
    assert run_command("ledger", "summary", "--purpose", "audit") == 0
    assert str(COUNT) in capsys.readouterr().out


@one_database
@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--date", "2026-12-24"), "nothing of sentiment is published from 2026-12-24"),
        (("--date", str(DAY), "--share", "0"), "set share = 0.01 in [workloads.sentiment.audit]"),
        (("--date", str(DAY), "--share", "1.5"), "lies above 0 and up to 1, not at 1.5"),
        (("--from", str(DAY)), "give both --from and --to"),
        (("--date", str(DAY), "--from", str(DAY), "--to", str(DAY)), "not both"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the exit code of a mistake, and nothing asked."""
    with FaultyApi() as api:
        monkeypatch.setenv("BREAKEVEN_API_BASE_URL", api.url)
        assert run_command("audit", WORKLOAD, *arguments) == 2
        assert api.seen == []
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


@one_database
def test_what_was_left_out_is_said(
    published: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that has changed; a run that the API answers whole has nothing to audit, which stands below what it came to."""
    published.write_text(published.read_text().replace('number 3"', 'number 300"'))
    with FaultyApi() as api:
        monkeypatch.setenv("BREAKEVEN_API_BASE_URL", api.url)
        assert run_command("audit", WORKLOAD, "--date", DAY) == 0
        assert "1 record changed since" in capsys.readouterr().err
        assert run_command("run", WORKLOAD, "--date", DAY, "--engine", "openai", "--rerun") == 0
        assert len(api.seen) == 2 * COUNT - 1
    assert "no record was audited" in capsys.readouterr().err
