"""SIGKILL during an evaluation, and a line that breaks: nothing is paid for again, and what it finds is kept once."""

from pathlib import Path
from random import Random

from db import evaluations
from models.evaluation.figures import Evaluation
from models.settings import Settings
from tasks.evaluation.run import store
from tests.evaluation_json import from_json
from tests.evaluations import usual
from tests.faulty_api import FaultyApi
from tests.integration.evaluation.evaluating import labelled, settings_of, write_labelled
from tests.integration.hybrid.harness import api_lines, check_seen
from tests.integration.hybrid.test_kill import kill_again_and_again
from tests.integration.pipeline.books import check_sums, findings, ledger, table
from tests.integration.pipeline.runner import Job, Runner
from tests.integration.pipeline.test_failing_commits import breaking

RECORDS = 120
KILLS = 5


def found(settings: Settings) -> Evaluation:
    """Return the one evaluation that was kept."""
    with ledger(settings) as session:
        kept = evaluations.newest(session, "sentiment")
    assert kept is not None
    return from_json(kept.figures)


def test_a_killed_evaluation_goes_on(tmp_path: Path, database_url: str, runner: Runner) -> None:
    """However often it is killed: each request has its line, each answer is asked for once, the scores are those of a quiet one."""
    source = write_labelled(tmp_path, labelled(RECORDS, api_wrong=7))
    random = Random(3)
    with FaultyApi(latency=0.04) as api:
        settings = settings_of(
            tmp_path, database_url, api.url, commit_records=10, commit_seconds=0.2, api_concurrency=4
        )
        job = Job.of(settings, source, delay=0.002, evaluate=True)
        kills = kill_again_and_again(runner, job, api, random, KILLS, range(5, 20))
        check_seen(settings, api.seen)
        quiet = settings_of(tmp_path / "quiet", f"sqlite:///{tmp_path / 'quiet.db'}", api.url)
        assert runner.start(Job.of(quiet, source, evaluate=True)).wait() == 0
    assert kills >= 3
    check_sums(settings)
    assert findings(settings) == []
    assert {run.state for run in table(settings, "runs")} == {"completed", "interrupted"}
    served = [line.record_key for line in api_lines(settings) if line.outcome == "ok"]
    assert len(served) == len(set(served)) == RECORDS
    mine, theirs = found(settings), found(quiet)
    assert mine.comparisons == theirs.comparisons
    assert [arm.scores for arm in mine.arms] == [arm.scores for arm in theirs.arms]
    assert not list(settings.output_dir.rglob("records-*.parquet"))


def test_an_evaluation_is_stored_once(tmp_path: Path, database_url: str) -> None:
    """The line breaks right after the commit, which is tried again."""
    settings = settings_of(tmp_path, database_url, "http://localhost:1")
    with breaking(1) as lines:
        store(usual(), settings)
    assert lines.broken == 1
    assert len(table(settings, "evaluations")) == 1
    assert found(settings) == usual()
