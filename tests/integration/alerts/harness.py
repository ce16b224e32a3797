"""What tests of alerts need: a ledger in which something stands, and who is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from db import partitions, runs, spend
from db.tables import RunRow
from models.settings import Settings
from tasks.alerts.alert import Alert
from tasks.alerts.send import AlertsSent, send_alerts
from tasks.alerts.standing import find_standing
from tests.integration.db.ledger_lines import seed
from tests.integration.report.harness import DOLLAR, ChatRoom, by_mail, make_settings
from tests.post_office import PostOffice

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
CFO, CTO = "cfo@example.org", "cto@example.org"
QUIET = ("price", "model_end")
"""Kinds whose data are of the market: switched off where a test is about something else."""


@dataclass
class Watch:
    """Watches one ledger, and tells a mail server and a chat."""

    url: str
    folder: Path
    sessions: sessionmaker[Session]
    office: PostOffice
    room: ChatRoom

    def settings(self, **more: Any) -> Settings:  # noqa: ANN401  fields of Settings
        """Return settings that name two recipients of mail and a chat, with a day's cap of $10 for sentiment."""
        return make_settings(
            self.url,
            self.folder,
            **{
                "smtp": by_mail(self.office.port, CFO, CTO),
                "chat": {"ops": {"url": self.room.url()}},
                "workloads": {"sentiment": {"budget": {"day_usd": "10"}}},
                "alerts": {"off": QUIET},
                **more,
            },
        )

    def spend(self, dollars: int, day: date = TODAY, workload: str = "sentiment") -> None:
        """Let a workload spend so much more (or get back) on the API."""
        with self.sessions.begin() as session:
            spend.add(session, {(day, workload): dollars * DOLLAR})

    def run(self, began: timedelta, *, partition: date = TODAY, workload: str = "sentiment") -> UUID:
        """Let a run begin so long before now; nobody holds its partition."""
        with self.sessions.begin() as session:
            keys = seed(session, workload, partition)
            session.execute(update(RunRow).where(RunRow.id == keys.run).values(started_at=NOW - began))
        return keys.run

    def end(self, run: UUID, state: str, error: str | None = None) -> None:
        """Let a run end."""
        with self.sessions.begin() as session:
            runs.finish(session, run, state, error)  # type: ignore[arg-type]

    def wait(self, run: UUID, **counts: int) -> None:
        """Let records of a run wait."""
        with self.sessions.begin() as session:
            runs.wait(session, run, counts)
            partitions.set_input_read(session, runs.run_keys(session, run).version_id)

    def standing(self, now: datetime = NOW, **more: Any) -> list[Alert]:  # noqa: ANN401  as above
        """Return what stands."""
        with self.sessions() as session:
            found = find_standing(session, self.settings(**more), now)
        assert found.problems == ()
        return list(found.alerts)

    def kinds(self, now: datetime = NOW, **more: Any) -> Sequence[tuple[str, str]]:  # noqa: ANN401  as above
        """Return kind and crossing of all that stands."""
        return [one.key for one in self.standing(now, **more)]

    def send(self, now: datetime = NOW, **more: Any) -> AlertsSent:  # noqa: ANN401  as above
        """Send what is new."""
        return send_alerts(self.settings(**more), now)

    def mails(self, to: str = CFO) -> list[str]:
        """Return the subjects of the mails to one address."""
        return [str(one.mail["Subject"]) for one in self.office.to(to)]
