"""The caller's end of the API engine: offers, reuse, stops, errors of the journal, and flat memory."""

import time
from collections.abc import Generator, Iterable, Iterator
from typing import cast

import pytest

from models.engines.api.permit import ApiRequest
from models.engines.api.stream import ApiStream, stream_requests
from models.errors import BreakevenError, DatabaseUnavailable, ResidencyError
from models.requests import Answer, Completion, Request
from tests.faulty_api import FaultyApi, Rule
from tests.faulty_replies import answer
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.harness import (
    ENRICHMENT,
    SENTIMENT,
    Book,
    Watch,
    check_books,
    fate,
    request,
)


def test_attempts_are_written_down_together_before_they_are_sent(make_engine: MakeEngine) -> None:
    """A slow journal opens many attempts in one transaction, and the server sees none that is not open."""
    book = Book(seconds=0.02)
    watch = Watch(book)
    with FaultyApi(latency=0.02, look=watch) as api:
        engine = make_engine(api, book, concurrency=32)
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(200)))
        book.settle(done)
        check_books(book, api)
    assert watch.violations == []
    assert len(done) == len(book.lines) == 200
    assert len(book.transactions) < 40
    assert max(book.transactions) > 8


@pytest.mark.parametrize("workload", [SENTIMENT, ENRICHMENT], ids=lambda one: one.name)
@pytest.mark.parametrize("structured", ["json_schema", "json_object", "none"])
def test_workloads_are_answered_in_every_mode(
    make_engine: MakeEngine, workload: object, structured: str
) -> None:
    """Whatever the endpoint can do, answers parse by the workload's own schema."""
    assert workload in {SENTIMENT, ENRICHMENT}
    chosen = SENTIMENT if workload is SENTIMENT else ENRICHMENT
    book = Book()
    with FaultyApi() as api:
        engine = make_engine(api, book, structured_output=structured)
        done = list(engine.stream([request(f"text {i}", str(i), chosen) for i in range(5)]))
    assert [fate(one, chosen) for one in done] == ["published"] * 5


class Remembering:
    """An index of answers in memory."""

    def __init__(self) -> None:
        self.answers: dict[bytes, Answer] = {}

    def get(self, digest: bytes) -> Answer | None:
        """Look an answer up."""
        return self.answers.get(digest)

    def put(self, digest: bytes, answer: Answer) -> None:
        """Keep an answer."""
        self.answers[digest] = answer


def test_a_reply_sent_twice_is_nobody_elses_answer(make_engine: MakeEngine) -> None:
    """The copy stays in the connection and must not be taken for the answer to the next request on it."""
    book = Book()
    with FaultyApi([Rule(("twice",), forever=True)]) as api:
        engine = make_engine(api, book, concurrency=1, breaker_failures=1000, max_attempts=50)
        done = list(engine.stream(request(f"text {i}", str(i), ENRICHMENT) for i in range(20)))
        book.settle(done)
        check_books(book, api)
        asked = {seen.attempt: seen.body for seen in api.seen}
    for one in done:
        assert one.attempt is not None
        assert one.text == answer(asked[str(one.attempt.id)])
    outcomes = {ending for key in range(20) for ending in book.of_record(str(key))}
    assert outcomes == {"ok", "unknown_outcome:stale_reply"}


def test_identical_requests_are_asked_for_once(make_engine: MakeEngine) -> None:
    """Those in flight together share an answer, and a later stream finds it in the index."""
    book, answers = Book(), Remembering()
    with FaultyApi(latency=0.05) as api:
        engine = make_engine(api, book)
        first = list(engine.stream([request("same", str(i)) for i in range(10)], answers=answers))
        later = list(engine.stream([request("same", "later")], answers=answers))
        assert len(api.seen) == 1
    assert len(first) == 10
    assert sum(done.attempt is not None for done in first) == 1
    assert {done.text for done in [*first, *later]} == {first[0].text}
    assert later[0].reuses is not None


def test_twins_of_a_deferred_request_are_deferred(make_engine: MakeEngine) -> None:
    """A request that is given up takes those that waited for it along, without attempts of their own."""
    book = Book()
    with FaultyApi([Rule(("500",), forever=True)]) as api:
        engine = make_engine(api, book, max_attempts=2)
        done = list(engine.stream([request("same", str(i)) for i in range(3)]))
    assert [one.deferral for one in done] == ["api_unavailable"] * 3
    assert sorted(one.attempts for one in done) == [0, 0, 2]


