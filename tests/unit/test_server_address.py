"""To which addresses records of the house may go: this machine and what is declared, and no trick leads elsewhere."""

import string
from dataclasses import replace

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.server.address import ServerAddress, canonical
from models.errors import ResidencyError, UsageError

HERE = [
    "http://127.0.0.1:8000/v1",
    "http://127.0.0.1",
    "http://127.255.255.254:1/v1",
    "http://localhost:11434/v1",
    "http://LOCALHOST/v1/",
    "http://localhost.:8000/v1",
    "https://[::1]:8000/v1",
    "http://[0:0:0:0:0:0:0:1]/v1",
    "http://[::ffff:127.0.0.1]:8000/v1",
    "  http://127.0.0.1:8000/v1 ",
]
ELSEWHERE = [
    "http://127.0.0.1.evil.example/v1",
    "http://localhost.evil.example/v1",
    "http://evil.example/127.0.0.1/v1",
    "http://evil.example/v1/localhost",
    "http://sub.localhost/v1",
    "http://10.0.0.5:8000/v1",
    "http://169.254.169.254/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://[2001:db8::1]/v1",
    "http://0.0.0.0:8000/v1",
    "http://[::]:8000/v1",
    "http://gpu1:8000/v1",
    "https://api.openai.com/v1",
]
UNREADABLE = [
    "",
    "127.0.0.1:8000",
    "//127.0.0.1/v1",
    "ftp://127.0.0.1/v1",
    "file:///etc/passwd",
    "http:127.0.0.1/v1",
    "http:///v1",
    "http://127.0.0.1:99999/v1",
    "http://127.0.0.1:port/v1",
    "http://user@127.0.0.1/v1",
    "http://127.0.0.1@evil.example/v1",
    "http://127.0.0.1:80@evil.example/v1",
    "http://evil.example\\@127.0.0.1/v1",
    "http://127.0.0.1\\.evil.example/v1",
    "http://127.0.0.1%2eevil.example/v1",
    "http://127.0.0.1?@evil.example/v1",
    "http://127.0.0.1#@evil.example/v1",
    "http://127.0.0.1/v1?key=secret",
    "http://127.0.0.1\n.evil.example/v1",
    "http://127.0.0.1\t/v1",
    "http://127.0.0.1 /v1",
    "http://loc\u0430lhost/v1",
    "http://\uff11\uff12\uff17.0.0.1/v1",
    "http://[::1%25eth0]/v1",
    "http://[127.0.0.1]/v1",
    "http://[gg::1]/v1",
]
NUMBERS = [
    "http://2130706433/v1",
    "http://0x7f000001/v1",
    "http://0x7f.1/v1",
    "http://127.1/v1",
    "http://0177.0.0.1/v1",
    "http://127.0.0.01/v1",
    "http://3232235521/v1",
    "http://256.256.256.256/v1",
    "http://1.2.3.4.5/v1",
]


@pytest.mark.parametrize("url", HERE)
def test_this_machine_needs_no_declaration(url: str) -> None:
    """Loopback addresses in every common form, and the name localhost."""
    address = ServerAddress.of(url, ())
    assert address.on_this_machine
    assert canonical(f"[{asked}]" if ":" in (asked := httpx2.URL(address.url).host) else asked) in {
        "localhost",
        "::1",
        "127.0.0.1",
        "127.255.255.254",
    }


@pytest.mark.parametrize("url", ELSEWHERE)
def test_any_other_host_must_be_declared(url: str) -> None:
    """It is refused in one line that names the host and the setting; once it is declared, it is taken."""
    with pytest.raises(ResidencyError, match="is not declared in-house") as caught:
        ServerAddress.of(url, ("another.example",))
    assert "\n" not in str(caught.value)
    assert "BREAKEVEN_SERVER_HOSTS" in str(caught.value)
    declared = str(httpx2.URL(url).host)
    address = ServerAddress.of(url, (f" {declared.upper()} ",))
    assert not address.on_this_machine


