"""Part files: what one commit makes durable, and how parts become the published partition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import polars as pl
from pydantic import BaseModel

from models.engines.base import served_by
from models.errors import OutputError
from models.private_files import GroupAccess
from models.records import Carried, Escalated, Quarantined, Record, ServedBy
from models.requests import Answer, Completion
from tasks.runtime.atomic_files import TEMPORARY, output_errors, replace_file
from tasks.storage.parquet_schema import output_schema
from tasks.storage.scratch_db import Scratch

OUTPUT = "output."  # prefix of the workload's own columns inside a part
SUFFIX = ".parquet"
_INTERNAL: dict[str, pl.DataType] = {
    "record_key": pl.String(),
    "id": pl.String(),
    "ordinal": pl.Int64(),
    "text_hash": pl.UInt64(),
    "digest": pl.Binary(),
    "attempt_id": pl.Binary(),
    "text": pl.String(),
    "value": pl.Binary(),
    "finish_reason": pl.String(),
    "confidence": pl.Float64(),
    "label_probabilities": pl.Binary(),
    "reason": pl.String(),
    "detail": pl.String(),
    "field": pl.String(),
    "rule": pl.String(),
    "engine": pl.String(),
    "escalation": pl.String(),
    "attempts": pl.Int64(),
    "record_text": pl.String(),
    "correction": pl.String(),
}


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """One finished record: the completion that answered it, for reuse after a restart, and the workload's output.

    `confidence` is the workload's, for the answer it took; it is what is published. An output that is the same for many
    records may be the same object.
    """

    record: Record
    completion: Completion
    output: BaseModel = field(repr=False)
    confidence: float | None

    @property
    def engine(self) -> ServedBy:
        """Where it was answered."""
        return served_by(self.completion.request)


def write_part(
    folder: Path,
    part_id: UUID,
    output: type[BaseModel],
    rows: Sequence[AnsweredRow],
    quarantined: Sequence[Quarantined] = (),
    escalated: Sequence[Escalated] = (),
    carried: Sequence[Carried] = (),
    group: GroupAccess = "none",
) -> Path:
    """Write one part file durably: it is whole and synced under its name, or not there at all.

    An escalated record is not done: its row keeps its text, so that it can go to the API without being
    read and tried again. Returns its path, `folder/<part_id>.parquet`. Raises `OutputError` where the folder cannot be
    written.
    """
    frame = _frame(output, rows, quarantined, escalated, carried)
    ordinals = frame.get_column("ordinal").to_list()
    about = {
        "first": str(min(ordinals, default=0)),
        "last": str(max(ordinals, default=0)),
        "records": str(len(rows) + len(carried)),
        "quarantined": str(len(quarantined)),
    }
    path = folder / f"{part_id}{SUFFIX}"
    with replace_file(path, group=group) as temporary:
        frame.write_parquet(
            temporary, compression="zstd", compression_level=1, statistics=False, metadata=about
        )
    return path


def load_done(paths: Iterable[Path], scratch: Scratch) -> None:
    """Fill the scratch from registered parts: keys that are done, records that wait, answers to reuse.

    A record that waits in one part and is done in another is done. Reads one part at a time. Raises `OutputError` for a part that is missing or damaged.
    """
    columns = [name for name in _INTERNAL if name not in ("detail", "field", "rule", "engine")]
    for path in paths:
        frame = read_part(path, columns)
        waits = frame.filter(pl.col("escalation").is_not_null())
        ended = frame.filter(pl.col("escalation").is_null())
        scratch.add_done(ended.get_column("record_key"))
        for row in waits.iter_rows(named=True):
            record = Record(row["record_key"], row["id"], row["ordinal"], row["record_text"])
            escalated = Escalated(record, row["escalation"], row["attempts"], correction=row["correction"])
            scratch.waiting.put(escalated, durable=True)
        for row in ended.filter(pl.col("digest").is_not_null()).iter_rows(named=True):
            scratch.put(row["digest"], _answer(row))
    scratch.waiting.finish_done()


def _answer(row: Mapping[str, Any]) -> Answer:
    probabilities = row["label_probabilities"]
    return Answer(
        UUID(bytes=row["attempt_id"]),
        row["text"],
        orjson.loads(row["value"]),
        row["finish_reason"],
        row["confidence"],
        None if probabilities is None else orjson.loads(probabilities),
    )


def remove_unregistered(folder: Path, registered: Iterable[str]) -> list[str]:
    """Remove part files that no transaction registered, and temporary files, of one folder.

    `registered` are file names. Returns the names that were removed; other people's files stay. Call
    it only while holding the partition's lease.
    """
    keep = set(registered)
    found = sorted(path for path in folder.glob("*") if path.name.endswith((SUFFIX, SUFFIX + TEMPORARY)))
    removed = [path for path in found if path.name not in keep]
    with output_errors(folder):
        for path in removed:
            path.unlink(missing_ok=True)
    return [path.name for path in removed]


def remove_parts(paths: Iterable[Path]) -> None:
    """Remove part files after they were published, and their folder once it is empty."""
    folders = set()
    for path in paths:
        with output_errors(path):
            path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def read_part(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Read columns of a part; one that a part of an older version lacks is null throughout. Raises `OutputError`."""
    try:
        there = pl.read_parquet_schema(path)
        frame = pl.read_parquet(path, columns=[name for name in columns if name in there])
        return with_all_columns(frame, columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"cannot read the part file {path}: {str(error).splitlines()[0]}"
        raise OutputError(msg) from error


def with_all_columns(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Choose columns of a part; one that a part of an older version lacks is null throughout."""
    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(None, _INTERNAL.get(name)).alias(name)
        for name in columns
    )


def _frame(
    output: type[BaseModel],
    rows: Sequence[AnsweredRow],
    aside: Sequence[Quarantined],
    escalated: Sequence[Escalated],
    carried: Sequence[Carried],
) -> pl.DataFrame:
    own = output_schema(output)
    schema = _INTERNAL | {OUTPUT + name: kind for name, kind in own.items()}
    groups = (
        (_answered(rows, own), len(rows)),
        (_set_aside(aside), len(aside)),
        (_escalated(escalated), len(escalated)),
        (_carried(carried, own), len(carried)),
    )
    columns = {
        name: [*chain.from_iterable(some.get(name) or [None] * size for some, size in groups)]
        for name in schema
    }
    return pl.DataFrame(columns, schema=schema)


def _answered(rows: Sequence[AnsweredRow], own: Iterable[str]) -> dict[str, Sequence[object]]:
    records = [row.record for row in rows]
    completions = [row.completion for row in rows]
    outputs = {id(row.output): row.output for row in rows}
    plain = {key: output.model_dump(mode="json") for key, output in outputs.items()}
    return {
        **_named(records),
        "text_hash": [record.text_hash for record in records],
        "digest": [one.request.digest() for one in completions],
        "attempt_id": [one.answered_by.bytes for one in completions],
        "text": [one.text for one in completions],
        "value": [orjson.dumps(one.value) for one in completions],
        "finish_reason": [one.finish_reason for one in completions],
        "confidence": [row.confidence for row in rows],
        "label_probabilities": [_probabilities(one) for one in completions],
        "engine": [row.engine for row in rows],
        **{OUTPUT + name: [plain[id(row.output)][name] for row in rows] for name in own},
    }


def _set_aside(aside: Sequence[Quarantined]) -> dict[str, Sequence[object]]:
    return {
        "record_key": [item.key for item in aside],
        "id": [item.id for item in aside],
        "ordinal": [item.ordinal for item in aside],
        "text_hash": [item.text_hash for item in aside],
        "text": [item.answer for item in aside],
        "reason": [item.reason for item in aside],
        "detail": [item.detail for item in aside],
        "field": [item.field for item in aside],
        "rule": [item.rule for item in aside],
        "engine": [item.engine for item in aside],
    }


def _escalated(escalated: Sequence[Escalated]) -> dict[str, Sequence[object]]:
    return {
        **_named([item.record for item in escalated]),
        "escalation": [item.reason for item in escalated],
        "attempts": [item.attempts for item in escalated],
        "record_text": [item.record.text for item in escalated],
        "correction": [item.correction for item in escalated],
    }


def _carried(carried: Sequence[Carried], own: Iterable[str]) -> dict[str, Sequence[object]]:
    return {
        **_named([item.record for item in carried]),
        "text_hash": [item.record.text_hash for item in carried],
        "confidence": [item.confidence for item in carried],
        "engine": [item.engine for item in carried],
        **{OUTPUT + name: [item.output[name] for item in carried] for name in own},
    }


def _named(records: Sequence[Record]) -> dict[str, Sequence[object]]:
    return {
        "record_key": [record.key for record in records],
        "id": [record.id for record in records],
        "ordinal": [record.ordinal for record in records],
    }


def _probabilities(completion: Completion) -> bytes | None:
    known = completion.label_probabilities
    return None if known is None else orjson.dumps(dict(known))