def test_offer_and_ready_do_not_block(make_engine: MakeEngine) -> None:
    """Beside a local engine: offers return at once, `ready(0)` too, and there is room for twice the slots."""
    book = Book()
    with FaultyApi(latency=0.5) as api:
        flow = make_engine(api, book, concurrency=2).open()
        started = time.monotonic()
        for number in range(4):
            assert flow.free == 4 - number
            flow.offer(request(f"text {number}", str(number)))
        assert (flow.free, flow.in_flight) == (0, 4)
        assert flow.ready(0) == []
        assert time.monotonic() - started < 0.4
        with pytest.raises(RuntimeError, match="takes no request"):
            flow.offer(request("one too many"))
        done = flow.ready(5)
        assert 1 <= len(done) <= 2
        while flow.in_flight:
            done += flow.ready(5)
        assert len(done) == 4
        assert flow.ready(5) == []  # nothing in flight: no waiting
        assert api.most_at_once == 2


def test_only_a_request_with_a_permit_is_taken(make_engine: MakeEngine) -> None:
    """A plain request is refused, whatever the type checker was told."""
    plain = Request(request("x").id, "k", SENTIMENT.messages("x"), SENTIMENT.output_format, 16)
    with FaultyApi() as api:
        flow = make_engine(api, Book()).open()
        with pytest.raises(ResidencyError):
            flow.offer(plain)  # type: ignore[arg-type]
        assert api.seen == []


def test_none_among_the_requests_waits_for_a_completion(make_engine: MakeEngine) -> None:
    """A source that has nothing at the moment says None; the stream goes on when something has finished."""
    finished: list[str] = []

    def source() -> Iterator[ApiRequest | None]:
        yield request("one", "1")
        while not finished:
            yield None
        yield request("two", "2")

    with FaultyApi(latency=0.05) as api:
        finished.extend(done.request.record_key for done in make_engine(api, Book()).stream(source()))
    assert finished == ["1", "2"]


def test_a_budget_cap_defers_without_sending(make_engine: MakeEngine) -> None:
    """What the journal refuses is not sent and made no attempt; the others are answered."""
    book = Book(cap=lambda attempt: "day cap of $5" if attempt.request.record_key == "dear" else None)
    with FaultyApi() as api:
        engine = make_engine(api, book)
        done = {c.request.record_key: c for c in engine.stream([request("a", "a"), request("b", "dear")])}
        assert len(api.seen) == 1
    assert done["a"].deferral is None
    dear = done["dear"]
    assert (dear.deferral, dear.detail, dear.attempts, dear.attempt) == ("budget", "day cap of $5", 0, None)


@pytest.mark.parametrize("error", [DatabaseUnavailable("gone"), OSError("disk")], ids=["ours", "another"])
def test_a_journal_that_fails_stops_the_stream(make_engine: MakeEngine, error: Exception) -> None:
    """What the journal raises is raised to the caller as it is, and nothing was sent."""
    book = Book(error=error)
    with FaultyApi() as api:
        engine = make_engine(api, book)
        with pytest.raises(type(error)) as caught:
            list(engine.stream([request("a", "1"), request("b", "2")]))
        assert caught.value is error
        assert api.seen == []


def test_what_was_answered_is_returned_before_the_error(make_engine: MakeEngine) -> None:
    """An answer that is under way when the stream fails is paid for, so it is still delivered."""
    book = Book()
    with FaultyApi([Rule(("quota",), match="locked")], latency=0.1) as api:
        flow = make_engine(api, book).open()
        for text in ("fine", "locked", "fine too"):
            flow.offer(request(text, text))
        done: list[Completion] = []

        def read_on() -> None:
            while True:
                done.extend(flow.ready(1))

        with pytest.raises(BreakevenError, match="add credit"):
            read_on()
        book.settle(done)
        check_books(book, api)
    assert {c.request.record_key for c in done if c.deferral is None} == {"fine", "fine too"}


