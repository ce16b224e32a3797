"""Parts: durable part files, reading them back, and publishing them in input order."""

import random
import resource
import uuid
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from models.errors import OutputError
from models.records import Carried, Quarantined, Record
from models.requests import Answer, Choice, Completion, Message, Request
from tasks.storage.input_digest import InputDigest
from tasks.storage.merge_parts import RECORDS, publish
from tasks.storage.part_files import (
    OUTPUT,
    AnsweredRow,
    load_done,
    remove_parts,
    remove_unregistered,
    write_part,
)
from tasks.storage.scratch_db import Scratch

MODELS = {"vllm": "m", "openai": "api-m"}


class Label(BaseModel):
    """A small output model."""

    label: Literal["good", "bad"]


def row(ordinal: int, label: str = "good") -> AnsweredRow:
    """Make the finished record of an ordinal; the same one every time."""
    messages = (Message("user", f"text {ordinal}"),)
    request = Request(uuid.UUID(int=ordinal), f"k{ordinal}", messages, Choice(("good", "bad")), 1)
    probabilities = {"good": 0.5, "bad": 0.5}
    reply = Completion(request, label, label, finish_reason="stop", label_probabilities=probabilities)
    record = Record(f"k{ordinal}", f"id{ordinal}", ordinal, f"text {ordinal}")
    return AnsweredRow(record, reply, Label.model_validate({"label": label}), 0.5)


def aside(ordinal: int) -> Quarantined:
    """Make the quarantined row of an ordinal, which reading set aside."""
    row = Quarantined(f"k{ordinal}", None, ordinal, "missing_text", "text is null")
    return replace(row, field="text", rule="must not be empty")


def write(folder: Path, ordinals: list[int], quarantined: list[int] | None = None) -> Path:
    """Write one part of these ordinals."""
    rows = [row(ordinal) for ordinal in ordinals]
    return write_part(folder, uuid.uuid4(), Label, rows, [aside(ordinal) for ordinal in quarantined or []])


def test_published_columns_and_order(tmp_path: Path) -> None:
    """Parts that overlap come out in input order, with the outer columns only, quarantine beside."""
    parts = [write(tmp_path / "parts", [5, 0, 3]), write(tmp_path / "parts", [4, 1], [2])]
    done = publish(parts, tmp_path / "out", Label, MODELS, "p1")
    records = pl.read_parquet(done.path)
    outer = ["confidence", "engine", "model", "prompt_version", "text_hash"]
    assert records.columns == ["id", "record_key", "label", *outer]
    assert records["record_key"].to_list() == ["k0", "k1", "k3", "k4", "k5"]
    assert records.row(0) == ("id0", "k0", "good", 0.5, "vllm", "m", "p1", row(0).record.text_hash)
    assert done.quarantine is not None
    quarantine = pl.read_parquet(done.quarantine)
    assert quarantine.rows() == [
        (None, "k2", 2, "missing_text", "text is null", "text", "must not be empty", None, None, False)
    ]
    assert (done.records, done.quarantined) == (5, 1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "quarantine.parquet",
        "records.parquet",
    ]


@settings(deadline=None)
@given(st.data())
def test_any_grouping_publishes_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """However records fall into parts, and in whatever order parts are given, the files are equal."""
    size = data.draw(st.integers(1, 40))
    bad = set(data.draw(st.lists(st.integers(0, size - 1), max_size=5)))
    order = data.draw(st.permutations(range(size)))
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=6)))
    folder = tmp_path_factory.mktemp("parts")
    edges = [0, *cuts, size]
    groups = [order[start:end] for start, end in pairwise(edges)]
    parts = [write(folder, [o for o in g if o not in bad], [o for o in g if o in bad]) for g in groups]
    whole = [write(folder, [o for o in range(size) if o not in bad], sorted(bad))]
    first = publish(parts, folder / "a", Label, MODELS, "p1")
    second = publish(whole, folder / "b", Label, MODELS, "p1")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.quarantine is None) == (not bad)
    if first.quarantine and second.quarantine:
        assert first.quarantine.read_bytes() == second.quarantine.read_bytes()


