"""Connections to object stores, set up as polars sets up its own, so that what reads Parquet lists and reads the rest."""

import os
from base64 import b64encode
from collections.abc import Mapping
from configparser import ConfigParser, Error
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx2
from obstore.store import from_url

from models.engines.api.fetch import fetch

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_CLIENT: "ClientConfig" = {
    "allow_http": True,
    "connect_timeout": "10s",
    "read_timeout": "60s",
    "timeout": "1 day",
}
_RETRY: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


@lru_cache
def open_store(root: str) -> "ObjectStore":
    """Return the store of `s3://bucket`, `gs://…`, `az://…`, `abfss://…` or a web address.

    Names and passwords in a web address are sent as such. Keys come from the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`), those of S3 also from the AWS files.
    """
    scheme, _, place = root.partition("://")
    user, _, host = place.rpartition("@")
    if scheme in ("http", "https") and user:
        token = b64encode(unquote(user).encode()).decode()
        client: ClientConfig = {**_CLIENT, "default_headers": {"authorization": f"Basic {token}"}}
        return from_url(f"{scheme}://{host}", client_options=client, retry_config=_RETRY)
    options = _aws_options(host) if scheme in ("s3", "s3a") else {}
    return from_url(root, client_options=_CLIENT, retry_config=_RETRY, **options)


def _aws_options(bucket: str) -> dict[str, Any]:
    """Return what the AWS files say, and the bucket's region, where the environment is silent."""
    named = {name.upper() for name, value in os.environ.items() if value}
    profile = os.environ.get("AWS_PROFILE", "default")
    section = _section(
        "AWS_CONFIG_FILE", "~/.aws/config", profile if profile == "default" else f"profile {profile}"
    )
    options: dict[str, Any] = {}
    if not named & {"AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE", "AWS_WEB_IDENTITY_TOKEN_FILE"}:
        found = _section("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", profile)
        options = {name: found[name] for name in _KEYS if name in found} or _roles(section)
    if not named & {"AWS_REGION", "AWS_DEFAULT_REGION"}:
        region = section.get("region")
        if region is None and not named & {"AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"}:
            region = _region_of(bucket)
        if region is not None:
            options["region"] = region
    return options


def _roles(section: Mapping[str, str]) -> dict[str, Any]:
    """Return who looks up the keys of a profile that has none itself: boto3, as for polars, where it is installed."""
    if not any(name in ("role_arn", "credential_process") or name.startswith("sso_") for name in section):
        return {}
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415  boto3 is the user's own
    except ImportError:
        return {}
    return {"credential_provider": Boto3CredentialProvider()}


def _section(variable: str, usual: str, name: str) -> dict[str, str]:
    """Return one section of an AWS file, empty where there is none."""
    file = ConfigParser(interpolation=None)
    try:
        file.read(Path(os.environ.get(variable) or usual).expanduser(), encoding="utf-8")
    except (Error, OSError, UnicodeDecodeError):
        return {}
    return dict(file[name]) if file.has_section(name) else {}


def _region_of(bucket: str) -> str | None:
    """Ask S3 for the region of a bucket, which it tells everybody."""
    try:
        answer = fetch(f"https://s3.amazonaws.com/{bucket}", method="HEAD", seconds=5)
    except httpx2.HTTPError:
        return None
    region: str | None = answer.headers.get("x-amz-bucket-region")
    return region
