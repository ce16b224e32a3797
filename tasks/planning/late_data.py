"""Late data: whether a published partition still stands for its input, and which of its rows can be kept."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import polars as pl
from pydantic import BaseModel
from sqlalchemy.orm import Session, sessionmaker

from db.batches import list_live
from db.partitions import PartitionVersion, get, list_waiting
from db.parts import list_registered
from db.run_queries import count_waiting
from db.shards import list_shards
from models.errors import OutputError
from models.run import RunResult
from tasks.planning.checks import Checked
from tasks.planning.input_facts import read_facts
from tasks.storage.begun_rows import is_of_another_cut, is_outdated
from tasks.storage.merge_parts import FINGERPRINT, TEXT_HASH
from tasks.storage.output_folders import parts_folder
from tasks.storage.parquet_schema import output_schema
from tasks.storage.unchanged_rows import PublishedRow, PublishedRows

log = logging.getLogger(__name__)

_CHUNK = 2000


def is_unchanged(checked: Checked, version: PartitionVersion) -> bool:
    """Whether a published version stands for the input as it is now. Reads the input, if that can tell."""
    return version.input_digest is not None and version.input_digest == read_facts(checked.reader).digest


def check_published_file(published: PartitionVersion) -> None:
    """See that rows can be taken over from what is published.

    Raises `OutputError` for a published file that is missing, cannot be read, or is another version's.
    """
    path, fingerprint = Path(published.output_path or ""), published.fingerprint
    with _published(path):
        is_ours = pl.read_parquet_metadata(path).get(FINGERPRINT) == fingerprint
        if not is_ours and TEXT_HASH in pl.read_parquet_schema(path):
            raise _cannot_carry(path, "it is not the file that was published with these settings")


def result_without_run(session: Session, version: PartitionVersion) -> RunResult:
    """Say why nothing is run: the partition is published, or its late data come after what waits."""
    workload, partition = version.workload, version.partition
    if version.state == "published":
        return RunResult(workload, partition, "skipped", output=version.output_path)
    log.warning(
        "%s %s: its input has changed, but records of it still wait; collect them first, then refresh it again",
        workload,
        partition,
    )
    waits = next(one for one in list_waiting(session) if one.version_id == version.id)
    return RunResult(workload, partition, "waiting", waiting=count_waiting(session, waits.run_id))


def published_file(session: Session, version: PartitionVersion) -> Path | None:
    """Return the published file that a version takes rows over from, if it does."""
    before = None if version.based_on is None else get(session, version.based_on)
    return None if before is None or before.output_path is None else Path(before.output_path)


def begun_parts(session: Session, version: PartitionVersion, folders: Path) -> list[Path]:
    """Return the parts of the outdated version that a version takes rows over from; none where there is none."""
    if version.based_on is None or get(session, version.based_on).output_path is not None:
        return []
    folder = folders / str(version.based_on)
    return [folder / part.file_name for part in list_registered(session, version.based_on)]


def find_outdated(
    make_session: sessionmaker[Session], begun: PartitionVersion, digest: bytes | None, checked: Checked
) -> UUID | None:
    """Return a begun version if its input has changed so that what it holds as done is no longer right; else None.

    So it is where an earlier release has cut it otherwise, and not all of its shards are done. Its input is read again where its digest
    is another one. What waits in batches is paid, and makes it stay. Raises `OutputError`.
    """
    if digest is None:
        return None
    has_changed = begun.input_digest not in {None, digest}
    folders = parts_folder(
        checked.settings.output_dir, checked.workload.name, checked.reader.partition, checked.purpose
    )
    with make_session() as session:
        is_read = not has_changed and all(one.state == "done" for one in list_shards(session, begun.id))
        if is_read or list_live(session, begun.id):
            return None
        parts = [folders / str(begun.id) / part.file_name for part in list_registered(session, begun.id)]
    if any(map(is_of_another_cut, parts)):
        why = "it was begun by an earlier release, which cut it otherwise"
    elif has_changed and is_outdated(parts, checked.reader.batches()):
        why = "its input has changed since it was begun"
    else:
        return None
    log.warning(
        "%s %s: %s: answers to texts that are as they were are taken over, the rest is done anew",
        checked.workload.name,
        checked.reader.partition,
        why,
    )
    return begun.id


def load_published(path: Path, output: type[BaseModel], rows: PublishedRows) -> None:
    """Fill the scratch with what is published; nothing of a file whose version wrote no text hashes.

    Raises `OutputError` for a file that is missing or damaged.
    """
    own = list(output_schema(output))
    with _published(path):
        frame = pl.scan_parquet(path, hive_partitioning=False)
        if TEXT_HASH not in frame.collect_schema():
            return
        wanted = frame.select("record_key", TEXT_HASH, "engine", "confidence", *own)
        for batch in wanted.collect_batches(chunk_size=_CHUNK, maintain_order=True, lazy=True):
            rows.add(_rows(batch, own))


def _rows(frame: pl.DataFrame, own: Iterable[str]) -> Iterator[PublishedRow]:
    for row in frame.iter_rows(named=True):
        output = {name: row[name] for name in own}
        yield row["record_key"], row[TEXT_HASH], row["engine"], row["confidence"], output


@contextmanager
def _published(path: Path) -> Iterator[None]:
    """Turn a failure to read what is published into one line that says what to do."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _cannot_carry(path, str(error).splitlines()[0]) from error


def _cannot_carry(path: Path, reason: str) -> OutputError:
    return OutputError(
        f"cannot compare the input with {path}: {reason}; --rerun infers the whole partition again"
    )
