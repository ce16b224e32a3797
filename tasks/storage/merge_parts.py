"""Publishing: registered parts, in any order and grouping, become one partition in input order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from models.errors import OutputError
from models.private_files import GroupAccess
from models.records import QUARANTINE
from tasks.runtime.atomic_files import output_errors, replace_file, sync
from tasks.storage.input_digest import InputDigest
from tasks.storage.parquet_schema import output_schema
from tasks.storage.parquet_stream import sink, stream_frames
from tasks.storage.part_files import OUTPUT, with_all_columns
from tasks.storage.worth_retrying import RETRY, worth_retrying

RECORDS = "records.parquet"
ANSWER = "answer"
SERVED = ("engine", "model", "prompt_version")
TEXT_HASH = "text_hash"
FINGERPRINT = "fingerprint"
_DIGESTED = ("record_key", "id", TEXT_HASH, "reason", "detail")  # as `models.input_digest` takes them
_READ_ROWS = 20_000  # rows of parts that are opened together


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: numbers of rows, and where. `quarantine` is None where nothing was set aside.

    `input_digest` is that of the input which these rows were made of, None where a part does not tell.
    """

    records: int
    quarantined: int
    path: Path
    quarantine: Path | None
    input_digest: bytes | None


@dataclass(frozen=True, slots=True)
class _Part:
    path: Path
    first: int
    last: int
    records: int
    quarantined: int


def publish(
    parts: Sequence[Path],
    folder: Path,
    output: type[BaseModel],
    models: Mapping[str, str],
    prompt_version: str,
    fingerprint: str = "",
    group: GroupAccess = "none",
    local_prompt_version: str | None = None,
) -> Published:
    """Merge registered parts into `folder/records.parquet` (and `quarantine.parquet`), in input order.

    Columns: id, record_key, the output's own, confidence, then the engine that served the record, its
    model (`models` names each engine's), the prompt version (what the local engine was told has its own where that is given) and the hash of
    the text that it answers; the file's metadata hold the fingerprint of the version. Quarantined rows are put in place first and the records
    last, by a rename, so records.parquet never stands beside a quarantine file older than itself;
    publishing again after a crash gives the same files. Memory depends on how far parts overlap, not
    on their number. Raises `OutputError`: a part is missing, damaged or holds an ordinal twice, or the
    folder cannot be written.
    """
    found = sorted((_describe(path) for path in parts), key=lambda part: (part.first, part.last))
    own = output_schema(output)
    digest = InputDigest()
    local = prompt_version if local_prompt_version is None else local_prompt_version
    records = _records(found, own, models, {**dict.fromkeys(models, prompt_version), "vllm": local}, digest)
    aside = [part for part in found if part.quarantined]
    path, quarantine = folder / RECORDS, folder / QUARANTINE
    with replace_file(path, group=group) as temporary:
        sink(records, temporary, {FINGERPRINT: fingerprint})
        sync(temporary)  # a full disk shows here, before anything was replaced
        _publish_quarantine(aside, quarantine, group)
    return Published(
        sum(part.records for part in found),
        sum(part.quarantined for part in found),
        path,
        quarantine if aside else None,
        digest.digest(),
    )


def _publish_quarantine(parts: Sequence[_Part], path: Path, group: GroupAccess) -> None:
    if parts:
        with replace_file(path, group=group) as temporary:
            sink(_quarantine(parts), temporary)
    elif path.exists():
        with output_errors(path):
            path.unlink()
            sync(path.parent)


def _records(
    parts: Sequence[_Part],
    own: Mapping[str, pl.DataType],
    models: Mapping[str, str],
    prompts: Mapping[str, str],
    digest: InputDigest,
) -> pl.LazyFrame:
    names = ["id", "record_key", *own, "confidence", *SERVED, TEXT_HASH]
    if len(set(names)) < len(names):
        msg = f"output columns {', '.join(own)} clash with id, record_key, confidence, text_hash or {', '.join(SERVED)}"
        raise ValueError(msg)
    engine = pl.col("engine").fill_null("vllm")
    columns = [
        pl.col("id"),
        pl.col("record_key"),
        *(pl.col(OUTPUT + name).alias(name) for name in own),
        pl.col("confidence"),
        engine,
        engine.replace_strict(models, return_dtype=pl.String).alias("model"),
        engine.replace_strict(prompts, return_dtype=pl.String).alias("prompt_version"),
        pl.col(TEXT_HASH),
    ]
    kinds: dict[str, pl.DataType] = {"confidence": pl.Float64(), TEXT_HASH: pl.UInt64(), **own}
    schema: dict[str, pl.DataType] = {name: kinds.get(name, pl.String()) for name in names}
    internal = [*_DIGESTED, "ordinal", "confidence", "engine"]
    merged = _merge(parts, [*internal, *(OUTPUT + name for name in own)])
    return stream_frames((_record_rows(frame, columns, digest) for frame in merged), schema)


