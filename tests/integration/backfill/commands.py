"""Starts the `breakeven` command with the scripted engine, as a user would, but without waiting for Python's imports each time.

`Commands` (in the test's process) starts this file once as a program, which imports everything and then forks a
child for each command: a process like any other, that has its own environment, working folder, output and signals.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cli
import commands.terminal  # imported here so that no child has to
from commands.quiet_libraries import QUIET, quiet_libraries
from flows.environment import read_settings
from models.ids import new_id
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import ScriptedEngine

__all__ = ["Command", "Commands", "commands"]

PROJECT = Path(__file__).resolve().parents[3]
DEFECT = 70
POLL_SECONDS = 0.02


@dataclass
class Command:
    """A command at work, or its end."""

    host: "Commands"
    pid: int
    output: Path
    code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for the signal that killed it; None while it runs."""
        if self.code is None:
            self.code = self.host.ask({"ended": self.pid})
        return self.code

    def stop(self) -> None:
        """Ask it to end, as `kill` and an orchestrator do."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float = 240.0) -> tuple[str, str]:
        """Wait for its end; return what it wrote on standard output and standard error."""
        deadline = time.monotonic() + seconds
        while self.poll() is None:
            assert time.monotonic() < deadline, self.written()
            time.sleep(POLL_SECONDS)
        return self.written()

    def written(self) -> tuple[str, str]:
        """Return what it wrote so far on standard output and standard error."""
        out, errors = (self.output.with_suffix(end).read_text(encoding="utf-8") for end in (".out", ".err"))
        return out, errors


class Commands:
    """Starts commands, several at once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._log = folder, folder / "log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.backfill.commands"],
                cwd=PROJECT,
                env=os.environ | QUIET,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def start(
        self, arguments: Sequence[str], env: dict[str, str], cwd: Path, calls: Path, delay: float
    ) -> Command:
        """Start one in a folder; its engine notes in `calls` what it is asked, and takes `delay` seconds for each."""
        output = self._folder / new_id().hex
        for end in (".out", ".err"):
            output.with_suffix(end).touch()
        job = {"arguments": list(arguments), "env": env, "cwd": str(cwd), "output": str(output)}
        pid = self.ask({"start": job | {"calls": str(calls), "delay": delay}})
        assert pid is not None
        return Command(self, pid, output)

    def close(self) -> None:
        """End the program."""
        self._process.communicate()

    def ask(self, question: dict[str, object]) -> int | None:
        """Ask the program for a new child's id, or for the exit code of one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._log.read_text(encoding="utf-8")
        answer: int | None = json.loads(line)
        return answer


def child(
    *, arguments: list[str], env: dict[str, str], cwd: str, output: str, calls: str, delay: float
) -> None:
    """Be the process of one command. Never returns: it ends as any program does, with what is to be done at exit."""
    for number, name in ((0, os.devnull), (1, f"{output}.out"), (2, f"{output}.err")):
        file = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    quiet_libraries()
    with shared_engine(read_settings(), lambda _: ScriptedEngine(delay=delay, calls=Path(calls))):
        cli.main(arguments)
    sys.exit(DEFECT)


def ended(pid: int) -> int | None:
    """Return the exit code of a child; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return None if found == 0 else os.waitstatus_to_exitcode(status)


def main() -> None:
    """Answer each line of standard input."""
    import transformers.models.auto  # noqa: F401, PLC0415  it brings torch, which every quote needs

    for line in sys.stdin:
        question = json.loads(line)
        if "start" in question:
            answer: int | None = os.fork()
            if answer == 0:
                child(**question["start"])
        else:
            answer = ended(question["ended"])
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
