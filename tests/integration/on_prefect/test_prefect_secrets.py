"""Prefect is told no secret: not in the parameters of a flow run, in its name, in its logs or in an artifact."""

from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

import cli
from models import errors
from models.settings import Settings
from tasks.runtime.shared_engine import shared_engine
from tests.echo_servers import echoing
from tests.fakes import ScriptedEngine
from tests.integration.on_prefect.site import Site
from tests.integration.pipeline.harness import CACHE
from tests.secret_settings import files_below, found_in, quoted, secret

DAY = "2026-01-05"
COMMANDS = {
    "run": ("sentiment", "--date", DAY),
    "backfill": ("sentiment", "--from", DAY, "--to", DAY, "--yes"),
    "evaluate": ("sentiment",),
}


@pytest.mark.parametrize("query", [False, True])
@pytest.mark.parametrize("name", COMMANDS)
def test_prefect_keeps_no_secret(
    name: str,
    *,
    query: bool,
    site: Site,
    api: SyncPrefectClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of a run whose input has a password and a signature, also where the workload has a query, and where all refuse."""
    monkeypatch.setattr(errors, "_known", ())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", str(api.api_url))
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(CACHE))
    with echoing() as echoes:
        address = f"http://u:{quoted('password')}@{echoes.http}/x.csv?X-Amz-Signature={quoted('signature')}"
        monkeypatch.setenv("BREAKEVEN_API_KEY", secret("key"))
        if query:
            monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__QUERY", "select 1")
            database = f"postgresql+psycopg://u:{quoted('database')}@127.0.0.1:{echoes.database}/x"
            monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__QUERY_URL", database)
        option = "--labels" if name == "evaluate" else "--input"
        with shared_engine(Settings(), lambda _: ScriptedEngine()), pytest.raises(SystemExit) as end:
            cli.main([name, *COMMANDS[name], option, address])
    captured = capsys.readouterr()
    assert end.value.code in {1, 2}
    assert "access denied" in captured.err
    names = ["password", "signature", "key", "database"]
    assert found_in((captured.out + captured.err).encode(), names) == []
    assert {path: found for path, text in files_below(tmp_path) if (found := found_in(text, names))} == {}
    assert {path: found for path, text in site.files() if (found := found_in(text, names))} == {}
