"""Secrets for tests: planted in every setting that can hold one, found in the schema, and looked for in whatever form they come out."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import polars as pl
from pydantic import BaseModel

from models.settings import Settings
from models.settings.places import as_variable

Path_ = tuple[str, ...]
HOLDING = {"url", "key", "password", "token", "secret", "input", "headers", "body"}
"""How the name of a setting ends that can hold a secret."""


def holders(model: type[BaseModel] = Settings, above: Path_ = ()) -> Iterator[tuple[Path_, bool]]:
    """Yield each setting that can hold a secret, by its path, and whether its type says so."""
    for name, field in model.model_fields.items():
        parts = str(field.annotation) + str(field.metadata)
        typed = "SecretStr" in parts or "SecretAddress" in parts or not field.repr
        if typed or name.split("_")[-1] in HOLDING:
            yield (*above, name), typed
        for inside in (field.annotation, *get_args(field.annotation)):
            table = () if inside is field.annotation else ("NAME",)
            if isinstance(inside, type) and issubclass(inside, BaseModel):
                yield from holders(inside, (*above, name, *(table if "dict" in parts else ())))


def secret(name: str) -> str:
    """Return the secret of this name: no word, and with characters that addresses escape. The same name gives the same one."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return f"{digits[:8]}+/!{digits[8:16]}"


def quoted(name: str) -> str:
    """Return the secret of this name as it stands in an address."""
    return quote(secret(name), safe="")


def found_in(text: bytes, names: Iterator[str] | list[str]) -> list[str]:
    """Return the names of the secrets that a text holds: whole, escaped, the first or last 8 characters, or in base64."""
    return [name for name in names if any(form in text for form in _forms(name))]


def _forms(name: str) -> list[bytes]:
    whole = secret(name).encode()
    # in base64 a piece looks in three ways, by where it begins; its first and last letters depend on its neighbours
    folded = [base64.b64encode(b" " * before + whole)[4 : -4 - before] for before in range(3)]
    return [whole[:8], whole[-8:], *folded]


def files_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file of a folder with its bytes; of Parquet also with its rows."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()
            if path.suffix == ".parquet":
                yield path, str(pl.read_parquet(path).rows()).encode()


def planted(http: str, mail: int) -> dict[str, str]:
    """Return variables that set every setting which can hold a secret; each secret has the name of its variable.

    `http`: host and port of a web server, `mail`: the port of a mail server.
    """
    variables = {}
    for path, _ in holders():
        names = {"workloads": "sentiment", "chat": "room"}
        variable = as_variable([names[path[0]] if part == "NAME" else part for part in path])
        variables[variable] = _value(path, variable, http)
    # the workload `sentiment` has an input, so another has the query
    variables["BREAKEVEN_WORKLOADS__ENRICHMENT__QUERY_URL"] = variables.pop(
        "BREAKEVEN_WORKLOADS__SENTIMENT__QUERY_URL"
    ).replace(
        quoted("BREAKEVEN_WORKLOADS__SENTIMENT__QUERY_URL"),
        quoted("BREAKEVEN_WORKLOADS__ENRICHMENT__QUERY_URL"),
    )
    smtp = {"HOST": "127.0.0.1", "PORT": str(mail), "SECURITY": "none", "USER": "u"}
    smtp |= {"SENDER": "a@example.org", "TO": "b@example.org", "TIMEOUT_SECONDS": "2"}
    return variables | {f"BREAKEVEN_SMTP__{name}": value for name, value in smtp.items()}


def _value(path: Path_, name: str, http: str) -> str:
    """Return a value with a secret in every place that this setting has for one."""
    hidden = quoted(name)
    by_name = {
        "api_headers": json.dumps({"X-Auth": f"Token {secret(name)}"}),
        "api_extra_body": json.dumps({"inner": [{"api_key": secret(name)}]}),
        "api_base_url": f"http://{http}/v1?key={hidden}",
        "server_url": f"http://{http}/v1",  # one with a secret is refused at once: see `refused_addresses`
        "input": f"http://u:{hidden}@{http}/x.csv?X-Amz-Signature={hidden}&sig={hidden}",
        "labelled_file": f"http://u:{hidden}@{http}/x.csv?X-Amz-Signature={hidden}&sig={hidden}",
    }
    of_database = f"postgresql+psycopg://u:{hidden}@{http}/x?password={hidden}&sslpassword={hidden}"
    by_name |= dict.fromkeys(("database_url", "query_url"), of_database)
    if path[0] == "chat":
        return f"json://u:{hidden}@{http}/{hidden}"
    return by_name.get(path[-1], secret(name))


def refused_addresses() -> dict[str, str]:
    """Return addresses of an API and of an own server that are refused for what they hold: a user and a password."""
    names = ("BREAKEVEN_SERVER_URL", "BREAKEVEN_API_BASE_URL")
    return {name: f"http://u:{quoted(name)}@127.0.0.1:1/v1?key={quoted(name)}" for name in names}


def names_in(variables: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets that these variables hold."""
    return [name for name, value in variables.items() if secret(name) in value or quoted(name) in value]
