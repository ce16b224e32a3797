"""Several partitions one after the other: whatever becomes of one, the others have their turn."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from models.engines.loads import Job
from models.errors import BreakevenError, Interrupted, PartitionLocked, defect
from models.run import RunResult


def collect_each(
    waiting: Iterable[Job],
    collect: Callable[[str, date], RunResult],
    locked: Callable[[str], None] = lambda _: None,
) -> tuple[list[RunResult], dict[Job, Exception]]:
    """Collect every partition, whatever became of the others; return the results and the failures.

    One that its own run is at work on is left to that; `locked` is told. Raises `Interrupted` when the
    collecting was asked to stop: then it stops as a whole.
    """
    results: list[RunResult] = []
    failures: dict[Job, Exception] = {}
    for job in waiting:
        try:
            results.append(collect(*job))
        except Interrupted:
            raise
        except PartitionLocked as error:
            locked(str(error))
        except BreakevenError as error:
            failures[job] = error
        except Exception as error:  # noqa: BLE001  one partition's defect is not the next one's failure
            failures[job] = BreakevenError(defect(error))
    return results, failures


def run_each(
    jobs: Iterable[Job], run_one: Callable[[str, date], RunResult | Exception]
) -> tuple[list[RunResult], dict[Job, Exception]]:
    """Run every job, whatever became of the others; return the results and the failures.

    `run_one` returns a failure instead of raising it. Raises `Interrupted` when a run was asked to
    stop: then the night stops as well.
    """
    results: list[RunResult] = []
    failures: dict[Job, Exception] = {}
    for job in jobs:
        outcome = run_one(*job)
        if isinstance(outcome, Interrupted):
            raise outcome
        if isinstance(outcome, Exception):
            failures[job] = outcome
        else:
            results.append(outcome)
    return results, failures


def failure_row(job: Job, error: Exception) -> dict[str, str]:
    """Render a failed run as a row of the night's table."""
    return {"workload": job[0], "partition": job[1].isoformat(), "state": "failed", "output": str(error)}


def failure_line(failures: Mapping[Job, Exception], jobs: int) -> str:
    """Say in one line which runs failed and why."""
    causes = (f"{job[0]} {job[1]} ({cause_of(job, str(error))})" for job, error in failures.items())
    return f"{len(failures)} of {jobs} runs failed: {'; '.join(causes)}"


def cause_of(job: Job, error: str) -> str:
    """Return what is wrong, without the run that it is said of: that is named once, and alike causes are told together."""
    return error.removeprefix(f"{job[0]} {job[1]}: ")
