"""Evaluates a workload from the terminal, in this process, with progress; draws samples to label."""

import sys
from pathlib import Path
from typing import Literal

from flows.evaluation import Evaluated, evaluation
from flows.here import returned
from flows.surroundings import read_settings
from flows.terminal import interruptible
from models import workloads
from tasks.evaluation import document, text
from tasks.evaluation.as_json import as_json
from tasks.evaluation.run import Ask
from tasks.show_progress import progress_bar

Format = Literal["text", "markdown", "json", "html"]


def evaluate_here(ask: Ask, *, out: Path | None, output_format: Format) -> int:
    """Evaluate one workload now, and print what was found and where its page lies. Returns the exit code."""
    workloads.build(ask.workload, read_settings())  # an unknown name is an error before anything starts
    with progress_bar(), interruptible():
        done = evaluation(
            [ask.workload],
            ask.labels,
            ask.label_column,
            ask.limit,
            None if ask.adapter is None else str(ask.adapter),
            ask.keep,
            ask.seed,
            ask.rerun,
            None if out is None else str(out),
        )
    for one in returned(done, list):
        show(one, output_format)
    return 0


def show(one: Evaluated, output_format: Format) -> None:
    """Write an evaluation to standard output, as it is asked for."""
    match output_format:
        case "text":
            text.show(one.evaluation)
            sys.stdout.write(f"{one.path}\n")
        case "markdown":
            sys.stdout.write(document.markdown(one.evaluation))
        case "json":
            sys.stdout.write(as_json(one.evaluation))
        case "html":
            sys.stdout.write(document.html(one.evaluation))
    sys.stdout.flush()
