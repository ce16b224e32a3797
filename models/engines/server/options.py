"""From settings to what the client of an own server is told; imports no client."""

import re
from dataclasses import dataclass, field

from pydantic import SecretStr

from models.engines.api.options import NO_KEY, LimitField, StructuredOutput, checked_key
from models.engines.server.address import ServerAddress
from models.errors import ResidencyError, UsageError
from models.requests import JsonValue
from models.settings import Settings

OF_THE_SERVER = ("model_revision", "quantization", "lora_adapter", "chat_template")
"""Settings of vLLM in this process that decide answers; a server was started with its own."""


_IN_A_CLOUD = re.compile(r"[:-]cloud$", re.IGNORECASE)
"""How Ollama names models that its local server hands on to its own cloud."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """All that decides how an own server is asked. Made by `from_settings`; times are seconds."""

    address: ServerAddress
    key: SecretStr | None = field(repr=False)
    model: str
    structured_output: StructuredOutput = "json_schema"
    concurrency: int = 32
    window: int = 64
    lookahead: int = 2048
    max_attempts: int = 3
    timeout_seconds: float = 300.0
    chat_template_kwargs: dict[str, JsonValue] | None = None
    seed: int = 0
    max_reply_bytes: int = 8_000_000

    @classmethod
    def from_settings(cls, settings: Settings) -> "ServerOptions":
        """Take what is set, and see that records may go there.

        Raises `ResidencyError` for a host that is not declared in-house and for a cloud model, `UsageError` for an address, a model or a key
        that is missing or cannot be, and for settings that only vLLM in this process heeds.
        """
        address = ServerAddress.of(settings.server_url, settings.server_hosts)
        if settings.model is None:
            msg = f"the server {address.host} needs a model: set BREAKEVEN_MODEL to the name that it lists"
            raise UsageError(msg)
        if _IN_A_CLOUD.search(settings.model):
            msg = (
                f"{settings.model!r} is a cloud model by its name: a server such as Ollama would send the records out of "
                "the house; set BREAKEVEN_MODEL to one that runs there"
            )
            raise ResidencyError(msg)
        ignored = [name for name in OF_THE_SERVER if getattr(settings, name) is not None]
        if ignored := [*ignored, *(f"engine.{name}" for name in settings.engine.arguments)]:
            msg = (
                f"{', '.join(ignored)}: the server {address.host} was started with its own; set it there, and remove "
                "it here"
            )
            raise UsageError(msg)
        return cls(
            address=address,
            key=checked_key(settings.server_key, "BREAKEVEN_SERVER_KEY"),
            model=settings.model,
            structured_output=settings.server_structured_output,
            concurrency=settings.server_concurrency,
            window=settings.window or 2 * settings.server_concurrency,
            lookahead=settings.lookahead,
            max_attempts=settings.server_max_attempts,
            timeout_seconds=settings.server_timeout_seconds,
            chat_template_kwargs=settings.chat_template_kwargs or None,
            seed=settings.seed,
            max_reply_bytes=settings.max_reply_bytes,
        )

    @property
    def base_url(self) -> str:
        """Address below which `/chat/completions` and `/models` lie."""
        return self.address.url

    @property
    def host(self) -> str:
        """Name and port of the server, for messages."""
        return self.address.host

    @property
    def sent_key(self) -> SecretStr:
        """The key that goes into the header: a placeholder where none is set."""
        return NO_KEY if self.key is None else self.key

    @property
    def sends_key(self) -> bool:
        """A key is always sent: a server that wants none passes over the placeholder."""
        return True

    @property
    def headers(self) -> dict[str, SecretStr]:
        """Nothing else is sent."""
        return {}

    @property
    def extra_body(self) -> dict[str, JsonValue]:
        """Nothing else is sent."""
        return {}

    @property
    def omit_fields(self) -> frozenset[str]:
        """Nothing is left out but what the server refuses."""
        return frozenset()

    @property
    def sampling(self) -> bool:
        """Whether `temperature` and `seed` are sent: every server of one's own knows them."""
        return True

    @property
    def reasoning_effort(self) -> None:
        """Nothing is sent: `chat_template_kwargs` says how much a model of one's own reasons."""

    @property
    def limit_field(self) -> LimitField:
        """The field that bounds the answer: every server of one's own knows this one."""
        return "max_tokens"
