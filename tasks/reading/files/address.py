"""Addresses of files: local paths and URLs."""

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_ALIASES = {"gcs": "gs", "s3n": "s3a"}
"""Schemes that other programs write for the same store."""
_FILE_URL = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*|$)", re.IGNORECASE | re.DOTALL)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:/", re.IGNORECASE)


class Address(NamedTuple):
    """Where an object lies: the URL of its store, and its key there, taken literally."""

    root: str
    key: str


def split_url(url: str) -> Address:
    """Return the store of a URL and the key in it.

    Of a web address the key is decoded, and its query belongs to the store. Elsewhere every character is the key's own.
    """
    scheme, _, rest = url.partition("://")
    if scheme in ("http", "https"):
        parts = urlsplit(url)
        query = f"/?{parts.query}" if parts.query else ""
        return Address(f"{scheme}://{parts.netloc}{query}", unquote(parts.path).lstrip("/"))
    host, _, key = rest.partition("/")
    return Address(f"{scheme}://{host}", key.strip("/"))


def normalize(location: str) -> str:
    """Return a location as the libraries that read it expect it: `file:` URLs as paths, schemes in their usual form."""
    if (found := _FILE_URL.match(location)) is not None:
        return _path_of(found["host"] or "", found["path"])
    if not is_remote(location):
        return location
    scheme, _, rest = location.partition("://")
    scheme = scheme.lower()
    return f"{_ALIASES.get(scheme, scheme)}://{rest}"


def path_part(location: str) -> str:
    """Return what names the file in a location: a web address without its query."""
    return urlsplit(location).path if is_web(location) else location


def is_web(location: str) -> bool:
    """Whether a location is one file behind HTTP: nothing can be listed there."""
    return location.startswith(("http://", "https://"))


def _path_of(host: str, path: str) -> str:
    """Return the path that a `file:` URL means: as it is written where that exists, else decoded."""
    written = path if host in ("", "localhost") else host + path
    return next((form for form in (written, unquote(written)) if os.path.lexists(Path(form))), written)


def is_remote(location: str) -> bool:
    """Whether a location is a URL, rather than a local path."""
    return _URL.match(location) is not None
