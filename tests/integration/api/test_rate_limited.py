"""429s: one closes the gate for all, fewer go at one time, and none is an attempt of the record."""

import logging
import time
from collections import Counter
from typing import Any

import pytest

from models.engines.api.backoff import Backoff
from models.requests import Completion
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.harness import Book, check_books, ending, fate, limits, options, request

RECORDS = 300
PER_WINDOW = 30
MINUTE = 0.4


def ask(
    make_engine: MakeEngine,
    api: FaultyApi,
    book: Book,
    texts: list[str],
    **more: Any,  # noqa: ANN401 - fields of ApiOptions
) -> list[Completion]:
    """Ask for all texts, and settle their completions."""
    done = list(make_engine(api, book, **more).stream([request(text, text) for text in texts]))
    book.settle(done)
    check_books(book, api)
    return done


def test_a_limit_that_is_never_named_costs_few_refusals(make_engine: MakeEngine) -> None:
    """At 30 a minute without Retry-After all 300 records are answered, with fewer refusals than records.

    The minute is shortened, and the pauses alike.
    """
    book = Book()
    with FaultyApi(quota=(PER_WINDOW, MINUTE)) as api:
        asked = options(api.url, concurrency=64)
        shared = limits(asked, Backoff(first=0.5 * MINUTE / 60, longest=30 * MINUTE / 60))
        done = ask(
            make_engine,
            api,
            book,
            [f"text {i}" for i in range(RECORDS)],
            concurrency=64,
            limits=shared,
            max_attempts=2,
        )
    ended = Counter(ending(closed) for closed in book.closed.values())
    assert {fate(one) for one in done} == {"published"}
    assert ended["ok"] == RECORDS
    assert set(ended) == {"ok", "failed:http_429"}
    assert ended["failed:http_429"] <= RECORDS
    assert all(closed.usage is None for closed in book.closed.values() if closed.failure)


@pytest.mark.parametrize("says", ["openai_wait", "google_wait", "field_wait"])
def test_a_delay_in_the_body_closes_the_gate_for_all(make_engine: MakeEngine, says: str) -> None:
    """In words, as Google's retryDelay, or as a field: nobody asks before, and no attempt of the record is used up."""
    book = Book()
    with FaultyApi([Rule((f"says:{says}",), match="first")]) as api:
        done = ask(make_engine, api, book, ["first", "second", "third"], concurrency=1, max_attempts=1)
        refused, *others = [seen.at for seen in api.seen]
    assert {fate(one) for one in done} == {"published"}
    assert min(others) - refused >= 0.4
    assert book.of_record("first") == ["failed:http_429", "ok"]


@pytest.mark.parametrize("fault", ["says:google_503", "503:0.4"])
def test_a_503_that_names_a_delay_closes_the_gate_too(make_engine: MakeEngine, fault: str) -> None:
    """It is an attempt of its record, and nobody asks before."""
    book = Book()
    with FaultyApi([Rule((fault,), match="first")]) as api:
        done = ask(make_engine, api, book, ["first", "second", "third"], concurrency=1)
        refused, *others = [seen.at for seen in api.seen]
    assert {fate(one) for one in done} == {"published"}
    assert min(others) - refused >= 0.4
    assert book.of_record("first") == ["failed:http_503", "ok"]


def test_after_a_429_one_request_goes_first_then_more(make_engine: MakeEngine) -> None:
    """The number in flight shrinks to one, and grows again with the answers."""
    book = Book()
    with FaultyApi([Rule(("429",) * 8)], latency=0.05) as api:
        done = ask(make_engine, api, book, [f"text {i}" for i in range(60)], concurrency=8)
        refused = [seen for seen in api.seen if seen.fault == "429"]
        later = [seen.at for seen in api.seen if seen.at > refused[-1].at]
    assert {fate(one) for one in done} == {"published"}
    assert len(refused) == 8  # all that were in flight with the first
    assert later[1] - later[0] >= 0.04  # the second waits for the first one's answer
    assert min(b - a for a, b in zip(later[8:], later[10:], strict=False)) < 0.04


def test_an_endpoint_that_refuses_all_is_given_up_after_a_while(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """429 without end defers what is left as api_unavailable, with few lines and one warning; the next run asks again."""
    book = Book()
    with FaultyApi([Rule(("429",), forever=True)]) as api, caplog.at_level(logging.WARNING):
        began = time.monotonic()
        asked = options(api.url)
        shared = limits(asked, Backoff(first=0.05, longest=0.2))
        done = ask(
            make_engine,
            api,
            book,
            [f"text {i}" for i in range(50)],
            concurrency=8,
            patience_seconds=0.6,
            limits=shared,
        )
        assert time.monotonic() - began >= 0.6
        lines = len(book.closed)
        again = ask(make_engine, api, book, ["once more"], patience_seconds=0.3, limits=shared)
    assert {fate(one) for one in done + again} == {"deferred:api_unavailable"}
    assert {one.detail for one in done} == {"http_429"}
    assert lines <= 8 + 12  # those in flight with the first, then one at a time
    assert len(book.closed) > lines
    said = [record.getMessage() for record in caplog.records if record.name.startswith("models")]
    assert len(said) == 2  # one a run
    assert "http_429" in said[0]


def test_a_record_that_is_refused_again_and_again_is_left_to_a_later_run(make_engine: MakeEngine) -> None:
    """While others are answered, 429s of one record alone end in its deferral; the others are published."""
    book = Book()
    with FaultyApi([Rule(("429",), match="poison", forever=True)]) as api:
        texts = ["poison", *(f"text {i}" for i in range(30))]
        done = {one.request.record_key: fate(one) for one in ask(make_engine, api, book, texts)}
    assert done.pop("poison") == "deferred:api_unavailable"
    assert set(done.values()) == {"published"}
    assert set(book.of_record("poison")) == {"failed:http_429"}
