"""Records that the API leaves without a usable answer, however often they are asked for: set aside once their attempts are used up.

They are counted over all runs and batches of the version (`db/used_up.py`), so that a partition does not wait, and pay, for ever
for a record that fails each time. An endpoint that is down sets nobody aside.
"""

import logging
from dataclasses import dataclass

from sqlalchemy.orm import Session

from db import used_up
from tasks.planning.checks import ApiPlan
from tasks.storage.escalation_queue import EscalationQueue
from tasks.storage.open_version import OpenVersion
from tasks.storage.outcomes import Outcomes

log = logging.getLogger(__name__)


def note_failures(version: OpenVersion, waiting: EscalationQueue) -> None:
    """Note of each record that waits how many attempts gave nothing usable, whichever run or batch made them."""
    if not waiting.states():
        return

    def note(session: Session) -> None:
        for key, failures in used_up.count_failures(session, version.id):
            waiting.note_failures(key, failures)

    version.ledger.read(note)


@dataclass(frozen=True, slots=True)
class UsedUp:
    """Sets aside the records of one run whose attempts on the API are used up."""

    version: OpenVersion
    waiting: EscalationQueue
    outcomes: Outcomes
    api: ApiPlan | None

    def before_asking(self) -> None:
        """Let no new batch have them. One that is asked at once finds out whether the endpoint answers at all."""
        if self._noted() and self.api is not None and self.api.mode == "batch":
            self._set_aside(self.api.options.max_attempts)

    def set_aside(self) -> None:
        """Set them aside, if any record waits."""
        if self._noted() and self.api is not None:
            self._set_aside(self.api.options.max_attempts)

    def _noted(self) -> bool:
        """Count what failed by now; False where nothing waits."""
        if self.api is None or not self.waiting.states():
            return False
        self.outcomes.committer.flush()  # the last attempts count as well
        note_failures(self.version, self.waiting)
        return True

    def _set_aside(self, limit: int) -> None:
        keys = self.waiting.used_up(limit)
        for key in keys:
            self.outcomes.give_up(key, self._last_failure(key))
        if keys:
            log.warning(
                "%s records are set aside: the API gave no usable answer in %s attempts (BREAKEVEN_API_MAX_ATTEMPTS)",
                len(keys),
                limit,
            )

    def _last_failure(self, key: str) -> str | None:
        version = self.version
        return version.ledger.read(lambda session: used_up.find_last_failure(session, version.id, key))
