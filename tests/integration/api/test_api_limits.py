"""How the engine treats an endpoint: pace, gate, breaker, deadline, and settings that cannot work."""

import logging
import time

import pytest

from models.engines.api import probation
from models.engines.api.rate_limits import Backoff
from models.errors import ApiAccessError
from models.requests import Completion
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.harness import Book, check_books, closed_port, fate, limits, options, request


def fates(done: list[Completion]) -> set[str]:
    """Return what became of records."""
    return {fate(one) for one in done}


def test_retry_after_holds_everybody_back(make_engine: MakeEngine) -> None:
    """After one 429 with Retry-After, no request is sent for that long, whoever's it is."""
    book = Book()
    with FaultyApi([Rule(("429:0.4",), match="first")]) as api:
        engine = make_engine(api, book, concurrency=1)
        done = list(engine.stream([request("first", "1"), request("second", "2"), request("third", "3")]))
        refused, *others = [seen.at for seen in api.seen]
    assert fates(done) == {"published"}
    assert min(others) - refused >= 0.4


def test_a_retry_does_not_keep_a_slot(make_engine: MakeEngine) -> None:
    """While one request backs off, another uses the only slot."""
    book = Book()
    with FaultyApi([Rule(("500",), match="first")]) as api:
        asked = options(api.url, concurrency=1)
        patient = limits(asked, Backoff(first=20, longest=20))
        patient.retry_delay = lambda *_: 0.3  # type: ignore[method-assign]
        engine = make_engine(api, book, concurrency=1, limits=patient)
        done = list(engine.stream([request("first", "1"), request("second", "2")]))
        assert api.most_at_once == 1
    assert [one.request.record_key for one in done] == ["2", "1"]
    assert book.of_record("1")[0] == "failed:http_500"


def test_engines_share_limits(make_engine: MakeEngine) -> None:
    """A Retry-After that one engine got holds another with the same limits back."""
    with FaultyApi([Rule(("429:0.4",), match="first")]) as api:
        shared = limits(options(api.url))
        one, other = (make_engine(api, Book(), limits=shared) for _ in range(2))
        flow = one.open()
        flow.offer(request("first"))
        while not api.seen:
            time.sleep(0.01)
        time.sleep(0.1)
        list(other.stream([request("second")]))
        assert api.seen[1].at - api.seen[0].at >= 0.4
        flow.abandon()


def test_requests_per_minute_are_kept(make_engine: MakeEngine) -> None:
    """What a bucket holds goes at once, the rest at the pace that is set; retries are counted."""
    with FaultyApi([Rule(("500",) * 2)]) as api:
        started = time.monotonic()
        engine = make_engine(api, Book(), requests_per_minute=600, concurrency=64)
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(64)))
        times = sorted(seen.at for seen in api.seen)
    assert fates(done) == {"published"}
    assert len(times) == 66
    assert times[-1] - started >= 0.6  # 60 at once, six more at nine a second


def test_what_is_deferred_does_not_use_up_the_limit(make_engine: MakeEngine) -> None:
    """Requests that would have had to wait beyond the deadline leave their share to the next run."""
    with FaultyApi() as api:
        shared = limits(options(api.url, requests_per_minute=60))
        engine = make_engine(api, Book(), run_seconds=0.3, limits=shared)
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(60)))
    assert fates(done) == {"published", "deferred:deadline"}
    assert shared.reserve(0) - shared.clock() < 2


def test_tokens_per_minute_are_estimated_then_corrected(make_engine: MakeEngine) -> None:
    """The estimate is more than what is used; what was too much is given back, so the pace is the real one."""
    with FaultyApi() as api:
        engine = make_engine(api, Book(), tokens_per_minute=60_000, concurrency=4)
        started = time.monotonic()
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(40)))
        took = time.monotonic() - started
    used = sum(one.usage.input_tokens + one.usage.output_tokens for one in done if one.usage)
    assert used < 6000  # the bucket: with the estimates kept, 40 requests would have waited for seconds
    assert took < 3


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_endpoint_that_is_down_is_given_up(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture, concurrency: int
) -> None:
    """After failures in a row a pause, one probe, then everything is deferred; said once, by host and failure."""
    book = Book()
    with FaultyApi([Rule(("503",), forever=True)]) as api, caplog.at_level(logging.WARNING):
        engine = make_engine(
            api, book, breaker_failures=4, breaker_seconds=0.3, max_attempts=9, concurrency=concurrency
        )
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(50)))
        book.settle(done)
        check_books(book, api)
        times = [seen.at for seen in api.seen]
    assert fates(done) == {"deferred:api_unavailable"}
    assert {one.detail for one in done} == {"http_503"}
    # those that open it, those under way with the last of them, the probe
    assert len(times) <= 4 + (concurrency - 1) + 1
    assert times[-1] - sorted(times)[3] >= 0.29
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("models")]
    assert f"127.0.0.1:{api.port}" in line
    assert "http_503" in line


