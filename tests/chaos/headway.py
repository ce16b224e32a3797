"""Tells a wait that takes long, on a machine that is slow or busy, from one in which nothing gets on."""

import time
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from models.settings import Settings
from tests.integration.pipeline.books import table

STILL_SECONDS = 300.0
"""How long nothing may happen: on a busy machine a worker's run takes a minute until it begins, and one of its process's end."""
LOOK_SECONDS = 5.0


class Headway:
    """What the runs of a ledger have come to while somebody waits for their end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known = self._look()
        self._looked = self._moved = time.monotonic()

    def is_lacking(self) -> bool:
        """Whether for `STILL_SECONDS` no run has begun, ended or committed anything."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            found = self._look()
            self._looked = time.monotonic()
            if found != self._known:
                self._known, self._moved = found, self._looked
        return self._looked - self._moved >= STILL_SECONDS

    def _look(self) -> list[tuple[object, ...]]:
        with suppress(DBAPIError):
            return [(run.id, run.state, run.records) for run in table(self._settings, "runs")]
        return []
