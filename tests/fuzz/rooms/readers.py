"""Inputs: CSV, JSON, Parquet and Delta tables, damaged, compressed and misnamed; each row becomes one record or one that is set aside."""

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from backports import zstd
from hypothesis import strategies as st

from models.errors import BreakevenError, InputError
from models.records import Quarantined, Record
from models.settings import WorkloadSettings
from tasks.planning.input_facts import read_facts
from tasks.reading import Source, open_partition
from tasks.reading.input_cache import InputCache
from tasks.reading.newest import newest_dates
from tasks.reading.whole import columns_of
from tests.fuzz.judge import SECRET, check_error, check_line, fail
from tests.fuzz.mutate import Edit, Mutated, mutated

DAY = date(2024, 1, 2)
LIMIT = 3
_ROWS: list[dict[str, Any]] = [
    {"id": "a", "text": f"{SECRET} one", "created_at": "2024-01-02T01:00:00Z", "n": 1},
    {"id": "b", "text": f'{SECRET} "two",\nlines', "created_at": "2024-01-02", "n": 2},
    {"id": "b", "text": f"{SECRET} déjà vu", "created_at": "2024-01-03T23:59:59+02:00", "n": None},
    {"id": "d", "text": f"{SECRET}\t; last", "created_at": "2024-01-01 00:00:00", "n": 4},
]
_FRAME = pl.DataFrame(_ROWS)


def _parquet(frame: pl.DataFrame, **options: Any) -> bytes:  # noqa: ANN401  options of polars
    out = io.BytesIO()
    frame.write_parquet(out, **options)
    return out.getvalue()


_NESTED = _FRAME.with_columns(
    pl.col("n").implode().over("id").alias("list"),
    pl.struct("id", "n").alias("struct"),
    pl.col("created_at").str.slice(0, 10).str.to_datetime("%Y-%m-%d", time_zone="UTC").alias("time"),
    pl.col("text").cast(pl.Categorical).alias("words"),
    pl.Series("far", [-(2**63) + 1, 2**63 - 1, 0, None]).cast(pl.Datetime("us")),
    pl.Series("raw", [b"\xff", b"ok", None, b""]),
)
_LINES = b"".join(json.dumps(row).encode() + b"\n" for row in _ROWS)
BASES: dict[str, list[bytes]] = {
    "csv": [
        _FRAME.write_csv().encode(),
        _FRAME.write_csv(separator=";").encode(),
        _FRAME.write_csv(separator="\t").encode("utf-16"),
        _FRAME.write_csv(line_terminator="\r\n").encode("cp1252"),
    ],
    "jsonl": [_LINES, json.dumps(_ROWS, indent=1).encode(), json.dumps({"data": _ROWS}).encode()],
    "parquet": [
        _parquet(_FRAME),
        _parquet(_FRAME, compression="uncompressed"),
        _parquet(_NESTED, compression="zstd"),
        _parquet(_NESTED, use_pyarrow=False, row_group_size=2, compression="snappy"),
    ],
}
_ENDINGS = {"csv": [".csv", ".tsv"], "jsonl": [".jsonl", ".json", ".ndjson"], "parquet": [".parquet"]}
_PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda content: gzip.compress(content, 1, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lambda content: lzma.compress(content, preset=0),
    ".zst": lambda content: bytes(zstd.compress(content, 1)),
}
CHUNK = 1 << 20
BOMBS = [(b"\x00", 300), (b"x", 300), (b'"', 300), (b"[", 300), (b",", 20), (b"\n", 4)]
"""A byte, and of how many chunks of it a compressed input has more: of many lines fewer, since each takes its time."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input and how it is read. `bomb`: a compressed chunk of so many of one byte is put in, so often."""

    name: str
    content: Mutated
    packed: str = ""
    outer: tuple[Edit, ...] = ()
    bomb: tuple[bytes, int] = (b"", 0)
    timestamp: str | None = None
    text: str = "text"
    form: tuple[tuple[str, str], ...] = ()
    delta: Mutated | None = None
    cached: bool = False

    def file(self) -> bytes:
        """Return the bytes of the file."""
        content = _PACK[self.packed](self.content.content())
        if self.bomb[1] and self.packed:
            content += _PACK[self.packed](self.bomb[0] * CHUNK) * self.bomb[1]
        return Mutated(content, self.outer).content()


