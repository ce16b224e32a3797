"""Forecasts, trials, evaluations, samples and checks over texts of megabytes: left out, not counted, not asked."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.errors import InputError
from tasks.runtime.shared_engine import shared_engine
from tasks.setup.input_check import check_inputs
from tasks.workload.trial import TrialRequest, plan_trial, run_trial, settings_of_trial
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.forecast_command import leave_alone, made
from tests.integration.evaluation.drawn_samples import draw, in_csv
from tests.integration.evaluation.evaluating import labelled, run_evaluation, settings_of, write_labelled
from tests.integration.evaluation.labelled_files import given, read, write_rows
from tests.integration.evaluation.labelled_files import settings_for as labelling_settings
from tests.integration.pipeline.harness import CACHE, DAY, WORKLOAD, published, quarantined, settings_for
from tests.integration.pipeline.long_texts import (
    GOOD,
    LONG,
    MARK,
    TEXTS,
    Seen,
    reading,
    rows_of,
    watch,
    write,
)
from tests.ledgers import new_sqlite

ROOT = Path(__file__).resolve().parents[3]
FILES = ["csv", "jsonl", "parquet"]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Note what is counted and asked."""
    return watch(monkeypatch)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("workload", [(), ("--workload", WORKLOAD)])
def test_a_forecast(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seen: Seen,
    kind: str,
    workload: tuple[str, ...],
) -> None:
    """Long prompts are left out of what is counted, of plain prompts and of a workload's input."""
    leave_alone(tmp_path, monkeypatch)
    path = write(tmp_path, kind, rows_of(TEXTS))
    (found,) = made(capsys, *workload, "--input", path, "--daily", 9, "--output-tokens", 5)["workloads"]
    assert (found["counted"], found["left_out"]) == (3, 2)
    seen.check()


@pytest.mark.parametrize("kind", FILES)
def test_a_trial(tmp_path: Path, seen: Seen, kind: str) -> None:
    """A record that is too long is shown with the reason, and without its text."""
    own = reading(
        settings_for(tmp_path, new_sqlite(tmp_path / "l.db")), write(tmp_path, kind, rows_of(TEXTS))
    )
    own = settings_of_trial(own, "vllm")
    with shared_engine(own, lambda _: ScriptedEngine(seen.answer)):
        trial = run_trial(plan_trial(TrialRequest(WORKLOAD), own), own)
    assert [one.key for one in trial.records if one.reason is None] == GOOD
    aside = [one for one in trial.records if one.reason is not None]
    assert all((one.reason or "").startswith("too_long: text must have at most 2,000,000") for one in aside)
    assert not any(MARK in one.text for one in trial.records)
    seen.check()


def test_a_check(tmp_path: Path, seen: Seen) -> None:
    """`doctor` says what a run would set aside, and why, and nothing of the text."""
    path = write(tmp_path, "jsonl", rows_of({str(number): LONG for number in range(20)}))
    own = reading(settings_for(tmp_path, new_sqlite(tmp_path / "l.db")), path)
    (found,) = check_inputs(own.model_copy(update={"max_quarantined_share": 0.2}))
    assert found.state == "warn"
    assert "20 of the first 20 records would be set aside" in found.advice
    assert "more than 2,000,000 characters" in found.advice
    assert MARK not in found.found + found.advice
    assert not seen.counted


@pytest.mark.parametrize("kind", FILES)
def test_a_sample(tmp_path: Path, kind: str) -> None:
    """A text that is too long is not among those that are drawn."""
    drawn = draw(tmp_path, write(tmp_path, kind, rows_of(TEXTS)), 10)
    assert drawn.written == len(GOOD)
    assert sorted(row["id"] for row in in_csv(drawn.path)) == GOOD