def _record_rows(frame: pl.DataFrame, columns: Sequence[pl.Expr], digest: InputDigest) -> pl.DataFrame:
    """Choose what is published of the records among merged rows, having added all rows to the digest."""
    digest.add_rows(frame.select(_DIGESTED).iter_rows())
    return frame.filter(pl.col("reason").is_null()).select(columns)


def _quarantine(parts: Sequence[_Part]) -> pl.LazyFrame:
    """Return the rows that were set aside; of a part of an older version, without field and rule.

    The answers, of runs that were asked to keep them, lie in the column `text` of a part.
    """
    names = ["id", "record_key", "ordinal", "reason", "detail", "field", "rule", "engine", "text"]
    schema: dict[str, pl.DataType] = dict.fromkeys(names, pl.String()) | {"ordinal": pl.Int64()}
    merged = _merge(parts, names)
    aside = (frame.filter(pl.col("reason").is_not_null()) for frame in merged)
    return stream_frames(aside, schema).rename({"text": ANSWER}).with_columns(worth_retrying().alias(RETRY))


def _merge(parts: Sequence[_Part], columns: list[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows in order of their ordinals; `parts` come sorted by their first ordinal.

    Rows below the first ordinal of every part that is still closed cannot be preceded any more.
    """
    waiting: pl.DataFrame | None = None
    last = -1
    position = 0
    while position < len(parts):
        group, position = _next_group(parts, position)
        frame = _read(group, columns)
        waiting = (frame if waiting is None else pl.concat([waiting, frame])).sort("ordinal", "record_key")
        ready = waiting
        if position < len(parts):
            ready = waiting.filter(pl.col("ordinal") < parts[position].first)
            waiting = waiting.slice(ready.height)
        if ready.height:
            _check(ready, last)
            last = ready.item(-1, "ordinal")
            yield ready


def _next_group(parts: Sequence[_Part], start: int) -> tuple[Sequence[_Part], int]:
    rows = 0
    end = start
    while end < len(parts) and (end == start or rows < _READ_ROWS):
        rows += parts[end].records + parts[end].quarantined
        end += 1
    return parts[start:end], end


def _check(rows: pl.DataFrame, last: int) -> None:
    """See that no record is there twice. Raises `OutputError`.

    Two records may have one ordinal: the input had got more rows before the second one was answered. They
    are published all the same, and the changed digest tells that the partition is to be refreshed.
    """
    ordinals = rows.get_column("ordinal")
    if ordinals.item(0) > last and (ordinals.diff().drop_nulls() > 0).all():
        return
    if ordinals.item(0) <= last or rows.select("ordinal", "record_key").is_duplicated().any():
        msg = "the registered parts hold a record twice; nothing was published: run `breakeven ledger check`"
        raise OutputError(msg)


def _describe(path: Path) -> _Part:
    try:
        about = pl.read_parquet_metadata(path)
        return _Part(path, *(int(about[name]) for name in ("first", "last", "records", "quarantined")))
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise _damaged(path, error) from error


def _read(parts: Sequence[_Part], columns: list[str]) -> pl.DataFrame:
    paths = [part.path for part in parts]
    try:
        try:
            frame = pl.read_parquet(paths, columns=[*columns, "escalation"], hive_partitioning=False)
        except (pl.exceptions.ColumnNotFoundError, pl.exceptions.SchemaError):  # some of an older version
            frame = pl.concat(
                with_all_columns(pl.read_parquet(path), [*columns, "escalation"]) for path in paths
            )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _damaged(parts[0].path, error) from error
    # a record that waited is done in another part: publishing comes when none waits any more
    return frame.filter(pl.col("escalation").is_null()).select(columns)


def _damaged(path: Path, error: Exception) -> OutputError:
    reason = str(error).splitlines()[0]
    return OutputError(f"cannot read the part file {path}: {reason}; nothing was published")
