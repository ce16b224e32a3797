"""Draws records to label, from the terminal."""

from flows.environment import read_settings
from models import workloads
from tasks.display.messages import message_console
from tasks.display.tables import write_rows
from tasks.display.working import show_working
from tasks.labelling.draw_sample import SampleRequest, draw_sample
from tasks.labelling.sample_file import describe_filling


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
    console.print(f"{drawn.written} records are in {drawn.path}: {describe_filling(built, drawn.to_fill)}")
    console.print(f"then: breakeven evaluate {workload} --labels {drawn.path}")
    return 0