def test_after_the_probe_all_go_on(make_engine: MakeEngine) -> None:
    """An endpoint that comes back during the pause serves everybody."""
    book = Book()
    with FaultyApi([Rule(("503",) * 6)]) as api:
        engine = make_engine(api, book, breaker_failures=4, breaker_seconds=0.2, concurrency=3)
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(30)))
    assert fates(done) == {"published"}


def test_a_probe_that_a_cap_stands_against_is_not_lost(make_engine: MakeEngine) -> None:
    """If the budget keeps the probe from being sent, another request is the probe."""
    book = Book(cap=lambda attempt: "day cap" if attempt.request.record_key == "dear" else None)
    with FaultyApi([Rule(("503",))]) as api:
        engine = make_engine(api, book, breaker_failures=1, breaker_seconds=0.2, concurrency=1)
        done = list(engine.stream(request(key, key) for key in ("a", "dear", "c", "d")))
    ended = {one.request.record_key: fate(one) for one in done}
    assert ended.pop("dear") == "deferred:budget"
    assert set(ended.values()) == {"published"}


def test_the_next_stream_tries_again(make_engine: MakeEngine) -> None:
    """What one run gave up, the next one asks for again, with a single request first."""
    book = Book()
    with FaultyApi([Rule(("503",) * 3)], latency=0.05) as api:
        fields = {"breaker_failures": 2, "breaker_seconds": 0.1, "concurrency": 2}
        shared = limits(
            options(api.url, **fields), Backoff(first=0.4, longest=0.4)
        )  # both fail before either retries
        engine = make_engine(api, book, limits=shared, **fields)
        first = list(engine.stream([request("a", "a"), request("b", "b")]))
        assert fates(first) == {"deferred:api_unavailable"}
        before = len(api.seen)
        again = list(engine.stream(request(f"text {i}", str(i)) for i in range(5)))
        probe, *others = [seen.at for seen in api.seen[before:]]
    assert fates(again) == {"published"}
    assert min(others) - probe >= 0.05


def test_nobody_listens(make_engine: MakeEngine) -> None:
    """Attempts that never reached anybody are closed as failed, and the run ends soon."""
    book = Book()
    engine = make_engine(closed_port(), book, breaker_failures=2, breaker_seconds=0.1)
    done = list(engine.stream(request(f"text {i}", str(i)) for i in range(20)))
    book.settle(done)
    assert fates(done) == {"deferred:api_unavailable"}
    assert {(c.outcome, c.failure) for c in book.closed.values()} == {("failed", "connect")}


def test_the_deadline_of_a_run(make_engine: MakeEngine) -> None:
    """After `run_seconds` nothing more is sent; what was under way is still answered."""
    book = Book()
    with FaultyApi(latency=0.2) as api:
        engine = make_engine(api, book, run_seconds=0.5, concurrency=2)
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(30)))
        assert len(api.seen) <= 6
    assert len(done) == 30
    assert fates(done) == {"published", "deferred:deadline"}
    assert all(one.attempts == 0 for one in done if one.deferral)


def test_a_provider_that_wants_to_be_left_alone_for_hours(make_engine: MakeEngine) -> None:
    """Without a deadline of the run, a Retry-After of hours defers at once: it is the next run's turn."""
    book = Book()
    with FaultyApi([Rule(("429:7200",))]) as api:
        engine = make_engine(api, book)
        started = time.monotonic()
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(20)))
        assert time.monotonic() - started < 3
    assert "deferred:api_unavailable" in fates(done)
    assert fates(done) <= {"published", "deferred:api_unavailable"}


