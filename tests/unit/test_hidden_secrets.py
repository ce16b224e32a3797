"""No message repeats a password, a key or a signature, wherever in an address or a setting it stood."""

import base64
import json
import logging
import os
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch
from urllib.parse import quote, quote_plus

import pytest
from prefect.context import refresh_global_settings_context
from pydantic import ValidationError

from commands.run_inline import backfill_all, withhold_secrets
from models import errors
from models.backfill import Range
from models.economics.quote import Quote
from models.errors import BreakevenError, UsageError, hide_secrets, one_line, remember_secrets, visible
from models.log_records import VisibleRecord
from models.proxies import describe_proxy_fault
from models.settings import Settings
from models.settings.address import SecretAddress
from models.settings.check import load
from models.settings.secrets import secrets_in
from tasks.backfill.request import BackfillRequest
from tests.secret_settings import holders

SECRET = "Pl4ntedSecret"  # noqa: S105
HOLDING = [
    "https://u:{}@127.0.0.1:1/x.csv",
    "https://{}@127.0.0.1:1/x.csv",
    "HTTPS://u:{}@127.0.0.1/x.csv",
    "https:/u:{}@127.0.0.1/x.csv",
    "https://u:a/{}@127.0.0.1:1/x.csv",
    "https://u:a@{}@127.0.0.1:1/x.csv",
    "https://u:{} x@127.0.0.1:1/x.csv",
    "https://u%3A{}@127.0.0.1:1/x.csv",
    "https://127.0.0.1:1/*.csv?sig={}",
    "https://127.0.0.1/x.csv?a=1&X-Amz-Signature={}&b",
    "https://127.0.0.1/x.csv#{}",
    "https://127.0.0.1/x.csv;password={}",
    "s3://k:{}@b/x.csv",
    "az://a/b?sv=1&sig={}",
    "abfss://c@a.dfs.core.windows.net/x?sig={}",
    "gs://b/x?access_token={}",
    "postgresql://u@h/x?password={}",
    "postgresql://u@h/x?sslpassword={}&sslmode=disable",
    "postgresql+psycopg://u:***@{}@h/x",
    "postgresql://u@h/x?passfile=/home/{}",
    "host=h user=u password={}",
    "host=h password='{} x'",
    "slack://u:{}@h",
    "Authorization: Bearer {}123",
    "Authorization: Basic {}==",
    "api_key={}",
    "sk-proj-{}-abc",
    "AWS_SECRET_ACCESS_KEY={}",
    "in quotes 'https://u:{}@h/x' and \"http://h?t={}\"",
]
HARMLESS = [
    "http://127.0.0.1:8000/v1/models is no model",
    "https://example.org/a@2x.png and write to me@example.org",
    "abfss://container@account.dfs.core.windows.net/x.parquet",
    "data/file?.csv and data/*.csv",
    "api_key: set BREAKEVEN_API_KEY, or api_key = … in breakeven.toml",
    "set BREAKEVEN_SMTP__PASSWORD=… or password_block",
    "max_tokens=5, tokens=3, tokenizer=o200k_base",
    "sqlite:///breakeven.db",
    "basic understanding of a bearer share",
    "https://example.org: no answer",
]


@pytest.mark.parametrize("holding", HOLDING)
def test_no_error_and_no_log_repeats_a_secret(holding: str) -> None:
    """Of an address, a connection string, a header, and a key by its form; what is around it stays."""
    text = f"cannot read {holding.format(*[SECRET] * 2)}: refused"
    for shown in (
        str(BreakevenError(text)),
        VisibleRecord("httpx", logging.INFO, "a.py", 1, "%s", (text,), None).getMessage(),
    ):
        assert SECRET not in shown
        assert shown.startswith("cannot read ")
        assert shown.endswith("refused")


@pytest.mark.parametrize("harmless", HARMLESS)
def test_what_is_no_secret_stays(harmless: str) -> None:
    """Addresses with ports and at-signs, patterns, names of settings and advice are shown as they are."""
    assert hide_secrets(harmless) == harmless


