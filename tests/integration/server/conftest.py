"""Fixtures of the tests of a server of one's own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.engines.server.engine import ServerEngine
from tests.integration.pipeline.conftest import runner
from tests.integration.server.harness import SOON, options

__all__ = ["runner"]

MakeServerEngine = Callable[..., ServerEngine]


@pytest.fixture
def make_engine() -> Iterator[MakeServerEngine]:
    """Return a factory of engines for a server's address; they are closed at the end."""
    made: list[ServerEngine] = []

    def make(url: str, **more: Any) -> ServerEngine:  # noqa: ANN401  fields of ServerOptions
        made.append(ServerEngine(options(url, **more), SOON))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
