"""The date that folder names say, as Hive, Spark, Airflow, Firehose and people write them."""

import re
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Self
from urllib.parse import unquote

_FULL = re.compile(
    r"(\d{4})(?:([-_.])(\d{1,2})\2(\d{1,2})|(\d{2})(\d{2}))(?:[T _-]?\d{2}(?:\D.*|(?:\d{2}){0,2})|Z|\+\d{2}:?\d{2})?",
    re.DOTALL,
)
_PLAIN = re.compile(r"(\d{4})(-)(\d{2})-(\d{2})()()")
_MONTH = re.compile(r"(\d{4})-?(\d{2})")
_NUMBER = re.compile(r"\d{1,2}")
_YEAR = re.compile(r"\d{4}")
_YEARS = range(1900, 2200)
_PARTS = {
    "year": ("year", "yyyy", "yy", "y", "yr"),
    "month": ("month", "mm", "m", "mon"),
    "day_of_month": ("day", "dd", "d", "dom"),
}
_DATES = re.compile(
    r"date|^(dt|ds|day|d|pt|ts|time|datetime|timestamp|partition|p|ymd?|yyyymm(dd)?|year_?month)$"
    r"|_(dt|ds|day|at|ts)$|^(dt|ds|day)_"
)
_OTHERS = re.compile(r"load|ingest|snapshot|export|extract|process|run|batch|update|insert|version|archive")
"""Dates of the copy rather than of the records: they count where no other folder says a date."""


@dataclass(frozen=True, slots=True)
class FolderDate:
    """What the folders down to a place say of a date, from the outermost on.

    `day` is the date that they name in full; `sure`: no folder further in can name another. `named`: in the form `key=value`.
    """

    year: int | None = None
    month: int | None = None
    day_of_month: int | None = None
    day: date | None = None
    sure: bool = False
    named: bool = False

    @lru_cache(10_000)  # noqa: B019  values, of which a folder of days has the same for every day that is looked for
    def enter(self, folder: str) -> Self:
        """Return what is said with one more folder."""
        if self.sure:
            return self
        key, equals, value = folder.partition("=")
        if equals:
            return self._enter_named(key.lower().strip("_"), unquote(value).strip())
        return self._enter_bare(folder)

    def may_hold(self, first: date, last: date) -> bool:
        """Whether a date from `first` to `last` can lie further in."""
        if self.day is not None:
            return not self.sure or first <= self.day <= last
        if self.year is None:
            return True
        if self.month is None:
            return first.year <= self.year <= last.year
        return (first.year, first.month) <= (self.year, self.month) <= (last.year, last.month)

    def _enter_named(self, key: str, value: str) -> Self:
        part = next((part for part, names in _PARTS.items() if key in names), None)
        is_date = part is not None or _DATES.search(key) is not None
        if (day := _read_day(value, _FULL if is_date else _PLAIN)) is not None:
            other = not is_date or _OTHERS.search(key) is not None
            if other and self.day is not None:
                return self
            return replace(self, day=day, sure=not other, named=True)
        if is_date and part != "day_of_month" and (found := _MONTH.fullmatch(value)) is not None:
            return self._with(int(found[1]), int(found[2]), named=True)
        form = _YEAR if part == "year" else _NUMBER
        if part is None or form.fullmatch(value) is None:
            return self
        return self._with(**{part: int(value)}, named=True)

    def _enter_bare(self, name: str) -> Self:
        if (day := _read_day(name, _FULL)) is not None:
            return replace(self, day=day, sure=True)
        if self.year is None and _YEAR.fullmatch(name):
            return self._with(year=int(name))
        if self.year is None and "-" in name and (found := _MONTH.fullmatch(name)) is not None:
            return self._with(int(found[1]), int(found[2]))
        if self.year is not None and _NUMBER.fullmatch(name):
            return self._with(month=int(name)) if self.month is None else self._with(day_of_month=int(name))
        return self

    def _with(
        self,
        year: int | None = None,
        month: int | None = None,
        day_of_month: int | None = None,
        *,
        named: bool = False,
    ) -> Self:
        found = replace(
            self,
            year=self.year if year is None else year,
            month=self.month if month is None else month,
            day_of_month=self.day_of_month if day_of_month is None else day_of_month,
            named=self.named or named,
        )
        if found.year not in _YEARS:
            return self if found.year is not None else found
        if found.month is None or found.day_of_month is None:
            return found
        day = _date(found.year or 0, found.month, found.day_of_month)
        return self if day is None else replace(found, day=day, sure=True)


def _read_day(text: str, form: re.Pattern[str]) -> date | None:
    found = form.fullmatch(text)
    return (
        None if found is None else _date(int(found[1]), int(found[3] or found[5]), int(found[4] or found[6]))
    )


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if year in _YEARS else None
    except ValueError:  # looks like a date, but there is no such day
        return None
