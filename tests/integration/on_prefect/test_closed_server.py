"""`make server` is for this user alone: no page of another origin, no other name and no other user commands it."""

import base64
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_SERVER_API_AUTH_STRING,
    temporary_settings,
)
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from models.settings import Settings
from tasks.setup.auth_string import find_auth_string
from tasks.setup.prefect_checks import check_prefect_server
from tests.attacks import LEARNT, attack, serving_a_page
from tests.integration.on_prefect.site import (
    START_SECONDS,
    Program,
    Site,
    environment,
    free_url,
    until,
)
from tests.integration.pipeline.harness import settings_for

SOCKETS = (
    "/events/in",
    "/events/out",
    "/logs/out",
    "/task_runs/subscriptions/scheduled",
    "/work_pools/gpu/workers/connect",
)
READS = (
    ("GET", "/admin/version"),
    ("GET", "/admin/settings"),
    ("GET", "/version"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("POST", "/flow_runs/filter"),
    ("POST", "/logs/filter"),
    ("POST", "/deployments/filter"),
    ("POST", "/variables/filter"),
)


def variables(url: str, auth: str = "") -> int:
    """Count the variables that a server holds: an attack makes one."""
    credentials = httpx.BasicAuth(*auth.split(":", 1)) if auth else None
    answer = httpx.post(f"{url}/variables/filter", json={}, auth=credentials, timeout=30)
    return len(answer.raise_for_status().json())


def try_all(browser: Browser, url: str, host: str) -> dict[str, str]:
    """Let a page on `host`, at another port, try every way to a server."""
    name = f"attack_{uuid4().hex[:8]}"
    with serving_a_page() as port:
        return attack(
            browser,
            f"http://{host}:{port}/",
            url.removesuffix("/api"),
            write=("/api/variables/", {"name": name, "value": "done"}),
            read=("POST", "/api/variables/filter"),
            socket="/api/events/out",
        )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_another_origin_does_nothing(site: Site, browser: Browser, host: str) -> None:
    """Another site, and the same machine at another port: nothing is read, opened or written."""
    before = variables(site.url, site.auth_string)
    found = try_all(browser, site.url, host)
    assert {way: end for way, end in found.items() if end.startswith(LEARNT)} == {}
    assert variables(site.url, site.auth_string) == before


@pytest.mark.parametrize(("method", "path"), READS)
def test_another_user_is_told_nothing(site: Site, method: str, path: str) -> None:
    """Without the string, with a wrong one or an empty one, with a token of another kind: 401."""
    wrong = base64.b64encode(b"breakeven:guess").decode()
    for given in ("", f"Basic {wrong}", "Basic", "Basic Og==", "Bearer x", f"basic {wrong}"):
        answer = httpx.request(method, f"{site.url}{path}", headers={"Authorization": given} if given else {})
        assert answer.status_code == 401
        assert answer.json() == {"exception_message": "Unauthorized"}


@pytest.mark.parametrize("path", SOCKETS)
def test_no_websocket_opens_to_others(site: Site, path: str) -> None:
    """Without the protocol of Prefect, and with it but a wrong string, nothing is sent; a foreign origin is not let in at all."""
    url = f"{site.url.replace('http', 'ws')}{path}"
    with pytest.raises(WebSocketException), connect(url) as plain:
        plain.recv(timeout=30)
    with connect(url, subprotocols=["prefect"]) as guessing:  # type: ignore[list-item]
        guessing.send('{"type": "auth", "token": "breakeven:guess"}')
        with pytest.raises(WebSocketException):
            guessing.recv(timeout=30)
    with (
        pytest.raises(WebSocketException, match="403"),
        connect(url, subprotocols=["prefect"], origin="http://evil.example"),  # type: ignore[list-item,arg-type]
    ):
        pass


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_stolen_browser_is_of_no_use(site: Site, headers: dict[str, str]) -> None:
    """A page that has its own name lead here (DNS rebinding), or any foreign one, is refused even with the right string."""
    right = base64.b64encode(site.auth_string.encode()).decode()
    for path in ("/health", "/admin/version"):
        answer = httpx.get(f"{site.url}{path}", headers=headers | {"Authorization": f"Basic {right}"})
        assert answer.status_code == (400 if "Host" in headers else 403)
        assert answer.text.count("\n") == 1


def test_its_own_pages_may_ask(site: Site) -> None:
    """People open the server by either name; the pages then ask for the string."""
    port = site.url.removesuffix("/api").rpartition(":")[2]
    right = base64.b64encode(site.auth_string.encode()).decode()
    for name in ("127.0.0.1", "localhost"):
        origin = f"http://{name}:{port}"
        answer = httpx.get(
            f"{site.url}/admin/version", headers={"Origin": origin, "Authorization": f"Basic {right}"}
        )
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
    preflight = httpx.options(
        f"{site.url}/flow_runs/",
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers


def test_clients_find_the_string_and_it_stands_nowhere(
    site: Site, api: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker that was told nothing is online: it has proved the server. Neither database, log nor command line holds it."""
    home = Path(site.env["PREFECT_HOME"])
    monkeypatch.setenv("PREFECT_HOME", str(home))
    with temporary_settings(restore_defaults={PREFECT_SERVER_API_AUTH_STRING}):
        assert find_auth_string(site.url) == site.auth_string
    site.apply()
    site.start_worker("told-nothing", settings_for(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}"))
    try:
        until(
            lambda: [one for one in api.read_workers_for_work_pool("gpu") if one.name == "told-nothing"],
            site.logs(),
        )
        lines = []
        for one in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended
                lines.append(one.read_bytes())
    finally:
        site.kill_workers()
    secret = site.auth_string.partition(":")[2].encode()
    coded = base64.b64encode(site.auth_string.encode())
    written = [one for one in (home.parent).rglob("*") if one.is_file() and one.name != "auth_string"]
    assert any(one.name == "prefect.db" for one in written)
    holding = [one for one in written if any(word in one.read_bytes() for word in (secret, coded))]
    assert holding == []
    assert not any(secret in line or coded in line for line in lines)
    assert {oct(one.stat().st_mode & 0o077) for one in home.glob("prefect.db*")} == {"0o0"}


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Prefect's server as Prefect starts it."""
    folder, url = tmp_path_factory.mktemp("open"), free_url()
    env = environment() | {"PREFECT_HOME": str(folder), "PREFECT_MEMO_STORE_PATH": str(folder / "memo.toml")}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port"]
    server = Program([*command, url.removesuffix("/api").rpartition(":")[2]], env, folder / "server.log")

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False

    try:
        until(answers, "no open server", START_SECONDS)
        yield url
    finally:
        server.kill()


@pytest.mark.long
def test_the_attack_works_where_the_server_is_open(open_server: str, browser: Browser) -> None:
    """The same page reads and writes on a server as Prefect starts it: what holds it off above is ours."""
    found = try_all(browser, open_server, "localhost")
    assert found["fetch to write"].startswith("read ")
    assert found["fetch to read"].startswith("read 200")
    assert found["websocket"] == "opened"
    assert variables(open_server) == 1


@pytest.mark.long
def test_doctor_warns_of_an_open_server(open_server: str) -> None:
    """It asks without any string, and says what an open server means and how to close it."""
    for own in ("", "mine:own-string"):
        with temporary_settings({PREFECT_API_URL: open_server, PREFECT_API_AUTH_STRING: own}):
            check, *_ = check_prefect_server(Settings())
        assert (check.name, check.state) == ("Prefect API", "warn")
        assert "asks nobody who he is" in check.found
        assert "make server" in check.advice


def test_doctor_is_content_with_a_closed_one(site: Site, api: SyncPrefectClient) -> None:
    """The server of the tests asks for its string, and doctor has it."""
    assert api.api_url
    check, *_ = check_prefect_server(Settings())
    assert (check.state, check.found) == ("ok", site.url)
