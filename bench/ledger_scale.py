"""A large ledger: lines a second, bytes a line, and how long each question takes, on SQLite and PostgreSQL.

`python -m bench.ledger_scale [LINES] [sqlite|postgresql …] [small]`. A year of three workloads goes through the project's own
insert function, in transactions as a run's commits are, with a part's registration, the rollup and the run's sums: commits of 500 and then
of 10,000 lines, or with `small` all of 500. Both databases write durably, lie in a
temporary folder and are gone afterwards; ten million lines take about 3 GB and a quarter of an hour.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from pydantic import SecretStr
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session

from bench.ledger_size import bytes_of, postgresql
from bench.report import Finding, Row, publish
from bench.scale_lines import DAYS, ESCALATED, FIRST, WORKLOADS, end_run, lines_of, start_run
from db import ledger, reference, run_queries, runs
from db.parts import Part, register
from db.repricing import read_priced_usage
from db.session import make_engine, migrate, readers, sessions
from db.summary import BY, sum_usage
from db.tables import RunRow
from models.economics.repricing import reprice
from models.economics.repricing_prices import RepricingPrices, parse_supposed_price
from models.gpu_time import GpuTime
from models.ids import new_id
from models.settings import Settings
from tasks.ledger.archive import archive, plan
from tasks.report.inputs import read_month_inputs

LINES = 10_000_000
SMALL, LARGE = 500, 10_000  # lines a commit
SMALL_SHARE = 0.02
REPEATS = 5
TODAY = FIRST + timedelta(days=DAYS)
MONTH = date(2026, 11, 1)
ARCHIVED_MONTHS = 11

Ask = Callable[[Session], object]


@dataclass(slots=True)
class Pace:
    """Lines and seconds of inserting and committing: on the wall, and of this process alone."""

    lines: int = 0
    wall: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def timed(self, lines: int) -> Iterator[None]:
        """Count lines, and the time of the block."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.lines += lines
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu


def main(count: int, databases: list[str], *, small: bool = False) -> None:
    """Measure, print the table, write the JSON."""
    share = 1.0 if small else SMALL_SHARE
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bk") as folder:
        if "sqlite" in databases:
            rows += measure(f"sqlite:///{folder}/ledger.db", count, Path(folder), share)
    if "postgresql" in databases:
        with postgresql() as url, tempfile.TemporaryDirectory(prefix="bk") as folder:
            rows += measure(url, count, Path(folder), share)
    name = "ledger_scale" if len(databases) > 1 else f"ledger_scale_{databases[0]}"
    publish(
        Finding(
            name=name,
            title=f"A ledger of {count:,} lines",
            rows=rows,
            settings={
                "lines": count,
                "runs": DAYS * len(WORKLOADS),
                "record_key": "11 digits, ascending within a run",
                "queries_repeated": REPEATS,
            },
            notes=[
                "lines_per_s: wall time of whole commits; lines_per_cpu_s: of this process alone",
                "seconds: of queries the median, the first one apart as first_s",
                f"archive: the lines of the first month; mib: most memory that it took on top of {REPEATS} queries",
            ],
        )
    )


def measure(url: str, count: int, folder: Path, share: float) -> list[Row]:
    """Fill a ledger and return a row for each thing that was measured."""
    engine = make_engine(url)
    migrate(engine)
    database = engine.dialect.name
    paces = {SMALL: Pace(), LARGE: Pace()}
    fill(engine, count, paces, share)
    rows: list[Row] = [
        {
            "database": database,
            "what": f"insert, {size:,} lines a commit",
            "lines_per_s": round(pace.lines / pace.wall),
            "lines_per_cpu_s": round(pace.lines / pace.cpu),
        }
        for size, pace in paces.items()
        if pace.lines
    ]
    lines = sum(pace.lines for pace in paces.values())
    if database == "postgresql":  # what autovacuum does by itself a minute later
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    sizes = bytes_of(engine)
    sizes["all"] = sum(sizes.values())
    rows += [
        {"database": database, "what": f"size: {what}", "bytes_per_line": round(size / lines, 1)}
        for what, size in sizes.items()
    ]
    settings = Settings(database_url=SecretStr(url), archive_dir=folder / "archive")
    for what, ask in questions(settings).items():
        rows.append({"database": database, "what": what, **timed(engine, ask)})
        print(rows[-1], flush=True)
    rows.append({"database": database, "what": "archive", **archiving(engine, settings)})
    engine.dispose()
    return rows


