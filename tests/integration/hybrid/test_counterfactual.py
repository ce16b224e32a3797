"""What the API reports in one run corrects what the next run estimates; both can be recomputed from the ledger."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db import calibration
from models.economics.calibration import TokenCalibration
from models.economics.pricing import cost_nano, price_on, prices_of
from models.requests import Usage
from models.settings import Settings
from tasks.backfill.quote import quote_partition
from tasks.ledger.calibration import show_calibrations
from tasks.planning.request import RunRequest
from tests.fakes import ScriptedEngine, unsure
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.harness import api_lines, hybrid_settings
from tests.integration.pipeline.books import check_books, ledger, table
from tests.integration.pipeline.harness import DAY, WORKLOAD, good_rows, run, write_records

TODAY = datetime.now(UTC).date()


def sums(settings: Settings) -> list[TokenCalibration]:
    """Return all that calibrates."""
    with ledger(settings) as session:
        return calibration.list_calibrations(session)


def local_usage(settings: Settings, run_id: object) -> list[Usage]:
    """Return the counterfactual tokens of a run's lines that the local engine served."""
    return [
        Usage(
            line.counterfactual_input_tokens,
            line.counterfactual_cached_tokens or 0,
            line.counterfactual_output_tokens,
            cache_write_tokens=line.counterfactual_cache_write_tokens or 0,
        )
        for line in sorted(table(settings, "ledger_lines"), key=lambda one: one.record_key)
        if line.run_id == run_id and line.engine == "vllm" and line.outcome == "ok"
    ]


def test_what_the_api_reports_corrects_the_next_run(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forty attempts calibrate: their sums are the server's own; a run before stands uncorrected, a run after by them."""
    few, many = (write_records(tmp_path / f"{n}.jsonl", good_rows(n)) for n in (20, 60))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        run(settings, few, ScriptedEngine(handler=unsure("number 1")))  # 11 of 20: too few
        run(settings, many, ScriptedEngine(handler=unsure("number")), rerun=True)  # all 60
        run(settings, few, ScriptedEngine(), rerun=True)
        run(settings, few, ScriptedEngine(), rerun=True)
        billed = [one.usage for one in api.seen if one.usage is not None]
    (known,) = sums(settings)
    assert known.lines == len(billed) == len(api_lines(settings)) == 71
    assert known.input_tokens == sum(int(str(one["prompt_tokens"])) for one in billed)
    assert known.output_tokens == sum(int(str(one["completion_tokens"])) for one in billed)
    assert known.cached_tokens == sum(line.cached_tokens for line in api_lines(settings)) > 0
    assert (known.since, known.until) == (TODAY, TODAY)
    first, second, third, fourth = table(settings, "runs")
    assert first.calibration is second.calibration is None
    assert TokenCalibration.from_json(third.calibration) == known
    assert third.calibration == fourth.calibration
    plain = local_usage(settings, first.id)
    assert {one.cached_tokens for one in plain} == {0}
    corrected = local_usage(settings, third.id)
    assert corrected == local_usage(settings, fourth.id)
    assert len(corrected) == 20
    assert known.input_ratio != 1
    assert all(one.cached_tokens > 0 for one in corrected)
    price = price_on(prices_of(settings), TODAY)
    for line in table(settings, "ledger_lines"):
        if line.run_id == third.id:
            usage = Usage(
                line.counterfactual_input_tokens,
                line.counterfactual_cached_tokens,
                line.counterfactual_output_tokens,
            )
            assert line.counterfactual_nano == cost_nano(price, usage)
    quoted = quote_partition(RunRequest(WORKLOAD, DAY, str(few), rerun=True, engine="openai"), settings)
    as_counted = Usage(quoted.api_input_tokens.value, 0, 0)
    usage = replace(known.apply(as_counted, 20), output_tokens=quoted.api_output_tokens, reasoning_tokens=0)
    assert quoted.api_nano == cost_nano(price, usage)
    check_books(settings)
    show_calibrations(settings, output_format="json")
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["workload"], shown["attempts"], shown["corrects"]) == (WORKLOAD, 71, True)
    assert shown["input_ratio"] == round(float(known.input_ratio), 4)


def test_the_basis_of_a_month_says_what_its_figures_stand_on(tmp_path: Path, database_url: str) -> None:
    """Reported, corrected and estimated attempts are told apart, with the direction in which the estimate errs."""
    source = write_records(tmp_path / "in.jsonl", good_rows(40))
    span = (TODAY, TODAY + timedelta(days=1))
    with FaultyApi() as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        run(settings, source, ScriptedEngine())
        with ledger(settings) as session:
            (basis,) = calibration.read_bases(session, *span)
        assert (basis.reported, basis.corrected, basis.estimated) == (0, 0, 40)
        assert "too low by the reasoning tokens" in basis.describe(reasons=True)
        assert "either way" in basis.describe(reasons=False)
        run(settings, source, ScriptedEngine(handler=unsure("number")), rerun=True)
        run(settings, source, ScriptedEngine(), rerun=True)
    with ledger(settings) as session:
        (basis,) = calibration.read_bases(session, *span)
        assert calibration.read_bases(session, DAY, DAY) == []
    assert (basis.workload, basis.reported, basis.corrected, basis.estimated) == (WORKLOAD, 40, 40, 40)
    assert basis.calibration is not None
    assert basis.calibration.lines == 40
    assert "40 of 120 attempts are estimated" in basis.describe(reasons=False)
