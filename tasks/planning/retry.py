"""Asking again for what was set aside of a published partition: which records, and whether the partition is as it was."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from sqlalchemy.orm import Session, sessionmaker

from db.partitions import PartitionVersion, find_published
from models.errors import OutputError, UsageError
from models.records import ENGINE_REASONS, QUARANTINE, EngineReason
from tasks.planning.checks import Checked
from tasks.planning.input_facts import read_facts
from tasks.storage.unchanged_rows import PublishedRows
from tasks.storage.worth_retrying import worth_retrying

_COLUMNS = ("record_key", "reason", "detail", "field", "rule", "engine", "answer")
_CHUNK = 2000


def digest_to_retry(checked: Checked, fingerprint: str, make_session: sessionmaker[Session]) -> bytes | None:
    """Return the digest of the input that the published rows answer, None where no record is worth asking for again.

    Reads the whole input. Raises `UsageError` where nothing is published with these settings, or the input has changed
    since: a retry asks, and pays, for nothing else.
    """
    name, partition = checked.workload.name, checked.reader.partition
    with make_session.begin() as session:
        published = find_published(session, name, partition, checked.purpose)
    if published is None:
        msg = f"{name} {partition} is not published yet, so nothing of it was set aside: run it without --retry-quarantined"
        raise UsageError(msg)
    if published.fingerprint != fingerprint:
        msg = f"{name} {partition} is published with other settings (model, prompt or input); --rerun replaces it"
        raise UsageError(msg)
    if not any_to_retry(published, checked.request.reasons):
        return None
    digest = read_facts(checked.reader).digest
    if digest is None or digest != published.input_digest:
        msg = f"the input of {name} {partition} has changed since it was published: --refresh it first"
        raise UsageError(msg)
    return digest


def load_set_aside(published: Path, reasons: Sequence[EngineReason], rows: PublishedRows) -> None:
    """Fill the scratch with the records that stay set aside. Raises `OutputError` for a file that cannot be read."""
    stay = _of_engines(published).filter(~_chosen(reasons)).select(_COLUMNS)
    for batch in stay.collect_batches(chunk_size=_CHUNK, maintain_order=True, lazy=True):
        rows.add_aside(batch.iter_rows())


def any_to_retry(published: PartitionVersion, reasons: Sequence[EngineReason]) -> bool:
    """Whether a record of a published version was set aside for one of these reasons (none given: for any that asking again can mend)."""
    path = Path(published.output_path or "")
    if not path.with_name(QUARANTINE).exists():
        return False
    return _of_engines(path).filter(_chosen(reasons)).head(1).collect().height > 0


def _of_engines(published: Path) -> pl.LazyFrame:
    """Return the records among the rows that were set aside beside a published file; an older one lacks some columns."""
    path = published.with_name(QUARANTINE)
    try:
        frame = pl.scan_parquet(path, hive_partitioning=False)
        there = frame.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"cannot read {path}: {str(error).splitlines()[0]}; --rerun infers the whole partition again"
        raise OutputError(msg) from error
    missing = [pl.lit(None, pl.String).alias(name) for name in _COLUMNS if name not in there]
    return frame.with_columns(missing).filter(pl.col("reason").is_in(ENGINE_REASONS))


def _chosen(reasons: Sequence[EngineReason]) -> pl.Expr:
    return pl.col("reason").is_in(list(reasons)) if reasons else worth_retrying()
