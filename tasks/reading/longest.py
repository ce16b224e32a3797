"""How long a text of an input may be. A longer one is cut as soon as it is read, and then set aside as too long."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from models.records import Fault

UNLIMITED = 2**40
"""Characters of a text that is never too long."""
CHUNK_CHARS = 16 * 2**20
"""So many characters of the rows that are held together; some rows more, where they are long."""
LONGEST_ROW = 64 * 2**20
"""Bytes of a line, of a row of several lines, or of an element of an array that are held: what is longer is no row."""
LONGEST_ROW_LINES = 10**6
"""Lines of a row of several lines that are held."""
LEAST = 1000
"""A value with no more characters is never cut, so that no id, date or label becomes another."""
_AT_ONCE = 50
_BYTES = 4
"""Bytes of a character of UTF-8 at most."""

_SHORT = frozenset({int, float, bool, type(None)})
_Row = TypeVar("_Row")


def too_long(column: str, limit: int) -> Fault:
    """Return the fault of a row whose text in a column has more characters than the limit."""
    rule = f"must have at most {limit:,} characters (max_text_chars)"
    return Fault("too_long", f"{column} has more than {limit:,} characters", column, rule)


def cut(value: object, limit: int) -> object:
    """Return a value; of a text that is too long its beginning, which is too long as well.

    So is the text that stands for a list or an object with more members and characters than the limit.
    """
    limit = max(limit, LEAST)
    if isinstance(value, str):
        return value if len(value) <= limit else value[: limit + 1]
    if isinstance(value, bytes):
        return value if len(value) <= _BYTES * limit else value[: _BYTES * limit + 1]
    if isinstance(value, list | Mapping) and _weigh(value, limit) > limit:
        return "\0" * (limit + 1)
    return value


def cut_rows(rows: Iterable[object], limit: int) -> Iterator[Any]:
    """Yield rows with each value cut; what is no tuple of values as it is."""
    limit = max(limit, LEAST)
    for row in rows:
        if type(row) is tuple and any(
            len(value) > limit if value.__class__ is str else value.__class__ not in _SHORT for value in row
        ):
            yield tuple([cut(value, limit) for value in row])
        else:
            yield row


def chars_of(row: object) -> int:
    """Return how many characters the values of a row have; of one that was not taken apart none."""
    if type(row) is not tuple:
        return 0
    return sum(
        len(value)
        if value.__class__ is str
        else 0
        if value.__class__ in _SHORT
        else _weigh([value], CHUNK_CHARS)
        for value in row
    )


def chunks_of(
    rows: Iterable[_Row], count: int, chars: Callable[[_Row], int] = chars_of
) -> Iterator[list[_Row]]:
    """Cut rows into lists of `count`, of fewer where they are long; `chars` tells how long one is."""
    source, size = iter(rows), 0
    some: list[_Row] = []
    while few := list(islice(source, min(_AT_ONCE, count - len(some)))):
        some += few
        size += sum(map(chars, few))
        if len(some) == count or size >= CHUNK_CHARS:
            yield some
            some, size = [], 0
    if some:
        yield some


def _weigh(value: Sequence[object] | Mapping[str, object], enough: int) -> int:
    """Return the characters of the texts in a value, and one for each thing else; it stops where there are enough."""
    waiting: list[object] = [value]
    weight = 0
    while waiting and weight <= enough:
        one = waiting.pop()
        if isinstance(one, str | bytes):
            weight += len(one)
        elif isinstance(one, Mapping):
            weight += sum(map(len, one))
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        else:
            weight += 1
    return weight
