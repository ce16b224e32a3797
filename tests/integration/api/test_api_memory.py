"""However many requests go through the API engine, it holds no more."""

import gc
from collections.abc import Mapping, Sequence
from uuid import UUID

from models.engines.api.permit import OpenAttempt
from models.engines.api.request_state import RequestState
from models.requests import ClosedAttempt
from tests.faulty_api import FaultyApi
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.harness import (
    Book,
    request,
)


class Forgetting(Book):
    """A journal that keeps nothing."""

    def open(self, attempts: Sequence[OpenAttempt]) -> Mapping[UUID, str]:
        """Forget the attempts."""
        del attempts
        return {}

    def answered(self, attempt: ClosedAttempt) -> None:
        """Forget the answer."""


def _trips() -> int:
    gc.collect()
    return sum(
        type(thing) is RequestState for thing in gc.get_objects()
    )  # isinstance would ask lazy modules for their class


def test_memory_stays_flat(make_engine: MakeEngine) -> None:
    """However many requests went through, what is left is as much: no task, no state, no other object."""
    alive: list[int] = []
    trips = _trips()
    with FaultyApi() as api:
        stream = make_engine(api, Forgetting(), concurrency=16).stream(
            request(f"text {i}", str(i)) for i in range(1500)
        )
        for number, _ in enumerate(stream):
            if number in {500, 1499}:
                api.seen.clear()
                gc.collect()
                alive.append(len(gc.get_objects()))
        assert _trips() <= trips
    assert alive[1] - alive[0] < 200
