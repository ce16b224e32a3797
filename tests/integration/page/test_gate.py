"""Who gets to the page: nobody without the token, no page of another origin with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.attacks import LEARNT, attack, serving_a_page
from tests.integration.page.books import fill
from tests.integration.page.harness import SECONDS, Served, built, serving

SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport="


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a ledger, and see at the end that nothing of all this was written to the terminal."""
    folder = tmp_path_factory.mktemp("gate")
    url = f"sqlite:///{folder / 'ledger.db'}"
    fill(url)
    with serving(url, folder) as served:
        yield served
        code, errors = served.stop(signal.SIGINT)
        assert (code, errors) == (0, "stopped\n")


def is_one_line(answer: httpx.Response, *status: int) -> None:
    """See that an answer is one line of plain text, with the page's headers."""
    assert answer.status_code in status, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.count("\n") == 1
    assert "Traceback" not in answer.text
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


PLACES = (
    "/",
    "/lines",
    "/runs",
    "/rates",
    "/none",
    "/favicon.ico",
    "/_nicegui/none",
    "/_nicegui_ws/",
    f"{SOCKET}polling",
    "/docs",
    "/openapi.json",
)


@pytest.mark.parametrize("path", PLACES)
def test_without_the_token_nothing_is_shown(served: Served, path: str) -> None:
    """No page, no file and no channel: without it, with another, an empty one, one in the wrong place, that of another port."""
    name = f"breakeven_{served.host.partition(':')[2]}"
    for given in ({}, {name: "guess"}, {name: ""}, {"breakeven_1": served.token}, {"token": served.token}):
        is_one_line(httpx.get(f"{served.address}{path}", cookies=given), 403)
    is_one_line(
        httpx.get(f"{served.address}{path}", headers={"Authorization": f"Bearer {served.token}"}), 403
    )
    join = "&" if "?" in path else "?"
    for query in ("token=", "token=guess", f"Token={served.token}", f"token=x&token={served.token}"):
        is_one_line(httpx.get(f"{served.address}{path}{join}{query}"), 403)


def test_the_files_of_the_page_need_it_too(served: Served) -> None:
    """What the page loads is there with the cookie alone."""
    page = served.get().text
    found = [part.split('"')[0] for part in page.split('src="')[1:] + page.split('href="')[1:]]
    files = [one for one in found if one.startswith("/_nicegui/")]
    assert len(files) > 2
    for one in files[:3]:
        assert served.get(one).status_code == 200
        is_one_line(httpx.get(f"{served.address}{one}"), 403)


def test_the_token_becomes_a_cookie_and_leaves_the_address(served: Served) -> None:
    """A strict cookie that no script reads, kept for the session; the other parameters stay; both names of the machine serve."""
    answer = httpx.get(f"{served.address}/lines?route=vllm&token={served.token}&workload=a%20b")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/lines?route=vllm&workload=a+b"
    name, *terms = answer.headers["set-cookie"].split("; ")
    assert name == f"breakeven_{served.host.partition(':')[2]}={served.token}"
    assert set(terms) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert answer.headers["cache-control"] == "no-store"
    with httpx.Client(follow_redirects=True) as client:
        found = client.get(f"{served.address}/?token={served.token}")
        assert (found.status_code, found.url.query) == (200, b"")
        assert client.get(f"{served.address}/runs").status_code == 200


@pytest.mark.parametrize(
    "path", ["//evil.example", "///evil.example/", "/\\evil.example", "/%2f/evil.example"]
)
def test_it_leads_to_no_other_host(served: Served, path: str) -> None:
    """A path that a browser would take for a host stays a path of this server."""
    answer = httpx.get(httpx.URL(f"{served.address}/", raw_path=f"{path}?token={served.token}".encode()))
    target = answer.headers["location"]
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))


def test_a_link_elsewhere_leads_here(served: Served, browser: Browser) -> None:
    """Who follows the link in a terminal that is a web page sees the ledger, though the cookie is strict."""
    context = browser.new_context()
    try:
        with serving_a_page() as port:
            page = context.new_page()
            page.goto(f"http://localhost:{port}/")
            page.evaluate(
                "target => { location.href = target; }", f"{served.address}/lines?token={served.token}"
            )
            page.wait_for_url(f"{served.address}/lines")
            built(page)
            assert page.get_by_role("heading", name="lines").count()
    finally:
        context.close()


FOREIGN = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/", f"{SOCKET}polling", "/_nicegui/x", "/?token={token}"])
def test_another_origin_is_refused_with_the_cookie(
    served: Served, path: str, headers: dict[str, str]
) -> None:
    """Whatever it asks for, the answer is for no other page, and no header lets one read it."""
    is_one_line(served.get(path.format(token=served.token), **headers), 403)


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}]
)
def test_no_websocket_of_another_origin(served: Served, headers: dict[str, str]) -> None:
    """Nor without the cookie; with it, an own page and a program are let in."""
    url = f"ws://{served.host}{SOCKET}websocket"
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in served.cookie.items())}
    for given in (headers | cookie, {}):
        with pytest.raises(InvalidStatus), connect(url, additional_headers=given):
            pass
    for given in (cookie, cookie | {"Origin": served.address}):
        with connect(url, additional_headers=given) as opened:
            assert str(opened.recv(timeout=SECONDS)).startswith("0{")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_in_the_same_browser_learns_nothing(served: Served, browser: Browser, host: str) -> None:
    """Another site, and this machine at another port, in a browser that has the cookie: every way ends in a refusal."""
    with serving_a_page() as port:
        found = attack(
            browser,
            f"http://{host}:{port}/",
            served.address,
            write=(f"{SOCKET}polling", {}),
            read=("GET", "/lines"),
            socket=f"{SOCKET}websocket",
            cookies=served.cookie,
        )
    assert {way: end for way, end in found.items() if end.startswith(LEARNT)} == {}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_the_page_is_only_read(served: Served, method: str) -> None:
    """Other methods than those that read are refused, preflights among them."""
    for path in ("/", "/lines", "/_nicegui/x"):
        answer = httpx.request(method, f"{served.address}{path}", cookies=served.cookie)
        assert answer.status_code in {400, 405}
        assert answer.text.count("\n") <= 1


def test_the_token_is_on_no_command_line(served: Served, tmp_path: Path) -> None:
    """A browser is given a file that leads to the address, which only this user reads; a second server has another token."""
    note, program = tmp_path / "opened", tmp_path / "browser.py"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nfrom pathlib import Path\n"
        "file = Path(sys.argv[1].removeprefix('file://'))\n"
        f"Path({str(note)!r}).write_text(f'{{oct(file.stat().st_mode)}} {{sys.argv[1]}} {{file.read_text()}}\\n')\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    environment = os.environ | {
        "BREAKEVEN_DATABASE_URL": served.database_url,
        "BROWSER": str(program),
        "DISPLAY": ":9",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "ledger", "serve", "--port", "0"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    address = process.stderr.readline().split()[4]
    token = address.partition("token=")[2]
    for _ in range(SECONDS * 10):
        if note.exists() and note.read_text(encoding="utf-8").endswith("\n"):
            break
        signal.sigtimedwait([], 0.1)
    mode, opened, *content = note.read_text(encoding="utf-8").split(maxsplit=2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert mode == "0o100600"
    assert token not in opened
    assert address in content[0]
    assert token not in {served.token, ""}
