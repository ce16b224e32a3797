"""Parquet files as one table: of each the columns that are wanted, under one name and of one type."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import groupby

import polars as pl

from models.errors import InputError, hide_secrets, one_line
from tasks.reading.columns import Columns, match_column, no_column
from tasks.reading.failures import input_errors
from tasks.reading.files.locate import HUGGING_FACE, Files
from tasks.reading.files.scan import scan_parquet
from tasks.reading.timestamps import utc_seconds

log = logging.getLogger(__name__)

TEXT_LIKE = (pl.String, pl.Binary, pl.Categorical, pl.Enum, pl.Null)
_AT_ONCE = 8
Kinds = Mapping[str, pl.DataType]


@dataclass(frozen=True, slots=True)
class _Part:
    """How one file's column becomes the table's: its own name and type, None where the file lacks it."""

    own: str | None
    kind: pl.DataType


class ParquetFiles:
    """Some Parquet files, each with a schema of its own. Files without a byte are left out."""

    def __init__(self, files: Files) -> None:
        """Read the schemas: the footers alone. Raises `InputError`."""
        sized = zip(files.paths, files.states, strict=True)
        paths = [path for path, state in sized if state.size or path.startswith(HUGGING_FACE)]
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            self._kinds = dict(zip(paths, readers.map(_read_kinds, paths), strict=True))

    @cached_property
    def kinds(self) -> dict[str, pl.DataType]:
        """Each column's type, as the first file that has it says."""
        found: dict[str, pl.DataType] = {}
        for path, kinds in self._kinds.items():
            if all(name in found for name in kinds):
                continue
            known = list(found)
            found |= {name: kind for name, kind in kinds.items() if match_column(name, known, path) is None}
        return found

    @property
    def names(self) -> list[list[str]]:
        """The columns of each file that has some."""
        return [list(kinds) for kinds in self._kinds.values() if kinds]

    def scan(self, columns: Columns) -> pl.LazyFrame:
        """Return the wanted columns of all rows, file after file.

        A file may have them in another order or letter case, and of a type that fits into another's; one without timestamps has
        null there. Raises `InputError` that names the file whose column is missing or of a type that does not fit.
        """
        wanted = columns.wanted()
        parts = {path: self._parts(path, columns) for path in self._with_rows(wanted)}
        table = {name: _Column(name, {path: part[name] for path, part in parts.items()}) for name in wanted}
        stamps = table.get(columns.timestamp or "")
        frames = []
        for shape, group in groupby(parts, key=lambda path: parts[path]):
            exprs = [table[name].read(part, as_moment=table[name] is stamps) for name, part in shape.items()]
            frames.append(self._scan(list(group), shape).select(exprs))
        if not frames:
            return pl.LazyFrame(schema={name: pl.Null() for name in wanted})
        return frames[0] if len(frames) == 1 else pl.concat(frames)

    def _with_rows(self, wanted: Sequence[str]) -> list[str]:
        """Return the files that are read: where they differ in what is wanted, those without a row say nothing of types."""
        shapes = {
            tuple((name, kind) for name, kind in kinds.items() if match_column(name, wanted, path))
            for path, kinds in self._kinds.items()
        }
        if len(shapes) == 1:
            return list(self._kinds)
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            rows = list(readers.map(_rows, self._kinds))
        return [path for path, count in zip(self._kinds, rows, strict=True) if count]

    def _parts(self, path: str, columns: Columns) -> dict[str, _Part]:
        """Return how a file's columns become the table's. Raises `InputError` for one that is missing."""
        kinds = self._kinds[path]
        own = {name: match_column(name, list(kinds), hide_secrets(path)) for name in columns.wanted()}
        missing = [name for name, found in own.items() if found is None]
        if missing and missing != [columns.timestamp]:
            raise InputError(no_column(hide_secrets(path), missing, list(kinds)))
        if missing:
            _say_once(
                f"{hide_secrets(path)} has no column {missing[0]}: its rows are set aside as bad_timestamp"
            )
        return {
            name: _Part(found, pl.Null() if found is None else kinds[found]) for name, found in own.items()
        }

    @staticmethod
    def _scan(paths: list[str], shape: Mapping[str, _Part]) -> pl.LazyFrame:
        return scan_parquet(paths, {part.own: part.kind for part in shape.values() if part.own is not None})


