"""How long reading takes, apart from what is done with what is read."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(slots=True)
class Stopwatch:
    """Adds up the nanoseconds that items took to come."""

    ns: int = 0

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, and note how long each was waited for."""
        coming = iter(items)
        while True:
            since = time.perf_counter_ns()
            try:
                item = next(coming)
            except StopIteration:
                return
            finally:
                self.ns += time.perf_counter_ns() - since
            yield item
