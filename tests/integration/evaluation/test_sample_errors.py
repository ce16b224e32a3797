"""Samples that are refused: one line for each mistake, and no file that says otherwise."""

import resource
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from models.errors import InputError, OutputError, UsageError
from tasks.labelling import draw_sample
from tasks.labelling.sample_file import Sheet
from tests.integration.evaluation.drawn_samples import DAY, dated, draw, numbered
from tests.integration.evaluation.labelled_files import (
    settings_for,
    write_rows,
)


@pytest.mark.parametrize("size", [0, -1])
def test_sizes_that_are_too_small(tmp_path: Path, size: int) -> None:
    """A sample has one record at least."""
    with pytest.raises(UsageError, match=f"--sample {size} is too small: draw at least 1"):
        draw(tmp_path, tmp_path / "in.csv", size)


def test_labels_are_never_overwritten(tmp_path: Path) -> None:
    """A file that exists is left as it is, also if it comes while the input is read."""
    source = write_rows(tmp_path / "in.csv", numbered(3))
    (tmp_path / "out.csv").write_text("my labels")
    with pytest.raises(
        UsageError, match=r"out.csv exists, and may hold labels already: remove it, or .* --out"
    ):
        draw(tmp_path, source, 3)
    sheet = Sheet(tmp_path / "out.csv", ("id", "text", "label"))
    with pytest.raises(UsageError, match="exists, and may hold labels"):
        sheet.write([])
    assert (tmp_path / "out.csv").read_text() == "my labels"


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    """Another kind of file is refused before anything is read, a bad folder by one line; nothing half-written stays."""
    with pytest.raises(
        UsageError, match=r"records to label go to a .csv or .jsonl file, which .*out.xlsx is not"
    ):
        draw(
            tmp_path,
            None,
            3,
            settings=settings_for(tmp_path, sentiment={"input": "x"}),
            out=tmp_path / "out.xlsx",
        )
    source = write_rows(tmp_path / "in.csv", numbered(3))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*out.csv: .*--out"):
        draw(tmp_path, source, 3, out=tmp_path / "file" / "out.csv")


def test_a_full_disk(tmp_path: Path) -> None:
    """A file that cannot be written whole is not there at all, so that the same command works later."""
    source = write_rows(tmp_path / "in.csv", numbered(100))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*out.csv: File too large"):
            draw(tmp_path, source, 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "out.csv").exists()


def test_inputs_that_cannot_be_drawn_from(tmp_path: Path) -> None:
    """None is set, it is missing, it has no text, no record of the dates, or the label's name is taken."""
    with pytest.raises(InputError, match="no input is set: give --input PATH"):
        draw(tmp_path, None, 3)
    with pytest.raises(InputError, match=r"input .*none.csv does not exist"):
        draw(tmp_path, tmp_path / "none.csv", 3)
    empty = write_rows(tmp_path / "in.jsonl", [{"id": 1, "text": " "}])
    with pytest.raises(InputError, match=r"in.jsonl holds no record with text in text"):
        draw(tmp_path, empty, 3)
    later = DAY + timedelta(days=60)
    with pytest.raises(InputError, match="holds no record from 2026-12-31 to 2026-12-31"):
        draw(tmp_path, dated(tmp_path), 3, dates=(later, later))
    settings = settings_for(tmp_path, sentiment={"label_column": "text"})
    with pytest.raises(
        UsageError, match="the column text is the input's own: set another label_column for senti"
    ):
        draw(tmp_path, empty, 3, settings=settings)


def test_an_input_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is gone when the rows are fetched stops the draw; no file is written."""
    source = write_rows(tmp_path / "in.csv", numbered(9))

    def change(*_: object) -> pl.DataFrame:
        write_rows(source, numbered(3))
        return pl.DataFrame(schema={"text_hash": pl.UInt64, "label": pl.String})

    monkeypatch.setattr(draw_sample, "published_labels", change)
    with pytest.raises(InputError, match="changed while it was read: run this again"):
        draw(tmp_path, source, 9)
    assert not (tmp_path / "out.csv").exists()
