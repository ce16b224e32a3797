"""A forecast by what the ledger knows, on both databases: measured speed, loads, answers, and rates as entered."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy.orm import Session, sessionmaker

import cli
from db import infrastructure, ledger, partitions, reference, runs
from db.session import make_engine, migrate, sessions
from models.economics.owning import EnteredTerms, Labour
from models.economics.pricing import NANO
from models.gpu_time import GpuTime
from models.settings import Settings
from models.tokens import counter_of
from models.workloads import build
from tasks.forecast import own_machine
from tasks.planning.adapter_in_force import use_adapter
from tests.adapters_in_force import put_adapter_in_force
from tests.integration.db.ledger_lines import DAY, MACHINE, Keys, line, seed

SECOND = 10**9


@pytest.fixture
def make_session(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sessionmaker[Session]]:
    """Return sessions of a ledger; the settings name a model that is called small, as in the ledger."""
    engine = make_engine(database_url)
    migrate(engine)
    monkeypatch.setenv("BREAKEVEN_DATABASE_URL", database_url)
    monkeypatch.setenv("BREAKEVEN_MODEL", "small")
    monkeypatch.setattr(own_machine, "gpu_name", lambda: None)
    yield sessions(engine)
    engine.dispose()


def add_run(session: Session, keys: Keys, day: date, time: GpuTime, **changes: Any) -> None:  # noqa: ANN401 - fields of the run
    """Add a completed run of ten records with 1,000 uncached input tokens and 200 output tokens each."""
    version = partitions.open_version(session, "sentiment", day, "f", rerun=False)
    new = runs.NewRun(version.id, "sentiment", day, "vllm", keys.local, keys.prompt, keys.machine)
    run = runs.start(session, replace(new, **changes))
    tokens = {"input_tokens": 1400, "cached_tokens": 400, "output_tokens": 200}
    lines = [line(keys, f"r{place}", run_id=run, **tokens) for place in range(10)]
    ledger.insert_lines(session, lines)
    runs.add(session, run, time, runs.Increments(records=10))
    runs.finish(session, run, "completed")


def forecast(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """Return the document of a forecast."""
    with pytest.raises(SystemExit) as end:
        cli.main(("forecast", *map(str, arguments), "--from", "2027-01", "--format", "json"))
    output = capsys.readouterr()
    assert not end.value.code, output.err
    found: dict[str, Any] = json.loads(output.out)
    return found


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Two prompts of 1,000 tokens each as requests."""
    path = tmp_path / "p.parquet"
    pl.DataFrame({"text": [" hello" * 993] * 2}).write_parquet(path)
    return path


def test_speed_and_loads_are_those_of_earlier_runs(
    make_session: sessionmaker[Session], capsys: pytest.CaptureFixture[str], prompts: Path
) -> None:
    """Runs of 10 s for 10 records like these: a record takes 1 s and 0.1 s between steps; a load takes 100 s.

    The runs had a prefix in the cache that these prompts do not have.
    """
    with make_session.begin() as session:
        keys = seed(session)
        for place in range(3):
            load = 100 * SECOND if place == 0 else 0
            time = GpuTime(load, 10 * SECOND, SECOND)
            add_run(session, keys, DAY + timedelta(days=1 + place), time)
    found = forecast(capsys, "--input", prompts, "--daily", 60, "--output-tokens", 200, "--gpu", "A10G")
    assert found["own"]["model"] == "small"
    assert found["workloads"][0]["speed_basis"] == "measured in 2 earlier runs"  # warm ones
    assert found["own"]["load_basis"] == "measured in 1 earlier run"
    assert found["own"]["load_seconds"] == pytest.approx(100, abs=0.1)
    hours = found["workloads"][0]["gpu_hours"]
    assert hours == pytest.approx(365 * (60 * 1.1 + 100) / 3600, rel=0.001)
    expected = Decimal(hours) * Decimal("1.006") + 12 * 200
    assert Decimal(found["totals"]["on_demand_usd"]) == pytest.approx(expected, rel=Decimal("0.0001"))


def test_a_workload_is_told_by_its_own_runs(
    make_session: sessionmaker[Session], capsys: pytest.CaptureFixture[str], prompts: Path
) -> None:
    """Its prompt's runs count, on this machine without a GPU; the answers have the length that they had."""
    settings = Settings()
    fingerprint = build("sentiment", settings).fingerprint
    here = own_machine.choose_machine(settings, "cpu", None, []).kind
    with make_session.begin() as session:
        keys = seed(session)
        prompt = reference.ensure_prompt(session, "sentiment", "9", fingerprint)
        machine = reference.ensure_infrastructure(session, replace(MACHINE, kind=here))
        add_run(session, keys, DAY + timedelta(days=1), GpuTime(0, 99 * SECOND, 0))
        add_run(
            session,
            keys,
            DAY + timedelta(days=2),
            GpuTime(0, 20 * SECOND, 0),
            prompt_id=prompt,
            infrastructure_id=machine,
        )
    found = forecast(capsys, "--input", prompts, "--daily", 60, "--workload", "sentiment")
    assert found["own"]["machine"] == here
    assert found["own"]["machine_chosen"].startswith("earlier runs were on it")
    assert found["workloads"][0]["speed_basis"] == "measured in 1 earlier run"
    assert found["workloads"][0]["output_basis"] == "mean of 1 run"
    assert found["workloads"][0]["output_tokens_mean"] == 4
    plain = forecast(
        capsys, "--input", prompts, "--daily", 60, "--local-model", "Llama 3.1 8B", "--output-tokens", 5
    )
    assert plain["own"]["machine"] == "A10G"
    assert plain["workloads"][0]["speed_basis"].startswith("estimated: ")