def test_a_stop_gives_everything_back(make_engine: MakeEngine) -> None:
    """After the grace, what was sent is unknown, what was not sent has no attempt, and all is `stopped`."""
    book = Book()
    with FaultyApi([Rule(("hang",), match="slow", forever=True)]) as api:
        flow = make_engine(api, book, concurrency=3).open()
        for number in range(5):
            flow.offer(request(f"slow {number}", str(number)))
        while len(api.seen) < 3:
            time.sleep(0.01)
        started = time.monotonic()
        done = flow.finish(0.2)
        assert 0.2 <= time.monotonic() - started < 1
        assert (flow.free, flow.finish(), flow.ready(1)) == (0, [], [])
        book.settle(done)
        check_books(book, api)
    assert [one.deferral for one in done] == ["stopped"] * 5
    assert sorted(one.attempts for one in done) == [0, 0, 1, 1, 1]
    assert {(c.outcome, c.failure) for c in book.closed.values()} == {("unknown_outcome", "cancelled")}


def test_what_is_answered_within_the_grace_counts(make_engine: MakeEngine) -> None:
    """A stop waits for answers that are under way, and only for these."""
    book = Book()
    with FaultyApi(latency=0.2) as api:
        flow = make_engine(api, book, concurrency=2).open()
        for number in range(4):
            flow.offer(request(f"text {number}", str(number)))
        while len(api.seen) < 2:
            time.sleep(0.01)
        done = flow.finish(5)
        assert len(api.seen) == 2
    assert sorted(one.deferral or "answered" for one in done) == [
        "answered",
        "answered",
        "stopped",
        "stopped",
    ]


def test_the_stop_signal_keeps_requests_from_being_sent(make_engine: MakeEngine) -> None:
    """Once `stop` says so, `ready` returns what was not sent as stopped."""
    book = Book()
    stopping = False
    with FaultyApi(latency=0.3) as api:
        flow = make_engine(api, book, concurrency=1).open(stop=lambda: stopping)
        for number in range(2):
            flow.offer(request(f"text {number}", str(number)))
        while not api.seen:
            time.sleep(0.01)
        stopping = True
        (early,) = flow.ready(0.2)
        assert (early.request.record_key, early.deferral) == ("1", "stopped")
        assert [one.deferral for one in flow.finish(5)] == [None]


def test_a_caller_that_walks_away_leaves_no_open_line(make_engine: MakeEngine) -> None:
    """A stream closed in the middle closes every attempt it has made, answered ones with their usage."""
    book = Book()
    with FaultyApi(latency=0.02) as api:
        stream = make_engine(api, book, concurrency=8).stream(
            request(f"text {i}", str(i)) for i in range(100)
        )
        taken = [next(stream) for _ in range(3)]
        cast("Generator[Completion]", stream).close()
        book.settle(taken)
        check_books(book, api)
    assert len(book.lines) < 40


def test_completions_that_nobody_takes_are_closed() -> None:
    """What the stream has fetched and not handed out when its caller walks away goes to `abandon`."""
    ready = [Completion(request(f"text {i}", str(i))) for i in range(3)]
    left: list[Completion] = []

    class Fetched:
        """A stream that has three completions at once."""

        free = 0
        in_flight = 3

        def ready(self, _: float) -> list[Completion]:
            """Return them."""
            return list(ready)

        def abandon(self, unread: Iterable[Completion]) -> None:
            """Note what is given back."""
            left.extend(unread)

    stream = stream_requests(cast("ApiStream", Fetched()), [], lambda: False)
    assert next(stream) is ready[0]
    cast("Generator[Completion]", stream).close()
    assert left == ready[1:]


def test_a_stop_while_the_journal_writes(make_engine: MakeEngine) -> None:
    """A line that was written when the stop came is closed as not sent, and costs nothing."""
    book = Book(seconds=1.0)
    with FaultyApi() as api:
        flow = make_engine(api, book).open()
        flow.offer(request("text", "1"))
        assert book.at_work.wait(30)
        (done,) = flow.finish(0)
        assert api.seen == []
    assert done.attempt is not None
    assert (done.deferral, done.attempt.outcome, done.attempt.failure) == ("stopped", "failed", "not_sent")


def test_a_closed_engine_cannot_stream(make_engine: MakeEngine) -> None:
    """Closing twice is no error; opening a stream afterwards is one. Closing abandons what is in flight."""
    book = Book()
    with FaultyApi([Rule(("hang",), forever=True)]) as api:
        engine = make_engine(api, book)
        flow = engine.open()
        flow.offer(request("text", "1"))
        while not api.seen:
            time.sleep(0.01)
        engine.close()
        engine.close()
        assert book.of_record("1") == ["unknown_outcome:cancelled"]
        with pytest.raises(RuntimeError, match="closed"):
            engine.open()
