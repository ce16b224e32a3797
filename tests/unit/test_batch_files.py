"""Request files of the Batch API: nothing is lost or doubled, no limit is exceeded, nothing is half-written."""

import os
import tempfile
import tracemalloc
from pathlib import Path
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.permit import ApiRequest
from models.engines.batch.files import (
    BatchFile,
    BatchLimits,
    batch_path,
    file_ids,
    remove_unregistered,
    write_batches,
)
from models.errors import OutputError
from models.ids import new_id
from models.requests import Completion
from tests.batch_requests import LIMITS, api_requests, one_file, wire_body, words

TEXTS = st.lists(st.text(max_size=300), max_size=40)


@given(
    texts=TEXTS,
    most=st.integers(1, 12),
    size=st.integers(700, 4000),
    tokens=st.none() | st.integers(1, 60),
)
def test_every_request_is_in_one_file_or_set_aside_and_no_limit_is_exceeded(
    texts: list[str], most: int, size: int, tokens: int | None
) -> None:
    """Whatever the texts and limits, in the order of the requests, with exact counts."""
    requests = list(api_requests(texts))
    limits = BatchLimits(most, size, tokens)
    with tempfile.TemporaryDirectory() as folder:
        made = list(write_batches(requests, Path(folder), limits, body=wire_body, tokens=words))
        files = [one for one in made if isinstance(one, BatchFile)]
        aside = {one.request.id for one in made if isinstance(one, Completion)}
        by_id = {request.id: request for request in requests}
        for file in files:
            content = file.path.read_bytes()
            entries = [orjson.loads(line) for line in content.splitlines()]
            assert [UUID(entry["custom_id"]) for entry in entries] == list(file.ids)
            assert all(entry["body"] == wire_body(by_id[UUID(entry["custom_id"])]) for entry in entries)
            assert (file.requests, file.bytes) == (len(entries), len(content))
            assert file.tokens == sum(words(by_id[one]) for one in file.ids)
            assert 1 <= file.requests <= most
            assert file.bytes <= size
            assert tokens is None or file.tokens <= tokens
        written = [one for file in files for one in file.ids]
        assert written == [request.id for request in requests if request.id not in aside]
        assert sorted(Path(folder).iterdir()) == sorted(file.path for file in files)


def test_a_request_that_no_file_can_hold_is_rejected_alone(tmp_path: Path) -> None:
    """Too many bytes or too many tokens: `too_long`, without an attempt; the others are written."""
    requests = list(api_requests(["short", "x" * 5000, "many words " * 50, "last"]))
    limits = BatchLimits(100, 3000, 40)
    made = list(write_batches(requests, tmp_path, limits, body=wire_body, tokens=words))
    rejected = [one for one in made if isinstance(one, Completion)]
    (file,) = [one for one in made if isinstance(one, BatchFile)]
    assert [(one.request, one.rejection, one.attempts) for one in rejected] == [
        (requests[1], "too_long", 0),
        (requests[2], "too_long", 0),
    ]
    assert "3000" in str(rejected[0].detail)
    assert "40" in str(rejected[1].detail)
    assert file.ids == (requests[0].id, requests[3].id)


def test_a_line_of_exactly_the_limit_fits(tmp_path: Path) -> None:
    """The limit counts the line feed, and is itself allowed."""
    size = one_file(["a text"], tmp_path).bytes
    for limit, kind in ((size, BatchFile), (size - 1, Completion)):
        limits = BatchLimits(1, limit)
        made = list(write_batches(api_requests(["a text"]), tmp_path, limits, body=wire_body, tokens=words))
        assert [type(one) for one in made] == [kind]


def test_nothing_to_ask_makes_no_file(tmp_path: Path) -> None:
    """An empty file would be refused by the provider."""
    assert list(write_batches(iter(()), tmp_path, LIMITS, body=wire_body, tokens=words)) == []
    assert list(tmp_path.iterdir()) == []


def test_requests_are_taken_as_files_are_asked_for(tmp_path: Path) -> None:
    """The first file is there before the fourth request is rendered."""
    taken: list[UUID] = []

    def tokens(request: ApiRequest) -> int:
        taken.append(request.id)
        return 1

    texts = (f"text {number}" for number in range(100))
    limits = BatchLimits(2, 100_000)
    writing = write_batches(api_requests(texts), tmp_path, limits, body=wire_body, tokens=tokens)
    first = next(writing)
    assert isinstance(first, BatchFile)
    assert len(taken) == 3
    assert first.path.exists()
    writing.close()
    assert list(tmp_path.iterdir()) == [first.path]


def test_a_file_gets_its_name_only_when_its_content_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut no file stands under its final name without all its lines."""
    seen = []

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        final = [path.name for path in tmp_path.iterdir() if path.suffix == ".jsonl"]
        seen.append((target.suffix or "folder", len(final)))

    monkeypatch.setattr(os, "fsync", fsync)
    one_file(["a", "b"], tmp_path)
    assert seen == [(".tmp", 0), ("folder", 1)]


def test_memory_does_not_hold_the_bodies(tmp_path: Path) -> None:
    """40 MB of requests pass through a few megabytes."""
    texts = ("x" * 10_000 for _ in range(4000))
    tracemalloc.start()
    file = one_file(texts, tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.bytes > 40_000_000
    assert peak < 8_000_000


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """It names the file and the setting."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    with pytest.raises(OutputError, match="BREAKEVEN_OUTPUT_DIR"):
        one_file(["a"], blocked)


def test_the_lines_of_a_file_are_told_by_number(tmp_path: Path) -> None:
    """A provider names lines, and those are attempts."""
    file = one_file(["a", "b", "c"], tmp_path)
    assert tuple(file_ids(file.path)) == file.ids


def test_files_of_no_batch_are_removed_and_others_stay(tmp_path: Path) -> None:
    """What a killed run left: files without a batch, and temporary files."""
    kept, orphan = one_file(["a"], tmp_path), one_file(["b"], tmp_path)
    half = batch_path(tmp_path, new_id()).with_suffix(".jsonl.tmp")
    half.write_text("{")
    foreign = tmp_path / "notes.jsonl"
    foreign.write_text("mine")
    removed = remove_unregistered(tmp_path, [kept.batch_id])
    assert sorted(removed) == sorted([orphan.path.name, half.name])
    assert sorted(tmp_path.iterdir()) == sorted([kept.path, foreign])
