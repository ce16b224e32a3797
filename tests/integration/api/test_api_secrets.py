"""Neither a prompt, an answer nor the key shows up in logs, errors, reprs or details (invariant I7)."""

import logging
import subprocess
import sys
import traceback
from pathlib import Path

import httpx2
import pytest

from models.engines.api import sender
from models.engines.api.chat_client import CHATTY_LOGGERS
from models.errors import BreakevenError
from tests.faulty_api import FaultyApi, Rule
from tests.faulty_replies import QUOTE, completion
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.faults import FAULTS
from tests.integration.api.harness import ENRICHMENT, KEY, Book, request

RECORD = "the customer's secret words"
FAULT_WORDS = sorted({word for fault in FAULTS for word in fault.faults} - {"connection refused", "429:600"})


def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    """Log all there is, the client's loggers too, as somebody does who looks for a fault."""
    caplog.set_level(logging.DEBUG)
    for name in CHATTY_LOGGERS:
        caplog.set_level(logging.DEBUG, name)


@pytest.mark.parametrize("fault", FAULT_WORDS)
def test_no_text_gets_out(make_engine: MakeEngine, caplog: pytest.LogCaptureFixture, fault: str) -> None:
    """Whatever the API does, with all loggers at DEBUG: no record, no answer, no key, no quoted message."""
    book = Book()
    shown: list[str] = []
    with FaultyApi([Rule((fault,))]) as api:
        engine = make_engine(api, book, timeout_seconds=0.3, max_attempts=2)
        log_everything(caplog)
        shown.append(repr(engine.options))
        asked = request(RECORD, "1", ENRICHMENT)
        try:
            for done in engine.stream([asked, request("filler", "2", ENRICHMENT)]):
                shown += [repr(done), str(done.detail), repr(done.attempt)]
        except BreakevenError as error:
            shown += traceback.format_exception(error)
        answer = completion(api.seen[0].body)["choices"][0]["message"]["content"]
    shown += [caplog.text, repr(list(book.closed.values()))]
    everything = "\n".join(shown)
    assert "HTTP Request: POST" in everything  # the client did log
    for secret in (RECORD, KEY, QUOTE, answer, '"Thing '):
        assert secret not in everything


def test_the_client_library_stays_quiet(make_engine: MakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Making an engine silences the client below WARNING, whatever the root logger's level is."""
    caplog.set_level(logging.DEBUG)
    with FaultyApi() as api:
        list(make_engine(api, Book()).stream([request(RECORD)]))
    assert not [record for record in caplog.records if record.name.split(".")[0] in CHATTY_LOGGERS]


def test_an_error_nobody_foresaw_is_told_without_its_text(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug's message could quote a prompt: the user gets its type and place, and the books balance."""

    def broken(*_: object) -> None:
        raise ValueError(RECORD)

    monkeypatch.setattr(sender, "parse_answer", broken)
    book = Book()
    with FaultyApi() as api:
        engine = make_engine(api, book)
        log_everything(caplog)
        with pytest.raises(BreakevenError, match=r"ValueError in test_api_secrets.py:\d+") as caught:
            list(engine.stream([request("text", "1")]))
    assert RECORD not in "".join(traceback.format_exception(caught.value)) + caplog.text
    assert book.of_record("1") == ["unknown_outcome:cancelled"]


def test_the_server_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """It prints its address, does what the script says, and logs requests without their texts."""
    log, script = tmp_path / "requests.jsonl", tmp_path / "rules.json"
    script.write_text('[{"faults": ["429:1"], "match": "late"}]')
    command = [sys.executable, "-m", "tests.faulty_api", "--log", str(log), "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        body = {"model": "m", "messages": [{"role": "system", "content": 'x\n\nAnswer: ["a"]'}]}
        body["messages"] += [{"role": "user", "content": "late"}]  # type: ignore[operator]
        replies = [httpx2.post(f"{url}/chat/completions", json=body) for _ in range(2)]
        server.terminate()
        assert server.wait(10) == 0
    assert [reply.status_code for reply in replies] == [429, 200]
    assert replies[0].headers["retry-after"] == "1"
    assert replies[1].json()["choices"][0]["message"]["content"] == "a"
    lines = log.read_text().splitlines()
    assert len(lines) == 2
    assert "late" not in lines[0]
