"""What an API answered of a workload's records: published answers and audits, joined with their texts in the input."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from db.partitions import PartitionVersion, list_published
from models.errors import InputError
from models.requests import JsonValue
from models.run import AUDIT, PRODUCTION
from models.settings import Settings
from models.training.examples import Example, Source
from models.workloads.answer_kind import published_answer
from models.workloads.base import Workload
from tasks.planning.read_again import read_again
from tasks.reading.input_cache import InputCache
from tasks.runtime.ledger_access import ledger_if_any
from tasks.storage.merge_parts import TEXT_HASH

MOST = 200_000
"""Answers that are gathered at most, those of the newest partitions first."""

log = logging.getLogger(__name__)

_Answers = dict[int, list[tuple[JsonValue, Source]]]
"""Answers by the hash of their text."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Examples of an API, the models that answered, and how many answers have no text in the input any more."""

    examples: Sequence[Example] = ()
    models: tuple[str, ...] = ()
    lost: int = 0


def gather_api_answers(workload: Workload, settings: Settings) -> Gathered:
    """Return what an API answered of published records and in audits, with the texts as the input has them now.

    A published file or an input that cannot be read is passed over with a warning. Raises `DatabaseUnavailable`.
    """
    examples: list[Example] = []
    models: set[str] = set()
    lost = 0
    by_day = _by_day(workload, settings)
    for day in sorted(by_day, reverse=True):
        answers, named = _read(by_day[day], workload)
        if not answers:
            continue
        models |= named
        found = _with_texts(workload, settings, day, answers)
        lost += sum(map(len, answers.values())) - len(found)
        examples += found
        if len(examples) >= MOST:
            break
    return Gathered(examples[:MOST], tuple(sorted(models)), lost)


def teaching_models(workload: Workload, settings: Settings) -> tuple[str, ...]:
    """Return the API models whose answers are published for a workload or were its audits; no input is read."""
    every = [one for versions in _by_day(workload, settings).values() for one in versions]
    named = [_scan(version, ["engine", "model"]) for version, _ in every]
    return tuple(sorted({str(name) for frame in named if frame is not None for name in frame["model"]}))


def _by_day(
    workload: Workload, settings: Settings
) -> Mapping[date, Sequence[tuple[PartitionVersion, Source]]]:
    with ledger_if_any(settings, update=True) as session:
        if session is None:
            return {}
        every: list[tuple[PartitionVersion, Source]] = [
            *((one, "api") for one in list_published(session, PRODUCTION)),
            *((one, "audit") for one in list_published(session, AUDIT)),
        ]
    days: dict[date, list[tuple[PartitionVersion, Source]]] = {}
    for version, source in every:
        if version.workload == workload.name and version.output_path:
            days.setdefault(version.partition, []).append((version, source))
    return days


def _read(
    versions: Iterable[tuple[PartitionVersion, Source]], workload: Workload
) -> tuple[_Answers, set[str]]:
    answers: _Answers = {}
    models: set[str] = set()
    for version, source in versions:
        frame = _scan(version, None)
        if frame is None or not set(_columns(workload)) <= set(frame.columns):
            continue  # of another kind, or without hashes of texts
        models |= set(frame["model"].cast(pl.String).to_list())
        for row in frame.iter_rows(named=True):
            answers.setdefault(row[TEXT_HASH], []).append((published_answer(workload, row), source))
    return answers, models


def _columns(workload: Workload) -> Sequence[str]:
    own = list(workload.output.model_fields) if workload.kind == "object" else [workload.kind]
    return [TEXT_HASH, "engine", "model", *own]


def _scan(version: PartitionVersion, columns: list[str] | None) -> pl.DataFrame | None:
    """Read the rows of a published file that an API answered; None where it cannot be read."""
    path = Path(version.output_path or "")
    try:
        frame: Any = pl.scan_parquet(path, hive_partitioning=False)
        frame = frame if columns is None else frame.select(columns)
        found: pl.DataFrame = frame.filter(pl.col("engine").cast(pl.String) == "openai").collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        log.warning("%s is passed over: %s", path, str(error).splitlines()[0])
        return None
    return found


def _with_texts(workload: Workload, settings: Settings, day: date, answers: _Answers) -> list[Example]:
    found: list[Example] = []
    left = set(answers)
    try:
        for record in read_again(workload, day, cache=InputCache.of(settings)):
            if record.text_hash in left:
                left.discard(record.text_hash)
                found += [
                    Example(record.text, answer, source) for answer, source in answers[record.text_hash]
                ]
            if not left:
                break
    except InputError as error:
        log.warning("the texts of %s %s cannot be read again: %s", workload.name, day, error)
    return found