@pytest.mark.parametrize("url", UNREADABLE)
@pytest.mark.parametrize("declared", [(), ("evil.example", "127.0.0.1", "localhost")])
def test_what_could_be_read_in_two_ways_is_refused(url: str, declared: tuple[str, ...]) -> None:
    """Also where its host is declared; the line does not repeat the address, which can hold a password."""
    with pytest.raises(UsageError) as caught:
        ServerAddress.of(url, declared)
    assert "BREAKEVEN_SERVER_URL" in str(caught.value)
    assert "evil" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", NUMBERS)
def test_an_address_in_another_form_than_four_numbers_is_refused(url: str) -> None:
    """What only some resolvers take for an IP address cannot even be declared."""
    with pytest.raises(UsageError, match="four numbers"):
        ServerAddress.of(url, ())
    with pytest.raises(UsageError, match="BREAKEVEN_SERVER_HOSTS"):
        ServerAddress.of("http://127.0.0.1", (url.split("/")[2],))


@pytest.mark.parametrize(
    ("host", "declared"),
    [
        ("gpu1.internal", "GPU1.internal"),
        ("gpu1.internal.", "gpu1.internal"),
        ("vllm_server", "vllm_server"),
        ("10.0.0.5", "10.0.0.5"),
        ("[fd00::5]", "[fd00:0:0::5]"),
        ("[fd00::5]", "fd00::5"),
        ("[::ffff:10.0.0.5]", "10.0.0.5"),
    ],
)
def test_a_declared_host_is_taken_however_it_is_written(host: str, declared: str) -> None:
    """Case, a final dot and the forms of an IP address make no difference."""
    address = ServerAddress.of(f"http://{host}:8000/v1", (declared,))
    assert (address.host, address.on_this_machine) == (f"{host}:8000", False)


@pytest.mark.parametrize(
    "declared",
    ["internal", "*.internal", "*", "gpu", "10.0.0.0/8", "http://gpu1.internal", "gpu1.internal:8000", ""],
)
def test_a_declaration_names_one_host(declared: str) -> None:
    """Neither a suffix nor a pattern nor a network stands for it."""
    with pytest.raises(UsageError):
        ServerAddress.of("http://gpu1.internal:8000/v1", (declared,))


@pytest.mark.parametrize("issued", [None, object(), True])
def test_an_address_cannot_be_made_past_the_check(issued: object) -> None:
    """The engine takes a `ServerAddress`, and only `of` gives one: no address reaches it that was not looked at."""
    with pytest.raises(ResidencyError, match="never made"):
        ServerAddress("http://evil.example/v1", "evil.example", on_this_machine=True, issued=issued)
    good = ServerAddress.of("http://127.0.0.1:8000/v1", ())
    with pytest.raises(ValueError, match="issued"):
        replace(good, url="http://evil.example/v1")  # type: ignore[call-arg]


def test_an_address_without_a_path_gets_the_usual_one() -> None:
    """Servers that speak OpenAI's protocol do so below /v1."""
    assert ServerAddress.of("http://localhost:11434", ()).url == "http://localhost:11434/v1"
    assert ServerAddress.of("http://localhost:8000/llm/v1/", ()).url == "http://localhost:8000/llm/v1/"


@given(st.text(alphabet=string.printable + "\u0430\uff0e\u3002\u2044", min_size=1, max_size=24))
def test_the_client_reads_the_same_host(text: str) -> None:
    """Whatever stands in an address that is taken: the host that was looked at is the one that the client asks."""
    for url in (f"http://{text}/v1", f"http://127.0.0.1{text}", f"http://localhost:80{text}/v1"):
        try:
            address = ServerAddress.of(url, ())
        except UsageError:
            continue
        asked = httpx2.URL(address.url)
        host = canonical(f"[{asked.host}]" if ":" in asked.host else asked.host)
        assert host == "localhost" or str(host).startswith("127.") or host == "::1"
        assert not asked.userinfo
