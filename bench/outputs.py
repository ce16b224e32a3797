"""Everything that a user gets from a seeded run, as digests: run it before and after a change, and compare.

`python -m bench.outputs FOLDER` runs the three workloads over the bundled samples through the real engine, and the
reports of a seeded year, below FOLDER (which must be new). It prints one line for each published file, ledger sum and
report. Two checkouts that print the same lines publish the same files, count the same tokens and report the same figures.
It uses nothing but commands, files and the ledger's tables, so that it can be copied into an older checkout.
"""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import polars as pl
from sqlalchemy import create_engine, text

DAY = "2026-11-01"
RUNS = {
    "sentiment": ("samples/sentiment.jsonl", "12"),
    "classification": ("samples/classification.csv", "6"),
    "enrichment": ("samples/enrichment", "3"),
}
MONTHS = ("2025-12", "2026-04", "2026-07")
"""An ordinary month of the seeded year, the one of the killed run and the one after the change of prices."""
FORMATS = ("json", "markdown", "text")
SUMS = """
    SELECT r.workload, l.engine, l.outcome, count(*), sum(l.input_tokens), sum(l.cached_tokens), sum(l.output_tokens),
        sum(l.counterfactual_nano)
    FROM ledger_lines l JOIN runs r ON r.id = l.run_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
VOLATILE = re.compile(r"20\d\d-\d\d-\d\d[ T]\d\d:\d\d(:\d\d\.\d+Z)?|[0-9a-f]{64}")
"""What no seed decides: when a report was made, and the hash over the way its inputs are written down."""


def command(*words: str, settings: dict[str, str]) -> str:
    """Run a command of this checkout and return its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        env=os.environ | settings,
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    return done.stdout


def digest(content: str) -> str:
    """Return a short hash of a text."""
    return sha256(content.encode()).hexdigest()[:16]


def runs(folder: Path) -> None:
    """Run the workloads; print a line for each published file and for each sum of the ledger."""
    settings = {
        "BREAKEVEN_DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}",
        "BREAKEVEN_OUTPUT_DIR": str(folder / "out"),
    }
    for workload, (source, limit) in RUNS.items():
        command("cli", "run", workload, "--date", DAY, "--input", source, "--limit", limit, settings=settings)
    for path in sorted((folder / "out").rglob("*.parquet")):
        frame = pl.read_parquet(path, hive_partitioning=False)
        print(path.relative_to(folder / "out"), frame.height, digest(frame.write_json()))
    with create_engine(settings["BREAKEVEN_DATABASE_URL"]).connect() as connection:
        for row in connection.execute(text(SUMS)):
            print("ledger", *row)


def reports(folder: Path) -> None:
    """Write a seeded year into a ledger; print a line for each report."""
    url = f"sqlite:///{folder / 'history.db'}"
    settings = {"BREAKEVEN_DATABASE_URL": url, "BREAKEVEN_OUTPUT_DIR": str(folder / "reports")}
    command("bench.history", url, "--first", "2025-11", "--records", "20", settings=settings)
    for month in MONTHS:
        for form in FORMATS:
            said = command("cli", "report", "--month", month, "--format", form, settings=settings)
            print("report", month, form, digest(VOLATILE.sub("", said.replace(str(folder), ""))))


def main() -> None:
    """Run everything below the folder that is named."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True)
    reports(folder)
    runs(folder)


if __name__ == "__main__":
    main()
