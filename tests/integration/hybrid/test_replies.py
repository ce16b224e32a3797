"""Replies in the manner of many providers through a whole run, at once and in a batch: the ledger's line to the nano-dollar."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from models.engines.api.replies import UNUSABLE
from models.engines.api.token_count import ApiTokenCounter
from models.requests import Message, Usage
from models.settings import Settings
from models.tokens import counter_of
from tests.batch_api import BatchApi
from tests.faulty_answers import REASONED
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.harness import SENTIMENT
from tests.integration.hybrid.batch_harness import (
    batch_settings,
    collect_until_done,
    engine,
    start,
    write_texts,
)
from tests.integration.hybrid.harness import KEY, api_lines, hybrid_settings
from tests.integration.pipeline.books import check_books, table
from tests.integration.pipeline.harness import published, quarantined, run

INPUT, CACHED, OUTPUT = 150, 75, 600
"""Price of a token at once, nano-dollars; in a batch it is half of it."""
MODES = ("sync", "batch")


def cost(usage: Usage, mode: str) -> int:
    """Work out what a usage costs, nano-dollars; half a nano-dollar counts as one."""
    plain = usage.input_tokens - usage.cached_tokens
    at_once = plain * INPUT + usage.cached_tokens * CACHED + usage.output_tokens * OUTPUT
    return at_once if mode == "sync" else -(-at_once // 2)


@dataclass
class Asked:
    """A run in which each record met the fault of its own once, by the record's number."""

    settings: Settings
    faults: list[str]
    billed: list[Any]
    """What the server billed, in the order in which it was asked."""

    def lines(self, fault: str) -> list[Row[Any]]:
        """Return the lines of the record that met a fault, in the order of its attempts."""
        key = f"r{self.faults.index(fault)}"
        own = [line for line in api_lines(self.settings) if line.record_key == key]
        return sorted(own, key=lambda line: line.attempt)

    def label(self, fault: str) -> str:
        """Return what was published for the record that met a fault."""
        rows = published(self.settings)
        return str(rows.filter(rows["record_key"] == f"r{self.faults.index(fault)}")["label"].item())


def text_of(fault: str) -> str:
    """Return the text of a record that meets a fault: in a batch its mark is the order."""
    if fault == UNUSABLE:
        return f"unsure about [[once status 400 {fault}]]"
    return f"unsure about [[once odd {fault.replace(':', ' ')}]]"


def ask(folder: Path, database_url: str, mode: str, *faults: str, **more: Any) -> Asked:  # noqa: ANN401 - fields of the settings
    """Run a record for each of these faults; `more` are fields of the settings."""
    texts = [text_of(fault) for fault in faults]
    if mode == "batch":
        with BatchApi(key=KEY) as api:
            settings = batch_settings(folder, database_url, api.url, **more)
            start(settings, texts)
            collect_until_done(settings, api)
            return Asked(settings, list(faults), list(api.book.answers.usages.values()))
    source = write_texts(folder, texts)
    rules = [Rule((fault,), match=text_of(fault)) for fault in faults]
    with FaultyApi(rules) as server:
        settings = hybrid_settings(folder, database_url, server.url, api_concurrency=1, **more)
        run(settings, source, engine())
        return Asked(settings, list(faults), [seen.usage for seen in server.seen])


def usage_in(line: Row[Any]) -> Usage:
    """Return the tokens of a line."""
    return Usage(line.input_tokens, line.cached_tokens, line.output_tokens, line.reasoning_tokens or 0)


BILLED = {
    "beside": REASONED,
    "beside:named": REASONED,
    "anthropic": 0,
    "more:5000": 0,
    "think": 0,
    "prose": 0,
}
"""Faults whose usage is to be believed, and the reasoning in it."""
IMPOSSIBLE = ("zero_usage", "zero_prompt", "zero_completion", "tiny_prompt", "small_total")


@pytest.mark.parametrize("mode", MODES)
def test_what_is_billed_is_in_the_line(tmp_path: Path, database_url: str, mode: str) -> None:
    """Reasoning beside the completion, a cache beside the input, more than was asked for: each token, and its price."""
    asked = ask(tmp_path, database_url, mode, *BILLED)
    found: Counter[tuple[int, int, int]] = Counter()
    for fault, reasoned in BILLED.items():
        (line,) = asked.lines(fault)
        usage = usage_in(line)
        assert (line.outcome, line.estimated, usage.reasoning_tokens) == ("ok", False, reasoned)
        assert line.cost_nano == cost(usage, mode)
        found[usage.input_tokens, usage.cached_tokens, usage.output_tokens] += 1
    assert found == Counter(
        (
            one["prompt_tokens"],
            one.get("prompt_tokens_details", {}).get("cached_tokens", 0),
            one["completion_tokens"],
        )
        for one in asked.billed
    )
    check_books(asked.settings)


