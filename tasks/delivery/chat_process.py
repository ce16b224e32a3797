"""A process that posts one message to a chat service: what comes back may have no end, and libraries read it whole.

`python -m tasks.delivery.chat_process` reads what to post from its standard input, pickled, and writes what became of it. No
secret stands in its command line.
"""

import asyncio
import json
import logging
import os
import pickle
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from inspect import iscoroutine
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import httpx
import requests
from apprise import Apprise, AppriseAsset, NotifyFormat
from pydantic import SecretStr

from models.engines.api.fetch import stays

SECONDS = 60.0
"""Deadline of one message, the start of the process included."""
MORE_BYTES = 512 * 2**20
"""Memory that the process may take beside what its start took."""
MOST_SAID = 500
SHORTEST_SECRET = 4
"""Shorter pieces of a URL are words of the service's own."""
NO_END = "its answer has no end, or was not there in time"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """What to post, and through what: an Apprise URL or a Prefect notification block."""

    title: str
    body: str
    url: str | None = None
    block: Any = None


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of it. `surely`: whether somebody knows; `why`: what went wrong, without a secret."""

    taken: bool
    why: str = ""
    surely: bool = True


def post(message: ChatMessage) -> Posted:
    """Post a message from a process of its own, within its deadline."""
    command = [sys.executable, "-m", "tasks.delivery.chat_process"]
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, *filter(None, sys.path)])}
    try:
        done = subprocess.run(  # noqa: S603  ourselves
            command,
            input=pickle.dumps(message),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=SECONDS,
            check=False,
        )
        return Posted(**json.loads(done.stdout.splitlines()[-1]))
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        return Posted(taken=False, why=NO_END)


def redact_secrets(text: str, url: str) -> str:
    """Replace every piece of a URL that occurs in a text, host and all, by `…`."""
    pieces = {piece for part in (url, unquote(url)) for piece in re.split(r"[/:@?&=#]+", part)}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= SHORTEST_SECRET:
            text = text.replace(piece, "…")
    return text


def _post_to_url(message: ChatMessage, url: str) -> Posted:
    service = Apprise(asset=AppriseAsset(app_id="breakeven", app_desc="monthly break-even report"))
    service.add(url)
    with overheard() as said:
        taken = service.notify(title=message.title, body=message.body, body_format=NotifyFormat.TEXT)
    return Posted(bool(taken), "" if taken else redact_secrets("; ".join(said), url))


def _post_to_block(message: ChatMessage) -> Posted:
    from prefect.blocks.abstract import NotificationError  # noqa: PLC0415  takes seconds

    block = message.block
    try:
        with overheard() as said, block.raise_on_failure():
            told = block.notify(message.body, message.title)
            if iscoroutine(told):  # Prefect's own answer at once outside of an event loop, others may not
                asyncio.run(told)
    except NotificationError:  # its text may quote the URL
        url = getattr(block, "url", None)
        known = url.get_secret_value() if isinstance(url, SecretStr) else ""
        # without its URL nobody can tell which words are secret
        return Posted(taken=False, why=redact_secrets("; ".join(said), known) if known else "")
    except httpx.HTTPStatusError as error:
        return Posted(taken=False, why=f"HTTP {error.response.status_code}")
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return Posted(taken=False, why=type(error).__name__)
    return Posted(taken=True)


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Yield what Apprise warns of inside the block, since it returns no reasons. It reaches no log: it may quote a URL."""
    log, said = logging.getLogger("apprise"), list[str]()

    def hear(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            said.append(record.getMessage()[:MOST_SAID])
        return False

    log.addFilter(hear)
    try:
        yield said
    finally:
        log.removeFilter(hear)


class _StayingSession(requests.Session):
    """Follows no redirect to another host: the report goes where the user sent it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a reply leads, None for another place."""
        target = super().get_redirect_target(resp)
        if target is None or not stays(str(resp.url), urljoin(str(resp.url), target)):
            return None
        return target


def _limit_memory() -> None:
    """Let this process take little more memory than it has, where the system tells how much that is."""
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MORE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Post what stands on the standard input."""
    message: ChatMessage = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  from our own parent
    requests.Session = requests.sessions.Session = _StayingSession  # type: ignore[misc]
    _limit_memory()
    try:
        posted = _post_to_block(message) if message.url is None else _post_to_url(message, message.url)
    except MemoryError:
        posted = Posted(taken=False, why=NO_END)
    except Exception as error:  # noqa: BLE001  a block is anybody's code, whose words may hold a secret
        posted = Posted(taken=False, why=type(error).__name__, surely=False)
    answer = {"taken": posted.taken, "why": posted.why, "surely": posted.surely}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
    sys.stdout.flush()
    os._exit(0)  # a thread that still reads an endless answer keeps nobody


if __name__ == "__main__":
    sys.modules["tasks.delivery.chat_process"] = sys.modules["__main__"]
    main()
