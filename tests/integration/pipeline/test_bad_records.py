"""Bad records, rejected requests and invalid answers: set aside with a reason, and nobody else suffers (I8)."""

from collections import Counter
from pathlib import Path

from models.requests import Request
from models.settings import Settings
from tests.fakes import Reply, ScriptedEngine, plausible, prompt
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import (
    any_share,
    good_rows,
    published,
    quarantined,
    run,
    write_records,
)


def answer(request: Request) -> Reply:
    """Reject or spoil the records that ask for it."""
    text = prompt(request)
    if "TOOLONG" in text:
        return Reply(rejection="too_long", detail="5000 prompt tokens exceed the model's 4096")
    if "REFUSE" in text:
        return Reply(rejection="refused", detail="not this one")
    if "NOTEXT" in text:
        return Reply(rejection="empty", detail="the prompt has no user text")
    if "NONSENSE" in text:
        return Reply("blue", None)
    return plausible(request)


BAD = [
    ({"id": "too-long", "text": "TOOLONG"}, "too_long"),
    ({"id": "refused", "text": "REFUSE"}, "refused"),
    ({"id": "empty", "text": "NOTEXT"}, "missing_text"),
    ({"id": "nonsense", "text": "NONSENSE"}, "invalid_output"),
    ({"id": "null", "text": None}, "missing_text"),
    ({"id": "number", "text": 5}, "wrong_type"),
    ({"id": None, "text": "fine"}, "missing_id"),
    (b"{", "undecodable"),
    (b'{"id": "bytes", "text": "\xff\xfe"}', "undecodable"),
]


def test_each_bad_record_is_set_aside_alone(settings: Settings, tmp_path: Path) -> None:
    """Each is quarantined with its reason, at its place; the good records around it are published, in order."""
    rows = [row for number, (bad, _) in enumerate(BAD) for row in (bad, good_rows(number + 1)[number])]
    result = run(settings, write_records(tmp_path / "in.jsonl", rows), ScriptedEngine(handler=answer))
    assert (result.published, result.quarantined) == (len(BAD), len(BAD))
    aside = quarantined(settings)
    assert aside["reason"].to_list() == [reason for _, reason in BAD]
    assert aside["ordinal"].to_list() == [2 * number for number in range(len(BAD))]
    assert published(settings)["record_key"].to_list() == [f"r{number}" for number in range(len(BAD))]
    check_books(settings)


def test_all_kinds_at_once_with_twins(settings: Settings, tmp_path: Path) -> None:
    """Identical bad requests share their fate, each with a line in the quarantine; the counts are in the ledger."""
    rows = [*good_rows(40), *(row for row, _ in BAD for _ in range(3)), *good_rows(40)]
    engine = ScriptedEngine(handler=answer, size=8)
    result = run(any_share(settings), write_records(tmp_path / "in.jsonl", rows), engine)
    assert (result.published, result.quarantined) == (80, 27)
    expected = Counter(reason for _, reason in BAD for _ in range(3))
    assert Counter(quarantined(settings)["reason"]) == expected
    counts = {row.reason: row._mapping["count"] for row in table(settings, "quarantined_counts")}
    assert counts == expected
    invalid = [line for line in table(settings, "ledger_lines") if line.outcome == "invalid_output"]
    assert sorted(line.engine for line in invalid) == ["reuse", "reuse", "vllm"]
    check_books(settings)
