"""With which prompt each published partition of a workload was answered, and what that took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from db.tables import DailyUsageRow as Usage
from db.tables import ModelRow, PromptRow, RunRow
from db.tables import PartitionVersionRow as Row
from db.throughput import SERVED
from models.run import PRODUCTION

_AT_ONCE = 500
"""Versions of one query: SQLite takes some thousand parameters."""


@dataclass(frozen=True, slots=True)
class PublishedPrompt:
    """A published partition, and the prompt and local model of the run that published it.

    `versions`: the keys of the version and of those whose rows it took over. `records` are those that are published.
    """

    partition: date
    published_at: datetime
    records: int
    path: str
    prompt_version: str
    fingerprint: str
    model: str
    versions: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class AnswerSums:
    """What answering some partitions took.

    `requests`, `input_tokens`, `cached_tokens` and `output_tokens`: the local engine's. `api_input_tokens` and
    `api_output_tokens`: of all answers, as the API's tokenizer counted or estimated them.
    """

    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    api_input_tokens: int = 0
    api_output_tokens: int = 0


def list_published_prompts(session: Session, workload: str) -> list[PublishedPrompt]:
    """Return the published partitions of a workload, in the order of their dates."""
    rows = session.execute(
        select(Row.id, Row.based_on, Row.state, Row.partition, Row.published_at, Row.records, Row.output_path)
        .where(Row.workload == workload, Row.purpose == PRODUCTION)
        .order_by(Row.partition)
    ).all()
    before = {row.id: row.based_on for row in rows}
    published = [row for row in rows if row.state == "published"]
    prompts = _newest_prompts(session, workload)
    return [
        PublishedPrompt(
            row.partition,
            row.published_at,
            row.records or 0,
            row.output_path or "",
            *prompts[row.id],
            tuple(_chain(row.id, before)),
        )
        for row in published
        if row.id in prompts
    ]


def find_prompt(session: Session, workload: str, version_id: UUID) -> tuple[str, str, str] | None:
    """Return version and fingerprint of the prompt that a version was answered with, and the local model's name."""
    return _newest_prompts(session, workload).get(version_id)


def find_classifier(session: Session, version_id: UUID) -> str | None:
    """Return the classifier that answered rows of a version, or of those whose rows it took over; None where none did."""
    versions = versions_behind(session, version_id)
    found: str | None = session.execute(
        select(ModelRow.name)
        .join(Usage, Usage.model_id == ModelRow.id)
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(RunRow.version_id.in_(versions), Usage.engine == "classifier", Usage.outcome == "ok")
        .order_by(RunRow.started_at.desc())
        .limit(1)
    ).scalar()
    return found


def versions_behind(session: Session, version_id: UUID) -> list[UUID]:
    """Return a version and those whose rows it took over, one after the other."""
    versions: list[UUID] = []
    last: UUID | None = version_id
    while last is not None:
        versions.append(last)
        last = session.execute(select(Row.based_on).where(Row.id == last)).scalar_one()
    return versions


def _newest_prompts(session: Session, workload: str) -> dict[UUID, tuple[str, str, str]]:
    found = session.execute(
        select(RunRow.version_id, PromptRow.version, PromptRow.fingerprint, ModelRow.name)
        .join(PromptRow, PromptRow.id == RunRow.prompt_id)
        .join(ModelRow, ModelRow.id == RunRow.model_id)
        .where(RunRow.workload == workload, RunRow.purpose == PRODUCTION)
        .order_by(RunRow.started_at, RunRow.id)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in found}


def _chain(version_id: UUID | None, before: dict[UUID, UUID | None]) -> Iterable[UUID]:
    while version_id is not None and version_id in before:
        yield version_id
        version_id = before[version_id]


def sum_answers(session: Session, versions: Sequence[UUID]) -> AnswerSums:
    """Sum what the runs of some versions took. Identical texts were asked once; archived lines are in it."""
    total = [0] * len(AnswerSums.__slots__)
    for first in range(0, len(versions), _AT_ONCE):
        for place, value in enumerate(session.execute(_sums(versions[first : first + _AT_ONCE])).one()):
            total[place] += int(value or 0)
    return AnswerSums(*total)


def _sums(versions: Sequence[UUID]) -> Select[Any]:
    served = case((Usage.outcome.in_(SERVED), Usage.attempts), else_=0)
    local = Usage.engine == "vllm"
    ours = [
        case((local, getattr(Usage, name)), else_=0)
        for name in ("input_tokens", "cached_tokens", "output_tokens")
    ]
    return (
        select(
            func.sum(case((local, served), else_=0)),
            *(func.sum(one) for one in ours),
            func.sum(Usage.counterfactual_input_tokens),
            func.sum(Usage.counterfactual_output_tokens),
        )
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(RunRow.version_id.in_(versions))
    )
