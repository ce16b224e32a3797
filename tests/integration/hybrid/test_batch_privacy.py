"""Key, texts and answers stay out of ledger, logs, exceptions and file names of a partition in batches (I7)."""

import json
import logging
import traceback
from pathlib import Path

import pytest

from models.errors import ApiAccessError
from tasks.display.run_rows import cost_row
from tests.batch_api import BatchApi
from tests.batch_state import Rules
from tests.integration.hybrid.batch_harness import batch_settings, start, steps
from tests.integration.hybrid.harness import KEY, collect
from tests.integration.pipeline.harness import leftovers, quarantined, target
from tests.integration.pipeline.test_privacy import dump

QUESTION, ANSWER = "QuestionMarkerZebra", "AnswerMarkerGiraffe"
MARKS = [
    "fine",
    "[[once status 500]]",
    "[[once garbled]]",
    "[[status 400 content_filter]]",
    "[[once missing]]",
    "[[once status 429 insufficient_quota]]",
]


def spoil(api: BatchApi) -> None:
    """Let one whole answer of each output file be one that must not be seen, with an error beside it that quotes it."""
    for file in api.book.files.values():
        if file.purpose != "batch_output" or b'"choices"' not in file.content:
            continue
        lines = file.content.splitlines(keepends=True)
        place = next(number for number, line in enumerate(lines) if line.endswith(b"}\n"))
        entry = json.loads(lines[place])
        entry["response"]["body"]["choices"][0]["message"]["content"] = f"{ANSWER} \ud83d"
        entry["error"] = {"code": f"{ANSWER} is no code", "message": f"{QUESTION} {ANSWER}"}
        lines[place] = json.dumps(entry).encode() + b"\n"
        file.content = b"".join(lines)


def test_nothing_is_left_where_it_does_not_belong(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """After a round that fails and rounds that complete, with every kind of bad row, at the loudest log level."""
    caplog.set_level(logging.DEBUG)
    texts = [f"unsure {QUESTION} {MARKS[n % len(MARKS)]} {n}" for n in range(36)]
    with BatchApi(Rules(seed=2), key=KEY) as api:
        settings = batch_settings(tmp_path, database_url, api.url)
        start(settings, texts)
        steps(api)
        spoil(api)
        with pytest.raises(ApiAccessError) as caught:
            collect(settings)
        result = collect(settings)
        while result.state == "waiting":
            steps(api)
            spoil(api)
            result = collect(settings)
        assert QUESTION in str(api.book.billed)
        assert KEY not in str(api.log)
        assert api.book.files == {}

    shown = "".join(capfd.readouterr()) + caplog.text + repr(cost_row(result)) + repr(result) + repr(settings)
    shown += "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    aside = repr(quarantined(settings).rows())
    for marker in (QUESTION, ANSWER, KEY):
        assert marker not in dump(settings, tmp_path)
        assert marker not in shown
        assert marker not in aside
    assert "invalid_output" in aside
    assert ANSWER.encode() not in (target(settings) / "records.parquet").read_bytes()
    assert leftovers(settings) == []