@pytest.mark.parametrize("name", ["labelled.csv", "labelled.jsonl", "labelled.parquet"])
def test_an_evaluation(tmp_path: Path, database_url: str, seen: Seen, name: str) -> None:
    """Labelled records that are too long are neither counted nor asked, of neither model, and the others are compared."""
    rows = [*labelled(12), {"id": "x", "text": f"{LONG} 1", "label": "positive"}]
    with FaultyApi() as api:
        settings = settings_of(tmp_path, database_url, api.url)
        found = run_evaluation(settings, write_labelled(tmp_path, rows, name))
    assert found.records == 12
    assert len(api.seen) == 12
    assert MARK not in "".join(json.dumps(one.body) for one in api.seen)
    assert MARK not in "".join(seen.counted)


@pytest.mark.parametrize("name", ["l.csv", "l.jsonl", "l.parquet"])
@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("x" * 1_000_000, r"does not know: 'x{60}\.\.\.' \(row 4 "),
        ("x" * 3_000_000, r"the right answer of row 4 \(id r4\) has more than 2,000,000 characters"),
        ("a|" * 1_000_001, "has more than 2,000,000 characters"),
        ("[" * 1_000_000, "is not a JSON list"),
        ("[" * 600 + "]" * 600, "is nested deeper than 100"),
        (" " * 3_000_000, "has more than 2,000,000 characters"),
    ],
    ids=["unknown", "long", "many", "endless", "deep", "blank"],
)
def test_a_label(tmp_path: Path, name: str, label: str, said: str) -> None:
    """A label of megabytes, or one without end, is one short line that names the row."""
    good = (("bad", "negative"), ("nice", "positive"), ("when?", "neutral"))
    path = write_rows(tmp_path / name, given(*good, ("hello", label)))
    many = {"kind": "labels", "prompt": "Which?", "labels": ["negative", "positive", "neutral", "a"]}
    with pytest.raises(InputError, match=said) as raised:
        read(path, labelling_settings(tmp_path, many=many), workload="many", column="label")
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("name", ["l.csv", "l.jsonl", "l.parquet"])
def test_a_reference_is_never_cut(tmp_path: Path, name: str) -> None:
    """A right text that is longer than a text may be is refused, rather than compared by its beginning."""
    path = write_rows(tmp_path / name, given(("one", "first"), ("two", "word " * 500)))
    free = {"kind": "text", "prompt": "Answer.", "max_text_chars": 2000}
    with pytest.raises(InputError, match=r"row 2 \(id r2\) has more than 2,000 characters"):
        read(path, labelling_settings(tmp_path, free=free), workload="free", column="label")


@pytest.mark.parametrize(
    "kind",
    ["parquet", pytest.param("csv", marks=pytest.mark.long), pytest.param("jsonl", marks=pytest.mark.long)],
)
def test_a_hundred_megabytes_in_little_memory(tmp_path: Path, kind: str) -> None:
    """A process of 3 GiB of addresses runs a day with a text of 100 MB."""
    path = write(tmp_path, kind, rows_of({"a": "one", "b": MARK + "x" * 100_000_000, "c": "two"}))
    settings = settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))
    (tmp_path / "calls").touch()
    environment: dict[str, Any] = {
        "BREAKEVEN_DATABASE_URL": settings.database_url.get_secret_value(),
        "BREAKEVEN_OUTPUT_DIR": str(settings.output_dir),
        "BREAKEVEN_CACHE_DIR": str(CACHE),
        "BREAKEVEN_MAX_QUARANTINED_SHARE": "1",
        "SCRIPTED_CALLS": str(tmp_path / "calls"),
        "SCRIPTED_DELAY": "0",
        "POLARS_MAX_THREADS": "2",
        "PATH": "/usr/bin:/bin",
    }
    command = [
        sys.executable,
        "-m",
        "tests.integration.pipeline.command",
        "run",
        WORKLOAD,
        "--input",
        str(path),
    ]
    done = subprocess.run(
        [*command, "--date", str(DAY)],
        env=environment,
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert published(settings)["record_key"].to_list() == ["a", "c"]
    assert quarantined(settings)["reason"].to_list() == ["too_long"]
    assert len((tmp_path / "calls").read_text().split()) == len(published(settings))
