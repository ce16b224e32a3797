"""What tests of texts of megabytes need: inputs of every kind, and what notes all that is counted and asked."""

import gzip
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import tiktoken

from models.engines.vllm.tokenizer import ChatTokenizer
from models.requests import Request
from models.run import RunResult
from models.settings import Settings
from models.settings.workload import MAX_TEXT_CHARS
from tasks.planning.request import RunRequest
from tasks.run.run_partition import run_request
from tasks.runtime.shared_engine import shared_engine
from tests.fakes import Reply, ScriptedEngine, unsure
from tests.integration.pipeline.harness import DAY, WORKLOAD

MARK = "hostile"
"""Stands in each text that is too long, and in no other."""
LONG = f"{MARK} words, " * 250_000
"""4 MB, twice as much as a text may have."""
TEXTS = {"a": "first text", "b": LONG, "c": "unsure second text", "d": f"unsure {LONG}", "e": "third text"}
GOOD = ["a", "c", "e"]
RULE = f"must have at most {MAX_TEXT_CHARS:,} characters (max_text_chars)"
KINDS = ["csv", "csv.gz", "jsonl", "json", "parquet", "db"]
Rows = Sequence[Mapping[str, Any]]


class Seen:
    """What counters and engines were given."""

    def __init__(self) -> None:
        self.counted: list[str] = []
        self.asked: list[str] = []

    def answer(self, request: Request) -> Reply:
        """Note a prompt, and answer it; what says so is answered without being sure of it."""
        self.asked += [message.content for message in request.messages]
        return unsure("unsure")(request)

    def check(self) -> None:
        """See that texts were counted and asked, and none of them that is too long."""
        assert self.counted
        assert not [text[:80] for text in (*self.counted, *self.asked) if MARK in text]


def watch(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Note each text that is counted by the tokenizers of the API and of the local model."""
    noted = Seen()
    for name in ("encode_ordinary", "_encode_single_piece", "encode"):
        real = getattr(tiktoken.Encoding, name)

        def encode(
            own: tiktoken.Encoding,
            text: str,
            *more: object,
            _real: Callable[..., list[int]] = real,
            **named: object,
        ) -> list[int]:
            noted.counted.append(text)
            return _real(own, text, *more, **named)

        monkeypatch.setattr(tiktoken.Encoding, name, encode)
    count = ChatTokenizer.count

    def count_noted(own: ChatTokenizer, conversations: Sequence[Any]) -> list[int]:
        noted.counted += [message.content for messages in conversations for message in messages]
        return count(own, conversations)

    monkeypatch.setattr(ChatTokenizer, "count", count_noted)
    return noted


def write(folder: Path, kind: str, rows: Rows) -> Path:
    """Write rows in a format, or as a table `rows` of a SQLite database."""
    path, frame = folder / f"in.{kind}", pl.DataFrame(rows)
    match kind:
        case "parquet":
            frame.write_parquet(path)
        case "json":
            path.write_text(json.dumps(rows))
        case "jsonl":
            frame.write_ndjson(path)
        case "db":
            with closing(sqlite3.connect(path)) as made:
                made.execute("DROP TABLE IF EXISTS rows")
                made.execute(f"CREATE TABLE rows ({', '.join(frame.columns)})")
                marks = ", ".join("?" * frame.width)
                made.executemany(f"INSERT INTO rows VALUES ({marks})", frame.rows())  # noqa: S608  our own names
                made.commit()
        case _:
            content = frame.write_csv().encode()
            path.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
    return path


def rows_of(texts: Mapping[str, str]) -> Rows:
    """Make rows of the test's day."""
    return [{"id": key, "text": text, "created_at": f"{DAY}T08:00:00Z"} for key, text in texts.items()]


def reading(settings: Settings, path: Path, **own: object) -> Settings:
    """Let the workload read a file, or a table."""
    source: dict[str, object] = {"input": str(path)}
    if path.suffix == ".db":
        query = "SELECT * FROM rows WHERE substr(created_at, 1, 10) = :partition ORDER BY id"
        source = {"query": query, "query_url": f"sqlite:///{path}"}
    policy = {"policy": {"min_confidence": 0.5}} if settings.api_mode != "off" else {}
    more = {"max_quarantined_share": 1.0, "workloads": {WORKLOAD: source | policy | own}}
    return Settings.model_validate(settings.model_dump() | more)


def run(settings: Settings, seen: Seen, **options: Any) -> RunResult:  # noqa: ANN401  fields of the request
    """Run the day of the settings' input."""
    with shared_engine(settings, lambda _: ScriptedEngine(seen.answer)):
        return run_request(RunRequest(WORKLOAD, DAY, **options), settings)
