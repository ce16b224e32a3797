"""Prefect artifacts: a run's progress while it works, its tokens and costs at the end."""

import contextvars
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from models.errors import visible
from models.run import Progress
from tasks.display.run_rows import describe_progress, percent
from tasks.documents.markdown import escape
from tasks.runtime.progress import listen

SECONDS_BETWEEN_UPDATES = 2.0
SECONDS_TO_SAY_GOODBYE = 5.0

# RuntimeError is what the client raises when it was closed under a sender that is still at work.
_API_FAILURES = (httpx.HTTPError, PrefectException, RuntimeError)


def artifact_key(*words: str) -> str:
    """Join words to a stable artifact key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def publish_cost_table(key: str, rows: Sequence[dict[str, str]], description: str) -> None:
    """Show a cost table on the flow run. A failing artifact API is logged and never fails the run."""
    try:
        shown = [{name: visible(cell) for name, cell in row.items()} for row in rows]
        create_table_artifact(table=shown, key=key, description=description)
    except _API_FAILURES as error:
        get_run_logger().warning("cost table not shown in Prefect: %s", error)


def publish_markdown(key: str, markdown: str, description: str) -> None:
    """Show Markdown on the flow run. A failing artifact API is logged and never fails the run."""
    try:
        create_markdown_artifact(markdown=markdown, key=key, description=description)
    except _API_FAILURES as error:
        get_run_logger().warning("%s not shown in Prefect: %s", description, error)


class ProgressSender:
    """Sends the latest progress to Prefect from a thread of its own.

    The engine must not wait for an API: `offer` only puts the progress down, and the thread picks
    up the latest one every `SECONDS_BETWEEN_UPDATES`, and once more at the end.
    """

    def __init__(self, key: str, every: float = SECONDS_BETWEEN_UPDATES) -> None:
        self._key = key
        self._every = every
        self._latest: Progress | None = None
        self._sent: Progress | None = None
        self._artifact: UUID | None = None
        self._closed = threading.Event()

    def offer(self, progress: Progress) -> None:
        """Make this the progress that is sent next."""
        self._latest = progress

    def run(self) -> None:
        """Send until `close`."""
        while not self._closed.wait(self._every):
            self._send_latest()
        self._send_latest()

    def close(self) -> None:
        """Let the thread send what is left and end."""
        self._closed.set()

    def _send_latest(self) -> None:
        progress = self._latest
        if progress is None or progress is self._sent:
            return
        try:
            self._send(percent(progress), escape(describe_progress(progress)))
        except _API_FAILURES as error:
            get_run_logger().warning("progress not shown in Prefect: %s", error)
        self._sent = progress

    def _send(self, done: float, description: str) -> None:
        if self._artifact is None:
            created = create_progress_artifact(done, key=self._key, description=description)
            self._artifact = created if isinstance(created, UUID) else None
        else:
            update_progress_artifact(self._artifact, done, description=description)


@contextmanager
def progress_artifact(key: str, only: str | None = None) -> Iterator[None]:
    """Show the progress that is reported inside the block as an artifact of the current flow run.

    `only`: that of one workload (or of a backfill, which reports under its own name).
    """
    sender = ProgressSender(key)

    def offer(progress: Progress) -> None:
        if only is None or progress.workload == only:
            sender.offer(progress)

    context = contextvars.copy_context()  # holds the flow run that the artifact belongs to
    thread = threading.Thread(target=context.run, args=(sender.run,), name="progress", daemon=True)
    thread.start()
    try:
        with listen(offer):
            yield
    finally:
        sender.close()
        thread.join(SECONDS_TO_SAY_GOODBYE)
