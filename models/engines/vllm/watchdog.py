"""Wakes the thread that waits for an engine process that has died."""

import threading
import weakref
from typing import Any

SECONDS_BETWEEN_LOOKS = 1.0


def wake_when_dead(client: Any, every: float = SECONDS_BETWEEN_LOOKS) -> None:  # noqa: ANN401  vLLM's own type
    """Watch vLLM's client of an engine in a process of its own; ends when the engine is dead or closed.

    vLLM 0.32 notices that the process was killed (`resources.engine_dead`), but leaves `get_output`
    waiting for ever: a GPU machine's out-of-memory killer would hang a run instead of failing it. A
    client of an engine in this process has no `outputs_queue`, and is not watched.
    """
    if not hasattr(client, "outputs_queue"):
        return
    found = weakref.ref(client)
    never = threading.Event()

    def watch() -> None:
        while not never.wait(every):
            alive = found()
            if alive is None:
                return
            if alive.resources.engine_dead:
                alive.outputs_queue.put_nowait(ConnectionError("the engine's process is gone"))
                return
            del alive  # held only while it is looked at

    threading.Thread(target=watch, name="engine-watchdog", daemon=True).start()
