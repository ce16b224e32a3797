"""Chat and mail services without an end, that fold or redirect: a delivery ends as not taken, and the report goes nowhere else."""

import socket
import threading
import time
from contextlib import suppress
from itertools import repeat

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from pydantic import SecretStr

from models.errors import DeliveryError, DeliveryFailed
from models.settings.delivery import MailSettings, Security
from tasks.delivery import chat_process
from tasks.delivery.chat import Send, make_block_sender, make_url_sender
from tasks.delivery.mail import check_login
from tasks.documents.letter import Letter
from tests.hostile_server import WIRES, HostileServer, whole
from tests.integration.report.harness import by_mail
from tests.sampling import sampled

LETTER = Letter(subject="a subject", text="a text", html="<p>a text</p>", images={}, summary="a report")
TOKEN = "s3cr3t-t0ken"  # noqa: S105
MOST = 2 * 2**30
MOST_OF_MAIL = 50_000_000
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SENDERS = ("url", "slack", "webhook")


def sender_of(kind: str, port: int) -> Send:
    """Return what posts to this port, as users set it up."""
    address = f"http://127.0.0.1:{port}/hooks/{TOKEN}"
    if kind == "url":
        return make_url_sender("finance", SecretStr(f"json://127.0.0.1:{port}/hooks/{TOKEN}"))
    if kind == "slack":
        return make_block_sender("finance", SlackWebhook(url=SecretStr(address.replace("http", "json"))))
    return make_block_sender(
        "finance", CustomWebhookNotificationBlock(name="x", url=address, json_data={"text": "{{body}}"})
    )


@pytest.mark.parametrize(
    "kind", sampled(["plain", "gzip", "error", "drip_body", "drip_head", "redirect"], ["plain", "drip_head"])
)
@pytest.mark.parametrize("sender", sampled(SENDERS, ["url"]))
def test_a_chat_without_an_end_did_not_take_it(
    sender: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it answers, the delivery ends; what it says holds no token."""
    monkeypatch.setattr(chat_process, "SECONDS", 10.0 if sender == "url" else 30.0)
    with HostileServer(WIRES[kind]()) as server, pytest.raises(DeliveryError) as caught:
        sender_of(sender, server.port)(LETTER)
    assert server.requests
    assert server.sent < MOST
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", sampled([301, 302, 303, 307, 308], ["307"]))
@pytest.mark.parametrize("sender", SENDERS)
def test_a_chat_elsewhere_gets_no_report(sender: str, status: int) -> None:
    """A redirect to another server is no delivery."""
    with (
        HostileServer(whole(b"{}")) as other,
        HostileServer(whole(b"", status, Location=other.url)) as server,
        pytest.raises(DeliveryFailed),
    ):
        sender_of(sender, server.port)(LETTER)
    assert not other.requests


@pytest.mark.parametrize("sender", SENDERS)
def test_a_chat_that_takes_it_is_told_so(sender: str) -> None:
    """A service that answers as they do took it."""
    with HostileServer(whole(b"ok")) as server:
        sender_of(sender, server.port)(LETTER)
    assert server.requests == 1


class MailServer:
    """A mail server that greets, and then says the same for ever, to whomever connects."""

    def __init__(self, greeting: bytes, forever: bytes, pause: float) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.sent = 0
        self._said = greeting, forever, pause
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        greeting, forever, pause = self._said
        with suppress(OSError), self._listener.accept()[0] as connection:
            connection.sendall(greeting)
            for piece in repeat(forever):
                connection.sendall(piece)
                self.sent += len(piece)
                time.sleep(pause)

    def close(self) -> None:
        """Close its port."""
        self._listener.close()


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize(
    ("greeting", "forever", "pause"),
    [(b"", b"220-welcome\r\n" * 1000, 0), (b"220 hello\r\n", b"250-more\r\n" * 1000, 0), (b"", b"2", 0.05)],
    ids=["greets", "answers", "drips"],
)
def test_a_mail_server_without_an_end_did_not_take_it(
    security: Security, greeting: bytes, forever: bytes, pause: float
) -> None:
    """A greeting, an answer or a handshake that goes on for ever ends within lines and a deadline."""
    server = MailServer(greeting, forever, pause)
    settings = MailSettings.model_validate(
        by_mail(server.port) | {"security": security, "timeout_seconds": 0.2}
    )
    with pytest.raises(DeliveryFailed):
        check_login(settings, None)
    server.close()
    assert server.sent < MOST_OF_MAIL
