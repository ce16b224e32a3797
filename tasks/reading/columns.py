"""Which of an input's columns are read, checked before anything is read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from models.errors import InputError
from models.nearest import nearest
from tasks.reading.conditions import Condition
from tasks.reading.source import TIMESTAMP_NAMES, Source


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one input. `timestamp` None: the input is one partition.

    `where` selects rows, `complex` marks the records that the policy's condition holds for.
    """

    id: str
    texts: tuple[str, ...]
    timestamp: str | None
    where: Condition | None = None
    complex: Condition | None = None

    def wanted(self) -> list[str]:
        """Names of all columns that are read, each once."""
        names = [self.id, *self.texts]
        if self.timestamp is not None:
            names.append(self.timestamp)
        for condition in (self.where, self.complex):
            if condition is not None:
                names += condition.names()
        return list(dict.fromkeys(names))


def choose_columns(source: Source, existing: Sequence[str], *, dated: bool) -> Columns:
    """Map a source onto the columns that exist; `dated` inputs need no timestamp.

    Raises `InputError` that names the columns that exist, or says what is wrong with a file of passages.
    """
    where = None if source.where is None else Condition.parse(source.where)
    complex_ = None if source.complex_where is None else Condition.parse(source.complex_where)
    timestamp = None
    if not dated and source.timestamp_column is None:
        timestamp = next((name for name in TIMESTAMP_NAMES if name in existing), None)
    elif not dated and source.timestamp_column:
        timestamp = source.timestamp_column
    if source.template is not None:
        source.template.read_passages()
    columns = Columns(source.id_column, source.text_columns, timestamp, where, complex_)
    missing = [name for name in columns.wanted() if name not in existing]
    if missing:
        said = no_column(source.name, missing, existing)
        of_template = source.template is not None and missing[0] in source.template.columns
        raise InputError(f"{source.template.place}: {said}" if source.template and of_template else said)
    return columns


def no_column(location: str, missing: Sequence[str], existing: Sequence[str]) -> str:
    """Say that an input lacks columns, which ones they may have been meant for, and which there are."""
    return f"{location} has no column {', '.join(missing)}; {existing_columns(missing, existing)}"


def existing_columns(missing: Sequence[str], existing: Sequence[str]) -> str:
    """Say which columns may have been meant, and which there are."""
    found = (nearest(name, existing) for name in missing)
    meant = list(dict.fromkeys(name for name in found if name is not None and name not in missing))
    guess = f"did you mean {', '.join(meant)}? " if meant else ""
    return f"{guess}it has: {', '.join(existing)}"


def split_names(names: Sequence[str], existing: Collection[str]) -> tuple[str, ...]:
    """Return the columns that are named, one by one or several with commas between them, each once."""
    found: list[str] = []
    for name in names:
        found += [name] if name in existing else [part.strip() for part in name.split(",") if part.strip()]
    return tuple(dict.fromkeys(found))
