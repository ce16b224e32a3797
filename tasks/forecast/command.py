"""Makes a forecast and prints it; writes its document and its picture where that is asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.errors import OutputError, OutputUnusable, UsageError
from models.nearest import unknown_name
from models.private_files import make_folder
from models.settings import Settings
from models.text_files import read_toml
from tasks.display.formats import TableFormat
from tasks.display.table_layout import print_table, tell, write_data, write_prose
from tasks.display.tables import write_json, write_rows
from tasks.display.working import show_working
from tasks.forecast.ask import ForecastAsk, WorkloadAsk
from tasks.forecast.basis import list_basis
from tasks.forecast.document import columns_of, make_document, month_rows
from tasks.forecast.make import Made, make_forecast
from tasks.forecast.text import columns_shown, list_sentences, tell_answer
from tasks.runtime.atomic_files import put_files


def read_ask(path: Path) -> ForecastAsk:
    """Read what is asked for from a TOML file; its paths count from its folder. Raises `UsageError`."""
    given = read_toml(path)
    for one in given.get("workloads", ()) if isinstance(given.get("workloads"), list) else ():
        if isinstance(one, dict) and isinstance(one.get("input"), str) and "://" not in one["input"]:
            one["input"] = str(path.parent / one["input"])
        if isinstance(one, dict) and isinstance(one.get("column"), str):
            one["column"] = [one["column"]]
    return check_ask(given, f"{path}: ")


def check_ask(given: Mapping[str, Any], where: str = "") -> ForecastAsk:
    """Check what is asked for. Raises `UsageError` that names all that is wrong, in one line."""
    try:
        return ForecastAsk.model_validate(given)
    except ValidationError as error:
        msg = f"{where}{'; '.join(map(_fault, error.errors()))}"
        raise UsageError(msg) from error


def _fault(fault: ErrorDetails) -> str:
    name = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        fields = WorkloadAsk.model_fields if "." in name else ForecastAsk.model_fields
        return f"{name}: {unknown_name('setting', name.rpartition('.')[2], fields)}"
    return f"{name}: {fault['msg']}".removeprefix(": ")


def show_forecast(
    ask: ForecastAsk, settings: Settings, *, output_format: TableFormat = "table", out: Path | None = None
) -> None:
    """Make a forecast and print it: what to do, with tables and sentences, or rows a month, or everything as JSON.

    `out`: folder for `forecast.json` and `forecast.png`. Raises `OutputUnusable` for one that cannot be made or
    written, and what `make_forecast` raises.
    """
    if out is not None:
        _prepare(out)
    with show_working("counting tokens"):
        made = make_forecast(ask, settings)
    if output_format == "json":
        write_data(as_json(made))
    elif output_format == "table":
        _print(made)
    else:
        write_rows(month_rows(made), columns_of(made), output_format)
    if out is not None:
        from tasks.forecast.chart import draw_chart  # noqa: PLC0415  matplotlib takes its time

        files = {"forecast.json": as_json(made).encode(), "forecast.png": draw_chart(made.figures)}
        try:
            put_files(files, out, "--out")
        except OutputError as error:
            raise OutputUnusable(str(error)) from error
        for name in files:
            tell(f"wrote {out / name}")


def as_json(made: Made) -> str:
    """Return the whole document as JSON: money as decimal strings, unknown as null."""
    return write_json(make_document(made)) + "\n"


def _print(made: Made) -> None:
    write_prose([tell_answer(made)])
    for table in columns_shown(made):
        write_prose([""])
        print_table(table, more=" or --format csv")
    write_prose(["", *list_sentences(made)])
    for line in list_basis(made):
        tell(line)


def _prepare(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        msg = f"cannot write to {folder}: {error.strerror}"
        raise OutputUnusable(msg) from error
