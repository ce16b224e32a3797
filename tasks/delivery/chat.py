"""One report to one chat service, through Apprise or a Prefect notification block.

Apprise tells only whether the service said that it took the message. One that took it and did not say so in time
counts as not taken, so a chat may see a message twice, never not at all.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutine
from urllib.parse import unquote

import httpx
from apprise import Apprise, AppriseAsset, NotifyFormat
from prefect.blocks.abstract import NotificationBlock, NotificationError
from prefect.blocks.system import Secret
from pydantic import SecretStr

from models.errors import DeliveryFailed, UsageError, visible
from models.settings.delivery import ChatSettings
from tasks.delivery.prefect_secrets import load_block
from tasks.documents.letter import Letter

SHORTEST_SECRET = 4
"""Shorter pieces of a URL are words of the service's own."""
_MARKUP = (
    (re.compile(r"@(?=\w)"), "\N{FULLWIDTH COMMERCIAL AT}"),
    (re.compile(r"<(?=[^\s\d])"), "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"),
    (re.compile(r"\](?=[(\[])"), "] "),
)
"""What calls people or hides where a link leads, and what is written instead."""

Send = Callable[[Letter], None]


def make_chat_sender(name: str, settings: ChatSettings) -> Send:
    """Return what sends a letter to a chat; secrets are read now, nothing is sent yet.

    What it returns raises `DeliveryFailed`. Raises `UsageError` for what is no Apprise URL and for a block
    that is missing or can send nothing.
    """
    if settings.url is not None:
        return make_url_sender(name, settings.url)
    block = load_block(settings.block or "")
    if isinstance(block, Secret):
        return make_url_sender(name, SecretStr(str(block.get())))
    if isinstance(block, NotificationBlock):
        return make_block_sender(name, block)
    msg = f"the block {settings.block!r} is neither a Secret nor a notification block"
    raise UsageError(msg)


def make_url_sender(name: str, url: SecretStr) -> Send:
    """Return what sends to an Apprise URL."""
    service = Apprise(asset=AppriseAsset(app_id="breakeven", app_desc="monthly break-even report"))
    with _overheard():
        known = service.add(url.get_secret_value())
    if not known:
        msg = f"the URL of the chat {name!r} is none that Apprise knows; they look like slack://… or msteams://…"
        raise UsageError(msg)

    def send(letter: Letter) -> None:
        with _overheard() as said:
            taken = service.notify(
                title=plain_for_chat(letter.subject),
                body=plain_for_chat(letter.summary),
                body_format=NotifyFormat.TEXT,
            )
        if not taken:
            raise _failed(name, redact_secrets("; ".join(said), url.get_secret_value()))

    return send


def make_block_sender(name: str, block: NotificationBlock) -> Send:
    """Return what sends through a Prefect notification block."""
    url = getattr(block, "url", None)

    def send(letter: Letter) -> None:
        try:
            with _overheard() as said, block.raise_on_failure():
                told = block.notify(plain_for_chat(letter.summary), plain_for_chat(letter.subject))
                if iscoroutine(told):  # Prefect's own answer at once outside of an event loop, others may not
                    asyncio.run(told)
        except NotificationError:
            known = url.get_secret_value() if isinstance(url, SecretStr) else ""
            # without its URL nobody can tell which words are secret
            why = redact_secrets("; ".join(said), known) if known else ""
            raise _failed(name, why) from None  # its text may quote the URL
        except httpx.HTTPStatusError as error:
            raise _failed(name, f"HTTP {error.response.status_code}") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _failed(name, type(error).__name__) from None

    return send


def plain_for_chat(text: str) -> str:
    """Return a text that calls nobody and hides no link, whatever a chat service reads as markup.

    Names of models come from servers: `@everyone`, `<!channel>`, `<https://…|a word>` and `[a word](https://…)`.
    """
    for pattern, instead in _MARKUP:
        text = pattern.sub(instead, text)
    return visible(text)


def redact_secrets(text: str, url: str) -> str:
    """Replace every piece of a URL that occurs in a text, host and all, by `…`."""
    pieces = {piece for part in (url, unquote(url)) for piece in re.split(r"[/:@?&=#]+", part)}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= SHORTEST_SECRET:
            text = text.replace(piece, "…")
    return text


def _failed(name: str, said: str) -> DeliveryFailed:
    why = f": {' '.join(said.split())}" if said else ""
    return DeliveryFailed(f"the chat {name!r} did not take it{why}")


class _Ear(logging.Filter):
    """Keeps what this thread's Apprise warns of, since it returns no reasons, and keeps it from every log."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Take this thread's records; let others pass."""
        if record.thread != self._thread:
            return True
        if record.levelno >= logging.WARNING:
            self.said.append(record.getMessage())
        return False


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """Yield what Apprise warns of inside the block. It reaches no log: it may quote a URL."""
    log, ear = logging.getLogger("apprise"), _Ear()
    log.addFilter(ear)
    try:
        yield ear.said
    finally:
        log.removeFilter(ear)
