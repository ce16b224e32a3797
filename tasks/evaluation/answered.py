"""Whether the API's answers are there at all: an evaluation says nothing of a model that was not heard."""

from collections import Counter
from pathlib import Path

import polars as pl

from models.engines.api.chat_format import MORE_ROOM
from models.errors import BreakevenError, OutputError
from models.records import QUARANTINE
from tasks.display.run_rows import describe_counts
from tasks.storage.worth_retrying import worth_retrying

MOST_UNANSWERED = 0.5
"""Where more than half of the records got no answer for reasons of the settings, the rest is not what the model is like."""

_ADVICE = {
    "reasoning_limit": MORE_ROOM,
    "unanswered": "see that the endpoint answers, and raise BREAKEVEN_API_TIMEOUT_SECONDS or BREAKEVEN_API_MAX_ATTEMPTS",
    "refused": "see that BREAKEVEN_API_MODEL and BREAKEVEN_API_BASE_URL take such requests",
    "invalid_output": "set BREAKEVEN_API_STRUCTURED_OUTPUT to what the endpoint can do, or another BREAKEVEN_API_MODEL",
}


def check_answered(workload: str, model: str, published: Path, answered: int) -> None:
    """See that enough records were answered. Raises `BreakevenError`, whose line names the setting.

    Answers that do not fit count as answers, for that is what a model is like, unless none fits.
    """
    reasons = _worth_retrying(published.with_name(QUARANTINE))
    if not answered and reasons:
        missing = reasons
    else:
        missing = Counter({reason: count for reason, count in reasons.items() if reason != "invalid_output"})
    if missing.total() <= MOST_UNANSWERED * (answered + reasons.total()):
        return
    msg = (
        f"{missing.total()} of {answered + reasons.total()} records of the evaluation of {workload} got no answer of {model} "
        f"({describe_counts(missing)}), so there is no verdict: {_ADVICE[missing.most_common(1)[0][0]]}; --rerun asks again"
    )
    raise BreakevenError(msg)


def _worth_retrying(path: Path) -> Counter[str]:
    """Count the records that were set aside for reasons that asking again can mend."""
    if not path.exists():
        return Counter()
    try:
        rows = pl.read_parquet(path).filter(worth_retrying())
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"cannot read {path}: {str(error).splitlines()[0]}; --rerun asks for the answers again"
        raise OutputError(msg) from error
    return Counter(rows.get_column("reason").to_list())
