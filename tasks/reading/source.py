"""What is read: where a workload's input lies and which columns mean what."""

from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from models.errors import InputError
from models.settings import WorkloadSettings
from models.settings.workload import MAX_TEXT_CHARS
from tasks.reading.files.address import is_remote
from tasks.reading.input_cache import InputCache
from tasks.reading.longest import UNLIMITED
from tasks.reading.row_template import RowTemplate, text_source

TIMESTAMP_NAMES = ("timestamp", "created_at", "date", "datetime", "time", "ts")
"""Columns looked for, in this order, where no timestamp column is set."""


@dataclass(frozen=True, slots=True)
class Source:
    """One workload's input: a location or a query, a condition, and the mapping of its columns.

    `template` makes the text of the columns; None: they stand one below the other. `timestamp_column` None: the first of `TIMESTAMP_NAMES` that exists; empty: none, so that the input
    is one partition of whatever date is asked for. `complex_where` marks records (`Record.complex`) and selects
    none. `delimiter` and `encoding`: of CSV and JSON files; auto: told by what a file holds.
    `max_text_chars`: characters of a text at most; a row with a longer one is set aside.
    `cache` is where rows of CSV and JSON files are kept once they were read; None: nowhere.
    """

    location: str | None
    text_columns: tuple[str, ...]
    id_column: str = "id"
    timestamp_column: str | None = None
    where: str | None = None
    query: str | None = None
    query_url: SecretStr | None = field(default=None, repr=False)
    complex_where: str | None = None
    template: RowTemplate | None = None
    delimiter: str = "auto"
    encoding: str = "auto"
    max_text_chars: int = MAX_TEXT_CHARS
    cache: InputCache | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        settings: WorkloadSettings,
        text_columns: tuple[str, ...],
        *,
        workload: str = "",
        location: str | None = None,
        where: str | None = None,
        complex_where: str | None = None,
        cache: InputCache | None = None,
    ) -> Self:
        """Take a workload's settings, its default text columns, and what the command line overrides.

        An overriding location replaces a query too. `workload` is its name, for messages. `complex_where` comes from the policy in force
        (`models.routing.rules.row_condition`). Raises `InputError` where nothing is set, or both
        a file and a query are.
        """
        if location is None and settings.input and settings.query:
            msg = "both an input and a query are set for this workload: remove one of them"
            raise InputError(msg)
        query = None if location else settings.query or None
        found = location or settings.input
        if not found and not query:
            msg = "no input is set: give --input PATH or set BREAKEVEN_WORKLOADS__<NAME>__INPUT"
            raise InputError(msg)
        if query and settings.query_url is None:
            msg = "a query is set but no query_url: set the URL of the database that it reads"
            raise InputError(msg)
        columns, template = text_source(settings, text_columns, workload)
        return cls(
            found,
            columns,
            settings.id_column,
            settings.timestamp_column,
            where or settings.where,
            query,
            settings.query_url if query else None,
            complex_where or None,
            template,
            settings.delimiter,
            settings.encoding,
            settings.max_text_chars,
            cache,
        )

    @classmethod
    def snapshot(cls, path: str) -> Self:
        """Take a file that an evaluation wrote: one partition of records with `id` and the `text` that was made of each."""
        return cls(path, ("text",), timestamp_column="", max_text_chars=UNLIMITED)

    @property
    def name(self) -> str:
        """The location without secrets, for messages: a path, a URL, or the query's database."""
        if self.query_url is not None:
            return _without_secrets(self.query_url.get_secret_value())
        location = self.location or ""
        return _without_secrets(location) if is_remote(location) else location

    def fingerprint(self) -> str:
        """16 hex digits that are equal for the same location, condition and mapping."""
        name = self.name
        if not self.query and not is_remote(name):
            name = str(Path(name).absolute())
        facts: tuple[object, ...] = (
            name,
            self.text_columns,
            self.id_column,
            self.timestamp_column,
            self.where,
            self.query,
        )
        if self.complex_where is not None:  # a source without it keeps the fingerprint that it always had
            facts = (*facts, self.complex_where)
        if self.template is not None:
            facts = (*facts, *self.template.identity())
        for name in ("delimiter", "encoding"):
            if (value := getattr(self, name)) != "auto":
                facts = (*facts, name, value)
        if self.max_text_chars != MAX_TEXT_CHARS:
            facts = (*facts, self.max_text_chars)
        return blake2b(repr(facts).encode(), digest_size=8).hexdigest()


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
