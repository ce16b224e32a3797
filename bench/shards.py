"""One partition in shards on a real Prefect server, with 1, 2, 4 process workers: `python -m bench.shards`.

Wall time from asking for the run until it has ended, with the start of every process in it; what each flow run answered; whether the
published file is the one of a run that is not cut, and what `breakeven ledger check` finds. The engine pauses for each record, so that
processors are not what is short; `--engine model` takes the local engine instead, one in each worker.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import inf
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from pydantic import SecretStr
from sqlalchemy import select

from bench.prefect_server import AUTH_STRING, prefect_server
from bench.report import Finding, Row, publish
from bench.shards_flow import PAUSE, load
from bench.texts import write_messages
from db.tables import RunRow
from flows.deploy import POOL, ensure_pool
from models.settings import Settings
from tasks.ledger.check import check
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.ledger_access import ledger_reader, reading_ledger
from tasks.runtime.shared_engine import load_engine, shared_engine
from tasks.workers.pools import list_online

ROOT = Path(__file__).resolve().parents[1]
DAY = date(2026, 1, 1)
WORKLOAD = "sentiment"
ENTRYPOINTS = {"paused": f"bench.shards_flow:{WORKLOAD}", "model": f"flows.workloads:{WORKLOAD}"}


@dataclass(frozen=True)
class Bench:
    """What all passes have in common."""

    folder: Path
    source: Path
    engine: str
    shards: int
    pause_ms: float

    def settings(self, name: str) -> Settings:
        """Return the settings of a pass, with a ledger and an output folder of its own."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return Settings(
            database_url=SecretStr(f"sqlite:///{folder / 'ledger.db'}"),
            output_dir=folder / "out",
            cache_dir=Path(os.environ.get("BREAKEVEN_CACHE_DIR", str(ROOT / ".cache"))),
        )

    def whole(self) -> pl.DataFrame:
        """Answer the partition in this process, without shards or pauses, and return what is published."""
        settings = self.settings("whole")
        factory = load_engine if self.engine == "model" else lambda _: load()
        with shared_engine(settings, factory):
            run_request(RunRequest(WORKLOAD, DAY, str(self.source)), settings)
        return published(settings)

    def measure(self, workers: int, whole: pl.DataFrame) -> Row:
        """Answer the partition with so many workers, on a server of their own."""
        settings = self.settings(str(workers))
        with site(self, settings, workers) as client:
            deployment = deploy(client, self.engine, workers)
            while len(list_online(client, POOL)) < workers:
                time.sleep(0.5)
            given = {"partition": str(DAY), "input": str(self.source), "shards": self.shards}
            at, before = datetime.now(UTC), time.perf_counter()
            asked = client.create_flow_run_from_deployment(deployment, parameters=given)
            while not ((state := client.read_flow_run(asked.id).state) and state.is_final()):
                time.sleep(0.2)
            seconds = time.perf_counter() - before
            if not state.is_completed():
                logs = "".join(log.read_text()[-3000:] for log in (self.folder / str(workers)).glob("w*.log"))
                msg = f"{state.message}\n{logs}"
                raise RuntimeError(msg)
        with ledger_reader(settings) as reader:
            findings = check(settings, reader, lambda *_: None).findings
        return {
            "workers": workers,
            "seconds": seconds,
            **describe(settings, at),
            "same file": published(settings).equals(whole),
            "ledger findings": len(findings),
        }


