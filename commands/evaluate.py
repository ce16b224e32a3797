"""`breakeven evaluate`: is the small model good enough for a workload? Measured on records with known labels."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from models.errors import UsageError

Format = Literal["text", "markdown", "json", "html"]


def evaluate(
    workload: str,
    /,
    *,
    labels: str | None = None,
    label_column: str | None = None,
    limit: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    adapter: Path | None = None,
    keep: float = 0.9,
    seed: int = 0,
    rerun: bool = False,
    sample: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    input: str | None = None,
    out: Path | None = None,
    format: Format = "text",
) -> int:
    """Compare the small model with the API model on labelled records, or draw records to label.

    Parameters
    ----------
    workload
        Name of the workload, such as sentiment.
    labels
        Parquet, CSV or JSON lines file of labelled records; default: labelled_file of the workload's settings.
    label_column
        Column of the right label; default: the workload's setting, else label.
    limit
        Take so many of the records, drawn by the seed; those of a smaller limit are among those of a larger one.
    adapter
        Folder of a LoRA adapter, to compare with the base model on the same records.
    keep
        Wished part of the API model's accuracy, for the verdict and the threshold.
    seed
        What the records of --limit and --sample are drawn by.
    rerun
        Ask again what was answered in this month already.
    sample
        Draw so many records to label, of every kind its share, and write them to a file; evaluate nothing.
    input
        What to draw the sample from; default: the workload's input.
    out
        Folder for page, JSON and Markdown, default: evaluations/WORKLOAD in the output folder. With --sample: the
        file to write, CSV or JSON lines, default: WORKLOAD-to-label.csv.
    format
        What standard output gets: tables, or the report itself.
    """
    from flows.quiet import keep_prefect_here

    if sample is not None and (labels is not None or adapter is not None or rerun):
        msg = (
            "--sample draws records to label and evaluates nothing: leave out --labels, --adapter and --rerun"
        )
        raise UsageError(msg)
    keep_prefect_here()
    if sample is not None:
        from flows.sample_here import sample_here

        return sample_here(workload, sample, input=input, seed=seed, out=out)
    if input is not None:
        msg = "--input is what --sample draws from; records that are labelled come with --labels"
        raise UsageError(msg)
    from flows.evaluate_here import evaluate_here
    from tasks.evaluation.run import Ask

    ask = Ask(workload, labels, label_column, limit, adapter, keep, seed, rerun)
    return evaluate_here(ask, out=out, output_format=format)
