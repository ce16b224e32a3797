"""An input that changes under a run leaves the day unfinished; the next run answers what the input holds then, and no mixture."""

import os
from pathlib import Path

import polars as pl
import pytest

from models.errors import EngineDied
from models.records import Record
from models.requests import Request
from models.settings import Settings
from tasks.reading.files.store import InputChanged
from tests.fakes import Reply, ScriptedEngine, plausible, prompt
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    good_rows,
    leftovers,
    no_engine,
    published,
    quarantined,
    run,
    write_records,
)
from tests.sampling import sampled


def text_hash(text: str) -> int:
    """Return the hash that is published with an answer to a text."""
    return Record("k", "k", 0, text).text_hash


KINDS = pytest.mark.parametrize("kind", sampled(["jsonl", "csv", "parquet"], {"jsonl"}))


def write(path: Path, rows: list[object]) -> Path:
    """Write rows in the format of the name, as a new file in the place of the old one."""
    new = path.with_name(f"new.{path.suffix[1:]}")
    if path.suffix == ".jsonl":
        write_records(new, rows)
    else:
        frame = pl.DataFrame(rows)
        (frame.write_parquet if path.suffix == ".parquet" else frame.write_csv)(new)
    os.replace(new, path)  # noqa: PTH105  as those do who write beside and rename
    return path


def changed(rows: list[object], texts: dict[int, str]) -> list[object]:
    """Give rows other texts."""
    return [
        {"id": f"r{number}", "text": texts[number]} if number in texts else row
        for number, row in enumerate(rows)
    ]


def rewrites(path: Path, rows: list[object], after: int) -> ScriptedEngine:
    """Make an engine under which the input gets other rows after so many requests."""
    asked = 0

    def answer(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        if asked == after:
            write(path, rows)
        return plausible(request)

    return ScriptedEngine(handler=answer)


@KINDS
def test_the_day_stays_unfinished_and_says_why(settings: Settings, tmp_path: Path, kind: str) -> None:
    """Nothing is published of two contents; the next run takes over what is as it was, and asks for the rest."""
    rows = good_rows(3000)
    now = changed(rows[:2990], {5: "another text", 2900: "a late change"})
    source = write(tmp_path / f"in.{kind}", rows)
    with pytest.raises(InputChanged, match=rf"in\.{kind} was changed while it was read"):
        run(settings, source, rewrites(source, now, 500))
    (row,) = table(settings, "runs")
    assert row.state == "failed"
    assert "was changed while it was read" in row.error
    assert not (settings.output_dir / "sentiment" / "date=2026-11-01").exists()
    engine = ScriptedEngine()
    result = run(settings, source, engine)
    assert (result.state, result.published) == ("completed", 2990)
    assert result.carried > 400
    assert len(engine.started) == 2990 - result.carried
    assert "r5" in engine.started
    found = published(settings)
    assert found["record_key"].to_list() == [f"r{number}" for number in range(2990)]
    assert found["text_hash"].to_list()[5] == text_hash("another text")
    assert run(settings, source, no_engine, refresh=True).state == "skipped"
    assert leftovers(settings) == []
    check_books(settings)


def test_what_was_set_aside_and_mended_is_read_again(settings: Settings, tmp_path: Path) -> None:
    """A run that died over an input with bad rows goes on with the mended one, and not with what it had set aside."""
    rows = good_rows(60)
    bad = changed(rows, dict.fromkeys(range(5), ""))
    source = write(tmp_path / "in.jsonl", bad)
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=40))
    write(source, rows)
    result = run(settings, source)
    assert (result.published, quarantined(settings).height) == (60, 0)
    assert result.carried > 0
    check_books(settings)


def test_late_rows_change_nothing_of_what_is_done(settings: Settings, tmp_path: Path) -> None:
    """An input that has only got more rows goes on where it was: the same version, nothing taken over."""
    source = write(tmp_path / "in.jsonl", good_rows(60))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=40))
    write(source, good_rows(70))
    result = run(settings, source)
    assert (result.published, result.carried) == (70, 0)
    assert len(table(settings, "partition_versions")) == 1
    check_books(settings)


def test_a_change_after_a_change(settings: Settings, tmp_path: Path) -> None:
    """Each new run goes on from what the one before had, and what is published is the input at its end."""
    source = write(tmp_path / "in.jsonl", good_rows(100))
    for number in (20, 21, 22):
        write(source, changed(good_rows(100), {number: f"change {number}"}))
        with pytest.raises(EngineDied):
            run(settings, source, ScriptedEngine(dies_after=50 if number == 20 else 5))
    result = run(settings, source)
    found = published(settings)
    assert result.published == found.height == 100
    assert found["text_hash"].to_list()[22] == text_hash("change 22")
    assert found["text_hash"].to_list()[20] == text_hash("message number 20")
    assert leftovers(settings) == []
    check_books(settings)


def test_texts_reach_the_engine_once(settings: Settings, tmp_path: Path) -> None:
    """What was taken over is not asked again, and what changed is asked with its new text."""
    source = write(tmp_path / "in.jsonl", good_rows(60))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=40))
    write(source, changed(good_rows(60), dict.fromkeys(range(30, 50), "now this")))
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(prompt(request))
        return plausible(request)

    result = run(settings, source, ScriptedEngine(handler=answer))
    assert result.carried > 0
    assert len(asked) == 60 - result.carried - 19  # one answer serves all of the same text
    assert any("now this" in one for one in asked)


def test_a_rerun_takes_nothing_over_from_a_refresh(settings: Settings, tmp_path: Path) -> None:
    """A refresh that died had taken over what is published; a rerun of an input that changed since infers all of it anew."""
    source = write(tmp_path / "in.jsonl", good_rows(60))
    run(settings, source)
    write(source, changed(good_rows(100), {1: "one", 2: "two"}))
    with pytest.raises(EngineDied):
        run(settings, source, ScriptedEngine(dies_after=30), refresh=True)
    write(source, changed(good_rows(100), {1: "eins", 2: "zwei"}))
    engine = ScriptedEngine()
    result = run(settings, source, engine, rerun=True)
    assert (result.published, result.carried, len(engine.started)) == (100, 0, 100)
    assert leftovers(settings) == []
    check_books(settings)
