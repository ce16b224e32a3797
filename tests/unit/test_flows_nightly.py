"""What a night runs, and what it makes of failures."""

import signal
from datetime import date

import pytest

from flows.nightly import choose_workloads
from models.errors import BreakevenError, InputError, Interrupted, UsageError
from models.run import RunResult
from models.settings import Settings, WorkloadSettings
from tasks.run.each_partition import failure_line, failure_row, run_each

DAY = date(2026, 11, 1)
KNOWN = ["classification", "enrichment", "sentiment"]


def settings(**workloads: WorkloadSettings) -> Settings:
    """Build settings with only these workloads configured."""
    return Settings(workloads=workloads)


def result(workload: str, partition: date) -> RunResult:
    """Build a completed run."""
    return RunResult(workload, partition, "completed", records=3)


def test_default_is_every_workload_with_an_input_or_a_query() -> None:
    """A workload that has only column names set has nothing to read, so it is left out."""
    ready = settings(
        sentiment=WorkloadSettings(input="in.jsonl"),
        enrichment=WorkloadSettings(query="select 1"),
        classification=WorkloadSettings(id_column="key"),
    )
    assert choose_workloads(ready, None, KNOWN) == ["enrichment", "sentiment"]


def test_workloads_that_are_asked_for_are_run_in_that_order() -> None:
    """The order of the parameter is kept; an input may then come from elsewhere."""
    assert choose_workloads(settings(), ["sentiment", "enrichment"], KNOWN) == ["sentiment", "enrichment"]


def test_nothing_configured_is_an_error_that_says_what_to_set() -> None:
    """A night without any workload must not look like a success."""
    with pytest.raises(UsageError, match="BREAKEVEN_WORKLOADS__<NAME>__INPUT"):
        choose_workloads(settings(), None, KNOWN)


@pytest.mark.parametrize("asked", [["sentimnt"], None])
def test_an_unknown_workload_is_an_error(asked: list[str] | None) -> None:
    """A typing mistake in the parameter or in the settings is found before anything runs."""
    with pytest.raises(UsageError, match="unknown workload 'sentimnt'; did you mean sentiment"):
        choose_workloads(settings(sentimnt=WorkloadSettings(input="in.jsonl")), asked, KNOWN)


def test_one_failure_does_not_stop_the_others() -> None:
    """Expected and unexpected failures are both collected, and every other job still runs."""
    failures: dict[str, Exception] = {"b": InputError("no such file"), "c": ZeroDivisionError("bug")}

    def run_one(workload: str, partition: date) -> RunResult | Exception:
        return failures.get(workload) or result(workload, partition)

    results, failed = run_each([(name, DAY) for name in "abcd"], run_one)
    assert [run.workload for run in results] == ["a", "d"]
    assert failed == {("b", DAY): failures["b"], ("c", DAY): failures["c"]}


def test_a_stop_request_ends_the_night() -> None:
    """After a SIGTERM no further workload is begun."""
    ran: list[str] = []

    def run_one(workload: str, _partition: date) -> RunResult | Exception:
        ran.append(workload)
        return Interrupted("stopped", signal.SIGTERM)

    with pytest.raises(Interrupted):
        run_each([("a", DAY), ("b", DAY)], run_one)
    assert ran == ["a"]


def test_the_failure_names_what_failed_and_why() -> None:
    """The night's one line names each failed run; its table has a row for it."""
    error = BreakevenError("no such file")
    line = failure_line({("sentiment", DAY): error}, 3)
    assert line == "1 of 3 runs failed: sentiment 2026-11-01 (no such file)"
    named = BreakevenError("sentiment 2026-11-01: no such file")
    assert failure_line({("sentiment", DAY): named}, 3) == line
    row = failure_row(("sentiment", DAY), error)
    assert (row["workload"], row["state"], row["output"]) == ("sentiment", "failed", "no such file")
