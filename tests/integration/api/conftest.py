"""Fixtures of the API engine's tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.engines.api.engine import OpenAIEngine
from tests.faulty_api import FaultyApi
from tests.integration.api.harness import Book, limits, options

MakeEngine = Callable[..., OpenAIEngine]


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    """Return a factory of engines for a server; they are closed at the end."""
    made: list[OpenAIEngine] = []

    def make(api: FaultyApi | str, book: Book, **more: Any) -> OpenAIEngine:  # noqa: ANN401 - see options
        shared, able = more.pop("limits", None), more.pop("capabilities", None)
        asked = options(api if isinstance(api, str) else api.url, **more)
        made.append(OpenAIEngine(asked, book, shared or limits(asked), able))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
