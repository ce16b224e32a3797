"""Identical requests of one stream: an answer of no use serves none of them, also where the stream ends meanwhile."""

from models.engines.api.engine import OpenAIEngine
from models.requests import Completion
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.harness import Book, check_books, fate, limits, options, request

TEXT = "the same for all"


def test_each_is_asked_for_until_an_answer_can_be_shared() -> None:
    """Three that fail are paid for each by itself; the fourth is answered, and its answer serves all after it.

    One before them is answered, which shows that the endpoint takes the schema.
    """
    book = Book()
    with FaultyApi([Rule(("nonsense", "two_answers", "cut_short"), match=TEXT)]) as api:
        asked = options(api.url)
        engine = OpenAIEngine(asked, book, limits(asked))
        book.settle(engine.stream([request("another", "first")]))
        done = list(engine.stream([request(TEXT, str(number)) for number in range(7)]))
        book.settle(done)
        engine.close()
    fates = sorted(fate(one) for one in done)
    assert fates == ["published"] * 4 + ["quarantined:invalid_output"] * 3
    assert len(api.seen) == 1 + 4
    assert sum(one.reuses is not None for one in done) == 3
    check_books(book, api)


def test_what_waits_when_the_stream_ends_is_given_back() -> None:
    """No request is lost, and none is sent after the end."""
    book = Book()
    with FaultyApi([Rule(("nonsense",), forever=True)], latency=0.2) as api:
        asked = options(api.url)
        engine = OpenAIEngine(asked, book, limits(asked))
        stream = engine.open()
        for number in range(5):
            stream.offer(request(TEXT, str(number)))
        while not api.seen:
            assert stream.ready(0.02) == []
        done: list[Completion] = stream.finish(grace_seconds=5)
        book.settle(done)
        engine.close()
    assert {one.request.record_key for one in done} == set("01234")
    assert sorted(fate(one) for one in done) == ["deferred:stopped"] * 4 + ["quarantined:invalid_output"]
    assert len(api.seen) == 1
    check_books(book, api)
