"""Which of an input's columns are read, checked before anything is read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from unicodedata import normalize

import polars as pl

from models.errors import InputError
from models.nearest import nearest
from tasks.reading.conditions import Condition
from tasks.reading.source import TIMESTAMP_NAMES, Source

_NAMED, _COMPARED = 100, 1000
"""So many columns are named in a message, and compared with one that is missing."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one input. `timestamp` None: the input is one partition.

    `where` selects rows, `complex` marks the records that the policy's condition holds for. `dated`: what holds the rows
    says their date, a folder or a query.
    """

    id: str
    texts: tuple[str, ...]
    timestamp: str | None
    where: Condition | None = None
    complex: Condition | None = None
    dated: bool = False

    def wanted(self) -> list[str]:
        """Names of all columns that are read, each once."""
        names = [self.id, *self.texts]
        if self.timestamp is not None:
            names.append(self.timestamp)
        for condition in (self.where, self.complex):
            if condition is not None:
                names += condition.names()
        return list(dict.fromkeys(names))

    def fit(self, kinds: Mapping[str, pl.DataType]) -> "Columns":
        """Return them with conditions that compare with columns of these types."""
        where, marks = (one and one.fit(kinds) for one in (self.where, self.complex))
        return replace(self, where=where, complex=marks)


def choose_columns(source: Source, existing: Sequence[str], *, dated: bool) -> Columns:
    """Map a source onto the columns that exist, as `match_column` does; `dated` inputs need no timestamp.

    Raises `InputError` that names the columns that exist, or says what is wrong with a file of passages.
    """
    where = None if source.where is None else Condition.parse(source.where)
    complex_ = None if source.complex_where is None else Condition.parse(source.complex_where)
    if source.template is not None:
        source.template.read_passages()
    asked = Columns(source.id_column, source.text_columns, source.timestamp_column or None, where, complex_)
    if dated or source.timestamp_column == "":
        asked = replace(asked, timestamp=None)
    elif source.timestamp_column is None:
        asked = replace(asked, timestamp=find_timestamp(existing, source.name))
    found = match_columns(asked.wanted(), existing, source.name)
    if missing := [name for name in asked.wanted() if name not in found]:
        said = no_column(source.name, missing, existing)
        of_template = source.template is not None and missing[0] in source.template.columns
        raise InputError(f"{source.template.place}: {said}" if source.template and of_template else said)
    return Columns(
        found[asked.id],
        tuple(found[name] for name in asked.texts),
        None if asked.timestamp is None else found[asked.timestamp],
        None if where is None else where.rename(found),
        None if complex_ is None else complex_.rename(found),
        dated,
    )


def find_timestamp(existing: Sequence[str], location: str) -> str | None:
    """Return the column of timestamps where none is set: the first of `TIMESTAMP_NAMES`, None without one.

    A name that is written so comes before one that is written otherwise. Raises `InputError` as `match_column`.
    """
    exact = next((name for name in TIMESTAMP_NAMES if name in existing), None)
    alike = (match_column(name, existing, location) for name in TIMESTAMP_NAMES)
    return exact or next((name for name in alike if name is not None), None)


def settle_timestamp(source: Source, files: Sequence[Sequence[str]], existing: Sequence[str]) -> Source:
    """Return a source that says which column of several files has the timestamps, if it does not yet.

    `files`: the columns of each. One that all of them have comes before one that some lack. Raises `InputError` as `match_column`.
    """
    if source.timestamp_column is not None:
        return source
    alike = [name for name in existing if any(has_column([name], one) for one in TIMESTAMP_NAMES)]
    in_all = [name for name in alike if all(has_column(names, name) for names in files)]
    found = find_timestamp(in_all, source.name) or find_timestamp(existing, source.name)
    return replace(source, timestamp_column=found or "")


def has_column(existing: Sequence[str], name: str) -> bool:
    """Whether a name means one of the columns, or several equally."""
    try:
        return match_column(name, existing, "") is not None
    except InputError:
        return True


def match_columns(names: Iterable[str], existing: Sequence[str], location: str) -> dict[str, str]:
    """Return the columns that are meant by names, by name; those that are missing are left out. Raises as `match_column`."""
    found = {name: match_column(name, existing, location) for name in names}
    return {name: column for name, column in found.items() if column is not None}


def match_column(name: str, existing: Sequence[str], location: str) -> str | None:
    """Return the column that is meant by a name, as it exists; None where there is none.

    The one that is written so, else the only one that differs in letter case and in blanks around it, else
    the only one with the same letters and digits: `created_at` finds `createdAt` and `Created At`.
    Raises `InputError` where several are meant equally; `location` is for the message.
    """
    for form in (str, _fold_case, keep_letters):
        wanted = form(name)
        found = [one for one in existing if form(one) == wanted and (wanted or form is str)]
        if len(found) > 1:
            alike = len(set(found)) == 1
            more = "" if alike else ", or set the one that is meant as it is written"
            msg = f"{location} has several columns for {name}: {', '.join(found)}; rename all but one of them{more}"
            raise InputError(msg)
        if found:
            return found[0]
    return None


def _fold_case(name: str) -> str:
    return normalize("NFKC", name).strip().strip("\ufeff\u200b").strip().casefold()


def keep_letters(name: str) -> str:
    """Return a name's letters and digits, without letter case."""
    return "".join(char for char in _fold_case(name) if char.isalnum())


def no_column(location: str, missing: Sequence[str], existing: Sequence[str]) -> str:
    """Say that an input lacks columns, which ones they may have been meant for, and which there are."""
    return f"{location} has no column {', '.join(missing)}; {existing_columns(missing, existing)}"


def existing_columns(missing: Sequence[str], existing: Sequence[str]) -> str:
    """Say which columns may have been meant, and which there are."""
    found = (nearest(name, existing[:_COMPARED]) for name in missing)
    meant = list(dict.fromkeys(name for name in found if name is not None and name not in missing))
    guess = f"did you mean {', '.join(meant)}? " if meant else ""
    more = f" and {len(existing) - _NAMED:,} more" if len(existing) > _NAMED else ""
    return f"{guess}it has: {', '.join(existing[:_NAMED])}{more}"


def split_names(names: Sequence[str], existing: Collection[str]) -> tuple[str, ...]:
    """Return the columns that are named, one by one or several with commas between them, each once."""
    found: list[str] = []
    for name in names:
        found += [name] if name in existing else [part.strip() for part in name.split(",") if part.strip()]
    return tuple(dict.fromkeys(found))
