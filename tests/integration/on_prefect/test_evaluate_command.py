"""`breakeven evaluate` and `ledger evaluations`: what they print and write, and one clear line for each mistake."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

import cli
from models.settings import Settings
from tasks.runtime.shared_engine import shared_engine
from tests.evaluation_json import from_json
from tests.fakes import ScriptedEngine
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.evaluating import labelled, right_unless, write_labelled
from tests.integration.on_prefect.site import Site, api_of
from tests.run_command import run_command as run

API = {
    "MODEL": "tests/scripted",
    "API_MODE": "sync",
    "API_KEY": "sk-evaluate",
    "API_MODEL": "test-model",
    "API_TOKENIZER": "gpt-4o-mini",
    "API_INPUT_USD_PER_MTOK": "0.15",
    "API_OUTPUT_USD_PER_MTOK": "0.60",
}


@pytest.fixture(scope="module")
def home(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Evaluate through the command once, with a scripted engine and a server as the API, in a folder of its own."""
    folder = tmp_path_factory.mktemp("home")
    write_labelled(folder, labelled(60, api_wrong=12))
    with FaultyApi() as api, pytest.MonkeyPatch.context() as patch, api_of(site):
        patch.chdir(folder)
        patch.setenv("PREFECT_API_URL", site.url)
        patch.setenv("BREAKEVEN_CACHE_DIR", str(Path(cli.__file__).parent / ".cache"))
        for name, value in (API | {"API_BASE_URL": api.url}).items():
            patch.setenv(f"BREAKEVEN_{name}", value)
        engine = ScriptedEngine(handler=right_unless(lambda number: number % 2 == 1))
        with shared_engine(Settings(), factory=lambda _settings: engine):
            assert run("evaluate", "sentiment", "--labels", "labelled.jsonl") == 0
            yield folder


def test_the_page_is_written_and_the_verdict_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page, JSON and Markdown lie in a folder; a second call finds all answers there and prints the same."""
    folder = home / "out" / "evaluations" / "sentiment"
    assert sorted(path.suffix for path in folder.iterdir()) == [".html", ".json", ".md"]
    assert run("evaluate", "sentiment", "--labels", "labelled.jsonl") == 0
    printed = capsys.readouterr().out
    assert "not good enough" in printed
    assert printed.splitlines()[-1].endswith(".html")
    assert run("evaluate", "sentiment", "--labels", "labelled.jsonl", "--format", "json") == 0
    found = from_json(capsys.readouterr().out)
    assert found.records == 60
    assert found.viability == "not_viable"


def test_the_ledger_lists_evaluations(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest first, with verdict, ratio and threshold; runs say what they were for."""
    assert home.exists()
    assert run("ledger", "evaluations", "--format", "json", "--limit", "1") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["workload"], row["viability"], row["records"]) == ("sentiment", "not_viable", 60)
    assert 0 < row["ratio_low"] < row["ratio"] < row["ratio_high"] < 0.9
    assert row["threshold"] is not None
    assert run("ledger", "evaluations", "--workload", "enrichment") == 0
    assert "no rows" in capsys.readouterr().out
    assert run("ledger", "summary", "--by", "purpose", "--format", "json") == 0
    sums = {row["purpose"]: row["records"] for row in json.loads(capsys.readouterr().out)}
    assert sums == {"evaluation_api": 60, "evaluation_small": 60}
    assert run("ledger", "runs", "--purpose", "evaluation_api", "--format", "json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_prefect_shows_the_verdict(home: Path) -> None:
    """The flow run has a Markdown artifact."""
    assert home.exists()
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=["evaluation-sentiment"]))
    with get_client(sync_client=True) as client:
        shown = client.read_artifacts(artifact_filter=wanted)
    assert shown
    assert "not good enough" in str(shown[0].data)


def test_a_sample_is_drawn_filled_in_and_evaluated(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file that is written goes, once labelled, straight into an evaluation."""
    unlabelled = [{"id": row["id"], "text": row["text"]} for row in labelled(30, start=200)]
    (home / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in unlabelled))
    assert run("evaluate", "sentiment", "--sample", "12", "--input", "in.jsonl", "--out", "todo.jsonl") == 0
    told = capsys.readouterr().err
    assert "12 records are in todo.jsonl: write the right label of each into the column label" in told
    assert "then: breakeven evaluate sentiment --labels todo.jsonl" in told
    rows = [json.loads(line) for line in (home / "todo.jsonl").read_text().splitlines()]
    right = {row["text"]: row["label"] for row in labelled(30, start=200)}
    filled = [row | {"label": right[row["text"]]} for row in rows]
    (home / "done.jsonl").write_text("".join(json.dumps(row) + "\n" for row in filled))
    assert run("evaluate", "sentiment", "--labels", "done.jsonl", "--format", "json") == 0
    assert from_json(capsys.readouterr().out).records == 12
    assert (
        run("evaluate", "sentiment", "--sample", "30", "--input", "in.jsonl", "--out", "more.csv")
        == run(
            *("evaluate", "sentiment", "--sample", "30", "--input", "in.jsonl"),
            *("--out", "rest.csv", "--without", "todo.jsonl"),
        )
        == 0
    )
    assert "only 18 distinct texts left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("no-such",), "unknown workload 'no-such'"),
        (("sentiment",), "no labelled records: give --labels FILE"),
        (("sentiment", "--labels", "none.csv"), "none.csv"),
        (("sentiment", "--labels", "labelled.jsonl", "--label-column", "truth"), "truth"),
        (("sentiment", "--labels", "labelled.jsonl", "--keep", "1.5"), "not at 1.5"),
        (("sentiment", "--labels", "labelled.jsonl", "--limit", "1"), "--limit 1 is too small"),
        (("sentiment", "--labels", "labelled.jsonl", "--adapter", "out"), "is no LoRA adapter"),
        (("sentiment", "--labels", "labelled.jsonl", "--input", "in.jsonl"), "are for --sample"),
        (("sentiment", "--sample", "5", "--labels", "labelled.jsonl"), "leave out --labels"),
        (
            ("sentiment", "--sample", "5", "--judge"),
            "leave out --labels, --adapter, --classifier, --rerun, --judge",
        ),
        (("sentiment", "--labels", "labelled.jsonl", "--judge"), "sentiment answers labels"),
        (("sentiment", "--sample", "5", "--input", "labelled.jsonl", "--from", "2026-01-01"), "both --from"),
        (("sentiment", "--sample", "5", "--input", "none.csv"), "none.csv"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else None,
)
def test_mistakes_get_one_line(
    home: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line that says what to do, and nothing is asked."""
    assert home.exists()
    assert run("evaluate", *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert says in error
