"""Makes and shows workloads from the terminal."""

import sys

from flows.environment import read_settings
from models.errors import visible
from models.settings.workload import Kind
from tasks.display.formats import TableFormat
from tasks.display.messages import message_console
from tasks.display.table_layout import write_data
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.workload.list_all import COLUMNS, SPARE, list_workloads
from tasks.workload.new_file import write_new_workload
from tasks.workload.show import describe_workload


def make_and_print(name: str, kind: Kind | None, base: str | None) -> None:
    """Write the files of a new workload, and say what is next."""
    written = write_new_workload(name, kind, base, read_settings())
    console = message_console()
    console.print(f"next: edit {' and '.join(str(path) for path in written)}, then look at it and try it:")
    console.print(f"  breakeven workload show {name} --record 'a text'")
    console.print(f"  breakeven workload try {name} --input FILE --limit 5")
    write_data("".join(f"{path}\n" for path in written))


def print_list(output_format: TableFormat) -> None:
    """Print all workloads, those with a mistake among them."""
    rows = [one.row() for one in list_workloads(read_settings())]
    write_rows(rows, COLUMNS, output_format, spare=SPARE)


def print_workload(name: str, record: str | None, columns: str | None) -> None:
    """Print all that there is to know of a workload."""
    settings = read_settings()
    with show_working("loading the tokenizers"):
        lines = describe_workload(name, settings, record, columns)
    sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))
