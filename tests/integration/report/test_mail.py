"""One mail over a real SMTP server: what arrives, and what is known when it does not."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from models.errors import DeliveryFailed, DeliveryUnknown
from models.settings.delivery import MailSettings, mailbox
from tasks.delivery.mail import compose, send
from tests.integration.report.harness import LETTER, PNG, by_mail
from tests.post_office import Letterbox, PostOffice, opened

AT = datetime(2026, 11, 1, 6, tzinfo=UTC)
SENDER = mailbox("Reports <reports@example.org>")
TO = mailbox('"Müller, Jörg" <cfo@example.org>')


def post(server: MailSettings, password: str | None = None) -> None:
    """Compose the letter and send it."""
    mail = compose(LETTER, SENDER, TO, "abc.1", AT)
    send(mail, SENDER, TO, server, None if password is None else SecretStr(password))


def settings(office: PostOffice, **more: object) -> MailSettings:
    """Return settings for an office."""
    return MailSettings.model_validate(by_mail(office.port, **more))


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """Open a mail server that takes everything."""
    with opened(PostOffice()) as office:
        yield office


def only(office: PostOffice) -> Letterbox:
    """Return the one message that was taken."""
    (taken,) = office.received
    return taken


def test_the_mail_arrives_whole(office: PostOffice) -> None:
    """Headers, plain text to the last dot, HTML, and every image that the HTML names, as PNG."""
    post(settings(office))
    taken = only(office)
    assert (taken.sender, taken.to) == ("reports@example.org", ("cfo@example.org",))
    taken.raw.decode("ascii")
    mail = taken.mail
    assert mail["Subject"] == LETTER.subject
    assert mail["From"].addresses[0].display_name == "Reports"
    assert mail["To"].addresses[0].display_name == "Müller, Jörg"
    assert mail["Message-ID"] == "<abc.1@example.org>"
    assert mail["Date"].datetime == AT
    text, page = mail.get_body(("plain",)), mail.get_body(("related", "html"))
    assert text is not None
    assert page is not None
    assert text.get_content().replace("\r\n", "\n") == LETTER.text
    html = mail.get_body(("html",))
    assert html is not None
    assert html.get_content().strip() == LETTER.html
    images = {
        part["Content-ID"]: part for part in page.iter_parts() if part.get_content_type() == "image/png"
    }
    named = re.findall(r"cid:([^\"]+)", html.get_content())
    assert [f"<{one}>" for one in named] == list(images)
    assert [part.get_content() for part in images.values()] == [PNG]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"MAIL": "421 too busy"}, "421 too busy"),
        ({"cfo@example.org": "550 5.1.1 nobody\r here \x1b[31m"}, "550"),
        ({"DATA": "452 disk full"}, "452"),
        ({"DATA": "554 spam"}, "554 spam"),
    ],
)
def test_a_refusal_is_surely_not_taken(office: PostOffice, answers: dict[str, str], code: str) -> None:
    """Whatever it refuses, and whenever; its words are told in one line without control characters."""
    office.answers = answers
    with pytest.raises(DeliveryFailed, match=code) as failure:
        post(settings(office))
    assert str(failure.value).isprintable()
    assert office.received == []


def test_a_server_that_is_not_there_is_surely_not_taken() -> None:
    """Nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(DeliveryFailed, match=f"127.0.0.1:{port} was not reached"):
        post(MailSettings.model_validate(by_mail(port)))


def test_a_server_that_says_nothing_is_left() -> None:
    """It takes the connection and stays silent: after the time that is set, it was surely not taken."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DeliveryFailed, match="timed out"):
            post(MailSettings.model_validate(by_mail(port, timeout_seconds=0.2)))


def test_a_server_that_dies_after_the_text_leaves_doubt(office: PostOffice) -> None:
    """It has the mail, or not: nobody knows."""
    office.dies = True
    with pytest.raises(DeliveryUnknown, match="before it said whether it took it"):
        post(settings(office))
    assert len(office.received) == 1


def test_a_server_that_is_slow_to_take_it_leaves_doubt(office: PostOffice) -> None:
    """It does not answer in time after the text."""
    office.hold = threading.Event()
    with pytest.raises(DeliveryUnknown, match="timed out"):
        post(settings(office, timeout_seconds=0.2))
    office.hold.set()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 that only who is told of it trusts; its key stands in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post office")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_encrypted_login(certificate: Path, security: str) -> None:
    """Over STARTTLS and TLS: with the right password it is taken, with a wrong one refused, without trust not tried."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    office = PostOffice(login=("reports", "right"))
    with opened(office, **{security: context}):
        given = {"security": security, "user": "reports", "password": "right"}
        trusting = settings(office, ca_file=certificate, **given)
        post(trusting, "right")
        assert len(office.received) == 1
        with pytest.raises(DeliveryFailed, match="535") as failure:
            post(trusting, "wrong")
        assert "wrong" not in str(failure.value)
        with pytest.raises(DeliveryFailed, match=r"(?i)certificate"):
            post(settings(office, **given), "right")
        assert len(office.received) == 1


def test_a_server_without_encryption_gets_no_password(office: PostOffice) -> None:
    """Where STARTTLS is asked for and not offered, nothing is sent."""
    with pytest.raises(DeliveryFailed, match="STARTTLS"):
        post(settings(office, security="starttls", user="reports", password="right"), "right")  # noqa: S106
    assert office.received == []
