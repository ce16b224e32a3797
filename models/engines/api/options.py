"""From settings to what an API client is told; imports no client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from models.engines.api.extras import checked_extra_body, checked_headers, checked_omissions
from models.engines.api.families import choose_effort, find_family, room_of
from models.errors import UsageError
from models.requests import JsonValue
from models.settings import Settings

StructuredOutput = Literal["json_schema", "json_object", "none"]
LimitField = Literal["max_tokens", "max_completion_tokens"]

OPENAI_URL = "https://api.openai.com/v1"
AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
"""Azure takes a key as the header `api-key`; as a bearer token it expects one of Microsoft Entra
(learn.microsoft.com/azure/ai-services/openai/reference, read 2026-11-30)."""
NO_KEY = SecretStr("no-key-is-set")
"""Sent to an endpoint of the user's own that wants none; the client refuses to send nothing."""


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """All that decides how an API is asked. Made by `from_settings`; times are seconds.

    `reasoning_effort` is what requests name, None: nothing; `reasoning_room` are tokens beside those of the answer.
    `omit_fields` are never sent, `extra_body` and `extra_headers` always. `patience_seconds`: how long an endpoint may
    answer every request with 429 until it is given up. `max_reply_bytes`: of a reply's body, or a line of a batch's results;
    `max_batch_result_bytes` and `batch_download_seconds`: of one file of a batch's results. Neither key, headers nor address is part of the repr: an
    address can hold a password.
    """

    base_url: str = field(repr=False)
    key: SecretStr | None = field(repr=False)
    model: str
    structured_output: StructuredOutput = "json_schema"
    concurrency: int = 64
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_attempts: int = 5
    timeout_seconds: float = 60.0
    run_seconds: float | None = None
    breaker_failures: int = 10
    breaker_seconds: float = 30.0
    seed: int = 0
    reasoning_effort: str | None = None
    reasoning_room: int = 0
    omit_fields: frozenset[str] = frozenset()
    extra_body: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    extra_headers: Mapping[str, SecretStr] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    patience_seconds: float = 300.0
    max_reply_bytes: int = 8_000_000
    max_batch_result_bytes: int = 4_000_000_000
    batch_download_seconds: float = 3600.0

    @classmethod
    def from_settings(cls, settings: Settings) -> "ApiOptions":
        """Take what is set; an address without a key is an endpoint that wants none.

        Raises `UsageError` where neither is set, where the address is no http(s) URL, for a key or header that cannot
        stand in an HTTP request, for fields that may not be left out or added, and for a reasoning effort that the
        model does not take. Its text holds neither key nor address.
        """
        effort, room = (
            choose_effort(settings.api_model, settings.api_reasoning_effort),
            settings.api_reasoning_tokens,
        )
        return cls(
            base_url=_checked_url(settings),
            key=checked_key(settings.api_key, "BREAKEVEN_API_KEY"),
            model=settings.api_model,
            structured_output=settings.api_structured_output,
            concurrency=settings.api_concurrency,
            requests_per_minute=settings.api_requests_per_minute,
            tokens_per_minute=settings.api_tokens_per_minute,
            max_attempts=settings.api_max_attempts,
            timeout_seconds=settings.api_timeout_seconds,
            run_seconds=settings.api_run_seconds,
            breaker_failures=settings.api_breaker_failures,
            breaker_seconds=settings.api_breaker_seconds,
            seed=settings.seed,
            reasoning_effort=effort,
            reasoning_room=room_of(settings.api_model, effort) if room is None else room,
            omit_fields=checked_omissions(settings.api_omit_fields),
            extra_body=checked_extra_body(settings.api_extra_body),
            extra_headers=checked_headers(settings),
            max_reply_bytes=settings.max_reply_bytes,
            max_batch_result_bytes=settings.batch_max_result_bytes,
            batch_download_seconds=settings.batch_download_seconds,
        )

    @property
    def sent_key(self) -> SecretStr:
        """The key that goes into the header: a placeholder where none is set."""
        return NO_KEY if self.key is None else self.key

    @property
    def headers(self) -> Mapping[str, SecretStr]:
        """What goes with every request beside a bearer token, by name."""
        if self.key is not None and self._is_azure and "api-key" not in map(str.lower, self.extra_headers):
            return {**self.extra_headers, "api-key": self.key}
        return self.extra_headers

    @property
    def sends_key(self) -> bool:
        """Whether a bearer token goes along: not to Azure, and no placeholder where headers of one's own stand for it."""
        return not (self._is_azure or (self.key is None and self.extra_headers))

    @property
    def _is_azure(self) -> bool:
        return (urlsplit(self.base_url).hostname or "").endswith(AZURE_HOSTS)

    @property
    def host(self) -> str:
        """Name and port of the endpoint, for messages: never a user, a password or a path."""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    @property
    def limit_field(self) -> LimitField:
        """The request's field that bounds the answer.

        OpenAI's reasoning models refuse `max_tokens`, whoever hands the request on to them. Servers that speak
        OpenAI's protocol all know it, and some pass over `max_completion_tokens` without a word (Ollama, older
        llama.cpp and TGI): the answer would be unbounded, and so would be its cost.
        """
        own = self._is_azure or (urlsplit(self.base_url).hostname or "").endswith(".openai.com")
        return "max_completion_tokens" if own or not self.sampling else "max_tokens"

    @property
    def sampling(self) -> bool:
        """Whether `temperature` and `seed` are sent: reasoning models refuse them."""
        family = find_family(self.model)
        return family is None or not family.reasons


def headers_for(options: ApiOptions) -> dict[str, str]:
    """Return the headers of a request that is sent without the official client. They hold the key: show them nowhere."""
    sent = {name: value.get_secret_value() for name, value in options.headers.items()}
    if options.sends_key and "authorization" not in map(str.lower, sent):
        sent["Authorization"] = f"Bearer {options.sent_key.get_secret_value()}"
    return sent


def _checked_url(settings: Settings) -> str:
    url = (settings.api_base_url or "").strip()
    if not url:
        if checked_key(settings.api_key, "BREAKEVEN_API_KEY") is None:
            msg = (
                "the API has no key: set BREAKEVEN_API_KEY, "
                "or BREAKEVEN_API_BASE_URL for an endpoint of your own that needs none"
            )
            raise UsageError(msg)
        return OPENAI_URL
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = (
            "BREAKEVEN_API_BASE_URL must be an http:// or https:// address, such as http://127.0.0.1:8000/v1"
        )
        raise UsageError(msg)
    return url


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is no number is found only when it is asked for
    except ValueError:
        return None
    return parts


def checked_key(key: SecretStr | None, variable: str) -> SecretStr | None:
    """Return the key without white space around it, None where nothing is left.

    Raises `UsageError`, which names the variable, for a key that cannot stand in an HTTP header.
    """
    text = "" if key is None else key.get_secret_value().strip()
    if not text:
        return None
    if not (text.isascii() and text.isprintable()) or " " in text:
        msg = f"{variable} holds a character that no key has (a space, a line break, no ASCII)"
        raise UsageError(msg)
    return SecretStr(text)
