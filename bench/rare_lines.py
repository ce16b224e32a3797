"""The page's lines where few match: seconds a page, in a ledger with all its lines in one run, on SQLite and PostgreSQL.

`python -m bench.rare_lines [LINES] [sqlite|postgresql …] [shards]`. All lines but some twenty of each other kind went as most do;
these stand at the run's end, and those of the day after midnight are as few. With `shards`: in four runs that are parts of one. Each filter is asked page by page
through what `ledger serve` asks. Five million lines take about 1.5 GB in the temporary folder, and some minutes.
"""

import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, Table, func, insert, literal, literal_column, select, text, update
from sqlalchemy.orm import Session

from bench.ledger_size import postgresql
from bench.report import Finding, Row, publish
from bench.scale_lines import FIRST, Keys, end_run, lines_of, start_run
from db import ledger
from db.browse_filters import Filters
from db.recount import rebuild
from db.session import make_engine, migrate, sessions
from db.tables import LedgerLineRow, RunRow
from models.ids import new_id
from models.ledger.line import LedgerLine
from tasks.page.address import PageQuery
from tasks.page.queries import Ledger

LINES = 5_000_000
COPIED = 50_000
FEW = 20
KEY = 11  # characters of a record's key that was not copied
MOST_PAGES = 30
SHARDS = 4
AFTER = FIRST + timedelta(days=1)
FILTERS: Mapping[str, Filters] = {
    "nothing": Filters(),
    "workload": Filters(workload="sentiment"),
    "engine openai": Filters(engine="openai"),
    "engine reuse": Filters(engine="reuse"),
    "engine classifier (none)": Filters(engine="classifier"),
    "model of the API": Filters(model="gpt-4o-mini"),
    "outcome escalated": Filters(outcome="escalated"),
    "outcome unknown_outcome": Filters(outcome="unknown_outcome"),
    "outcome invalid_output": Filters(outcome="invalid_output"),
    "route vllm>openai:low_confidence": Filters(route="vllm>openai:low_confidence"),
    "route vllm:low_confidence": Filters(route="vllm:low_confidence"),
    "engine, model, outcome": Filters(engine="openai", model="gpt-4o-mini", outcome="ok"),
    "workload, route, day": Filters(workload="sentiment", route="vllm>reuse:identical", since=AFTER),
    "the day after midnight": Filters(since=AFTER),
    "that day, route vllm": Filters(since=AFTER, route="vllm"),
}


def main(count: int, databases: list[str], shards: int) -> None:
    """Measure, print the table, write the JSON."""
    rows: list[Row] = []
    if "sqlite" in databases:
        with tempfile.TemporaryDirectory(prefix="bk") as folder:
            rows += measure(f"sqlite:///{Path(folder) / 'ledger.db'}", count, shards)
    if "postgresql" in databases:
        with postgresql() as url:
            rows += measure(url, count, shards)
    name = "_".join(["rare_lines", *(["shards"] if shards > 1 else [])])
    settings = {"lines": count, "runs": shards, "few": FEW, "lines_a_page": 50}
    notes = ["most_s: the slowest page of a filter, which is asked to its last page, or the thirtieth"]
    publish(Finding(name, f"Few lines among {count:,} of one run", rows, settings, notes))


def measure(url: str, count: int, shards: int) -> list[Row]:
    """Fill a ledger and return a row for each filter."""
    engine = make_engine(url)
    migrate(engine)
    fill(engine, count, shards)
    database = engine.dialect.name
    if database == "postgresql":  # what autovacuum does by itself a minute later
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    reader = Ledger(url)
    reader.lines(PageQuery(Filters()))  # the first one connects
    rows: list[Row] = []
    for what, filters in FILTERS.items():
        rows.append({"database": database, "what": what, **ask(reader, filters)})
        print(rows[-1], flush=True)
    reader.close()
    return rows


def ask(reader: Ledger, filters: Filters) -> Row:
    """Go through a filter's pages, at most `MOST_PAGES`; return how many lines match, the pages, and their seconds."""
    seconds: list[float] = []
    asked = PageQuery(filters)
    while len(seconds) < MOST_PAGES:
        before = time.perf_counter()
        found = reader.lines(asked)
        seconds.append(time.perf_counter() - before)
        if found.page.following is None:
            break
        asked = replace(asked, after=found.page.following)
    most = round(max(seconds), 3)
    return {
        "matching": found.matching.here,
        "pages": len(seconds),
        "first_s": round(seconds[0], 3),
        "most_s": most,
    }


def fill(engine: Engine, count: int, shards: int) -> None:
    """Insert `count` lines of one run, or of as many as there are shards: some by the ledger, the others as copies of them."""
    make_session = sessions(engine)
    with make_session.begin() as session:
        keys = [start_run(session, "sentiment", FIRST) for _ in range(shards)]
        for number, part in enumerate(keys[1:], 1):
            values = {"part_of": keys[0].run, "shard": number, "shards": shards}
            session.execute(update(RunRow).where(RunRow.id == part.run).values(values))
    for number, own in enumerate(keys):
        usual, rare = made_lines(own, number)
        with make_session.begin() as session:
            ledger.insert_lines(session, usual)
        for copy in range(1, count // shards // COPIED):
            with make_session.begin() as session:
                _copy_lines(session, own, f"{copy:05d}")
            print(f"run {number}: {copy * COPIED:,} of {count // shards:,} lines", end="\r", flush=True)
        with make_session.begin() as session:
            ledger.insert_lines(session, rare)
            rebuild(session, [own.run])
            end_run(session, own, rare)


def _copy_lines(session: Session, keys: Keys, prefix: str) -> None:
    """Copy the lines that were made, of other records; the rollup does not count the copies yet."""
    connection = session.connection()
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.create_function("uuidv7", 0, lambda: new_id().bytes)  # PostgreSQL has one
    lines: Table = LedgerLineRow.metadata.tables["ledger_lines"]
    other = {"id": literal_column("uuidv7()"), "record_key": literal(prefix) + lines.c.record_key}
    made = select(*(other.get(column.name, column) for column in lines.c))
    made = made.where(lines.c.run_id == keys.run, func.length(lines.c.record_key) == KEY)
    session.execute(insert(lines).from_select([column.name for column in lines.c], made))


def made_lines(keys: Keys, run: int) -> tuple[list[LedgerLine], list[LedgerLine]]:
    """Make lines that went as most do, and few of the others, some of them after midnight, behind them."""
    made = lines_of(keys, FIRST, COPIED + COPIED // 5, run)
    usual = [one for one in made if one.outcome == "ok" and one.reason is None][:COPIED]
    rare: list[LedgerLine] = []
    kinds: Counter[tuple[object, ...]] = Counter()
    for one in made:
        kind = (one.engine, one.outcome, one.reason)
        if (one.outcome != "ok" or one.reason) and kinds[kind] < FEW:
            kinds[kind] += 1
            rare.append(one._replace(record_key=f"9{one.record_key}", at=one.at + (AFTER - FIRST)))
    for one in usual[:FEW]:
        rare.append(one._replace(id=new_id(), record_key=f"8{one.record_key}", outcome="invalid_output"))
        late = one.at + (AFTER - FIRST)
        rare.append(one._replace(id=new_id(), record_key=f"7{one.record_key}", at=late))
    return usual, rare


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word[0].isdigit() and word != "shards"]
    numbers = [int(word.replace("_", "")) for word in sys.argv[1:] if word[0].isdigit()]
    main(
        numbers[0] if numbers else LINES,
        words or ["sqlite", "postgresql"],
        SHARDS if "shards" in sys.argv else 1,
    )