def test_many_overlapping_parts_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The merge over many groups of parts keeps order where parts overlap locally and one spans all."""
    monkeypatch.setattr("tasks.storage.merge_parts._READ_ROWS", 50)
    ordinals = sorted(range(1, 999), key=lambda o: o + random.Random(o).random() * 60)
    parts = [write(tmp_path, ordinals[start : start + 20]) for start in range(0, 998, 20)]
    parts.append(write(tmp_path, [0, 999]))
    random.Random(1).shuffle(parts)
    done = publish(parts, tmp_path / "out", Label, MODELS, "p1")
    assert pl.read_parquet(done.path)["record_key"].to_list() == [f"k{o}" for o in range(1000)]


def test_publishing_twice_is_harmless(tmp_path: Path) -> None:
    """A second publish gives the same files; a quarantine file that is no longer true goes away."""
    part, clean = write(tmp_path / "parts", [0], [1]), write(tmp_path / "parts", [0, 1])
    first = publish([part], tmp_path / "out", Label, MODELS, "p1").path.read_bytes()
    assert publish([part], tmp_path / "out", Label, MODELS, "p1").path.read_bytes() == first
    assert publish([clean], tmp_path / "out", Label, MODELS, "p1").quarantine is None
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["records.parquet"]


def test_nothing_answered_publishes_no_rows(tmp_path: Path) -> None:
    """A partition whose rows are all set aside has a records file with columns and no rows."""
    done = publish([write(tmp_path, [], [0, 1])], tmp_path / "out", Label, MODELS, "p1")
    records = pl.read_parquet(done.path)
    assert records.height == 0
    assert records.schema["label"] == pl.String


def test_a_record_twice_is_refused(tmp_path: Path) -> None:
    """Two parts with one ordinal are an error, also when one of them quarantined it; nothing appears."""
    for second in (write(tmp_path / "parts", [1]), write(tmp_path / "parts", [], [1])):
        with pytest.raises(OutputError, match="twice"):
            publish([write(tmp_path / "parts", [0, 1]), second], tmp_path / "out", Label, MODELS, "p1")
        assert not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_part_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    """A part that is gone or cut off is named, and what was published before stays."""
    good, bad = write(tmp_path / "parts", [0]), write(tmp_path / "parts", [1])
    before = publish([good], tmp_path / "out", Label, MODELS, "p1").path.read_bytes()
    if damage == "missing":
        bad.unlink()
    else:
        bad.write_bytes(bad.read_bytes()[:-40])
    with pytest.raises(OutputError, match=bad.name):
        publish([good, bad], tmp_path / "out", Label, MODELS, "p1")
    with Scratch() as scratch, pytest.raises(OutputError, match=bad.name):
        load_done([bad], scratch)
    assert (tmp_path / "out" / "records.parquet").read_bytes() == before


def test_a_crash_between_the_two_files_leaves_the_old_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quarantine is replaced first: whatever stops it there, records.parquet is the old one, whole."""
    before = publish([write(tmp_path / "p", [0])], tmp_path / "out", Label, MODELS, "p1").path.read_bytes()
    parts = [write(tmp_path / "p", [0], [1])]
    replace = Path.replace

    def crash(self: Path, target: Path) -> Path:
        if target.name == "records.parquet":
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            publish(parts, tmp_path / "out", Label, MODELS, "p1")
    assert (tmp_path / "out" / "records.parquet").read_bytes() == before
    assert publish(parts, tmp_path / "out", Label, MODELS, "p1").quarantined == 1


def test_load_done_restores_keys_and_answers(tmp_path: Path) -> None:
    """After a restart the keys of a part are done, quarantined ones too, and answers can be reused."""
    part = write(tmp_path, [0, 1], [2])
    with Scratch() as scratch:
        load_done([part], scratch)
        assert scratch.done(["k0", "k1", "k2", "k3"]) == {"k0", "k1", "k2"}
        probabilities = {"good": 0.5, "bad": 0.5}
        known = Answer(uuid.UUID(int=1), "good", "good", "stop", 0.5, probabilities)
        assert scratch.get(row(1).completion.request.digest()) == known
        assert scratch.get(row(3).completion.request.digest()) is None


