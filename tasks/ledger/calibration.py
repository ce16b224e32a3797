"""Shows how far estimated tokens are from those that the API reported, and what that corrects."""

from fractions import Fraction

from db.calibration import list_calibrations
from models.economics.calibration import FEWEST_LINES, TokenCalibration
from models.settings import Settings
from tasks.display.formats import TableFormat
from tasks.display.messages import message_console
from tasks.display.tables import write_rows
from tasks.ledger.queries import check_workload
from tasks.runtime.ledger_access import reading_ledger

COLUMNS = (
    *("workload", "model", "counted_with", "attempts", "since", "until", "input_ratio", "output_ratio"),
    *("cached_share", "cache_write_share", "reasoning_per_attempt", "corrects"),
)
SPARE = ("counted_with", "cache_write_share", "since", "until")


def show_calibrations(
    settings: Settings, *, workload: str | None = None, output_format: TableFormat = "table"
) -> None:
    """Print what calibrates the estimates of each workload and model. Raises `UsageError` for an unknown workload."""
    with reading_ledger(settings) as session:
        check_workload(session, settings, workload)
        found = list_calibrations(session, workload=workload)
    write_rows([_row(one) for one in found], COLUMNS, output_format, spare=SPARE)
    if output_format == "table" and not all(one.is_enough for one in found):
        message_console().print(
            f"from {FEWEST_LINES} attempts on the API on, estimates of later runs are corrected"
        )


def _row(one: TokenCalibration) -> dict[str, object]:
    return {
        "workload": one.workload,
        "model": one.model,
        "counted_with": one.counted_with,
        "attempts": one.lines,
        "since": one.since,
        "until": one.until,
        "input_ratio": _rounded(one.input_ratio),
        "output_ratio": _rounded(one.output_ratio),
        "cached_share": _rounded(one.cached_share),
        "cache_write_share": _rounded(one.cache_write_share),
        "reasoning_per_attempt": _rounded(one.reasoning_per_line),
        "corrects": one.is_enough,
    }


def _rounded(ratio: Fraction) -> float:
    return round(float(ratio), 4)
