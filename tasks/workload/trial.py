"""Answers a few records of a workload by the code of a usual run, beside what is published, and returns input and output."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from db.answer_lines import AnswerLine, list_answer_lines
from models import workloads
from models.economics.quote import Quote
from models.engines.api.options import ApiOptions
from models.errors import BreakevenError, OutputError, UsageError
from models.records import QUARANTINE, Quarantined, Record
from models.routing.policy import Policy
from models.run import TRIAL, RunResult
from models.settings import Settings
from models.workloads.base import Workload
from models.workloads.observed import ANSWER
from tasks.backfill.quote import quote_partition
from tasks.display.run_rows import describe_counts
from tasks.planning.checks import source_of
from tasks.planning.request import EngineChoice, RunRequest
from tasks.reading.input_cache import InputCache
from tasks.reading.newest import newest_dates
from tasks.reading.partition import open_partition
from tasks.run.run_partition import run_request
from tasks.runtime.ledger_access import ledger_if_any
from tasks.runtime.shared_engine import shared_engine


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """Which records of a workload are to be tried: the first `limit` of a date, by default the newest one of the input."""

    workload: str
    limit: int = 5
    input: str | None = None
    day: date | None = None
    engine: EngineChoice = "vllm"
    rerun: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """One record of a trial. `output` is empty and `reason` says why where it was set aside; `answer` is the engine's, as it came.

    `line` is the ledger's line of the answer, None where no engine was asked.
    """

    key: str
    text: str = field(repr=False)
    output: Mapping[str, Any] = field(repr=False)
    confidence: float | None
    answer: str | None = field(repr=False)
    reason: str | None
    line: AnswerLine | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial came to; `result` is that of its run, which is `skipped` where all was answered before."""

    request: RunRequest
    records: tuple[Tried, ...]
    result: RunResult


def settings_of_trial(settings: Settings, engine: EngineChoice) -> Settings:
    """Return the settings of a trial: one engine alone answers, at once, and answers that are set aside are kept to be shown.

    Raises `UsageError` where the API is asked for and none is set up.
    """
    changes: dict[str, object] = {"quarantine_answers": True, "api_mode": "off"}
    if engine == "openai":
        if settings.api_mode == "off":
            msg = "--engine openai needs an API: set BREAKEVEN_API_MODE=sync and a key (docs/routing.md)"
            raise UsageError(msg)
        changes["api_mode"] = "sync"
    return settings.model_copy(update=changes)


def plan_trial(ask: TrialRequest, settings: Settings) -> RunRequest:
    """Find the date of a trial. Raises `UsageError` for a mistake in the workload, `InputError` for one in its input."""
    workload = workloads.build(ask.workload, settings)
    request = RunRequest(
        ask.workload,
        ask.day or datetime.now(UTC).date(),
        ask.input,
        limit=ask.limit,
        rerun=ask.rerun,
        refresh=not ask.rerun,
        engine=ask.engine,
        purpose=TRIAL,
    )
    if ask.day is not None:
        return request
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    found = newest_dates(source_of(workload, request, Policy(), InputCache.of(settings)), yesterday)
    return replace(request, partition=found[-1] if found else yesterday)


def quote_trial(request: RunRequest, settings: Settings) -> Quote:
    """Quote what of a trial is not answered yet."""
    return Quote.of([quote_partition(request, settings)])


def host_of_api(settings: Settings) -> str:
    """Return the host that records would be sent to. Raises `UsageError` for an API that is not set up."""
    return ApiOptions.from_settings(settings).host


def run_trial(request: RunRequest, settings: Settings) -> Trial:
    """Answer the records of a trial, as far as they are not answered already, and read what came of them.

    `settings` are those of `settings_of_trial`. Nothing that is published is touched. Raises the errors of a run, and
    `BreakevenError` where records of it wait.
    """
    with shared_engine(settings):
        result = run_request(request, settings)
    if result.state == "waiting":
        msg = (
            f"records of the trial of {result.workload} wait for the API ({describe_counts(result.waiting)}): what was "
            "answered is kept, the same command goes on with the rest"
        )
        raise BreakevenError(msg)
    if result.output is None:
        return Trial(request, (), result)
    return Trial(request, tuple(_records(request, settings, Path(result.output))), result)


def _records(request: RunRequest, settings: Settings, path: Path) -> list[Tried]:
    """Put the input's rows beside what was made of them, in the order of the input."""
    workload = workloads.build(request.workload, settings)
    answered, aside = read_answered(path), _read(path.with_name(QUARANTINE))
    with ledger_if_any(settings) as session:
        lines = {} if session is None else list_answer_lines(session, workload.name, request.partition, TRIAL)
    rows = read_inputs(workload, request)
    return [_tried(workload, row, answered.get(row.key), aside.get(row.key), lines) for row in rows]


def read_inputs(workload: Workload, request: RunRequest) -> list[Record | Quarantined]:
    """Read the rows of a request again, as its run did. Raises `InputError`."""
    reader = open_partition(source_of(workload, request, Policy()), request.partition, request.limit)
    return [row for batch in reader.batches() for row in batch]


def _tried(
    workload: Workload,
    row: Record | Quarantined,
    answered: Mapping[str, Any] | None,
    aside: Mapping[str, Any] | None,
    lines: Mapping[str, AnswerLine],
) -> Tried:
    text = row.text if isinstance(row, Record) else ""
    line = lines.get(row.key)
    if answered is None:
        reason = "the input has changed meanwhile" if aside is None else reason_of(aside)
        return Tried(row.key, text, {}, None, None if aside is None else aside.get("answer"), reason, line)
    output = {name: answered[name] for name in workload.output.model_fields}
    return Tried(row.key, text, output, answered["confidence"], answered[ANSWER], None, line)


def reason_of(aside: Mapping[str, Any]) -> str:
    """Say why a row was set aside: the member at fault and the rule that it broke."""
    rule = " ".join(str(one) for one in (aside["field"], aside["rule"]) if one)
    return f"{aside['reason']}: {rule or aside['detail']}"


def read_answered(path: Path) -> dict[str, dict[str, Any]]:
    """Read published rows by record key. Raises `OutputError`."""
    return _read(path)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        frame = pl.read_parquet(path, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"cannot read {path}: {str(error).splitlines()[0]}; --rerun asks for its records again"
        raise OutputError(msg) from error
    return {row["record_key"]: row for row in frame.iter_rows(named=True)}


def shown_output(output: Mapping[str, Any]) -> str:
    """Return an answer as people read it: the value of its only member, else the members as JSON."""
    values = list(output.values())
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    inner = values[0] if len(values) == 1 else dict(output)
    return json.dumps(inner, ensure_ascii=False, default=str)
