"""A real S3 server on loopback, beside local folders: what is read must not depend on where it lies."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from subprocess import PIPE, Popen

import httpx
import obstore
import pytest
from obstore.store import S3Store

BUCKETS = count()
PROJECT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of the test's own, reached as users reach theirs: by `s3://` and the environment's keys."""

    name: str

    @property
    def url(self) -> str:
        """Return `s3://name`, without a slash at the end."""
        return f"s3://{self.name}"

    @property
    def store(self) -> S3Store:
        """Return the bucket as a store."""
        return S3Store(self.name)

    def put(self, key: str, content: bytes) -> str:
        """Write an object under a key, taken literally. Return the URL that people would write for it."""
        obstore.put(self.store, key, content)
        return f"{self.url}/{key}"

    def delete(self, key: str) -> None:
        """Remove an object."""
        obstore.delete(self.store, key)

    def copy_folder(self, folder: Path) -> str:
        """Write every file below a folder under its relative path. Return the bucket's URL."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(path.relative_to(folder).as_posix(), path.read_bytes())
        return self.url


@dataclass(frozen=True)
class Folder:
    """A local folder with the methods of a bucket."""

    path: Path

    @property
    def url(self) -> str:
        """Return the folder's path."""
        return str(self.path)

    def put(self, key: str, content: bytes) -> str:
        """Write a file. Return its path."""
        path = self.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def delete(self, key: str) -> None:
        """Remove a file."""
        (self.path / key).unlink()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Start one S3 server for the session, on a free port of loopback. Return its URL."""
    command = [sys.executable, "-m", "tests.s3_server"]
    with Popen(command, cwd=PROJECT, stdin=PIPE, stdout=PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Make an empty bucket, and set the environment as a user of an S3-compatible store does."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    found = Bucket(f"bucket-{next(BUCKETS)}")
    httpx.put(f"{s3_endpoint}/{found.name}", timeout=60).raise_for_status()  # the first one loads S3
    return found


@pytest.fixture(params=["local", "s3"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket | Folder:
    """Return an empty place for files: a local folder, then a bucket."""
    if request.param == "s3":
        found: Bucket = request.getfixturevalue("bucket")
        return found
    (tmp_path / "shelf").mkdir()
    return Folder(tmp_path / "shelf")
