"""The auth string of `make server`: made once, kept for this user alone, and given to clients of that very server.

Whoever may write to a Prefect server has its workers run commands. The string never stands on a command line, in a log
or in Prefect's database. A client gets it only for a server on this machine that proves to know it, so that no other
program that has taken the port is told.
"""

import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from prefect.context import refresh_global_settings_context
from prefect.settings import get_current_settings

from models.engines.api.fetch import fetch
from models.errors import UsageError
from models.private_files import make_folder

PROJECT = Path(__file__).resolve().parents[2]
CLIENT, SERVER = "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"
"""Variables by which Prefect's clients and its server are told of it."""
CHALLENGE, PROOF = "breakeven-challenge", "breakeven-proof"
"""Headers of `GET /api/health`: a client's random words, and the answer of who knows the string."""
SECONDS_TO_PROVE = 30.0
_HOSTS = ("127.0.0.1", "localhost", "::1")
_CHALLENGE_FORM = re.compile(r"[0-9a-f]{32}")
_FORM = re.compile(r"[!-~]{8,1024}\n?")


def auth_file() -> Path:
    """Return where the string is kept: beside Prefect's database."""
    home = os.environ.get("PREFECT_HOME")
    return (Path(home) if home else PROJECT / ".breakeven" / "prefect") / "auth_string"


def ensure_auth_string() -> str:
    """Return the string of this installation, and make it where there is none. Raises `UsageError` in one line."""
    path = auth_file()
    try:
        _close_folder(path.parent)
        if not os.path.lexists(path):
            _write_once(path, f"breakeven:{secrets.token_urlsafe(32)}\n")
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}): the auth string of the server is kept there"
        raise UsageError(msg) from error
    found = read_auth_string()
    if found is None:
        msg = f"{path} has gone while it was read: start the server again"
        raise UsageError(msg)
    return found


def read_auth_string() -> str | None:
    """Return the string, None where none was made. Raises `UsageError` for a file that others can read, or that is none."""
    path = auth_file()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): delete it, and start the server again"
        raise UsageError(msg) from error
    try:
        _check_file(path, os.fstat(descriptor))
        text = os.read(descriptor, 2000).decode("ascii", "replace")
    finally:
        os.close(descriptor)
    if not _FORM.fullmatch(text):
        msg = f"{path} holds no auth string: delete it, and start the server again"
        raise UsageError(msg)
    return text.strip()


def _check_file(path: Path, state: os.stat_result) -> None:
    """Raise `UsageError` for what others can read or write, or may have put there."""
    if not stat.S_ISREG(state.st_mode) or state.st_uid not in {0, os.geteuid()}:
        msg = f"{path} is no file of this user: delete it, and start the server again"
        raise UsageError(msg)
    if state.st_mode & 0o077:
        msg = (
            f"others can read or write {path} (mode {stat.S_IMODE(state.st_mode):04o}): delete it and start the server again, "
            f"or, where there are no such modes, set {SERVER} and {CLIENT} yourself"
        )
        raise UsageError(msg)


def _close_folder(folder: Path) -> None:
    """Make a folder for this user alone; `.breakeven` is closed where an earlier version has made it wider."""
    make_folder(folder)
    for one in (folder, folder.parent):
        if ".breakeven" in {one.name, one.parent.name} and one.stat().st_uid == os.geteuid():
            one.chmod(0o700)


def _write_once(path: Path, text: str) -> None:
    """Write a file that is whole as soon as it has its name; of two writers one wins."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # with mode 0600
    try:
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123  a descriptor
            file.write(text)
        Path(path).hardlink_to(name)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


def make_prover(auth_string: str) -> Callable[[str, int], str | None]:
    """Return what answers a challenge that a server at a port was sent: the proof, None for what is no challenge.

    The string cannot be guessed from proofs in useful time, also where a person has chosen a short one, and a proof
    for one port is none for another.
    """
    key = hashlib.scrypt(auth_string.encode(), salt=b"breakeven auth string", n=2**14, r=8, p=1)

    def prove(challenge: str, port: int) -> str | None:
        if not _CHALLENGE_FORM.fullmatch(challenge):
            return None
        return hmac.new(key, f"{challenge} {port}".encode(), hashlib.sha256).hexdigest()

    return prove


def find_auth_string(url: str) -> str | None:
    """Return the string for a Prefect API, None unless a server on this machine proves at that address to know it.

    Raises `UsageError` for a file of the string that is not as it should be.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or host not in _HOSTS:
        return None
    own = get_current_settings().server.api.auth_string
    auth_string = (own.get_secret_value() if own else None) or read_auth_string()
    if auth_string is None:
        return None
    challenge = secrets.token_hex(16)
    try:
        answer = fetch(
            f"{url}/health", headers={CHALLENGE: challenge}, seconds=SECONDS_TO_PROVE, proxies=False
        )
    except httpx2.HTTPError:
        return None
    proof = make_prover(auth_string)(challenge, port)
    said = answer.headers.get(PROOF, "")
    return auth_string if proof and hmac.compare_digest(proof.encode(), said.encode()) else None


def lend_auth_string() -> None:
    """Let the Prefect clients of this process and of those that it starts know the string, if it is for their server.

    What the user has set himself stays. Raises `UsageError` in one line.
    """
    api = get_current_settings().api
    if api.url is None or api.key is not None or (api.auth_string and api.auth_string.get_secret_value()):
        return
    if (found := find_auth_string(api.url)) is not None:
        os.environ[CLIENT] = found
        refresh_global_settings_context()
