"""A real SMTP server on loopback (aiosmtpd) that keeps what it takes, and can be told to refuse, to hang or to die."""

import asyncio
import ssl
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as parsing
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True, slots=True)
class Letterbox:
    """One message that was taken: the envelope's addresses, and the mail as it came."""

    sender: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        """The mail, parsed."""
        mail = message_from_bytes(self.raw, policy=parsing)
        assert isinstance(mail, EmailMessage)
        return mail


@dataclass
class PostOffice:
    """How the server behaves, and what it has taken.

    `answers`: what it says instead of yes, by the word MAIL or DATA, or by a recipient's address. `busy`: so many
    times it asks to come again later, before it takes anything. `dies`: it
    takes a message and breaks the connection instead of saying so. `hold`: it takes a message and waits for this event before it says so.
    """

    answers: dict[str, str] = field(default_factory=dict)
    busy: int = 0
    dies: bool = False
    hold: threading.Event | None = None
    login: tuple[str, str] | None = None
    port: int = 0
    received: list[Letterbox] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def to(self, address: str) -> list[Letterbox]:
        """Return what was taken for one recipient."""
        return [one for one in self.received if address in one.to]

    async def handle_MAIL(  # noqa: N802  aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        """Take a sender, unless it was told otherwise."""
        del server, session
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        if self.busy > 0:
            self.busy -= 1
            return "451 come again later"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        """Take a recipient, unless it was told otherwise."""
        del server, session, options
        self.asked.append(address)
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message, and do what it was told to do then."""
        del session
        if "DATA" in self.answers:
            return self.answers["DATA"]
        assert isinstance(envelope.content, bytes)
        self.received.append(Letterbox(str(envelope.mail_from), tuple(envelope.rcpt_tos), envelope.content))
        self.arrived.set()
        if self.hold is not None:
            await asyncio.to_thread(self.hold.wait, 60)
        if self.dies and server.transport is not None:
            cast("asyncio.WriteTransport", server.transport).abort()
        return "250 taken"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
    ) -> AuthResult:
        """Tell whether user and password are the right ones."""
        assert isinstance(given, LoginPassword)
        assert self.login is not None
        right = (given.login, given.password) == tuple(word.encode() for word in self.login)
        return AuthResult(success=right, handled=False)


@contextmanager
def opened(
    office: PostOffice, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[PostOffice]:
    """Open the office on a free port of loopback, which `office.port` names inside the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it does not see that the connection is encrypted already
            return SMTP(
                office,
                hostname="post.example.org",
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_required=office.login is not None,
                authenticator=office.authenticate,
                auth_require_tls=tls is None,
                loop=loop,
            )

    async def listen() -> asyncio.Server:
        return await loop.create_server(protocol, "127.0.0.1", office.port, ssl=tls)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    pending = asyncio.all_tasks() - {asyncio.current_task()}
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    await asyncio.sleep(0)  # connections that were cut say good-bye
