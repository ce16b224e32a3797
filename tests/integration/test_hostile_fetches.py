"""Lists of models, states of servers and published prices from hostile hosts: each reply is bounded, and sends us nowhere else."""

from collections.abc import Callable
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_API_AUTH_STRING, temporary_settings

from flows.workers import find_server
from models.engines.api.fetch import MOST_REDIRECTS
from models.engines.server.listing import LISTING_SECONDS, list_models
from models.engines.server.options import ServerOptions
from models.errors import BreakevenError, UsageError
from models.settings import Settings
from tasks.setup import api_model_checks, auth_string, doctor, prefect_checks, update_prices
from tests.hostile_server import WIRES, HostileServer, whole

KINDS = ("plain", "gzip", "drip_body", "drip_head", "wide_zstd", "head", "values")
SECONDS = 1.0
MOST = 80_000_000
"""Bytes that a server gets rid of, buffers included: 64 MiB of prices are taken, of all others 8 MB."""


def _settings(url: str) -> Settings:
    return Settings.model_validate(
        {"api_mode": "sync", "api_base_url": url, "api_model": "m", "api_key": "a-key-of-nobody"}
    )


def ask_api(url: str) -> None:
    """Have `doctor` ask the API for its models, and for the end of one."""
    assert doctor.check_api(_settings(url)).name == "API"


def ask_model_end(url: str) -> None:
    """Ask the API until when it has its model."""
    assert api_model_checks.find_announced_end(_settings(url)) is None


def ask_own_server(url: str) -> None:
    """Ask an own server for its models."""
    options = ServerOptions.from_settings(
        Settings.model_validate({"engine": "server", "server_url": url, "model": "m"})
    )
    assert list_models(options, min(SECONDS, LISTING_SECONDS)) is None


def ask_prefect(url: str) -> None:
    """Have `doctor` look at a Prefect server."""
    with temporary_settings({PREFECT_API_URL: url}):
        (found,) = prefect_checks.check_prefect_server(Settings())
    assert found.state == "fail"


def ask_before_worker(url: str) -> None:
    """See before a worker starts that there is a server."""
    with temporary_settings({PREFECT_API_URL: url}):
        find_server()


def ask_for_proof(url: str) -> None:
    """Let a server prove that it knows the auth string."""
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "user:of-nobody"}):
        assert auth_string.find_auth_string(url) is None


def ask_for_prices(url: str) -> None:
    """Take published prices."""
    update_prices.update_prices(Settings(), url)


ASKERS = (
    ask_api,
    ask_model_end,
    ask_own_server,
    ask_prefect,
    ask_before_worker,
    ask_for_proof,
    ask_for_prices,
)


@pytest.fixture(autouse=True)
def _hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a second at most, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_CACHE_DIR", str(tmp_path / "cache"))
    for module, name in (
        (doctor, "SECONDS_FOR_THE_API"),
        (api_model_checks, "SECONDS_FOR_A_MODEL"),
        (prefect_checks, "SECONDS_FOR_THE_API"),
        (auth_string, "SECONDS_TO_PROVE"),
        (update_prices, "SECONDS"),
    ):
        monkeypatch.setattr(module, name, SECONDS)
    monkeypatch.setattr("flows.workers.SECONDS_TO_ANSWER", SECONDS)


@pytest.mark.parametrize("ask", ASKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_without_an_end_ends(ask: Callable[[str], None], kind: str) -> None:
    """An endless, folded or slow reply is given up after its bytes or its deadline, with one line or as no reply."""
    with HostileServer(WIRES[kind]()) as server, suppress(BreakevenError):  # one line, by itself
        ask(server.url)
    assert server.requests
    assert server.sent < MOST


@pytest.mark.parametrize("ask", ASKERS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_other_host_is_asked(ask: Callable[[str], None], status: int) -> None:
    """A redirect to another port of this machine, which is another server, is not followed."""
    with (
        HostileServer(whole(b"{}")) as other,
        HostileServer(whole(b"", status, Location=other.url)) as server,
        suppress(BreakevenError),
    ):
        ask(server.url)
    assert server.requests
    assert not other.requests


def test_prices_that_moved_on_their_host_are_taken() -> None:
    """A redirect on the same server is followed, and not without an end."""
    moved, found = whole(b"", 302, Location="/moved"), whole(b"no prices")
    wires = chain(moved(), found())
    with HostileServer(lambda: islice(wires, 1)) as server, pytest.raises(UsageError, match="it is no JSON"):
        ask_for_prices(server.url)
    with (
        HostileServer(whole(b"", 302, Location="/again")) as server,
        pytest.raises(BreakevenError, match="HTTP 302"),
    ):
        ask_for_prices(server.url)
    assert server.requests == MOST_REDIRECTS + 1