class _Column:
    """One column of the table: what type it has, and how each file's values come to it."""

    def __init__(self, name: str, parts: Mapping[str, _Part]) -> None:
        self._name = name
        self._parts = parts

    def read(self, part: _Part, *, as_moment: bool) -> pl.Expr:
        """Return a file's values as the table's. Raises `InputError` for a type that does not fit."""
        if part.own is None:
            return pl.lit(None, self._moment if as_moment else self._kind).alias(self._name)
        value = pl.col(part.own)
        if as_moment and self._differs:
            value = pl.from_epoch(utc_seconds(part.own, part.kind), "s").cast(self._moment)
        elif as_moment:
            value = value.cast(_plain(part.kind))
        elif self._kind == pl.Binary and part.kind in (pl.Categorical, pl.Enum):
            value = value.cast(pl.String).cast(pl.Binary)
        else:
            value = value.cast(self._kind)
        return value.alias(self._name)

    @property
    def _differs(self) -> bool:
        """Whether files have timestamps of different types."""
        return len({_plain(part.kind) for part in self._parts.values() if part.kind != pl.Null}) > 1

    @cached_property
    def _moment(self) -> pl.DataType:
        if self._differs:
            return pl.Datetime("us")
        found = (_plain(part.kind) for part in self._parts.values() if part.kind != pl.Null)
        return next(found, pl.Null())

    @cached_property
    def _kind(self) -> pl.DataType:
        """The type that each file's fits into. Raises `InputError` that names the odd file."""
        first, *others = self._parts.items()
        common = _plain(first[1].kind)
        for path, part in others:
            found = _common(common, _plain(part.kind))
            if found is None:
                msg = (
                    f"column {self._name} is {part.kind} in {path}, but {first[1].kind} in {first[0]}: write them alike, "
                    "or give a glob that leaves one of them out"
                )
                raise InputError(hide_secrets(msg))
            common = found
        return common


def _read_kinds(path: str) -> Kinds:
    """Return the types of a file's columns. Raises `InputError`."""
    with input_errors(hide_secrets(path)):
        try:
            return scan_parquet([path]).collect_schema()
        except pl.exceptions.PanicException as panic:
            msg = f"cannot read {hide_secrets(path)}: {str(panic).splitlines()[0]}"
            raise InputError(msg) from panic


def _rows(path: str) -> int:
    with input_errors(hide_secrets(path)):
        return int(scan_parquet([path]).select(pl.len()).collect().item())


def _plain(kind: pl.DataType) -> pl.DataType:
    """Return the type in which values are handed on: a zone that may be none of the database's becomes UTC."""
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None and not _is_zone(kind.time_zone):
        return pl.Datetime(kind.time_unit, "UTC")
    return kind


@lru_cache
def _is_zone(name: str) -> bool:
    try:
        pl.select(pl.lit(datetime(1970, 1, 1, tzinfo=UTC)).dt.convert_time_zone(name))
    except pl.exceptions.PolarsError:
        return False
    return True


def _common(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    """Return the type that both fit into, None where text and other values would be mixed."""
    if one == other:
        return one
    if pl.Null in (one, other):
        return other if one == pl.Null else one
    if isinstance(one, TEXT_LIKE) != isinstance(other, TEXT_LIKE):
        return None
    if isinstance(one, TEXT_LIKE):
        return pl.Binary() if pl.Binary in (one, other) else pl.String()
    frames = [pl.DataFrame(schema={"value": kind}) for kind in (one, other)]
    try:
        return pl.concat(frames, how="vertical_relaxed").schema["value"]
    except pl.exceptions.PolarsError:
        return None


@lru_cache(maxsize=1000)
def _say_once(message: str) -> None:
    log.warning("%s", one_line(message))
