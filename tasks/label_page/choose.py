"""Which records people are asked to label, and in which order: those that the API answered otherwise, then the least sure.

Where people audit, because the API may not be asked, `audit` is a random draw, in a random order.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from db.audits import list_audited
from db.partitions import PartitionVersion, list_published
from models.errors import InputError, OutputError, UsageError
from models.requests import JsonValue
from models.settings import Settings
from models.workloads.answer_kind import answers_labels, can_answer
from models.workloads.base import Workload
from tasks.audit.by_people import no_share, people_share, place_of
from tasks.audit.draw import ServedRecord, is_drawn, read_served
from tasks.labelling.cells import plain
from tasks.labelling.labelled_file import each_record
from tasks.labelling.people_file import same_text
from tasks.planning.read_again import read_again
from tasks.reading.input_cache import InputCache
from tasks.runtime.ledger_access import ledger_if_any
from tasks.storage.merge_parts import TEXT_HASH

PUBLISHED, AUDIT = "published", "audit"
_ANSWER = "answer"
_KEY, _CONFIDENCE, _DAY, _DISPUTED, _ORDER = "record_key", "confidence", "partition", "disputed", "order"
_PUBLISHED_SCHEMA = {_KEY: pl.String(), TEXT_HASH: pl.UInt64(), _CONFIDENCE: pl.Float64()}
_AT_ONCE = 2_000
"""Records whose texts are looked for at a time."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordToLabel:
    """A record that is shown to people. `why` it is among the first; `partition` None: it is from a file.

    `drawn`: the share of its partition of which it was drawn for an audit by people, None elsewhere. `answer`: what was published of it, where
    people judge that: objects and texts.
    """

    text: str = field(repr=False)
    record_key: str
    partition: str | None
    why: str
    drawn: float | None = None
    answer: JsonValue = field(default=None, repr=False)


def choose_records(
    workload: Workload,
    settings: Settings,
    source: str,
    limit: int,
    is_done: Callable[[str], bool],
    is_seen: Callable[[ServedRecord], bool] = lambda _: False,
) -> list[RecordToLabel]:
    """Return at most `limit` records of `published` partitions, of `audit`s or of a file, each text once, without those that are done.

    `is_seen`: says which records people's audits have, so that their texts need not be read again.
    Raises `UsageError` where there is nothing to label, `InputError` for a file that cannot be read, `DatabaseUnavailable`.
    """
    every = _every(workload, settings, source, is_seen)
    found: list[RecordToLabel] = []
    seen: set[str] = set()
    done = 0
    for one in every:
        text = same_text(one.text)
        if text in seen:
            continue
        seen.add(text)
        if is_done(text):
            done += 1
            continue
        found.append(one)
        if len(found) >= limit:
            break
    if not found:
        raise _nothing(workload, source, done, by_people=people_share(workload, settings) > 0)
    return found


def _every(
    workload: Workload, settings: Settings, source: str, is_seen: Callable[[ServedRecord], bool]
) -> Iterator[RecordToLabel]:
    if source not in {PUBLISHED, AUDIT}:
        return _of_file(workload, source)
    share = people_share(workload, settings) if source == AUDIT else 0
    if share:
        return _drawn(workload, settings, share, is_seen)
    if source == AUDIT and workload.residency == "local":
        raise no_share(workload)
    return _published(workload, settings, only_audited=source == AUDIT)


def _drawn(
    workload: Workload, settings: Settings, share: float, is_seen: Callable[[ServedRecord], bool]
) -> Iterator[RecordToLabel]:
    """Yield the records that people audit: of each partition a share, the newest first, in a random order.

    Of labels nothing is shown of what was answered; an object or a text is shown, so one that the workload cannot answer any more is left out.
    """
    judged = not answers_labels(workload)
    name, (versions, _) = workload.name, _in_ledger(workload, settings)
    for version in sorted(versions, key=lambda one: one.partition, reverse=True):
        day = version.partition
        try:
            served = read_served(
                Path(version.output_path or ""), workload, partial(_is_drawn, name, day, share)
            )
        except OutputError as error:
            log.warning("%s %s is passed over: %s", name, day, error)
            continue
        rows: list[dict[str, Any]] = [
            {_KEY: key, _DAY: day, TEXT_HASH: one.text_hash, _ANSWER: one.value if judged else None}
            for key, one in served.items()
            if not is_seen(one) and (not judged or can_answer(workload, one.value))
        ]
        rows.sort(key=lambda row: place_of(name, row[TEXT_HASH]))
        for row, text in _with_texts(workload, settings, rows):
            yield RecordToLabel(text, row[_KEY], str(day), "", share, plain(row[_ANSWER]))


def _is_drawn(name: str, day: date, share: float, key: str) -> bool:
    return is_drawn(name, day, key, share)


