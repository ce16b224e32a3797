"""`make demo`: three nights over the bundled samples, what they came to, a classifier that is trained on them, and the report of the month."""

import json
import os
import sys
from datetime import date
from typing import TYPE_CHECKING

from commands.quiet_libraries import quiet_libraries
from flows.streams import guard_streams

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from models.settings import Settings

LAST_DAY = date(2026, 11, 3)
DAYS = 3
OWN = "samples/workloads/departments.toml"
"""A workload of one's own: what it asks and where it reads is in this file alone."""
SAMPLES = {
    "ENRICHMENT": "samples/enrichment",
    "SENTIMENT": "samples/sentiment.jsonl",
    "CLASSIFICATION": "samples/classification.csv",
}
TRAINED = "sentiment"
"""For this one a classifier is trained at the end."""
FEW = "id in ('p-002', 'p-008', 'p-009', 'p-011', 'p-018', 'p-021', 'p-024', 'p-029', 'p-031', 'p-036')"
"""Of the products only these: an answer about one is some hundred tokens long, a label is one."""
BY = ("workload", "engine", "model", "route")


def demo() -> int:
    """Run the samples through the real engine and show the ledger. Returns the exit code."""
    guard_streams()
    quiet_libraries()
    from commands.run_inline import run_night
    from commands.terminal import raise_on_sigterm
    from flows.environment import PROJECT, read_settings
    from models.errors import BreakevenError
    from tasks.display.messages import message_console
    from tasks.display.show_progress import progress_bar
    from tasks.display.table_layout import write_data
    from tasks.ledger.queries import show_summary

    console = message_console()
    own = set_own_workload(PROJECT / OWN)
    for workload, path in SAMPLES.items():
        os.environ[f"BREAKEVEN_WORKLOADS__{workload}__INPUT"] = str(PROJECT / path)
    os.environ["BREAKEVEN_WORKLOADS__ENRICHMENT__WHERE"] = FEW
    console.print(
        f"demo: three days of the bundled samples, of the products only some; {own} is a workload of one's own, {OWN}"
    )
    try:
        settings = read_settings()
        with progress_bar(), raise_on_sigterm():
            results = run_night(LAST_DAY, DAYS, [own, *(name.lower() for name in SAMPLES)])
    except BreakevenError as error:
        console.print(f"error: {error}")
        return error.exit_code
    console.print("\nThe cost ledger (breakeven ledger summary --by workload,engine,model,route):")
    show_summary(settings, BY)
    console.print("Outputs, one file a partition:")
    for result in results:
        write_data(f"  {result.output}  ({result.state})\n")
    try:
        return train_samples(console) or report(settings, console)
    except BreakevenError as error:
        console.print(f"error: {error}")
        return error.exit_code


def set_own_workload(path: "Path") -> str:
    """Set what a workload's file says in the environment, beside whatever workloads are there. Returns its name."""
    from models.settings.inherit import read_workload_file

    for key, value in read_workload_file(path).items():
        variable = f"BREAKEVEN_WORKLOADS__{path.stem}__{key}".upper()
        os.environ[variable] = value if isinstance(value, str) else json.dumps(value)
    return path.stem


def train_samples(console: "Console") -> int:
    """Train a classifier on the labels of a sample, as a candidate: seconds, and so few texts that it can hardly be sure of any. Returns the exit code."""
    from commands.train_now import train_and_print
    from flows.environment import PROJECT
    from tasks.training.request import TrainingRequest

    labels = SAMPLES[TRAINED.upper()]
    console.print(
        f"\nA classifier for {TRAINED}, trained on its sample's own labels (breakeven train {TRAINED} --labels {labels}). "
        "It shows the way; so few texts make none that is sure of much, so it stays a candidate:"
    )
    return train_and_print(TrainingRequest(TRAINED, labels=str(PROJECT / labels)))


def report(settings: "Settings", console: "Console") -> int:
    """Make the report of the month of the newest run and say how little it stands on. Returns the exit code.

    Money follows the day of the attempt, so it is the month in which the demo ran, not that of the samples.
    """
    from commands.report_now import report_and_print
    from tasks.display.table_layout import write_data
    from tasks.report.training_section import list_news
    from tasks.report.versions import find_newest_month, make_report

    month = find_newest_month(settings)
    console.print(
        f"\nThe break-even report of {month:%Y-%m} (breakeven report --month {month:%Y-%m}). It shows what you will receive; "
        "a handful of samples on a toy model is far too little to decide anything on:"
    )
    code = report_and_print(f"{month:%Y-%m}", out=None, send=False, resend=False, output_format="text")
    for sentence in list_news(make_report(month, settings).report.inputs):
        write_data(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(demo())
