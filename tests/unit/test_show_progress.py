"""A run that is at work says so: what it does before the first token, and rates without the load."""

import threading
from datetime import date

import pytest

from models.backfill import Meter, PartitionOutcome
from models.run import Progress, RunResult
from tasks.display.run_rows import describe_progress
from tasks.display.show_progress import ProgressLines
from tasks.display.working import show_working
from tasks.runtime.progress import listen
from tasks.runtime.run_progress import Counts, RunProgress

DAY = date(2026, 11, 23)
PATIENCE = 30.0


def test_a_line_says_what_is_done_before_the_first_token() -> None:
    """The load and the first prompts are named instead of tokens that are not there yet."""
    loading = Progress("sentiment", DAY, 0, 300, 0, 12.0, "loading the model tiny")
    assert (
        describe_progress(loading) == "sentiment 2026-11-23: loading the model tiny, 0 of 300 records, 12 s"
    )
    running = Progress("sentiment", DAY, 1_000, 3_000, 4_000, 60.0, "", 40.0)
    assert describe_progress(running) == (
        "sentiment 2026-11-23: 1,000 of 3,000 records, 4,000 output tokens, 100 a second, 60 s"
    )


@pytest.mark.parametrize(
    ("tokens", "computing_s", "rate"), [(0, 9.0, None), (90, 9.0, 10.0), (90, 0.0, None)]
)
def test_a_rate_does_not_count_the_load(tokens: int, computing_s: float, rate: float | None) -> None:
    """Tokens a second are those since an engine began to compute."""
    assert Progress("sentiment", DAY, 1, 3, tokens, 60.0, "", computing_s).tokens_per_s == rate


def test_a_run_tells_what_it_waits_for() -> None:
    """While the model loads, a run goes on telling of itself; then of the prompts in work; then nothing more."""
    told: list[Progress] = []
    twice = threading.Event()

    def hear(progress: Progress) -> None:
        told.append(progress)
        if len([one for one in told if "loading" in one.note]) > 1:
            twice.set()

    progress = RunProgress("sentiment", DAY, 8)
    with listen(hear), progress.report_while(lambda: Counts(0, 0, 5)):
        progress.note_loading("tiny")
        assert twice.wait(PATIENCE)  # the load blocks, and is told of again
        progress.note_computing("computing the first prompts")
        progress.note_answer()
        progress.report(force=True)
    notes = list(dict.fromkeys(one.note for one in told))
    assert notes == ["loading the model tiny", "computing the first prompts: 5 in work", ""]
    assert told[0].computing_s == 0


def test_lines_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each thing that is done, none twice within seconds, one for the end."""
    lines = ProgressLines()
    for done, tokens, note in ((0, 0, "loading"), (0, 0, "loading"), (0, 0, "first: 3 in work")):
        lines(Progress("sentiment", DAY, done, 2, tokens, 1.0, note))
    for done in (1, 1, 2, 2):
        lines(Progress("sentiment", DAY, done, 2, 10 * done, 1.0))
    said = [line.split(": ", 1)[1].split(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["loading", "first: 3 in work", "1 of 2 records", "2 of 2 records"]


def test_a_backfill_says_what_its_partition_does() -> None:
    """Before its first record it names the load, and afterwards counts neither rate nor time left from it."""
    meter = Meter(2, 100, None)
    meter.progress(Progress("sentiment", DAY, 0, 50, 0, 30.0, "loading the model tiny"))
    assert meter.overall(DAY, 30.0).note.startswith("loading the model tiny, 0 of 2 partitions")
    meter.ended(PartitionOutcome.of(RunResult("sentiment", DAY, "completed", records=50, output_tokens=100)))
    assert "10 output tokens/s, about 0:00:10 left" in meter.overall(DAY, 40.0).note


def test_a_silent_wait_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What takes long is named with its seconds again and again, and not after it is over."""
    monkeypatch.setattr("tasks.display.working.SECONDS_BETWEEN_LINES", 0.01)
    said = ""
    with show_working("reading the ledger"):
        while said.count("reading the ledger, 0 s\n") < 2:
            said += capsys.readouterr().err
    assert "reading" not in capsys.readouterr().err.removeprefix("reading the ledger, 0 s\n")