def test_a_known_secret_is_hidden_in_any_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the settings or the environment hold is hidden by its value, unless it could be any word or number."""
    monkeypatch.setattr(errors, "_known", ())
    settings = Settings.model_validate(
        {
            "database_url": "postgresql://u:breakeven@h/breakeven_books?sslpassword=qq7-ssl-qq",
            "api_key": "qq1-key-qq",
            "api_base_url": "https://u:qq2%2Fbase@h/v1",
            "api_headers": {"X-Team": "analytics", "X-Auth": "Token qq3-header-qq"},
            "api_extra_body": {"inner": [{"api_key": "qq4-body-qq"}]},
            "chat": {"a": {"url": "slack://qq5tokena/qq5tokenb/qq5tokenc/#general"}},
            "workloads": {
                "sentiment": {
                    "input": "https://h/x?sig=qq6-sig-qq",
                    "query": "select 1",
                    "query_url": "postgresql://u:qq8-sql-qq@h/x",
                    "examples": [{"text": "t", "signature": "Jane W. Doe", "answer": "positive"}],
                }
            },
        }
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "qq9-aws-qq")
    monkeypatch.setenv("HTTPS_PROXY", "http://u:qq0-proxy-qq@h:1")
    monkeypatch.chdir("/")
    load()
    remember_secrets(secrets_in(settings))
    said = (
        "qq1-key-qq qq2/base qq3-header-qq qq4-body-qq qq5tokenb qq6-sig-qq qq7-ssl-qq qq8-sql-qq qq9-aws-qq qq0-proxy-qq "
        "breakeven breakeven_books analytics general Jane W. Doe"
    )
    assert hide_secrets(said) == "*** " * 10 + "breakeven breakeven_books analytics general Jane W. Doe"


HOLDERS = list(holders())


@pytest.mark.parametrize(("path", "typed"), HOLDERS, ids=[".".join(path) for path, _ in HOLDERS])
def test_every_setting_that_can_hold_a_secret_has_a_type_that_hides_it(
    path: tuple[str, ...], *, typed: bool
) -> None:
    """Found in the schema, so that a new one is too: neither the settings' representation nor an error over them shows it."""
    assert typed
    value: Any = f"postgresql://u:{SECRET}@h/x?sig={SECRET}"
    if path[-1] in {"api_headers", "api_extra_body"}:
        value = {"inner": value}
    given: Any = value
    for name in reversed(path):
        given = {"sentiment" if name == "NAME" and path[0] == "workloads" else name.lower(): given}
    if path[:1] == ("smtp",):
        given["smtp"] |= {"host": "h", "sender": "a@example.org", "to": "b@example.org", "user": "u"}
    shown = repr(Settings.model_validate(given))
    assert SECRET not in shown
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given | {"seed": SECRET})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("secret", ["pa+ss/w0rd!?", 'qq"7\\quoted', "q1w2e3r4t5z6u7"])
def test_a_known_secret_is_hidden_in_each_form(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an address, JSON, and a login of SMTP or HTTP write it; other words of base64 stay."""
    monkeypatch.setattr(errors, "_known", ())
    monkeypatch.setattr(errors, "_folded", frozenset())
    remember_secrets([secret])
    forms = [quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]]
    for user in ("", "u", "me", "you", "\0me\0"):
        forms += [base64.b64encode(f"{user}{secret}{user}".encode()).decode()]
        forms += [base64.urlsafe_b64encode(f"{user}{secret}".encode()).decode().rstrip("=")]
    for form in forms:
        assert hide_secrets(f"535 no {form} no") == "535 no *** no"
    assert hide_secrets("digest c29tZXRoaW5nIGVsc2U=") == "digest c29tZXRoaW5nIGVsc2U="


@pytest.mark.parametrize(
    ("scheme", "fault"), [("bad", True), ("socks5", not find_spec("socksio")), ("http", False)]
)
def test_a_proxy_that_is_none_is_named(scheme: str, *, fault: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its variable, without its value; an error that is about something else stays one."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"{scheme}://u:{SECRET}@127.0.0.1:1")
    said = describe_proxy_fault(ValueError("Unknown scheme for proxy URL"))
    assert (said or "").startswith("https_proxy: no proxy") is fault
    assert SECRET not in (said or "")
    assert describe_proxy_fault(ValueError("something else")) is None


def test_an_address_is_exact_where_it_is_used() -> None:
    """Only its representation hides what is secret."""
    address = SecretAddress(f"https://u:{SECRET}@h/x")
    assert f"{address}" == f"https://u:{SECRET}@h/x"
    assert SECRET not in repr(address)


@pytest.fixture
def own_environment() -> Iterator[None]:
    """Take back whatever is set in the environment for Prefect."""
    with patch.dict(os.environ):
        yield
    refresh_global_settings_context()


@pytest.mark.usefixtures("own_environment")
def test_prefect_is_not_told_of_an_address_with_a_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It keeps the parameters of flow runs: the address is the workload's setting in this process; workers are not given it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKEVEN_WORKLOADS__SENTIMENT__INPUT", "in.csv")
    for name in ("QUERY", "LABELLED_FILE"):  # set by what is tried, and back as they are afterwards
        monkeypatch.setenv(f"BREAKEVEN_WORKLOADS__SENTIMENT__{name}", "x")
    address = f"https://h/x.csv?sig={SECRET}"
    assert withhold_secrets("sentiment", "s3://b/x.csv") == "s3://b/x.csv"
    assert load().workload("sentiment").input == "in.csv"
    assert withhold_secrets("sentiment", address) is None
    assert load().workload("sentiment").input == address
    assert not load().workload("sentiment").query
    assert withhold_secrets("sentiment", address, "labelled_file") is None
    assert load().workload("sentiment").labelled_file == address
    ask = BackfillRequest("sentiment", Range(date(2026, 1, 5), date(2026, 1, 5)), address)
    with pytest.raises(UsageError, match="kept by Prefect"):
        backfill_all(ask, [], cast("Quote", None), parallel=2, outcomes=[])


@pytest.mark.parametrize(
    "piece", ["?", "a://", ":@", "=", " ", "a:/", "https://", "https://a:", "?sig", "a.", "x:y@", "\u202e"]
)
def test_a_megabyte_of_any_mark_is_read_once(piece: str) -> None:
    """What hides secrets and shows marks takes no more time for each character of a long text: the square would take an hour."""
    text = piece * (1_000_000 // len(piece))
    assert visible(one_line(hide_secrets(text))) is not None