@pytest.mark.parametrize("mode", MODES)
def test_usage_that_cannot_be_is_estimated(tmp_path: Path, database_url: str, mode: str) -> None:
    """From what was sent and received, by the API's vocabulary; the line says that it is an estimate."""
    asked = ask(tmp_path, database_url, mode, *IMPOSSIBLE)
    counter = ApiTokenCounter(counter_of("gpt-4o-mini", Path(".cache")))
    for fault in IMPOSSIBLE:
        (line,) = asked.lines(fault)
        given = counter.input_tokens(SENTIMENT.messages(text_of(fault)), SENTIMENT.output_format)
        made = counter.chat.output_tokens(f'{{"label": "{asked.label(fault)}"}}')
        expected = Usage(given, 0, made)
        assert (line.outcome, line.estimated, usage_in(line)) == ("ok", True, expected)
        assert line.cost_nano == cost(expected, mode)
    check_books(asked.settings)


def test_an_estimate_counts_the_schema_that_the_prompt_told(tmp_path: Path, database_url: str) -> None:
    """Where the endpoint takes no schema, the paragraph in its place is counted, and the answer as it was written."""
    with FaultyApi([Rule(("no_usage",), forever=True)]) as server:
        source = write_texts(tmp_path, ["unsure"])
        settings = hybrid_settings(tmp_path, database_url, server.url, api_structured_output="none")
        run(settings, source, engine())
        (seen,) = server.seen
    (line,) = api_lines(settings)
    chat = counter_of("gpt-4o-mini", Path(".cache"))
    sent = tuple(Message(one["role"], one["content"]) for one in seen.body["messages"])
    assert "Answer with exactly one of the labels" in sent[0].content
    label = published(settings)["label"].item()
    expected = Usage(chat.input_tokens(sent), 0, chat.output_tokens(label))
    assert (line.estimated, usage_in(line), line.cost_nano) == (True, expected, cost(expected, "sync"))


@pytest.mark.parametrize("mode", MODES)
def test_a_hiccup_that_may_be_billed_keeps_its_upper_bound(
    tmp_path: Path, database_url: str, mode: str
) -> None:
    """Inside a 200 nobody knows what a 502 cost; a 429 cost nothing, and a usage that came along is what was billed."""
    hiccups = ("hiccup:502", "hiccup:429", "billed_hiccup:502")
    asked = ask(tmp_path, database_url, mode, *hiccups)
    unknown, free, billed = (asked.lines(fault)[0] for fault in hiccups)
    assert (unknown.outcome, free.outcome, billed.outcome) == ("unknown_outcome", "failed", "unknown_outcome")
    assert all(asked.lines(fault)[1].outcome == "ok" for fault in hiccups)
    assert (unknown.input_tokens, free.cost_nano, billed.output_tokens) == (None, 0, 0)
    assert billed.cost_nano == cost(Usage(billed.input_tokens, 0, 0), mode) < unknown.cost_nano
    assert published(asked.settings).height == len(hiccups)
    check_books(asked.settings)


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_that_the_endpoint_found_unusable(tmp_path: Path, database_url: str, mode: str) -> None:
    """Groq's json_validate_failed: asked again, and no setting is at fault. Nobody knows whether the first was billed, unless a batch counts it as not answered."""
    asked = ask(tmp_path, database_url, mode, UNUSABLE)
    first, second = asked.lines(UNUSABLE)
    assert (first.outcome, second.outcome) == ("unknown_outcome" if mode == "sync" else "failed", "ok")
    assert (first.cost_nano > second.cost_nano) if mode == "sync" else (first.cost_nano == 0)
    assert published(asked.settings).height == 1
    check_books(asked.settings)


@pytest.mark.parametrize("mode", MODES)
def test_identical_records_never_reuse_an_answer_that_did_not_parse(
    tmp_path: Path, database_url: str, mode: str
) -> None:
    """The first is set aside; the second is asked for itself and answered, and that answer serves the third.

    At once, with a schema of the endpoint's own, the first unreadable answer would be tried once more with the schema in the prompt.
    """
    more = {"api_structured_output": "json_object"} if mode == "sync" else {}
    asked = ask(tmp_path, database_url, mode, *["two_answers"] * 3, **more)
    settings = asked.settings
    assert (published(settings).height, quarantined(settings).height, len(asked.billed)) == (2, 1, 2)
    lines = Counter((line.engine, line.outcome) for line in table(settings, "ledger_lines"))
    assert (lines["openai", "invalid_output"], lines["openai", "ok"], lines["reuse", "ok"]) == (1, 1, 1)
    check_books(settings)