def test_a_row_keeps_the_attempt_that_was_answered(tmp_path: Path) -> None:
    """A record served by reuse names the attempt that it reuses, another its own; its answer is written once for all that share it."""
    own, first = row(1), uuid.uuid4()
    reused = replace(own, completion=replace(own.completion, reuses=first))
    part = write_part(tmp_path, uuid.uuid4(), Label, [own, reused, row(2, "bad")])
    kept = pl.read_parquet(part)
    attempts = [uuid.UUID(int=1), first, uuid.UUID(int=2)]
    assert kept.get_column("attempt_id").to_list() == [attempt.bytes for attempt in attempts]
    assert kept.get_column(OUTPUT + "label").to_list() == ["good", "good", "bad"]


def test_orphans_are_removed_and_strangers_stay(tmp_path: Path) -> None:
    """Unregistered parts and temporary files go; registered parts and other people's files stay."""
    kept, orphan = write(tmp_path, [0]), write(tmp_path, [1])
    temporary = tmp_path / "x.parquet.tmp"
    temporary.touch()
    (tmp_path / "notes.txt").touch()
    assert remove_unregistered(tmp_path, [kept.name]) == sorted([orphan.name, temporary.name])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([kept.name, "notes.txt"])
    assert remove_unregistered(tmp_path / "none", []) == []


def test_parts_are_removed_after_publishing(tmp_path: Path) -> None:
    """The parts and their empty folder go; a part that is gone already does no harm."""
    parts = [write(tmp_path / "parts", [0]), write(tmp_path / "parts", [1])]
    parts[0].unlink()
    remove_parts(parts)
    assert not (tmp_path / "parts").exists()


def test_an_unwritable_folder_is_one_clear_error(tmp_path: Path) -> None:
    """A folder that cannot be made or written gives one line that names it, for parts and for publishing."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="BREAKEVEN_OUTPUT_DIR"):
        write(tmp_path / "file", [0])
    with pytest.raises(OutputError, match=RECORDS):
        publish([write(tmp_path, [0])], tmp_path / "file", Label, MODELS, "p1")


@pytest.mark.parametrize("stage", ["part", "publish"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, stage: str) -> None:
    """A file that may not grow gives one clear error, and no file under any name."""
    part = write(tmp_path / "parts", [0])
    full = tmp_path / "full"
    full.mkdir()
    attempts: dict[str, Callable[[], object]] = {
        "part": lambda: write_part(full, uuid.UUID(int=7), Label, [row(0)]),
        "publish": lambda: publish([part], full, Label, MODELS, "p1"),
    }
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    try:
        with pytest.raises(OutputError, match="File too large"):
            attempts[stage]()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert list(full.iterdir()) == []


def test_the_digest_of_what_is_published_is_that_of_the_input(tmp_path: Path) -> None:
    """However records fell into parts and wherever they were answered; unknown where a part does not tell."""
    records = [Record(f"k{n}", f"id{n}", n, f"text {n}") for n in range(4)]
    failed = Quarantined("k2", "id2", 2, "invalid_output", "no label", records[2].text_hash)
    rows = [replace(row(n), record=records[n]) for n in (3, 0)]
    carried = [Carried(records[1], {"label": "bad"}, 0.5, "openai")]
    first = write_part(tmp_path / "parts", uuid.uuid4(), Label, rows, [aside(4)])
    second = write_part(tmp_path / "parts", uuid.uuid4(), Label, [], [failed], (), carried)
    expected = InputDigest()
    expected.add([*records, aside(4)])
    done = publish([first, second], tmp_path / "out", Label, MODELS, "p1")
    assert done.input_digest == expected.digest()
    assert (done.records, done.quarantined) == (3, 2)
    pl.read_parquet(first).drop("text_hash").write_parquet(first, metadata=about(first))  # an older version's
    assert publish([first, second], tmp_path / "out", Label, MODELS, "p1").input_digest is None
    assert publish([second, first], tmp_path / "out", Label, MODELS, "p1").records == 3
    hashes = pl.read_parquet(tmp_path / "out" / RECORDS)["text_hash"].to_list()
    assert hashes == [None, records[1].text_hash, None]


def about(part: Path) -> dict[str, str]:
    """Return what a part's own metadata say of it."""
    known = pl.read_parquet_metadata(part)
    return {name: known[name] for name in ("first", "last", "records", "quarantined")}
