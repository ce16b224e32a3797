"""Whole runs over texts of megabytes: each is set aside before anything counts or sends it, and the others are answered."""

import json
from pathlib import Path

import pytest

from models.settings import Settings
from tasks.backfill.quote import quote_partition
from tasks.planning.request import RunRequest
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.faulty_api import FaultyApi
from tests.integration.hybrid.batch_harness import batch_settings, collect_until_done
from tests.integration.hybrid.harness import KEY, hybrid_settings
from tests.integration.pipeline.books import check_books
from tests.integration.pipeline.harness import DAY, WORKLOAD, published, quarantined, settings_for
from tests.integration.pipeline.long_texts import (
    GOOD,
    KINDS,
    LONG,
    MARK,
    RULE,
    TEXTS,
    Seen,
    reading,
    rows_of,
    run,
    watch,
    write,
)
from tests.ledgers import new_sqlite


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with a ledger and an output folder of the test's own."""
    return settings_for(tmp_path, new_sqlite(tmp_path / "ledger.db"))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Note what is counted and asked."""
    return watch(monkeypatch)


def check(settings: Settings, field: str = "text") -> None:
    """See that the good records are published, and the others set aside with column and rule; nothing on disk holds them."""
    assert published(settings)["record_key"].to_list() == GOOD
    aside = quarantined(settings)
    assert aside["record_key"].to_list() == ["b", "d"]
    assert set(aside["reason"]) == {"too_long"}
    assert set(aside["field"]) == {field}
    assert set(aside["rule"]) == {RULE}
    assert aside["ordinal"].to_list() == [1, 3]
    for path in settings.output_dir.rglob("*"):
        assert path.is_dir() or MARK.encode() not in path.read_bytes()
    check_books(settings)


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_is_neither_counted_nor_asked(
    settings: Settings, tmp_path: Path, seen: Seen, kind: str
) -> None:
    """Of every kind of input, in a quote as in the run: the record alone is set aside."""
    own = reading(settings, write(tmp_path, kind, rows_of(TEXTS)))
    quote = quote_partition(RunRequest(WORKLOAD, DAY), own)
    assert (quote.records, quote.quarantined.value, quote.requests.value) == (5, 2, 3)
    result = run(own, seen)
    assert (result.state, result.published, result.quarantined) == ("completed", 3, 2)
    assert len(seen.asked) >= len(GOOD)
    seen.check()
    check(own)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_long_text_is_not_posted(tmp_path: Path, database_url: str, seen: Seen, kind: str) -> None:
    """What an API is asked at once, after the local engine or alone, holds no text that is too long."""
    path = write(tmp_path, kind, rows_of(TEXTS))
    with FaultyApi() as api:
        own = reading(hybrid_settings(tmp_path, database_url, api.url), path)
        run(own, seen)
        check(own)
        assert len(api.seen) == 1  # that of which the engine is unsure
        run(own, seen, rerun=True, engine="openai")
        check(own)
        assert len(api.seen) == 1 + len(GOOD)
        assert not [one for one in api.seen if MARK in json.dumps(one.body)]
    seen.check()


def test_a_long_text_is_in_no_batch(tmp_path: Path, database_url: str, seen: Seen) -> None:
    """No batch file holds a text that is too long, and its record is set aside when the batch is collected."""
    path = write(tmp_path, "jsonl", rows_of(TEXTS))
    with BatchApi(Rules(idempotency=False), key=KEY) as api:
        own = reading(batch_settings(tmp_path, database_url, api.url), path)
        assert run(own, seen).state == "waiting"
        files = [file.content for file in api.book.files.values()]
        assert [len(file.splitlines()) for file in files] == [1]
        assert MARK.encode() not in files[0]
        assert collect_until_done(own, api).state == "completed"
    seen.check()
    check(own)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "db"])
def test_a_long_text_in_another_column(settings: Settings, tmp_path: Path, seen: Seen, kind: str) -> None:
    """A column of a template, and one with passages, are bounded as the text is."""
    rows = [{**row, "text": key, "more": row["text"]} for key, row in zip(TEXTS, rows_of(TEXTS), strict=True)]
    own = reading(settings, write(tmp_path, kind, rows), text="{{ text }}: {{ more }}", examples=[])
    run(own, seen)
    check(own, "more")
    own = reading(settings, write(tmp_path, kind, rows), context="more", examples=[])
    run(own, seen, rerun=True)
    check(own, "more")
    seen.check()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_long_id_and_a_long_time(settings: Settings, tmp_path: Path, seen: Seen, kind: str) -> None:
    """An id and a time of megabytes are none: their records are set aside, and neither is kept."""
    rows = [
        *rows_of({"a": "one", LONG: "two", "c": "three"}),
        {"id": "d", "text": "four", "created_at": LONG},
    ]
    own = reading(settings, write(tmp_path, kind, rows))
    assert run(own, seen).published == 2
    aside = quarantined(own)
    assert aside["reason"].to_list() == ["wrong_type", "bad_timestamp"]
    assert aside["field"].to_list() == ["id", "created_at"]
    assert max(len(str(value)) for row in aside.rows() for value in row) < 200
    seen.check()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("where", "aside"),
    [
        ("length(text) > 100", ["b", "d"]),
        ("length(text) <= 1000000", []),
        ("text LIKE 'hostile%' OR id = 'a'", ["b"]),
        ("id != 'd'", ["b"]),
    ],
)
def test_a_condition_over_a_long_text(
    settings: Settings, tmp_path: Path, seen: Seen, kind: str, where: str, aside: list[str]
) -> None:
    """A condition tells long texts by their length, and by their beginning, alike in every kind of file."""
    own = reading(settings, write(tmp_path, kind, rows_of(TEXTS)), where=where)
    run(own, seen)
    assert quarantined(own)["record_key"].to_list() == aside
    assert MARK not in "".join(seen.asked + seen.counted)


@pytest.mark.parametrize(("kind", "aside"), [("csv", ["b"]), ("jsonl", ["b"]), ("parquet", ["b", "c"])])
def test_a_condition_over_the_end_of_a_long_text(
    settings: Settings, tmp_path: Path, seen: Seen, kind: str, aside: list[str]
) -> None:
    """As docs/inputs.md says: what lies beyond the limit is seen by a condition in Parquet alone."""
    texts = {"a": "the end", "b": f"the end{LONG}", "c": f"{LONG}the end", "d": LONG}
    own = reading(settings, write(tmp_path, kind, rows_of(texts)), where="text LIKE '%the end%'")
    run(own, seen)
    assert published(own)["record_key"].to_list() == ["a"]
    assert quarantined(own)["record_key"].to_list() == aside
    seen.check()
