"""The result of a run in a few lines: records, tokens, cost; parts that are zero are left out."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from models.backfill import PartitionOutcome
from models.run import RunResult
from tasks.display.run_rows import describe_counts, outcome_row
from tasks.documents.amounts import hours, times, unit_usd

SPARE = (
    *(
        "workload",
        "set aside for",
        "cached tokens",
        "reused",
        "carried",
        "of which API",
        "GPU seconds",
        "input tokens",
    ),
    *("output tokens", "quarantined", "by API", "waiting", "output", "published"),
)
"""What the table of a backfill can miss where it would be too wide, the first to go first."""


def result_lines(result: RunResult) -> list[str]:
    """Return the lines that say what a run did, which tokens it took, and what it cost against the API."""
    lines = [f"{result.workload} {result.partition}: {result.state}, {_records(result)}"]
    if result.input_tokens or result.output_tokens:
        cached = f" ({result.cached_tokens:,} of them cached)" if result.cached_tokens else ""
        lines.append(f"tokens: {result.input_tokens:,} in{cached}, {result.output_tokens:,} out")
    lines.append(f"cost: {_cost(result)}")
    return lines


def outcome_table(outcomes: Sequence[PartitionOutcome]) -> tuple[list[dict[str, str]], list[str]]:
    """Return the rows of a backfill's table and its columns: those in which some partition has a figure."""
    rows = [outcome_row(outcome) for outcome in outcomes]
    columns = [name for name in rows[0] if name != "workload" and any(_said(row, name) for row in rows)]
    return rows, columns


def _said(row: Mapping[str, str], name: str) -> bool:
    return row[name] not in {"", "0", "0.000"}


def _records(result: RunResult) -> str:
    parts = {
        "published": result.published,
        "quarantined": result.quarantined,
        "escalated to the API": result.escalated,
        "reused from identical records": result.reused,
        "carried over unchanged": result.carried,
    }
    shown = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count)
    waiting = (
        f"{': ' if not shown else ', '}waiting: {describe_counts(result.waiting)}" if result.waiting else ""
    )
    noun = "record" if result.records == 1 else "records"
    return f"{result.records:,} {noun}{f': {shown}' if shown else ''}{waiting}"


def _cost(result: RunResult) -> str:
    api = f" ({unit_usd(result.api_cost_nano)} of it for the API)" if result.api_cost_nano else ""
    time = f" for {hours(result.gpu_ns)} of the engine" if result.gpu_ns else ""
    return f"{unit_usd(result.cost_nano)}{api}{time}; {_against_api(result)}"


def _against_api(result: RunResult) -> str:
    """Say what the API alone would have cost, and how many times that this was."""
    ours, theirs = result.cost_nano, result.counterfactual_nano
    words = f"the API alone would have cost {unit_usd(theirs) if theirs is not None else 'an unknown amount'}"
    return f"{words}: this is {times(Fraction(ours, theirs))} of that" if ours and theirs else words
