"""The auth string of `make server`: who can read it, when it is made, and to whom it is shown."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    PREFECT_SERVER_API_AUTH_STRING,
    temporary_settings,
)

from models.errors import UsageError
from tasks.setup.auth_string import (
    CLIENT,
    auth_file,
    ensure_auth_string,
    find_auth_string,
    lend_auth_string,
    make_prover,
    read_auth_string,
)
from tests.loopback import serving

SEEN = list[tuple[str, dict[str, str]]]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Give Prefect a home that does not exist yet, and no setting of the user's own."""
    folder = tmp_path / ".breakeven" / "prefect"
    monkeypatch.setenv("PREFECT_HOME", str(folder))
    monkeypatch.setenv(CLIENT, "")
    own = {PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, PREFECT_SERVER_API_AUTH_STRING}
    with temporary_settings(restore_defaults=own):
        yield folder


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Work under a umask."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_it_is_this_users_alone(home: Path) -> None:
    """The file is 0600 and its folders 0700, whatever the umask; nothing lies beside it."""
    made = ensure_auth_string()
    assert len(made) > 40
    assert (mode(auth_file()), mode(home), mode(home.parent)) == (0o600, 0o700, 0o700)
    assert [one.name for one in home.iterdir()] == ["auth_string"]


def test_a_folder_that_was_made_wider_is_closed(home: Path) -> None:
    """An earlier version has made it with 0755: whoever may write there could put a string of his own in place."""
    home.mkdir(parents=True)
    home.parent.chmod(0o777)
    home.chmod(0o777)
    ensure_auth_string()
    assert (mode(home), mode(home.parent)) == (0o700, 0o700)


def test_it_is_made_once(home: Path) -> None:
    """Servers that start at the same time have one string, whole, and a later one keeps it."""
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: ensure_auth_string(), range(40)))
    assert made == {ensure_auth_string()} == {read_auth_string()}
    assert [one.name for one in home.iterdir()] == ["auth_string"]


@pytest.mark.parametrize("given", [0o644, 0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_can_read_is_refused(given: int) -> None:
    """One line names it and says what to do; its content is not in the line."""
    made = ensure_auth_string()
    auth_file().chmod(given)
    for use in (ensure_auth_string, read_auth_string):
        with pytest.raises(UsageError, match=f"others can read or write .*{given:04o}.*delete it") as refused:
            use()
        assert made not in str(refused.value)


@pytest.mark.parametrize(
    "content", ["", "\n", "short", "two\nlines of it\n", "tab\there it is", "ünïcode-string"]
)
def test_what_is_no_string_is_refused(content: str) -> None:
    """An empty, cut or foreign file is never an empty auth string, which would open the server."""
    ensure_auth_string()
    auth_file().write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="holds no auth string"):
        ensure_auth_string()


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe"])
def test_what_is_no_file_is_refused(home: Path, kind: str, tmp_path: Path) -> None:
    """A link to somebody's file, a folder or a pipe in its place is one line, and nothing hangs."""
    home.mkdir(parents=True)
    other = tmp_path / "other"
    if kind == "link":
        other.write_text("somebody:else-knows-this", encoding="ascii")
        other.chmod(0o600)
    {
        "link": lambda: auth_file().symlink_to(other),
        "dangling": lambda: auth_file().symlink_to(other),
        "folder": lambda: auth_file().mkdir(),
        "pipe": lambda: os.mkfifo(auth_file(), 0o600),
    }[kind]()
    with pytest.raises(UsageError, match="delete it, and start the server again"):
        ensure_auth_string()
    assert other.exists() == (kind == "link")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.prefect.cloud/api/accounts/1/workspaces/2",
        "http://prefect.example:4200/api",
        "http://127.0.0.1.evil.example:4200/api",
        "http://127.0.0.1@evil.example:4200/api",
        "http://localhost.evil.example/api",
        "https://127.0.0.1:1/api",
        "http://[::1/api",
        "http://127.0.0.1:99999999/api",
        "file:///127.0.0.1",
        "",
    ],
)
def test_other_servers_are_not_even_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not on this machine is told nothing, whatever its address looks like."""
    ensure_auth_string()
    monkeypatch.setattr("httpx.get", lambda *_, **__: pytest.fail("it was asked"))
    assert find_auth_string(url) is None


@pytest.mark.parametrize("answer", [b"true", b""])
def test_a_program_that_has_taken_the_port_is_told_nothing(answer: bytes) -> None:
    """It answers as Prefect does, but proves nothing: it sees neither the string nor a header of it."""
    made, seen = ensure_auth_string(), SEEN()
    with serving({"/v1/health": answer}, seen) as url, temporary_settings({PREFECT_API_URL: url}):
        lend_auth_string()
    assert os.environ[CLIENT] == ""
    assert [path for path, _ in seen] == ["/v1/health"]
    assert made.partition(":")[2] not in str(seen)
    assert "authorization" not in seen[0][1]


@pytest.mark.parametrize(
    "own",
    [
        {PREFECT_API_AUTH_STRING: "mine:own"},
        {PREFECT_API_KEY: "pnu_key"},
    ],
)
def test_what_the_user_has_set_stays(own: dict[object, str]) -> None:
    """A string or key of his own is neither replaced nor is the server asked for anything."""
    ensure_auth_string()
    seen = SEEN()
    with serving({}, seen) as url, temporary_settings({PREFECT_API_URL: url} | own):
        lend_auth_string()
    assert (seen, os.environ[CLIENT]) == ([], "")


def test_without_a_file_nobody_is_asked() -> None:
    """Where `make server` was never started there is nothing to show."""
    seen = SEEN()
    with serving({}, seen) as url:
        assert find_auth_string(url) is None
    assert seen == []


def test_a_proof_is_for_one_challenge_and_one_port() -> None:
    """What another server says elsewhere, or has said before, proves nothing here; other words are no challenge."""
    prove = make_prover("breakeven:secret")
    first, second = "0" * 32, "1" * 32
    proofs = {prove(first, 4200), prove(second, 4200), prove(first, 4201), make_prover("other")(first, 4200)}
    assert len(proofs) == 4
    assert {prove(words, 4200) for words in ("", "x" * 32, first + "0", first[:-1] + "\n")} == {None}


def test_a_string_that_the_user_gave_the_server_alone_serves_his_clients() -> None:
    """`PREFECT_SERVER_API_AUTH_STRING` alone is the server's: clients beside it prove that one."""
    seen = SEEN()
    with (
        serving({"/v1/health": b"true"}, seen) as url,
        temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "mine:own-string"}),
    ):
        assert find_auth_string(url) is None
    assert len(seen) == 1
    assert "own-string" not in str(seen)
