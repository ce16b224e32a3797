"""`make server`: Prefect's own server, closed to other pages and users, whose SQLite transactions wait for each other.

Whoever may write to the server has its workers run commands, so it asks everybody for an auth string
(`tasks/setup/auth_string.py`), and answers no page of another origin and no name but this machine's.

Prefect begins most transactions as readers. One that has read and then writes fails at once with "database is
locked" if another has written in between; SQLite's busy timeout (60 s in Prefect) is not for that case. A
transaction that takes the write lock at its begin waits for it. On PostgreSQL nothing is changed.
"""

import argparse
import os
import sys
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from prefect.cli import app
from prefect.context import refresh_global_settings_context
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.environment import ends_in_one_line
from models.private_files import UMASK
from tasks.display.table_layout import tell
from tasks.runtime.loopback_guard import NAMES, GuardedApp, refuse_foreign
from tasks.setup.auth_string import CHALLENGE, PROOF, SERVER, auth_file, ensure_auth_string, make_prover

ORIGINS = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"
PAGES_ASK = "PREFECT_SERVER_UI_API_URL"
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  what a user may have named


def lock_at_begin() -> None:
    """Let every SQLite transaction of this process begin with the write lock."""
    begin = AioSqliteConfiguration.begin_transaction

    @asynccontextmanager
    async def begin_locked(
        self: AioSqliteConfiguration,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG001  Prefect's own signature
    ) -> AsyncIterator[AsyncSessionTransaction]:
        async with begin(self, session, with_for_update=True) as transaction:
            await session.connection()  # begins now
            # Prefect reads the mode of every transaction from here: what the block reads by another session must not lock.
            token = SQLITE_BEGIN_MODE.set(None)
            try:
                yield transaction
            finally:
                SQLITE_BEGIN_MODE.reset(token)

    AioSqliteConfiguration.begin_transaction = begin_locked  # type: ignore[method-assign]


def close_to_others(host: str, port: int) -> str:
    """Let the server of this process ask for an auth string, and allow its own pages alone. Returns the string.

    What the user has set himself stays. Raises `UsageError` in one line.
    """
    settings = get_current_settings()
    chosen = settings.server.api.auth_string or settings.api.auth_string
    auth_string = chosen.get_secret_value() if chosen else ""
    if not auth_string:
        auth_string = ensure_auth_string()
        tell(f"its pages ask for an auth string, once: {auth_file()} holds it")
    os.environ[SERVER] = auth_string
    if "cors_allowed_origins" not in settings.server.api.model_fields_set:
        os.environ[ORIGINS] = ",".join(own_origins(host, port))
    if "api_url" not in settings.server.ui.model_fields_set and host not in EVERYWHERE:
        # Prefect takes that of PREFECT_API_URL, and its pages would send the string there.
        name = f"[{host}]" if ":" in host else host
        os.environ[PAGES_ASK] = f"http://{name}:{port}{settings.server.api.base_path or '/api'}"
    refresh_global_settings_context()
    return auth_string


def own_origins(host: str, port: int) -> list[str]:
    """Return how a browser calls the pages of a server: people open it by any of this machine's names."""
    names = [*NAMES[:2], *([] if host in EVERYWHERE else [f"[{host}]" if ":" in host else host])]
    return list(dict.fromkeys(f"http://{name.lower()}:{port}" for name in names))


def guard_server(host: str, auth_string: str) -> Callable[[ASGIApp], ASGIApp]:
    """Return what puts an application behind the guard, for the host that it listens on.

    Names of this machine, of that host and of the origins that the user allows are answered; a server for a whole network has any.
    """
    allowed = get_current_settings().server.api.cors_allowed_origins.split(",")
    origins = {one.strip().rstrip("/") for one in allowed}
    hosts = {urlsplit(one).hostname for one in origins if "://" in one}
    names: Collection[str] = {*NAMES, host.lower(), f"[{host.lower()}]", *(one for one in hosts if one)}
    if "*" in origins or host in EVERYWHERE:
        names = {"*"}

    return lambda application: GuardedApp(
        _Proving(application, auth_string), lambda scope: refuse_foreign(scope, names, origins)
    )


class _Proving:
    """An application that proves to its clients, at `/health`, that it knows the auth string."""

    def __init__(self, app: ASGIApp, auth_string: str) -> None:
        self.app = app
        self._prove = make_prover(auth_string)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        challenge = Headers(scope=scope).get(CHALLENGE) if scope["type"] == "http" else None
        proof = self._prove(challenge, scope["server"][1]) if challenge and scope["server"] else None
        if proof is None or not scope["path"].endswith("/health"):
            await self.app(scope, receive, send)
            return

        async def send_proof(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"])[PROOF] = proof
            await send(message)

        await self.app(scope, receive, send_proof)


def put_behind(guard: Callable[[ASGIApp], ASGIApp]) -> None:
    """Let uvicorn run every application of this process behind a guard; several processes load their own, by its name."""
    run = uvicorn.run

    def run_guarded(app: ASGIApp | str, **options: Any) -> None:  # noqa: ANN401  uvicorn's own
        run(app if isinstance(app, str) else guard(app), **options)

    uvicorn.run = run_guarded  # type: ignore[assignment]


def main() -> None:
    """Start the server; the arguments are those of `prefect server start`."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    api = get_current_settings().server.api
    parser.add_argument("--host", default=api.host)
    parser.add_argument("--port", type=int, default=api.port)
    given, _ = parser.parse_known_args()
    os.umask(UMASK)  # its database holds the parameters of every run
    lock_at_begin()
    with ends_in_one_line():
        auth_string = close_to_others(given.host, given.port)
    put_behind(guard_server(given.host, auth_string))
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
