"""One report to one chat service, through Apprise or a Prefect notification block.

Apprise tells only whether the service said that it took the message. One that took it and did not say so in time
counts as not taken, so a chat may see a message twice, never not at all.
"""

import re
from collections.abc import Callable

from apprise import Apprise
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.system import Secret
from pydantic import SecretStr

from models.errors import DeliveryFailed, DeliveryUnknown, UsageError, visible
from models.settings.delivery import ChatSettings
from tasks.delivery.chat_process import ChatMessage, overheard, post
from tasks.delivery.prefect_secrets import load_block
from tasks.documents.letter import Letter

_MARKUP = (
    (re.compile(r"@(?=\w)"), "\N{FULLWIDTH COMMERCIAL AT}"),
    (re.compile(r"<(?=[^\s\d])"), "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"),
    (re.compile(r"\](?=[(\[])"), "] "),
)
"""What calls people or hides where a link leads, and what is written instead."""

Send = Callable[[Letter], None]


def make_chat_sender(name: str, settings: ChatSettings) -> Send:
    """Return what sends a letter to a chat; secrets are read now, nothing is sent yet.

    What it returns raises `DeliveryFailed`, and `DeliveryUnknown` where a block failed as nobody foresaw. Raises `UsageError` for what is no Apprise URL and for a block
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
    with overheard():
        known = Apprise().add(url.get_secret_value())
    if not known:
        msg = f"the URL of the chat {name!r} is none that Apprise knows; they look like slack://… or msteams://…"
        raise UsageError(msg)
    return lambda letter: _send(name, _message_of(letter, url=url.get_secret_value()))


def make_block_sender(name: str, block: NotificationBlock) -> Send:
    """Return what sends through a Prefect notification block."""
    return lambda letter: _send(name, _message_of(letter, block=block))


def _message_of(
    letter: Letter, url: str | None = None, block: NotificationBlock | None = None
) -> ChatMessage:
    return ChatMessage(plain_for_chat(letter.subject), plain_for_chat(letter.summary), url, block)


def _send(name: str, message: ChatMessage) -> None:
    posted = post(message)
    if posted.taken:
        return
    why = f": {' '.join(posted.why.split())}" if posted.why else ""
    if posted.surely:
        msg = f"the chat {name!r} did not take it{why}"
        raise DeliveryFailed(msg)
    msg = f"nobody knows whether the chat {name!r} took it{why}"
    raise DeliveryUnknown(msg)


def plain_for_chat(text: str) -> str:
    """Return a text that calls nobody and hides no link, whatever a chat service reads as markup.

    Names of models come from servers: `@everyone`, `<!channel>`, `<https://…|a word>` and `[a word](https://…)`.
    """
    for pattern, instead in _MARKUP:
        text = pattern.sub(instead, text)
    return visible(text)
