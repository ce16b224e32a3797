"""Everything at once: random faults for every request, stops at random moments, and the books balance."""

import time
from random import Random

import pytest

from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.harness import Book, Watch, check_books, request

FAULTS = (
    *("429:0.02", "500", "503", "close", "cut", "reset", "hang", "drip", "invalid_json", "truncated_json"),
    *("not_chat", "empty_choices", "wrong_schema", "no_usage", "filtered", "content_filter", "too_long"),
    *("400:odd", "twice", "two_choices", "409", "late:0.05"),
)


def rules(random: Random, records: int) -> list[Rule]:
    """Give each record up to three faults in a row; each fifth record has none."""
    return [
        Rule(tuple(random.choices(FAULTS, k=random.randint(1, 3))), match=f"record {number}.")
        for number in range(records)
        if number % 5
    ]


@pytest.mark.parametrize("seed", range(3))
def test_each_request_ends_once_and_every_line_is_closed(make_engine: MakeEngine, seed: int) -> None:
    """Whatever happens to whom, each record has one completion, and server and journal agree on each attempt."""
    records = 100
    book = Book(seconds=0.002)
    watch = Watch(book)
    with FaultyApi(rules(Random(seed), records), look=watch, latency=0.01) as api:
        engine = make_engine(api, book, timeout_seconds=0.3, breaker_failures=1000, concurrency=16)
        done = list(engine.stream(request(f"record {i}.", str(i)) for i in range(records)))
        book.settle(done)
        check_books(book, api)
    assert watch.violations == []
    assert sorted(int(one.request.record_key) for one in done) == list(range(records))
    for one in done:
        attempts = book.of_record(one.request.record_key)
        assert len(attempts) == one.attempts
        answered = one.rejection is None and one.deferral is None
        assert (attempts[-1] == "ok") or not answered


@pytest.mark.parametrize("seed", range(8))
def test_a_stop_at_any_moment_leaves_no_line_open(make_engine: MakeEngine, seed: int) -> None:
    """Stopped anywhere, with or without grace: all that was offered comes back, all that was opened is closed."""
    random = Random(seed)
    book = Book(seconds=0.005)
    with FaultyApi(rules(random, 60), latency=0.01) as api:
        flow = make_engine(api, book, timeout_seconds=0.3, breaker_failures=1000).open()
        until = time.monotonic() + random.uniform(0, 0.3)
        done = []
        offered = 0
        while time.monotonic() < until:
            if flow.free and offered < 60:
                flow.offer(request(f"record {offered}.", str(offered)))
                offered += 1
            done += flow.ready(0)
        done += flow.finish(random.choice([0, 0.05]))
        book.settle(done)
        check_books(book, api)
    assert sorted(int(one.request.record_key) for one in done) == list(range(offered))
