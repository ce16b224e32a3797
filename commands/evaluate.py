"""`breakeven evaluate`: is the small model good enough for a workload? Measured on records with known right answers."""

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from models.errors import UsageError
from tasks.display.formats import DocumentFormat


def evaluate(
    workload: str,
    /,
    *,
    labels: str | None = None,
    label_column: str | None = None,
    limit: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    adapter: Path | None = None,
    classifier: str | None = None,
    keep: float = 0.9,
    seed: int = 0,
    rerun: bool = False,
    judge: bool = False,
    second_labels: str | None = None,
    sample: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    input: str | None = None,
    from_: Annotated[date | None, Parameter(name="--from")] = None,
    to: date | None = None,
    without: str | None = None,
    out: Path | None = None,
    format: DocumentFormat = "text",
) -> int:
    """Compare the small model with the API model on labelled records, or draw records to label.

    Parameters
    ----------
    workload
        Name of the workload, such as sentiment.
    labels
        Parquet, CSV or JSON lines file of labelled records, or people: the labels of `breakeven label`; default: labelled_file of the workload's settings.
    label_column
        Column of the right answer; default: the workload's setting, else label, labels, reference, or an object's fields.
    limit
        Take so many of the records, drawn by the seed; those of a smaller limit are among those of a larger one.
    adapter
        Folder of a LoRA adapter, to compare with the base model on the same records.
    classifier
        Name of a classifier that was trained here; default: the one in force, else the newest candidate, if there is one.
    keep
        Wished part of the API model's accuracy, for the verdict, the threshold and the stages.
    seed
        What the records of --limit and --sample are drawn by.
    rerun
        Ask again what was answered in this month already.
    judge
        Let the API model say which of the two models' answers is better, each pair in both orders; it costs what it asks.
    second_labels
        Column of a second labeller's labels, of some records or all: how far the two agree, and whether the verdict stands it.
    sample
        Draw so many records to label, of every kind its share, and write them to a file; evaluate nothing.
    input
        What to draw the sample from; default: the workload's input.
    from_
        First partition (UTC date) to draw the sample from, with --to; default: the whole input.
    to
        Last partition, inclusive.
    without
        File of an earlier sample: what it holds is not drawn again.
    out
        Folder for page, JSON and Markdown, default: evaluations/WORKLOAD in the output folder. With --sample: the
        file to write, CSV or JSON lines, default: WORKLOAD-to-label.csv.
    format
        What standard output gets: tables, or the report itself.
    """
    from commands.quiet_libraries import keep_prefect_here
    from flows.streams import guard_streams

    if sample is not None and (labels or adapter or classifier or rerun or judge or second_labels):
        msg = "--sample draws records to label and evaluates nothing: leave out --labels, --adapter, --classifier, --rerun, --judge and --second-labels"
        raise UsageError(msg)
    guard_streams()
    keep_prefect_here()
    if sample is not None:
        from commands.sample_now import sample_and_print
        from tasks.labelling.draw_sample import SampleRequest

        asked = SampleRequest(sample, seed, input, _dates(from_, to), out, without)
        return sample_and_print(workload, asked)
    if (input, from_, to, without) != (None, None, None, None):
        msg = "--input, --from, --to and --without are for --sample; records that are labelled come with --labels"
        raise UsageError(msg)
    from commands.evaluate_now import evaluate_and_print
    from tasks.evaluation.run import EvaluationRequest

    ask = EvaluationRequest(
        workload, labels, label_column, limit, adapter, keep, seed, rerun, judge, second_labels, classifier
    )
    return evaluate_and_print(ask, out=out, output_format=format)


def _dates(first: date | None, last: date | None) -> tuple[date, date] | None:
    if first is None and last is None:
        return None
    if first is None or last is None or last < first:
        msg = "give both --from and --to, the first day and the last"
        raise UsageError(msg)
    return first, last
