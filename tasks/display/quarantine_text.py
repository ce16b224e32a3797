"""Which records runs set aside, for which reasons, and where they are: a line a run."""

from collections.abc import Iterable
from pathlib import Path

from models.engines.api.chat_format import MORE_ROOM
from models.records import AGAIN, QUARANTINE
from models.run import RunResult
from tasks.display.run_rows import describe_counts


def quarantine_lines(results: Iterable[RunResult]) -> list[str]:
    """Say for each run that set records aside how many, for which reasons, and where they are."""
    lines = []
    for result in results:
        if not result.reasons:
            continue
        where = "their rows are written when the partition is published"
        if result.output is not None and result.state == "completed":
            where = f"field and rule of each are in {Path(result.output).with_name(QUARANTINE)}"
        if "reasoning_limit" in result.reasons:
            where = f"{where}; reasoning used up the tokens of some: {MORE_ROOM}"
        again = sum(count for reason, count in result.reasons.items() if reason in AGAIN)
        if again and result.state == "completed":
            command = f"breakeven run {result.workload} --date {result.partition} --retry-quarantined"
            where = f"{where}; `{command}` asks again for {again} of them"
        count = sum(result.reasons.values())
        lines.append(
            f"{result.workload} {result.partition}: {count} record{'s' * (count != 1)} set aside"
            f" ({describe_counts(result.reasons)}); {where}"
        )
    return lines