def test_a_wrong_setting_quarantines_nothing(make_engine: MakeEngine) -> None:
    """An API that refuses every request ends the run after a handful, however many were in flight."""
    book = Book()
    with FaultyApi([Rule(("400:odd_value",), forever=True)], latency=0.02) as api:
        engine = make_engine(api, book, concurrency=8)
        done: list[Completion] = []
        with pytest.raises(ApiAccessError, match="refuses every request"):
            done.extend(engine.stream(request(f"text {i}", str(i)) for i in range(1000)))
        book.settle(done)
        check_books(book, api)
        assert len(api.seen) <= 12  # the slots, and those let in by the first two refusals
    assert fates(done) <= {"deferred:stopped"}


def test_bad_records_before_the_first_answer_are_told_apart(make_engine: MakeEngine) -> None:
    """Five records refused at the start do not end the run: the answer that is under way clears the settings."""
    rules = [Rule(("400:odd_value",), match="bad", forever=True), Rule(("late:0.3",), match="good")]
    texts = [*(f"bad {i}" for i in range(5)), "good"]
    with FaultyApi(rules) as api:
        engine = make_engine(api, Book())
        done = {one.request.record_key: one for one in engine.stream([request(text, text) for text in texts])}
    assert fate(done.pop("good")) == "published"
    assert fates(list(done.values())) == {"quarantined:refused"}


def test_after_three_refusals_nothing_is_sent_until_it_is_clear(make_engine: MakeEngine) -> None:
    """While the one request that can tell is under way, no other is spent on a setting that may be wrong."""
    rules = [Rule(("late:0.5",), match="slow"), Rule(("400:odd_value",), match="bad", forever=True)]
    with FaultyApi(rules, latency=0.02) as api:
        engine = make_engine(api, Book(), concurrency=8)
        list(engine.stream(request(text, text) for text in ["slow", *(f"bad {i}" for i in range(30))]))
        slow = api.seen[0].at
        early = [seen for seen in api.seen if seen.at < slow + 0.4]
    assert len(early) <= 8 + 2 + 1


def test_a_single_refused_record_is_not_held_for_ever(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing else is sent that could tell, the record gets the blame after a while."""
    monkeypatch.setattr(probation, "HOLD_SECONDS", 0.2)
    book = Book()
    with FaultyApi([Rule(("400:odd_value",), forever=True)]) as api:
        started = time.monotonic()
        (done,) = make_engine(api, book).stream([request("bad", "1")])
        assert 0.2 <= time.monotonic() - started < 2
    assert (done.rejection, done.detail) == ("refused", "http_400 odd_value")


def test_stepping_down_is_said_once(make_engine: MakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """An endpoint that takes no schema and no JSON mode is asked in words, after one warning for each."""
    book = Book()
    rule = Rule(("no_format:json_schema", "no_format:json_schema", "no_format:json_object"), match="")
    with FaultyApi([rule]) as api, caplog.at_level(logging.WARNING):
        engine = make_engine(api, book, concurrency=1, max_attempts=1)
        done = list(engine.stream(request(f"text {i}", str(i)) for i in range(5)))
    assert fates(done) == {"published"}
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("models")]
    assert [line.split()[6] for line in lines] == ["json_schema:", "json_object:"]


def test_every_attempt_names_itself_and_the_key(make_engine: MakeEngine) -> None:
    """Each request carries its attempt's id, each retry a new one, and the key that is set."""
    book = Book()
    with FaultyApi([Rule(("500", "500"))]) as api:
        (done,) = make_engine(api, book).stream([request("text", "1")])
        identities = [seen.attempt for seen in api.seen]
        assert len(set(identities)) == 3
        assert {seen.authorization for seen in api.seen} == {"Bearer sk-test-0123456789-never-to-be-seen"}
    assert identities[0] == str(done.request.id)
    assert done.attempt is not None
    assert identities[-1] == str(done.attempt.id)
    assert done.attempts == 3
    assert sorted(attempt.number for attempt in book.lines.values()) == [1, 2, 3]
