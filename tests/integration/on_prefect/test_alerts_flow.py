"""The flow `alerts` on a real Prefect server: shown as an artifact, sent once, tried again by the next run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from prefect import State
from prefect.client.orchestration import SyncPrefectClient

from db import spend
from db.session import make_engine, sessions
from flows import alerts as watching
from models.errors import DeliveryError
from models.settings import Settings
from tests.integration.on_prefect.test_flow_runs import artifacts_of
from tests.integration.report.harness import DOLLAR, by_mail, make_settings
from tests.ledgers import new_sqlite
from tests.post_office import PostOffice, opened

CFO = "cfo@example.org"


class Home:
    """A ledger in which a budget is nearly used up, a mail server, and the flow over them."""

    def __init__(self, folder: Path, office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.office, self._patch = folder, office, monkeypatch
        self.url = new_sqlite(folder / "ledger.db")
        engine = make_engine(self.url)
        with sessions(engine).begin() as session:
            spend.add(session, {(datetime.now(UTC).date(), "sentiment"): 9 * DOLLAR})
        engine.dispose()
        self.set(smtp=by_mail(office.port, CFO))

    def set(self, **more: object) -> Settings:
        """Let the flow find these settings."""
        quiet = {"off": ("price", "model_end")}
        settings = make_settings(self.url, self.folder, budget={"day_usd": "10"}, alerts=quiet, **more)
        self._patch.setattr(watching, "read_settings", lambda: settings)
        return settings

    def run(self, **parameters: object) -> State[object]:
        """Run the flow; return its final state."""
        return cast("State[object]", watching.build()(return_state=True, **parameters))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: SyncPrefectClient) -> Iterator[Home]:
    """Have a mail server and a ledger for the flow."""
    assert api is not None
    with opened(PostOffice()) as office:
        yield Home(tmp_path, office, monkeypatch)


def shown(state: State[object], api: SyncPrefectClient) -> str:
    """Return what the run's artifact shows."""
    flow_run = state.state_details.flow_run_id
    assert flow_run is not None
    found = artifacts_of(flow_run, api).get("alerts")
    return "" if found is None else str(found.data)


def test_what_is_new_is_sent_once_and_shown_each_day(home: Home, api: SyncPrefectClient) -> None:
    """The artifact says what stands and what to do; the second run sends nothing."""
    state = home.run()
    assert state.is_completed(), state.message
    assert "# 1 alert stands" in shown(state, api)
    assert "used to 90%" in shown(state, api)
    assert home.run().is_completed()
    assert len(home.office.to(CFO)) == 1


def test_a_failed_message_fails_the_run_and_goes_with_the_next(home: Home) -> None:
    """One line says whom it did not reach; the next run sends it."""
    home.office.answers = {CFO: "451 come again later"}
    state = home.run()
    assert state.is_failed()
    assert isinstance(state.result(raise_on_failure=False), DeliveryError)
    assert f"the alerts did not reach everyone: {CFO}" in str(state.message)
    home.office.answers = {}
    assert home.run().is_completed()
    assert len(home.office.to(CFO)) == 1


def test_without_recipients_it_only_shows(home: Home, api: SyncPrefectClient) -> None:
    """Nobody is named: what stands is shown, nothing is sent, nothing fails; nor does it without a ledger."""
    home.set()
    state = home.run()
    assert state.is_completed()
    assert "# 1 alert stands" in shown(state, api)
    home.url = f"sqlite:///{home.folder / 'none.db'}"
    home.set()
    state = home.run()
    assert state.is_completed()
    assert "there is no ledger yet" in shown(state, api)
    assert home.office.received == []
