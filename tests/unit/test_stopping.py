"""A stop that was asked for ends everything, also where the step that it met failed meanwhile."""

import os
import signal
from datetime import date

import pytest

from models.errors import EngineDied, Interrupted
from tasks.run.run_partition import defer_stop

DAY = date(2026, 11, 1)


def fail() -> None:
    """Fail as a step does whose engine is gone."""
    msg = "the engine is gone"
    raise EngineDied(msg)


def fail_stopped() -> None:
    """Fail likewise, after a stop signal has come."""
    os.kill(os.getpid(), signal.SIGTERM)
    fail()


def test_a_stop_is_not_forgotten_when_the_step_fails() -> None:
    """The engine dies of the same Ctrl-C: who runs several partitions hears of the stop, and of why it failed."""
    with (
        pytest.raises(Interrupted, match="stopped by signal 15; the engine is gone"),
        defer_stop("sentiment", DAY),
    ):
        fail_stopped()


def test_a_failure_without_a_stop_stays_what_it_is() -> None:
    """Nobody asked for a stop: the next partition has its turn."""
    with pytest.raises(EngineDied), defer_stop("sentiment", DAY):
        fail()
