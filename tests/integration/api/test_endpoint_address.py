"""Where requests go and what they carry: addresses with a query, headers of one's own, nothing of OPENAI_*."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from models.engines.api.endpoint_address import address_below, split_address
from models.engines.api.options import ApiOptions
from models.engines.batch.client import BatchClient
from models.engines.batch.status import BatchApiRefused
from models.errors import UsageError
from models.ids import new_id
from models.settings import Settings
from tasks.setup.api_model_checks import find_announced_end
from tasks.setup.doctor import check_api
from tests.faulty_api import FaultyApi, Seen
from tests.integration.api.conftest import MakeEngine
from tests.integration.api.harness import KEY, Book, fate, options, request
from tests.loopback import serving

DEPLOYMENT = "/openai/deployments/d"
VERSION = "?api-version=2024-10-21"
SECRET = "value-never-to-be-seen"  # noqa: S105
AMBIENT = {
    "OPENAI_API_KEY": "sk-ambient-key",
    "OPENAI_ADMIN_KEY": "sk-ambient-admin",
    "OPENAI_ORG_ID": "org-ambient",
    "OPENAI_ORGANIZATION": "org-ambient",
    "OPENAI_PROJECT_ID": "proj-ambient",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/ambient",
    "OPENAI_CUSTOM_HEADERS": "X-Ambient: yes\nAuthorization: Bearer ambient\napi-key: ambient",
    "OPENAI_WEBHOOK_SECRET": "ambient",
    "OPENAI_API_TYPE": "azure",
    "OPENAI_API_VERSION": "ambient",
}


def ask(make_engine: MakeEngine, api: FaultyApi, path: str, **more: Any) -> Seen:  # noqa: ANN401 - see options
    """Send one request to a base address with this path, and return what the server saw."""
    engine = make_engine(api.url.removesuffix("/v1") + path, Book(), **more)
    (done,) = engine.stream([request("text")])
    assert fate(done) == "published"
    return api.seen[-1]


@pytest.mark.parametrize(
    ("base", "asked"),
    [
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/v1//", "/v1/chat/completions"),
        ("", "/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        (f"{DEPLOYMENT}{VERSION}", f"{DEPLOYMENT}/chat/completions{VERSION}"),
        (f"{DEPLOYMENT}/{VERSION}", f"{DEPLOYMENT}/chat/completions{VERSION}"),
        (f"{DEPLOYMENT}/chat/completions{VERSION}", f"{DEPLOYMENT}/chat/completions{VERSION}"),
        ("/v1?a=1&b=&a=2", "/v1/chat/completions?a=1&a=2&b="),
    ],
)
def test_path_and_query_are_composed(make_engine: MakeEngine, base: str, asked: str) -> None:
    """A path goes before the query, once, whatever slashes there are; each part of the query goes along."""
    with FaultyApi() as api:
        path, _, query = ask(make_engine, api, base).path.partition("?")
    wanted, _, wanted_query = asked.partition("?")
    assert path == wanted
    assert sorted(query.split("&")) == sorted(wanted_query.split("&"))


def test_the_batch_api_and_the_checks_of_the_set_up_compose_it_too() -> None:
    """Batches, `breakeven doctor` and the look at the model's end ask below the path, with the query and the headers."""
    seen: list[tuple[str, dict[str, str]]] = []
    with serving({}, seen) as url:
        base = url.removesuffix("/v1") + DEPLOYMENT + VERSION
        settings = Settings(
            api_mode="sync", api_base_url=base, api_model="m", api_headers={"api-key": SecretStr(SECRET)}
        )
        check_api(settings)
        find_announced_end(settings)
        with (
            BatchClient(ApiOptions.from_settings(settings)) as client,
            pytest.raises(BatchApiRefused),
        ):
            client.poll("batch_1")
    paths = [path for path, _ in seen]
    assert paths == [
        f"{DEPLOYMENT}{path}{VERSION}" for path in ("/models", "/models/m", "/models", "/batches/batch_1")
    ]
    assert {headers["api-key"] for _, headers in seen} == {SECRET}
    assert not any("authorization" in headers for _, headers in seen)


