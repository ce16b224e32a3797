"""`where` conditions and timestamps, drawn from what people write and from what breaks parsers, over a table in three formats."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import strategies as st

from models.settings import WorkloadSettings
from tasks.reading import Source
from tests.fuzz.judge import SECRET, fail
from tests.fuzz.mutate import TEXTS
from tests.fuzz.rooms.readers import read

_FRAME = pl.DataFrame({
    "id": ["1", "2", "3"],
    "text": [f"{SECRET} a", f"{SECRET} b", f"{SECRET} c"],
    "zip": ["01234", None, "00501"],
    "n": [1, -5, None],
    "price": [1.5, None, 7.25],
})  # fmt: skip
_COLUMNS = st.sampled_from(["id", "text", "zip", "n", "price", "nowhere", '"n"', "N"])
_LITERALS = st.one_of(
    st.integers().map(str),
    st.sampled_from(["1", "'01234'", "NULL", "TRUE", "1.5", "1e400", "-0", "DATE '2024-01-02'", "''", "'%'"]),
    TEXTS.map(lambda text: "'" + text.replace("'", "''") + "'"),
)
_OPERATORS = st.sampled_from(
    ["=", "<>", "<", ">=", "LIKE", "ILIKE", "IS", "IS NOT", "||", "+", "/", "%", "~"]
)
_WORDS = st.sampled_from([
    "SELECT", "FROM", "(", ")", "COUNT(*)", "SUM(n)", "ROW_NUMBER() OVER ()", "(SELECT 1)", "EXISTS", ";", "--", "/*", "CASE WHEN",
    "END", "IN", "BETWEEN", "AND", "OR", "NOT", "CAST(n AS INT)", "n::date", "REGEXP_LIKE(text, '(a+)+$')", "UNION", "LIMIT 1",
    "read_csv('/etc/passwd')", "LENGTH(text)", "ARRAY[1]", "INTERVAL '1 day'", "\x00", "$1", "?", ":x", '"', "'", "\\", "self", "ORDER BY n",
])  # fmt: skip
_TERMS = st.builds(lambda left, how, right: f"{left} {how} {right}", _COLUMNS, _OPERATORS, _LITERALS)
_SHAPED = st.recursive(
    _TERMS
    | st.builds(lambda column, one, two: f"{column} IN ({one}, {two})", _COLUMNS, _LITERALS, _LITERALS),
    lambda inner: (
        st.builds(
            lambda one, how, two: f"({one}) {how} ({two})",
            inner,
            st.sampled_from(["AND", "OR", "AND NOT"]),
            inner,
        )
        | inner.map(lambda one: f"NOT ({one})")
    ),
    max_leaves=6,
)
_LOOSE = st.lists(_COLUMNS | _LITERALS | _OPERATORS | _WORDS, min_size=1, max_size=8).map(" ".join)
_MANY = st.builds(
    lambda part, how, times: how.join([part] * times),
    st.sampled_from(["n = 1", "NOT", "(", "zip LIKE '%a%'", "n", "- n", "'a'"]),
    st.sampled_from([" OR ", " AND ", " ", "", "+", ", "]),
    st.sampled_from([10, 300, 5_000, 30_000]),
)
_STAMPS = st.one_of(
    TEXTS,
    st.datetimes().map(str),
    st.integers().map(str),
    st.builds(
        lambda day, sep, time, zone: f"{day}{sep}{time}{zone}",
        st.sampled_from(
            ["2024-01-02", "02.01.2024", "1/2/2024", "0000-00-00", "2024-02-30", "20240102", "-1"]
        ),
        st.sampled_from(["", " ", "T", "  "]),
        st.sampled_from(["", "01:00", "24:00:00", "23:59:60.123456789", "1 pm", "99:99"]),
        st.sampled_from(["", "Z", "+02:00", "+9999", " UTC", "[Europe/Berlin]", "-00:00"]),
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition, the timestamps of the rows, and the format."""

    where: str | None
    stamps: tuple[str, str, str] | None
    kind: str
    complex_where: str | None = None


_KINDS = st.sampled_from(["csv", "jsonl", "parquet"])
_WHERE = _SHAPED | _LOOSE | _MANY
CASES = st.builds(Asked, _WHERE, st.none(), _KINDS, st.none() | _WHERE) | st.builds(
    Asked, st.none(), st.tuples(_STAMPS, _STAMPS, _STAMPS), _KINDS
)


@contextmanager
def open_room(folder: Path) -> Iterator[Callable[[Asked], None]]:
    """Give what plays a case."""

    def play(case: Asked) -> None:
        with TemporaryDirectory(dir=folder) as name:
            _play(case, Path(name))

    yield play


def _play(case: Asked, folder: Path) -> None:
    path = folder / f"in.{case.kind}"
    frame = _FRAME
    if case.stamps is not None:
        clean = [one.encode("utf-8", "replace").decode() for one in case.stamps]
        frame = frame.with_columns(pl.Series("created_at", clean))
    if case.kind == "csv":
        frame.write_csv(path)
    elif case.kind == "jsonl":
        frame.write_ndjson(path)
    else:
        frame.write_parquet(path)
    settings = WorkloadSettings(timestamp_column="" if case.stamps is None else "created_at")
    source = Source.of(
        settings, ("text",), location=str(path), where=case.where, complex_where=case.complex_where
    )
    quotes = SECRET in f"{case.where}{case.complex_where}{case.stamps}"
    if read(source, may_quote=quotes) != read(source, may_quote=quotes):
        fail("read twice, it is not the same")
