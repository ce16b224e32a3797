"""`breakeven forecast`: twelve months of real prompts or bare numbers, on the API and on a machine of one's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from tasks.display.formats import TableFormat

PER_WORKLOAD = (
    "--input, --daily, --growth, --column, --where, --output-column, --input-tokens, --output-tokens, --shared-prefix, "
    "--workload, --name"
)


def forecast(
    *,
    input: str | None = None,
    daily: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    model: str | None = None,
    local_model: str | None = None,
    gpu: str | None = None,
    input_tokens: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    output_tokens: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    shared_prefix: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    at_once: Annotated[bool, Parameter(negative=())] = False,
    output_column: str | None = None,
    column: Annotated[list[str] | None, Parameter(negative=(), consume_multiple=True)] = None,
    where: str | None = None,
    growth: str | None = None,
    workload: str | None = None,
    name: str | None = None,
    sample: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    config: Path | None = None,
    format: TableFormat = "table",
    out: Path | None = None,
) -> None:
    """Say which is the cheapest way of twelve months: API at once or in batches, own GPU reserved or on demand, or both.

    The tokens of real prompts are counted (--input FILE), or given (--input-tokens 1200 --output-tokens 300).

    Parameters
    ----------
    input
        File (Parquet, CSV, JSON lines), folder, glob or object-store URL with prompts; default: the workload's input.
    daily
        Records a day in the first month.
    model
        API model, such as gpt-6-luna; default: the setting.
    local_model
        Model on a machine of your own, as `breakeven catalog` names it; default: the setting, else Llama 3.1 8B.
    gpu
        Machine of your own, as `breakeven catalog` names it; default: this machine's GPU, else an A10G.
    input_tokens
        Tokens of a request, instead of a file of prompts.
    output_tokens
        Tokens of an answer; default: as earlier runs of the workload had them, else assumed.
    shared_prefix
        Tokens at the beginning of a request that all share, beside --input-tokens: the own engine caches them, the
        API from 1,024 on.
    at_once
        Answers cannot wait a day: compare with the API at once, without batches.
    output_column
        Column that holds answers, whose tokens are counted instead.
    column
        Columns of the prompt, such as subject,body: joined by line feeds; the option may be repeated; default: found
        by name.
    where
        SQL condition on the input's columns.
    growth
        Growth of the records each month: 0.05 or 5%.
    workload
        Render the texts as this workload of the project does, instead of taking each as a whole request.
    name
        Name of the prompts in the output; default: the workload's or the file's.
    sample
        Prompts that are counted, drawn by chance; 0: all; default: the setting quote_texts.
    from_
        First month, YYYY-MM; default: the next one.
    config
        TOML file that asks for several workloads at once; see docs/forecast.md.
    format
        A table for people, rows a month, or everything as JSON.
    out
        Folder for forecast.json and forecast.png.
    """
    one = {
        "input": input,
        "daily": daily,
        "growth": growth,
        "column": column,
        "where": where,
        "output_column": output_column,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "shared_prefix": shared_prefix,
        "workload": workload,
        "name": name,
    }
    whole = {
        "model": model,
        "local_model": local_model,
        "gpu": gpu,
        "start": from_,
        "sample": sample,
        "at_once": at_once or None,
    }
    _forecast(_given(one), _given(whole), config, format, out)


def _given(options: Mapping[str, object]) -> dict[str, object]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _forecast(
    one: dict[str, object],
    whole: dict[str, object],
    config: Path | None,
    output_format: TableFormat,
    out: Path | None,
) -> None:
    """Forecast the one workload that was given, or those of a file. Raises `UsageError` for both, and for neither."""
    from flows.environment import read_settings
    from models.errors import UsageError
    from tasks.forecast.command import check_ask, read_ask, show_forecast

    settings = read_settings()
    if config is not None:
        if one:
            msg = f"--config names the workloads itself; leave out {PER_WORKLOAD}"
            raise UsageError(msg)
        ask = check_ask(read_ask(config).model_dump(exclude_unset=True) | whole)
    elif "daily" not in one:
        msg = (
            "give --daily N (records a day) with --input FILE, or with --input-tokens and --output-tokens; or --config "
            "FILE for several workloads"
        )
        raise UsageError(msg)
    else:
        ask = check_ask({"sample": settings.quote_texts, **whole, "workloads": [one]})
    show_forecast(ask, settings, output_format=output_format, out=out)