_TIMES = st.sampled_from([None, "", "created_at", "time", "far", "n", "list", "nowhere\x1b"])
_FORMS = st.sampled_from([
    (),
    (),
    (("delimiter", ";"),),
    (("delimiter", "\t"),),
    (("encoding", "utf-16"),),
    (("encoding", "cp1252"),),
    (("text", "{{ text }} {{ n }}"),),
    (("text", "{{ nowhere }}{{ text }}{% if n %}x{% endif %}"),),
])  # fmt: skip
_LOG = [
    b'{"add":{"path":"in.parquet","size":1,"dataChange":true}}\n{"commitInfo":{}}\n',
    b'{"remove":{"path":"in.parquet"}}\n{"add":{"path":"in.parquet","deletionVector":{"a":1}}}\n',
]


@st.composite
def _inputs(draw: st.DrawFn) -> Input:
    kind = draw(st.sampled_from(sorted(BASES)))
    misnamed = draw(st.integers(0, 9)) == 0
    ending = draw(st.sampled_from(_ENDINGS[draw(st.sampled_from(sorted(_ENDINGS))) if misnamed else kind]))
    packed = "" if kind == "parquet" else draw(st.sampled_from(["", "", "", *sorted(_PACK)]))
    bomb = (b"", 0)
    outer: tuple[Edit, ...] = ()
    if packed:
        outer = draw(mutated([b""], 2)).edits
        if draw(st.integers(0, 9)) == 0:
            bomb = draw(st.sampled_from(BOMBS))
    return Input(
        f"in{ending}{packed if draw(st.integers(0, 5)) else ''}",
        draw(mutated(BASES[kind])),
        packed,
        outer,
        bomb,
        draw(_TIMES),
        draw(st.sampled_from(["text"] * 4 + ["words", "raw", "list", "struct", "n", "gone"])),
        draw(_FORMS),
        draw(st.none() | mutated(_LOG)) if kind == "parquet" else None,
        draw(st.booleans()),
    )


CASES = _inputs()


@contextmanager
def open_room(folder: Path) -> Iterator[Callable[[Input], None]]:
    """Give what plays a case."""

    def play(case: Input) -> None:
        with TemporaryDirectory(dir=folder) as name:
            _play(case, Path(name))

    yield play


def _play(case: Input, folder: Path) -> None:
    place = folder / "in"
    place.mkdir()
    (place / case.name).write_bytes(case.file())
    location = place / case.name
    if case.delta is not None:
        (place / "_delta_log").mkdir()
        (place / "_delta_log" / f"{0:020}.json").write_bytes(case.delta.content())
        location = place
    settings = WorkloadSettings.model_validate(
        {"timestamp_column": case.timestamp, "text_columns": [case.text], **dict(case.form)}
    )
    cache = InputCache(folder / "cache", 1 << 30) if case.cached else None
    source = Source.of(settings, ("text",), location=str(location), cache=cache)
    for ask in (lambda: columns_of(str(location)), lambda: newest_dates(source, DAY)):
        try:
            ask()
        except BreakevenError as error:
            check_error(error, may_quote=_in_names(case))
    first = read(source, may_quote=_in_names(case))
    if read(source, may_quote=_in_names(case)) != first:
        fail("read twice, it is not the same", first)


def read(source: Source, *, may_quote: bool = False) -> list[Record | Quarantined] | str:
    """Read a partition whole, by every way, and check its rows; or return the line that says why it cannot be."""
    try:
        reader = open_partition(source, DAY)
        rows = [row for batch in reader.batches(LIMIT) for row in batch]
        facts = read_facts(reader)
        few = [row for batch in open_partition(source, DAY, LIMIT).batches() for row in batch]
    except InputError as error:
        check_error(error, may_quote=may_quote)
        return str(error)
    if [row.ordinal for row in rows] != list(range(len(rows))):
        fail("rows are lost", rows)
    if len({row.key for row in rows}) != len(rows):
        fail("two rows have one key", rows)
    if facts.rows != len(rows) or reader.count() not in {None, len(rows)}:
        fail("rows are counted otherwise", (facts.rows, reader.count(), len(rows)))
    if few != rows[:LIMIT]:
        fail("the first rows are others", few)
    for row in rows:
        if isinstance(row, Quarantined):
            check_line(row.detail, may_quote=may_quote)
        elif not row.text.strip() or not row.id:
            fail("a record without text or id", row)
    return rows


def _in_names(case: Input) -> bool:
    """Whether a record's text may stand where names of columns do, so that a line may quote it."""
    if case.name.endswith("parquet") or case.delta is not None:
        return True  # names of columns lie among its bytes
    return bool(case.content.edits or case.outer or case.packed)
