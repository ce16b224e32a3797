"""Runs backfills, and days in shards, in processes of their own, several at a time, so that they can be killed and run into each other.

`Crew` (in the test's process) starts this file once as a program, which imports everything and then forks a
child for each. There is no Prefect in them: surveys, leases, commits and publishing are the product's own.
"""

import faulthandler
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg  # noqa: F401  imported here so that no child has to

from models.backfill import select_failed
from models.errors import BreakevenError
from models.settings import Settings
from models.tokens import load_encoding
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine
from tests.integration.backfill.harness import ask_for, backfill
from tests.integration.pipeline.harness import CACHE, WORKLOAD

PROJECT = Path(__file__).resolve().parents[2]
PARTITIONS_FAILED = 1
DEFECT = 70


@dataclass(frozen=True)
class Work:
    """One backfill of the days from `first` to `last`. `calls` gets a line for each request to the engine.

    `shards`: run the first day in so many shards instead; `shard`: take part in it, with this shard first; `rerun`: though it is published.
    """

    settings: dict[str, Any]
    source: str
    first: str
    last: str
    calls: str
    log: str
    delay: float
    shards: int | None = None
    shard: int | None = None
    rerun: bool = False

    @classmethod
    def of(cls, settings: Settings, source: Path, days: list[date], folder: Path, delay: float) -> "Work":
        """Describe a backfill over these settings; its log and its calls lie in `folder`."""
        values = settings.model_dump(mode="json") | {"database_url": settings.database_url.get_secret_value()}
        names = (str(source), str(min(days)), str(max(days)), str(folder / "calls"), str(folder / "log"))
        return cls(values, *names, delay)


class Crew:
    """Starts backfills and asks how they ended."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.pids: list[int] = []
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.crew"],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def wait_until_ready(self) -> None:
        """Wait until everything is imported."""
        self._ask({"ready": True})

    def start(self, work: Work) -> int:
        """Start a backfill; return its process id."""
        pid = int(self._ask({"start": asdict(work)}))
        self.pids.append(pid)
        return pid

    def ended(self, pid: int) -> int | None:
        """Return the exit code of a backfill, negative for the signal that killed it; None while it runs."""
        answer = self._ask({"ended": pid})
        if answer == "no":
            return None
        self.pids.remove(pid)
        return int(answer)

    @staticmethod
    def signal(pid: int, number: signal.Signals) -> None:
        """Send a signal to a backfill, unless it has just ended."""
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def show_stacks(self) -> None:
        """Have every backfill that is at work write into its log where each of its threads is."""
        for pid in self.pids:
            self.signal(pid, signal.SIGUSR1)
        time.sleep(1.0)

    def stop_all(self) -> None:
        """Kill every backfill that is still at work."""
        for pid in list(self.pids):
            self.signal(pid, signal.SIGKILL)
            while self.ended(pid) is None:
                time.sleep(0.01)

    def close(self) -> None:
        """End the program."""
        self.stop_all()
        self._process.communicate()

    def _ask(self, question: dict[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self.log.read_text(encoding="utf-8")
        return line.decode().strip()


def work_on(work: Work) -> int:
    """Do one piece of work; return the exit code that the command would."""
    settings = Settings.model_validate(work.settings)
    days = [date.fromisoformat(work.first), date.fromisoformat(work.last)]

    def load(_: Settings | None = None) -> ScriptedEngine:
        return ScriptedEngine(delay=work.delay, calls=Path(work.calls))

    try:
        if work.shards is not None or work.shard is not None:
            wanted = RunRequest(WORKLOAD, days[0], work.source, rerun=work.rerun)
            with shared_engine(settings, load):
                run_request(replace(wanted, shards=work.shards, shard=work.shard), settings)
            return 0
        outcomes = backfill(ask_for(Path(work.source), days), settings, load)
    except BreakevenError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    for one in select_failed(outcomes):
        sys.stderr.write(f"failed: {one.partition} {one.error}\n")
    return PARTITIONS_FAILED if select_failed(outcomes) else 0


def child(work: Work) -> None:
    """Be the process of one backfill. Never returns."""
    log = os.open(work.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(0)
    faulthandler.register(signal.SIGUSR1)
    code = DEFECT
    try:
        code = work_on(work)
    except BaseException:  # noqa: BLE001  a defect: the parent sees the code, the log says what
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def ended(pid: int) -> str:
    """Say how a child ended."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return "no" if found == 0 else str(os.waitstatus_to_exitcode(status))


def main() -> None:
    """Answer each line of standard input."""
    load_encoding("gpt-4o-mini", CACHE)
    for line in sys.stdin:
        question = json.loads(line)
        if "ready" in question:
            answer = "yes"
        elif "start" in question:
            pid = os.fork()
            if pid == 0:
                child(Work(**question["start"]))
            answer = str(pid)
        else:
            answer = ended(question["ended"])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
