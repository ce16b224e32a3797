"""A dead engine process wakes whoever waits for its output."""

import queue
import threading
import weakref
from types import SimpleNamespace

import pytest

from models.engines.vllm.watchdog import wake_when_dead


class Client:
    """What the watchdog sees of vLLM's client."""

    def __init__(self) -> None:
        self.resources = SimpleNamespace(engine_dead=False)
        self.outputs_queue: queue.Queue[Exception] = queue.Queue()


def watchers() -> list[threading.Thread]:
    """Return the watchdogs that are running."""
    return [thread for thread in threading.enumerate() if thread.name == "engine-watchdog"]


def test_the_waiting_side_is_woken() -> None:
    """Nothing comes while the engine lives, an error once it is dead, and then the watchdog is gone."""
    client = Client()
    wake_when_dead(client, every=0.01)
    with pytest.raises(queue.Empty):
        client.outputs_queue.get(timeout=0.1)
    client.resources.engine_dead = True
    assert isinstance(client.outputs_queue.get(timeout=10), ConnectionError)
    for thread in watchers():
        thread.join(10)
    assert watchers() == []


def test_a_client_that_nobody_needs_is_not_kept() -> None:
    """The watchdog holds no reference, and ends with its client."""
    client = Client()
    wake_when_dead(client, every=0.01)
    gone = weakref.ref(client)
    threads = watchers()
    assert len(threads) == 1
    del client
    for thread in threads:
        thread.join(10)
    assert gone() is None
    assert watchers() == []


def test_an_engine_in_this_process_is_not_watched() -> None:
    """It cannot be gone while we are here."""
    wake_when_dead(SimpleNamespace(), every=0.01)
    assert watchers() == []
