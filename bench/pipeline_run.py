"""One run of the whole pipeline with an instant engine, in a process of its own: prints its figures.

`python -m bench.pipeline_run WORKLOAD INPUT FOLDER [refresh]` reads INPUT and writes below FOLDER.
"""

import json
import os
import sys
import time
from datetime import date
from pathlib import Path

from pydantic import SecretStr

from bench.instant import InstantEngine
from models.run import RunResult
from models.settings import Settings
from tasks.planning.open_run import OpenRun
from tasks.planning.request import RunRequest
from tasks.planning.start_run import prepare
from tasks.run.closing import close_on_failure
from tasks.run.infer import infer
from tasks.run.publish import publish
from tasks.run.scratch import open_scratch
from tasks.runtime.leased_ledger import hold_lease
from tasks.runtime.shared_engine import shared_engine

DAY = date(2026, 1, 1)


def run(workload: str, source: Path, folder: Path, *, refresh: bool = False) -> dict[str, float]:
    """Read, infer, commit and publish one partition; return records and seconds by stage.

    The tasks' own functions are called, without Prefect's bookkeeping: four calls to its server are no
    part of what a record costs.
    """
    settings = Settings(
        database_url=SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
        output_dir=folder / "out",
        cache_dir=Path(os.environ.get("BREAKEVEN_CACHE_DIR", ".cache")),
    )
    before, cpu_before = time.perf_counter(), time.process_time()
    plan = prepare(RunRequest(workload, DAY, str(source), refresh=refresh), settings)
    prepared, cpu_prepared = time.perf_counter(), time.process_time()
    result, inferred = infer_and_publish(plan, settings)
    after, cpu_after = time.perf_counter(), time.process_time()
    return {
        "records": result.published,
        "carried": result.carried,
        "prepare_s": prepared - before,
        "infer_s": inferred - prepared,
        "publish_s": after - inferred,
        "wall_s": after - before,
        "cpu_s": cpu_after - cpu_before,
        "records_cpu_s": cpu_after - cpu_prepared,
        "peak_mb": peak_resident_mb(),
    }


def infer_and_publish(plan: OpenRun | RunResult, settings: Settings) -> tuple[RunResult, float]:
    """Do what `run_request` does with an open run; return the result and when inference ended."""
    if isinstance(plan, RunResult):
        raise TypeError(plan)

    engine = shared_engine(settings, lambda _: InstantEngine())
    with close_on_failure(plan), engine as shared:
        with hold_lease(plan.version.ledger) as lost, open_scratch(plan) as scratch:
            found = infer(plan, scratch, shared, lost)
        inferred = time.perf_counter()
        return publish(plan, found), inferred


def peak_resident_mb() -> float:
    """Return this process's own peak resident memory (its parent's does not count), in 10^6 bytes."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    msg = "the kernel tells no peak memory of a process"
    raise RuntimeError(msg)


def main() -> None:
    """Run once and print the figures as JSON."""
    workload, source, folder, *more = sys.argv[1:]
    print(json.dumps(run(workload, Path(source), Path(folder), refresh=more == ["refresh"])))


if __name__ == "__main__":
    main()
