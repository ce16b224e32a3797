"""One run of the whole pipeline with an instant engine, in a process of its own: prints its figures.

`python -m bench.pipeline_run WORKLOAD INPUT FOLDER [refresh|profile|N]` reads INPUT and writes below FOLDER; N: answers
the first of N shards, and publishes nothing.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path

from pydantic import SecretStr

from bench.instant import InstantEngine
from bench.stage_profile import Profile, StageProfile
from models.run import RunResult
from models.settings import Settings
from models.shards import Share
from tasks.planning.input_facts import read_facts
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


def run(
    workload: str,
    source: Path,
    folder: Path,
    *,
    refresh: bool = False,
    profile: StageProfile | None = None,
    shards: int = 1,
) -> dict[str, float]:
    """Read, infer, commit and publish one partition; return records and seconds by stage.

    The tasks' own functions are called, without Prefect's bookkeeping: four calls to its server are no
    part of what a record costs. Of a partition in shards the first one is answered, and nothing is published.
    """
    settings = Settings(
        database_url=SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
        output_dir=folder / "out",
        cache_dir=Path(os.environ.get("BREAKEVEN_CACHE_DIR", ".cache")),
    )
    before, cpu_before = time.perf_counter(), time.process_time()
    plan = prepare(RunRequest(workload, DAY, str(source), refresh=refresh), settings)
    if shards > 1 and isinstance(plan, OpenRun):
        plan = first_of(shards, plan)
    prepared, cpu_prepared = time.perf_counter(), time.process_time()
    with profile or nullcontext():
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
        "records_cpu_s": cpu_after - cpu_prepared - (0.0 if profile is None else profile.own),
        "peak_mb": peak_resident_mb(),
    }


def first_of(shards: int, plan: OpenRun) -> OpenRun:
    """Return a run that answers the first of so many shards of its partition."""
    given = plan.given()
    share = Share(1, shards)
    return replace(plan, input=replace(given, share=share, digest=read_facts(given.reader).digest))


def infer_and_publish(plan: OpenRun | RunResult, settings: Settings) -> tuple[RunResult, float]:
    """Do what `run_request` does with an open run; return the result and when inference ended."""
    if isinstance(plan, RunResult):
        raise TypeError(plan)

    engine = shared_engine(settings, lambda _: InstantEngine())
    with close_on_failure(plan), engine as shared:
        with hold_lease(plan.version.ledger) as lost, open_scratch(plan) as scratch:
            found = infer(plan, scratch, shared, lost)
        inferred = time.perf_counter()
        if plan.given().share is not None:
            totals, version = found.totals, plan.version
            return RunResult(
                version.workload, version.partition, "completed", published=totals.published
            ), inferred
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
    profile = StageProfile() if more == ["profile"] else None
    shards = int(more[0]) if more and more[0].isdigit() else 1
    figures: Mapping[str, float | Profile] = run(
        workload, Path(source), Path(folder), refresh=more == ["refresh"], profile=profile, shards=shards
    )
    print(json.dumps(figures if profile is None else {**figures, "profile": profile.found()}))


if __name__ == "__main__":
    main()
