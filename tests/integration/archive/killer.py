"""Archives in a process of its own that kills itself at a step that is asked for.

The test starts this file once as a program; that imports everything and then forks a child for each line that it
reads. The child dies by a real SIGKILL just before its so many-th step: a frame that is written, a file that is
compared, synced, renamed, hashed or removed, a commit, or what follows a commit.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg  # noqa: F401  imported here so that no child has to
from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session

from models.ledger.archiving import ArchiveFileLimits
from models.settings import Settings
from tasks.ledger import archive
from tasks.runtime import atomic_files
from tests.integration.archive.old_ledger import TODAY

PROJECT = Path(__file__).resolve().parents[3]
KILLED = -signal.SIGKILL
ONE_RUN_A_FILE = ArchiveFileLimits(lines=1, runs=1)


class Killer:
    """Starts children, one at a time."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.archive.killer"],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def archive(self, settings: Settings, months: int, *, files: int, dies_at: int) -> int:
        """Archive the first files in a child that dies at a step; return its exit code, negative for a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        values = settings.model_dump(mode="json") | {"database_url": settings.database_url.get_secret_value()}
        job = {"settings": values, "months": months, "files": files, "dies_at": dies_at}
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self.log.read_text(encoding="utf-8")
        return int(line)

    def close(self) -> None:
        """End the program."""
        self._process.communicate()


def die_at(count: int) -> None:
    """Kill this process just before its `count`-th step."""
    left = count

    def step(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  whatever it takes
            step()
            return function(*arguments, **options)

        return wrapped

    for module, name in (
        (archive, "_frame"),
        (archive, "_compare"),
        (archive, "file_digest"),
        (atomic_files, "sync"),
    ):
        setattr(module, name, before(getattr(module, name)))
    Path.replace = before(Path.replace)  # type: ignore[method-assign]
    Path.unlink = before(Path.unlink)  # type: ignore[method-assign]
    event.listen(Session, "after_commit", step)

    def committing(_: Connection) -> None:
        step()

    event.listen(Engine, "commit", committing)


def child(job: dict[str, Any]) -> None:
    """Be one process. Never returns."""
    code = 70
    try:
        die_at(job["dies_at"])
        settings = Settings.model_validate(job["settings"])
        planned = archive.plan(settings, job["months"], TODAY, ONE_RUN_A_FILE)
        archive.archive(settings, planned[: job["files"]], settings.archive_dir, lambda _: None)
        code = 0
    except BaseException:  # noqa: BLE001  a defect: the parent sees the code, the log says what
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Fork a child for each line of standard input, and write its exit code when it ended."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
