"""From raw rows to parsed ones: each becomes exactly one `Record` or `Quarantined`."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from models.records import Fault, Quarantined, Record
from models.settings.workload import MAX_TEXT_CHARS
from tasks.reading.cells import (
    AN_ID,
    MAX_ID,
    NOT_EMPTY,
    UTF_8,
    as_text,
    is_text,
    kind_of,
    plain_id,
    plain_ids,
    plain_texts,
    shows_nothing,
)
from tasks.reading.longest import chunks_of, too_long
from tasks.reading.parsed_rows import ParsedRows
from tasks.reading.row_template import RowTemplate


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some raw rows of a partition, in input order, by column.

    `faults` names rows (by place) that could not be taken apart, with the reason; `complex` those for which
    the policy's condition holds. `id_column` is the name of the ids' column. `max_chars`: of a record's text.
    """

    ids: Sequence[object]
    texts: Sequence[Sequence[object]]
    faults: Mapping[int, Fault] = field(default_factory=dict)
    complex: Collection[int] = frozenset()
    id_column: str = "id"
    max_chars: int = MAX_TEXT_CHARS


AssignKeys = Callable[[Sequence[str]], list[str]]
"""Gives each id, in order, a key that no row before it has."""


def parse_rows(
    chunk: Chunk,
    first: int,
    columns: Sequence[str],
    assign_keys: AssignKeys,
    template: RowTemplate | None = None,
) -> ParsedRows:
    """Turn a chunk into records and quarantined rows, numbered from the ordinal `first`.

    `columns` are the text columns' names, for details; `template` makes the text of them where the workload has one. A row without a usable id is named by its
    ordinal, `#17`.
    """
    faults = dict(chunk.faults)
    ids = _clean_ids(chunk, faults)
    texts = (
        _clean_texts(chunk, columns, faults)
        if template is None
        else template.render(chunk.texts, faults, chunk.max_chars)
    )
    bases = [f"#{first + place}" if id_ is None else id_ for place, id_ in enumerate(ids)]
    return ParsedRows(first, assign_keys(bases), ids, texts, faults, chunk.complex)


def _clean_ids(chunk: Chunk, faults: dict[int, Fault]) -> Sequence[str | None]:
    """Return the ids as text, or None and a fault; most often all are fine, which is seen at once."""
    if (plain := plain_ids(chunk.ids)) is not None:
        return plain
    return [_clean_id(value, chunk.id_column, place, faults) for place, value in enumerate(chunk.ids)]


def _clean_id(value: object, column: str, place: int, faults: dict[int, Fault]) -> str | None:
    """Return the id as text, or None and a fault."""
    value = plain_id(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _digits(value, column, place, faults)
    if isinstance(value, str):
        if _is_clean(value) and value.strip():
            return value
        fault = _id_fault(value, column)
    elif value is None:
        fault = Fault("missing_id", "id is null", column, NOT_EMPTY)
    else:
        fault = Fault("wrong_type", f"id is a {kind_of(value)}, not text or an integer", column, AN_ID)
    faults.setdefault(place, fault)
    return None


def _digits(value: int, column: str, place: int, faults: dict[int, Fault]) -> str | None:
    if abs(value) < 10**MAX_ID:
        return str(value)
    faults.setdefault(place, Fault("wrong_type", f"id has more than {MAX_ID} digits", column, AN_ID))
    return None


def _is_clean(value: str) -> bool:
    if len(value) > MAX_ID or "\0" in value:
        return False
    return value.isascii() or is_text(value)


def _id_fault(value: str, column: str) -> Fault:
    if not value.strip():
        return Fault("missing_id", "id is empty", column, NOT_EMPTY)
    if len(value) > MAX_ID:
        detail = f"id has {len(value)} characters, more than {MAX_ID}"
        return Fault("wrong_type", detail, column, AN_ID)
    if "\0" in value:
        return Fault("undecodable", "id holds a NUL character", column, "must not hold a NUL character")
    return Fault("undecodable", "id is not valid UTF-8", column, UTF_8)


def _clean_texts(chunk: Chunk, columns: Sequence[str], faults: dict[int, Fault]) -> Sequence[str]:
    """Return the rows' texts; columns are joined by a line feed, those without text are left out."""
    if len(columns) == 1:
        if (plain := plain_texts(chunk.texts[0], chunk.max_chars)) is not None:
            return plain
        return [
            _clean_text(value, columns[0], place, faults, chunk.max_chars)
            for place, value in enumerate(chunk.texts[0])
        ]
    texts = []
    for place, values in enumerate(zip(*chunk.texts, strict=True)):
        found = [
            text
            for column, value in zip(columns, values, strict=True)
            if value is not None and (text := as_text(value, column, place, faults, chunk.max_chars)).strip()
        ]
        if all(map(shows_nothing, found)):
            names = ", ".join(columns)
            fault = Fault("missing_text", f"{names} hold no text", names, "one of them must hold text")
            faults.setdefault(place, fault)
        text = "\n".join(found)
        if len(text) > chunk.max_chars:
            faults.setdefault(place, too_long(", ".join(columns), chunk.max_chars))
        texts.append("" if place in faults else text)
    return texts


def _clean_text(value: object, column: str, place: int, faults: dict[int, Fault], limit: int) -> str:
    if value is None:
        faults.setdefault(place, Fault("missing_text", f"{column} is null", column, NOT_EMPTY))
        return ""
    text = as_text(value, column, place, faults, limit)
    if shows_nothing(text):
        faults.setdefault(place, Fault("missing_text", f"{column} is empty", column, NOT_EMPTY))
    return text


def rebatch(items: Iterator[list[Record | Quarantined]], size: int) -> Iterator[list[Record | Quarantined]]:
    """Cut a stream of lists into lists of `size` (the last one shorter); of fewer where the texts are long."""
    return chunks_of(chain.from_iterable(items), size, _chars)


def _chars(item: Record | Quarantined) -> int:
    return len(item.text) if isinstance(item, Record) else 0
