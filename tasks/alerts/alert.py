"""One alert, as a plain value."""

from dataclasses import dataclass

from db.alerts import AlertKey
from models.settings.alerts import AlertKind


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that stands now.

    `crossing` names it among its kind: the same as long as it stands. `what` says it in a sentence, `advice` what to do about it.
    `group` and `level`: of several of one group only that of the highest level is told.
    """

    kind: AlertKind
    crossing: str
    what: str
    advice: str
    group: str
    level: int = 0

    @property
    def key(self) -> AlertKey:
        """Kind and crossing."""
        return self.kind, self.crossing
