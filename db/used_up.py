"""Records that have used up their attempts on an API over all runs and batches of a version, and got no usable answer.

An attempt counts that reached the provider and gave nothing usable, so that it may have been billed, or that
failed on the record's own account. What befell everybody says nothing about a record: nobody is on the list before
something of the version was answered, or the same model on a later day (a record may be the only one of its
partition that goes to the API), and failures that were not billed count only while most of the records that have
them also failed where others were answered since.
"""

from collections.abc import Iterator
from datetime import UTC
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from db.tables import BatchRow, PartitionVersionRow, RunRow
from db.tables import DailyUsageRow as Usage
from db.tables import LedgerLineRow as Line

OURS = ("cancelled", "interrupted", "stale_reply")
"""Failures of attempts of unknown outcome that the run caused itself, or that another attempt's reply did."""
SETTING = "reasoning_limit"
"""Failure of an answer that the settings left no room for."""
_OWN = (
    "http_408",
    "http_409",
    "http_425",
    "request_timeout",
    "server_error",
    "internal_error",
    "internal_server_error",
    "no_answer",
)
"""Failures that were not billed and that may be the record's own, beside every 5xx."""


def count_failures(session: Session, version_id: UUID) -> Iterator[tuple[str, int]]:
    """Yield the records of a version that no answer served, each with the attempts that count against it.

    A record that is done otherwise, set aside for one, may be among them.
    """
    retries = _retries(session, version_id)
    if not retries and not _is_answered(session, version_id):
        return
    tally = _tally(version_id).subquery()
    proven = func.count().filter(tally.c.proven > 0)
    unproven = func.count().filter(tally.c.proven == 0, tally.c.failed > 0)
    of_all = select(proven.label("proven"), unproven.label("unproven")).select_from(tally).subquery()
    # where most of those that fail did so while others were answered, the endpoint is not what is wrong
    counts = or_(literal(retries), and_(of_all.c.proven > 0, of_all.c.proven >= of_all.c.unproven))
    failures = (tally.c.billed + case((counts, tally.c.failed), else_=0)).label("failures")
    rows = session.execute(
        select(tally.c.record_key, failures).select_from(tally.join(of_all, of_all.c.proven >= 0)),
        execution_options={"yield_per": 1000},
    )
    yield from ((key, int(count)) for key, count in rows if count)


def was_answered(session: Session, run_id: UUID) -> bool:
    """Whether the API gave a run an answer that fits."""
    own = (Line.run_id == run_id, Line.engine == "openai", Line.outcome == "ok")
    return bool(session.execute(select(exists().where(*own))).scalar())


def find_last_failure(session: Session, version_id: UUID, record_key: str) -> str | None:
    """Return the code of how a record's last attempt on the API ended that served nobody, if one did."""
    statement = _lines(version_id, Line.record_key == record_key, Line.outcome.not_in(("ok", "pending")))
    last: str | None = session.execute(
        statement.with_only_columns(Line.failure).order_by(Line.at.desc(), Line.attempt.desc()).limit(1)
    ).scalar()
    return last


def _is_answered(session: Session, version_id: UUID) -> bool:
    """Whether something of a version was answered, or something else by the same model, a day or more after it first failed here."""
    if session.execute(select(exists(_lines(version_id, Line.outcome == "ok")))).scalar():
        return True
    first = _lines(version_id).with_only_columns(Line.model_id, func.min(Line.at)).group_by(Line.model_id)
    return any(
        session.execute(
            select(
                exists().where(
                    Usage.engine == "openai",
                    Usage.outcome == "ok",
                    Usage.model_id == model_id,
                    Usage.day > at.astimezone(UTC).date(),
                )
            )
        ).scalar()
        for model_id, at in session.execute(first).all()
    )


def _retries(session: Session, version_id: UUID) -> bool:
    """Whether a version asks again for what was set aside of the one before: there such a record can go back to at any time."""
    before = aliased(PartitionVersionRow)
    own = PartitionVersionRow
    same = select(own.id).join(before, before.id == own.based_on)
    same = same.where(own.id == version_id, own.input_digest == before.input_digest)
    return session.execute(same).first() is not None


def _lines(version_id: UUID, *conditions: ColumnElement[bool]) -> Select[tuple[UUID]]:
    own_runs = select(RunRow.id).where(RunRow.version_id == version_id)
    return select(Line.id).where(Line.run_id.in_(own_runs), Line.engine == "openai", *conditions)


def _tally(version_id: UUID) -> Select[tuple[str, int, int, int]]:
    """Count what each record without a usable answer has had: billed attempts, and others that failed.

    `proven`: one of the latter failed, and since it was sent another request of the same run was answered, or one of the
    same batch.
    """
    answered, served = _answered_batches(version_id), aliased(Line)
    billed = or_(
        and_(
            Line.outcome == "unknown_outcome",
            func.coalesce(Line.failure, "").not_in(OURS),
            or_(Line.batch_id.is_(None), BatchRow.state == "collected"),
        ),
        and_(Line.outcome == "invalid_output", func.coalesce(Line.failure, SETTING) != SETTING),
    )
    failed = and_(
        Line.outcome == "failed",
        or_(Line.failure.startswith("http_5", autoescape=True), Line.failure.in_(_OWN)),
    )
    since = and_(RunRow.answered_at > Line.at, Line.batch_id.is_(None))
    proof = and_(failed, or_(since, answered.c.batch_id.is_not(None)))
    own_runs = select(RunRow.id).where(RunRow.version_id == version_id)
    stopped = select(RunRow.id).where(RunRow.version_id == version_id, RunRow.stopped_with.is_not(None))
    return (
        _lines(version_id, Line.outcome.in_(("unknown_outcome", "invalid_output", "failed")))
        .with_only_columns(
            Line.record_key,
            func.sum(case((billed, 1), else_=0)).label("billed"),
            func.sum(case((failed, 1), else_=0)).label("failed"),
            func.max(case((proof, 1), else_=0)).label("proven"),
        )
        .outerjoin(BatchRow, BatchRow.id == Line.batch_id)
        .join(RunRow, RunRow.id == Line.run_id)
        .outerjoin(answered, answered.c.batch_id == Line.batch_id)
        .where(
            Line.run_id.not_in(stopped),  # a setting was at fault there
            ~exists().where(
                served.run_id.in_(own_runs),
                served.record_key == Line.record_key,
                served.engine == "openai",
                served.outcome == "ok",
            ),
        )
        .group_by(Line.record_key)
    )


def _answered_batches(version_id: UUID) -> Subquery:
    """Return the batches of which some request was answered."""
    statement = _lines(version_id, Line.outcome == "ok", Line.batch_id.is_not(None))
    return statement.with_only_columns(Line.batch_id).distinct().subquery()
