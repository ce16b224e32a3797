"""`breakeven ledger`: sums, runs and lines of the cost ledger, and what is done with them."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from commands.columns import split_columns
from models.ledger.line import EngineName, Outcome
from tasks.display.formats import TableFormat

PurposeChoice = Literal[
    "production",
    "trial",
    "audit",
    "training",
    "evaluation",
    "evaluation_small",
    "evaluation_api",
    "evaluation_adapter",
    "evaluation_classifier",
    "evaluation_judge",
]
State = Literal["running", "waiting", "completed", "failed", "interrupted"]
BY = (
    *("workload", "engine", "model", "route", "day", "month", "prompt_version"),
    *("partition", "version", "version_state", "purpose"),
)

Workload = Annotated[str | None, Parameter(help="Name of the workload, such as sentiment.")]
Model = Annotated[str | None, Parameter(help="Name of a model, as the lines show it.")]
Route = Annotated[str | None, Parameter(help="A route as it is shown, such as 'vllm>openai:low_confidence'.")]
For = Annotated[
    PurposeChoice | None,
    Parameter(
        name="--purpose",
        help="What runs were for; evaluation: any of its engines; trial: `workload try` and `diff`.",
    ),
]
Since = Annotated[date | None, Parameter(help="First day (UTC), inclusive.")]
Until = Annotated[date | None, Parameter(help="Last day (UTC), inclusive.")]
Limit = Annotated[int, Parameter(help="Rows at most.", validator=validators.Number(gte=1))]

ledger = App(name="ledger", help="Ask the cost ledger.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LineChoice:
    """Which lines a question is about, as options."""

    workload: Workload = None
    engine: EngineName | None = None
    model: Model = None
    route: Route = None
    outcome: Outcome | None = None
    purpose: For = None
    since: Since = None
    until: Until = None


@ledger.command
def summary(
    *,
    by: Annotated[str, Parameter(help=f"Comma-separated: {', '.join(BY)}.")] = "workload",
    choice: LineChoice = LineChoice(),
    format: TableFormat = "table",
) -> None:
    """Sum attempts, records, tokens, cost and counterfactual cost."""
    from flows.environment import read_settings
    from tasks.ledger.queries import show_summary

    show_summary(read_settings(), split_columns(by), output_format=format, **asdict(choice))


@ledger.command
def runs(
    *,
    workload: Workload = None,
    engine: Annotated[EngineName | None, Parameter(help="An engine that answered the runs.")] = None,
    model: Annotated[str | None, Parameter(help="Name of a model that answered the runs.")] = None,
    state: State | None = None,
    purpose: For = None,
    since: Since = None,
    until: Until = None,
    parts: Annotated[
        bool, Parameter(help="Of runs in shards, list the runs of the shards as well.", negative=())
    ] = False,
    limit: Limit = 50,
    format: TableFormat = "table",
) -> None:
    """List runs, the newest first. A day is that on which a run started."""
    from flows.environment import read_settings
    from tasks.ledger.queries import show_runs

    show_runs(
        read_settings(),
        limit=limit,
        output_format=format,
        workload=workload,
        engine=engine,
        model=model,
        state=state,
        purpose=purpose,
        since=day_start(since),
        until=day_end(until),
        parts=parts,
    )


@ledger.command
def lines(*, choice: LineChoice = LineChoice(), limit: Limit = 50, format: TableFormat = "table") -> None:
    """List ledger lines, the newest first. Lines that were archived are not among them."""
    from flows.environment import read_settings
    from tasks.ledger.queries import show_lines

    times = {"since": day_start(choice.since), "until": day_end(choice.until)}
    show_lines(read_settings(), limit=limit, output_format=format, **(asdict(choice) | times))


@ledger.command
def evaluations(*, workload: Workload = None, limit: Limit = 50, format: TableFormat = "table") -> None:
    """List evaluations, the newest first: verdict, ratio with its interval, threshold."""
    from flows.environment import read_settings
    from tasks.ledger.queries import show_evaluations

    show_evaluations(read_settings(), workload=workload, limit=limit, output_format=format)


@ledger.command
def audits(*, workload: Workload = None, format: TableFormat = "table") -> None:
    """List how often the API agrees with what was served without it, by month and by what served it, with its interval and trend."""
    from flows.environment import read_settings
    from tasks.ledger.audits import show_audits

    show_audits(read_settings(), workload=workload, output_format=format)


@ledger.command
def check(*, repair: bool = False, format: TableFormat = "table") -> int:
    """Check that everything in the ledger adds up; exit code 1, with the ids, where something does not.

    Parameters
    ----------
    repair
        Make the daily sums of a run anew where they are not those of its lines.
    format
        How findings are printed.
    """
    from flows.environment import read_settings
    from tasks.ledger.check import check_ledger

    return check_ledger(read_settings(), format, repair=repair)


@ledger.command
def serve(
    *,
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8501,
    browser: bool = True,
) -> None:
    """Open a read-only page over the ledger, on this machine alone, until Ctrl-C.

    Parameters
    ----------
    port
        Port on 127.0.0.1; 0: any that is free.
    browser
        Open a browser's window on it.
    """
    from flows.environment import read_settings
    from tasks.page.serve import serve as serve_pages

    serve_pages(read_settings(), port, open_browser=browser)


def day_start(day: date | None) -> datetime | None:
    """First moment of a UTC day."""
    return None if day is None else datetime.combine(day, time.min, UTC)


def day_end(day: date | None) -> datetime | None:
    """Last moment of a UTC day."""
    return None if day is None else datetime.combine(day, time.max, UTC)
