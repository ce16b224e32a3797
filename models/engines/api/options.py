"""From settings to what an API client is told; imports no client."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from models.engines.api.families import choose_effort, find_family, room_of
from models.errors import UsageError
from models.settings import Settings

StructuredOutput = Literal["json_schema", "json_object", "none"]
LimitField = Literal["max_tokens", "max_completion_tokens"]

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = SecretStr("no-key-is-set")
"""Sent to an endpoint of the user's own that wants none; the client refuses to send nothing."""


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """All that decides how an API is asked. Made by `from_settings`; times are seconds.

    `reasoning_effort` is what requests name, None: nothing; `reasoning_room` are tokens beside those of the answer.
    Neither key nor address is part of the repr: an address can hold a password.
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

    @classmethod
    def from_settings(cls, settings: Settings) -> "ApiOptions":
        """Take what is set; an address without a key is an endpoint that wants none.

        Raises `UsageError` where neither is set, where the address is no http(s) URL, for a key that cannot
        stand in an HTTP header, and for a reasoning effort that the model does not take. Its text holds neither.
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
        )

    @property
    def sent_key(self) -> SecretStr:
        """The key that goes into the header: a placeholder where none is set."""
        return NO_KEY if self.key is None else self.key

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
        own = (urlsplit(self.base_url).hostname or "").endswith((".openai.com", ".azure.com"))
        return "max_completion_tokens" if own or not self.sampling else "max_tokens"

    @property
    def sampling(self) -> bool:
        """Whether `temperature` and `seed` are sent: reasoning models refuse them."""
        family = find_family(self.model)
        return family is None or not family.reasons


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
