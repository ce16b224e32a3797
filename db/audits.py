"""Audits: whether the API, or people, agree with what was served without it, record by record, and what asking it cost."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, and_, cast, delete, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.dialects import clock, insert_all_new
from db.tables import AuditRow as Row
from db.tables import DailyUsageRow as Usage
from db.tables import PartitionVersionRow, PromptRow, RunRow
from models.evaluation.audit_counts import AuditCount, Judge
from models.ids import new_id
from models.months import month_of, months_later
from models.run import AUDIT, PRODUCTION


@dataclass(frozen=True, slots=True)
class AuditedRecord:
    """One record that `engine` served with this model and prompt, and whether the API, asked by the run `run_id`, agrees.

    Where people judged it, `run_id` is the run that published it; None: they saw it and said nothing that counts.
    """

    record_key: str
    engine: str
    model_id: int
    prompt_id: int
    run_id: UUID
    agrees: bool | None
    judge: Judge = "api"


@dataclass(frozen=True, slots=True)
class ServingRun:
    """The newest run of a version: what it was answered with. `prompt` is the fingerprint of its prompt."""

    run_id: UUID
    model_id: int
    prompt_id: int
    prompt: str


def replace_audits(
    session: Session,
    workload: str,
    partition: date,
    audited: Sequence[AuditedRecord],
    judge: Judge = "api",
) -> None:
    """Write what `judge` found of a partition, in the place of what was found before: it speaks of what is published now."""
    before = (Row.workload == workload, Row.partition == partition, Row.judge == judge)
    session.execute(delete(Row).where(*before))
    now = clock(session)
    same = {"at": now, "workload": workload, "partition": partition}
    rows = [{"id": new_id(), **same, **asdict(one)} for one in audited]
    insert_all_new(session, Row, rows, key=("workload", "partition", "judge", "record_key"))


def find_serving_run(session: Session, version_id: UUID) -> ServingRun | None:
    """Return the newest run of a version, None where it has none."""
    found = session.execute(
        select(RunRow.id, RunRow.model_id, RunRow.prompt_id, PromptRow.fingerprint)
        .join(PromptRow, PromptRow.id == RunRow.prompt_id)
        .where(RunRow.version_id == version_id)
        .order_by(RunRow.started_at.desc(), RunRow.id.desc())
        .limit(1)
    ).first()
    return None if found is None else ServingRun(*found)


def count_months(
    session: Session, *, workload: str | None = None, until: date | None = None, in_force: bool = False
) -> list[AuditCount]:
    """Count audited records by workload, engine, judge and month of their partition, in this order.

    `until`: the last partition that counts. `in_force`: only those that were served with the prompt of the workload's newest run in production, and
    with its model, or with the classifier that served the newest of them.
    """
    agreeing = func.sum(cast(Row.agrees, Integer))
    keys = (Row.workload, Row.engine, Row.judge, Row.partition)
    audited = func.count(Row.agrees)
    days = select(*keys, audited, func.coalesce(agreeing, 0), func.count() - audited).group_by(*keys)
    if workload is not None:
        days = days.where(Row.workload == workload)
    if until is not None:
        days = days.where(Row.partition <= until)
    if in_force:
        newest, classifier = _newest_runs().subquery(), _newest_classifiers(until).subquery()
        own = (newest.c.workload == Row.workload, newest.c.place == 1, newest.c.prompt_id == Row.prompt_id)
        days = days.join(newest, and_(*own))
        days = days.outerjoin(
            classifier, and_(classifier.c.workload == Row.workload, classifier.c.place == 1)
        ).where(
            or_(
                and_(Row.engine == "vllm", Row.model_id == newest.c.model_id),
                and_(Row.engine != "vllm", Row.model_id == classifier.c.model_id),
            )
        )
    sums: defaultdict[tuple[str, str, Judge, date], list[int]] = defaultdict(lambda: [0, 0, 0])
    for name, engine, judge, day, *found in session.execute(days):
        counts = sums[name, engine, judge, month_of(day)]
        counts[:] = [before + int(more) for before, more in zip(counts, found, strict=True)]
    return [
        AuditCount(name, engine, month, counts[0], counts[1], judge, counts[2])
        for (name, engine, judge, month), counts in sorted(sums.items())
    ]


def _newest_runs() -> Select[Any]:
    newest_first = (RunRow.started_at.desc(), RunRow.id.desc())
    place = func.row_number().over(partition_by=RunRow.workload, order_by=newest_first).label("place")
    runs = select(RunRow.workload, RunRow.model_id, RunRow.prompt_id, place)
    return runs.where(RunRow.purpose == PRODUCTION)


def _newest_classifiers(until: date | None) -> Select[Any]:
    newest_first = (Row.partition.desc(), Row.id.desc())
    place = func.row_number().over(partition_by=Row.workload, order_by=newest_first).label("place")
    rows = select(Row.workload, Row.model_id, place).where(Row.engine == "classifier")
    return rows if until is None else rows.where(Row.partition <= until)


def list_disagreeing(session: Session, of: AuditCount, limit: int) -> list[tuple[date, str]]:
    """Return some of the records that were counted and answered otherwise, the newest first: partition and record key."""
    rows = session.execute(
        select(Row.partition, Row.record_key)
        .where(
            Row.workload == of.workload,
            Row.engine == of.engine,
            Row.judge == of.judge,
            Row.partition >= of.month,
            Row.partition < months_later(of.month, 1),
            Row.agrees.is_(False),
        )
        .order_by(Row.partition.desc(), Row.record_key)
        .limit(limit)
    )
    return [(day, key) for day, key in rows]


def list_uncounted(session: Session, since: datetime) -> list[tuple[str, date]]:
    """Return the partitions whose newest audit had all its answers since then and was not compared: the process was killed in between.

    What an earlier audit found of a smaller share counts for nothing here.
    """
    place = func.row_number().over(
        partition_by=(RunRow.workload, RunRow.partition),
        order_by=(RunRow.started_at.desc(), RunRow.id.desc()),
    )
    newest = (
        select(RunRow.id, RunRow.workload, RunRow.partition, RunRow.ended_at, place.label("place"))
        .where(RunRow.purpose == AUDIT, RunRow.state == "completed")
        .subquery()
    )
    counted = exists().where(Row.run_id == newest.c.id, Row.judge == "api")
    rows = session.execute(
        select(newest.c.workload, newest.c.partition)
        .where(newest.c.place == 1, newest.c.ended_at >= since, ~counted)
        .order_by(newest.c.workload, newest.c.partition)
    )
    return [(workload, partition) for workload, partition in rows]


def list_unaudited(session: Session, since: datetime, until: datetime) -> list[tuple[str, date]]:
    """Return the partitions that were published from then until then, and of which no audit by the API has begun since."""
    version = aliased(PartitionVersionRow)
    same = (RunRow.workload == version.workload, RunRow.partition == version.partition)
    asked = exists().where(*same, RunRow.purpose == AUDIT, RunRow.started_at >= version.published_at)
    own = (Row.workload == version.workload, Row.partition == version.partition, Row.judge == "api")
    compared = exists().where(*own, Row.at >= version.published_at)
    rows = session.execute(
        select(version.workload, version.partition)
        .where(version.purpose == PRODUCTION, version.state == "published")
        .where(version.published_at >= since, version.published_at <= until, ~asked, ~compared)
        .order_by(version.workload, version.partition)
    )
    return [(workload, partition) for workload, partition in rows]


def list_audited(session: Session, workload: str) -> list[tuple[date, str, bool]]:
    """Return every record of a workload that the API audited, the newest partition first: partition, record key, and whether it agrees."""
    rows = session.execute(
        select(Row.partition, Row.record_key, Row.agrees)
        .where(Row.workload == workload, Row.judge == "api")
        .order_by(Row.partition.desc(), Row.record_key)
    )
    return [(day, key, bool(agrees)) for day, key, agrees in rows]


def read_spend(session: Session, workload: str, day: date) -> int:
    """Return what audits of a workload cost on APIs in the UTC month of `day`, nano-dollars, what is in flight at its upper bound."""
    first = month_of(day)
    spent = (
        select(func.coalesce(func.sum(Usage.cost_nano), 0))
        .join(RunRow, RunRow.id == Usage.run_id)
        .where(
            RunRow.workload == workload,
            RunRow.purpose == AUDIT,
            Usage.engine == "openai",
            Usage.day >= first,
            Usage.day < months_later(first, 1),
        )
    )
    return int(session.execute(spent).scalar_one())
