"""Limits: never more than asked for in a minute, no amount blocks for ever, headers are heeded."""

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.api.circuit_breaker import Breaker
from models.engines.api.rate_limits import HINT_SECONDS, Backoff, Bucket, Limits, reset_seconds, retry_after

MINUTE = 60.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def limits(
    clock: Clock,
    draw: float = 0.5,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
) -> Limits:
    """Make limits on a test's clock, with a fixed draw."""
    return Limits(
        Breaker(10, 30.0),
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        clock=clock,
        draw=lambda: draw,
    )


@given(per_minute=st.integers(1, 400), gaps=st.lists(st.floats(0, 3.0), min_size=1, max_size=300))
def test_no_minute_sees_more_requests_than_allowed(per_minute: int, gaps: list[float]) -> None:
    """However requests arrive, any 60 seconds hold at most `per_minute` of those that went."""
    bucket, now, went = Bucket(per_minute, 0.0), 0.0, list[float]()
    for gap in gaps:
        now += gap
        went.append(bucket.reserve(1, now))
    assert went == sorted(went)
    for first, at in enumerate(went):
        if first + per_minute < len(went):
            assert went[first + per_minute] - at >= MINUTE * (1 - 1e-9)


@given(
    per_minute=st.integers(1, 10_000),
    amounts=st.lists(st.floats(0, 100_000), min_size=1, max_size=50),
)
def test_any_amount_goes_through_in_order(per_minute: int, amounts: list[float]) -> None:
    """An amount larger than the bucket neither fails nor waits for ever, and nobody overtakes it."""
    bucket = Bucket(per_minute, 0.0)
    went = [bucket.reserve(amount, 0.0) for amount in amounts]
    assert all(math.isfinite(at) for at in went)
    assert went == sorted(went)
    # All but the last have gone when the last may go: they fit into that time, at two thirds of the rate.
    assert went[-1] <= MINUTE + 1.5 * MINUTE * sum(amounts) / per_minute


@given(per_minute=st.integers(1, 1000), amount=st.floats(0.1, 5000))
def test_what_is_given_back_can_be_taken_again(per_minute: int, amount: float) -> None:
    """A reservation that was not used leaves no trace."""
    bucket, other = Bucket(per_minute, 0.0), Bucket(per_minute, 0.0)
    bucket.reserve(amount, 0.0)
    bucket.give_back(amount, 0.0)
    assert bucket.reserve(amount, 5.0) == pytest.approx(other.reserve(amount, 5.0))


def test_requests_and_tokens_are_both_counted() -> None:
    """The scarcer of the two decides, and a correction makes room."""
    clock = Clock()
    both = limits(clock, requests_per_minute=600, tokens_per_minute=6000)
    assert both.counts_tokens
    assert both.reserve(600) == 0
    waiting = both.reserve(600)
    assert waiting > 1
    both.give_back(600, requests=1)
    both.give_back(500)
    assert both.reserve(500) < waiting
    assert limits(clock).reserve(10**9) == 0


@given(failures=st.integers(1, 10_000), draw=st.floats(0, 1))
def test_backoff_is_jittered_and_bounded(failures: int, draw: float) -> None:
    """Waits lie anywhere between nothing and the doubled bound (full jitter), and never above the longest."""
    backoff = Backoff(first=0.5, longest=30.0)
    assert backoff.delay(failures, 0.0) == 0
    assert 0 <= backoff.delay(failures, draw) <= backoff.delay(failures, 1.0) <= 30
    assert backoff.delay(1, 1.0) == 0.5
    assert backoff.delay(3, 1.0) == 2.0


def test_a_retry_waits_at_least_as_long_as_asked() -> None:
    """Retry-After is a lower bound, jitter comes on top."""
    clock = Clock()
    assert limits(clock, draw=0.0).retry_delay(1, 7.0) == 7.0
    assert limits(clock, draw=1.0).retry_delay(1, 7.0) == 7.5
    assert limits(clock, draw=1.0).retry_delay(2, None) == 1.0


def test_retry_after_closes_the_gate_for_all() -> None:
    """One reply's Retry-After holds everybody; a shorter one later does not open the gate early."""
    clock = Clock()
    shared = limits(clock)
    assert shared.gate() == 0
    assert shared.apply_headers({"retry-after": "8"}) == 8.0
    assert shared.apply_headers({"retry-after": "1"}) == 1.0
    assert shared.apply_headers({}) is None
    assert shared.gate() == 8
    clock.now += 8
    assert shared.gate() == 0


def test_a_limit_that_is_used_up_closes_the_gate_for_a_while() -> None:
    """`remaining: 0` waits for the reset, but not for hours; remaining requests wait for nothing."""
    clock = Clock()
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m3s"}
    shared = limits(clock)
    assert (
        shared.apply_headers({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"})
        is None
    )
    assert shared.gate() == pytest.approx(0.12)
    shared.apply_headers(headers)
    assert shared.gate() == HINT_SECONDS
    other = limits(clock)
    other.apply_headers(headers | {"x-ratelimit-remaining-requests": "1"})
    assert other.gate() == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400.0),
        ("2", 2.0),
        (" 59.7s ", 59.7),
        ("", None),
        ("soon", None),
        ("1s and more", None),
        ("-1", None),
        ("nan", None),
    ],
)
def test_reset_formats(text: str, seconds: float | None) -> None:
    """Durations are read as OpenAI and others write them; anything else is no answer."""
    assert reset_seconds(text) == seconds


def test_retry_after_formats() -> None:
    """Seconds, milliseconds and HTTP dates are read; a past date means now, rubbish means nothing."""
    now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    in_a_minute = format_datetime(now.replace(minute=1), usegmt=True)
    assert retry_after({"retry-after": in_a_minute}, now.timestamp()) == MINUTE
    assert retry_after({"retry-after": in_a_minute}, now.timestamp() + 3600) == 0
    assert retry_after({"retry-after": "2.5"}, 0) == 2.5
    assert retry_after({"retry-after": "2s"}, 0) == 2.0
    assert retry_after(
        {"retry-after": f"{now.timestamp() + MINUTE:.0f}"}, int(now.timestamp())
    ) == pytest.approx(MINUTE, abs=1)
    assert (
        retry_after({"retry-after": "2026-11-30T06:00:07Z", "date": "Mon, 30 Nov 2026 06:00:00 GMT"}, 0)
        == 7.0
    )
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}, 0) == 0.25
    for rubbish in ("-3", "inf", "tomorrow", "Thu, 99 Foo 2026", ""):
        assert retry_after({"retry-after": rubbish}, 0) is None


@given(text=st.text(max_size=40))
def test_no_header_breaks_the_reading(text: str) -> None:
    """Whatever a server writes, the reading ends in a number of seconds or None."""
    for read in (retry_after({"retry-after": text}, 0), reset_seconds(text)):
        assert read is None or read >= 0
