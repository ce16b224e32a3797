"""What a run came to, as a row of a table, and how far it is, as a line."""

from collections.abc import Mapping
from decimal import Decimal

from models.backfill import PartitionOutcome
from models.economics.pricing import nano_to_usd
from models.errors import hide_secrets, one_line
from models.run import Progress, RunResult

UNKNOWN = "unknown"


def exact_usd(nano: int | None) -> str:
    """Render integer nano-dollars as exact decimal dollars; None, an unknown amount, as `unknown`."""
    return UNKNOWN if nano is None else format(nano_to_usd(nano), "f")


def cost_row(result: RunResult) -> dict[str, str]:
    """Render one run as a row of a cost table. A run that did no work has no cost and no counts.

    What it is and what it cost come first: Prefect's page shows the leftmost columns of a wide table.
    """
    worked = result.state in {"completed", "waiting"}
    row = {"workload": result.workload, "partition": result.partition.isoformat(), "state": result.state}
    figures = {
        "cost USD": exact_usd(result.cost_nano),
        "of which API": exact_usd(result.api_cost_nano),
        "counterfactual USD": exact_usd(result.counterfactual_nano),
        "records": str(result.records),
        "published": str(result.published),
        "quarantined": str(result.quarantined),
        "set aside for": describe_counts(result.reasons),
        "reused": str(result.reused),
        "carried": str(result.carried),
        "by API": str(result.escalated),
        "waiting": describe_counts(result.waiting),
        "input tokens": str(result.input_tokens),
        "cached tokens": str(result.cached_tokens),
        "output tokens": str(result.output_tokens),
        "GPU seconds": format(Decimal(result.gpu_ns).scaleb(-9), ".3f"),
    }
    row |= figures if worked else dict.fromkeys(figures, "")
    return row | {"output": result.output or ""}


def outcome_row(outcome: PartitionOutcome) -> dict[str, str]:
    """Render how one partition of a backfill ended."""
    result = outcome.result or RunResult(outcome.workload, outcome.partition, "skipped")
    row = cost_row(result) | {"state": outcome.state}
    return row if outcome.error is None else row | {"output": outcome.error}


def describe_counts(waiting: Mapping[str, int]) -> str:
    """Say how many records wait for what: `12 budget, 3 batch`; empty where none does."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(waiting.items()))


def describe_progress(progress: Progress) -> str:
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
    said = ", ".join(word for word in words if word)
    return one_line(hide_secrets(f"{progress.workload} {progress.partition}: {said}{more}"))


def percent(progress: Progress) -> float:
    """Per cent done, 0 while the total is unknown; a run without work is done."""
    if progress.total is None:
        return 0.0
    return 100.0 if progress.total == 0 else min(100.0, 100.0 * progress.done / progress.total)
