"""One report to one mail address over SMTP, so that it is known, where that can be, whether it was taken.

A mail server takes a message with its answer to the end of the text. What fails before is surely not sent, and
may be tried again. If the connection breaks while that answer is awaited, nobody knows.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from smtplib import SMTP, SMTP_SSL, SMTPDataError, SMTPException, SMTPResponseException
from typing import BinaryIO, cast

from pydantic import SecretStr

from db.rows import cut_to_line
from models.errors import DeliveryFailed, DeliveryUnknown, one_line
from models.settings.delivery import MailSettings
from tasks.documents.letter import Letter

OK = 250
FORWARDED = 251
REFUSED_FROM = 400
"""SMTP's answers: done; not ours, but forwarded; from here on it says no."""
ANSWERS = 10
"""Deadline of a whole conversation, as a multiple of how long one answer may take."""
MOST_LINES = 200
"""Lines of one answer."""
MOST_SAID = 200
"""Characters of a server's answer that are passed on."""


def compose(letter: Letter, sender: Address, to: Address, name: str, at: datetime) -> EmailMessage:
    """Make the mail: plain text, HTML, and the images that the HTML names by `cid:`. All of it is ASCII.

    `name` identifies the message in the world together with the sender's domain: the same name for the same
    message, so that a mail server may see that it has it already.
    """
    mail = EmailMessage(policy=WIRE)
    mail["Subject"] = one_line(" ".join(letter.subject.split()))
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{name}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # nobody's out-of-office answers it
    mail.set_content(letter.text, cte="quoted-printable")
    mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    _, page = cast("list[EmailMessage]", mail.get_payload())
    for image, png in letter.images.items():
        page.add_related(
            png,
            maintype="image",
            subtype="png",
            cid=f"<{image}>",
            filename=f"{image.partition('.')[0]}.png",
            disposition="inline",
        )
    return mail


def send(
    mail: EmailMessage, sender: Address, to: Address, server: MailSettings, password: SecretStr | None
) -> None:
    """Hand one mail over for one recipient.

    Raises `DeliveryFailed` if it was surely not taken, `DeliveryUnknown` if nobody knows.
    """
    payload = mail.as_bytes()
    where = f"{server.host}:{server.chosen_port}"
    with _not_taken(where):
        smtp = _connect(server)
    try:
        with _not_taken(where):
            _greet(smtp, server, password)
            size = [f"size={len(payload)}"] if smtp.has_extn("size") else []
            _accepted(smtp.mail(sender.addr_spec, size))
            _accepted(smtp.rcpt(to.addr_spec))
        _hand_over(smtp, payload, where)
        with suppress(SMTPException, OSError):  # it was taken; how the server says good-bye changes nothing
            smtp.quit()
    finally:
        smtp.close()


def check_login(server: MailSettings, password: SecretStr | None) -> None:
    """Connect, and log in where a user is set; nothing is sent. Raises `DeliveryFailed`."""
    with _not_taken(f"{server.host}:{server.chosen_port}"):
        smtp = _connect(server)
        try:
            _greet(smtp, server, password)
            smtp.quit()
        finally:
            smtp.close()


class _Conversation(SMTP):
    """A connection that ends after its deadline, and whose answers have few lines.

    The time-out of a socket counts from byte to byte, and the library reads every line of an answer that has no end.
    """

    _end: threading.Timer | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect, and have the connection cut at its deadline, also in the middle of a handshake."""
        connection: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        watched = connection.dup()  # TLS takes the other one away

        def cut() -> None:
            with suppress(OSError):
                watched.shutdown(socket.SHUT_RDWR)
            watched.close()

        self._end = threading.Timer(ANSWERS * timeout, cut)
        self._end.daemon = True
        self._end.start()
        return connection

    def getreply(self) -> tuple[int, bytes]:
        """Return an answer. Raises `SMTPServerDisconnected` for one of too many lines."""
        whole = self.file
        if whole is None and self.sock is not None:
            whole = self.sock.makefile("rb")
        self.file = None if whole is None else _FewLines(whole)
        try:
            return super().getreply()
        finally:
            if self.file is not None:
                self.file = whole

    def close(self) -> None:
        """Close the connection."""
        super().close()
        if self._end is not None:
            self._end.cancel()
            self._end.function()
            self._end = None


class _TlsConversation(SMTP_SSL, _Conversation):
    """The same over TLS from the first byte: it connects between the two."""


class _FewLines:
    """A file of which so many lines are read."""

    def __init__(self, whole: BinaryIO) -> None:
        self._whole = whole
        self._left = MOST_LINES
        self.close = whole.close

    def readline(self, limit: int) -> bytes:
        """Return a line. Raises `OSError` after the last that may be."""
        self._left -= 1
        if self._left < 0:
            msg = "an answer without an end"
            raise OSError(msg)
        return self._whole.readline(limit)


def _connect(server: MailSettings) -> SMTP:
    host = server.host or ""
    if server.security == "tls":
        return _TlsConversation(
            host, server.chosen_port, timeout=server.timeout_seconds, context=_trust(server)
        )
    return _Conversation(host, server.chosen_port, timeout=server.timeout_seconds)


def _greet(smtp: SMTP, server: MailSettings, password: SecretStr | None) -> None:
    smtp.ehlo_or_helo_if_needed()
    if server.security == "starttls":
        smtp.starttls(context=_trust(server))
        smtp.ehlo_or_helo_if_needed()
    if server.user is not None and password is not None:
        smtp.login(server.user, password.get_secret_value())


def _trust(server: MailSettings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def _accepted(answer: tuple[int, bytes]) -> None:
    if answer[0] not in {OK, FORWARDED}:
        raise SMTPResponseException(*answer)


def _hand_over(smtp: SMTP, payload: bytes, where: str) -> None:
    """Send the text and wait for the answer to its end."""
    try:
        answer = smtp.data(payload)
    except SMTPDataError as error:  # it did not want to see the text
        raise _refused(where, error) from error
    except (SMTPException, OSError) as error:
        msg = f"the mail server {where} was lost ({_kind(error)}) after the text was sent, before it said whether it took it"
        raise DeliveryUnknown(msg) from error
    if answer[0] >= REFUSED_FROM:
        raise _refused(where, SMTPResponseException(*answer))


@contextmanager
def _not_taken(where: str) -> Iterator[None]:
    """Turn every failure before the text is handed over into `DeliveryFailed`."""
    try:
        yield
    except SMTPResponseException as error:
        raise _refused(where, error) from error
    except (SMTPException, OSError) as error:
        msg = f"the mail server {where} was not reached or did not go on: {_kind(error)}"
        raise DeliveryFailed(msg) from error


def _refused(where: str, error: SMTPResponseException) -> DeliveryFailed:
    said = error.smtp_error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    line = "".join(letter if letter.isprintable() else " " for letter in cut_to_line(text) or "")
    return DeliveryFailed(f"the mail server {where} refused: {error.smtp_code} {line[:MOST_SAID]}")


def _kind(error: Exception) -> str:
    """Name what happened, without what the other side may have put in."""
    reason = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
    return f"{type(error).__name__}: {cut_to_line(str(reason))}"[:MOST_SAID]
