"""A record that is given on the command line, as a run would read it."""

from collections.abc import Mapping

from models.errors import UsageError
from models.records import Quarantined
from models.text_files import parse_json
from models.workloads.base import Workload
from tasks.reading.row_template import text_source
from tasks.reading.rows import Chunk, parse_rows

NO_RECORD = "(the record's text)"
"""Stands in a prompt for the record where none is given."""


def text_of_record(workload: Workload, text: str | None, columns: str | None) -> str | None:
    """Return the text of a record that is given as such, or as a JSON object of its columns; None where neither is.

    Raises `UsageError` for both at once, for no JSON object, and where a run would set the record aside.
    """
    if text is not None and columns is not None:
        msg = "give --record 'its text' or --record-json '{…its columns…}', not both"
        raise UsageError(msg)
    return text if columns is None else _of_columns(workload, _parsed(columns))


def _parsed(columns: str) -> Mapping[str, object]:
    try:
        row = parse_json(columns)
    except ValueError as error:
        msg = f"--record-json is no JSON: {error}"
        raise UsageError(msg) from error
    if not isinstance(row, dict):
        msg = '--record-json is no JSON object: write it as \'{"subject": "…", "body": "…"}\''
        raise UsageError(msg)
    return row


def _of_columns(workload: Workload, row: Mapping[str, object]) -> str:
    columns, template = text_source(workload.settings, workload.text_columns, workload.name)
    if missing := [name for name in columns if name not in row]:
        msg = f"--record-json has no {missing[0]!r}; the text of {workload.name} is made of: {', '.join(columns)}"
        raise UsageError(msg)
    chunk = Chunk(
        [row.get(workload.settings.id_column, "1")],
        [[row[name]] for name in columns],
        max_chars=workload.settings.max_text_chars,
    )
    (found,) = parse_rows(chunk, 0, columns, list, template).items()
    if isinstance(found, Quarantined):
        msg = f"a run would set this record aside: {found.detail}"
        raise UsageError(msg)
    return found.text