def test_nothing_of_the_environment_reaches_an_endpoint(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every variable set that the official client reads, an endpoint gets our key and nothing of them, at once and in batches."""
    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)
    seen: list[tuple[str, dict[str, str]]] = []
    with FaultyApi() as api, serving({"/v1/batches": {"object": "list", "data": []}}, seen) as url:
        ask(make_engine, api, "/v1")
        ask(make_engine, api, "/v1", key=None)
        with BatchClient(options(url)) as client:
            assert client.find(new_id(), datetime.now(UTC)) is None
    first, second = api.seen
    assert first.authorization == f"Bearer {KEY}" == seen[0][1]["authorization"]
    assert "ambient" not in str([first.headers, second.headers, first.path, seen])
    assert not {name for name in first.headers if name.startswith("openai-")}


def test_headers_of_ones_own_go_along(make_engine: MakeEngine) -> None:
    """Headers, organisation and project that are set are sent; without a key no placeholder stands beside them."""
    settings = Settings(
        api_base_url="http://127.0.0.1:1",
        api_headers={"api-key": SecretStr(SECRET), "X-Title": SecretStr("breakeven")},
        api_organization="org-1",
        api_project="proj-1",
    )
    made = ApiOptions.from_settings(settings)
    assert SECRET not in repr(made) + repr(settings) + str(settings)
    with FaultyApi() as api:
        seen = ask(make_engine, api, "/v1", key=None, extra_headers=made.extra_headers)
        other = ask(make_engine, api, "/v1", extra_headers={"Authorization": SecretStr("Basic abc")})
    sent = {
        name: seen.headers[name] for name in ("api-key", "x-title", "openai-organization", "openai-project")
    }
    assert sent == {
        "api-key": SECRET,
        "x-title": "breakeven",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
    }
    assert seen.authorization == ""
    assert other.authorization == "Basic abc"


def test_azure_gets_the_key_as_its_own_header() -> None:
    """The key alone is enough for Azure: it goes as `api-key`, and no bearer token goes with it."""
    azure = ApiOptions("https://x.openai.azure.com" + DEPLOYMENT + VERSION, SecretStr(KEY), "m")
    assert not azure.sends_key
    assert azure.headers["api-key"].get_secret_value() == KEY
    assert azure.limit_field == "max_completion_tokens"
    assert KEY not in repr(azure)


def test_addresses_are_split_and_joined() -> None:
    """A base address keeps its host, user and port; a fragment is never sent."""
    assert split_address("https://u:p@h:8/v1/?a=b#c") == ("https://u:p@h:8/v1", {"a": "b"})
    assert address_below("https://h/v1/chat/completions?a=b", "models") == "https://h/v1/models?a=b"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"api_omit_fields": ["sed"]}, "did you mean seed"),
        ({"api_omit_fields": ["messages"]}, "BREAKEVEN_API_OMIT_FIELDS"),
        ({"api_omit_fields": ["max_tokens", "max_completion_tokens"]}, "no bound"),
        ({"api_extra_body": {"model": "other"}}, "BREAKEVEN_API_EXTRA_BODY holds model"),
        ({"api_extra_body": {"messages": []}}, "BREAKEVEN_API_EXTRA_BODY holds messages"),
        ({"api_extra_body": {"n": 5}}, "BREAKEVEN_API_EXTRA_BODY holds n"),
        ({"api_extra_body": {"top_p": float("nan")}}, "no form"),
        ({"api_headers": {"a b": "secret"}}, "BREAKEVEN_API_HEADERS"),
        ({"api_headers": {"Content-Length": "secret"}}, "BREAKEVEN_API_HEADERS"),
        ({"api_headers": {"X-Key": "secret\nX-Other: 1"}}, "BREAKEVEN_API_HEADERS"),
        ({"api_organization": "secret é"}, "BREAKEVEN_API_ORGANIZATION"),
    ],
)
def test_what_cannot_be_added_or_left_out_is_one_line(wrong: dict[str, Any], said: str) -> None:
    """A name that no request has, what is set elsewhere, and what no header can hold: said before anything is sent."""
    with pytest.raises(UsageError) as caught:
        ApiOptions.from_settings(Settings(api_key=SecretStr("sk-1"), **wrong))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_fields_are_left_out_and_added(make_engine: MakeEngine) -> None:
    """What is not to be sent is not in the body, what is to be added is, at once and in batches: one body serves both."""
    with FaultyApi() as api:
        seen = ask(
            make_engine,
            api,
            "/v1",
            omit_fields=frozenset({"seed", "response_format"}),
            extra_body={"top_p": 0.5, "provider": {"order": ["a"]}},
        )
        swapped = ask(make_engine, api, "/v1", omit_fields=frozenset({"max_tokens"}))
    assert "seed" not in seen.body
    assert "response_format" not in seen.body
    assert seen.body["temperature"] == 0
    assert (seen.body["top_p"], seen.body["provider"]) == (0.5, {"order": ["a"]})
    assert "max_tokens" not in swapped.body
    assert swapped.body["max_completion_tokens"] == seen.body["max_tokens"]
