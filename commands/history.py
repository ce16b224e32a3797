"""`breakeven ledger reprice`, `prices`, `calibration` and `archive`: what was written, at other prices and in other places."""

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from commands.columns import split_columns
from models.ledger.line import EngineName
from tasks.display.formats import TableFormat


def reprice(
    *,
    by: str = "workload",
    price: Annotated[list[str] | None, Parameter(negative=())] = None,
    save_from: date | None = None,
    workload: str | None = None,
    engine: EngineName | None = None,
    model: str | None = None,
    since: date | None = None,
    until: date | None = None,
    format: TableFormat = "table",
) -> None:
    """Say what usage would have cost at corrected or supposed prices, beside what was written. No line is changed.

    Each sum is worked out over all its tokens and rounded once.

    Parameters
    ----------
    by
        Comma-separated: workload, model, engine, route, day, month.
    price
        MODEL=IN/OUT, MODEL=IN/OUT/CACHED or MODEL=IN/OUT/CACHED/WRITE in dollars per million tokens, such as gpt-4o-mini=0.15/0.60/0.075;
        may be repeated. Its batches cost the batch discount less. Default: the newest version of each price.
    save_from
        Enter the prices that were given into the ledger: they hold from this day (UTC) on, for new lines too.
    workload
        Only this workload.
    engine
        Only attempts that this engine served: vllm, openai or reuse.
    model
        Only attempts of this model.
    since
        First day (UTC), inclusive.
    until
        Last day (UTC), inclusive.
    format
        How rows are written to standard output.
    """
    from flows.environment import read_settings
    from tasks.ledger.reprice import show_repriced

    show_repriced(
        read_settings(),
        split_columns(by),
        price or [],
        save_from=save_from,
        output_format=format,
        workload=workload,
        engine=engine,
        model=model,
        since=since,
        until=until,
    )


def prices(*, model: str | None = None, format: TableFormat = "table") -> None:
    """List the prices of API models that the ledger knows, with all their versions.

    Parameters
    ----------
    model
        Only this model; its batches are NAME:batch.
    format
        How rows are written to standard output.
    """
    from flows.environment import read_settings
    from tasks.ledger.reprice import show_prices

    show_prices(read_settings(), model=model, output_format=format)


def calibration(*, workload: str | None = None, format: TableFormat = "table") -> None:
    """Show how far estimated tokens are from those that the API reported, by workload and model.

    From thirty attempts on, the estimates of later runs are corrected by them.

    Parameters
    ----------
    workload
        Only this workload.
    format
        How rows are written to standard output.
    """
    from flows.environment import read_settings
    from tasks.ledger.calibration import show_calibrations

    show_calibrations(read_settings(), workload=workload, output_format=format)


def archive(
    *,
    older_than: Annotated[int, Parameter(validator=validators.Number(gte=1))],
    out: Path | None = None,
    yes: bool = False,
    format: TableFormat = "table",
) -> None:
    """Move the lines of old runs to Parquet files, out of the database. Every sum stays as it is.

    Parameters
    ----------
    older_than
        Months; a run goes when it ended and all its lines are older.
    out
        Folder of the files; default: the setting archive_dir.
    yes
        Do not ask before it is done.
    format
        How the list of files is written to standard output.
    """
    from flows.environment import read_settings
    from tasks.ledger.archive_command import archive_old_lines

    archive_old_lines(read_settings(), older_than, out=out, yes=yes, output_format=format)
