"""Compares the answers of a workload as it is now with what is published, on a sample of records."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from models import workloads
from models.records import PUBLISHED_COLUMNS
from models.run import TRIAL, RunResult
from models.settings import Settings
from tasks.planning.request import EngineChoice, RunRequest
from tasks.runtime.atomic_files import replace_file
from tasks.storage.output_folders import evaluations_folder
from tasks.workload.published_sample import DrawnRecords, PublishedRecord, draw_published
from tasks.workload.trial import Tried, run_trial, shown_output


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """What is to be compared: `sample` published records of a workload, drawn by `seed`, with what `engine` answers now."""

    workload: str
    sample: int = 50
    seed: int = 0
    input: str | None = None
    engine: EngineChoice = "vllm"
    rerun: bool = False


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """How many records have the same value in a column as is published, another one, or no valid answer now."""

    column: str
    equal: int
    changed: int
    now_invalid: int


@dataclass(frozen=True, slots=True)
class Change:
    """One record whose answer is another one now; `now` is the reason where it is none."""

    record: str
    text: str
    column: str
    published: str
    now: str


@dataclass(frozen=True, slots=True)
class Diff:
    """What a comparison found. `only_now` and `only_published`: columns that the other side does not have."""

    drawn: DrawnRecords
    columns: tuple[ColumnDiff, ...]
    changes: tuple[Change, ...]
    only_now: tuple[str, ...]
    only_published: tuple[str, ...]
    result: RunResult

    @property
    def same(self) -> bool:
        """Whether every answer is as it is published."""
        return not (self.changes or self.only_now or self.only_published)


@dataclass(frozen=True, slots=True)
class DiffPlan:
    """What is to be run for a comparison, and what its answers are compared with."""

    request: RunRequest
    drawn: DrawnRecords


@contextmanager
def plan_diff(ask: DiffRequest, settings: Settings) -> Iterator[DiffPlan]:
    """Draw published records and write their texts as an input, which is there until the block ends.

    `settings` are those of `tasks.workload.trial.settings_of_trial`. Raises what `draw_published` raises, `OutputError`.
    """
    workload = workloads.build(ask.workload, settings)
    drawn = draw_published(workload, settings, ask.sample, ask.seed, ask.input)
    with _snapshot(drawn, ask, settings) as path:
        request = RunRequest(
            ask.workload,
            drawn.newest,
            str(path),
            rerun=ask.rerun,
            refresh=not ask.rerun,
            engine=ask.engine,
            purpose=TRIAL,
            as_texts=True,
        )
        yield DiffPlan(request, drawn)


def run_diff(plan: DiffPlan, settings: Settings) -> Diff:
    """Answer the drawn records as the workload is now, and compare column by column. Nothing that is published is touched.

    Raises what `run_trial` raises.
    """
    trial = run_trial(plan.request, settings)
    columns = tuple(workloads.build(plan.request.workload, settings).output.model_fields)
    return _compare(plan.drawn, {one.key: one for one in trial.records}, columns, trial.result)


@contextmanager
def _snapshot(drawn: DrawnRecords, ask: DiffRequest, settings: Settings) -> Iterator[Path]:
    """Write the texts as an input that a run reads. Raises `OutputError`."""
    ids = [one.id for one in drawn.records]
    name = blake2b("\n".join(ids).encode(), digest_size=8).hexdigest()
    path = evaluations_folder(settings.output_dir, ask.workload) / f"published-{name}.parquet"
    columns = {"id": ids, "text": [one.text for one in drawn.records]}
    with replace_file(path) as temporary:
        pl.DataFrame(columns, schema={"id": pl.String, "text": pl.String}).write_parquet(temporary)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _compare(
    drawn: DrawnRecords, now: Mapping[str, Tried], columns: Sequence[str], result: RunResult
) -> Diff:
    published = set(drawn.records[0].row) if drawn.records else set()
    shared = [name for name in columns if name in published]
    own = [name for name in drawn.records[0].row if name not in PUBLISHED_COLUMNS]
    pairs = [(one, now.get(one.id)) for one in drawn.records]
    return Diff(
        drawn,
        tuple(_column(name, pairs) for name in shared),
        tuple(change for one, new in pairs for change in _changes(one, new, shared)),
        tuple(name for name in columns if name not in published),
        tuple(name for name in own if name not in columns),
        result,
    )


def _column(name: str, pairs: Sequence[tuple[PublishedRecord, Tried | None]]) -> ColumnDiff:
    answered = [(one, new) for one, new in pairs if new is not None and new.reason is None]
    equal = sum(one.row[name] == new.output[name] for one, new in answered)
    return ColumnDiff(name, equal, len(answered) - equal, len(pairs) - len(answered))


def _changes(one: PublishedRecord, new: Tried | None, columns: Sequence[str]) -> Iterator[Change]:
    if new is None or new.reason is not None:
        reason = "was not answered" if new is None else new.reason or ""
        before = shown_output({name: one.row[name] for name in columns})
        yield Change(one.id, one.text, "(no valid answer)", before, reason)
        return
    for name in columns:
        if one.row[name] != new.output[name]:
            yield Change(one.id, one.text, name, _shown(one.row[name]), _shown(new.output[name]))


def _shown(value: Any) -> str:  # noqa: ANN401  any value of a column
    return shown_output({"value": value})