def fill(engine: Engine, count: int, paces: Mapping[int, Pace], share: float) -> None:
    """Insert about `count` lines: a run for each workload and day of a year, the first `share` of them in small commits."""
    make_session = sessions(engine)
    partitions = [(workload, FIRST + timedelta(days=day)) for day in range(DAYS) for workload in WORKLOADS]
    records = round(count / (1 + ESCALATED) / len(partitions))
    for number, (workload, day) in enumerate(partitions):
        with make_session.begin() as session:
            keys = start_run(session, workload, day)
        lines = lines_of(keys, day, records, number)
        size = SMALL if number < share * len(partitions) else LARGE
        for first in range(0, len(lines), size):
            some = lines[first : first + size]
            part = Part(
                new_id(), keys.version, keys.run, f"{first}.parquet", len(some), first, first + len(some) - 1
            )
            with paces[size].timed(len(some)), make_session.begin() as session:
                register(session, part)
                ledger.insert_lines(session, some)
                runs.add(session, keys.run, GpuTime(), runs.Increments())
        with make_session.begin() as session:
            end_run(session, keys, lines)
            at = lines[0].at
            ended = update(RunRow).where(RunRow.id == keys.run)
            session.execute(ended.values(started_at=at, ended_at=at + timedelta(hours=1)))
        if number % 100 == 0:
            pace = paces[size]
            print(f"{number}/{len(partitions)} runs, {pace.lines / pace.wall:,.0f} lines/s", flush=True)


def questions(settings: Settings) -> dict[str, Ask]:
    """Name what is asked of the ledger."""
    start, end = date(2026, 10, 1), date(2026, 10, 31)
    by = [*BY, "workload,engine,route,month"]
    found: dict[str, Ask] = {
        f"summary --by {columns}": lambda session, columns=columns: sum_usage(session, columns.split(","))  # type: ignore[misc]
        for columns in by
    }
    return found | {
        "summary by all of them": lambda session: sum_usage(session, BY),
        "summary of a month and workload": lambda session: sum_usage(
            session, ["route"], workload="sentiment", since=start, until=end
        ),
        "reprice --by workload,month": _reprice,
        "runs, the newest 50": lambda session: run_queries.list_runs(session, limit=50),
        "lines, the newest 50": lambda session: ledger.list_lines(session, limit=50),
        "lines of a route, the newest 50": lambda session: ledger.list_lines(
            session, limit=50, route="vllm>openai:low_confidence"
        ),
        "lines of unknown outcome, the newest 50": lambda session: ledger.list_lines(
            session, limit=50, outcome="unknown_outcome"
        ),
        "view usage_monthly": lambda session: session.execute(text("SELECT * FROM usage_monthly")).all(),
        "view run_costs": lambda session: session.execute(text("SELECT * FROM run_costs")).all(),
        "inputs of the monthly report": lambda session: read_month_inputs(
            session, settings, MONTH, today=TODAY
        ),
    }


def _reprice(session: Session) -> object:
    book = RepricingPrices(
        [price for _, _, price in reference.read_prices(session)],
        [parse_supposed_price("gpt-4o-mini=0.3/1.2")],
    )
    return [reprice(usage, book) for usage in read_priced_usage(session, ["workload", "month"]).values()]


def timed(engine: Engine, ask: Ask) -> Row:
    """Ask several times, each in a transaction of its own; return the first time and the median of the others."""
    seconds = []
    for _ in range(1 + REPEATS):
        before = time.perf_counter()
        with readers(engine)() as session:
            ask(session)
        seconds.append(time.perf_counter() - before)
    return {"first_s": round(seconds[0], 3), "seconds": round(median(seconds[1:]), 3)}


def archiving(engine: Engine, settings: Settings) -> Row:
    """Archive the oldest month; see that no sum moves."""
    with readers(engine)() as session:
        before = sum_usage(session, ["workload", "month"])
    planned = plan(settings, ARCHIVED_MONTHS, TODAY)
    most, wall = _most_mib(), time.perf_counter()
    archive(settings, planned, settings.archive_dir, lambda _: None)
    wall = time.perf_counter() - wall
    lines = sum(one.lines for one in planned)
    size = sum(path.stat().st_size for path in settings.archive_dir.rglob("*.parquet"))
    with readers(engine)() as session:
        same = sum_usage(session, ["workload", "month"]) == before
    if not same:
        msg = "archiving has changed a sum"
        raise AssertionError(msg)
    return {
        "lines_per_s": round(lines / wall),
        "bytes_per_line": round(size / lines, 1),
        "seconds": round(wall, 1),
        "mib": round(_most_mib() - most),
    }


def _most_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    asked = sys.argv[1:]
    numbers = [int(word.replace("_", "")) for word in asked if word[0].isdigit()]
    named = [word for word in asked if not word[0].isdigit() and word != "small"]
    main(numbers[0] if numbers else LINES, named or ["sqlite", "postgresql"], small="small" in asked)
