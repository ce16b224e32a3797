"""Files behind HTTP, and where the keys of S3 come from."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import InputError
from tasks.reading.files.connect import open_store
from tests.integration.reading.conftest import Bucket
from tests.integration.reading.test_stores import content, texts
from tests.loopback import serving

REPLIES = {"/a b.csv": content("csv", "one", "two")}


@pytest.fixture
def seen() -> list[tuple[str, dict[str, str]]]:
    """Return what a server was asked: address and headers of each request."""
    return []


@pytest.fixture
def web(seen: list[tuple[str, dict[str, str]]]) -> Iterator[str]:
    """Serve a CSV file whose name has a blank, to GET requests alone. Return the server's address."""
    with serving({"/a%20b.csv": REPLIES["/a b.csv"]}, seen) as url:
        yield url.removesuffix("/v1")


@pytest.mark.parametrize("name", ["a b.csv", "a%20b.csv", "a%20b.csv?X-Amz-Signature=hush", "a%20b.csv#part"])
def test_one_file_of_a_web_server(web: str, name: str) -> None:
    """A file is read from a server that allows GET alone, by an address with a signature too."""
    assert texts(f"{web}/{name}") == ["one", "two"]


def test_a_password_in_a_web_address(web: str, seen: list[tuple[str, dict[str, str]]]) -> None:
    """It is sent as a password, and no error repeats it or a signature."""
    private = web.replace("://", "://me:hu%40sh@")
    assert texts(f"{private}/a b.csv") == ["one", "two"]
    assert {headers.get("authorization") for _, headers in seen} == {
        f"Basic {b64encode(b'me:hu@sh').decode()}"
    }
    for location in (
        f"{private}/none.csv?sig=hush",
        f"{private}/",
        f"{private}/in.docx",
        f"{private}/no such.csv?X-Amz-Signature=hush",
        "http://me:hush@127.0.0.1:9/a.csv",
    ):
        with pytest.raises(InputError) as raised:
            texts(location)
        assert "hu" not in str(raised.value)
        assert "\n" not in str(raised.value)


def test_keys_from_the_aws_files(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and region of a profile are found where the environment names none, as the AWS tools find them."""
    location = bucket.put("in.csv", content("csv", "one"))
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = key\naws_secret_access_key = secret\n")
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-3\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ALLOW_HTTP"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    open_store.cache_clear()
    assert texts(location) == ["one"]
    config = dict(getattr(open_store(bucket.url), "config", {}))
    assert (config.get("access_key_id"), config.get("region")) == ("key", "eu-west-3")
