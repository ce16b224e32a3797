"""What collecting makes of partitions that fail, that are locked, and of a request to stop."""

import signal
from datetime import date

import pytest

from models.errors import ApiAccessError, Interrupted, PartitionLocked
from models.run import RunResult
from tasks.run.each_partition import collect_each

DAY = date(2026, 11, 1)
JOBS = [(name, DAY) for name in "abcd"]


class Collect:
    """Collects, or fails as it was told to."""

    def __init__(self, **failures: Exception) -> None:
        self.failures = failures
        self.asked: list[str] = []

    def __call__(self, workload: str, partition: date) -> RunResult:
        """Collect one partition."""
        self.asked.append(workload)
        if workload in self.failures:
            raise self.failures[workload]
        return RunResult(workload, partition, "completed")


def test_every_partition_is_collected_in_order() -> None:
    """In the order in which they came: the longest waiting first."""
    collect = Collect()
    results, failures = collect_each(JOBS, collect)
    assert [result.workload for result in results] == collect.asked == list("abcd")
    assert failures == {}


def test_one_failure_does_not_stop_the_next() -> None:
    """Neither an expected failure nor a defect, of which the kind is told and no text that it may quote."""
    refused = ApiAccessError("the key is refused")
    results, failures = collect_each(JOBS, Collect(a=refused, c=ValueError("the record says: my flight")))
    assert [result.workload for result in results] == ["b", "d"]
    assert failures[("a", DAY)] is refused
    assert str(failures[("c", DAY)]).startswith("ValueError")
    assert "flight" not in str(failures[("c", DAY)])


def test_what_its_own_run_is_at_work_on_is_left_to_that() -> None:
    """It is no failure, and is told."""
    told: list[str] = []
    results, failures = collect_each(JOBS, Collect(b=PartitionLocked("b is being run")), told.append)
    assert [result.workload for result in results] == ["a", "c", "d"]
    assert (failures, told) == ({}, ["b is being run"])


def test_a_stop_request_ends_the_round() -> None:
    """After a SIGTERM no further partition is begun."""
    collect = Collect(b=Interrupted("stopped", signal.SIGTERM))
    with pytest.raises(Interrupted):
        collect_each(JOBS, collect)
    assert collect.asked == ["a", "b"]
