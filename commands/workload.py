"""`breakeven workload`: make a workload, look at it, try it, compare it with what is published."""

from datetime import date
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from models.settings.workload import Kind
from tasks.display.formats import TableFormat

Count = Annotated[int, Parameter(validator=validators.Number(gte=1))]

workload = App(
    name="workload",
    help="Make a workload as a file, look at its prompt, try it, compare it with what is published.",
)


@workload.command
def new(
    name: str, /, *, kind: Kind | None = None, from_: Annotated[str | None, Parameter(name="--from")] = None
) -> None:
    """Write the commented file of a new workload, ready for `show` and `try`.

    Parameters
    ----------
    name
        Name of the workload: small letters, digits, - and _.
    kind
        What it answers: label (one of a set), labels (several of a set), object (JSON by a schema) or text.
    from_
        Preset that it changes, such as classification, instead of one that starts empty.
    """
    from commands.workload_now import make_and_print

    make_and_print(name, kind, from_)


@workload.command(name="list")
def list_(*, format: TableFormat = "table") -> None:
    """List all workloads: kind, place, input, model, version, and whether each can be used.

    Parameters
    ----------
    format
        How rows are written to standard output.
    """
    from commands.workload_now import print_list

    print_list(format)


@workload.command
def show(name: str, /, *, record: str | None = None, record_json: str | None = None) -> None:
    """Show the exact prompt, its tokens, the form of the answer, what a record costs, and what is published otherwise.

    Parameters
    ----------
    name
        Name of the workload.
    record
        Text of a record, as it is.
    record_json
        A record as a JSON object of its columns, of which its text is made.
    """
    from commands.workload_now import print_workload

    print_workload(name, record, record_json)


@workload.command(name="try")
def try_(
    name: str,
    /,
    *,
    limit: Count = 5,
    input: str | None = None,
    date: date | None = None,
    engine: Literal["vllm", "openai"] = "vllm",
    rerun: bool = False,
    yes: bool = False,
    format: TableFormat = "table",
) -> int:
    """Answer a few records, and print input beside output, tokens and cost. Nothing that is published is touched.

    Parameters
    ----------
    name
        Name of the workload.
    limit
        Records: the first of the date.
    input
        File, folder with date=YYYY-MM-DD, glob or object-store URL; default: the workload's setting.
    date
        Partition (UTC date, YYYY-MM-DD); default: the newest that the input has.
    engine
        openai: the API answers, after a question; vllm: the local engine.
    rerun
        Ask again what was answered with this very wording.
    yes
        Do not ask before records are sent to the API.
    format
        How rows are written to standard output; the table cuts long texts.
    """
    from flows.streams import guard_streams

    guard_streams()  # the run goes on where nobody reads what it prints
    from commands.workload_try_now import try_and_print
    from tasks.workload.trial import TrialRequest

    ask = TrialRequest(name, limit, input, date, engine, rerun)
    return try_and_print(ask, yes=yes, output_format=format)


@workload.command
def diff(
    name: str,
    /,
    *,
    sample: Count = 50,
    seed: int = 0,
    input: str | None = None,
    engine: Literal["vllm", "openai"] = "vllm",
    rows: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 10,
    rerun: bool = False,
    yes: bool = False,
) -> None:
    """Compare what is published with what the workload answers as it is now, on a sample.

    Parameters
    ----------
    name
        Name of the workload.
    sample
        Published records that are answered again.
    seed
        What they are drawn by.
    input
        Where their texts are read again; default: the workload's setting.
    engine
        openai: the API answers, after a question; vllm: the local engine.
    rows
        Changes that are shown.
    rerun
        Ask again what was answered with this very wording.
    yes
        Do not ask before records are sent to the API.
    """
    from flows.streams import guard_streams

    guard_streams()  # the run goes on where nobody reads what it prints
    from commands.workload_try_now import diff_and_print
    from tasks.workload.diff import DiffRequest

    diff_and_print(DiffRequest(name, sample, seed, input, engine, rerun), rows=rows, yes=yes)
