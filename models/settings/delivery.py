"""To whom reports go, and over what: settings and plain values. Secrets are `SecretStr`, or lie in Prefect blocks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import getaddresses
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

Channel = Literal["mail", "chat"]
Security = Literal["starttls", "tls", "none"]
PORTS: Mapping[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True, order=True)
class Recipient:
    """Who receives a report. `target`: a mail address in lower case, or the name of a chat in the settings."""

    channel: Channel
    target: str


class MailSettings(BaseModel):
    """A mail server and who gets mail from it. Nothing is sent while `host` is not set.

    Set as `BREAKEVEN_SMTP__HOST=…` or in the table `[smtp]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str | None = Field(None, min_length=1, description="the mail server; default: no mail is sent")
    port: int | None = Field(
        None, ge=1, le=65535, description="default: 587 with starttls, 465 with tls, 25 with none"
    )
    security: Security = Field(
        "starttls", description="tls: from the first byte; none: only for a server on this machine or network"
    )
    ca_file: Path | None = Field(None, description="certificates to trust; default: the machine's")
    user: str | None = Field(None, min_length=1, description="name at the mail server")
    password: SecretStr | None = Field(None, description="password at the mail server")
    password_block: str | None = Field(None, description="name of a Prefect block `Secret` with the password")
    sender: str | None = Field(
        None, description='address of the sender, such as "Reports <reports@example.org>"'
    )
    to: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses, in the environment separated by commas; each gets a mail of its own"
    )
    timeout_seconds: float = Field(30.0, gt=0, description="how long the server may take for each answer")

    @field_validator("to", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take one string of addresses apart, as it comes from the environment."""
        if not isinstance(value, str):
            return value
        _without_controls(value, "the list of addresses")
        return tuple(_written(name, address) for name, address in getaddresses([value]) if name or address)

    @field_validator("host", "user", "password_block")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        return None if value is None else _without_controls(value)

    @field_validator("sender")
    @classmethod
    def _checked_sender(cls, value: str | None) -> str | None:
        return None if value is None else str(mailbox(value, "sender"))

    @field_validator("to")
    @classmethod
    def _checked_to(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        written: dict[str, str] = {}
        for place, text in enumerate(value, 1):
            one = mailbox(text, f"address {place} of to")
            written.setdefault(one.addr_spec.lower(), str(one))  # one that is named twice gets one mail
        return tuple(written.values())

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse half a set-up, and a password that anybody on the way could read."""
        if self.host is None and (self.to or self.sender):
            msg = "the mail server is missing: set BREAKEVEN_SMTP__HOST"
            raise ValueError(msg)
        if self.host is not None and (not self.to or self.sender is None):
            msg = "who writes to whom is missing: set BREAKEVEN_SMTP__SENDER and BREAKEVEN_SMTP__TO"
            raise ValueError(msg)
        if self.password is not None and self.password_block is not None:
            msg = "there are two passwords: set password or password_block, not both"
            raise ValueError(msg)
        if (self.user is None) != (self.password is None and self.password_block is None):
            msg = "a user needs a password, and a password a user: set both, or none"
            raise ValueError(msg)
        if self.user is not None and self.security == "none" and not _is_here(self.host):
            msg = "without encryption the password could be read on its way: set security to starttls or tls"
            raise ValueError(msg)
        return self

    @property
    def chosen_port(self) -> int:
        """The port that is set, else the usual one for this kind of encryption."""
        return self.port or PORTS[self.security]

    def mailbox_of(self, recipient: Recipient) -> Address:
        """Return the address of a recipient as it is written in the settings. Raises `KeyError`."""
        return {one.addr_spec.lower(): one for one in map(mailbox, self.to)}[recipient.target]


class ChatSettings(BaseModel):
    """One place in a chat service, by its Apprise URL or by a Prefect block that holds it.

    Set as `BREAKEVEN_CHAT__NAME__URL=…` or in the table `[chat.NAME]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr | None = Field(None, description="Apprise URL, such as slack://… or msteams://…")
    block: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]+/[a-z0-9-]+$",
        description="Prefect block TYPE/NAME: a secret with an Apprise URL, or a notification block such as slack-webhook/NAME",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.url is None) == (self.block is None):
            msg = "set either url or block"
            raise ValueError(msg)
        return self


def recipients(mail: MailSettings, chats: Mapping[str, ChatSettings]) -> list[Recipient]:
    """Return all who receive a report: first by mail, then by chat, in the order of the settings."""
    by_mail = [Recipient("mail", mailbox(one).addr_spec.lower()) for one in mail.to]
    return by_mail + [Recipient("chat", name) for name in chats]


def chat_names(chats: dict[str, ChatSettings]) -> dict[str, ChatSettings]:
    """Check the names of chats. Raises `ValueError` for one that is not of lower-case letters, digits, - and _."""
    for name in chats:
        if not _NAME.fullmatch(name):
            msg = f"{name!r} is no name for a chat: use lower-case letters, digits, - and _"
            raise ValueError(msg)
    return chats


def mailbox(text: str, what: str = "this") -> Address:
    """Parse one address, with or without a name: `Jane Doe <jane@example.org>`.

    Raises `ValueError` for anything else, also for a control character: a line break in an address would let
    it write headers of its own. Non-ASCII letters may stand in the name only. `what` names the address in the
    message, which does not repeat it.
    """
    _without_controls(text, what)
    found = getaddresses([text])
    if len(found) == 1:
        name, address = found[0]
        try:
            parsed = Address(display_name=name, addr_spec=address)
        except (HeaderParseError, ValueError, IndexError):
            parsed = Address()
        if parsed.username and parsed.domain and address.isascii() and address in text:
            return parsed
    msg = f"{what} is not one mail address, such as jane@example.org"
    raise ValueError(msg)


def _written(name: str, address: str) -> str:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if name else address


def _without_controls(text: str, what: str = "this") -> str:
    if _CONTROL.search(text):
        msg = f"{what} holds a line break or another control character"
        raise ValueError(msg)
    return text


def _is_here(host: str | None) -> bool:
    if host is None or host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
