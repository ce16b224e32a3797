"""The flow `break_even` on a real Prefect server: made once, tried again by itself, sent once, secrets kept."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from prefect import State
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from sqlalchemy import text

from db.deliveries import Delivery, list_of_month
from db.session import make_engine, migrate, sessions
from flows import break_even as reporting
from models.errors import DeliveryError
from models.settings import Settings
from models.settings.delivery import MailSettings
from tasks.delivery.deliver import password_of
from tasks.report.versions import Monthly, make_report
from tests.integration.on_prefect.test_flow_runs import artifacts_of
from tests.integration.report.harness import MONTH, ChatRoom, by_mail, chat_room, make_settings
from tests.post_office import PostOffice, opened

CFO, CTO = "cfo@example.org", "cto@example.org"
ASKED = f"{MONTH:%Y-%m}"


class Home:
    """An empty ledger, a mail server, and the flow over them."""

    def __init__(self, folder: Path, office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.office = folder, office
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        engine = make_engine(self.url)
        migrate(engine)
        engine.dispose()
        self.made: list[Monthly] = []
        self._patch = monkeypatch
        self.set(smtp=by_mail(office.port, CFO, CTO))

    def set(self, **more: object) -> Settings:
        """Let the flow find these settings; its pauses between tries are none."""
        settings = make_settings(self.url, self.folder, delivery_retry_seconds=(0, 0, 0), **more)
        self._patch.setattr(reporting, "read_settings", lambda: settings)
        return settings

    def run(self, month: str | None = ASKED, **parameters: object) -> State[object]:
        """Run the flow; return its final state."""

        def make(month: date, settings: Settings) -> Monthly:
            self.made.append(make_report(month, settings))
            return self.made[-1]

        flow = reporting.build(make)
        return cast("State[object]", flow(month, return_state=True, **parameters))

    def written(self) -> list[Delivery]:
        """Return all messages as they are written down."""
        engine = make_engine(self.url)
        with sessions(engine)() as session:
            found = list_of_month(session, MONTH)
        engine.dispose()
        return found

    def reports(self) -> list[tuple[int, str]]:
        """Return the versions that are stored."""
        engine = make_engine(self.url)
        with engine.connect() as connection:
            found = connection.execute(text("SELECT version, created_at FROM reports")).all()
        engine.dispose()
        return [(row.version, row.created_at) for row in found]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: SyncPrefectClient) -> Iterator[Home]:
    """Have a mail server and a ledger for the flow."""
    assert api is not None
    with opened(PostOffice()) as office:
        yield Home(tmp_path, office, monkeypatch)


def shown(state: State[object], api: SyncPrefectClient, key: str) -> str:
    """Return what an artifact of the run shows."""
    flow_run = state.state_details.flow_run_id
    assert flow_run is not None
    found = artifacts_of(flow_run, api).get(key)
    return "" if found is None else str(found.data)


def test_a_server_that_is_busy_is_asked_again(home: Home, api: SyncPrefectClient) -> None:
    """By the tasks themselves: nothing is computed again, both get the one stored report, once."""
    home.office.busy = 3
    state = home.run()
    assert state.is_completed(), state.message
    assert [one.report.version for one in home.made] == [1]
    assert [version for version, _ in home.reports()] == [1]
    written = home.written()
    assert {(one.target, one.state, one.report_id) for one in written} == {
        (CFO, "sent", home.made[0].id),
        (CTO, "sent", home.made[0].id),
    }
    assert sum(one.attempts for one in written) == 5
    assert [len(home.office.to(one)) for one in (CFO, CTO)] == [1, 1]
    assert "# Break-even report, October 2026" in shown(state, api, "break-even")
    assert shown(state, api, "break-even-deliveries").count('"state": "sent"') == 2
    flow_run = api.read_flow_run(state.state_details.flow_run_id)  # type: ignore[arg-type]
    assert flow_run.name == "break_even 2026-10"
    assert (home.folder / "out/reports/2026-10/report.html").exists()


def test_a_rerun_sends_nothing_unless_told(home: Home) -> None:
    """The same version, no mail; with `resend` one more to each; without `send` none."""
    assert home.run(send=False).is_completed()
    assert home.office.received == []
    before = home.reports()
    for _ in range(2):
        assert home.run().is_completed()
    assert home.reports() == before
    assert len(home.office.received) == 2
    assert home.run(resend=True).is_completed()
    assert len(home.office.received) == 4


def test_a_delivery_that_fails_fails_loudly(home: Home, api: SyncPrefectClient) -> None:
    """After its tries the run is failed, in one line; the next run sends what is left, of the stored report."""
    home.office.answers = {CFO: "550 no such user"}
    state = home.run()
    assert state.is_failed()
    line = state.message or ""
    assert line.startswith("the report of 2026-10 did not reach everyone: cfo@example.org: the mail server")
    assert "550" in line
    assert "\n" not in line
    assert '"attempts": "4"' in shown(state, api, "break-even-deliveries")
    with pytest.raises(DeliveryError):
        state.result()
    before = home.reports()
    home.office.answers = {}
    assert home.run().is_completed()
    assert home.reports() == before
    assert [len(home.office.to(one)) for one in (CFO, CTO)] == [1, 1]


def test_what_nobody_knows_is_tried_once(home: Home) -> None:
    """A server that dies after the text: no retry, and the run says what to do."""
    home.office.dies = True
    home.set(smtp=by_mail(home.office.port, CFO))
    assert home.run().is_failed()
    assert len(home.office.received) == 1
    state = home.run()
    assert state.is_failed()
    assert "nobody knows whether version 1" in (state.message or "")
    assert len(home.office.received) == 1


@pytest.fixture
def room() -> Iterator[ChatRoom]:
    """Open a chat service."""
    with chat_room() as room:
        yield room


def test_chats_by_blocks(home: Home, room: ChatRoom, capfd: pytest.CaptureFixture[str]) -> None:
    """A Secret block with an Apprise URL, and a notification block; a wrong one is named, the secret never shown."""
    Secret(value=room.url()).save("finance-chat", overwrite=True)
    hook = CustomWebhookNotificationBlock(
        name="webhook",
        url=f"http://127.0.0.1:{room.port}/s3cr3t-h00k",
        json_data={"title": "{{subject}}", "message": "{{body}}"},
    )
    hook.save("ops", overwrite=True)
    Secret(value="s3cr3t-w0rd").save("smtp-password", overwrite=True)
    login = {"user": "reports", "password_block": "smtp-password"}
    password = password_of(MailSettings.model_validate(by_mail(home.office.port, CFO, **login)))
    assert password is not None
    assert password.get_secret_value() == "s3cr3t-w0rd"
    chats = {"finance": {"block": "secret/finance-chat"}, "ops": {"block": "custom-webhook/ops"}}
    home.set(chat=chats | {"gone": {"block": "secret/none-such"}})
    state = home.run()
    assert state.is_failed()
    assert "gone: Prefect has no block 'secret/none-such'" in (state.message or "")
    assert sorted(room.paths) == ["/hooks/s3cr3t-t0ken", "/s3cr3t-h00k"]
    assert {one["title"] for one in room.posted} == {"Break-even report, October 2026: nothing to compare"}
    room.status = 500
    home.set(chat=chats)
    state = home.run(resend=True)
    assert "the chat 'finance' did not take it" in (state.message or "")
    assert "the chat 'ops' did not take it" in (state.message or "")
    said = capfd.readouterr()
    assert "s3cr3t" not in f"{said.out}{said.err}{state.message}{home.written()}"


def test_last_month_is_that_of_the_schedules_time_zone(
    api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 06:00 on the 1st of November in Auckland it is still October in UTC, and October is last month."""
    flow = api.create_flow_from_name("break_even")
    cron = CronSchedule(cron="0 6 1 * *", timezone="Pacific/Auckland")
    deployment = api.create_deployment(
        flow, "in-auckland", schedules=[DeploymentScheduleCreate(schedule=cron)]
    )
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(deployment))
    zone = reporting.schedule_zone()
    api.delete_deployment(deployment)  # the server is there for other tests as well
    assert zone == ZoneInfo("Pacific/Auckland")
    due = datetime(2026, 11, 1, 6, tzinfo=ZoneInfo("Pacific/Auckland"))
    monkeypatch.setattr(reporting, "due_at", lambda: due)
    assert reporting.last_month(due, zone) == date(2026, 10, 1)
    assert reporting.schedule_zone() == UTC  # the deployment is gone
    assert reporting.choose_month(None) == date(2026, 9, 1)


def test_a_schedule_that_comes_before_the_month_is_over_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report so far would count as that of the month; nothing is sent."""
    next_month = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).replace(day=1)
    monkeypatch.setattr(reporting, "due_at", lambda: next_month)
    state = home.run(None)
    assert state.is_failed()
    assert "is not over in UTC" in (state.message or "")
    assert home.office.received == []
