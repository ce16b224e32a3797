"""What is said of a backfill's quote, and of what it took against that."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.backfill import PartitionOutcome
from models.economics.quote import Estimate, Quote, Sent, empty_quote
from models.gpu_time import NS_PER_HOUR, GpuTime
from models.routing.policy import Policy
from models.routing.rules import keep_local, sends_after_answer
from models.run import RunResult
from tasks.backfill.against_quote import compare_with_quote, describe_quote, describe_spread

FIRST = date(2026, 11, 1)


def partition(number: int) -> date:
    """Return a day; the first is number 0."""
    return FIRST + timedelta(number)


def result(number: int, cost: int, api: int = 0) -> RunResult:
    """Make what a run of ten requests came to; what the ledger knows of a failed one has the same state."""
    values = {
        "cost_nano": cost,
        "api_cost_nano": api,
        "requests": 10,
        "input_tokens": 100,
        "output_tokens": 20,
    }
    return RunResult("sentiment", partition(number), "completed", **values)  # type: ignore[arg-type]


def quote(count: int) -> Quote:
    """Quote so many partitions of ten requests each, without GPU time."""
    one = replace(
        empty_quote(FIRST), requests=Estimate(10), input_tokens=Estimate(100), output_tokens=20, load_ns=0
    )
    return Quote.of(replace(one, partition=partition(number)) for number in range(count))


def failed(number: int, of: RunResult | None) -> PartitionOutcome:
    """Make the outcome of a partition that failed."""
    return PartitionOutcome("sentiment", partition(number), "failed", of, "the engine died")


def test_a_failed_partition_is_not_compared() -> None:
    """Its requests are in no figure, nor its quote; what it cost is named beside the others' cost."""
    outcomes = [
        PartitionOutcome.of(result(0, 2_000_000_000)),
        failed(1, result(1, 700_000_000, api=200_000_000)),
        failed(2, None),
    ]
    counts, cost = compare_with_quote(outcomes, quote(3))
    assert counts == "requests 10 (quoted 10), input tokens 100 (quoted 100), output tokens 20 (quoted 20)"
    assert cost == (
        "cost 2.000000000 USD, quoted 0.000000000; 2 of 3 partitions are in neither;"
        " besides, 1 failed partition cost 0.700000000 USD, of which API 0.200000000"
    )


def test_only_failed_partitions() -> None:
    """There is nothing to compare, and still it is said what they cost; nothing where they cost nothing."""
    outcomes = [failed(number, result(number, 300_000_000)) for number in range(2)]
    assert compare_with_quote(outcomes, quote(2)) == ["2 failed partitions cost 0.600000000 USD"]
    assert compare_with_quote([failed(0, None), failed(1, result(1, 0))], quote(2)) == []


def test_what_is_not_known_of_the_api() -> None:
    """Where the policy can send records on after a local answer, the API's part is a lower bound and says so."""
    known = quote(2)
    assert describe_quote(known).endswith("API 0")
    one, two = known.partitions
    sent = replace(one, sent=Sent(Estimate(4), Estimate(400), 4, 62_400))
    more = "; what the policy sends on after a local answer is not in it"
    assert describe_quote(Quote.of([one, replace(two, sends_on=True)])).endswith(f"API at least 0{more}")
    open_ended = Quote.of([replace(sent, sends_on=True), two])
    assert describe_quote(open_ended).endswith(f"API at least 0.000062400 for 4 requests{more}")
    cost = compare_with_quote([PartitionOutcome.of(result(0, 2_000_000, api=90_000))], open_ended)[-1]
    assert "of which API 0.000090000, quoted at least 0.000062400" in cost


@pytest.mark.parametrize(
    ("policy", "can"),
    [
        (Policy(escalate=frozenset()), False),
        (
            Policy(escalate=frozenset({"too_long", "complex"}), complex_over_chars=9, min_confidence=0.5),
            False,
        ),
        (Policy(escalate=frozenset({"low_confidence"})), False),
        (Policy(escalate=frozenset({"low_confidence"}), min_confidence=0.5), True),
        (Policy(escalate=frozenset({"invalid_output"})), True),
        (Policy(escalate=frozenset({"complex"}), triage=True), True),
        (keep_local(Policy(min_confidence=0.5, triage=True)), False),
    ],
)
def test_what_can_be_sent_on(policy: Policy, can: bool) -> None:
    """Low confidence, output that is not valid, and triage: as far as the policy escalates for them."""
    assert sends_after_answer(policy) is can


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=12),
    st.integers(1, 6),
)
def test_more_workers_end_no_later_and_no_sooner_than_they_can(
    times: list[tuple[int, int]], workers: int
) -> None:
    """Each partition loads its engine; one worker takes them all, many the longest one, never less than their share."""
    whole = quote(len(times))
    timed = Quote.of(
        (
            replace(one, time=GpuTime(busy_ns=busy), load_ns=load)
            for one, (busy, load) in zip(whole.partitions, times, strict=True)
        ),
        len(times),
    )
    alone, spread = timed.elapsed_ns(1), timed.elapsed_ns(workers)
    assert alone == sum(busy + load for busy, load in times)
    assert spread is not None
    longest = max(busy + load for busy, load in times)
    assert max(longest, alone // workers) <= spread <= alone
    assert timed.elapsed_ns(len(times)) == longest


def test_how_long_it_takes_is_said_for_the_workers_that_there_are() -> None:
    """More at a time than workers is said; a time that no earlier run tells is unknown."""
    hour = [replace(one, time=GpuTime(busy_ns=NS_PER_HOUR)) for one in quote(4).partitions]
    assert describe_spread(Quote.of(hour), 2, 4) == "2 at a time on 4 workers: 2.00 h from start to end"
    assert describe_spread(Quote.of(hour), 4, 1) == (
        "1 at a time on 1 worker: 4.00 h from start to end; --parallel 4 is more than that"
    )
    unknown = Quote.of([replace(hour[0], time=None)])
    assert "unknown, no run here so far" in describe_spread(unknown, 1, 1)
