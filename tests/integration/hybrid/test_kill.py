"""SIGKILL while requests to the API are in flight: every one that was seen has its line, every record ends (I1, I2)."""

import signal
import time
from collections import Counter
from pathlib import Path
from random import Random

from models.settings import Settings
from tests.faulty_api import FaultyApi, Rule
from tests.integration.hybrid.harness import KEY, api_lines, check_seen, hybrid_settings
from tests.integration.pipeline.books import check_books, check_sums, findings, table
from tests.integration.pipeline.harness import good_rows, published, write_records
from tests.integration.pipeline.runner import Child, Job, Runner

RECORDS = 300
KILLS = 12
KILLED = -9


def job_of(settings: Settings, source: Path) -> Job:
    """Make a job in which the local engine is unsure of half of the records."""
    return Job.of(settings, source, delay=0.001, unsure="unsure")


def kill_when_seen(api: FaultyApi, more: int, delay: float, child: Child) -> None:
    """Wait until the server has seen so many more requests, and a little longer."""
    wanted, deadline = len(api.seen) + more, time.monotonic() + 20
    while len(api.seen) < wanted and time.monotonic() < deadline and child.alive:
        time.sleep(0.002)
    time.sleep(delay)


def kill_again_and_again(
    runner: Runner, job: Job, api: FaultyApi, random: Random, most: int, requests: range
) -> int:
    """Kill a job `most` times, each time so many requests further on, and let it end; return how often it was killed."""
    kills, code = 0, KILLED
    while code == KILLED and kills < most:
        child = runner.start(job)
        kill_when_seen(api, random.choice(requests), random.uniform(0, 0.08), child)
        child.kill()
        code = child.wait()
        kills += code == KILLED
    if code == KILLED:
        code = runner.start(job).wait()
    assert code == 0, Path(job.log).read_text(encoding="utf-8")
    return kills


def test_killed_during_api_calls(tmp_path: Path, database_url: str, runner: Runner) -> None:
    """Killed a dozen times: no request without a line, no line twice, nobody left out, what was paid is counted."""
    random = Random(5)
    rows = good_rows(RECORDS, lambda number: f"{'unsure' if number % 2 else 'sure'} number {number}")
    source = write_records(tmp_path / "in.jsonl", rows)
    rules = [
        Rule(("429:0.05",), match="number 7"),
        Rule(("cut",), match="number 9"),
        Rule(("500",), match="1"),
    ]
    with FaultyApi(rules, latency=0.05) as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, commit_records=20, commit_seconds=0.2, api_breaker_failures=1000
        )
        kills = kill_again_and_again(runner, job_of(settings, source), api, random, KILLS, range(1, 12))
    assert kills >= 8
    assert published(settings).height == RECORDS
    check_books(settings)
    check_seen(settings, api.seen)
    unknown = [line for line in api_lines(settings) if line.outcome == "unknown_outcome"]
    assert unknown, "a kill left no request in flight: nothing was tried"
    assert all(line.cost_nano > 0 and line.estimated and line.input_tokens is None for line in unknown)


def test_killed_while_answers_are_held_back(tmp_path: Path, database_url: str, runner: Runner) -> None:
    """Five that do not fit wait for one that does: they are paid for on the ledger, set aside by nobody, and asked again."""
    source = write_records(tmp_path / "in.jsonl", good_rows(12, "unsure number {}".format))
    with FaultyApi([Rule((*("nonsense",) * 5, "hang"))]) as api:
        settings = hybrid_settings(
            tmp_path, database_url, api.url, commit_seconds=0.1, api_concurrency=1, api_timeout_seconds=60.0
        )
        child = runner.start(job_of(settings, source))
        kill_when_seen(api, 6, 1.0, child)
        child.kill()
        assert child.wait() == KILLED
        assert runner.start(job_of(settings, source)).wait() == 0
        check_seen(settings, api.seen)
    assert published(settings).height == 12
    assert Counter(line.outcome for line in api_lines(settings)) == {
        "invalid_output": 5,
        "unknown_outcome": 1,
        "ok": 12,
    }
    assert table(settings, "quarantined_counts") == []
    assert findings(settings) == []


def test_sigterm_commits_what_was_answered(tmp_path: Path, database_url: str, runner: Runner) -> None:
    """A polite stop waits a moment for answers that are paid for, and leaves no line open."""
    rows = good_rows(RECORDS, "unsure number {}".format)
    source = write_records(tmp_path / "in.jsonl", rows)
    with FaultyApi(latency=0.3) as api:
        settings = hybrid_settings(tmp_path, database_url, api.url)
        child = runner.start(job_of(settings, source))
        kill_when_seen(api, 20, 0.05, child)
        child.kill(signal.SIGTERM)
        assert child.wait() == 128 + signal.SIGTERM
        assert not [line for line in api_lines(settings) if line.outcome == "pending"]
        check_sums(settings)
        check_seen(settings, api.seen)
        assert runner.start(job_of(settings, source)).wait() == 0
    assert published(settings).height == RECORDS
    check_books(settings)
    check_seen(settings, api.seen)
    assert KEY not in Path(job_of(settings, source).log).read_text(encoding="utf-8")
