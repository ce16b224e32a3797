"""Evaluates a workload from the terminal, in this process, with progress; draws samples to label."""

import sys
from pathlib import Path

from commands.run_inline import check_result, withhold_secrets
from commands.terminal import raise_on_sigterm
from flows.environment import read_settings
from flows.evaluation import Evaluated, evaluation
from models import workloads
from tasks.display.formats import DocumentFormat
from tasks.display.show_progress import progress_bar
from tasks.display.table_layout import write_data
from tasks.evaluation.run import EvaluationRequest
from tasks.evaluation.stored_json import as_json
from tasks.evaluation_report import files, terminal


def evaluate_and_print(ask: EvaluationRequest, *, out: Path | None, output_format: DocumentFormat) -> int:
    """Evaluate one workload now, and print what was found and where its page lies. Returns the exit code."""
    workloads.build(ask.workload, read_settings())  # an unknown name is an error before anything starts
    with progress_bar(), raise_on_sigterm():
        done = evaluation(
            [ask.workload],
            withhold_secrets(ask.workload, ask.labels, "labelled_file"),
            ask.label_column,
            ask.limit,
            None if ask.adapter is None else str(ask.adapter),
            ask.keep,
            ask.seed,
            ask.rerun,
            None if out is None else str(out),
            ask.judge,
            ask.second_labels,
            ask.classifier,
        )
    for one in check_result(done, list):
        show(one, output_format)
    return 0


def show(one: Evaluated, output_format: DocumentFormat) -> None:
    """Write an evaluation to standard output, as it is asked for."""
    match output_format:
        case "text":
            terminal.show(one.evaluation)
            write_data(f"{one.path}\n")
        case "markdown":
            write_data(files.markdown(one.evaluation))
        case "json":
            write_data(as_json(one.evaluation))
        case "html":
            write_data(files.html(one.evaluation))
    sys.stdout.flush()
