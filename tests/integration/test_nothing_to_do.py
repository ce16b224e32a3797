"""Commands that have nothing to do say so before anything heavy is imported or started; the rest is done without Prefect too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import prefect.settings
import pytest

from flows.environment import prefect_api_is_set
from tests.integration.pipeline.books import table
from tests.integration.pipeline.harness import (
    CACHE,
    DAY,
    WORKLOAD,
    good_rows,
    run,
    settings_for,
    write_records,
)
from tests.ledgers import new_sqlite

PROJECT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """Give the environment without settings of Prefect's or ours, and with these."""
    ours = ("PREFECT_", "BREAKEVEN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PYTHONPATH": str(PROJECT), "BREAKEVEN_CACHE_DIR": str(CACHE)} | more


def test_nothing_to_do_is_said_without_prefect_or_an_engine(tmp_path: Path) -> None:
    """Published, unchanged, without records, published as it would be again, nothing waiting: the words and codes of a run.

    Neither Prefect nor vLLM, torch or openai is imported, and no program is started but the driver's that names the GPU.
    """
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    rows: list[object] = [
        row | {"timestamp": f"{DAY}T08:00:00Z"} for row in good_rows(4) if isinstance(row, dict)
    ]
    source = write_records(tmp_path / "in.jsonl", rows)
    assert run(settings, source).state == "completed"
    one = ["run", WORKLOAD, "--input", str(source), "--date"]
    many = ["backfill", WORKLOAD, "--input", str(source), "--from", str(DAY), "--to", str(DAY)]
    commands = {
        (*one, str(DAY)): "is published already; nothing was done (--refresh adds what is new",
        (*one, str(DAY), "--refresh"): "is published already; nothing was done (its input is unchanged)",
        (*one, "2026-11-02"): "the input has no record for this day",
        tuple(many): "nothing is to be done",
        (*many, "--quote"): "nothing is to be done",
        ("collect",): "nothing waits",
    }
    env = environment(
        BREAKEVEN_DATABASE_URL=settings.database_url.get_secret_value(),
        BREAKEVEN_OUTPUT_DIR=str(settings.output_dir),
        BREAKEVEN_GPU_USD_PER_HOUR="1.006",
    )
    before = table(settings, "runs")
    command = [sys.executable, "-m", "tests.integration.nothing_to_do", str(tmp_path / "found.json")]
    done = subprocess.run(
        command,
        input=json.dumps(list(commands)),
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["codes"] == [0] * len(commands), done.stderr
    assert found["imported"] == []
    assert [name for name in found["started"] if name != "nvidia-smi"] == []
    words = list(commands.values())
    assert [done.stderr.count(said) for said in words] == [words.count(said) for said in words], done.stderr
    assert table(settings, "runs") == before
    assert not (tmp_path / ".breakeven").exists()


def test_other_settings_are_no_reason_to_do_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A limit, another input and another model are asked about another time: published with other settings, exit code 2."""
    import cli  # noqa: PLC0415  as the other tests of the command do

    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    source = write_records(tmp_path / "in.jsonl", good_rows(4))
    other = write_records(tmp_path / "other.jsonl", good_rows(3))
    run(settings, source)
    one = ("run", WORKLOAD, "--date", str(DAY), "--input")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.setenv("BREAKEVEN_DATABASE_URL", settings.database_url.get_secret_value())
        patch.setenv("BREAKEVEN_OUTPUT_DIR", str(settings.output_dir))
        patch.setenv("BREAKEVEN_CACHE_DIR", str(CACHE))
        patch.setenv("BREAKEVEN_GPU_USD_PER_HOUR", "1.006")
        for model, arguments in (
            (None, (*one, str(source), "--limit", "2")),
            (None, (*one, str(other))),
            ("tests/other", (*one, str(source))),
        ):
            if model is not None:
                patch.setenv("BREAKEVEN_MODEL", model)
            with pytest.raises(SystemExit) as end:
                cli.main(arguments)
            assert end.value.code == 2
            assert "published with other settings" in capfd.readouterr().err


FILES = {
    ".env": "PREFECT_API_URL=http://127.0.0.1:4200/api\n",
    "prefect.toml": '[api]\nurl = "http://127.0.0.1:4200/api"\n',
    "pyproject.toml": '[tool.prefect.api]\nurl = "http://127.0.0.1:4200/api"\n',
    "home/profiles.toml": 'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "http://127.0.0.1:4200/api"\n',
}


@pytest.mark.parametrize("name", [*FILES, "none"])
def test_a_prefect_api_is_found_wherever_prefect_looks(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the files of the working folder and in a profile; without any, Prefect is not asked."""
    asked: list[prefect.settings.Settings] = []

    def read() -> prefect.settings.Settings:
        asked.append(prefect.settings.Settings())
        return asked[-1]

    file = tmp_path / name
    if name in FILES:
        file.parent.mkdir(exist_ok=True)
        file.write_text(FILES[name], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for variable in [one for one in os.environ if one.startswith("PREFECT_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(prefect.settings, "get_current_settings", read)
    assert prefect_api_is_set() == (name in FILES)
    assert len(asked) == (name in FILES)


def test_a_prefect_api_in_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable that Prefect documents."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert prefect_api_is_set()