def test_an_adapter_in_force_is_forecast_by_its_runs_and_its_prompt(
    make_session: sessionmaker[Session],
    capsys: pytest.CaptureFixture[str],
    prompts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The own model reads less of each record than the API does, by the prompt that it is spared; one that is asked for by name does not."""
    monkeypatch.setenv("BREAKEVEN_OUTPUT_DIR", str(tmp_path / "out"))
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__ADAPTER_PROMPT", "Mood?")
    settings = Settings()
    model = put_adapter_in_force(settings, "sentiment")
    built = build("sentiment", use_adapter(settings, "sentiment"))
    with make_session.begin() as session:
        keys = seed(session)
        local = reference.ensure_model(session, "vllm", f"small+{model.name}")
        prompt = reference.ensure_prompt(session, "sentiment", "1", built.fingerprint)
        add_run(
            session,
            replace(keys, local=local),
            DAY + timedelta(days=1),
            GpuTime(0, 10 * SECOND, 0),
            prompt_id=prompt,
        )
    asked = ("--input", prompts, "--daily", 60, "--workload", "sentiment", "--output-tokens", 200)
    found = forecast(capsys, *asked, "--gpu", "A10G")
    assert found["own"]["model"] == f"small+{model.name}"
    assert found["workloads"][0]["speed_basis"] == "measured in 1 earlier run"
    counter = counter_of(settings.api_model, settings.cache_dir)
    full, own = (counter.input_tokens(of("")) for of in (built.messages, built.local_messages))
    assert full - own > 50
    each = (
        found["workloads"][0]["input_tokens_mean"] - full + own - 400
    ) / 2000 + 200 / 400  # as the run was: 0.5 and 2.5 ms
    assert found["workloads"][0]["gpu_hours"] == pytest.approx(365 * (60 * each + 180) / 3600, rel=0.001)
    other = forecast(capsys, *asked, "--local-model", "Llama 3.1 8B")
    assert other["own"]["model"] == "Llama 3.1 8B"
    assert other["workloads"][0]["input_tokens_mean"] == found["workloads"][0]["input_tokens_mean"]


def test_rates_and_peoples_time_as_entered(
    make_session: sessionmaker[Session], capsys: pytest.CaptureFixture[str], prompts: Path
) -> None:
    """What was entered wins over the catalogue and the settings; a machine of another kind is not meant."""
    with make_session.begin() as session:
        keys = seed(session)
        add_run(session, keys, DAY + timedelta(days=1), GpuTime(0, 10 * SECOND, 0))
        terms = [
            EnteredTerms("A10G", "reserved", None, 300 * NANO, 1, 1, date(2025, 1, 1), None),
            EnteredTerms("A10G", "on_demand", NANO // 2, None, 3600, 1, date(2026, 1, 1), None),
            EnteredTerms("H100", "reserved", None, 999 * NANO, 1, 1, date(2026, 1, 1), None),
        ]
        for entry in terms:
            infrastructure.add(session, entry)
        infrastructure.add(session, Labour(date(2026, 1, 1), 60, 0, 50 * NANO))
    found = forecast(capsys, "--input", prompts, "--daily", 60, "--output-tokens", 200)
    assert found["months"][0]["reserved_usd"] == "350.000000000"
    assert found["months"][0]["on_demand_usd"] == f"{50 + Decimal('15.5'):.9f}"  # an hour a day, $0.50
    assert found["setup_usd"] == "0.000000000"


def test_an_own_rate_counts_for_ones_own_machine_alone(
    make_session: sessionmaker[Session],
    capsys: pytest.CaptureFixture[str],
    prompts: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """BREAKEVEN_GPU_USD_PER_HOUR prices the GPU that is here or that the settings name, no other that is asked for."""
    del make_session
    monkeypatch.setenv("BREAKEVEN_MODEL", "meta-llama/Llama-3.1-8B-Instruct")
    monkeypatch.setenv("BREAKEVEN_GPU_USD_PER_HOUR", "0.25")
    arguments = ("--input", prompts, "--daily", 60, "--output-tokens", 200)
    for kind, here in (("L4", None), (None, "NVIDIA L4")):
        monkeypatch.setattr(own_machine, "gpu_name", lambda here=here: here)
        if kind is None:
            monkeypatch.delenv("BREAKEVEN_GPU_KIND")
        else:
            monkeypatch.setenv("BREAKEVEN_GPU_KIND", kind)
        found = forecast(capsys, *arguments)["own"]
        assert (found["machine"], found["rates"][0]["usd_per_hour"]) == ("L4", "0.250000000")
        other = forecast(capsys, *arguments, "--gpu", "A10G")["own"]
        assert (other["machine"], other["rates"][0]["usd_per_hour"]) == ("A10G", "1.006000000")


def test_the_ledger_is_left_as_it_was(
    make_session: sessionmaker[Session], capsys: pytest.CaptureFixture[str], prompts: Path
) -> None:
    """A model that no run and no catalogue knows is one line; nothing was written."""
    with make_session.begin() as session:
        seed(session)
    with pytest.raises(SystemExit) as end:
        cli.main(("forecast", "--input", str(prompts), "--daily", "5"))
    assert end.value.code == 2
    assert "nothing tells how fast small is on A10G" in capsys.readouterr().err
