"""Where Prefect's embedded server keeps its files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.context import refresh_global_settings_context

from commands.quiet_libraries import keep_prefect_here
from tasks.setup.auth_string import CLIENT, SERVER

URL = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
ORIGINS = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Start without any setting of Prefect, in an empty folder."""
    for name in list(os.environ):
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)
    for name in (
        "PREFECT_HOME",
        "PREFECT_MEMO_STORE_PATH",
        URL,
        CLIENT,
        SERVER,
        ORIGINS,
    ):  # so that what is set here is undone
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield
    monkeypatch.undo()
    refresh_global_settings_context()


@pytest.mark.parametrize("home", [None, "own"])
def test_the_embedded_server_has_a_database_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None
) -> None:
    """`make server` in the same folder is on prefect.db; ours is another file, also in a home of the user's own."""
    if home is not None:
        monkeypatch.setenv("PREFECT_HOME", str(tmp_path / home))
    keep_prefect_here()
    folder = tmp_path / (home or ".breakeven/prefect")
    assert os.environ["PREFECT_HOME"] == str(folder)
    assert os.environ[URL] == f"sqlite+aiosqlite:///{folder}/embedded.db"
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_API_URL", "http://127.0.0.1:4200/api"),
        (URL, "postgresql+asyncpg://somewhere/prefect"),
        ("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://somewhere/prefect"),
        ("PREFECT_SERVER_DATABASE_HOST", "somewhere"),
    ],
)
def test_whoever_has_chosen_keeps_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A server or a database that the user has set is not replaced."""
    monkeypatch.setenv(name, value)
    keep_prefect_here()
    assert os.environ[name] == value
    assert os.environ.get(URL) == (value if name == URL else None)


def test_the_embedded_server_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for a string that only this process and what it starts have; a string of the user's own is taken."""
    keep_prefect_here()
    made = os.environ[SERVER]
    assert len(made) > 40
    assert (os.environ[CLIENT], os.environ[ORIGINS]) == (made, "http://127.0.0.1")
    for name, other in ((CLIENT, SERVER), (SERVER, CLIENT)):
        monkeypatch.setenv(name, "mine:own")
        monkeypatch.delenv(other)
        keep_prefect_here()
        assert (os.environ[name], os.environ[other]) == ("mine:own", "mine:own")


def test_a_server_of_somebody_is_given_no_string_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an API is set up, nothing is made up for it."""
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")
    keep_prefect_here()
    assert {CLIENT, SERVER, ORIGINS} & set(os.environ) == set()
