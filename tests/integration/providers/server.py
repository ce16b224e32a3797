"""A server that answers chat completions in the manner of one provider, at the address of its recipe."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.economics.pricing import NANO, price_on, request_cost_nano
from models.economics.published_prices import api_prices
from models.requests import Usage
from tests.faulty_api import FaultyApi
from tests.faulty_replies import Json, Spoilt, completion

Billed = tuple[Json, Usage]
"""Usage in a provider's words, and what is billed for it."""


def plain_usage(given: int, made: int) -> Billed:
    """Report what every server of the protocol does."""
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}, Usage(
        given, 0, made
    )


def error(status: int, **body: object) -> Spoilt:
    """Make a refusal whose body is `{"error": …}`."""
    return Spoilt(status, json.dumps({"error": body}).encode())


def takes_all(_: Json) -> None:
    """Refuse nothing."""


def adds_nothing(_chat: Json, _body: Json, _number: int) -> None:
    """Leave the reply as it is."""


@dataclass(frozen=True)
class Manner:
    """How one provider takes requests and answers, and what a run of its recipe is to show.

    `recipe` is the heading in docs/providers.md. `key_header` names the header that holds the key alone, empty where
    it is a bearer token, None where nobody asks for one. `refuses` looks at a body. `usage` gets the tokens that were
    read and written. `adds` changes a reply; it also gets the request's number, from 0. `cost_header` names the cost in dollars. `provider` is who sells the
    model, in the words of genai-prices, empty for a price in the recipe. `refused` counts the requests that
    come to nothing, `unknown` those of them that may have been billed, `learnt` has words of each warning, in the order of their coming.
    """

    recipe: str
    path: str
    key_header: str | None = ""
    refuses: Callable[[Json], Spoilt | None] = takes_all
    usage: Callable[[int, int], Billed] = plain_usage
    adds: Callable[[Json, Json, int], object] = adds_nothing
    headers: Mapping[str, str] = field(default_factory=dict)
    cost_header: str = ""
    provider: str = ""
    refused: int = 0
    unknown: int = 0
    learnt: tuple[str, ...] = ()


class ProviderServer(FaultyApi):
    """Answers as one provider does. `billed` holds the usage of each answered attempt, by its id."""

    def __init__(self, manner: Manner, settings: Mapping[str, str]) -> None:
        """Take the key that the recipe's settings name, and no other."""
        super().__init__()
        self.manner = manner
        self.billed: dict[str, Usage] = {}
        self.asked: list[dict[str, str]] = []
        self._settings = settings

    def _reply(self, headers: dict[str, str], body: Json) -> tuple[str, Spoilt]:
        self.asked.append(headers)
        return "ok", self._refusal(headers, body) or self._completion(headers, body)

    def _refusal(self, headers: dict[str, str], body: Json) -> Spoilt | None:
        if headers[":path"] != self.manner.path:
            return error(404, code="404", message="Resource not found")
        if not self._has_key(headers):
            return error(
                401, code="invalid_api_key", message="Incorrect API key", type="invalid_request_error"
            )
        return self.manner.refuses(body)

    def _has_key(self, headers: dict[str, str]) -> bool:
        name = self.manner.key_header
        if name is None:
            return True
        key = self._settings["BREAKEVEN_API_KEY"]
        if name:
            return headers.get(name) == key and "authorization" not in headers
        return headers.get("authorization") == f"Bearer {key}"

    def _completion(self, headers: dict[str, str], body: Json) -> Spoilt:
        chat = completion(body)
        usage = chat["usage"]
        reported, billed = self.manner.usage(usage["prompt_tokens"], usage["completion_tokens"])
        chat["usage"] = reported
        self.manner.adds(chat, body, len(self.billed))
        self.billed[headers["x-client-request-id"]] = billed
        headers_back = dict(self.manner.headers)
        if self.manner.cost_header:
            price = price_on(api_prices(body["model"], self.manner.provider), datetime.now(UTC).date())
            headers_back[self.manner.cost_header] = str(request_cost_nano(price, billed) / NANO)
        return Spoilt(200, json.dumps(chat).encode(), reported, headers_back)
