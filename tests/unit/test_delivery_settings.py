"""Who receives reports: addresses that are taken and refused, and settings that are whole."""

from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from models.settings.delivery import ChatSettings, MailSettings, Recipient, mailbox, recipients
from tasks.delivery.chat_process import redact_secrets

WORDS = st.text(ascii_letters + digits, min_size=1, max_size=12)
NAMES = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20)
SERVER = {"host": "mail.example.org", "sender": "r@example.org", "to": ("a@example.org",)}


@given(WORDS, WORDS, NAMES)
def test_any_name_is_only_a_name(user: str, domain: str, name: str) -> None:
    """Whatever stands in a display name, written as mail programs write it, the address is the one in brackets."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    found = mailbox(f'"{quoted}" <{user}@{domain}.example>')
    assert found.addr_spec == f"{user}@{domain}.example"


@given(st.text(max_size=40))
def test_no_text_brings_in_a_line(text: str) -> None:
    """What is taken as an address has no line break, and exactly one address."""
    try:
        found = mailbox(text)
    except ValueError:
        return
    written = str(found)
    assert len(written.splitlines()) == 1
    assert mailbox(written).addr_spec == found.addr_spec


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane",
        "jane@",
        "@example.org",
        "a@b, c@d",
        "a b@example.org",
        "a@b c",
        "jörg@example.org",
        "a@b\nBcc: c@d",
    ],
)
def test_what_is_no_address(text: str) -> None:
    """It is refused by a message that shows one."""
    with pytest.raises(ValueError, match=r"not one mail address|line break"):
        mailbox(text)


def test_addresses_come_as_one_text_or_many() -> None:
    """From the environment with commas, also within quotes; the same address twice gets one mail."""
    settings = MailSettings.model_validate(
        SERVER | {"to": '"Doe, Jane" <J@x.example>, k@x.example, j@X.example'}
    )
    assert settings.to == ('"Doe, Jane" <J@x.example>', "k@x.example")
    found = recipients(settings, {"ops": ChatSettings(url=SecretStr("json://x"))})
    assert found == [
        Recipient("mail", "j@x.example"),
        Recipient("mail", "k@x.example"),
        Recipient("chat", "ops"),
    ]
    assert settings.mailbox_of(found[0]).addr_spec == "J@x.example"


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"host": None}, "BREAKEVEN_SMTP__HOST"),
        ({"to": ()}, "BREAKEVEN_SMTP__TO"),
        ({"sender": None}, "BREAKEVEN_SMTP__SENDER"),
        ({"user": "u"}, "a user needs a password"),
        ({"password": "p"}, "a user needs a password"),
        ({"user": "u", "password": "p", "password_block": "b"}, "two passwords"),
        ({"user": "u", "password": "p", "security": "none"}, "could be read on its way"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_half_a_set_up_is_refused(given_: dict[str, object], words: str) -> None:
    """By words that say what is missing."""
    with pytest.raises(ValidationError, match=words):
        MailSettings.model_validate(SERVER | given_)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_ports(security: str, port: int) -> None:
    """Each kind of encryption has its usual port, unless one is set."""
    assert MailSettings.model_validate(SERVER | {"security": security}).chosen_port == port
    assert MailSettings.model_validate(SERVER | {"security": security, "port": 2525}).chosen_port == 2525


def test_a_password_may_stay_on_this_machine() -> None:
    """Without encryption it goes to loopback only."""
    for host in ("localhost", "127.0.0.1", "::1"):
        given_ = SERVER | {"host": host, "user": "u", "password": "p", "security": "none"}
        assert "p" not in repr(MailSettings.model_validate(given_).password)


@pytest.mark.parametrize("given_", [{}, {"url": "x://", "block": "secret/x"}, {"block": "no-name"}])
def test_a_chat_has_one_way(given_: dict[str, str]) -> None:
    """A URL or a block, not both, not none."""
    with pytest.raises(ValidationError):
        ChatSettings.model_validate(given_)


@given(WORDS.filter(lambda word: len(word) > 3), WORDS.filter(lambda word: len(word) > 3))
def test_no_piece_of_a_url_is_told(token: str, host: str) -> None:
    """Whatever a library says of it."""
    said = redact_secrets(
        f"failed to post {token} to {host}: {token}", f"json://{host}/{token}?key=%41%42%43%44"
    )
    assert token not in said
    assert host not in said
    assert redact_secrets("ABCD is wrong", "json://x/?key=%41%42%43%44") == "… is wrong"
