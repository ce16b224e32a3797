"""Submits request files, each in a process of its own that tests can kill at any step.

Reads lines of JSON, `[url, file, note, settle seconds]`, and forks a process for each, so that the
libraries are imported once. It writes the process's id, and when that has ended a line with the provider's
batch id, empty if it was killed. `note` is a file that stands for the ledger: the uploaded file's id is
kept there, durably, and read by the next process.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from models.engines.batch.client import BatchClient
from models.engines.batch.files import PREFIX
from tests.batch_requests import api_options

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def submit(url: str, file: str, note: str, settle_seconds: float) -> str:
    """Submit a file, remembering the uploaded one's id; return the batch's id."""
    path, ledger = Path(file), Path(note)

    def uploaded(file_id: str) -> None:
        temporary = ledger.with_suffix(".tmp")
        with temporary.open("w") as out:
            out.write(file_id)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(ledger)

    with BatchClient(api_options(url), settle_seconds=settle_seconds) as client:
        batch = client.submit(
            UUID(path.stem.removeprefix(PREFIX)),
            path,
            since=SINCE,
            known_file_id=ledger.read_text() if ledger.exists() else None,
            uploaded=uploaded,
        )
    return batch.id


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writing, submit(*json.loads(line)).encode())
            os._exit(0)
        os.close(writing)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        with os.fdopen(reading) as said:
            sys.stdout.write(f"{said.read()}\n")
        os.waitpid(pid, 0)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
