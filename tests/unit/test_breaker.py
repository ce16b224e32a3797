"""The circuit breaker: it opens after so many failures in a row, lets one probe go, and gives up with it."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.engines.api.circuit_breaker import Breaker

FAILURES = 3
SECONDS = 10.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def opened(clock: Clock) -> Breaker:
    """Make a breaker that has just opened."""
    breaker = Breaker(FAILURES, SECONDS, clock)
    assert [breaker.failed("http_503", probe=False) for _ in range(FAILURES)] == [False, False, True]
    return breaker


def test_an_answer_starts_the_count_again() -> None:
    """Failures that are not in a row open nothing."""
    breaker = Breaker(FAILURES, SECONDS)
    for _ in range(5):
        breaker.failed("timeout", probe=False)
        breaker.failed("timeout", probe=False)
        breaker.answered()
    assert breaker.enter() is False
    assert breaker.wait() == 0


def test_all_wait_then_one_goes() -> None:
    """While it is open nobody goes; after the pause one probe goes, and nobody beside it."""
    clock = Clock()
    breaker = opened(clock)
    assert breaker.wait() == SECONDS
    assert breaker.enter() is None
    clock.now += SECONDS
    assert breaker.wait() == 0
    assert [breaker.enter(), breaker.enter()] == [True, None]
    assert breaker.wait() > 0


def test_a_probe_that_is_answered_closes_it() -> None:
    """After the probe's answer, everybody goes, and it takes as many failures as ever to open it again."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += SECONDS
    assert breaker.enter()
    breaker.answered()
    assert breaker.enter() is False
    assert not breaker.failed("reset", probe=False)
    assert breaker.given_up == 0


def test_a_probe_that_fails_gives_up_and_the_next_run_begins_with_one() -> None:
    """Giving up is counted, the last failure is kept, and whoever comes later sends one request first."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += SECONDS
    assert breaker.enter()
    breaker.failed("connect", probe=True)
    assert (breaker.given_up, breaker.last_failure) == (1, "connect")
    assert [breaker.enter(), breaker.enter()] == [True, None]


def test_a_probe_that_was_not_sent_is_given_back() -> None:
    """If a cap or a stop keeps the probe from being sent, the next request is the probe."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += SECONDS
    assert breaker.enter()
    breaker.not_sent()
    assert breaker.enter() is True


class BreakerMachine(RuleBasedStateMachine):
    """Plays an engine against a model that only counts."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(FAILURES, SECONDS, self.clock)
        self.under_way = 0
        self.probes = 0
        self.in_a_row = 0
        self.opened_at: float | None = None

    @rule(seconds=st.sampled_from([0.1, 3.0, SECONDS]))
    def time_passes(self, seconds: float) -> None:
        """Let some time go by."""
        self.clock.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        """Let a request ask: while open, only one may go, and only after the pause."""
        leave = self.breaker.enter()
        if leave is None:
            assert self.opened_at is not None
            assert self.probes or self.clock.now < self.opened_at + SECONDS
        elif leave:
            assert self.opened_at is not None
            assert self.probes == 0
            assert self.clock.now >= self.opened_at + SECONDS
            self.probes = 1
        else:
            assert self.opened_at is None
            self.under_way += 1

    @precondition(lambda self: self.under_way)
    @rule()
    def one_fails(self) -> None:
        """Let a request fail that is no probe, perhaps one sent before the breaker opened."""
        self.under_way -= 1
        just_opened = self.breaker.failed("http_500", probe=False)
        self.in_a_row += 1
        assert just_opened == (self.opened_at is None and self.in_a_row >= FAILURES)
        if just_opened:
            self.opened_at = self.clock.now

    @precondition(lambda self: self.under_way or self.probes)
    @rule(probe=st.booleans())
    def one_is_answered(self, probe: bool) -> None:
        """Let a request be answered: whatever was, the endpoint is alive."""
        if (probe and self.probes) or not self.under_way:
            self.probes = 0
        else:
            self.under_way -= 1
        self.breaker.answered()
        self.in_a_row, self.opened_at = 0, None
        self.under_way, self.probes = self.under_way + self.probes, 0

    @precondition(lambda self: self.probes)
    @rule()
    def the_probe_fails(self) -> None:
        """Let the probe fail: the stream gives up, another one would begin with a probe at once."""
        before = self.breaker.given_up
        self.breaker.failed("timeout", probe=True)
        assert self.breaker.given_up == before + 1
        self.probes = 0
        self.opened_at = self.clock.now - SECONDS

    @precondition(lambda self: self.probes)
    @rule()
    def the_probe_is_not_sent(self) -> None:
        """Give the probe back."""
        self.breaker.not_sent()
        self.probes = 0

    @invariant()
    def at_most_one_probe(self) -> None:
        """There is never more than one probe, and the wait is never longer than the pause."""
        assert self.probes <= 1
        assert 0 <= self.breaker.wait() <= SECONDS


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(stateful_step_count=40)
