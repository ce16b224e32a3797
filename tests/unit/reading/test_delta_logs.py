"""Logs of Delta tables that somebody else has written: a line without end, paths that are none or lead elsewhere."""

from datetime import date
from pathlib import Path

import orjson
import polars as pl
import pytest

from models.errors import InputError
from models.records import Record
from models.settings import WorkloadSettings
from tasks.reading import Source, open_partition
from tasks.reading.files import delta


def table(folder: Path, *lines: bytes) -> Path:
    """Write a table of one file, with a log of one commit."""
    made = folder / "table"
    (made / "_delta_log").mkdir(parents=True)
    pl.DataFrame({"id": ["a"], "text": ["in the table"]}).write_parquet(made / "1.parquet")
    pl.DataFrame({"id": ["b"], "text": ["elsewhere"]}).write_parquet(folder / "2.parquet")
    (made / "_delta_log" / f"{0:020}.json").write_bytes(b"\n".join(lines))
    return made


def texts(location: Path) -> list[str]:
    """Return the texts of a table."""
    source = Source.of(WorkloadSettings(timestamp_column=""), ("text",), location=str(location))
    batches = open_partition(source, date(2024, 1, 2)).batches()
    return [row.text for batch in batches for row in batch if isinstance(row, Record)]


def add(path: object) -> bytes:
    """Return the line that adds a file."""
    return orjson.dumps({"add": {"path": path}})


@pytest.mark.parametrize(
    "path",
    [
        "../2.parquet",
        "day=1/../../2.parquet",
        "%2e%2e/2.parquet",
        "/etc/2.parquet",
        "file:///etc/2.parquet",
        "s3://another/2.parquet",
        "https://another.example/2.parquet",
        "./1.parquet",
        "2.parquet\0",
        "",
        7,
        None,
        ["1.parquet"],
        {"path": "1.parquet"},
    ],
)
def test_a_path_that_leads_elsewhere(path: object, tmp_path: Path) -> None:
    """A file that is not in the table's folder is one line, rather than rows that are missing or come from elsewhere."""
    made = table(tmp_path, add("1.parquet"), add(path))
    with pytest.raises(InputError, match="names files that are not in its folder: copy it whole") as raised:
        texts(made)
    assert "\n" not in str(raised.value)


def test_paths_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may be the whole address of a file of the table, and what was removed may be anything."""
    monkeypatch.chdir(tmp_path)
    removed = orjson.dumps({"remove": {"path": ["x"]}})
    gone = orjson.dumps({"remove": {"path": "../2.parquet"}})
    made = table(
        tmp_path, b"[]", b"7", removed, add("../2.parquet"), gone, add(str(tmp_path / "table/1.parquet"))
    )
    assert texts(made) == texts(Path("table")) == ["in the table"]
    (made / "_delta_log" / f"{0:020}.json").write_bytes(add((made / "1.parquet").as_uri()))
    assert texts(made) == ["in the table"]


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more of a line is held than any line may have; long statistics are no harm."""
    monkeypatch.setattr(delta, "LONGEST_ROW", 100_000)
    long = orjson.dumps({"add": {"path": "1.parquet", "stats": "x" * 90_000}})
    assert texts(table(tmp_path / "well", long)) == ["in the table"]
    with pytest.raises(InputError, match="has a line of 64 MiB or more"):
        texts(table(tmp_path / "endless", add("1.parquet"), b"x" * 200_000))
