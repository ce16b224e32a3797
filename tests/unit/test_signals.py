"""Stop signals: noted while a stream runs, obeyed at once where nothing can be lost."""

import os
import signal
import threading

import pytest

from tasks.runtime.stop_signals import STOP_SIGNALS, StopNow, stop_on_signals


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_stop_signal_is_noted(number: signal.Signals) -> None:
    """The block goes on and can ask; afterwards the handlers of before are back."""
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    with stop_on_signals() as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        assert stop.signal_number == number
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


def test_the_handlers_return_when_the_block_fails() -> None:
    """An error in the block does not leave our handlers behind."""
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    with pytest.raises(ZeroDivisionError), stop_on_signals():
        _ = 1 // 0
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


def a_library_that_takes_every_error_for_its_own() -> None:
    """Get SIGTERM in the middle of work, as it may in a library."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except Exception:  # noqa: BLE001  that is the point
        pytest.fail("the stop was swallowed")


def test_a_signal_ends_work_that_has_nothing_to_lose() -> None:
    """Inside `at_once` the signal breaks in, past every `except Exception`, and is noted as well."""
    with stop_on_signals() as stop:
        with pytest.raises(StopNow), stop.at_once():
            a_library_that_takes_every_error_for_its_own()
        assert stop.signal_number == signal.SIGTERM
        os.kill(os.getpid(), signal.SIGINT)  # outside of it, signals are only noted again
        assert stop.signal_number == signal.SIGINT


def test_such_work_is_not_begun_after_a_signal() -> None:
    """A stop that was asked for before the block is obeyed at its start."""
    with stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopNow), stop.at_once():
            pytest.fail("the work was begun")


def test_outside_the_main_thread_nothing_is_installed() -> None:
    """Python lets only the main thread set handlers; elsewhere the request stays false, without an error."""
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def work() -> None:
        with stop_on_signals() as stop:
            seen.extend([stop(), signal.getsignal(signal.SIGTERM)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, before]
