"""Runs partitions in processes of their own, so that a test can kill them.

`Runner` (in the test's process) starts this file once as a program; that imports everything, which takes
seconds, and then forks a child for each job. The child is a process like any other: it dies by real signals,
and its pid is in its lease.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psycopg  # noqa: F401  imported here so that no child has to
from sqlalchemy import Connection, event
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from models.errors import BreakevenError
from models.requests import Request
from models.settings import Settings
from models.tokens import load_encoding
from tasks.api import batch_submit
from tasks.evaluation.run import EvaluationRequest, evaluate
from tasks.run.run_partition import collect_partition
from tasks.runtime.shared_engine import load_engine
from tests.fakes import Handler, Reply, ScriptedEngine, plausible, unsure
from tests.integration.pipeline.harness import CACHE, DAY, WORKLOAD, run
from tests.live_folder import paths_below

PROJECT = Path(__file__).resolve().parents[3]
BEFORE_THE_GATE = 30
"""How many texts an engine answers whose gate is shut: enough for a commit, not for all of a shard."""


@dataclass(frozen=True)
class Job:
    """One run of the partition. `calls` gets a line for each request that reaches the engine.

    `collect`: take up what waits instead, waiting `settle_seconds` for what may be under way at a provider.
    `shards`: cut the partition; `shard`: take part in one that is cut. `evaluate`: evaluate the workload on the labelled records in `source` instead, with this `adapter`. `unsure`: the scripted engine is unsure of texts that hold this word. `real`: the vLLM engine instead of the scripted one. `dies_at_commit`: SIGKILL just before (or, with `after`, just after) so many transactions committed. `gate`: the scripted engine answers `BEFORE_THE_GATE` texts, and more once there is this file.
    """

    settings: dict[str, Any]
    source: str
    calls: str
    log: str
    delay: float = 0.0
    load_seconds: float = 0.0
    size: int = 16
    dies_at_commit: int | None = None
    after: bool = False
    real: bool = False
    unsure: str | None = None
    collect: bool = False
    settle_seconds: float = 0.5
    refresh: bool = False
    evaluate: bool = False
    adapter: str | None = None
    shards: int | None = None
    shard: int | None = None
    gate: str | None = None

    @classmethod
    def of(cls, settings: Settings, source: Path, **more: Any) -> Self:  # noqa: ANN401  the other fields
        """Make a job over these settings; its log and its calls lie beside the output folder."""
        values = settings.model_dump(mode="json") | {"database_url": settings.database_url.get_secret_value()}
        if settings.api_key is not None:
            values["api_key"] = settings.api_key.get_secret_value()
        settings.output_dir.parent.mkdir(parents=True, exist_ok=True)
        calls, log = settings.output_dir.with_name("calls"), settings.output_dir.with_name("log")
        calls.touch()
        log.touch()
        return cls(values, str(source), str(calls), str(log), **more)

    def wait_for_parts(self, child: "Child", count: int) -> None:
        """Wait until the child has written so many part files."""
        parts = Path(self.settings["output_dir"]) / ".parts"
        while sum(path.suffix == ".parquet" for path, _ in paths_below(parts)) < count:
            assert child.alive, Path(self.log).read_text(encoding="utf-8")
            time.sleep(0.005)

    def called(self) -> list[str]:
        """Return the keys of the records that reached the engine so far, over all its processes."""
        return Path(self.calls).read_text(encoding="utf-8").split()


class Child:
    """A running job."""

    def __init__(self, runner: "Runner", pid: int) -> None:
        self._runner = runner
        self.pid = pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return Path(f"/proc/{self.pid}").exists()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal, unless the process has just ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Return the exit code, negative for the signal that killed it."""
        return self._runner.read()


class Runner:
    """Starts jobs, one at a time."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.pipeline.runner"],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def start(self, job: Job) -> Child:
        """Start a job; wait for its end before the next one."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        self._process.stdin.flush()
        return Child(self, self.read())

    def read(self) -> int:
        """Read the next number that the program writes."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log.read_text(encoding="utf-8")
        return int(line)

    def close(self) -> None:
        """End the program."""
        self._process.communicate()


def die_at_commit(count: int, *, after: bool) -> None:
    """Kill this process at the commit of its `count`-th transaction that writes."""
    left = count

    def note(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if after:
        event.listen(Session, "after_commit", note)
    else:

        def before(_: Connection) -> None:
            note()

        event.listen(Database, "commit", before)


def gated(handler: Handler, gate: Path) -> Handler:
    """Make a handler that waits for a file once it has answered `BEFORE_THE_GATE` times."""
    answered = 0

    def answer(request: Request) -> Reply:
        nonlocal answered
        answered += 1
        while answered > BEFORE_THE_GATE and not gate.exists():
            time.sleep(0.01)
        return handler(request)

    return answer


def work(job: Job) -> int:
    """Run one job to its end; return the exit code that `breakeven run` would."""
    if job.dies_at_commit is not None:
        die_at_commit(job.dies_at_commit, after=job.after)

    def load(_: Settings) -> ScriptedEngine:
        sys.stderr.write("loading\n")
        sys.stderr.flush()
        handler = plausible if job.unsure is None else unsure(job.unsure)
        return ScriptedEngine(
            handler=handler if job.gate is None else gated(handler, Path(job.gate)),
            delay=job.delay,
            load_seconds=job.load_seconds,
            size=job.size,
            calls=Path(job.calls),
        )

    batch_submit.settle_seconds = job.settle_seconds
    try:
        settings, engine = Settings.model_validate(job.settings), load_engine if job.real else load
        if job.collect:
            collect_partition(WORKLOAD, DAY, settings=settings)
        elif job.evaluate:
            adapter = None if job.adapter is None else Path(job.adapter)
            evaluate(
                EvaluationRequest(WORKLOAD, job.source, adapter=adapter), settings, today=DAY, factory=engine
            )
        else:
            options = {name: getattr(job, name) for name in ("refresh", "shards", "shard")}
            run(settings, Path(job.source), engine, **options)
    except BreakevenError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def child(job: Job) -> None:
    """Be the process of one job. Never returns."""
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(0)
    code = 70
    try:
        code = work(job)
    except BaseException:  # noqa: BLE001  a defect: the parent sees the code, the log says what
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Fork a child for each line of standard input; write its pid, and its exit code when it ended."""
    load_encoding("gpt-4o-mini", CACHE)
    for line in sys.stdin:
        job = Job(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            child(job)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
