"""Draws records to label, from the terminal."""

from flows.environment import read_settings
from models import workloads
from tasks.display.messages import message_console
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.labelling.draw_sample import SampleRequest, draw_sample


def sample_and_print(workload: str, asked: SampleRequest) -> int:
    """Write a sample to label, and print how many records of which kind are in it. Returns the exit code."""
    settings = read_settings()
    built = workloads.build(workload, settings)
    console = message_console()
    with show_working("reading the input"):
        drawn = draw_sample(built, settings, asked)
    rows = [{"stratum": one.name, "texts": one.texts, "drawn": one.drawn} for one in drawn.strata]
    write_rows(rows, ("stratum", "texts", "drawn"), "table")
    if drawn.written < drawn.asked:
        console.print(f"the input has only {drawn.written} distinct texts left, and all of them were written")
    then = f"then: breakeven evaluate {workload} --labels {drawn.path}"
    what = "fill in the column for the label" if built.labels is not None else "no labels are needed"
    console.print(f"{drawn.written} records are in {drawn.path}: {what}, {then}")
    return 0