def _of_file(workload: Workload, path: str) -> Iterator[RecordToLabel]:
    for record in each_record(path, workload):
        yield RecordToLabel(record.text, record.key, None, "")


def _published(workload: Workload, settings: Settings, *, only_audited: bool) -> Iterator[RecordToLabel]:
    """Yield published records whose text the input still has, in the order in which they are to be labelled."""
    versions, audited = _in_ledger(workload, settings)
    frames = [_read(version, audited.get(version.partition, {})) for version in versions]
    rows = pl.concat([_empty(), *frames]).sort(_ORDER, _CONFIDENCE, _DAY, _KEY, nulls_last=True)
    if only_audited:
        rows = rows.filter(pl.col(_DISPUTED).is_not_null())
    ordered: list[dict[str, Any]] = list(
        rows.unique(TEXT_HASH, keep="first", maintain_order=True).iter_rows(named=True)
    )
    for row, text in _with_texts(workload, settings, ordered):
        yield RecordToLabel(text, row[_KEY], str(row[_DAY]), _why(row))


def _with_texts(
    workload: Workload, settings: Settings, ordered: Sequence[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield records with their texts, without those whose text the input has not any more."""
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        texts = _texts(workload, settings, some)
        for row in some:
            if (text := texts.get(row[TEXT_HASH])) is not None:
                yield row, text


def _in_ledger(
    workload: Workload, settings: Settings
) -> tuple[Sequence[PartitionVersion], Mapping[date, Mapping[str, bool]]]:
    """Return what is published of a workload, and by partition the records that were audited: whether the API answered otherwise."""
    with ledger_if_any(settings, update=True) as session:
        if session is None:
            return (), {}
        versions = [
            one for one in list_published(session) if one.workload == workload.name and one.output_path
        ]
        audited: dict[date, dict[str, bool]] = {}
        for day, key, agrees in list_audited(session, workload.name):
            audited.setdefault(day, {})[key] = not agrees
    return versions, audited


def _read(version: PartitionVersion, disputed_keys: Mapping[str, bool]) -> pl.DataFrame:
    """Return a partition's records, with what an audit found of each: `disputed` null where none looked at it."""
    path = Path(version.output_path or "")
    try:
        rows = pl.read_parquet(path, columns=list(_PUBLISHED_SCHEMA), hive_partitioning=False)
        rows = rows.cast(dict(_PUBLISHED_SCHEMA))  # type: ignore[arg-type]  # names are strings
    except (OSError, pl.exceptions.PolarsError) as error:
        log.warning("%s is passed over: %s", path, str(error).splitlines()[0])
        return _empty()
    disputed = pl.Series(_DISPUTED, [disputed_keys.get(key) for key in rows[_KEY]], dtype=pl.Boolean)
    order = pl.when(disputed).then(0).otherwise(1).cast(pl.Int8).alias(_ORDER)
    return rows.with_columns(disputed, pl.lit(version.partition).alias(_DAY), order).select(_empty().columns)


def _empty() -> pl.DataFrame:
    more = {_DAY: pl.Date(), _DISPUTED: pl.Boolean(), _ORDER: pl.Int8()}
    return pl.DataFrame(schema={**_PUBLISHED_SCHEMA, **more})


def _texts(workload: Workload, settings: Settings, rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return the texts of records by their hashes, as far as the input has them still."""
    found: dict[int, str] = {}
    for day in sorted({row[_DAY] for row in rows}):
        wanted = {row[TEXT_HASH] for row in rows if row[_DAY] == day}
        try:
            for record in read_again(workload, day, cache=InputCache.of(settings)):
                if (number := record.text_hash) in wanted:
                    found[number] = record.text
                    wanted.discard(number)
                if not wanted:
                    break
        except InputError as error:
            log.warning("the texts of %s %s cannot be read again: %s", workload.name, day, error)
    return found


def _why(row: Mapping[str, Any]) -> str:
    if row[_DISPUTED]:
        return "an audit found another answer"
    sure = row[_CONFIDENCE]
    return "" if sure is None else f"answered at a confidence of {sure:.2f}"


def _nothing(workload: Workload, source: str, done: int, *, by_people: bool) -> UsageError:
    name = workload.name
    if done:
        return UsageError(
            f"you have labelled all {done:,} texts that there are: name other records with --from FILE"
        )
    if source == AUDIT and by_people:
        return UsageError(
            f"no drawn record of {name} waits for you whose text is still in the input: run it first, or raise share in [workloads.{name}.audit]"
        )
    if source == AUDIT:
        return UsageError(
            f"no audit of {name} has looked at a record whose text is still in the input: leave out --from audit"
        )
    if source != PUBLISHED:
        return UsageError(f"{source} holds no text to label")
    return UsageError(
        f"nothing of {name} is published with its text still in the input: run it first, or name records with --from FILE "
        f"(`breakeven evaluate {name} --sample 100` draws some)"
    )