def describe(settings: Settings, asked: datetime) -> Row:
    """Say what each flow run answered, and when: seconds after the whole run was asked for."""
    with reading_ledger(settings) as session:
        columns = (RunRow.flow_run_id, RunRow.shard, RunRow.records, RunRow.started_at, RunRow.ended_at)
        runs = session.execute(select(*columns).where(RunRow.shard.is_not(None))).all()

    def after(moment: datetime) -> float:
        return (moment - asked).total_seconds()

    answered: Counter[str] = Counter()
    begun: dict[str, float] = {}
    for run in runs:
        answered[run.flow_run_id] += run.records
        begun[run.flow_run_id] = min(begun.get(run.flow_run_id, inf), after(run.started_at))
    return {
        "answered": " ".join(f"{answered[one]:,}" for one in sorted(begun, key=begun.__getitem__)),
        "begun at": " ".join(f"{at:.1f}" for at in sorted(begun.values())),
        "shards done at": max(after(run.ended_at) for run in runs),
    }


def published(settings: Settings) -> pl.DataFrame:
    """Read what is published."""
    path = settings.output_dir / WORKLOAD / f"date={DAY}" / "records.parquet"
    return pl.read_parquet(path, hive_partitioning=False)


def deploy(client: SyncPrefectClient, engine: str, workers: int) -> UUID:
    """Make the pool and the deployment; return its id."""
    ensure_pool(client, POOL, workers)
    flow = client.create_flow_from_name(WORKLOAD)
    pull: list[dict[str, Any]] = [{"flows.environment.enter_project": {}}]
    return client.create_deployment(
        flow, WORKLOAD, work_pool_name=POOL, entrypoint=ENTRYPOINTS[engine], pull_steps=pull
    )


@contextmanager
def site(bench: Bench, settings: Settings, workers: int) -> Iterator[SyncPrefectClient]:
    """Run a server and so many workers, all on the loopback address, inside the block."""
    folder = bench.folder / str(workers)
    with ExitStack() as stack:
        server = stack.enter_context(prefect_server("ours"))
        env = server | _ours(bench, settings, workers)
        changed = {PREFECT_API_URL: server["PREFECT_API_URL"], PREFECT_API_AUTH_STRING: AUTH_STRING}
        stack.enter_context(temporary_settings(changed))
        client = stack.enter_context(get_client(sync_client=True))
        deploy(client, bench.engine, workers)
        for number in range(1, workers + 1):
            log = stack.enter_context((folder / f"w{number}.log").open("wb"))
            command = [sys.executable, "-m", "flows.watched_worker", "--pool", POOL, "--name", f"w{number}"]
            worker = subprocess.Popen(
                [*command, "--limit", "1"], cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT
            )
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
        yield client


def _ours(bench: Bench, settings: Settings, workers: int) -> dict[str, str]:
    return {
        "PYTHONPATH": str(ROOT),
        "BREAKEVEN_DATABASE_URL": settings.database_url.get_secret_value(),
        "BREAKEVEN_OUTPUT_DIR": str(settings.output_dir),
        "BREAKEVEN_CACHE_DIR": str(settings.cache_dir),
        "BREAKEVEN_GPU_WORKERS": str(workers),
        PAUSE: str(bench.pause_ms),
    }


def main() -> None:
    """Measure each number of workers and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--pause-ms", type=float, default=2.5, help="of the engine, for each record")
    parser.add_argument("--engine", choices=list(ENTRYPOINTS), default="paused")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="breakeven-bench-") as name:
        folder = Path(name)
        source = folder / "in.parquet"
        write_messages(source, given.records)
        bench = Bench(folder, source, given.engine, given.shards, given.pause_ms)
        whole = bench.whole()
        for workers in given.workers:
            row = dict(bench.measure(workers, whole))
            rows.append(row)
            row["of linear"] = rows[0]["seconds"] * rows[0]["workers"] / (row["seconds"] * workers)
            print(row, flush=True)
    notes = [
        "seconds: from asking for the run until it has ended, with the start of all processes but the workers in it.",
        "begun at: when each flow run had its first shard, seconds after asking; shards done at: the last one.",
        "of linear: (seconds x workers) of the first line / the same of this one. answered: records of each flow run.",
    ]
    publish(Finding("shards", "One partition in shards, by workers", rows, vars(given), notes))


if __name__ == "__main__":
    main()
