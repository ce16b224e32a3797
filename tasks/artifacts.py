"""Prefect artifacts: a run's progress while it works, its tokens and costs at the end."""

import contextvars
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
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

from models.backfill import Outcome
from models.run import Progress, RunResult
from tasks.progress import listening

UNKNOWN = "unknown"
SECONDS_BETWEEN_UPDATES = 2.0
SECONDS_TO_SAY_GOODBYE = 5.0

# RuntimeError is what the client raises when it was closed under a sender that is still at work.
_API_FAILURES = (httpx.HTTPError, PrefectException, RuntimeError)


def artifact_key(*words: str) -> str:
    """Join words to a stable artifact key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def dollars(nano: int | None) -> str:
    """Render integer nano-dollars as exact decimal dollars; None, an unknown amount, as `unknown`."""
    return UNKNOWN if nano is None else format(Decimal(nano).scaleb(-9), "f")


def cost_row(result: RunResult) -> dict[str, str]:
    """Render one run as a row of a cost table. A run that did no work has no cost and no counts."""
    worked = result.state in {"completed", "waiting"}
    row = {"workload": result.workload, "partition": result.partition.isoformat(), "state": result.state}
    figures = {
        "records": str(result.records),
        "published": str(result.published),
        "quarantined": str(result.quarantined),
        "reused": str(result.reused),
        "carried": str(result.carried),
        "by API": str(result.escalated),
        "waiting": described(result.waiting),
        "input tokens": str(result.input_tokens),
        "cached tokens": str(result.cached_tokens),
        "output tokens": str(result.output_tokens),
        "GPU seconds": format(Decimal(result.gpu_ns).scaleb(-9), ".3f"),
        "cost USD": dollars(result.cost_nano),
        "of which API": dollars(result.api_cost_nano),
        "counterfactual USD": dollars(result.counterfactual_nano),
    }
    row |= figures if worked else dict.fromkeys(figures, "")
    return row | {"output": result.output or ""}


def outcome_row(outcome: Outcome) -> dict[str, str]:
    """Render how one partition of a backfill ended."""
    result = outcome.result or RunResult(outcome.workload, outcome.partition, "skipped")
    row = cost_row(result) | {"state": outcome.state}
    return row if outcome.error is None else row | {"output": outcome.error}


def described(waiting: Mapping[str, int]) -> str:
    """Say how many records wait for what: `12 budget, 3 batch`; empty where none does."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(waiting.items()))


def publish_cost_table(key: str, rows: Sequence[dict[str, str]], description: str) -> None:
    """Show a cost table on the flow run. A failing artifact API is logged and never fails the run."""
    try:
        create_table_artifact(table=list(rows), key=key, description=description)
    except _API_FAILURES as error:
        get_run_logger().warning("cost table not shown in Prefect: %s", error)


def publish_markdown(key: str, markdown: str, description: str) -> None:
    """Show Markdown on the flow run. A failing artifact API is logged and never fails the run."""
    try:
        create_markdown_artifact(markdown=markdown, key=key, description=description)
    except _API_FAILURES as error:
        get_run_logger().warning("%s not shown in Prefect: %s", description, error)


def describe(progress: Progress) -> str:
    """Say in one line how far a run is, and before its first token what it is doing."""
    total = UNKNOWN if progress.total is None else f"{progress.total:,}"
    begun = progress.output_tokens or progress.done
    words = [
        "" if begun else progress.note,
        f"{progress.done:,} of {total} records",
        f"{progress.output_tokens:,} output tokens" if begun else "",
        "" if progress.tokens_per_s is None else f"{progress.tokens_per_s:,.0f} a second",
        f"{progress.elapsed_s:.0f} s",
    ]
    more = f"; {progress.note}" if progress.note and begun else ""
    return f"{progress.workload} {progress.partition}: {', '.join(word for word in words if word)}{more}"


def percent(progress: Progress) -> float:
    """Per cent done, 0 while the total is unknown; a run without work is done."""
    if progress.total is None:
        return 0.0
    return 100.0 if progress.total == 0 else min(100.0, 100.0 * progress.done / progress.total)


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
            self._send(percent(progress), describe(progress))
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
        with listening(offer):
            yield
    finally:
        sender.close()
        thread.join(SECONDS_TO_SAY_GOODBYE)
